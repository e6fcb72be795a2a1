"""What other thresholds would pick, without writing anything; runs in the helper process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.decide.meters import EVERY, METERS, Meter
from curation.decide.pools import Numbers, among, numbers_of
from curation.params import RankParams
from curation.recipes import build
from curation.store.clock import measured_at
from curation.store.pictures import measures_revision
from curation.studio import Studio

if TYPE_CHECKING:
    from curation.decide import Decisions, Prepared
    from curation.web.review_pack import Rows

BINS = 48
MOST_ROWS = 60
ALL = "all"

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How one measure is spread over the frames that its threshold decides about.

    Attributes:
        counts: frames per bin between low and high.
        limit: the threshold.
        failing: frames on the wrong side of it.
    """

    param: str
    title: str
    low: float
    high: float
    counts: tuple[int, ...]
    limit: float
    least: bool
    failing: int
    total: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What would be picked.

    Attributes:
        picked, before: pool -> number of picks, tried and as stored.
        rows: picks of the pool, best first; "new" where it is not picked now.
        dropped: picks of it that would go, each with its reason.
        reasons: reason -> frames, of what would not be picked.
    """

    picked: Mapping[str, int]
    before: Mapping[str, int]
    rows: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    reasons: Mapping[str, int]
    histograms: tuple[Histogram, ...]


class Trials:
    """Decides about a datastore again and again; measures are read once for each change of them."""

    def __init__(self, root: Path) -> None:
        self._studio = Studio(root)
        self._revision = ""
        self._columns: Mapping[str, Column] = {}
        self._pairs: dict[str, Column] = {}
        self._ready: Prepared | None = None
        self._names: dict[int, str] = {}
        self._rows: Rows | None = None
        self._kept: tuple[tuple[str, str], Decisions] | None = None

    def decide(self, values: Mapping[str, Any], pool: str) -> Trial:
        """Return what parameters would pick, with the frames of one pool or of ALL.

        Raises:
            ParamError: when a value is out of its range.
        """
        from curation.decide import decide

        params = build(RankParams, values)
        self._refresh()
        made = decide(self._prepared(), params)
        inside = numbers_of(made.pool)
        stored = self._studio.decisions.page(verdict="picked", order="rank")
        before = {row["frame_id"]: row for row in stored}
        asked = EVERY if pool == ALL else (pool,)
        picked = np.flatnonzero(made.rank > 0)
        chosen = picked[among(inside[picked], *asked)]
        chosen = chosen[np.argsort(made.rank[chosen], kind="stable")]
        rows = [self._row(made, int(i), before) for i in chosen[:MOST_ROWS]]
        kept = {int(frame_id) for frame_id in self._columns["frame_id"][chosen]}
        lost = [row for row in stored if row["pool"] in asked and row["frame_id"] not in kept]
        at = np.flatnonzero(np.isin(self._columns["frame_id"], [r["frame_id"] for r in lost]))
        where = dict(zip(self._columns["frame_id"][at].tolist(), at.tolist(), strict=True))
        dropped = [
            {**row, "detail": str(made.detail[where[row["frame_id"]]])}
            for row in lost[:MOST_ROWS]
            if row["frame_id"] in where
        ]
        return Trial(
            picked=dict(Counter(made.pool[picked].tolist())),
            before=dict(Counter(row["pool"] for row in stored)),
            rows=rows,
            dropped=dropped,
            reasons=dict(Counter(made.reason[made.rank == 0].tolist()).most_common()),
            histograms=tuple(self._histograms(made, inside, params, asked)),
        )

    def question(self, values: Mapping[str, Any]) -> Callable[[], bytes]:
        """Return what works out what parameters would decide about every row of the workspace.

        What is called needs no database, so that it may run in a fork. It returns columns as in
        web.blobs: pool, verdict and reason as indexes into the lists of the table, rank, score,
        and keeper as a row.

        Args:
            values: those that differ from the recipe, which is what 03 last ran with.

        Raises:
            ParamError: when a value is out of its range.
        """
        from curation.decide import decide
        from curation.web.review_pack import Rows

        params = build(RankParams, self._thresholds(), values)
        self._refresh()
        rows = Rows(self._studio.catalogue, self._columns["frame_id"], self._rows)
        self._rows = rows
        self._stored()  # what thresholds do not change is made here, so that every fork finds it
        return lambda: rows.blob(decide(self._prepared(), params))

    def explain(self, frame_id: int) -> dict[str, Any]:
        """Return why a frame stands where it stands, by the thresholds of the last ranking."""
        from curation.decide.explain import explain

        made, params = self._stored()
        told = explain(self._columns, made, params, frame_id, self._names, self._pairs)
        return told.to_dict()

    def coverage(self) -> dict[str, Any]:
        """Return what the picks of the last ranking hold and lack."""
        from curation.decide.coverage import coverage

        made, params = self._stored()
        return coverage(self._columns, made, self._names, params.person).to_dict()

    def _stored(self) -> tuple[Decisions, RankParams]:
        """Return the decisions of the last ranking's thresholds; made again only when they move."""
        from curation.decide import decide

        self._refresh()
        params = RankParams(**self._thresholds())
        key = (self._revision, params.digest())
        if self._kept is None or self._kept[0] != key:
            made = decide(self._prepared(), params, self._names)
            self._kept = (key, made)
        return self._kept[1], params

    def _thresholds(self) -> dict[str, Any]:
        return self._studio.decisions.thresholds(RankParams.model_fields)

    def _prepared(self) -> Prepared:
        """Return the columns with all that other thresholds leave as it is."""
        from curation.decide import Prepared

        if self._ready is None:
            self._ready = Prepared(self._columns, self._pairs)
        return self._ready

    def _refresh(self) -> None:
        catalogue = self._studio.catalogue
        revision = measured_at(catalogue) or measures_revision(catalogue)
        if revision == self._revision:
            return
        measures = self._studio.measures()
        self._columns, self._pairs, self._ready = measures.columns, measures.pairs, None
        ids = np.unique(self._columns["video"]).tolist()
        self._names = {i: self._studio.videos.info(i).path.name for i in ids}
        self._revision, self._rows = revision, None

    def _row(self, made: Any, i: int, before: Mapping[int, Any]) -> dict[str, Any]:
        frame_id = int(self._columns["frame_id"][i])
        score = float(made.score[i])
        return {
            "frame_id": frame_id,
            "video": self._names[int(self._columns["video"][i])],
            "time_s": float(self._columns["time_s"][i]),
            "width": int(self._columns["width"][i]),
            "height": int(self._columns["height"][i]),
            "pool": str(made.pool[i]),
            "verdict": str(made.verdict[i]),
            "reason": str(made.reason[i]),
            "detail": str(made.detail[i]),
            "score": score if np.isfinite(score) else None,
            "rank": int(made.rank[i]) or None,
            "parts": {
                name: float(part[i]) for name, part in made.parts.items() if np.isfinite(part[i])
            },
            "new": frame_id not in before,
        }

    def _histograms(
        self, made: Any, inside: Numbers, params: RankParams, pools: tuple[str, ...]
    ) -> list[Histogram]:
        found = []
        for meter in METERS:
            values = self._measure(meter, made, params)
            if values is None:
                continue
            if meter.pools:
                asked = [name for name in pools if name in meter.pools]
                values = values[among(inside, *asked)]
            values = values[np.isfinite(values)]
            if len(values):
                found.append(_histogram(meter, values, getattr(params, meter.param)))
        return found

    def _measure(self, meter: Meter, made: Any, params: RankParams) -> Column | None:
        name = meter.column(params)
        values = made.parts.get(name, self._columns.get(name))
        if values is None:
            return None
        known = np.asarray(values, np.float64)
        return np.abs(known) if meter.magnitude else known


def _histogram(meter: Meter, values: Column, limit: float) -> Histogram:
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    low, high = min(low, limit), max(high, limit)
    room = 0.04 * (high - low) or 0.5
    low, high = low - room, high + room
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    failing = values < limit if meter.least else values > limit
    if meter.strict:
        failing |= values == limit
    return Histogram(
        meter.param,
        meter.title,
        low,
        high,
        tuple(counts.tolist()),
        float(limit),
        meter.least,
        int(failing.sum()),
        len(values),
    )
