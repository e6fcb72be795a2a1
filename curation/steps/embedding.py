"""What a picture looks like, as numbers: MobileNetV2 without its last layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing

if TYPE_CHECKING:
    from torch import Tensor, nn

    from curation.steps.base import RgbImage

Picked = TypeVar("Picked")

DIMENSIONS = 1280
TEXTURES = 784
INPUT_PX = 224
SPARE = 1.5
"""How much larger than what a network sees a crop stays when it is halved beforehand."""
# More at once is slower on one CPU core: the maps of a batch no longer fit its cache.
BATCH = {"cpu": 4, "cuda": 64}
# Mean and spread of ImageNet, in which the weights were trained.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
# Expansion, output channels, repeats, first stride: table 2 of Sandler et al. 2018.
_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
# Layers whose input is looked at for texture: maps of half, quarter ... 1/32 of the picture.
_TAPS = (2, 4, 7, 11, 14, 17)


class Embedder:
    """Turn crops into unit vectors of 1280 numbers, and into their texture.

    Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", ImageNet
    weights, average of the last feature map, L2-normalised. Texture is mean and spread of the
    channels of six earlier maps, the statistics of style transfer (Huang and Belongie 2017).

    Args:
        path: mobilenet_v2-b0353104.pth.
        input_px: side of the square the network sees.

    Raises:
        WeightsMissing: the file does not hold exactly this network.
    """

    textures: ClassVar[int] = TEXTURES

    def __init__(self, path: Path, input_px: int = INPUT_PX) -> None:
        """Read the weights and prepare the network; on a GPU where there is one."""
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self.input_px = input_px
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = optimised(self._read(path), input_px, self.device)

    def __call__(self, crops: Sequence[RgbImage]) -> npt.NDArray[np.float32]:
        """Return (n, 1280) float32 of unit length for n RGB crops of any size."""
        return self.describe(crops)[0]

    def describe(
        self, crops: Sequence[RgbImage]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the unit vectors (n, 1280) and the textures (n, 784) of n RGB crops."""
        vectors = [np.zeros((0, DIMENSIONS), np.float32)]
        textures = [np.zeros((0, self.textures), np.float32)]
        for part in in_parts(crops, BATCH[self.device]):
            batch = np.stack([self._input(crop) for crop in part])
            with self._torch.inference_mode():
                vector, texture = self._network(self._torch.from_numpy(batch).to(self.device))
            vectors.append(vector.cpu().numpy())
            textures.append(texture.cpu().numpy())
        found = np.concatenate(vectors)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(length, 1e-9), np.float32), np.concatenate(textures)

    def _input(self, crop: RgbImage) -> npt.NDArray[np.float32]:
        how = cv2.INTER_AREA if min(crop.shape[:2]) > self.input_px else cv2.INTER_LINEAR
        small = cv2.resize(crop, (self.input_px, self.input_px), interpolation=how)
        return np.ascontiguousarray(self._scaled(small).transpose(2, 0, 1))

    def _read(self, path: Path) -> nn.Module:
        """Return the network with its weights; (vector, texture) is what it must answer."""
        return _loaded(path)

    def _scaled(self, rgb: RgbImage) -> npt.NDArray[np.float32]:
        """Return pixel values in the scale that the network was trained with."""
        return np.asarray((rgb.astype(np.float32) / 255 - _MEAN) / _STD, np.float32)


