"""A folder of pictures as rows: in order, kept in step with what is on disk, never touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.errors import CurationError
from curation.params import ExtractParams
from curation.store.album_views import AlbumViews
from curation.store.columns import load
from curation.studio import Studio
from tests import videos
from tests.photos import BAD, photo, shoot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shoot(tmp_path / "walk")


@pytest.fixture
def studio(folder: Path) -> Iterator[Studio]:
    made = Studio(folder / ".curation")
    yield made
    made.close()


def add(studio: Studio, folder: Path) -> dict[str, Any]:
    """Return the summary of reading a folder."""
    beats = list(studio.add_pictures(folder, workers=1))
    assert beats[-1].summary is not None
    return dict(beats[-1].summary)


def names(studio: Studio) -> dict[str, int]:
    """Return file name -> frame id of the sampled pictures, in their order."""
    return {frame.path.name: frame.id for frame in studio.videos.frames()}


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".curation" not in path.parts
    }


def test_pictures_become_rows_and_are_not_touched(folder: Path, studio: Studio) -> None:
    before = state(folder)
    summary = add(studio, folder)
    assert summary["pictures"] == summary["added"] == 7
    reasons = {Path(i["item"]).name: i["reason"] for i in summary["failed_items"]}
    assert reasons.keys() == BAD.keys()
    assert all(words in reasons[name] for name, words in BAD.items())
    assert list(names(studio)) == "b.jpg a.jpg c.png d.webp e.tif f2.jpg f10.jpg".split()
    columns = load(studio.catalogue)
    assert columns["time_s"].tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert columns["width"].tolist()[:2] == [600, 800]
    assert all(studio.packs.read(int(i)) for i in columns["frame_id"])
    assert [row["name"] for row in studio.videos.listing()] == ["walk", "walk/later"]
    assert state(folder) == before


def test_a_second_run_reads_nothing_twice(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    before, packs = names(studio), [p.stat() for p in (studio.root / "thumbs").iterdir()]
    summary = add(studio, folder)
    assert (summary["added"], summary["unchanged"], summary["failed"]) == (0, 7, 5)
    assert names(studio) == before
    assert [p.stat() for p in (studio.root / "thumbs").iterdir()] == packs


def test_pictures_that_come_go_change_and_are_renamed(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    first = names(studio)
    key = {f.id: f.key for f in studio.videos.frames()}
    photo(folder / "between.jpg", 8, taken="2024:05:01 10:00:01", fraction="5")
    (folder / "c.png").unlink()
    (folder / "d.webp").rename(folder / "renamed.webp")
    shutil.move(folder / "e.tif", folder / "later" / "e.tif")
    photo(folder / "later" / "f2.jpg", 9)
    summary = add(studio, folder)
    assert (summary["added"], summary["pictures"]) == (4, 7)
    now = names(studio)
    assert list(now) == "b.jpg between.jpg a.jpg renamed.webp e.tif f2.jpg f10.jpg".split()
    assert now["renamed.webp"] == first["d.webp"], "the same picture under another name"
    assert now["e.tif"] == first["e.tif"], "and in another folder"
    assert now["f2.jpg"] != first["f2.jpg"], "another picture under the same name"
    for frame in studio.videos.frames():
        if frame.path.name in ("a.jpg", "b.jpg", "f10.jpg"):
            assert frame.key == key[frame.id], "places stay"
    photo(folder / "c.png", 3)
    add(studio, folder)
    assert names(studio)["c.png"] == first["c.png"], "what comes back is known again"


def test_a_rating_in_the_file_keeps_the_frame(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    first = names(studio)
    data = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(data[:2] + b"\xff\xfe\x00\x06mine" + data[2:])
    assert add(studio, folder)["added"] == 1
    assert names(studio) == first


def test_two_copies_of_a_picture_are_two_rows(folder: Path, studio: Studio) -> None:
    shutil.copy(folder / "a.jpg", folder / "a copy.jpg")
    assert add(studio, folder)["pictures"] == 8
    assert len(set(names(studio).values())) == 8


def test_a_folder_may_move_with_its_datastore(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    first = names(studio)
    studio.close()
    moved = folder.rename(folder.with_name("elsewhere"))
    other = Studio(moved / ".curation")
    assert add(other, moved)["added"] == 0
    assert names(other) == first
    assert all(frame.path.is_file() for frame in other.videos.frames())
    other.close()


def test_a_whole_folder_that_went_is_no_longer_sampled(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    shutil.rmtree(folder / "later")
    assert add(studio, folder)["removed"] == 2
    assert "f2.jpg" not in names(studio)


def test_links_out_of_the_folder_and_raw_beside_jpeg(
    folder: Path, studio: Studio, tmp_path: Path
) -> None:
    secret = photo(tmp_path / "secret.jpg", 11)
    (folder / "link.jpg").symlink_to(secret)
    (folder / "a.NEF").write_bytes(b"II*\0raw")
    (folder / "alone.NEF").write_bytes(b"II*\0raw")
    add(studio, folder)
    failed = {path.name: why for path, why in AlbumViews(studio.catalogue).failures()}
    assert "links" in failed["link.jpg"]
    assert "RAW" in failed["alone.NEF"]
    assert "a.NEF" not in failed, "its JPEG stands for both"


def test_a_kill_in_the_middle_goes_on(folder: Path, studio: Studio, monkeypatch: Any) -> None:
    from curation.engine import pictures as driver

    monkeypatch.setattr(driver, "CHUNK", 2)
    beats = studio.add_pictures(folder, workers=1)
    for beat in beats:
        if beat.done >= 4:
            break
    beats.close()
    assert add(studio, folder)["pictures"] == 7
    assert list(names(studio)) == "b.jpg a.jpg c.png d.webp e.tif f2.jpg f10.jpg".split()


def test_extraction_leaves_pictures_alone(folder: Path, studio: Studio) -> None:
    add(studio, folder)
    before = names(studio)
    clip = folder / "clip.mp4"
    shutil.copy(videos.clip("cuts").path, clip)
    list(studio.extract([folder], ExtractParams(workers=1)))
    list(studio.extract([clip], ExtractParams(workers=1, fps=4)))
    after = names(studio)
    assert before.items() <= after.items()
    order = [f.video_id for f in studio.videos.frames()]
    assert sorted(order, key=order.index) == order, "a video of the folder is apart"


def test_no_folder_says_so(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="is not a folder"):
        add(studio, tmp_path / "nothing")


def test_names_that_are_no_text_are_told_and_cost_the_others_nothing(
    folder: Path, studio: Studio
) -> None:
    odd = os.fsencode(folder) + b"/b\xff\xfe.jpg"
    Path(os.fsdecode(odd)).write_bytes((folder / "a.jpg").read_bytes())
    inside = Path(os.fsdecode(os.fsencode(folder) + b"/\xe9t\xe9"))
    photo(inside / "plain.jpg", 9)
    for _ in range(2):
        summary = add(studio, folder)
        assert summary["pictures"] == 7
        reasons = {i["item"]: i["reason"] for i in summary["failed_items"]}
        assert summary["failed"] == len(BAD) + 2
        for name in ("/b\\xff\\xfe.jpg", "/\\xe9t\\xe9/plain.jpg"):
            assert "is no text: rename it" in reasons[f"{folder}{name}"]
