"""`python -m curation train | evaluate | promote`: a scorer from people's ratings."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.verbs import DONE, FAILED, INTERRUPTED
from curation.errors import CurationError, StoreError
from curation.records import Progress

if TYPE_CHECKING:
    from curation.studio import Studio
    from curation.tune_params import FineTuneParams

ABOUT = {
    "train": "Learn a scorer from the stars, picks and rejects of Review, judge it on videos that "
    "it has not seen, and write it with a card. Ranking changes by `promote` only; ratings count "
    "at once besides, from ten on.",
    "evaluate": "Say how well ratings can be foreseen on videos that were left out, and whether a "
    "scorer beats the one in use.",
    "promote": "Put a scorer to use where it beats the one in use by more than a standard error, "
    "and say what changes among the first 60 of each pool.",
}
METRICS = {
    "spearman": "rank correlation", "kappa": "weighted kappa", "pairwise": "pairs in order",
    "ndcg_60": "NDCG of the first 60", "ece": "calibration error",
}


def main(verb: str, argv: Sequence[str]) -> int:
    """Run a verb of taste; return 0 done, 1 error, 2 usage."""
    try:
        options = _parser(verb).parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        return _run(verb, options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "curation", verb, *argv])
        print(f"\nstopped; nothing changed. Again: {again}", file=sys.stderr)
        return INTERRUPTED


def _parser(verb: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=f"python -m curation {verb}", description=ABOUT[verb])
    if verb == "train":
        made.add_argument(
            "--name", default="", help="of the scorer's file; default the next free taste-N"
        )
        made.add_argument(
            "--propose", type=int, metavar="N",
            help="only say which N frames to rate next, and why each",
        )  # fmt: skip
        made.add_argument(
            "--live", choices=("on", "off"),
            help="only set whether ratings count at once (on), or by promoted scorers only",
        )
        made.add_argument(
            "--fine-tune", action="store_true",
            help="train a network on the pictures too; needs 200 ratings, takes minutes",
        )  # fmt: skip
        from curation.cli.options import add_options
        from curation.tune_params import FineTuneParams

        add_options(made, FineTuneParams)
    if verb == "evaluate":
        made.add_argument("scorer", nargs="?", default="", help="none judges the ratings of now")
    if verb == "promote":
        made.add_argument(
            "scorer", help="its name, or the .json file of a scorer of another datastore"
        )
        made.add_argument("--force", action="store_true", help="even where it is not better")
    made.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    made.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return made


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(verb: str, options: argparse.Namespace) -> int:
    from curation.cli.terminal import Terminal, print_json
    from curation.store.catalogue import FILE_NAME
    from curation.studio import Studio

    if verb == "train":
        _settings(options)  # what is out of range is told before anything is read
    if not (options.datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{options.datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    studio, watcher = Studio(options.datastore), Terminal(quiet=options.json)
    summary: Mapping[str, Any] = {}
    try:
        if verb == "train" and (options.propose is not None or options.live):
            return _asked(studio, options)
        beats = _beats(studio, verb, options)
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
        print("\n".join(told(verb, summary)))
    return DONE


def _beats(
    studio: Studio, verb: str, options: argparse.Namespace
) -> Generator[Progress, None, None]:
    if verb == "train":
        return studio.train(options.name, _settings(options) if options.fine_tune else None)
    if verb == "evaluate":
        return studio.evaluate(options.scorer)
    path = Path(options.scorer)
    source = path if path.suffix == ".json" else None
    return studio.promote(path.stem if source else options.scorer, source, options.force)


def _settings(options: argparse.Namespace) -> FineTuneParams:
    from curation.cli.options import typed
    from curation.recipes import build
    from curation.tune_params import FineTuneParams

    return build(FineTuneParams, typed(options, FineTuneParams))


def _asked(studio: Studio, options: argparse.Namespace) -> int:
    from curation.cli.terminal import print_json

    if options.live:
        studio.live_taste(options.live == "on")
        if options.propose is None:
            print(f"ratings count {'at once' if options.live == 'on' else 'by scorers only'}")
            return DONE
    rows = studio.proposals(max(options.propose, 0))
    if options.json:
        print_json({"proposals": rows})
        return DONE
    for row in rows:
        print(f"frame {row['frame_id']}: {row['why']}; {row['stars']:.1f} stars are expected")
    if not rows:
        print("no frame is left to rate")
    return DONE


def told(verb: str, summary: Mapping[str, Any]) -> list[str]:
    """Return what a verb found, as lines."""
    lines: list[str] = []
    if verb == "promote":
        lines.append(f"{summary['scorer']} is in use; rank again to see it: "
                     "python 03_score_and_rank.py")
        if summary["against"] is not None:
            lines.append(_gain(summary["against"]))
        for pool, change in summary["changes"].items():
            lines.append(f"first {summary['top']} of {pool}: {change['came']} come, "
                         f"{change['went']} go, {change['moved']} of {change['stay']} move")
        return lines
    if verb == "train":
        lines.append(f"scorer {summary['scorer']}: learned from {summary['data']['ratings']} "
                     f"ratings of {summary['data']['videos']} videos")
    else:
        lines.append(f"{summary['ratings']} ratings")
    before = summary.get("declared", {})
    for name, title in METRICS.items():
        if name in summary.get("metrics", {}):
            beside = f" (declared weights {before[name]:.3f})" if name in before else ""
            lines.append(f"  {title:<22}{summary['metrics'][name]:.3f}{beside}")
    if summary.get("curve"):
        steps = ", ".join(f"{value:.2f} after {count}" for count, value in summary["curve"].items())
        lines.append(f"  rank correlation grows: {steps}")
    if summary.get("validation"):
        lines.append(_gain(summary["validation"]))
    if summary.get("asked_by_chance"):
        asked = summary["asked_by_chance"]
        lines.append(f"  of {asked['answers']} frames drawn by chance, foreseen before they were "
                     f"rated: {100 * asked['pairwise']:.0f} % of pairs in order")
    if summary.get("against"):
        lines.append(_gain(summary["against"]))
    if verb == "train":
        lines.append(f"put it to use: python -m curation promote {summary['scorer']}")
    return lines


def _gain(found: Mapping[str, Any]) -> str:
    return (f"  against {found['old']}: {found['gain']:+.3f} give or take {found['gain_se']:.3f}"
            + ("" if found.get("beats", True) else "; that is no proof"))
