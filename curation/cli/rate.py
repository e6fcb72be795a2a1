"""`python -m curation rate`: stars, picks and rejects from the shell, as Review gives them."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curation.cli.command import DONE, RANK, add_common, opened, ran, say
from curation.cli.explain import FRAME_HELP
from curation.errors import CurationError, ParamError
from curation.words import count

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
    return ran(_parser(), argv, _run)


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
    add_common(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    back = options.undo or options.redo
    if not back and not options.frames and not options.where:
        raise ParamError("say which frames: rate FRAME... --stars 4, or --where CONDITION")
    with opened(options.datastore) as studio:
        told = _back(studio, options) if back else _rate(studio, options)
    say(options, told, _lines(told))
    return DONE


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield told["did"]
    if told.get("skipped"):
        yield f"{told['skipped']} that somebody else changed since stay as they are"
    yield f"{count(told['rated'], 'frame is', 'frames are')} rated; next: {told['then']}"


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
        else studio.catalogue.command(RANK),
    }
