"""Buckets, drives and folders on the web, on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.cli.command import one_line
from curation.words import count, size

SHOWN = 40


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add what `add` takes."""
    parser.add_argument(
        "urls", nargs="*", metavar="URL",
        help="gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, gdrive://FOLDER_ID or https://HOST/FOLDER/",
    )  # fmt: skip
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--key", type=Path, metavar="FILE",
        help="JSON key of a Google service account, or a file as ~/.aws/credentials is; it lies "
        "outside of the datastore and the program; default $CURATION_GCS_KEY",
    )  # fmt: skip
    who.add_argument(
        "--key-name", default="", metavar="NAME",
        help="a file that $CURATION_KEYS or $CURATION_GCS_KEY names, by its name without folders",
    )
    who.add_argument(
        "--no-key", action="store_true", dest="nobody", help="ask as nobody, for public places"
    )
    parser.add_argument(
        "--copy", action=argparse.BooleanOptionalAction, default=True,
        help="copy the videos (default), or leave them there and read them by range, which saves "
        "room here but reads each about three times over the network",
    )  # fmt: skip
    parser.add_argument(
        "--endpoint", default="", metavar="URL",
        help="another server that speaks the protocol of gs://, s3:// or gdrive://, e.g. MinIO",
    )
    parser.add_argument("--check", action="store_true", help="only say what is there")


def place_words(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was typed."""
    names = ("key", "copy", "endpoint", "check", "key_name", "nobody")
    return {name: getattr(options, name) for name in names}


def print_places(summary: Mapping[str, Any]) -> None:
    """Say what was found, or what became of it."""
    if summary["check"]:
        for row in summary["found"][:SHOWN]:
            here = f"  is here: {row['here']}" if row["here"] else ""
            print(f"  {size(row['size_bytes']):>10}  {one_line(row['name'] + here)}")
        more = len(summary["found"]) - SHOWN
        print(f"  and {more:,} more" if more > 0 else "", end="\n" if more > 0 else "")
        total = sum(row["size_bytes"] for row in summary["found"])
        known = sum(1 for row in summary["found"] if row["here"])
        print(f"{count(len(summary['found']), 'video')}, {size(total)}; {known:,} are here already")
        fits = "it fits" if summary["fits"] else "it does not fit"
        new, free = size(summary["new_bytes"]), size(summary["free_bytes"])
        print(f"to copy: {new}, {free} are free: {fits}")
    else:
        how = "copied" if summary["copied"] else "left where they are"
        print(f"{len(summary['added'])} {how}, {len(summary['there'])} were here already")
        for row in summary["added"][:SHOWN]:
            print(one_line(f"  {row['file']}: {row['url']}"))
    if summary["others"]:
        print(f"{count(summary['others'], 'file is', 'files are')} not named like a video")
