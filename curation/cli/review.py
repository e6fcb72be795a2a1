"""`python -m curation review FOLDER`: the review workspace over any folder of pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.cli.command import DONE, add_common, code_of, followed, ran, say
from curation.errors import CurationError, StoreError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER
from curation.words import count

Serve = Callable[[Path, str, int, bool], None]
"""Serves a datastore on a host and port, if need be open to all, until it is interrupted."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m curation review",
        description="Look through a folder of pictures, and those below it, in the review "
        "workspace. Nothing is moved or changed: marks, thumbnails and measures go into "
        f"FOLDER/{OUR_FOLDER}. Typed again, it reads only what is new or changed.",
    )
    made.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of pictures")
    made.add_argument(
        "--datastore",
        type=Path,
        metavar="FOLDER",
        help=f"where marks, thumbnails and measures go; default FOLDER/{OUR_FOLDER}",
    )
    add_page(made, "open the workspace when the pictures are read; --no-serve only reads them")
    made.add_argument(
        "--workers", type=int, default=0, help="reading processes; 0 picks one per core"
    )
    add_common(made, datastore=False, strict=True)
    return made


def add_page(parser: Any, served: str) -> None:
    """Add where the page is served, and whether, to a parser or a group of one."""
    parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    parser.add_argument("--port", type=int, default=7860, help="default %(default)s")
    parser.add_argument(
        "--open-to-all", action="store_true",
        help="listen beyond this machine without a password or token",
    )  # fmt: skip
    parser.add_argument(
        "--serve", action=argparse.BooleanOptionalAction, default=True, help=served
    )


def main(argv: Sequence[str], serve: Serve) -> int:
    """Read the pictures, then serve; return 0 done, 1 error, 2 usage, 3 with --strict, 130."""
    return ran(parser(), argv, lambda options: _run(options, serve))


def _run(options: argparse.Namespace, serve: Serve) -> int:
    if not options.folder.is_dir():
        raise CurationError(
            f"{options.folder} is not a folder", "python -m curation review FOLDER"
        )
    if (options.folder / FILE_NAME).is_file():
        raise CurationError(
            f"{options.folder} is a datastore, not a folder of pictures",
            f"python app.py --datastore {options.folder}",
        )
    datastore = options.datastore or options.folder.absolute() / OUR_FOLDER
    try:
        summary = _read(options, datastore)
    except StoreError as error:
        if options.datastore is None and not error.hint:
            raise StoreError(error.message, "name another place with --datastore") from error
        raise
    say(options, summary, [sentence(summary)])
    sys.stdout.flush()  # serving takes as long as people like
    if not summary["pictures"]:
        raise CurationError(
            f"there is no picture in {options.folder}",
            "JPEG, PNG, WebP, TIFF, AVIF, HEIC and RAW files are read",
        )
    if code := code_of(options, summary):
        return code
    if options.serve:
        print(f"http://{options.host}:{options.port}/review", file=sys.stderr, flush=True)
        serve(datastore, options.host, options.port, options.open_to_all)
    return DONE


def _read(options: argparse.Namespace, datastore: Path) -> Mapping[str, Any]:
    from curation.studio import Studio

    with Studio(datastore) as studio:
        return followed(studio.add_pictures(options.folder, options.workers), options)


def sentence(summary: Mapping[str, Any]) -> str:
    """Return what happened, in one line."""
    parts = [f"{count(summary['pictures'], 'picture')} in {count(summary['folders'], 'folder')}"]
    for name, word in (("added", "read now"), ("removed", "gone"), ("failed", "not usable")):
        if summary[name]:
            parts.append(f"{summary[name]:,} {word}")
    return ", ".join(parts)
