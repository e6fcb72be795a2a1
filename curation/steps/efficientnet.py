"""What a picture looks like to a second network: EfficientNet-Lite0 without its last layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing
from curation.steps.embedding import DIMENSIONS, Embedder, mean_spread

if TYPE_CHECKING:
    from torch import nn

    from curation.steps.base import RgbImage

LITE_TEXTURES = 928
_MIDDLE, _SPAN = 127.0, 128.0
_EPSILON = 1e-3
"""Of batch normalisation: what TensorFlow, in which the weights were trained, uses."""
# Expansion, output channels, repeats, first stride, kernel: EfficientNet-B0 (Tan and Le 2019,
# table 1) without squeeze-and-excitation, with ReLU6: "Lite", which keeps stem and head unscaled.
_BLOCKS = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
# Blocks whose output is looked at for texture: maps of half, quarter ... 1/32 of the picture.
_TAPS = (0, 2, 4, 7, 10, 14)


class LiteEmbedder(Embedder):
    """Turn crops into unit vectors of 1280 numbers, and into their texture of 928.

    The same two answers as `Embedder` gives, by a network that errs on other pictures. Texture
    is mean and spread of the channels of six inner maps.

    Args:
        path: efficientnet-lite0-57934424.pth.
        input_px: side of the square the network sees.

    Raises:
        WeightsMissing: the file does not hold exactly this network.
    """

    textures: ClassVar[int] = LITE_TEXTURES

    def _read(self, path: Path) -> nn.Module:
        return _loaded(path)

    def _scaled(self, rgb: RgbImage) -> npt.NDArray[np.float32]:
        return np.asarray((rgb.astype(np.float32) - _MIDDLE) / _SPAN, np.float32)


def _network() -> nn.Module:
    """Return EfficientNet-Lite0 with the names its published weights use."""
    import torch
    from torch import nn

    def normal(channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels, eps=_EPSILON)

    class Block(nn.Module):  # type: ignore[misc]
        """Widen, filter each channel, narrow; add the input where shapes allow."""

        def __init__(self, inputs: int, outputs: int, stride: int, widen: int, side: int) -> None:
            super().__init__()
            hidden = inputs * widen
            self._widens = widen > 1
            if self._widens:
                self._expand_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
                self._bn0 = normal(hidden)
            self._depthwise_conv = nn.Conv2d(
                hidden, hidden, side, stride, side // 2, groups=hidden, bias=False
            )
            self._bn1 = normal(hidden)
            self._project_conv = nn.Conv2d(hidden, outputs, 1, bias=False)
            self._bn2 = normal(outputs)
            self._shortcut = stride == 1 and inputs == outputs

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            wide = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self._widens else x
            wide = nn.functional.relu6(self._bn1(self._depthwise_conv(wide)))
            narrow = self._bn2(self._project_conv(wide))
            return x + narrow if self._shortcut else narrow

    class Lite0(nn.Module):  # type: ignore[misc]
        """Return averaged last map and texture; the classifier is kept for its names."""

        def __init__(self) -> None:
            super().__init__()
            self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
            self._bn0 = normal(32)
            blocks: list[nn.Module] = []
            inputs = 32
            for widen, outputs, repeats, stride, side in _BLOCKS:
                for repeat in range(repeats):
                    first = stride if repeat == 0 else 1
                    blocks.append(Block(inputs, outputs, first, widen, side))
                    inputs = outputs
            self._blocks = nn.ModuleList(blocks)
            self._conv_head = nn.Conv2d(inputs, DIMENSIONS, 1, bias=False)
            self._bn1 = normal(DIMENSIONS)
            self._fc = nn.Linear(DIMENSIONS, 1000)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            texture: list[torch.Tensor] = []
            x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
            for depth, block in enumerate(self._blocks):
                x = block(x)
                if depth in _TAPS:
                    texture += mean_spread(x)
            x = nn.functional.relu6(self._bn1(self._conv_head(x)))
            return x.mean((2, 3)), torch.cat(texture, 1)

    return Lite0()


def _loaded(path: Path) -> nn.Module:
    import torch

    network = _network()
    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(weights, strict=True)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise WeightsMissing(
            f"{path} does not hold EfficientNet-Lite0: {str(error).splitlines()[0]}",
            "python -m curation weights fetch efficientnet_lite0",
        ) from error
    return network.eval()
