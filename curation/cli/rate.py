"""`python -m curation rate`: stars, picks and rejects from the shell, as Review gives them."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curation.cli.explain import FRAME_HELP
from curation.cli.verbs import DONE, FAILED, USAGE
from curation.errors import CurationError, StoreError

if TYPE_CHECKING:
    from curation.studio import Studio

ABOUT = (
    "Rate frames without opening Review: 1 to 5 stars, pick or reject. The same marks, with the "
    "same undo; from ten rated frames on, ranking learns from them."
)
FLAGS = {"pick": 1, "reject": -1, "none": 0}
CLIENT = "command line"
"""Undo is one history for each client; all shells are one."""


def main(argv: Sequence[str]) -> int:
    """Rate frames; return 0 done, 1 error, 2 usage."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    back = options.undo or options.redo
    if not back and not options.frames and not options.where:
        print("error: say which frames: rate FRAME... --stars 4, or --where CONDITION",
              file=sys.stderr)
        return USAGE
    try:
        return _run(options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m curation rate", description=ABOUT)
    parser.add_argument("frames", nargs="*", metavar="FRAME", help=FRAME_HELP)
    parser.add_argument(
        "--where", default="", metavar="CONDITION", help="all frames for which this is true "
        "(columns: python -m curation search --columns); of frames that are named, these only",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--stars", type=int, choices=range(6), help="1 to 5; 0 takes them away")
    what.add_argument("--flag", choices=FLAGS, help="pick or reject; none takes it away")
    what.add_argument("--undo", action="store_true", help="take back what was rated here last")
    what.add_argument("--redo", action="store_true", help="do again what was taken back last")
    parser.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(options: argparse.Namespace) -> int:
    from curation.cli.terminal import print_json
    from curation.store.catalogue import FILE_NAME
    from curation.studio import Studio

    # Opening makes an absent datastore, which must not happen here.
    if not (options.datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{options.datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    with Studio(options.datastore) as studio:
        told = _back(studio, options) if options.undo or options.redo else _rate(studio, options)
    if options.json:
        print_json(told)
        return DONE
    print(told["did"])
    if told.get("skipped"):
        print(f"{told['skipped']} that somebody else changed since stay as they are")
    print(f"{told['rated']} frames are rated; next: {told['then']}")
    return DONE


def _rate(studio: Studio, options: argparse.Namespace) -> dict[str, object]:
    import numpy as np

    from curation.store.lookup import frame_named
    from curation.store.mark_ops import MarkOps, Op, in_words

    frames = [frame_named(studio.catalogue, name) for name in options.frames]
    if options.where:
        fit = studio.frames_where(options.where)
        frames = [frame for frame in frames if frame in set(fit)] if frames else fit
    if not frames:
        raise CurationError(f"no frame fits: {options.where}", "look: python -m curation search "
                            "--where CONDITION")
    kind, value = ("stars", options.stars) if options.flag is None else (
        "flag", FLAGS[options.flag])
    op = Op(uuid.uuid4().hex, kind, value, np.unique(np.asarray(frames, np.int64)))
    outcome = MarkOps(studio.catalogue).apply(CLIENT, "", [op])[0]
    many = len(op.frames)
    same = f"; {many - outcome.changed} had it already" if outcome.changed < many else ""
    return {"did": in_words(kind, value, many) + same, "changed": outcome.changed,
            "frames": op.frames.tolist(), **_state(studio)}


def _back(studio: Studio, options: argparse.Namespace) -> dict[str, object]:
    from curation.store.mark_ops import MarkOps

    ops = MarkOps(studio.catalogue)
    step = ops.undo(CLIENT) if options.undo else ops.redo(CLIENT)
    did = f"{'took back' if options.undo else 'did again'}: {step.did}"
    return {"did": did, "skipped": step.skipped, **_state(studio)}


def _state(studio: Studio) -> dict[str, object]:
    """Return how many frames are rated, and what to type next."""
    from curation.store.ratings import FROM, RatingTable

    rated = len(RatingTable(studio.catalogue).all())
    lacks = FROM - rated
    return {
        "rated": rated,
        "then": f"rate {lacks} more, ranking learns from {FROM} on" if lacks > 0
        else "python 03_score_and_rank.py",
    }
