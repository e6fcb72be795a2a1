"""What is reported of a datastore's frames: from its catalogue to one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curation import __version__
from curation.errors import CurationError
from curation.export.dataset_facts import Facts, gather
from curation.outputs import decided
from curation.params import RankParams
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.packs import Packs
from curation.store.search_reads import video_facts

BY_HAND = ("picked_by_hand", "rejected_by_hand")


def dataset_facts(catalogue: Catalogue, where: str = "") -> Facts:
    """Return the facts about the picks, or about the frames of a condition.

    Raises:
        CurationError: nothing is ranked yet, or the condition is none.
    """
    from curation.learn.people_said import current
    from curation.search.fields import frames_where

    table = DecisionTable(catalogue)
    if not where.strip() and (table.count(reason="not_ranked") or not table.count()):
        raise CurationError(
            f"{catalogue.root} is not ranked yet, so nothing is picked",
            f"{catalogue.command('python 03_score_and_rank.py')}; or name a set: --where",
        )
    asked = frames_where(catalogue, where) if where.strip() else None
    params = RankParams(**table.thresholds(RankParams.model_fields))
    measures, decisions = decided(catalogue, params)
    columns = measures.columns
    chosen = None if asked is None else np.isin(columns["frame_id"], asked)
    by_hand = {
        int(row["frame_id"]): code for code in BY_HAND for row in table.page(reason=code)
    }
    said = current(catalogue)
    return gather(
        f"Data set: {catalogue.root.resolve().name}", columns, decisions,
        {int(one["id"]): (one["name"], float(one["duration_s"] or 0))
         for one in video_facts(catalogue)},
        chosen, by_hand, {p.name: p.note for p in said.persons.values() if p.name and p.note},
        f"the frames for which this holds: {where.strip()}" if where.strip() else "",
    )


def write_report(catalogue: Catalogue, out: Path, where: str = "") -> dict[str, Any]:
    """Write the page and return what is told of it.

    Raises:
        CurationError: see dataset_facts; or the page cannot be written there.
    """
    from curation.export.dataset_report import write_dataset_report

    if out.is_dir():
        raise CurationError(f"{out} is a folder", "name a file: --out report.html")
    facts = dataset_facts(catalogue, where)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        size = write_dataset_report(out, facts, Packs(catalogue).read, __version__)
    except OSError as error:
        raise CurationError(f"{out} cannot be written: {error}", "name another --out") from error
    return {
        "report": str(out), "bytes": size,
        "frames": sum(len(numbers) for numbers in facts.picks.values()),
        "lacks": [*facts.film, *(what for what, _, _ in facts.look)], "thin": facts.thin,
    }
