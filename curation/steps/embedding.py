"""What a crop looks like, as numbers: MobileNetV2 without its last layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing
from curation.steps.base import RgbImage

SIZE_PX = 224
WIDTH = 1280
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
          (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repeats and first stride of each stage (Sandler et al. 2018, table 2)."""


class Embedder:
    """Turns RGB crops into unit vectors of 1280 numbers; on a GPU when there is one.

    Raises:
        WeightsMissing: when the file is not the network it should be.
    """

    def __init__(self, path: Path) -> None:
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        state = torch.load(path, map_location="cpu", weights_only=True)
        net = _network(torch)
        try:
            net.load_state_dict({k: v for k, v in state.items() if k.startswith("features.")})
        except RuntimeError as error:
            raise WeightsMissing(
                f"{path} is not MobileNetV2", "python -m curation weights fetch mobilenet_v2"
            ) from error
        net.eval()
        example = torch.zeros(1, 3, SIZE_PX, SIZE_PX)
        with torch.inference_mode():
            traced = torch.jit.trace(net, example)
            self._net = torch.jit.freeze(traced.eval()).to(self._device)

    def __call__(self, crops: Sequence[RgbImage]) -> npt.NDArray[np.float32]:
        """Return (n, 1280) float32 of length 1 each; crops may be of any size."""
        import cv2

        if not crops:
            return np.zeros((0, WIDTH), np.float32)
        found = []
        for crop in crops:
            shrinks = min(crop.shape[:2]) > SIZE_PX
            how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            small = cv2.resize(crop, (SIZE_PX, SIZE_PX), interpolation=how)
            scaled = (small.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(SPREAD)
            batch = self._torch.from_numpy(scaled.transpose(2, 0, 1)[None].copy())
            # One by one: on a CPU a batch is no faster, and a result never depends on company.
            with self._torch.inference_mode():
                found.append(self._net(batch.to(self._device)).cpu().numpy()[0])
        vectors = np.stack(found).astype(np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _network(torch: Any) -> Any:
    nn = torch.nn

    def unit(inside: int, outside: int, kernel: int, stride: int, groups: int) -> Any:
        pad = (kernel - 1) // 2
        return nn.Sequential(
            nn.Conv2d(inside, outside, kernel, stride, pad, groups=groups, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU6(inplace=True),
        )

    class Inverted(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inside: int, outside: int, stride: int, expand: int) -> None:
            super().__init__()
            hidden = inside * expand
            self.same = stride == 1 and inside == outside
            layers = [] if expand == 1 else [unit(inside, hidden, 1, 1, 1)]
            layers += [
                unit(hidden, hidden, 3, stride, hidden),
                nn.Conv2d(hidden, outside, 1, bias=False),
                nn.BatchNorm2d(outside),
            ]
            self.conv = nn.Sequential(*layers)

        def forward(self, x: Any) -> Any:
            return x + self.conv(x) if self.same else self.conv(x)

    class Features(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layers, inside = [unit(3, 32, 3, 2, 1)], 32
            for expand, outside, repeats, stride in BLOCKS:
                for i in range(repeats):
                    layers.append(Inverted(inside, outside, stride if i == 0 else 1, expand))
                    inside = outside
            layers.append(unit(inside, WIDTH, 1, 1, 1))
            self.features = nn.Sequential(*layers)

        def forward(self, x: Any) -> Any:
            return self.features(x).mean(dim=(2, 3))

    return Features()
