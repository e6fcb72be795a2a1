"""Prints: the same from every reader, near for every size, sharpness that ranks a burst."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from curation.cull.prints import Prints
from curation.photos import prints, sharpness
from curation.photos.decode import read_bytes
from curation.photos.picture import look, read
from tests.photos import photo
from tests.unit.pictures import scenery


def of(path: Path) -> bytes:
    return look(*read_bytes(path)).print


def far(a: bytes, b: bytes) -> np.ndarray:
    """Return the distance of each of the four 64-bit hashes."""
    both = np.frombuffer(a + b, prints.PRINT)["hashes"]
    return np.bitwise_count(both[0] ^ both[1])


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif", "x.webp"])
@pytest.mark.parametrize("turn", [1, 6])
def test_review_and_culling_make_the_same_print(tmp_path: Path, name: str, turn: int) -> None:
    path = photo(tmp_path / name, size_wh=(3000, 2000), orientation=turn)
    seen = read(path)
    assert seen.look == look(*read_bytes(path))
    assert len(seen.look.print) == prints.PRINT.itemsize == 497


def test_a_picture_that_was_resized_or_saved_again_is_near(tmp_path: Path) -> None:
    picture = Image.fromarray(scenery(5, (4000, 3000)))
    picture.save(tmp_path / "x.jpg", quality=95)
    first = of(tmp_path / "x.jpg")
    picture.save(tmp_path / "again.jpg", quality=60)
    picture.resize((1600, 1200)).save(tmp_path / "small.jpg", quality=80)
    picture.save(tmp_path / "whole.png")
    for name in ("again.jpg", "small.jpg", "whole.png"):
        assert far(first, of(tmp_path / name)).max() <= 4, name
    assert far(first, of(photo(tmp_path / "y.jpg", 6, (4000, 3000))))[0] > 14


def test_columns_keep_order_and_packing() -> None:
    made = [prints.make(prints.luma_of(scenery(seed, (700, 500)))) for seed in range(3)]
    found = Prints.of(made)
    assert len(found) == 3
    assert (found.turned[:, 0] == found.phash).all()
    for name in ("phash", "dhash", "ahash", "whash"):
        assert found.bits(name).dtype == np.uint64 and found.bits(name).shape == (3,)
        assert found.bits(name, 256).shape == (3, 4)
    some = found.take([2, 0])
    assert (some.phash == found.phash[[2, 0]]).all() and some.tiles.shape == (2, 64)
    assert len(found.take(np.array([True, False, False]))) == 1
    assert len(Prints.of([])) == 0 and Prints.of([]).wide["phash"].shape == (0, 4)


def test_flat_and_clipped_pictures_say_so() -> None:
    white = Prints.of([prints.make(np.full((400, 600), 255, np.uint8))])
    assert white.flat[0] and white.clipped_frac[0] == 1 and white.luma_mean[0] == 255
    assert white.sharp[0] == 0


def burst() -> list[np.ndarray]:
    """Return one scene from sharp to soft, at the print's size."""
    luma = cv2.cvtColor(scenery(9, (1500, 1000)), cv2.COLOR_RGB2GRAY)
    return [luma, *(cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in (0.7, 1.2, 2.0, 4.0))]


def test_sharpness_ranks_a_burst_even_under_noise() -> None:
    rng = np.random.default_rng(1)
    whole = [sharpness.whole(sharpness.tiles(picture)) for picture in burst()]
    assert whole == sorted(whole, reverse=True) and whole[0] > 1.2 * whole[1]
    noisy = [
        np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        for picture in burst()
    ]
    ranked = [sharpness.whole(sharpness.tiles(picture)) for picture in noisy]
    assert ranked == sorted(ranked, reverse=True)


def test_a_blurred_background_does_not_lose() -> None:
    sharp, soft = burst()[0], burst()[-1]
    portrait = soft.copy()
    portrait[200:900, 400:1200] = sharp[200:900, 400:1200]
    tiles = [sharpness.tiles(picture) for picture in (portrait, soft)]
    assert sharpness.whole(tiles[0]) > 2 * sharpness.whole(tiles[1])


def test_the_same_picture_smaller_is_less_sharp() -> None:
    picture = burst()[0]
    small = cv2.resize(picture, (500, 333), interpolation=cv2.INTER_AREA)
    assert sharpness.whole(sharpness.tiles(small)) < 0.8 * sharpness.whole(sharpness.tiles(picture))


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 2000), (2000, 3), (7, 9)])
def test_odd_sizes_have_prints(size_wh: tuple[int, int]) -> None:
    made = prints.make(prints.luma_of(np.full((size_wh[1], size_wh[0], 3), 7, np.uint8)))
    assert len(made) == prints.PRINT.itemsize
