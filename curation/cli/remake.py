"""`python -m curation remake`: full-size pictures of frames again, from their videos."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from curation.cli.command import add_common, code_of, followed, opened, ran, say
from curation.cli.explain import FRAME_HELP
from curation.errors import ParamError
from curation.words import count, size

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
        "--workers", type=int, default=0, metavar="INT", help="processes; 0 picks one per core"
    )
    add_common(parser, strict=True)
    return ran(parser, argv, _run)


def _run(options: argparse.Namespace) -> int:
    if options.all and options.frames:
        raise ParamError("--all takes no frames")
    if not 0 <= options.workers <= 256:
        raise ParamError("--workers takes 0 to 256")
    with opened(options.datastore) as studio:
        from curation.store.lookup import frame_named

        ids = [frame_named(studio.catalogue, name) for name in options.frames]
        summary = followed(studio.remake(ids or None, options.all, options.workers), options)
    say(options, summary, [_told(summary)])
    return code_of(options, summary)


def _told(summary: Mapping[str, Any]) -> str:
    """Return what was made as a sentence."""
    if not summary["lacking"]:
        return "no picture is missing"
    made = f"{count(summary['made'], 'picture')} made, {size(summary['bytes'])}"
    short = summary["lacking"] - summary["made"]
    return made + (f"; {short} could not be made, see above" if short else "")
