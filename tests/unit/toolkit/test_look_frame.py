"""frame: sizes, fillings, trimming, and where boxes go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.cli.toolkit import main
from curation.cli.undo import main as undo
from curation.errors import InputError, ParamError
from curation.toolkit.frame import FrameParams, border, geometry, margin_px
from tests.photos import bomb
from tests.unit.toolkit.look import beside, names, picture, ramp, read, run, tree


def pixels(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    ("settings", "cut", "scaled", "at", "size"),
    [
        ({"width": 20}, (0, 0, 40, 30), (20, 15), (0, 0), (20, 15)),
        ({"height": 60}, (0, 0, 40, 30), (80, 60), (0, 0), (80, 60)),
        ({"width": 9, "height": 9, "mode": "stretch"}, (0, 0, 40, 30), (9, 9), (0, 0), (9, 9)),
        ({"width": 30, "height": 30}, (5, 0, 35, 30), (30, 30), (0, 0), (30, 30)),
        (
            {"width": 30, "height": 30, "gravity": "left"},
            (0, 0, 30, 30), (30, 30), (0, 0), (30, 30),
        ),
        (
            {"width": 40, "height": 40, "mode": "pad"}, (0, 0, 40, 30), (40, 30), (0, 5), (40, 40),
        ),
        (
            {"width": 40, "height": 40, "mode": "pad", "gravity": "bottom", "margin": "25%"},
            (0, 0, 40, 30), (20, 15), (10, 15), (40, 40),
        ),
    ],
)  # fmt: skip
def test_geometry(settings: Any, cut: Any, scaled: Any, at: Any, size: Any) -> None:
    found = geometry((40, 30), FrameParams(**settings))
    assert (found.cut, found.scaled_wh, found.at_xy, found.size_wh) == (cut, scaled, at, size)


def test_a_crop_keeps_its_pixels_and_its_boxes(tmp_path: Path) -> None:
    was = picture(tmp_path / "in" / "a.png")
    beside(
        was,
        source="x",
        metrics={"blur": 1},
        classes={"cup": [{"score": 0.5, "box": [0, 0, 20, 10]}], "car": []},
    )
    done = run(tmp_path, "frame", from_dirs="in", to="out", width=30, height=30)
    assert done["done"] == 1 and not done["failed_items"]
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), ramp((40, 30))[:, 5:35])
    made = read(tmp_path / "out" / "a.png")
    assert made["classes"] == {"cup": [{"score": 0.5, "box": [0, 0, 15, 10]}], "car": []}
    assert made["source"] == "x" and "metrics" not in made and made["from_file"] == "in/a.png"


@pytest.mark.parametrize("fill", ["color", "edge", "reflect", "blur"])
def test_padding(tmp_path: Path, fill: str) -> None:
    picture(tmp_path / "in" / "a.png")
    run(
        tmp_path, "frame", from_dirs="in", to="out", width=40, height=50, mode="pad", fill=fill,
        fill_color="#102030",
    )  # fmt: skip
    made = pixels(tmp_path / "out" / "a.png")
    was = ramp((40, 30))
    assert made.shape == (50, 40, 3) and np.array_equal(made[10:40], was)
    above = {"color": [16, 32, 48], "edge": was[0, 7], "reflect": was[1, 7]}
    if fill in above:
        assert made[9, 7].tolist() == list(above[fill])


def test_trim_moves_boxes_and_leaves_one_colour_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    wide = np.zeros((60, 60, 3), np.uint8)
    wide[20:40, 10:50] = 200
    Image.fromarray(wide).save(tmp_path / "in" / "a.png")
    beside(tmp_path / "in" / "a.png", classes={"cup": [{"score": 1, "box": [10, 20, 30, 30]}]})
    Image.new("RGB", (30, 20), "red").save(tmp_path / "in" / "b.png")
    run(tmp_path, "frame", from_dirs="in", to="out", width=80, trim=True)
    assert Image.open(tmp_path / "out" / "a.png").size == (80, 40)
    assert read(tmp_path / "out" / "a.png")["classes"]["cup"][0]["box"] == [0, 0, 40, 20]
    assert Image.open(tmp_path / "out" / "b.png").size == (80, 53)
    assert border(wide, 8) == (10, 20, 50, 40)


def test_exif_alpha_cmyk_and_bad_files(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    turned = picture(tmp_path / "in" / "turned.jpg", exif=exif)
    beside(turned, classes={"cup": [{"score": 1, "box": [0, 0, 30, 20]}]})
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "in" / "clear.png")
    Image.new("CMYK", (20, 20), (0, 0, 0, 0)).save(tmp_path / "in" / "cmyk.jpg")
    Image.fromarray(np.full((20, 20), 32768, np.uint16)).save(tmp_path / "in" / "deep.png")
    Image.new("P", (20, 20)).save(tmp_path / "in" / "moving.gif")
    bomb(tmp_path / "in" / "bomb.png")
    (tmp_path / "in" / "cut.jpg").write_bytes(turned.read_bytes()[:500])
    done = run(tmp_path, "frame", from_dirs="in", to="out", width=10)
    assert {item["item"] for item in done["failed_items"]} == {"in/bomb.png", "in/cut.jpg"}
    made = tmp_path / "out"
    assert names(made) == ["clear.png", "cmyk.jpg", "deep.png", "moving.png", "turned.jpg"]
    with Image.open(made / "turned.jpg") as image:
        assert image.size == (10, 13) and image.getexif().get(0x0112, 1) == 1
        assert image.getexif()[0x010F] == "maker"
    assert read(made / "turned.jpg")["classes"]["cup"][0]["box"] == [0, 0, 10, 6]
    with Image.open(made / "clear.png") as image:
        assert image.mode == "RGBA" and image.getpixel((3, 3))[3] == 0  # type: ignore[index]
    assert np.asarray(Image.open(made / "cmyk.jpg"))[0, 0].tolist() == [255, 255, 255]
    assert abs(int(np.asarray(Image.open(made / "deep.png")).ravel()[0]) - 127) <= 1


def test_twice_dry_and_back(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.jpg")
    picture(tmp_path / "more" / "a.jpg", (50, 50))
    before = tree(tmp_path)
    words = ["-d", str(tmp_path), "--from", "in,more", "--to", "out", "-W", "16", "-H", "16"]
    assert main("frame", [*words, "--dry-run"]) == 0
    assert tree(tmp_path) == before and not (tmp_path / "out").exists()
    assert main("frame", words) == 0
    assert names(tmp_path / "out") == ["a.jpg", "a_2.jpg"]
    after = tree(tmp_path)
    assert run(tmp_path, "frame", from_dirs="in,more", to="out", width=16, height=16)["done"] == 0
    assert tree(tmp_path) == after
    assert undo(["-d", str(tmp_path)]) == 0
    assert tree(tmp_path) == before and not (tmp_path / "out").exists()


def test_usage(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    with pytest.raises(ParamError, match="no size"):
        run(tmp_path, "frame", from_dirs="in", to="out")
    with pytest.raises(ParamError, match="mode pad"):
        run(tmp_path, "frame", from_dirs="in", to="out", width=9, margin="2")
    with pytest.raises(ParamError, match="no colour"):
        run(tmp_path, "frame", from_dirs="in", to="out", width=9, fill_color="blurple")
    with pytest.raises(InputError, match="among --from"):
        run(tmp_path, "frame", from_dirs="in", to="in", width=9)
    with pytest.raises(ParamError, match="leaves nothing"):
        margin_px("50%", 10, 20)
    assert (margin_px("", 9, 9), margin_px("10%", 40, 90), margin_px("3", 40, 90)) == (0, 4, 3)


@pytest.mark.parametrize("mode", ["crop", "stretch", "pad"])
def test_no_rounding_leads_out_of_a_picture(mode: Any) -> None:
    for side in range(1, 700):
        for new in ((128, 128), (96, 160), (512, 384)):
            params = FrameParams(width=new[0], height=new[1], mode=mode)
            for size in ((side, side), (side, 301)):
                cut = geometry(size, params).cut
                assert 0 <= cut[0] < cut[2] <= size[0]
                assert 0 <= cut[1] < cut[3] <= size[1]
