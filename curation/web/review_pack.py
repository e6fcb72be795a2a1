"""What the review workspace shows, made ready as files; runs in a helper process.

The server hands out these files and computes nothing. A file's name holds the revision that it
was made from, so that what is there is right; older ones are removed.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.decide import by_hand
from curation.decide.meters import METERS, Meter
from curation.decide.pools import POOLS
from curation.decide.reasons import REASONS
from curation.decide.views import matching
from curation.errors import CurationError
from curation.params import RankParams, range_of, step_of
from curation.search.fields import fields_of
from curation.store import review_table
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.journal import Journal
from curation.store.marks import LABELS, MarkTable
from curation.web.blobs import encode

if TYPE_CHECKING:
    from curation.decide import Decisions

Column = npt.NDArray[Any]

VERDICTS = ("picked", "review", "rejected")
FORMAT = 1
PROGRAM = hashlib.sha256(repr((FORMAT, POOLS, REASONS, METERS)).encode()).hexdigest()[:6]
"""Changes when a newer program would write other headers."""
KEPT_FILES = 2
GROUPS = {"frame": "Picture", "parts": "Score"}
UNITS = {"_px": "px", "_deg": "degrees", "_frac": "share", "_luma": "0-255"}
UNDECIDED = {
    "code": "undecided", "text": "not looked at yet", "fix": "Go to Sort, then to Score & rank."
}
FACE_JUDGED = {"column": "focus_px", "param": "min_face_px"}
"""Faces smaller than this are not held against what a face does and how sharp it is."""


def folder_of(root: Path) -> Path:
    """Return where the ready files of a datastore lie."""
    return root / "cache" / "review"


def revision_of(catalogue: Catalogue) -> str:
    """Return a text that changes when rows or decisions do; fit for a file name."""
    return f"{review_table.table_revision(catalogue)}-{PROGRAM}"


def table_name(revision: str, marks_revision: int) -> str:
    """Return the name of the file that holds the table."""
    return f"table-{revision}-{marks_revision}.bin"


def measure_file(revision: str, name: str) -> str:
    """Return the name of the file that holds one measure; any text can ask for one."""
    return f"measure-{revision}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.f32"


def write_ready(path: Path, data: bytes, family: str, kept: int = KEPT_FILES) -> None:
    """Write a file so that it is there whole or not at all, and remove older ones of its family.

    Args:
        family: how the names of files begin that the new one stands in for.
        kept: files of the family that stay; somebody may be reading the last one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
    remove_older(path.parent, family, kept)


def remove_older(folder: Path, family: str, kept: int) -> None:
    """Remove all but the newest files whose names begin alike."""
    made = sorted(
        (file for file in folder.glob(f"{family}*") if file.suffix != ".part"),
        key=lambda file: file.stat().st_mtime_ns,
    )
    for old in made[:-kept]:
        old.unlink(missing_ok=True)


