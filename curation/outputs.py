"""From stored measures to decisions, and from decisions to files people open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide import Decisions, assign, by_hand, decide
from curation.decide.pools import PICK_POOLS
from curation.decide.reasons import REASONS
from curation.engine.remake import make_missing
from curation.errors import CurationError
from curation.export import datastore_json, report, tables
from curation.export.contact_sheet import write_contact_sheet
from curation.export.folders import place, view_name
from curation.measures import Measures, gather
from curation.params import PoolParams, RankParams, SortParams
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.decisions import DecisionRow, DecisionTable
from curation.store.journal import Journal
from curation.store.origins import OriginTable
from curation.store.outputs import OutputTable
from curation.store.packs import Packs
from curation.store.videos import VideoTable

Columns = Mapping[str, npt.NDArray[Any]]
MISSES_SHOWN = 6
FOLDERS = {"none": "other"}
"""Names in ranked/ of pools that are no word for a person; only a hand picks from them."""


def rows_of(columns: Columns, decisions: Decisions) -> Iterator[DecisionRow]:
    """Yield decisions as rows of the catalogue."""
    for i, frame_id in enumerate(columns["frame_id"]):
        score = decisions.score[i]
        yield DecisionRow(
            int(frame_id),
            decisions.pool[i],
            decisions.verdict[i],
            decisions.reason[i],
            decisions.detail[i],
            float(score) if np.isfinite(score) else None,
            int(decisions.rank[i]) or None,
            int(decisions.keeper[i]) or None,
            {
                name: round(float(part[i]), 5)
                for name, part in decisions.parts.items()
                if np.isfinite(part[i])
            },
            int(decisions.person[i]) if decisions.person[i] >= 0 else None,
            int(decisions.rival[i]) or None,
        )


def write_sorted(catalogue: Catalogue, params: SortParams) -> tuple[dict[str, int], int]:
    """Decide pools, fill sorted/<pool>/ and datastore.json.

    Pictures are made for ranked/, not for this: sorted/ would hold most frames, and nobody has
    chosen any of them yet. It shows those that are there.

    Returns:
        Frames per pool, and how many frames sorted/ does not show.
    """
    columns = load(catalogue)
    decisions = assign(columns, params.narrow(PoolParams))
    table = DecisionTable(catalogue)
    table.replace(rows_of(columns, decisions))
    wanted = {
        f"sorted/{row['pool']}/{view_name(row)}": (row["frame_id"], catalogue.absolute(row["file"]))
        for row in table.each()
        if row["file"] is not None and row["pool"] != "none"
    }
    there = {path: which for path, which in wanted.items() if which[1].is_file()}
    place(catalogue, "sorted", there)
    write_datastore(catalogue, columns)
    return table.tally()["pool"], len(wanted) - len(there)


def decided(catalogue: Catalogue, params: RankParams) -> tuple[Measures, Decisions]:
    """Return all measures and what these parameters decide about them; nothing is written.

    Raises:
        CurationError: when nothing is extracted or measured yet.
    """
    measures = gather(catalogue)
    if not len(measures.columns["frame_id"]):
        raise CurationError(
            f"{catalogue.root} holds no frames yet",
            catalogue.command("python 01_extract.py VIDEO"),
        )
    if "n_faces" not in measures.columns:
        raise CurationError(
            f"no frame of {catalogue.root} is measured yet",
            catalogue.command("python 02_sort.py"),
        )
    names = VideoTable(catalogue).names()
    return measures, decide(measures.columns, params, names, measures.pairs)


def write_ranked(catalogue: Catalogue, params: RankParams) -> dict[str, Any]:
    """Decide everything and write ranked/, ranked.csv, datastore.json and the report.

    Raises:
        CurationError: when nothing is extracted or measured yet.
    """
    measures, decisions = decided(catalogue, params)
    columns = measures.columns
    table = DecisionTable(catalogue)
    table.replace(rows_of(columns, decisions))
    Journal(catalogue).lay(by_hand.overlay)  # what people applied outlives every new ranking
    return write_picks(catalogue, columns) | {"asked": asked(params, columns)}


def asked(params: RankParams, columns: Columns) -> dict[str, int]:
    """Return pool -> how many picks the settings ask for, whatever the footage has of them."""
    videos = len(np.unique(columns["video"]))
    most = {pool: params.per_video_face if pool == "face" else params.per_video
            for pool in PICK_POOLS}  # fmt: skip
    return {pool: min(params.top, videos * each) for pool, each in most.items()}


def apply_marks(catalogue: Catalogue) -> dict[str, Any]:
    """Let ranked/ and all that goes with it follow people's marks; the way back is journalled."""
    journal = Journal(catalogue)
    entry, before = journal.begin(), OutputTable(catalogue).of_view("ranked")
    journal.lay(by_hand.overlay)
    told = write_picks(catalogue, load(catalogue))
    if entry is not None:
        journal.end(entry, before, OutputTable(catalogue).of_view("ranked"))
    flags = [flag for flag, _ in journal.applied().values()]
    return told | {"by_hand": {"picked": flags.count(1), "rejected": flags.count(-1)}}


