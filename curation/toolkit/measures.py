"""What `analyze` can measure: one function a measure, from a picture's views to named numbers.

Hashes are computed as imagehash computes them, bit for bit, but of the upright luma that the JPEG
decoder gives at reduced size: of nine pictures in ten the hash is imagehash's own, else a bit or
two away. A flat picture (luma deviates by less than 2 of 255) has no hash: its bits would be
noise, and equal for a white and a black picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation import weights
from curation.errors import ParamError
from curation.photos import hashes

if TYPE_CHECKING:
    from curation.toolkit.views import Views

Numbers = dict[str, Any]

HASHES = {"phash": "DCT", "dhash": "gradient", "ahash": "mean", "whash": "Haar wavelet"}
TILE_PX = 128
PALETTE = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to measure.

    Attributes:
        run: from views to the values of `keys`; None is a value: there is nothing to measure.
        keys: names under `metrics` in the sidecar.
        version: raised when numbers would change.
        weights: model files in use; their digests are part of the fingerprint.
    """

    name: str
    run: Callable[[Views], Numbers]
    keys: tuple[str, ...]
    help: str
    version: str = "1"
    weights: tuple[str, ...] = ()

    @property
    def fp(self) -> str:
        """Return what its numbers depend on besides the picture: "1", or "1-5fb2a091"."""
        return "-".join([self.version, *(weights.digest_of(name)[:8] for name in self.weights)])


def _hash(views: Views, name: str) -> Numbers:
    small = views.small
    return {name: None if hashes.is_flat(small) else f"{hashes.one(small, name):016x}"}


def _blur(views: Views) -> Numbers:
    import cv2

    spread = float(cv2.meanStdDev(cv2.Laplacian(views.grey, cv2.CV_16S))[1][0, 0])
    return {"blur": round(spread * spread, 2)}


def _focus(views: Views) -> Numbers:
    import cv2

    from curation.steps.focus_features import sharpness

    grey = cv2.cvtColor(views.colour, cv2.COLOR_RGB2GRAY).astype(np.float32)
    h, w = grey.shape
    tiles = [
        grey[y : y + TILE_PX, x : x + TILE_PX]
        for y in _starts(h)
        for x in _starts(w)
    ]
    return {"focus": round(float(np.percentile([sharpness(tile) for tile in tiles], 90)), 4)}


def _starts(length: int) -> list[int]:
    """Return where tiles begin, so that they cover a side and none hangs over."""
    n = max(1, round(length / TILE_PX))
    return [round(i * max(0, length - TILE_PX) / max(1, n - 1)) for i in range(n)]


def _luma_share(views: Views) -> npt.NDArray[np.float64]:
    import cv2

    luma = cv2.cvtColor(views.colour, cv2.COLOR_RGB2GRAY)
    return np.asarray(np.bincount(luma.ravel(), minlength=256) / luma.size, np.float64)


def _exposure(views: Views) -> Numbers:
    share, levels = _luma_share(views), np.arange(256)
    mean = float(share @ levels)
    return {
        "exposure": round(mean, 4),
        "contrast": round(float(np.sqrt(share @ (levels - mean) ** 2)), 4),
        "clip_low": round(float(share[:3].sum()), 4),
        "clip_high": round(float(share[253:].sum()), 4),
    }


def _entropy(views: Views) -> Numbers:
    share = _luma_share(views)
    share = share[share > 0]
    return {"entropy": round(float(max(0.0, -(share * np.log2(share)).sum())), 4)}


def _colours(views: Views) -> Numbers:
    """Colourfulness: Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images"."""
    import cv2

    rgb = views.colour.astype(np.float32)
    red_green = rgb[..., 0] - rgb[..., 1]
    yellow_blue = (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]
    spread = float(np.hypot(red_green.std(), yellow_blue.std()))
    away = float(np.hypot(red_green.mean(), yellow_blue.mean()))
    saturation = cv2.cvtColor(views.colour, cv2.COLOR_RGB2HSV)[..., 1]
    cell = (views.colour >> 6).reshape(-1, 3).astype(np.int64) @ np.array([16, 4, 1])
    count = np.bincount(cell, minlength=64)
    palette = []
    for i in np.argsort(-count, kind="stable")[:PALETTE]:
        if count[i]:
            colour = views.colour.reshape(-1, 3)[cell == i].mean(axis=0).round().astype(int)
            palette.append("#{:02x}{:02x}{:02x} {:.3f}".format(*colour, count[i] / len(cell)))
    return {
        "colourfulness": round(spread + 0.3 * away, 4),
        "saturation": round(float(saturation.mean()) / 255, 4),
        "colour-distribution": ", ".join(palette),
    }


