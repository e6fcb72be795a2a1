"""What a measuring step is, and how its cache key is made."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curation.params import Params as ParamsBase
from curation.records import Frame, Measured

RgbImage = npt.NDArray[np.uint8]


class NoParams(ParamsBase):
    """For steps that have nothing to tune."""


@dataclass(slots=True)
class Item:
    """One frame on its way through the steps.

    Attributes:
        frame: which frame this is.
        rgb: (h, w, 3) uint8 of the stored picture, upright, square pixels, without black bars
            that are burnt in. Places that a step finds are pixels of it; the engine makes them
            pixels of the stored frame: boxes, keypoints, and signals named *_x0, _y0, _x1, _y1.
        given: what earlier steps found in this frame, by step name.
    """

    frame: Frame
    rgb: RgbImage
    given: dict[str, Measured] = field(default_factory=dict)
    _small: dict[tuple[int, int], RgbImage] = field(default_factory=dict, repr=False)

    def small(self, longer_px: int, least_px: int = 1) -> RgbImage:
        """Return the picture reduced to a longer side by area averaging; itself where it is
        smaller. Made once, shared by all steps that ask for it: leave it as it is.
        """
        h, w = self.rgb.shape[:2]
        scale = longer_px / max(h, w)
        if scale >= 1:
            return self.rgb
        size_wh = max(least_px, round(w * scale)), max(least_px, round(h * scale))
        if size_wh not in self._small:
            import cv2

            reduced = cv2.resize(self.rgb, size_wh, interpolation=cv2.INTER_AREA)
            self._small[size_wh] = np.asarray(reduced, np.uint8)
        return self._small[size_wh]


class Step(ABC):
    """Measure frames. Subclass, set the class variables, write __call__.

    Attributes:
        name: table name, registry key and label.
        version: bump when the numbers would change.
        produces: signal columns and their types; checked on every result.
        detects: whether results carry boxes.
        needs: names of steps whose results must be in `item.given`.
        weights: names in weights/manifest.toml; their digests are part of the cache key.
        files: data that ships beside the code (trained heads); part of the cache key.
        Params: the pydantic model of this step's tunables.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    produces: ClassVar[Mapping[str, type]] = {}
    detects: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    weights: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[Path, ...]] = ()
    Params: ClassVar[type[ParamsBase]] = NoParams

    def __init__(self, params: ParamsBase | None = None) -> None:
        """Keep the parameters; load nothing."""
        self.params: Any = self.Params() if params is None else params

    def __init_subclass__(cls) -> None:
        """Refuse a class that forgot to say who it is."""
        super().__init_subclass__()
        for attribute in ("name", "version"):
            if not hasattr(cls, attribute):
                raise TypeError(f"{cls.__name__} must set {attribute!r}")

    def weight_names(self) -> tuple[str, ...]:
        """Return the weights that these parameters need; by default all of them."""
        return self.weights

    def setup(self) -> None:
        """Load models. Called once per worker, before the first batch."""

    def close(self) -> None:
        """Let go of models. Called once per worker, after the last batch."""

    @abstractmethod
    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Measure a batch; return one Measured per item, in the same order."""


def fingerprint(step: Step, upstream: Mapping[str, str], digests: Mapping[str, str]) -> str:
    """Return the cache key of a step's numbers: 16 hex digits.

    Args:
        step: the step with its parameters.
        upstream: fingerprints of the steps named in `needs`.
        digests: sha256 of the weights this step uses, by name.
    """
    parts = {
        "name": step.name,
        "version": step.version,
        "params": step.params.cache_dict(),
        "needs": {name: upstream[name] for name in step.needs},
        "weights": {name: digests[name] for name in step.weight_names()},
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in step.files},
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check(step: Step, measured: Measured) -> Measured:
    """Return the result unchanged, or raise TypeError where it breaks the step's own promise."""
    if set(measured.signals) != set(step.produces):
        got, want = sorted(measured.signals), sorted(step.produces)
        raise TypeError(f"step {step.name} returned signals {got}, promised {want}")
    for key, value in measured.signals.items():
        if value is not None and not isinstance(value, step.produces[key]):
            kind = type(value).__name__
            raise TypeError(f"step {step.name}: {key} is {kind}, not {step.produces[key].__name__}")
    if step.detects != (measured.boxes is not None):
        raise TypeError(f"step {step.name} must {'' if step.detects else 'not '}return boxes")
    return measured
