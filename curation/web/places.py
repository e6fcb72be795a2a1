"""A place for every frame on a map: the two directions in which looks differ most; in the helper.

Pearson 1901, principal components, of the stored unit vectors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.search.vectors import Vectors, vectors_of
from curation.store import review_table
from curation.web.blobs import encode
from curation.web.helper import Places
from curation.web.review_pack import ReviewPack, write_ready

CHUNK = 16_384
EDGE_PERCENT = 0.2
"""Share of frames at each side that is drawn at the edge: a few strangers would crowd the rest."""


def places_file(revision: str, by: str) -> str:
    """Return the name of the file that holds the map."""
    return f"map-{by}-{revision}.bin"


def place(pack: ReviewPack, asked: Places) -> str:
    """Write x and y of all rows, 0 to 1 and NaN where unknown; return the file's name.

    Raises:
        CurationError: nothing is measured that frames could be placed by.
    """
    with review_table.one_look(pack.catalogue):
        pack.refresh()
        vectors = vectors_of(pack.catalogue, pack.frame_id, asked.by)
    name = places_file(pack.revision, asked.by)
    if not (pack.folder / name).is_file():
        xy = spread(components(vectors))
        header = {"revision": pack.revision, "frames": len(xy), "by": asked.by}
        columns = {"x": xy[:, 0].astype(np.float32), "y": xy[:, 1].astype(np.float32)}
        write_ready(pack.folder / name, encode(header, columns), f"map-{asked.by}-")
    return name


def components(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return (n, 2) along the two main directions, NaN where a row is.

    The larger end of each direction points right and up, so that a map looks the same each time.
    """
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    found = np.full((len(vectors), 2), np.nan)
    size = vectors.shape[1]
    if len(known) < 2 or size < 2:
        return found
    total, product = np.zeros(size), np.zeros((size, size))
    chunks = [known[at : at + CHUNK] for at in range(0, len(known), CHUNK)]
    for rows in chunks:
        some = vectors[rows]
        total += some.sum(axis=0, dtype=np.float64)
        product += some.T @ some
    mean = total / len(known)
    _, directions = np.linalg.eigh(product / len(known) - np.outer(mean, mean))
    main = directions[:, :-3:-1]
    main = main * np.sign(main[np.abs(main).argmax(axis=0), (0, 1)])
    for rows in chunks:
        found[rows] = (vectors[rows] - mean) @ main
    return found


def spread(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return places stretched to 0..1 on both axes, the few outermost at the edge."""
    known = np.isfinite(xy[:, 0])
    if not known.any():
        return xy
    low, high = np.percentile(xy[known], (EDGE_PERCENT, 100 - EDGE_PERCENT), axis=0)
    width = np.where(high > low, high - low, 1)
    return np.asarray(np.clip((xy - low) / width, 0, 1))