class ReviewPack:
    """The columns of one datastore, kept between questions and read again when they change."""

    def __init__(self, root: Path) -> None:
        self.catalogue = Catalogue(root)
        self.folder = folder_of(root)
        self._store = _store_id(self.catalogue)
        self.revision = ""
        self.frame_id: Column = np.zeros(0, np.int64)
        self.columns: dict[str, Column] = {}
        self._header: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self._measures: dict[str, Column] = {}

    def table(self) -> str:
        """Write the table with the marks of this moment; return the file's name."""
        with review_table.one_look(self.catalogue):
            self.refresh()
            marks = MarkTable(self.catalogue)
            at = marks.revision()
            name = table_name(self.revision, at)
            if (self.folder / name).is_file():
                return name
            marked = marks.columns(self.frame_id)
        decided = DecisionTable(self.catalogue).revision()
        header = {**self._header, "marks_revision": at, "decisions_revision": decided}
        write_ready(self.folder / name, encode(header, {**self.columns, **marked}), "table-")
        return name

    def measure(self, name: str) -> str:
        """Write one measure of all rows; return the file's name.

        Raises:
            CurationError: there is no such measure.
        """
        with review_table.one_look(self.catalogue):
            self.refresh()
            file = measure_file(self.revision, name)
            if not (self.folder / file).is_file():
                values = self.values(name).astype("<f4", copy=False)
                many = 2 * len(self._sources)
                write_ready(self.folder / file, values.tobytes(), "measure-", many)
        return file

    def match(self, query: Mapping[str, Any]) -> npt.NDArray[np.int64]:
        """Return the ids of the frames that a question is about, in order of the rows.

        Args:
            query: see decide.views; `typed` in it is a condition in words, see decide.where.

        Raises:
            CurationError: the question is none, or names what there is not.
        """
        with review_table.one_look(self.catalogue):
            self.refresh()
            marks = MarkTable(self.catalogue)
            marked: dict[str, Column] = {}

            def column(name: str) -> Column:
                if name in ("flag", "stars", "label", "noted"):
                    if not marked:
                        marked.update(marks.columns(self.frame_id))
                    return marked[name]
                if name in self.columns:
                    return self.columns[name]
                if name not in self._sources:
                    raise KeyError(name)
                return self.values(name)

            def tagged(tag: str) -> npt.NDArray[np.int64]:
                rows = review_table.rows_of(self.frame_id, marks.tagged(tag))
                return rows[rows >= 0].astype(np.int64)

            try:
                mask = matching(query, len(self.frame_id), column, tagged)
            except ValueError as error:
                raise CurationError(str(error), "filter anew") from error
            if query.get("typed"):
                fields = fields_of(self.catalogue)
                meant = fields.frame_id[fields.mask(str(query["typed"]))]
                mask &= np.isin(self.frame_id, meant)
        return np.asarray(self.frame_id[mask], np.int64)

    def values(self, name: str) -> Column:
        """Return (n,) float32 of a measure.

        Raises:
            CurationError: there is no such measure.
        """
        if name not in self._sources:
            raise CurationError(f"nothing called {name!r} is measured", "reload the page")
        if name not in self._measures:
            self._measures[name] = review_table.measure(
                self.catalogue, name, self._sources[name], self.frame_id
            )
        return self._measures[name]

    def refresh(self) -> None:
        """Read rows and decisions again when they changed."""
        revision = revision_of(self.catalogue)
        if revision == self.revision:
            return
        frames = review_table.frames(self.catalogue)
        decided = review_table.decided(
            self.catalogue, frames.frame_id, POOLS, VERDICTS, tuple(REASONS)
        )
        self._sources = review_table.measure_names(self.catalogue)
        self._measures = {}
        self.frame_id = frames.frame_id
        self.columns = {**frames.columns, **decided.columns}
        self._header = {
            "revision": revision,
            "store": self._store,
            "frames": len(frames.frame_id),
            "videos": frames.videos,
            "pools": decided.pools,
            "verdicts": decided.verdicts,
            "reasons": [_reason(code) for code in decided.reasons],
            "measures": [_measure(name, self._sources[name]) for name in sorted(self._sources)],
            "thresholds": self._thresholds(),
            "labels": list(LABELS),
        }
        self.revision = revision

    def _thresholds(self) -> list[dict[str, Any]]:
        params = RankParams(**DecisionTable(self.catalogue).thresholds(RankParams.model_fields))
        listed = [_threshold(meter, params) for meter in METERS]
        return [one for one in listed if one["column"] in self._sources]


