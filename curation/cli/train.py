"""`python -m curation train | evaluate | promote`: a scorer from people's ratings."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.command import DONE, RANK, add_common, followed, opened, ran, say
from curation.words import count

if TYPE_CHECKING:
    from curation.records import Progress
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
    return ran(
        _parser(verb), argv, lambda options: _run(verb, options), "nothing changed. Again"
    )


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
    add_common(made)
    return made


def _run(verb: str, options: argparse.Namespace) -> int:
    if verb == "train":
        _settings(options)  # what is out of range is told before anything is read
    with opened(options.datastore) as studio:
        if verb == "train" and (options.propose is not None or options.live):
            return _asked(studio, options)
        summary = followed(_beats(studio, verb, options), options)
    say(options, summary, told(verb, summary, studio.catalogue.command(RANK)))
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
    if options.live:
        studio.live_taste(options.live == "on")
        if options.propose is None:
            print(f"ratings count {'at once' if options.live == 'on' else 'by scorers only'}")
            return DONE
    rows = studio.proposals(max(options.propose, 0))
    lines = [
        f"frame {row['frame_id']}: {row['why']}; {row['stars']:.1f} stars are expected"
        for row in rows
    ]
    say(options, {"proposals": rows}, lines or ["no frame is left to rate"])
    return DONE


def told(verb: str, summary: Mapping[str, Any], rank: str) -> list[str]:
    """Return what a verb found, as lines."""
    lines: list[str] = []
    if verb == "promote":
        lines.append(f"{summary['scorer']} is in use; rank again to see it: {rank}")
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
        lines.append(count(summary["ratings"], "rating"))
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
