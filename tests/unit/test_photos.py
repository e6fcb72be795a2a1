"""One picture: what is read of it, whichever way it was stored, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from curation.engine.batch import load_rgb
from curation.errors import ImageUnreadable
from curation.photos import formats
from curation.photos.decode import load_upright, opened, pixels, read_bytes
from curation.photos.order import GAP, places, scenes, times_s
from curation.photos.picture import read
from tests.photos import BAD, bomb, exif, photo, shoot
from tests.unit.pictures import scenery

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What a camera held that way does to a picture before it writes the orientation beside it."""


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_every_orientation_becomes_upright(tmp_path: Path, turn: int, suffix: str) -> None:
    upright = Image.fromarray(scenery(3, (320, 200)))
    stored = upright if turn == 1 else upright.transpose(TURNS[turn])
    path = tmp_path / f"x{suffix}"
    stored.save(path, exif=exif(orientation=turn))
    assert np.abs(load_upright(path).astype(int) - np.asarray(upright)).mean() < 12
    assert load_rgb(path).shape == (200, 320, 3)
    found = read(path)
    assert (found.width, found.height) == (320, 200)
    thumb = tmp_path / "thumb.jpg"
    thumb.write_bytes(found.thumb)
    assert Image.open(thumb).size == (320, 200)


def test_a_large_jpeg_is_decoded_scaled(tmp_path: Path) -> None:
    path = photo(tmp_path / "x.jpg", size_wh=(4000, 3000), orientation=6)
    image = opened(*read_bytes(path))
    rgb = pixels(image, 640)
    assert image.size[0] <= 1000, "the decoder was told to skip what is finer"
    assert 640 <= max(rgb.shape[:2]) < 1280
    assert rgb.shape[0] > rgb.shape[1]
    found = read(path)
    assert (found.width, found.height) == (3000, 4000)
    assert found.rendition is None
    full = read(photo(tmp_path / "y.png", size_wh=(1000, 750)))
    assert full.luma_mean == pytest.approx(found.luma_mean, abs=15)


def test_the_time_is_the_cameras(tmp_path: Path) -> None:
    def taken(**kind: str) -> float | None:
        return read(photo(tmp_path / "x.jpg", **kind)).taken_s

    first = taken(taken="2024:05:01 10:00:01")
    assert first is not None
    assert taken(taken="2024:05:01 10:00:01", fraction="25") == pytest.approx(first + 0.25)
    assert taken() is None
    assert taken(taken="0000:00:00 00:00:00") is None
    assert taken(taken="nonsense") is None


def test_a_rating_written_into_a_jpeg_leaves_it_the_same_picture(tmp_path: Path) -> None:
    path = photo(tmp_path / "x.jpg", taken="2024:05:01 10:00:01")
    before = read(path).key
    data = path.read_bytes()
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmp:Rating='5'/>"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + data[2:])
    assert read(path).key == before
    assert read(photo(tmp_path / "y.jpg", seed=2)).key != before
    assert read(photo(tmp_path / "z.jpg", orientation=3)).key != before


def test_odd_kinds_of_pixels_are_read(tmp_path: Path) -> None:
    rgb = Image.fromarray(scenery(4, (200, 150)))
    deep = (np.asarray(rgb.convert("L")).astype(np.uint16)) * 257
    clear = rgb.copy().convert("RGBA")
    clear.putalpha(0)
    made = {
        "cmyk.jpg": rgb.convert("CMYK"),
        "grey.jpg": rgb.convert("L"),
        "deep.png": Image.fromarray(deep),
        "deep.tif": Image.fromarray(deep),
        "palette.png": rgb.quantize(32),
        "clear.png": clear,
        "bit.png": rgb.convert("1"),
    }
    for name, image in made.items():
        image.save(tmp_path / name)
        got = load_upright(tmp_path / name)
        assert got.shape == (150, 200, 3), name
        assert got.dtype == np.uint8
    grey = np.asarray(rgb.convert("L"), int)
    assert np.abs(load_upright(tmp_path / "deep.png")[..., 0].astype(int) - grey).max() <= 1
    assert load_upright(tmp_path / "clear.png").min() == 255


def test_a_colour_profile_is_followed(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo(tmp_path / "x.jpg", save={"icc_profile": lab, "quality": 95})
    photo(tmp_path / "y.jpg", save={"icc_profile": b"broken", "quality": 95})
    same = np.abs(load_upright(tmp_path / "x.jpg").astype(int) - load_upright(tmp_path / "y.jpg"))
    assert same.mean() < 1


def test_what_browsers_do_not_show_gets_a_jpeg(tmp_path: Path) -> None:
    assert read(photo(tmp_path / "x.tif")).rendition is not None
    assert read(photo(tmp_path / "x.png", orientation=6)).rendition is not None
    for name in ("x.jpg", "y.png", "z.webp"):
        assert read(photo(tmp_path / name)).rendition is None


def test_bad_files_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    folder = shoot(tmp_path)
    for name, words in BAD.items():
        with pytest.raises(ImageUnreadable, match=words):
            read(folder / name)
    (folder / "x.cr2").write_bytes(b"II*\0")
    with pytest.raises(ImageUnreadable, match="RAW"):
        read(folder / "x.cr2")
    with pytest.raises(ImageUnreadable, match="at most 120 million"):
        read(bomb(folder / "large.png", 12_000))
    with pytest.raises(ImageUnreadable, match=r"gone\.jpg: cannot be read"):
        load_upright(folder / "gone.jpg")


@pytest.mark.parametrize("cut", range(2, 700, 23))
def test_no_cut_jpeg_raises_anything_else(tmp_path: Path, cut: int) -> None:
    whole = photo(tmp_path / "x.jpg", size_wh=(64, 48), taken="2024:05:01 10:00:01").read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[:cut])
    with pytest.raises(ImageUnreadable):
        read(path)


def test_formats_are_told_by_their_first_bytes() -> None:
    assert formats.found(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == formats.HEIF
    assert formats.found(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif") == formats.AVIF
    assert formats.found(b"\0\0\0\x18ftypisom\0\0\0\0isommp42") is None
    assert formats.promised(".JPG") == formats.JPEG
    assert formats.promised(".txt") is None


def test_places_stay_when_others_come_between() -> None:
    assert places([None, None]) == [GAP, 2 * GAP]
    assert places([GAP, None, 2 * GAP, None]) == [GAP, GAP + GAP // 2, 2 * GAP, 3 * GAP]
    assert places([None, 8]) == [4, 8]
    assert places([4, None, 5]) == [GAP, 2 * GAP, 3 * GAP], "no room: all anew"
    assert places([5, 4]) == [GAP, 2 * GAP]
    assert places([]) == []


def test_times_and_scenes() -> None:
    assert times_s([100.0, 101.5, None, None]) == [0.0, 1.5, 2.5, 3.5]
    assert times_s([None, None]) == [0.0, 1.0]
    assert scenes([0.0, 5.0, 60.0, None, None]) == [(0, 1), (2, 2), (3, 3), (4, 4)]
    assert scenes([]) == []