def in_parts(values: Sequence[Picked], most: int) -> list[Sequence[Picked]]:
    """Return values in as few parts of at most `most` as there can be, of about one length.

    A network takes a third longer for a picture alone than for one of two.
    """
    count = -(-len(values) // most)
    ends = [round(i * len(values) / count) for i in range(count + 1)] if count else []
    return [values[low:high] for low, high in pairwise(ends)]


def halved(rgb: RgbImage, side_px: int) -> RgbImage:
    """Return a picture halved while it stays `SPARE` times as wide and high as a square.

    Means of four pixels take a tenth of the time of means over parts of pixels, and of those that
    then remain there are a quarter. A last odd row or column is left out.
    """
    while min(rgb.shape[:2]) >= 2 * SPARE * side_px:
        h, w = rgb.shape[0] // 2, rgb.shape[1] // 2
        half = cv2.resize(rgb[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(half, np.uint8)
    return rgb


def mean_spread(maps: Tensor) -> list[Tensor]:
    """Return mean and standard deviation (n, c) of maps (n, c, h, w).

    `Tensor.std` takes fifteen times as long: it sums by Welford, a value at a time.
    """
    import torch

    flat = maps.flatten(2)
    mean = flat.mean(2)
    away = torch.linalg.vector_norm(flat - mean.unsqueeze(2), dim=2)
    return [mean, away / (flat.shape[2] - 1) ** 0.5]


def _conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


def _network() -> nn.Module:
    """Return MobileNetV2 with the names its published weights use."""
    import torch
    from torch import nn

    class Inverted(nn.Module):  # type: ignore[misc]
        """Widen, filter each channel, narrow; add the input where shapes allow."""

        def __init__(self, inputs: int, outputs: int, stride: int, widen: int) -> None:
            super().__init__()
            hidden = inputs * widen
            layers = [] if widen == 1 else [_conv(inputs, hidden, 1, 1, 1)]
            self.conv = nn.Sequential(
                *layers,
                _conv(hidden, hidden, 3, stride, hidden),
                nn.Conv2d(hidden, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
            self.shortcut = stride == 1 and inputs == outputs

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            narrowed = self.conv(x)
            return x + narrowed if self.shortcut else narrowed

    class MobileNetV2(nn.Module):  # type: ignore[misc]
        """Return averaged last map and texture; the classifier is kept for its names."""

        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = [_conv(3, 32, 3, 2, 1)]
            inputs = 32
            for widen, outputs, repeats, stride in _BLOCKS:
                for repeat in range(repeats):
                    first = stride if repeat == 0 else 1
                    layers.append(Inverted(inputs, outputs, first, widen))
                    inputs = outputs
            layers.append(_conv(inputs, DIMENSIONS, 1, 1, 1))
            self.features = nn.Sequential(*layers)
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(DIMENSIONS, 1000))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            texture: list[torch.Tensor] = []
            for depth, layer in enumerate(self.features):
                if depth in _TAPS:
                    texture += mean_spread(x)
                x = layer(x)
            return x.mean((2, 3)), torch.cat(texture, 1)

    return MobileNetV2()


def _loaded(path: Path) -> nn.Module:
    import torch

    network = _network()
    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(weights, strict=True)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise WeightsMissing(
            f"{path} does not hold MobileNetV2: {str(error).splitlines()[0]}",
            "python -m curation weights fetch mobilenet_v2",
        ) from error
    return network.eval()


def optimised(network: nn.Module, input_px: int, device: str) -> Any:
    """Return a network traced and frozen: normalisation folded into the convolutions.

    Its values go into what is returned; the network itself is empty afterwards.

    On a CPU also laid out for its convolutions (oneDNN), which halves the time; the answers
    differ by some 1e-6.

    torch keeps what was frozen of a trace until the process ends. A program that was read is one
    of its own and goes with the network: a process opens and closes networks without growing by
    their weights. They are put into the program after it was read, and it is traced without the
    network's inner modules: writing weights, and asking each module what it has, took half of
    the time.
    """
    import torch

    flat = _flat(network.to(device))
    example = torch.zeros(1, 3, input_px, input_px, device=device)
    with torch.no_grad():
        traced = torch.jit.trace(flat, example, check_trace=False)
        held = {name: value.data for name, value in _values(flat)}
        for _, value in _values(flat):
            value.data = torch.empty(0, dtype=value.dtype, device=device)
        program = BytesIO()
        torch.jit.save(traced, program)
        program.seek(0)
        own = torch.jit.load(program, map_location=device)
        for name, value in _values(own):
            value.data = held[name]
        return torch.jit.optimize_for_inference(own) if device == "cpu" else torch.jit.freeze(own)


def _flat(network: nn.Module) -> nn.Module:
    """Return a module that answers as a network does and has its values, but no inner modules."""
    from torch import nn

    class Flat(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for n, value in enumerate(network.parameters()):
                self.register_parameter(f"parameter_{n}", value)
            for n, value in enumerate(network.buffers()):
                self.register_buffer(f"buffer_{n}", value)

        def forward(self, x: Tensor) -> Any:
            return network(x)

    return Flat().eval()


def _values(network: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters and buffers of a network, by name."""
    yield from network.named_parameters()
    yield from network.named_buffers()
