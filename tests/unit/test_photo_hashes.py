"""Hashes: imagehash's bit for bit at equal pixels, turned ones those of the turned picture."""

from __future__ import annotations

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from curation.photos import hashes
from tests.unit.pictures import scenery

ORACLE = {
    "phash": imagehash.phash,
    "dhash": imagehash.dhash,
    "ahash": imagehash.average_hash,
    "whash": imagehash.whash,
}
SIZES = ((480, 360), (384, 256), (256, 700), (300, 300), (90, 61))


def grey(seed: int, size_wh: tuple[int, int]) -> np.ndarray:
    return cv2.cvtColor(scenery(seed, size_wh), cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("size_wh", SIZES)
def test_every_bit_is_that_of_imagehash(side: int, size_wh: tuple[int, int]) -> None:
    for seed in range(4):
        picture = grey(seed, size_wh)
        found = hashes.hashes(picture, side)
        assert found.shape == (4, side * side // 64)
        for name, words in zip(hashes.NAMES, found, strict=True):
            text = "".join(f"{int(word):016x}" for word in words)
            theirs = str(ORACLE[name](Image.fromarray(picture), hash_size=side))
            if name == "whash":  # two equal means: rounding in their wavelet decides
                means = hashes._block_means(picture, hashes._square(picture), side)
                ties = int((means == np.median(means)).sum())
                assert (int(text, 16) ^ int(theirs, 16)).bit_count() <= ties
            else:
                assert text == theirs, name


def test_work_that_is_shared_gives_the_same() -> None:
    for seed, size_wh in enumerate(SIZES):
        picture = grey(seed, size_wh)
        small, wide, ways = hashes.all_of(picture)
        assert [hashes.one(picture, name) for name in hashes.NAMES] == small[:, 0].tolist()
        assert (small == hashes.hashes(picture, 8)).all()
        assert (wide == hashes.hashes(picture, 16)).all()
        assert (ways == hashes.turned(picture)).all()


def test_turned_hashes_are_those_of_the_turned_picture() -> None:
    ways = [None, *(getattr(Image.Transpose, name) for name in (
        "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270",
        "TRANSVERSE", "ROTATE_90"))]  # fmt: skip
    for seed in range(6):
        picture = Image.fromarray(grey(seed, (384, 256)))
        found = hashes.turned(np.asarray(picture))
        for i, way in enumerate(ways):
            turned = picture if way is None else picture.transpose(way)
            own = hashes.hashes(np.asarray(turned), 8)[0, 0]
            # A resize works across first, then down: turning comes to the same but for rounding.
            assert int(np.bitwise_count(found[i] ^ own)) <= (0 if i < 4 else 2), (seed, i)


def test_flat_pictures_are_told() -> None:
    white = np.full((100, 100), 255, np.uint8)
    noisy = (128 + np.random.default_rng(0).normal(0, 1, (100, 100))).astype(np.uint8)
    assert hashes.is_flat(white) and hashes.is_flat(white * 0) and hashes.is_flat(noisy)
    assert not hashes.is_flat(grey(1, (300, 200)))
