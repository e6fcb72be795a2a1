"""Crops are looked through, moved, accepted and refused by keyboard; they last."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.crops import CropRow, CropTable
from tests.browser.conftest import ROOT, SHOTS, Seen, Server
from tests.burst_photos import shoot
from tests.headless.toolkit_cases import face_frames

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect

RATIOS = ["1:1", "4:5", "2:3", "16:9"]
READY = "ws.mode === 'crop' && ws.crops.crop && !ws.crops.waiting"


@pytest.fixture(scope="session")
def proposed_once(
    tmp_path_factory: pytest.TempPathFactory, sample_clips: list[Path], weights_dir: Path
) -> Path:
    folder = tmp_path_factory.mktemp("crops") / "walk"
    shoot(folder, 1, 2, alone=0)
    clip = next(path for path in sample_clips if "carphone" in path.name)
    image = Image.fromarray(face_frames(clip, 3)[1])
    image.resize((1056, 864), Image.Resampling.LANCZOS).save(folder / "A_man.jpg", quality=95)
    for words in (("crops", str(folder), "--no-json"), ("review", str(folder), "--no-serve")):
        command = [sys.executable, "-m", "curation", *words, "--json"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["pictures"] == 3
    return folder


@pytest.fixture
def served(proposed_once: Path, tmp_path: Path) -> Iterator[Server]:
    walk = Path(shutil.copytree(proposed_once, tmp_path / "walk"))
    made = Server(walk / OUR_FOLDER)
    made.start()
    yield made
    made.kill()
    text = made.log.read_text()
    assert "Traceback" not in text, text


@pytest.fixture
def desk(page: Any, served: Server) -> Iterator[Any]:
    seen = Seen(page, served.url)
    made = Desk(page, served.url, served.datastore)
    made.open()
    yield made
    seen.nothing_bad()


def stored(desk: Any) -> dict[str, CropRow]:
    """Return the crops of the frame under the cursor as they are in the catalogue."""
    catalogue = Catalogue(desk.datastore)
    try:
        table = CropTable(catalogue)
        found = table.picture(desk.frame)
        assert found is not None
        return table.of([found[0]]).get(found[0], {})
    finally:
        catalogue.close()


def saved(desk: Any) -> None:
    desk.until(READY)  # no timer waits to save any more
    desk.page.evaluate("() => document.querySelector('.rv').workspace.crops.saving")


def test_crops_by_keyboard_alone(desk: Any, served: Server) -> None:
    desk.until("ws.view.count === 3")
    desk.press("Home", "Shift+R")
    desk.until(READY)
    first = stored(desk)
    assert set(RATIOS) < set(first)
    assert desk.read("document.activeElement.closest('.rv-crop') !== null")
    assert [crop["ratio"] for crop in desk.read("ws.crops.told.crops")][:4] == RATIOS
    SHOTS.mkdir(exist_ok=True)
    desk.page.screenshot(path=str(SHOTS / "crops.png"))
    # The first shape is accepted as it is.
    assert desk.read("ws.crops.crop.ratio") == "1:1"
    desk.press("Enter")
    desk.until("ws.crops.crop.ratio === '4:5'")
    saved(desk)
    now = stored(desk)["1:1"]
    assert now.verdict == "accepted" and now.px == first["1:1"].px and not now.by_hand
    # The second is moved and made smaller, then accepted.
    was = first["4:5"].px
    desk.press("-", "-", "ArrowLeft", "ArrowDown", "ArrowDown", "Shift+ArrowRight")
    shown = desk.read("ws.crops.crop.px")
    desk.press("Enter")
    desk.until("ws.crops.crop.ratio === '2:3'")
    saved(desk)
    now = stored(desk)["4:5"]
    assert now.by_hand and now.verdict == "accepted" and list(now.px) == shown
    assert now.px[2] < was[2] and now.px[2] * 5 == now.px[3] * 4
    # The third is refused, and that is taken back.
    desk.press("x")
    desk.until("ws.crops.crop.ratio === '16:9'")
    saved(desk)
    assert stored(desk)["2:3"].verdict == "refused"
    desk.press("Control+z")
    saved(desk)
    desk.until("ws.crops.told.crops[2].verdict !== 'refused'")
    assert stored(desk)["2:3"].verdict == first["2:3"].verdict
    # R goes round the shapes, Page Down on to the next frame, where a person goes on.
    assert desk.read("ws.crops.crop.ratio") == "2:3"
    desk.press("r")
    desk.until("ws.crops.crop.ratio === '16:9'")
    desk.press("Shift+R")
    desk.until("ws.crops.crop.ratio === '2:3'")
    frame = desk.frame
    desk.press("PageDown")
    desk.until(f"ws.table.frameId[ws.row] !== {frame} && {READY}")
    # A server that is killed and comes back knows all of it.
    desk.page.goto("about:blank")  # a page that asks a dead server says so in its console
    served.kill()
    served.start()
    desk.open()
    desk.press("Home", "Shift+R")
    desk.until(READY)
    assert desk.read("ws.crops.told.crops[1].px") == shown
    verdicts = desk.read("ws.crops.told.crops.map((crop) => crop.verdict)")
    assert verdicts[:2] == ["accepted", "accepted"]


def test_a_hand_moves_and_sizes_a_crop(desk: Any) -> None:
    desk.press("Home", "Shift+R")
    desk.until(READY)
    before = desk.read("ws.crops.crop.px")
    box = desk.page.locator(".cr-corner").bounding_box()
    x, y = box["x"] + 12, box["y"] + 12
    mouse = desk.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 80, y - 80, steps=4)
    mouse.up()
    saved(desk)
    smaller = desk.read("ws.crops.crop.px")
    assert smaller[:2] == before[:2] and smaller[2] < before[2] and smaller[2] == smaller[3]
    place = desk.page.locator(".cr-box").bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 30, y + 20, steps=4)
    mouse.up()
    desk.until(f"ws.crops.crop.px[0] > {smaller[0]}")
    saved(desk)
    moved = desk.read("ws.crops.crop.px")
    assert moved[2:] == smaller[2:]
    assert list(stored(desk)["1:1"].px) == moved and stored(desk)["1:1"].by_hand
    # What was proposed comes back: what the look at the folder saw is kept.
    desk.press("Backspace")
    desk.until("ws.crops.crop.px && !ws.crops.crop.by_hand")
    assert desk.read("ws.crops.crop.px") == before
    assert not stored(desk)["1:1"].by_hand