def take_marks_back(catalogue: Catalogue) -> dict[str, Any]:
    """Let ranked/ follow the marks before the latest apply.

    Raises:
        CurationError: when nothing was applied.
    """
    journal = Journal(catalogue)
    entry, before = journal.begin_undo(), OutputTable(catalogue).of_view("ranked")
    if entry is None:
        raise CurationError(
            f"no marks are applied in {catalogue.root}", "mark frames in Review, then apply"
        )
    journal.lay(by_hand.overlay)
    told = write_picks(catalogue, load(catalogue))
    journal.end(entry, before, OutputTable(catalogue).of_view("ranked"))
    flags = [flag for flag, _ in journal.applied().values()]
    return told | {"by_hand": {"picked": flags.count(1), "rejected": flags.count(-1)}}


def write_picks(catalogue: Catalogue, columns: Columns) -> dict[str, Any]:
    """Write ranked/, ranked.csv, datastore.json and the report from stored decisions.

    Args:
        columns: of all sampled frames; see store.columns.load.
    """
    picks = picked(DecisionTable(catalogue))
    wanted = {
        f"ranked/{FOLDERS.get(pool, pool)}/{row['rank']:04d}_{view_name(row)}": (
            row["frame_id"],
            catalogue.absolute(row["file"]),
        )
        for pool, rows in picks.items()
        for row in rows
        if row["file"] is not None
    }
    not_made = make_missing(catalogue, [frame_id for frame_id, _ in wanted.values()])
    wanted = {path: which for path, which in wanted.items() if which[0] not in not_made}
    place(catalogue, "ranked", wanted)
    parts = sorted({name for rows in picks.values() for row in rows for name in row["parts"]})
    flat = [row for rows in picks.values() for row in rows]
    tables.write_ranked_csv(catalogue.root / "ranked.csv", flat, parts)
    write_datastore(catalogue, columns)
    write_reports(catalogue, picks)
    return summary(catalogue, picks) | {"not_made": not_made}


def picked(table: DecisionTable) -> dict[str, list[dict[str, Any]]]:
    """Return picked frames by pool, best first."""
    pools: dict[str, list[dict[str, Any]]] = {}
    for row in table.page(verdict="picked", order="rank"):
        pools.setdefault(row["pool"], []).append(row)
    return dict(sorted(pools.items()))


def write_reports(catalogue: Catalogue, picks: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write report.html and contact_sheet.jpg."""
    table = DecisionTable(catalogue)
    rejects = [
        (
            code,
            REASONS[code].advice,
            count,
            table.page(reason=code, order="score", limit=MISSES_SHOWN),
        )
        for code, count in table.tally()["reason"].items()
    ]
    thumb = Packs(catalogue).read
    name = catalogue.root.name
    report.write_report(
        catalogue.root / "report.html", f"Frame Curation Studio: {name}", picks, rejects, thumb
    )
    write_contact_sheet(catalogue.root / "contact_sheet.jpg", picks, thumb)


def write_datastore(catalogue: Catalogue, columns: Columns) -> None:
    """Write datastore.json from the catalogue."""
    origins = OriginTable(catalogue).all()
    videos = (
        row | ({"origin": origins[row["path"]].to_dict()} if row["path"] in origins else {})
        for row in VideoTable(catalogue).listing()
    )
    tables.write_datastore_json(
        catalogue.root / "datastore.json",
        videos,
        _with_signals(catalogue, columns),
    )


def _with_signals(
    catalogue: Catalogue, columns: Columns
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield decided frames, a video after the other, each with its signals."""
    order = np.argsort(columns["frame_id"], kind="stable")
    ids = columns["frame_id"][order]
    for rows in DecisionTable(catalogue).chunks():
        wanted = np.array([row["frame_id"] for row in rows], np.int64)
        at = order[np.searchsorted(ids, wanted)]
        yield from zip(rows, datastore_json.signals(columns, at), strict=True)


def summary(catalogue: Catalogue, picks: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what 03 prints: picks per pool, the first of each, why the rest were not, and what
    lets more in."""
    tally = DecisionTable(catalogue).tally()
    first = [
        {
            "pool": row["pool"],
            "rank": row["rank"],
            "video": row["video"],
            "time_s": round(row["time_s"], 3),
            "score": None if row["score"] is None else round(row["score"], 3),
            "file": row["file"],
        }
        for rows in picks.values()
        for row in rows
    ]
    return {
        "frames": sum(tally["pool"].values()),
        "picked": {pool: len(rows) for pool, rows in picks.items()},
        "verdicts": tally["verdict"],
        "reasons": tally["reason"],
        "advice": {code: REASONS[code].advice for code in tally["reason"] if code in REASONS},
        "picks": first,
        "report": str(catalogue.root / "report.html"),
        "contact_sheet": str(catalogue.root / "contact_sheet.jpg"),
        "table": str(catalogue.root / "ranked.csv"),
        "json": str(catalogue.root / "datastore.json"),
    }