@cache
def _regression() -> Any:
    from curation.steps.brisque import Regression

    return Regression(weights.path_of("brisque"))


def _brisque(views: Views) -> Numbers:
    from curation.steps.brisque import features

    found = features(views.grey)
    return {"brisque": None if found is None else round(_regression()(found), 4)}


@cache
def _face_step() -> Any:
    from curation.params import FaceParams
    from curation.steps.faces import Faces

    step = Faces(FaceParams(second_opinion=False), light=True)
    step.setup()
    return step


def _faces(views: Views) -> Numbers:
    from curation.records import Frame
    from curation.steps.base import Item

    rgb = views.faces
    frame = Frame(0, "", 0, 0, 0.0, Path(), rgb.shape[1], rgb.shape[0])
    boxes = _face_step()([Item(frame, rgb)])[0].boxes
    if boxes is None or not len(boxes):
        return {"faces": 0, "face_area": 0.0, "face_score": 0.0}
    x0, y0, x1, y1 = (float(v) for v in boxes.xyxy_px[0])
    return {
        "faces": len(boxes),
        "face_area": round((x1 - x0) * (y1 - y0) / (rgb.shape[0] * rgb.shape[1]), 4),
        "face_score": round(float(boxes.score[0]), 4),
    }


def _size(views: Views) -> Numbers:
    return {"width": views.size_wh[0], "height": views.size_wh[1]}


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        *(
            Measure(name, partial(_hash, name=name), (name,), f"64-bit {of} hash, as imagehash's")
            for name, of in HASHES.items()
        ),
        Measure("blur", _blur, ("blur",), "variance of the Laplacian at full size; low is blurred"),
        Measure("focus", _focus, ("focus",), "sharpness of the sharpest tenth at 640 px; "
                "whatever size and contrast, soft below 0"),
        Measure("exposure", _exposure, ("exposure", "contrast", "clip_low", "clip_high"),
                "mean and spread of luma (0-255), shares lost in black and white"),
        Measure("entropy", _entropy, ("entropy",), "bits of the luma histogram, 0-8"),
        Measure("brisque", _brisque, ("brisque",), "BRISQUE at full size, 0 good to 100 bad",
                weights=("brisque",)),
        Measure("colour-distribution", _colours,
                ("colour-distribution", "colourfulness", "saturation"),
                "five main colours with shares, colourfulness, mean saturation"),
        Measure("faces", _faces, ("faces", "face_area", "face_score"),
                "number of faces, share and score of the largest", weights=("yunet",)),
    )
}  # fmt: skip
"""In the order in which they run."""

SIZE = Measure("size", _size, ("width", "height"), "pixels as a person sees the picture")
"""Not of a sidecar, but known of every picture that was measured."""

OTHER_SPELLINGS = {"color-distribution": "colour-distribution", "colors": "colour-distribution",
                   "colours": "colour-distribution", "face": "faces"}  # fmt: skip


def chosen(names: tuple[str, ...] | list[str]) -> list[str]:
    """Return the names of known measures, none twice, in the order in which they run.

    Raises:
        ParamError: for a name that is none.
    """
    wanted = {OTHER_SPELLINGS.get(name.strip().lower(), name.strip().lower()) for name in names}
    unknown = sorted(wanted - MEASURES.keys())
    if unknown:
        raise ParamError(
            f"there is no metric {unknown[0]!r}", f"known: {', '.join(MEASURES)}"
        )
    return [name for name in MEASURES if name in wanted]


def measure_of(name: str) -> Measure:
    """Return a measure by name, `size` too."""
    return SIZE if name == SIZE.name else MEASURES[name]


def run(names: tuple[str, ...], views: Views) -> Mapping[str, Numbers]:
    """Return the numbers of each measure named."""
    return {name: measure_of(name).run(views) for name in names}
