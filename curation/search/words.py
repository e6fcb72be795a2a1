"""Search by words: a CLIP network that the user gives says what each frame shows.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision".
Vectors are made from thumbnails when words are first searched, and kept in cache/vectors/ for
these weights: one file that only grows, so that a killed run loses the batch in flight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.records import Progress
from curation.search.vectors import FOLDER, Ids, Vectors
from curation.store.catalogue import Catalogue
from curation.store.packs import Packs
from curation.store.review_table import rows_of
from curation.store.search_reads import places

if TYPE_CHECKING:
    from curation.toolkit.embedders import Clip

BATCH = 32
PROMPTS = ("{}", "a photo of {}")
MOST_LETTERS = 300


class WordIndex:
    """What a CLIP network says of the frames of a datastore.

    Args:
        frame_id: (n,) the rows.
    """

    def __init__(self, catalogue: Catalogue, clip: Clip, frame_id: Ids) -> None:
        self.catalogue, self.clip, self.frame_id = catalogue, clip, frame_id
        self.size = int(clip.words(["size"]).shape[1])
        self._record = np.dtype([("frame", "<i8"), ("place", "<i8", 4), ("v", "<f2", self.size)])
        name = hashlib.sha256(clip.fp.encode()).hexdigest()[:16]
        self.path = catalogue.root / FOLDER / f"words-{name}.rows"
        self.failed: dict[str, str] = {}

    def make(self) -> Iterator[Progress]:
        """Look at the frames that were not looked at yet, by their thumbnails."""
        import simplejpeg

        now = places(self.catalogue, self.frame_id)
        have = self._known(now)
        todo = np.flatnonzero(~have)
        packs = Packs(self.catalogue)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._mend()
        done = 0
        for at in range(0, len(todo), BATCH):
            rows, pictures = [], []
            for row in todo[at : at + BATCH].tolist():
                frame_id = int(self.frame_id[row])
                try:
                    raw = packs.read(frame_id)
                    if raw is None:
                        raise ValueError("it has no thumbnail")
                    pictures.append(simplejpeg.decode_jpeg(raw, colorspace="RGB"))
                    rows.append(row)
                except (OSError, ValueError) as error:
                    self.failed[f"frame {frame_id}"] = str(error)
                    yield Progress("search", failed=(f"frame {frame_id}", str(error)))
            found = self.clip(pictures) if pictures else []
            block = np.zeros(len(rows), self._record)
            good = [i for i, vector in enumerate(found) if vector is not None]
            block["frame"], block["place"] = self.frame_id[rows], now[rows]
            for i in good:
                block["v"][i] = found[i]
            with self.path.open("ab") as file:
                file.write(block[good].tobytes())
            done += min(BATCH, len(todo) - at)
            yield Progress("search", done=done, total=len(todo), note="looking at frames")

    def vectors(self) -> Vectors:
        """Return (n, d) float32 of unit length, NaN where nothing is known."""
        found = np.full((len(self.frame_id), self.size), np.nan, np.float32)
        if self.path.is_file():
            kept = self._rows()
            now = places(self.catalogue, self.frame_id)
            at = rows_of(self.frame_id, kept["frame"])
            good = (at >= 0) & (kept["place"] == now[np.maximum(at, 0)]).all(axis=1)
            found[at[good]] = kept["v"][good].astype(np.float32)
        return found

    def asked(self, text: str) -> npt.NDArray[np.float32]:
        """Return (d,) of unit length of what words describe: the mean of some ways to say it.

        Raises:
            CurationError: there are no words, or too many.
        """
        text = " ".join(text.split())
        if not text or len(text) > MOST_LETTERS:
            raise CurationError(
                f"{len(text)} letters are no words to search for", f"write 1 to {MOST_LETTERS}"
            )
        mean = self.clip.words([prompt.format(text) for prompt in PROMPTS]).mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def _known(self, now: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        have = np.zeros(len(self.frame_id), np.bool_)
        if self.path.is_file():
            kept = self._rows()
            at = rows_of(self.frame_id, kept["frame"])
            good = (at >= 0) & (kept["place"] == now[np.maximum(at, 0)]).all(axis=1)
            have[at[good]] = True
        return have

    def _rows(self) -> npt.NDArray[np.void]:
        """Return the whole records of the file; a last one that was cut off does not count."""
        whole = self.path.stat().st_size // self._record.itemsize
        if not whole:
            return np.zeros(0, self._record)
        return np.memmap(self.path, self._record, "r", shape=(whole,))

    def _mend(self) -> None:
        """Cut off half a record that a killed run left, so that the next ones stand in line."""
        if self.path.is_file():
            size = self.path.stat().st_size
            if size % self._record.itemsize:
                with self.path.open("r+b") as file:
                    file.truncate(size - size % self._record.itemsize)


def clip_of(weights: Path, model: str) -> Clip:
    """Return the CLIP network of a file of weights.

    Raises:
        CurationError: there is no such file, it holds another network, or open-clip is missing.
    """
    from curation.toolkit.embedders import Clip

    file = weights.expanduser().absolute()
    if not file.is_file():
        raise CurationError(f"there is no file {file}", "check --weights: the weights of a CLIP")
    return Clip(file, model)
