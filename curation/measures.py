"""What decisions are made from: stored measures, and what people said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.face_marks import FaceMarkTable
from curation.store.pairs import PairTable

Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that `decide` looks at.

    Attributes:
        columns: one entry a frame in each; see store.columns.load. `false_mark` is 1 or 0 where a
            person called the face false or real, else NaN; with marks, `false_logit` is what the
            filter says after learning from them.
        pairs: frames that were compared by matching; see store.pairs.PairTable.load.
    """

    columns: dict[str, Column]
    pairs: dict[str, Column]


def gather(catalogue: Catalogue) -> Measures:
    """Read all measures of a catalogue, with the marks of people taken to heart."""
    columns = load(catalogue)
    marks = FaceMarkTable(catalogue).all()
    mark = np.array(
        [float(marks.get(frame_id, np.nan)) for frame_id in columns["frame_id"].tolist()]
    )
    columns["false_mark"] = mark.astype(np.float64)
    if np.isfinite(mark).any():
        _learn(columns, columns["false_mark"])
    return Measures(columns, PairTable(catalogue).load())


def _learn(columns: dict[str, Column], mark: npt.NDArray[np.float64]) -> None:
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
