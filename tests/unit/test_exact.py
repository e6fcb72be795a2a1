"""What was made faster gives the numbers of what it stands for."""

from __future__ import annotations

from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from curation import weights
from curation.errors import WeightsMissing
from curation.params import FaceParams
from curation.records import Frame
from curation.steps.base import Item
from curation.steps.centerface import OUTPUTS
from curation.steps.faces import Faces
from curation.steps.hashes import Hashes, pixels, signed
from curation.steps.identity import Identity
from curation.steps.lanczos import reduced
from curation.steps.onnx_file import read
from curation.steps.onnx_net import OnnxNet
from tests.contract.test_golden import items
from tests.unit.pictures import scenery

SIZES = ((32, 32), (9, 8))
SHAPES = ((1080, 1920), (143, 177), (20, 31), (32, 9), (8, 640), (2160, 3840))


@pytest.mark.parametrize("shape", SHAPES)
def test_small_pictures_are_pillows(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, shape, np.uint8)
    for grey in (noise, np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8), noise // 255):
        for size, found in zip(SIZES, reduced(grey, SIZES), strict=True):
            wanted = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS))
            np.testing.assert_array_equal(found, wanted)


def test_hashes_are_imagehashs() -> None:
    for seed in range(4):
        rgb = scenery(seed, (1280, 720))
        frame = Frame(1, "a", 1, 0, 0.0, Path("a"), 1280, 720)
        signals = Hashes()([Item(frame, rgb)])[0].signals
        image = Image.fromarray(rgb)
        assert signals["phash"] == signed(imagehash.phash(image).hash)
        assert signals["dhash"] == signed(imagehash.dhash(image).hash)


def test_equal_pixels_alone_have_equal_hashes() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (301, 403, 3), np.uint8)
    seen = {pixels(rgb)}
    assert pixels(rgb.copy()) in seen and pixels(rgb[:, ::1]) in seen
    changed = [(r, c, k, b) for r, c, k in ((0, 0, 0), (150, 7, 1), (300, 402, 2))
               for b in (1, 128)]  # fmt: skip
    for row, column, channel, bit in changed:
        other = rgb.copy()
        other[row, column, channel] ^= bit
        seen.add(pixels(other))
    seen.add(pixels(rgb[::-1]))
    seen.add(pixels(rgb.reshape(403, 301, 3)))
    swapped = rgb.copy()
    swapped[0, :8], swapped[0, 8:16] = rgb[0, 8:16], rgb[0, :8]
    seen.add(pixels(swapped))
    assert len(seen) == 4 + len(changed)


@pytest.mark.parametrize("name", ["centerface", "sface"])
def test_networks_answer_as_in_opencv(name: str, weights_dir: Path) -> None:
    side = {"centerface": 192, "sface": 112}[name]
    path = weights.path_of(name)
    other = cv2.dnn.readNetFromONNX(str(path))
    outputs = OUTPUTS if name == "centerface" else tuple(other.getUnconnectedOutLayersNames())
    net = OnnxNet(path, outputs, side)
    picture = scenery(5, (side, side))
    other.setInput(cv2.dnn.blobFromImage(picture, 1.0))
    for one, two in zip(net(picture[None]), other.forward(outputs), strict=True):
        np.testing.assert_allclose(one.ravel(), two.ravel(), atol=2e-4)


def test_faces_are_those_of_opencv(weights_dir: Path) -> None:
    found = []
    for light in (False, True):
        step = Faces(FaceParams(), light)
        step.setup()
        found.append([step([item])[0].boxes for item in items()])
        found.append([measured.boxes for measured in step(items())])
    assert sum(len(boxes or ()) for boxes in found[0]) >= 4
    for others in found[1:]:
        for one, two in zip(found[0], others, strict=True):
            assert one is not None and two is not None and len(one) == len(two)
            np.testing.assert_allclose(one.xyxy_px, two.xyxy_px, atol=0.01)
            np.testing.assert_allclose(one.score, two.score, atol=1e-4)
            if one.keypoints is not None and two.keypoints is not None:
                np.testing.assert_allclose(one.keypoints, two.keypoints, atol=0.01)
            for a, b in zip(one.extra or (), two.extra or (), strict=True):
                assert a["second"] == pytest.approx(b["second"], abs=2e-4)


def test_a_face_has_the_vector_that_opencv_gives(weights_dir: Path) -> None:
    faces, identity = Faces(FaceParams()), Identity()
    net = cv2.FaceRecognizerSF.create(str(weights.path_of("sface")), "")
    for step in (faces, identity):
        step.setup()
    for item in items()[:2]:
        item.given["faces"] = faces([item])[0]
        blob = identity([item])[0].signals["identity"]
        boxes = item.given["faces"].boxes
        assert isinstance(blob, bytes) and boxes is not None and boxes.keypoints is not None
        ours = np.frombuffer(blob, "<f2").astype(np.float64)
        best = 0.0
        for box, points in zip(boxes.xyxy_px, boxes.keypoints, strict=True):
            row = np.concatenate([box[:2], box[2:] - box[:2], points.ravel(), [1.0]])
            bgr = np.ascontiguousarray(item.rgb[..., ::-1])
            raw = net.feature(net.alignCrop(bgr, row[None].astype(np.float32))).ravel()
            best = max(best, float(ours @ raw / np.linalg.norm(raw)))
        assert best > 0.9999


def test_a_file_that_holds_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    for data in (b"", b"hello, this is text", bytes(200)):
        path.write_bytes(data)
        with pytest.raises(WeightsMissing, match=r"a\.onnx does not hold a network"):
            read(path)
