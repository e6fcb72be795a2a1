"""`python -m curation export` and `replay`: data sets out, and the same again from the videos."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.cli.command import DONE, add_common, code_of, followed, opened, ran, say
from curation.cli.options import add_options, settings_of
from curation.cli.verbs import ABOUT
from curation.words import count, size

ABOUT_REPLAY = (
    "Make an export again from its videos and its curation.lock.json: the same bytes, or a line "
    "for each thing that differs. With a manifest.jsonl only its pictures are made."
)


def main(argv: Sequence[str]) -> int:
    """Export; return 0 done, 1 error, 2 usage, 3 an item failed (--strict)."""
    from curation.export.formats import FORMATS
    from curation.export.settings import ExportParams

    parser = argparse.ArgumentParser(prog="python -m curation export", description=ABOUT["export"])
    parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help=", ".join(FORMATS))
    parser.add_argument(
        "--out", type=Path, metavar="PLACE",
        help="folder that it goes to, FILE.zip for zip; default DATASTORE/exports/FORMAT",
    )  # fmt: skip
    parser.add_argument(
        "--preview", action="store_true", help="only show the tree and the first rows"
    )
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    add_common(parser, strict=True)
    add_options(parser, ExportParams)
    return ran(parser, argv, _export)


def main_replay(argv: Sequence[str]) -> int:
    """Replay a lock; return codes as of `main`."""
    parser = argparse.ArgumentParser(prog="python -m curation replay", description=ABOUT_REPLAY)
    parser.add_argument(
        "lock", type=Path, metavar="LOCK", help="curation.lock.json or manifest.jsonl of an export"
    )
    parser.add_argument(
        "--videos", type=Path, required=True, metavar="FOLDER",
        help="where the videos lie; they are known by their content, whatever they are called",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PLACE", help="where it goes")
    parser.add_argument(
        "--datastore", type=Path, metavar="FOLDER",
        help="new datastore that it is made in; default PLACE.replay",
    )  # fmt: skip
    add_common(parser, datastore=False, strict=True)
    return ran(parser, argv, _replay)


def _export(options: argparse.Namespace) -> int:
    from curation.export.settings import ExportParams

    params = settings_of(options, ExportParams)
    ending = ".zip" if options.format == "zip" else ""
    out = options.out or options.datastore / "exports" / f"{options.format}{ending}"
    with opened(options.datastore) as studio:
        if options.preview:
            told = studio.export_preview(options.format, params)
            say(options, told, _preview_lines(told))
            return DONE
        summary = followed(studio.export(options.format, out, params), options)
    say(options, summary, _exported_lines(summary))
    return code_of(options, summary)


def _replay(options: argparse.Namespace) -> int:
    from curation.studio import Studio

    beats = Studio.replay(options.lock, options.videos, options.out, options.datastore)
    summary = followed(beats, options)
    say(options, summary, _replayed_lines(summary))
    return code_of(options, summary)


def _exported_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{count(told['pictures'], 'picture')} in {told['out']}: {told['made']} written"
        f" ({size(told['bytes'])}), {told['kept']} were there"
        + (f", {told['gone']} no longer asked for are gone" if told["gone"] else "")
    )
    for side, pictures in told["splits"].items():
        yield f"  {side:6} {pictures}"
    yield from _common_lines(told)


def _replayed_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['same']} of {told['pictures']} files have the same bytes, in {told['out']}"
    yield from _common_lines(told)


def _common_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for note in told.get("notes", ()):
        yield f"note: {note}"
    failed = told["failed_items"]
    for item in failed[:20]:
        yield f"not exported: {item['item']}: {item['reason']}"
    if len(failed) > 20:
        yield f"... and {len(failed) - 20} more; --json lists all"


def _preview_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield count(told["pictures"], "picture")
    for folder, pictures in told["folders"].items():
        yield f"  {folder or '.'}/  {pictures}"
    for path in told["tree"][:12]:
        yield f"    {path}"
    for file, text in list(told["rows"].items())[:4]:
        yield ""
        yield file
        for line in text.splitlines()[:4]:
            yield f"  {line[:160]}"
    for note in told["notes"]:
        yield f"note: {note}"
