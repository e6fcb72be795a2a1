"""format and augment: what is kept, what is lost, how results are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from curation.errors import ParamError
from tests.unit.toolkit.look import beside, names, picture, ramp, read, run, tree


def test_formats_and_equal_stems(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "a.jpg")
    picture(tmp_path / "in" / "b [1] ü.PNG")
    beside(
        tmp_path / "in" / "a.jpg",
        metrics={"blur": 2},
        classes={"cup": [{"score": 1, "box": [1, 2, 3, 4]}]},
    )
    done = run(tmp_path, "format", from_dirs="in", to="out", format="webp")
    assert done["done"] == 3
    assert names(tmp_path / "out") == ["a.webp", "a_2.webp", "b [1] ü.webp"]
    assert read(tmp_path / "out" / "a.webp")["from_file"] == "in/a.jpg"
    made = read(tmp_path / "out" / "a.webp")
    assert "metrics" not in made and made["classes"]["cup"][0]["box"] == [1, 2, 3, 4]
    after = tree(tmp_path)
    assert run(tmp_path, "format", from_dirs="in", to="out", format="webp")["done"] == 0
    assert tree(tmp_path) == after


def test_metadata_stays_unless_stripped(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 3
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(tmp_path / "in" / "a.jpg", exif=exif, icc_profile=icc, comment=b"hello")
    run(tmp_path, "format", from_dirs="in", to="kept", format="png")
    run(tmp_path, "format", from_dirs="in", to="bare", format="jpg", strip_metadata=True)
    with Image.open(tmp_path / "kept" / "a.png") as image:
        assert image.getexif()[0x010F] == "maker" and 0x0112 not in image.getexif()
        assert image.info["icc_profile"] == icc
        assert np.asarray(image)[0, 0, 0] > 240, "it is turned upright"
    with Image.open(tmp_path / "bare" / "a.jpg") as image:
        assert not image.getexif() and not {"icc_profile", "comment"} & set(image.info)


def test_a_stripped_picture_keeps_its_colours(tmp_path: Path) -> None:
    """A profile in which red and green are swapped: without it, pixels must change."""
    (tmp_path / "in").mkdir()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    r, g = lab.index(b"rXYZ"), lab.index(b"gXYZ")
    icc = bytearray(lab)
    icc[r : r + 4], icc[g : g + 4] = b"gXYZ", b"rXYZ"
    Image.new("RGBA", (8, 8), (255, 0, 0, 90)).save(
        tmp_path / "in" / "a.png", icc_profile=bytes(icc)
    )
    run(tmp_path, "format", from_dirs="in", to="out", strip_metadata=True)
    r, g, b, a = np.asarray(Image.open(tmp_path / "out" / "a.png"))[0, 0]
    assert g > 250 and r < 5 and b < 5 and a == 90


@pytest.mark.parametrize(
    ("settings", "mode", "value"),
    [
        ({"format": "png"}, "RGBA", [255, 0, 0, 0]),
        ({"format": "jpg"}, "RGB", [255, 255, 255]),
        ({"format": "png", "channels": "rgb", "background": "#0000ff"}, "RGB", [0, 0, 255]),
        ({"format": "png", "channels": "grayscale", "background": "black"}, "L", 0),
    ],
)
def test_alpha(tmp_path: Path, settings: dict[str, Any], mode: str, value: Any) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "in" / "a.png")
    run(tmp_path, "format", from_dirs="in", to="out", **settings)
    with Image.open(next((tmp_path / "out").glob("a.???"))) as image:
        assert image.mode == mode and np.asarray(image)[0, 0].tolist() == value


def test_bad_pictures_and_other_formats(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.gif")
    picture(tmp_path / "in" / "b.bmp")
    picture(tmp_path / "in" / "c.tiff")
    (tmp_path / "in" / "d.jpg").write_bytes(b"text")
    (tmp_path / "in" / "e.png.json").write_text("{")
    picture(tmp_path / "in" / "e.png")
    done = run(tmp_path, "format", from_dirs="in", to="out")
    assert names(tmp_path / "out") == ["a.png", "b.bmp", "c.tiff"]
    assert [item["item"] for item in done["failed_items"]] == ["in/d.jpg", "in/e.png"]
    assert (tmp_path / "in" / "e.png.json").read_text() == "{"


def test_augment(tmp_path: Path) -> None:
    was = picture(tmp_path / "in" / "a.png")
    beside(was, license="cc0", classes={"cup": [{"score": 1, "box": [0, 0, 10, 5]}]})
    done = run(
        tmp_path, "augment", from_dirs="in", to="out", flip_x=True, flip_y=True, flip_xy=True
    )
    assert done["done"] == 4
    assert names(tmp_path / "out") == ["a.png", "a_flipX.png", "a_flipXY.png", "a_flipY.png"]
    for ending, way, box in (
        ("X", np.s_[:, ::-1], [30, 0, 40, 5]),
        ("Y", np.s_[::-1], [0, 25, 10, 30]),
        ("XY", np.s_[::-1, ::-1], [30, 25, 40, 30]),
    ):
        made = tmp_path / "out" / f"a_flip{ending}.png"
        assert np.array_equal(np.asarray(Image.open(made)), ramp((40, 30))[way])
        assert read(made)["classes"]["cup"][0]["box"] == box and read(made)["license"] == "cc0"


def test_augment_in_place_is_done_once(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    for _ in range(2):
        done = run(tmp_path, "augment", from_dirs="in", to="in", flip_x=True)
        assert names(tmp_path / "in") == ["a.png", "a_flipX.png"]
    assert done["done"] == 0
    run(tmp_path, "augment", from_dirs="in", to="out", flip_y=True, no_copy=True)
    assert "a.png" not in names(tmp_path / "out")
    with pytest.raises(ParamError, match="--flipX"):
        run(tmp_path, "augment", from_dirs="in", to="out")
