"""A picture read once, seen as each measure needs it: grey or coloured, whole or scaled.

Which way a view is made depends on the file's content alone, never on what else is asked for: a
number must not differ between two runs.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from curation.photos import exif, formats
from curation.photos.decode import opened, pixels, upright_size

Rgb = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.uint8]

SMALL_PX = 256
"""Shorter side that hashes see at least: eight times the 32 pixels of a pHash."""
COLOUR_PX = 640
FACES_PX = 1280
# What an EXIF orientation asks for, as quarter turns against the clock, then left for right.
TURNS = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (3, 0), 7: (1, 1), 8: (1, 0)}


class Views:
    """One picture's content.

    Args:
        kind, data: from photos.decode.read_bytes.

    Raises:
        ImageUnreadable: here for a damaged header or too many pixels, later for damaged pixels.
    """

    def __init__(self, kind: str, data: bytes) -> None:
        self.kind, self.data = kind, data
        self._image = opened(kind, data)
        self.size_wh: tuple[int, int] = upright_size(self._image)
        self._turn = exif.orientation(self._image)
        # Luma comes straight out of the decoder: no colours are made to be thrown away.
        self._direct = kind == formats.JPEG and self._image.mode in ("L", "RGB")

    @cached_property
    def grey(self) -> Grey:
        """Return luma at full size, upright: (h, w) uint8; as OpenCV reads a grey picture."""
        found = self._luma(0) if self._direct else None
        return self._flat if found is None else found

    @cached_property
    def small(self) -> Grey:
        """Return luma of at least 256 px on its shorter side, or what there is; for hashes."""
        if not self._direct or min(self.size_wh) <= SMALL_PX:
            return self.grey
        found = self._luma(SMALL_PX)
        return self._flat if found is None else found

    @cached_property
    def colour(self) -> Rgb:
        """Return sRGB of 640 px on its longer side, or what there is: (h, w, 3) uint8."""
        import cv2

        rgb = self._coloured(COLOUR_PX)
        scale = COLOUR_PX / max(rgb.shape[:2])
        if scale >= 1:
            return rgb
        return np.asarray(
            cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )

    @cached_property
    def faces(self) -> Rgb:
        """Return sRGB of 1280 to 2560 px on its longer side, or what there is."""
        return self._coloured(FACES_PX)

    @cached_property
    def _flat(self) -> Grey:
        """Return luma of pictures that are no plain JPEG: of their sRGB, clear parts white."""
        import cv2

        return np.asarray(cv2.cvtColor(self._rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def _rgb(self) -> Rgb:
        return pixels(self._image)

    def _coloured(self, least_px: int) -> Rgb:
        if self.kind != formats.JPEG:
            return self._rgb
        # A Pillow image decodes once, at one scale.
        return pixels(opened(self.kind, self.data), least_px)

    def _luma(self, least_px: int) -> Grey | None:
        import simplejpeg

        try:
            made = simplejpeg.decode_jpeg(
                self.data, "GRAY", min_height=least_px, min_width=least_px
            )[:, :, 0]
        except ValueError:
            # Damaged, or of a kind that this decoder refuses: Pillow reads it or says why not.
            return None
        quarters, mirror = TURNS[self._turn]
        made = np.rot90(made, quarters)
        return np.ascontiguousarray(made[:, ::-1] if mirror else made)
