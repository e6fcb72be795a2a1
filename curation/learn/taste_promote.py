"""Putting a scorer to use: only where it is better, and saying what it changes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.decide import decide
from curation.decide.pools import PICK_POOLS
from curation.errors import CurationError
from curation.learn import taste_scorer
from curation.learn.taste import compare, promote
from curation.learn.taste_train_net import score_frames
from curation.measures import gather
from curation.params import RankParams
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.ratings import FROM, RatingTable

TOP = 60
TOLD = 20


def promoting(
    catalogue: Catalogue, name: str, source: Path | None, force: bool
) -> Generator[Progress, None, None]:
    """Compare, put to use, and say what changed in the top of each pool; see Studio.promote.

    Raises:
        CurationError: no such scorer, or it does not beat the one in use.
    """
    if source is not None:
        name = taste_scorer.copy(source, catalogue.root).name
    scorer = taste_scorer.read(taste_scorer.path_of(catalogue.root, name))
    yield Progress("promote", note="comparing on videos that were left out")
    found = None
    if scorer.net is not None or RatingTable(catalogue).count() >= FROM:
        found = compare(catalogue, scorer)
    if not force and (found is None or not found["beats"]):
        raise CurationError(_refusal(name, found), f"promote {name} --force does it all the same")
    if force and (found is None or not found["beats"]):
        scorer = taste_scorer.write(catalogue.root, replace(
            scorer, card={**scorer.card, "forced": {"against": found}}))
    yield Progress("promote", note="deciding before and after")
    before = _top(catalogue)
    if scorer.net is not None:
        yield from score_frames(catalogue, scorer)
    promote(catalogue, scorer)
    after = _top(catalogue)
    changes = {pool: _change(before[pool], after[pool]) for pool in PICK_POOLS}
    yield Progress("promote", summary={
        "verb": "promote", "scorer": name, "forced": force, "against": found, "top": TOP,
        "changes": changes, "failed_items": [],
    })


def _refusal(name: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return f"nobody rated {FROM} frames here, so nothing can say whether {name} is better"
    return (
        f"{name} does not beat {found['old']}: its rank correlation is {found['gain']:+.3f} "
        f"better, give or take {found['gain_se']:.3f}"
    )


def _top(catalogue: Catalogue) -> dict[str, list[int]]:
    """Return the first frames of each pool, as ranking would pick them now."""
    measures = gather(catalogue)
    params = RankParams(**DecisionTable(catalogue).thresholds(RankParams.model_fields))
    made = decide(measures.columns, params, None, measures.pairs)
    found = {}
    for pool in PICK_POOLS:
        rows = [i for i in (made.rank > 0).nonzero()[0].tolist() if made.pool[i] == pool]
        rows.sort(key=lambda i: int(made.rank[i]))
        found[pool] = [int(measures.columns["frame_id"][i]) for i in rows[:TOP]]
    return found


def _change(before: list[int], after: list[int]) -> dict[str, Any]:
    came = [frame for frame in after if frame not in set(before)]
    went = [frame for frame in before if frame not in set(after)]
    both = [frame for frame in after if frame in set(before)]
    moved = sum(before.index(frame) != after.index(frame) for frame in both)
    return {"stay": len(both), "moved": moved, "came": len(came), "went": len(went),
            "in": came[:TOLD], "out": went[:TOLD]}
