"""The prints of many photos as columns: what searching, grouping and ranking work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.photos.hashes import NAMES
from curation.photos.prints import PRINT

Index = npt.NDArray[np.integer] | npt.NDArray[np.bool_] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Prints:
    """What is known of n photos by their pixels; see photos.prints for how it is measured.

    Attributes:
        phash, dhash, ahash, whash: (n,) uint64.
        flat: (n,) bool: the picture is so even that the bits of its hashes are noise.
        wide: the same four with 256 bits, by name: (n, 4) uint64.
        turned: (n, 8) uint64, pHash of the eight turns and mirrors; [:, 0] as it stands.
        sharp: (n,) float32, levels of luma; compare within one scene only.
        tiles: (n, 64) float32, sharpness of 8 x 8 tiles, row by row.
        luma_mean: (n,) float32, 0 to 255.
        clipped_frac: (n,) float32, share of pixels lost in black and white.
        chroma: (n,) float32, how much colour there is, 0 (grey) to 255.
    """

    phash: npt.NDArray[np.uint64]
    dhash: npt.NDArray[np.uint64]
    ahash: npt.NDArray[np.uint64]
    whash: npt.NDArray[np.uint64]
    flat: npt.NDArray[np.bool_]
    wide: dict[str, npt.NDArray[np.uint64]]
    turned: npt.NDArray[np.uint64]
    sharp: npt.NDArray[np.float32]
    tiles: npt.NDArray[np.float32]
    luma_mean: npt.NDArray[np.float32]
    clipped_frac: npt.NDArray[np.float32]
    chroma: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """Return how many photos these are of."""
        return len(self.phash)

    @classmethod
    def of(cls, stored: Sequence[bytes]) -> Prints:
        """Return prints as columns, in the order given.

        Args:
            stored: each from photos.prints.make.
        """
        rows = np.frombuffer(b"".join(stored), PRINT)
        words = np.ascontiguousarray(rows["hashes"].T.astype(np.uint64))
        wide = np.ascontiguousarray(rows["wide"].transpose(1, 0, 2).astype(np.uint64))
        return cls(
            phash=words[0],
            dhash=words[1],
            ahash=words[2],
            whash=words[3],
            flat=rows["flat"].astype(np.bool_),
            wide=dict(zip(NAMES, wide, strict=True)),
            turned=rows["turned"].astype(np.uint64),
            sharp=rows["sharp"].astype(np.float32),
            tiles=rows["tiles"].astype(np.float32),
            luma_mean=rows["luma_mean"].astype(np.float32),
            clipped_frac=rows["clipped_frac"].astype(np.float32),
            chroma=rows["chroma"].astype(np.float32),
        )

    def take(self, index: Index) -> Prints:
        """Return the prints of some of the photos, as numpy's indexing chooses them."""
        at = np.asarray(index)
        at = at if at.dtype == np.bool_ else at.astype(np.int64)
        return Prints(
            self.phash[at],
            self.dhash[at],
            self.ahash[at],
            self.whash[at],
            self.flat[at],
            {name: words[at] for name, words in self.wide.items()},
            self.turned[at],
            self.sharp[at],
            self.tiles[at],
            self.luma_mean[at],
            self.clipped_frac[at],
            self.chroma[at],
        )

    def bits(self, name: str, bits: int = 64) -> npt.NDArray[np.uint64]:
        """Return one kind of hash: (n,) uint64 with 64 bits, (n, 4) with 256."""
        if bits == 256:
            return self.wide[name]
        found: npt.NDArray[np.uint64] = getattr(self, name)
        return found