class Rows:
    """Where decided frames stand among the rows of the workspace.

    Args:
        frame_id: the frames that are decided about; those without a picture are no rows.
        before: rows that were made for the same frames; as long as nothing was written they hold.

    Raises:
        CurationError: there are rows that are not decided about.
    """

    def __init__(
        self, catalogue: Catalogue, frame_id: npt.NDArray[np.int64], before: Rows | None = None
    ) -> None:
        self.frame_id: npt.NDArray[np.int64]
        self.at: npt.NDArray[np.int64]
        with review_table.one_look(catalogue):
            self.revision = revision_of(catalogue)
            self.marks = Journal(catalogue).applied()
            if before is not None and before.revision == self.revision:
                self.frame_id, self.at = before.frame_id, before.at
                return
            self.frame_id = review_table.row_ids(catalogue)
        self.at = review_table.rows_of(frame_id, self.frame_id).astype(np.int64)
        if (self.at < 0).any():
            raise CurationError("frames were added in the meantime", "reload the page")

    def blob(self, made: Decisions) -> bytes:
        """Return decisions, with applied marks over them, as columns of rows; see web.blobs."""
        found = {
            name: getattr(made, name)[self.at]
            for name in ("pool", "verdict", "reason", "score", "rank")
        }
        self._overlay(found, made)
        coded = {
            name: _coded(found[name], known)
            for name, known in (("pool", POOLS), ("verdict", VERDICTS), ("reason", tuple(REASONS)))
        }
        picked = coded["verdict"] == VERDICTS.index("picked")
        counts = np.bincount(coded["pool"][picked], minlength=len(POOLS)).tolist()
        header = {
            "revision": self.revision,
            "frames": len(self.frame_id),
            "picked": {pool: count for pool, count in zip(POOLS, counts, strict=True) if count},
        }
        return encode(header, {
            **coded,
            "rank": found["rank"].astype(np.int32),
            "score": found["score"].astype(np.float32),
            "keeper": review_table.rows_of(self.frame_id, made.keeper[self.at]),
        })

    def _overlay(self, found: dict[str, Column], made: Decisions) -> None:
        """Let the marks that people applied stand, as they do after every ranking."""
        if not self.marks:
            return
        marked = np.isin(self.frame_id, np.array(list(self.marks), np.int64))
        at = np.flatnonzero(marked | (found["verdict"] == "picked"))
        where = dict(zip(self.frame_id[at].tolist(), at.tolist(), strict=True))
        listed = {name: values[at].tolist() for name, values in found.items()}
        listed["detail"] = made.detail[self.at[at]].tolist()  # words cost more than all the rest
        rows = [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
        for row, frame_id in zip(rows, where, strict=True):
            row["frame_id"] = frame_id
            row["rank"] = row["rank"] or None
            row["score"] = None if row["score"] != row["score"] else row["score"]
        for row in by_hand.overlay(rows, self.marks):
            for name in ("verdict", "reason", "rank"):
                found[name][where[row["frame_id"]]] = row[name] or 0


def _store_id(catalogue: Catalogue) -> str:
    """Return what tells this datastore for ever from another one at the same address."""
    known = catalogue.recall("store.id", "")
    if not known:
        known = uuid.uuid4().hex
        catalogue.remember("store.id", known)
    return str(known)


def _coded(names: Column, known: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return (n,) positions of names in a list."""
    number = {name: i for i, name in enumerate(known)}
    return np.fromiter(map(number.__getitem__, names.tolist()), np.uint8, len(names))


def _reason(code: str) -> dict[str, str]:
    if code not in REASONS:
        return UNDECIDED if code == "undecided" else {"code": code, "text": code, "fix": ""}
    return {"code": code, "text": code.replace("_", " "), "fix": REASONS[code].advice}


def _measure(name: str, source: str) -> dict[str, str]:
    titles = {meter.source: meter.title for meter in METERS}
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    words = name.replace("_", " ")
    return {
        "name": name,
        "title": titles.get(name, words[:1].upper() + words[1:]),
        "unit": unit,
        "group": GROUPS.get(source, source.replace("_", " ").capitalize()),
    }


def _threshold(meter: Meter, params: RankParams) -> dict[str, Any]:
    """Return all that a page needs to hold a measure against a threshold by itself.

    Besides what the meter says: the reasons that it decides ("codes"), whether a value equal to
    it fails, and below which size of the face it is not asked ("judged", None for all frames).
    """
    info = RankParams.model_fields[meter.param]
    low, high = range_of(info)
    codes = [code for code, reason in REASONS.items() if meter.param in reason.limits]
    return {
        "param": meter.param,
        "title": meter.title,
        "column": meter.column(params),
        "least": meter.least,
        "magnitude": meter.magnitude,
        "pools": list(meter.pools),
        "low": low,
        "high": high,
        "step": step_of(info),
        "value": float(getattr(params, meter.param)),
        "codes": codes,
        "equal_fails": meter.strict,
        "judged": {**FACE_JUDGED, "value": float(params.min_face_px)} if meter.sized else None,
    }
