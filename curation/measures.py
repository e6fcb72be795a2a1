"""What decisions are made from: stored measures, and what people said about them."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.people_said import add_columns
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.face_marks import FaceMarkTable
from curation.store.pairs import PairTable
from curation.store.ratings import RatingTable

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that `decide` looks at.

    Attributes:
        columns: one entry a frame in each; see store.columns.load. `false_mark` is 1 or 0 where a
            person called the face false or real, else NaN; with marks, `false_logit` is what the
            filter says after learning from them.
            With ratings, `taste` is how likely a person keeps a frame, 0..1, and `taste_sd` its
            standard deviation.
        pairs: frames that were compared by matching; see store.pairs.PairTable.load.
    """

    columns: MutableMapping[str, Column]
    pairs: dict[str, Column]


def gather(catalogue: Catalogue) -> Measures:
    """Read all measures of a catalogue, with the marks of people taken to heart."""
    columns = load(catalogue)
    marks = FaceMarkTable(catalogue).all()
    mark = np.full(len(columns["frame_id"]), np.nan)
    if marks:
        said = np.array(list(marks), np.int64)
        here = np.flatnonzero(np.isin(columns["frame_id"], said))
        mark[here] = [float(marks[frame_id]) for frame_id in columns["frame_id"][here].tolist()]
    columns["false_mark"] = mark
    if np.isfinite(mark).any():
        _learn(columns, columns["false_mark"])
    if RatingTable(catalogue).speak():
        from curation.learn.taste_live import lay

        lay(catalogue, columns)
    add_columns(catalogue, columns)
    return Measures(columns, PairTable(catalogue).load())


def _learn(columns: MutableMapping[str, Column], mark: npt.NDArray[np.float64]) -> None:
    """Correct the filter's log-odds by the marks, for all faces."""
    from curation.learn.faces import apply, refit

    if "face_code" not in columns or "false_logit" not in columns:
        return
    known = np.array([code is not None for code in columns["face_code"]], np.bool_)
    rows = np.flatnonzero(known & np.isfinite(columns["false_logit"]))
    taught = rows[np.isfinite(mark[rows])]
    if not len(taught):
        return
    codes = np.stack([np.frombuffer(c, np.float16) for c in columns["face_code"][rows]])
    codes = codes.astype(np.float64)
    logits = columns["false_logit"][rows]
    here = np.searchsorted(rows, taught)
    head = refit(codes[here], logits[here], mark[taught] > 0.5)
    corrected = columns["false_logit"].copy()
    corrected[rows] = apply(head, codes, logits)
    columns["false_logit"] = corrected
