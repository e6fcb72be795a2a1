"""Frames like this one, for the review workspace: the search of curation/search; in the helper."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.search.near import apart, nearest
from curation.search.vectors import SAID, vectors_of
from curation.store import review_table
from curation.web.helper import Near
from curation.web.review_pack import ReviewPack

MOST = 2000


def near(pack: ReviewPack, asked: Near) -> dict[str, list[Any]]:
    """Return the frames like one, nearest first, without itself.

    Returns:
        frames: ids; distance: 0 is equal, see search.near.apart.

    Raises:
        CurationError: the frame is no row, or was not measured.
    """
    with review_table.one_look(pack.catalogue):
        pack.refresh()
        vectors = vectors_of(pack.catalogue, pack.frame_id, asked.by)
    row = int(review_table.rows_of(pack.frame_id, np.array([asked.frame_id]))[0])
    if row < 0:
        raise CurationError(f"frame {asked.frame_id} has no picture here")
    found = apart(vectors, vectors[row], asked.by)
    if np.isnan(found[row]):
        raise CurationError(f"{SAID[asked.by]}: nothing is known of this frame")
    found[row] = np.nan
    first = nearest(found, min(asked.count, MOST))
    return {
        "frames": pack.frame_id[first].tolist(),
        "distance": [round(max(float(v), 0.0), 5) for v in found[first]],
    }
