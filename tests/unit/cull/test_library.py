"""The library of folders: photos with twins, read once, in one order, bad files apart."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.cull import home
from curation.cull.library import Library, library
from curation.engine.pictures import add_pictures
from curation.errors import InputError
from curation.photos import scan
from curation.store.catalogue import Catalogue
from curation.toolkit.verbs import Context
from curation.toolkit.workdir import WorkDir
from tests.dng import dng
from tests.photos import photo
from tests.unit.pictures import scenery

OLD_NS = 1_700_000_000_000_000_000


def context(folder: Path) -> Context:
    return Context(WorkDir(folder), Catalogue(folder / ".curation"), "group", workers=1)


def look(ctx: Context, *folders: Path, **kind: Any) -> tuple[Library, int]:
    """Return the library, and how many readings it took."""
    beats, readings = library(ctx, folders, **kind), 0
    while True:
        try:
            readings += bool(next(beats).note)
        except StopIteration as end:
            return end.value, readings


def settle(folder: Path) -> None:
    """Make files old enough that their time tells whether they changed."""
    for path in folder.rglob("*"):
        if path.is_file() and ".curation" not in path.parts:
            os.utime(path, ns=(OLD_NS, OLD_NS))


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shot")
    for n in (1, 2, 10):
        photo(folder / f"IMG_{n}.jpg", n, (320, 240), taken=f"2024:05:01 10:00:{n:02d}")
    raw = scenery(2, (320, 240))
    dng(folder / "IMG_2.DNG", raw, preview_px=320, taken="2024:05:01 10:00:02")
    dng(folder / "img_10.dng", raw, preview_px=320, taken="2023:01:01 10:00:02")
    dng(folder / "later" / "alone.dng", raw, preview_px=320)
    photo(folder / "later" / "IMG_3.png", 3, (320, 240))
    (folder / "IMG_1.MOV").write_bytes(b"moving")
    photo(folder / "_review_dupes" / "gone.jpg", 4)
    photo(folder / "_review" / "page.png", 5)
    photo(folder / ".hidden" / "h.jpg", 6)
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("none either")
    settle(folder)
    return folder


@pytest.fixture
def folder(shot: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shot, tmp_path / "shot"))


def names(found: Library) -> list[str]:
    return [photo.path.name for photo in found.photos]


def test_photos_come_with_their_twins_in_natural_order(folder: Path) -> None:
    found, _ = look(context(folder), folder)
    assert names(found) == [
        "IMG_1.jpg", "IMG_2.jpg", "img_10.dng", "IMG_10.jpg", "alone.dng", "IMG_3.png"
    ]  # fmt: skip
    files = {photo.path.name: [file.name for file in photo.files] for photo in found.photos}
    assert files["IMG_1.jpg"] == ["IMG_1.jpg", "IMG_1.MOV"]
    assert files["IMG_2.jpg"] == ["IMG_2.jpg", "IMG_2.DNG"]
    assert files["IMG_10.jpg"] == ["IMG_10.jpg"], "its namesake is of another year"
    assert [photo.has_raw for photo in found.photos] == [False, True, True, False, True, False]
    assert {path.name: why for path, why in found.failed.items()} == {
        "bad.jpg": "is no picture: its first bytes are not those of JPEG"
    }
    second = found.photos[1]
    assert (second.width, second.height, second.kind) == (320, 240, "JPEG")
    assert second.capture.number == 2 and second.capture.source == "exif"
    assert found.photos[4].capture.source == "mtime"
    assert len(found.prints) == 6
    assert not found.prints.flat.any()
    assert int(np.bitwise_count(found.prints.phash[1] ^ found.prints.phash[2])) <= 4


def test_nothing_is_read_twice(folder: Path) -> None:
    ctx = context(folder)
    first, readings = look(ctx, folder)
    assert readings == 7
    again, readings = look(ctx, folder)
    assert readings == 1, "only the one that could not be read"
    assert again.photos == first.photos and (again.prints.wide["dhash"] == first.prints.wide[
        "dhash"
    ]).all()
    (folder / "IMG_2.jpg").rename(folder / "IMG_77.jpg")
    moved, readings = look(ctx, folder)
    assert "IMG_77.jpg" in names(moved)
    # The bad one, the moved one for its content; its twin, now alone, has the size and time of
    # another: first its content is looked at, then the picture.
    assert readings == 4
    forced, readings = look(ctx, folder, force=True)
    assert readings == 8 and forced.photos == moved.photos


def test_what_the_review_has_read_is_not_read_again(folder: Path) -> None:
    ctx = context(folder)
    for _ in add_pictures(ctx.catalogue, folder, workers=1):
        pass
    found, readings = look(ctx, folder)
    assert readings == 1, "only the one that could not be read"
    fresh = shutil.copytree(folder, folder.parent / "fresh", ignore=lambda *_: {".curation"})
    plain, _ = look(context(Path(fresh)), Path(fresh))
    assert [p.key for p in plain.photos] == [p.key for p in found.photos]
    assert (plain.prints.turned == found.prints.turned).all()
    assert (plain.prints.sharp == found.prints.sharp).all()


def test_reference_folders_are_read_and_marked(folder: Path) -> None:
    ctx = context(folder)
    found, _ = look(ctx, folder, reference=(folder / "later",))
    assert [photo.reference for photo in found.photos] == [False] * 4 + [True] * 2
    turned, _ = look(ctx, folder / "later", folder)
    assert names(turned) == names(found), "whatever the order of the folders"
    assert not (folder / "later" / ".curation").exists()
    with pytest.raises(InputError, match="is not a folder"):
        look(ctx, folder / "nowhere")


def test_a_link_out_of_the_folder_is_left_alone(folder: Path, tmp_path: Path) -> None:
    secret = photo(tmp_path / "secret.jpg", 11)
    (folder / "link.jpg").symlink_to(secret)
    found, _ = look(context(folder), folder)
    assert "links" in found.failed[folder / "link.jpg"]


def test_names_of_folders_agree() -> None:
    assert set(scan.LEFT_OUT) == {home.DUPES, home.REPORTS}
