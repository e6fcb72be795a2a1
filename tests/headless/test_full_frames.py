"""--full-frames picks: the same rows, picks and picture bytes, and only the picks on disk."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from curation.store.catalogue import Catalogue
from curation.store.integrity import check
from tests.headless.runs import catalogue_rows, file_digests, run, run_json

RECIPE = ("--recipe", "recipes/small.yaml", "--workers", "2")
DIFFER = {"still_sum", "extraction", "output_file", "proxy"}
"""Tables that name the mode, or which files lie there."""


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, weights_dir: Path, sample_clips: list[Path]
) -> tuple[Path, Path]:
    """The datastores of both modes, of the same name: reports carry it."""
    made = []
    for mode in ("all", "picks"):
        datastore = tmp_path_factory.mktemp(mode) / "datastore"
        words = ("--full-frames", mode)
        first = run_json("01_extract.py", datastore, *sample_clips, *RECIPE, *words)
        assert first["failed_items"] == [] and (first.get("measured", 0) > 0) == (mode == "picks")
        assert list(datastore.glob("videos_folder_*/output_images_*/*.jpg")) == [] or mode == "all"
        told = run_json("02_sort.py", datastore, *RECIPE)
        assert (told["measured"] > 0) == (mode == "all")  # with picks it is done already
        assert told["failed_items"] == [] and (told["not_in_sorted"] > 0) == (mode == "picks")
        assert run_json("03_score_and_rank.py", datastore, *RECIPE[:2])["failed_items"] == []
        made.append(datastore)
    return made[0], made[1]


def test_every_number_and_every_pick_is_the_same(both: tuple[Path, Path]) -> None:
    full, picks = (catalogue_rows(datastore) for datastore in both)
    for name in full.keys() - DIFFER:
        assert full[name] == picks[name], name
    there, other = (json.loads((d / "datastore.json").read_text()) for d in both)
    assert there["frames"] == other["frames"]


def test_only_picks_lie_on_disk_and_their_bytes_are_the_same(both: tuple[Path, Path]) -> None:
    full, picks = (file_digests(datastore) for datastore in both)
    ranked = {name: digest for name, digest in full.items() if name.startswith("ranked/")}
    assert ranked and ranked == {n: d for n, d in picks.items() if n.startswith("ranked/")}
    stills = {name for name in picks if "/output_images_" in name}
    assert len(stills) == len(ranked) < len([n for n in full if "/output_images_" in n])
    assert all(picks[name] == full[name] for name in stills)
    assert {n: d for n, d in full.items() if n.startswith("thumbs/")} == {
        n: d for n, d in picks.items() if n.startswith("thumbs/")
    }
    assert not list(check(Catalogue(both[1])))


def test_small_pictures_and_native_faces_take_a_tenth(both: tuple[Path, Path]) -> None:
    full, picks = (
        sum(p.stat().st_size for p in d.rglob("*") if p.is_file() and "ranked" not in p.parts)
        for d in both
    )
    assert picks < full
    with sqlite3.connect(both[1] / "catalog.sqlite") as db:
        faces = db.execute("SELECT x0, y0, x1, y1 FROM proxy WHERE part = 1").fetchall()
    assert len(faces) > 5 and all(x1 > x0 >= 0 and y1 > y0 >= 0 for x0, y0, x1, y1 in faces)


def test_a_question_asked_again_is_measured_from_the_video(both: tuple[Path, Path]) -> None:
    words = ("--recipe", "recipes/small.yaml", "--face-score", "0.6")
    full, picks = (run_json("02_sort.py", datastore, *words) for datastore in both)
    assert full["measured"] == picks["measured"] > 0
    assert full["pools"] == picks["pools"] and picks["failed_items"] == []
    rows, other = (catalogue_rows(datastore) for datastore in both)
    for name in rows.keys() - DIFFER:
        assert rows[name] == other[name], name


def test_a_video_that_is_gone_is_a_reason_for_each_pick_without_its_picture(
    both: tuple[Path, Path],
) -> None:
    datastore = both[1]
    with sqlite3.connect(datastore / "catalog.sqlite") as db:
        path = Path(db.execute("SELECT path FROM video WHERE name = 'bikes.mp4'").fetchone()[0])
        db.execute("UPDATE video SET path = ? WHERE name = 'bikes.mp4'", (f"{path}.moved",))
    for still in datastore.glob("videos_folder_*/output_images_*/bikes*"):
        still.unlink()
    done = run("03_score_and_rank.py", datastore, *RECIPE[:2], "--json", "--strict")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert {"bikes.mp4.moved: is gone" in item["reason"] for item in told["failed_items"]} == {True}
    assert all("put the same file back" in item["reason"] for item in told["failed_items"])
