"""How what other programs pick is judged, and the page about it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest

from bench import peer_picks
from bench.pages import DOCS, put
from bench.peer_picks import Clip, Pick, judged, rows
from bench.peers import films, seen
from bench.peers.pickers import spread, told
from bench.peers.sheet import BOX, Cell, sheet
from bench.report import RESULTS
from tests.videos import clip


@pytest.mark.skipif(not peer_picks.ABOUT.is_file(), reason="no whole run has been written yet")
def test_the_page_of_peers_agrees_with_the_results() -> None:
    results = json.loads((RESULTS / "peer_picks.json").read_text())
    about = json.loads(peer_picks.ABOUT.read_text())
    found = (DOCS / "peers.md").read_text()
    assert put(found, "facts", peer_picks.facts(results, about)) == found


def test_a_picture_is_found_among_the_frames_whatever_it_is_called(tmp_path: Path) -> None:
    path = clip("cfr25").path
    film = films.read(path)
    assert film.rate == 25
    capture = cv2.VideoCapture(str(path))
    for number in range(len(film.sharpness)):
        picture = capture.read()[1]
        if number == 17:
            smaller = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(tmp_path / "x.jpg"), smaller)
    pick = judged(tmp_path / "x.jpg", Clip(path, film, ((0.6, 0.7),)))
    assert pick.at_s == pytest.approx(17 / 25)
    assert pick.person


def test_softness_is_against_the_frames_around() -> None:
    sharpness = np.asarray([9.0, 5, 1, 5, 9, 9, 9, 9, 9, 2])
    film = films.Film(np.zeros((10, 4), np.float32), sharpness, rate=4)
    assert film.is_soft(2) and film.is_soft(9)
    assert not film.is_soft(0) and not film.is_soft(6)


def test_the_numbers_of_a_program(tmp_path: Path) -> None:
    film = films.Film(np.zeros((1, 1), np.float32), np.zeros(1), 25)
    among = [Clip(tmp_path / "with.mp4", film, ((0, 2),)), Clip(tmp_path / "without.mp4", film, ())]
    one, other = (imagehash.ImageHash(np.full((8, 8), bit)) for bit in (True, False))
    picks = {
        "with.mp4": [Pick(tmp_path, 0.0, True, False, one), Pick(tmp_path, 0.2, True, True, one),
                     Pick(tmp_path, 3.0, False, False, other)],
        "without.mp4": [Pick(tmp_path, 0.0, False, True, one)],
    }  # fmt: skip
    values = [(row.value, row.n) for row in rows("it", picks, among, "")]
    assert values == [(0.5, 8), (0.5, 4), (1, 1), (1 / 3, 3), (1 / 3, 3), (0.5, 4)]
    empty = {"with.mp4": [], "without.mp4": []}
    assert [row.n for row in rows("it", empty, among, "")] == [8, 0, 1, 0, 0, 0]


def test_who_has_seen_whom(tmp_path: Path) -> None:
    labels = tmp_path / "LABELS.csv"
    assert seen.spans(Path("bikes.mp4"), labels) == seen.PEOPLE["bikes.mp4"]
    assert seen.spans(Path("of_somebody.mp4"), labels) is None
    labels.write_text("file,kind\nof_somebody.mp4,real\n")
    assert seen.spans(Path("of_somebody.mp4"), labels) == ((0, seen.END),)
    assert not seen.shows_person(2.0, seen.PEOPLE["bikes.mp4"])


def test_what_a_program_says_when_it_fails() -> None:
    assert told("starting\n\x1b[31m│ Error: no model │\x1b[0m\nbye\n") == "Error: no model"
    assert told("one\ntwo\n") == "two"
    assert told("") == "it said nothing"


def test_pictures_are_spread() -> None:
    paths = [Path(str(number)) for number in range(10)]
    assert [path.name for path in spread(paths, 2)] == ["2", "7"]
    assert spread(paths[:2], 4) == paths[:2]


def test_the_sheet_has_a_place_for_every_pick(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), 200, np.uint8))
    cells = {"x.mp4": [Cell(picture, True)], "y.mp4": []}
    sheet({"ours": cells, "a program with a long name": cells}, 2, tmp_path / "sheet.png")
    drawn = cv2.imread(str(tmp_path / "sheet.png"))
    assert drawn.shape[1] > 4 * BOX[0]
