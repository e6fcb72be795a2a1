"""Columns made ready for being decided about again and again with other thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.decide import falseface, gates, pools, rank, tracks
from curation.decide.columns import AnyArray, Bools, Columns, Floats, Ints
from curation.decide.ledger import Ledger
from curation.decide.likeness import verified
from curation.decide.memo import Memo
from curation.decide.relation import Among, Relation

if TYPE_CHECKING:
    from curation.params import RankParams

EXTRACT_CODES = ("black", "blank", "frozen", "not_sampled")


@dataclass(frozen=True, slots=True)
class Faces:
    """Who the faces are, and whether they are real.

    Attributes:
        person, names: as in tracks.Tracks.
        judged: by track.
        columns: all columns, false_p and false_cue as judged.
    """

    person: Ints
    judged: falseface.Judged
    columns: Columns
    names: Mapping[int, str]


class Prepared:
    """Columns of n frames with all that thresholds do not change, or change only now and then.

    Hand it to `decide` in place of the columns: the first decision costs what it costs without,
    every other one only what its thresholds make different. Who is who, which pool a frame is of
    and which frames repeat each other are kept for the last parameters that they depend on. The
    columns must not be changed meanwhile.

    Attributes:
        order: (n,) rows of the given columns in the order of their frame keys.
        columns: in this order, false_p by the look of each frame alone.
        pairs: frames that matching compared, see `decide`.
    """

    def __init__(
        self,
        data: Mapping[str, AnyArray] | Columns,
        pairs: Mapping[str, AnyArray] | None = None,
    ) -> None:
        """Sort the columns; the rest is made when first asked for.

        Raises:
            ValueError: columns differ in length, or extract_reason holds an unknown code.
        """
        given = Columns.of(data)
        self.pairs = pairs or {}
        self.order = np.lexsort((given.ints("frame_id"), given.ints("pts"), given.ints("video")))
        self.in_order = bool(np.array_equal(self.order, np.arange(given.n)))
        self.measured = given if self.in_order else given.take(self.order)
        # A track stands or falls as one; the score of a frame goes by its own look.
        look = 1 / (1 + np.exp(-falseface.looks(self.measured)))
        self.columns = self.measured.having(false_p=look)
        self.n = given.n
        self.unmeasured = Ledger(self.n)
        close_unmeasured(self.measured, self.unmeasured)
        self.extracted = ~self.measured.present("extract_reason")
        self.image_share = gates.image_share(self.measured)
        self._memo = Memo()
        self._possible = np.flatnonzero(self._candidates())
        self._compared = self.columns.take(self._possible)

    def faces(self, params: RankParams) -> Faces:
        """Return who is who, and who is nobody."""
        def make(params: RankParams) -> Faces:
            seen = self._memo.get("tracks", params, lambda p: tracks.follow(self.measured, p))
            judged = falseface.judge(self.measured, seen.track, params)
            columns = self.measured.having(false_p=judged.p, false_cue=judged.cue)
            return Faces(seen.person, judged, columns, seen.names)

        return self._memo.get("faces", params, make)

    def assigned(self, params: RankParams) -> pools.Pools:
        """Return the pools by what is visible."""
        return self._memo.get("pools", params, lambda p: pools.assign(self.columns, p))

    def pool(self, params: RankParams) -> pools.Numbers:
        """Return (n,) positions in POOLS; "none" for what extraction left out."""
        none = pools.POOLS.index("none")
        return self._memo.get("pool", params, lambda p: np.where(
            self.extracted, self.assigned(p).number, none).astype(np.int8))

    def crop(self, params: RankParams) -> gates.Crop:
        """Return the best export crops."""
        def make(params: RankParams) -> gates.Crop:
            every = self._memo.get("crops", params, lambda p: gates.crops(self.columns, p))
            return gates.best_of(every, params)

        return self._memo.get("crop", params, make)

    def parts(self, params: RankParams) -> dict[str, rank.Part]:
        """Return the absolute parts of scores, each ready to be ranked by."""
        makers: dict[str, Callable[[RankParams], Floats]] = {
            "focus": lambda p: rank.focus(self.columns, self.pool(p), p),
            "pose": lambda p: rank.pose(self.columns, self.pool(p), self.crop(p)),
            "face": lambda p: rank.face(self.columns, p),
            "exposure": lambda _: rank.exposure(self.columns),
        }
        if rank.TASTE in self.columns:
            makers[rank.TASTE] = lambda _: self.columns.floats(rank.TASTE)

        def made(name: str) -> rank.Part:
            return self._memo.get(name, params, lambda p: rank.Part.of(
                makers[name](p), self.pool(p)))

        return {name: made(name) for name in makers}

    def best_first(self, params: RankParams) -> Ints:
        """Return all rows by falling absolute score; ties keep the order of frame keys."""
        return self._memo.get("best first", params, lambda p: rank.best_first(
            rank.absolute_total({name: part.values for name, part in self.parts(p).items()}, p)))

    def repeats(self, rows: Ints, params: RankParams) -> tuple[Among, Ints]:
        """Return which of some rows repeat each other.

        Args:
            rows: of frames that show somebody, rising.

        Returns:
            their repetitions, and the row of each position in them.
        """
        def matched(rows: Ints, params: RankParams) -> Ints:
            return verified(self.pairs, self.columns.ints("frame_id")[rows], params)

        possible = self._possible

        def make(params: RankParams) -> Relation:
            return Relation(self._compared, params, matched(possible, params))

        relation = self._memo.get("relation", params, make)
        positions = np.searchsorted(possible, rows)
        found = relation.among(positions)
        if found is not None:
            return found, possible
        return relation.anew(positions, matched(rows, params)), rows

    def _candidates(self) -> Bools:
        """Return (n,) bool: frames that some thresholds could leave open until repeats are found.

        Whatever the thresholds, pools.assign closes measured frames with neither face nor pose.
        """
        columns = self.measured
        counted = np.isfinite(columns.floats("n_faces")) | np.isfinite(columns.floats("n_poses"))
        seen = np.isfinite(columns.floats("face_index"))
        seen |= np.isfinite(columns.floats("pose_index"))
        return self.unmeasured.open & (seen | ~counted)


def close_unmeasured(columns: Columns, ledger: Ledger) -> None:
    """Close frames that extraction left out, that failed, or that nothing is known of.

    Raises:
        ValueError: extract_reason holds an unknown code.
    """
    said = columns.objects("extract_reason")
    held = columns.present("extract_reason")
    unknown = {str(code) for code in said[held].tolist()} - set(EXTRACT_CODES)
    if unknown:
        raise ValueError(f"extract_reason holds unknown codes: {sorted(unknown)}")
    for code in EXTRACT_CODES:
        ledger.close(held & np.asarray(said == code, np.bool_), code)
    _close_left_out(columns, ledger)
    ledger.close(columns.present("error"), "measure_failed", error=columns.objects("error"))
    counts = ("n_faces", "n_people", "n_poses")
    blind = ~np.any([np.isfinite(columns.floats(name)) for name in counts], axis=0)
    ledger.close(np.asarray(blind), "not_measured")


def _close_left_out(columns: Columns, ledger: Ledger) -> None:
    """Close frames that were left out before any detector looked (steps/triage.py)."""
    if "triage" not in columns:
        return
    said = columns.objects("triage")
    told = {name: columns.floats(f"triage_{name}") for name in ("value", "limit")}
    ledger.close(np.asarray(said == "blurred", np.bool_), "blurred", **told)
    at = columns.floats("triage_at_s")
    ledger.close(np.asarray(said == "near_copy", np.bool_), "near_copy", at=at, **told)
