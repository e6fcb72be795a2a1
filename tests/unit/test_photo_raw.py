"""RAW and HEIC: read upright, alike by all, with the camera's time; bad ones say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.errors import ImageUnreadable
from curation.photos import head, tiff_tags
from curation.photos.decode import load_upright, opened, read_bytes, upright_size
from curation.photos.picture import look, read
from tests.dng import dng
from tests.photos import exif
from tests.unit.pictures import scenery

STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What the sensor saw of an upright picture, by orientation."""


def shot(path: Path, turn: int, preview_px: int | None, **said: str) -> np.ndarray:
    """Write a RAW file of a scene and return the scene as it was, upright."""
    upright = Image.fromarray(scenery(3, (1200, 800)))
    way = STORED[turn]
    lay = upright if way is None else upright.transpose(way)
    dng(path, np.asarray(lay), preview_px=preview_px, orientation=turn, **said)
    return np.asarray(upright)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("preview_px", [1200, None, 160])
def test_every_orientation_becomes_upright(
    tmp_path: Path, turn: int, preview_px: int | None
) -> None:
    wanted = shot(tmp_path / "x.dng", turn, preview_px)
    found = load_upright(tmp_path / "x.dng")
    side = (1200, 800) if preview_px == 1200 else (600, 400)
    assert found.shape == (side[1], side[0], 3)
    small = np.asarray(Image.fromarray(wanted).resize((60, 40)), float)
    seen = np.asarray(Image.fromarray(found).resize((60, 40)), float)
    for channel in range(3):
        assert np.corrcoef(small[..., channel].ravel(), seen[..., channel].ravel())[0, 1] > 0.85
    image = opened(*read_bytes(tmp_path / "x.dng"))
    assert upright_size(image) == (1200, 800), "of the whole picture, not of the preview"


def test_raw_is_read_as_any_other_picture(tmp_path: Path) -> None:
    upright = shot(
        tmp_path / "x.DNG", 6, 1200, taken="2024:05:01 10:00:01", subsec="25", offset="+02:00",
        serial="4711",
    )  # fmt: skip
    Image.fromarray(upright).save(tmp_path / "x.jpg", quality=92)
    seen = read(tmp_path / "x.DNG")
    assert (seen.kind, seen.width, seen.height) == ("RAW", 1200, 800)
    assert Image.open(_saved(tmp_path / "r.jpg", seen.rendition)).size == (1200, 800)
    assert Image.open(_saved(tmp_path / "t.jpg", seen.thumb)).size == (320, 213)
    taken = seen.look.capture
    assert (taken.make, taken.model, taken.serial) == ("Testcam", "T-1", "4711")
    assert taken.utc and taken.subsec and taken.offset_min == 120
    assert seen.taken_s == pytest.approx(taken.taken_s + 7200)
    assert taken == head.captured(tmp_path / "x.DNG")
    assert seen.look == look(*read_bytes(tmp_path / "x.DNG"))
    twin = read(tmp_path / "x.jpg")
    from tests.unit.test_photo_prints import far

    assert far(seen.look.print, twin.look.print)[0] <= 4


def _saved(path: Path, data: bytes | None) -> Path:
    assert data is not None
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.nef", b"II*\0" + bytes(400), "RAW"),
        ("x.cr2", b"II*\0", "RAW"),
        ("x.raf", b"FUJIFILMCCD-RAW " + bytes(500), "RAW"),
        ("x.arw", b"hello there, this is no picture", "is no picture"),
        ("x.orf", b"\xff\xd8\xff\xe0" + bytes(100), "holds JPEG, not RAW"),
        ("x.dng", b"", "is empty"),
    ],
)
def test_bad_raw_files_say_what_is_wrong(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageUnreadable, match=words):
        read(tmp_path / name)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_no_cut_raw_raises_anything_else(tmp_path: Path, share: float) -> None:
    shot(tmp_path / "x.dng", 1, None)
    whole = (tmp_path / "x.dng").read_bytes()
    (tmp_path / "cut.dng").write_bytes(whole[: int(len(whole) * share)])
    try:
        read(tmp_path / "cut.dng")
    except ImageUnreadable as error:
        assert "RAW" in error.message


def test_tags_of_other_makers_are_found(tmp_path: Path) -> None:
    shot(tmp_path / "x.dng", 1, None, taken="2024:05:01 10:00:01")
    data = (tmp_path / "x.dng").read_bytes()
    plain = tiff_tags.tags(data)
    assert plain[0x9003] == "2024:05:01 10:00:01" and plain[0x0110] == "T-1"
    assert tiff_tags.tags(b"IIRO" + data[4:]) == plain, "Olympus"
    assert tiff_tags.tags(b"IIU\0" + data[4:]) == plain, "Panasonic"
    assert tiff_tags.tags(b"FUJIFILM" + bytes(200) + b"Exif\0\0" + data) == plain
    assert tiff_tags.tags(bytes(4) + b"ftypcrx " + bytes(40) + b"CMT1" + data) == plain
    assert tiff_tags.tags(b"\0MRM" + bytes(40) + b"\0TTW\0\0\0\0" + data) == plain
    for cut in range(0, 700, 17):
        tiff_tags.tags(data[:cut])


def test_heic_is_upright_and_has_its_time(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(scenery(4, (640, 480)))
    picture.save(tmp_path / "a.heic", exif=exif("2024:05:01 10:00:01", 1, "5"))
    seen = read(tmp_path / "a.heic")
    assert (seen.kind, seen.width, seen.height) == ("HEIC", 640, 480)
    assert seen.look.capture.subsec and seen.rendition is not None
    assert head.captured(tmp_path / "a.heic") == seen.look.capture
    lay = picture.transpose(Image.Transpose.ROTATE_90)
    lay.save(tmp_path / "b.heic", exif=exif(orientation=6).tobytes())
    turned = read(tmp_path / "b.heic")
    assert (turned.width, turned.height) == (640, 480)
    from tests.unit.test_photo_prints import far

    assert far(seen.look.print, turned.look.print)[0] <= 4
