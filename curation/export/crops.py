"""How a picture is cut and scaled on its way out, and where its boxes lie then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.decide import crop_ratio
from curation.errors import ParamError
from curation.export.settings import ExportParams
from curation.store.catalogue import Catalogue
from curation.store.crops import CropRow, CropTable
from curation.store.exported import Box

LEAST_SEEN = 0.25
"""Share of a detection that a crop must hold to keep it."""
Px = tuple[int, int, int, int]
Wh = tuple[int, int]


class NoCropHere(Exception):
    """Why a picture has no crop of the shape."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What becomes of a picture.

    Attributes:
        size_wh: of the picture before.
        crop_px: x, y, width, height of what is kept, in its pixels.
        out_wh: size afterwards.
    """

    size_wh: Wh
    crop_px: Px
    out_wh: Wh

    @property
    def changes(self) -> bool:
        """Whether any pixel changes."""
        return self.crop_px != (0, 0, *self.size_wh) or self.out_wh != self.size_wh

    def box(self, one: Box) -> tuple[float, float, float, float] | None:
        """Return a detection's left, top, right, bottom in the picture that leaves, or None where
        the crop holds less than a quarter of it."""
        x, y, w, h = self.crop_px
        left, top, right, bottom = one.xyxy_px
        kept = (max(left, x), max(top, y), min(right, x + w), min(bottom, y + h))
        area = max(kept[2] - kept[0], 0) * max(kept[3] - kept[1], 0)
        if area <= 0 or area < LEAST_SEEN * (right - left) * (bottom - top):
            return None
        sx, sy = self.out_wh[0] / w, self.out_wh[1] / h
        return (kept[0] - x) * sx, (kept[1] - y) * sy, (kept[2] - x) * sx, (kept[3] - y) * sy

    def points(self, keypoints: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return (k, 3) keypoints in the picture that leaves; those outside have visibility 0."""
        x, y, w, h = self.crop_px
        made = keypoints.copy()
        made[:, 0] = (made[:, 0] - x) * self.out_wh[0] / w
        made[:, 1] = (made[:, 1] - y) * self.out_wh[1] / h
        inside = np.all((made[:, :2] >= 0) & (made[:, :2] < self.out_wh), axis=1)
        inside &= np.isfinite(made).all(axis=1)
        made[~inside] = 0
        return made


def checked(word: str) -> str:
    """Return the shape that --crop names.

    Raises:
        ParamError: it names none.
    """
    if word and word != crop_ratio.BUCKET:
        try:
            crop_ratio.shape(word)
        except ValueError as error:
            raise ParamError(f"--crop: {error}", "as in --crop 4:5, 1024x1024 or bucket") from error
    return word


class Cutter:
    """Says how each picture is cut: as a person said, else as the workspace proposes."""

    def __init__(self, catalogue: Catalogue, params: ExportParams) -> None:
        self.catalogue, self.params = catalogue, params
        self.word = checked(params.crop)
        self.table = CropTable(catalogue)
        self._stored: Mapping[str, Mapping[str, CropRow]] = {}
        self._whole: dict[Wh, Cut] = {}

    def know(self, keys: list[str]) -> None:
        """Read the stored crops of pictures at once."""
        self._stored = self.table.of(keys) if self.word else {}

    def cut(self, frame_id: int, key: str, size_wh: Wh) -> Cut:
        """Return what becomes of one picture.

        Raises:
            NoCropHere: it has no crop of the shape, or a person refused it.
        """
        if not self.word:
            if size_wh not in self._whole:
                self._whole[size_wh] = Cut(size_wh, (0, 0, *size_wh), self._scaled(size_wh, None))
            return self._whole[size_wh]
        one = crop_ratio.shapes((self.word,), size_wh)[0]
        row = self._stored.get(key, {}).get(one.name) or self._proposed(frame_id, key, one, size_wh)
        if row.verdict == "refused":
            raise NoCropHere(f"its {one.name} crop was refused")
        if row.verdict == "none":
            raise NoCropHere(f"no {one.name} crop: {row.why}")
        if self.params.crops != "all" and not (
            row.verdict == "accepted" or (self.params.crops == "sure" and row.verdict == "proposed")
        ):
            raise NoCropHere(f"its {one.name} crop asks for a look: {row.why or row.verdict}")
        return Cut(size_wh, row.px, self._scaled(row.px[2:], one.pixels_wh))

    def _proposed(
        self, frame_id: int, key: str, one: crop_ratio.Shape, size_wh: Wh
    ) -> CropRow:
        from curation.cull.crop_files import row_of
        from curation.cull.crop_frames import FP, scene_of_frame
        from curation.decide import crops
        from curation.errors import InputError

        try:
            scene = scene_of_frame(self.catalogue, frame_id, size_wh)
        except InputError as error:
            raise NoCropHere(error.message) from error
        return row_of(key, crops.propose(scene, one), FP)

    def _scaled(self, size_wh: Wh, trainer_wh: Wh | None) -> Wh:
        """Return the size of a picture: the trainer's, within --long-px, never larger unasked."""
        scale = 1.0
        if trainer_wh is not None:
            scale = trainer_wh[0] / size_wh[0]
        elif self.params.long_px:
            scale = self.params.long_px / max(size_wh)
        if scale > 1 and not self.params.enlarge:
            scale = 1.0
        if trainer_wh is not None and scale * size_wh[0] == trainer_wh[0]:
            return trainer_wh
        wide, tall = (max(1, round(side * scale)) for side in size_wh)
        return wide, tall
