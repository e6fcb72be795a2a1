"""`python -m curation remake`: full-size pictures of frames again, from their videos."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.cli.explain import FRAME_HELP
from curation.cli.verbs import DONE, FAILED, INTERRUPTED, ITEMS_FAILED
from curation.errors import CurationError, StoreError
from curation.records import Progress

ABOUT = (
    "Make the full-size pictures of frames that are not there, from their videos: the same bytes "
    "that extraction wrote. With --full-frames picks, ranking makes those of the picks by itself."
)


def main(argv: Sequence[str]) -> int:
    """Make pictures; return 0 done, 1 error, 2 usage, 3 an item failed (--strict)."""
    parser = argparse.ArgumentParser(prog="python -m curation remake", description=ABOUT)
    parser.add_argument(
        "frames", nargs="*", metavar="FRAME", help=FRAME_HELP + "; none means all that are picked"
    )
    parser.add_argument("--all", action="store_true", help="of all frames, picked or not")
    parser.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=0, metavar="INT", help="processes; 0 picks one per core"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 when an item failed")
    parser.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    try:
        options = parser.parse_args(argv)
        if options.all and options.frames:
            parser.error("--all takes no frames")
        if not 0 <= options.workers <= 256:
            parser.error("--workers takes 0 to 256")
    except SystemExit as leave:
        return int(leave.code or 0)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        return _run(options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "curation", "remake", *argv])
        print(f"\nstopped; nothing is lost. Go on with: {again}", file=sys.stderr)
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> int:
    from curation.cli.terminal import Terminal, print_json
    from curation.store.catalogue import FILE_NAME
    from curation.store.lookup import frame_named
    from curation.studio import Studio

    # Opening makes an absent datastore, which must not happen here.
    if not (options.datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{options.datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    studio, watcher = Studio(options.datastore), Terminal(quiet=options.json)
    summary: Mapping[str, Any] = {}
    try:
        ids = [frame_named(studio.catalogue, name) for name in options.frames]
        beats: Generator[Progress, None, None] = studio.remake(
            ids or None, options.all, options.workers
        )
        try:
            for beat in beats:
                summary = beat.summary if beat.summary is not None else summary
                watcher.show(beat)
        finally:
            beats.close()
    finally:
        watcher.close()
        studio.close()
    if options.json:
        print_json(summary)
    else:
        print(_told(summary))
    return ITEMS_FAILED if options.strict and summary["failed_items"] else DONE


def _told(summary: Mapping[str, Any]) -> str:
    """Return what was made as a sentence."""
    if not summary["lacking"]:
        return "no picture is missing"
    made = f"{summary['made']} pictures made, {summary['bytes'] / 1e6:.1f} MB"
    short = summary["lacking"] - summary["made"]
    return made + (f"; {short} could not be made, see above" if short else "")
