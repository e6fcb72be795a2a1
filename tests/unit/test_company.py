"""What a picture's numbers are does not hang on who is measured beside it."""

from __future__ import annotations

import numpy as np
import pytest

from curation import weights
from curation.steps.centerface import OUTPUTS
from curation.steps.efficientnet import LiteEmbedder
from curation.steps.embedding import Embedder
from curation.steps.onnx_net import OnnxNet
from curation.steps.projection import Projection
from tests.unit.test_appearance import PROJECTION

pytestmark = pytest.mark.usefixtures("weights_dir")


def pictures(side_px: int) -> list[np.ndarray]:
    found = np.random.default_rng(3).integers(0, 256, (7, side_px, side_px, 3), dtype=np.uint8)
    return list(found)


@pytest.mark.parametrize(
    ("name", "outputs", "side_px"), [("sface", ("fc1",), 112), ("centerface", OUTPUTS, 192)]
)
def test_networks_of_onnx_files(name: str, outputs: tuple[str, ...], side_px: int) -> None:
    net = OnnxNet(weights.path_of(name), outputs, side_px)
    seven = pictures(side_px)
    alone = [net.in_parts([one]) for one in seven]
    for count in (2, 3, 4, 7):
        together = net.in_parts(seven[:count])
        for part, whole in enumerate(together):
            for i in range(count):
                assert (whole[i] == alone[i][part][0]).all(), (count, i)


@pytest.mark.parametrize("side_px", [112, 224])
def test_vectors_and_textures(side_px: int) -> None:
    project = Projection(PROJECTION)
    for kind, name in ((Embedder, "mobilenet_v2"), (LiteEmbedder, "efficientnet_lite0")):
        net = kind(weights.path_of(name), side_px)
        seven = pictures(side_px)
        together = net.describe(seven)
        for i, one in enumerate(seven):
            alone = net.describe([one])
            for whole, own in zip(together, alone, strict=True):
                assert (whole[i] == own[0]).all()
            short = project(together[0])[i].astype("<f2")
            assert (short == project(alone[0])[0].astype("<f2")).all()
