"""What a network that was fine-tuned on somebody's ratings says of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from curation.errors import StepUnavailable, WeightsMissing
from curation.params import Params, tunable
from curation.records import Measured
from curation.steps.base import Item, RgbImage, Step

if TYPE_CHECKING:
    from torch import nn

LEVELS = 5
BATCH = 8
LITE, V2S = "efficientnet_lite0", "tf_efficientnetv2_s"
MIDDLE = {LITE: (127.0, 128.0), V2S: (127.5, 127.5)}
"""What pixels were shifted and divided by when the backbones were trained."""
LAST_STAGES = {
    LITE: ("body._blocks.11", "body._blocks.12", "body._blocks.13", "body._blocks.14",
           "body._blocks.15", "body._conv_head", "body._bn1"),
    V2S: ("body.blocks.4", "body.blocks.5", "body.conv_head", "body.bn2"),
}
"""The last two stages and what follows them: what fine-tuning moves."""


class NetParams(Params):
    """What the network is."""

    architecture: str = tunable(LITE, "name of the backbone")
    input_px: int = tunable(192, "side of the square that it sees", ge=32, le=512)


class TasteNet(Step):
    """Give each picture stars, 1 to 5, as the network expects them."""

    name = "taste_net"
    version = "1"
    produces: ClassVar[dict[str, type]] = {"taste_net": float}
    Params = NetParams
    params: NetParams
    path: ClassVar[Path]

    def setup(self) -> None:
        """Read the network; on a GPU where there is one."""
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._net = read_net(self.path, self.params.architecture).to(self._device).eval()

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Judge each picture."""
        found: list[Measured] = []
        for low in range(0, len(items), BATCH):
            pictures = np.stack([
                square(item.rgb, self.params.input_px) for item in items[low : low + BATCH]
            ])
            with self._torch.inference_mode():
                batch = scaled(pictures, self.params.architecture).to(self._device)
                stars = expected_stars(self._net(batch)).cpu().numpy()
            found += [Measured({"taste_net": round(float(one), 5)}) for one in stars]
        return found


def step_of(weights: Path, architecture: str, input_px: int) -> Step:
    """Return the step of a network file; its bytes are part of the cache key."""
    made = type("TasteNetOfFile", (TasteNet,), {"files": (weights,), "path": weights})
    step: Step = made(NetParams(architecture=architecture, input_px=input_px))
    return step


def square(rgb: RgbImage, side_px: int) -> RgbImage:
    """Return a picture as the network sees it: whole, squeezed into a square."""
    import cv2

    how = cv2.INTER_AREA if min(rgb.shape[:2]) > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (side_px, side_px), interpolation=how), np.uint8)


def scaled(pictures: npt.NDArray[np.uint8], architecture: str) -> Any:
    """Return (n, 3, s, s) float32 of (n, s, s, 3) pictures."""
    import torch

    middle, span = MIDDLE[architecture]
    batch = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    return (batch.to(torch.float32) - middle) / span


def expected_stars(logits: Any) -> Any:
    """Return (n,) stars, 1..5, of (n, 4) log-odds that stars are more than 1, 2, 3, 4."""
    return 1 + logits.sigmoid().sum(1)


def make_net(architecture: str) -> nn.Module:
    """Return a network with an ordinal head, weights not yet read.

    The head is CORAL's (Cao, Mirjalili and Raschka 2020): one score for all levels and a
    threshold for each, so that the chances of more stars never rise.

    Raises:
        StepUnavailable: timm is not installed.
    """
    import torch
    from torch import nn

    class Net(nn.Module):  # type: ignore[misc]
        """Answer (n, 4) log-odds of more than 1, 2, 3, 4 stars."""

        def __init__(self) -> None:
            super().__init__()
            self.body, size = _body(architecture)
            self.register_buffer("centre", torch.zeros(size))
            self.register_buffer("spread", torch.ones(size))
            self.score = nn.Linear(size, 1, bias=False)
            self.steps = nn.Parameter(torch.zeros(LEVELS - 1))

        def features(self, x: torch.Tensor) -> torch.Tensor:
            found = self.body(x)
            return found[0] if isinstance(found, tuple) else found

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.answer(self.features(x))

        def answer(self, features: torch.Tensor) -> torch.Tensor:
            return self.score((features - self.centre) / self.spread) + self.steps

    return Net()


def read_net(path: Path, architecture: str) -> nn.Module:
    """Return the network of a safetensors file.

    Raises:
        WeightsMissing: the file does not hold exactly this network.
    """
    from safetensors.torch import load_file

    net = make_net(architecture)
    try:
        net.load_state_dict(load_file(path), strict=True)
    except Exception as error:  # safetensors has errors of its own kind
        raise WeightsMissing(
            f"{path} does not hold this network: {str(error).splitlines()[0]}",
            "train it again: python -m curation train --fine-tune",
        ) from error
    return net


def _body(architecture: str) -> tuple[nn.Module, int]:
    from torch import nn

    if architecture == LITE:
        from curation.steps.efficientnet import _network
        from curation.steps.embedding import DIMENSIONS

        body = _network()
        body._fc = nn.Identity()
        return body, DIMENSIONS
    from curation.steps.tvshim import ensure_torchvision

    ensure_torchvision()
    try:
        import timm
    except ImportError as error:
        raise StepUnavailable(
            f"{architecture} needs a package that is missing: timm",
            "pip install -r requirements.txt",
        ) from error
    body = timm.create_model(architecture, pretrained=False, num_classes=0)
    return body, int(body.num_features)
