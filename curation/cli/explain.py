"""`python -m curation explain` and `coverage`: why a frame stands where it stands; what lacks.

`explain A B` takes two pictures instead, and says how far they are from each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from curation.cli.command import DONE, add_common, opened, ran, say

FRAME_HELP = (
    "number of a frame, a file of its picture (stored, sorted or ranked), or VIDEO@SECONDS"
)


def main(argv: Sequence[str]) -> int:
    """Explain one frame, or two pictures; return 0 done, 1 error, 2 usage."""
    parser = _parser(
        "explain", "Say why a frame stands where it stands, and what it would have needed; of two "
        "pictures, how far they are from each other and which settings of group match them."
    )
    parser.add_argument("frame", metavar="FRAME", help=FRAME_HELP + "; or a picture file, with")
    parser.add_argument("other", metavar="PICTURE", nargs="?", help="a second picture file")
    return ran(parser, argv, _run)


def main_coverage(argv: Sequence[str]) -> int:
    """Say what the picked frames hold and lack; exit codes as `main`."""
    parser = _parser("coverage", "Say what the picked frames hold and what they lack.")
    return ran(parser, argv, _run)


def _parser(verb: str, about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m curation {verb}", description=about)
    add_common(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    answer = _ask(options)
    say(options, answer, answer["lines"])
    return DONE


def _ask(options: argparse.Namespace) -> dict[str, Any]:
    if getattr(options, "other", None) is not None:
        from curation.cull.explain_pair import explain_pair

        return explain_pair(options.frame, options.other)
    with opened(options.datastore) as studio:
        if "frame" not in options:
            return studio.coverage()
        from curation.store.lookup import frame_named

        return studio.explain(frame_named(studio.catalogue, options.frame))
