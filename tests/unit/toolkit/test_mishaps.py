"""What must not cost anybody a file: half moves, kills with edits between, links, left-overs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from curation.__main__ import main
from curation.errors import InputError
from curation.store.catalogue import Catalogue
from curation.store.file_journal import Op
from curation.toolkit.files import Files
from curation.web.toolkit_places import Places
from tests.unit.toolkit.trees import picture, sidecar_of, tree

OTHER_DISK = Path("/dev/shm")


def run(root: Path, verb: str, *words: str) -> int:
    return main([verb, "-d", str(root), *words])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(Catalogue(tmp_path / ".curation"))


def written(files: Files, ops: list[Op]) -> tuple[int, list[Op]]:
    number = files.journal.begin("test", [])
    return number, files.journal.group(number, ops)


def test_a_move_whose_second_half_fails_is_taken_back(tmp_path: Path, files: Files) -> None:
    src, dst = picture(tmp_path / "a.png"), tmp_path / "to/a.png"
    ops = [*files.parents(dst), files.put_copy(dst, src), files.removal(src)]  # as between disks
    number, ops = written(files, ops)
    edited = picture(src, 9).read_bytes()
    with pytest.raises(InputError, match="changed meanwhile"):
        files.carry_out(number, ops)
    assert src.read_bytes() == edited
    assert not dst.parent.exists()


@pytest.mark.skipif(
    not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == Path(__file__).stat().st_dev,
    reason="needs a second disk at /dev/shm",
)
def test_a_long_name_moves_to_another_disk_and_back(tmp_path: Path) -> None:
    if tmp_path.stat().st_dev == OTHER_DISK.stat().st_dev:
        pytest.skip("the temporary folder is on that disk")
    picture(tmp_path / "in" / ("n" * 240 + ".png"), source="me")
    before = tree(tmp_path)
    away = OTHER_DISK / f"curation-test-{os.getpid()}"
    try:
        assert run(tmp_path, "select", "--from", "in", "--to", str(away), "--move") == 0
        assert len(list(away.iterdir())) == 2 and not list((tmp_path / "in").iterdir())
        assert run(tmp_path, "undo") == 0
        assert tree(tmp_path) == before
    finally:
        for left in away.glob("*"):
            left.unlink()
        if away.is_dir():
            away.rmdir()


def test_a_name_taken_by_a_dangling_link_stops_picture_and_sidecar(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png", source="me")
    (tmp_path / "in/1.png").symlink_to("nowhere")
    run(tmp_path, "rename", "--from", "in")
    left = sorted(path.name for path in (tmp_path / "in").iterdir())
    assert left == ["1.png", "a.png", "a.png.json"]


def test_what_appears_after_a_kill_is_not_overwritten(tmp_path: Path, files: Files) -> None:
    dst = tmp_path / "out.txt"
    number, _ = written(files, [files.put_bytes(dst, b"ours")])  # killed here
    dst.write_bytes(b"theirs")
    files.recover()
    assert dst.read_bytes() == b"theirs"
    assert files.undo(number) == []
    assert dst.read_bytes() == b"theirs"


def test_what_is_edited_after_a_kill_is_not_removed(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(b"old")
    written(files, [files.removal(path)])  # killed here
    path.write_bytes(b"edited")
    files.recover()
    assert path.read_bytes() == b"edited"


def test_a_kept_content_does_not_follow_the_file_it_was_taken_from(
    tmp_path: Path, files: Files
) -> None:
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    one.write_bytes(b"same")
    two.write_bytes(b"same")
    files.keep(one)  # killed here: nothing is written down, and the content shares the inode
    number, ops = written(files, [files.put_bytes(two, b"new")])
    files.carry_out(number, ops)
    with one.open("r+b") as file:
        file.write(b"EDIT")
    assert files.undo(number) == []
    assert two.read_bytes() == b"same"


def test_a_link_that_leads_out_is_no_place_for_duplicates(tmp_path: Path) -> None:
    root, out = tmp_path / "work", tmp_path / "out"
    out.mkdir()
    picture(root / "in/a.png", 1)
    picture(root / "in/b.png", 1)
    (root / "in/duplicated").symlink_to(out)
    run(root, "dedup", "--from", "in")
    assert not list(out.iterdir())
    assert (root / "in/a.png").exists() and (root / "in/b.png").exists()


def test_a_sidecar_without_its_picture_is_left_alone(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png", 1, source="me")
    mine = tmp_path / "out/a.png.json"
    mine.parent.mkdir()
    mine.write_text('{"note": "mine"}')
    assert run(tmp_path, "select", "--from", "in", "--to", "out") == 0
    assert mine.read_text() == '{"note": "mine"}'
    assert (tmp_path / "out/a_2.png").exists()


def test_words_beside_a_picture_outlive_its_being_made_anew(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png", 1)
    assert run(tmp_path, "format", "--from", "in", "--to", "out", "--format", "jpg") == 0
    made = tmp_path / "out/a.jpg"
    beside = made.with_name("a.jpg.json")
    known = json.loads(beside.read_text()) | {"tags": ["sea"], "caption": "at the sea"}
    beside.write_text(json.dumps(known))
    words = ("--from", "in", "--to", "out", "--format", "jpg", "-q", "60")
    assert run(tmp_path, "format", *words) == 0
    assert sidecar_of(made)["tags"] == ["sea"]
    assert sidecar_of(made)["caption"] == "at the sea"


def test_undo_takes_picture_and_sidecar_back_together_or_later(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png", 1, source="me")
    before = tree(tmp_path)
    assert run(tmp_path, "select", "--from", "in", "--to", "out", "--move") == 0
    moved = tree(tmp_path)
    stranger = picture(tmp_path / "in/a.png", 5)
    assert run(tmp_path, "undo") == 3
    stranger.unlink()
    assert tree(tmp_path) == moved
    assert run(tmp_path, "undo") == 0
    assert tree(tmp_path) == before


def test_undo_does_not_move_a_stranger(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png", 1)
    assert run(tmp_path, "rename", "--from", "in") == 0
    (tmp_path / "in/1.png").unlink()
    stranger = picture(tmp_path / "in/1.png", 7).read_bytes()
    assert run(tmp_path, "undo") == 3
    assert (tmp_path / "in/1.png").read_bytes() == stranger


def test_what_was_set_aside_stays_there(tmp_path: Path) -> None:
    for name in ("a", "b", "sub/c"):
        picture(tmp_path / f"s/{name}.png", 1)
    assert run(tmp_path, "dedup", "--from", "s,s/*") == 0
    once = tree(tmp_path)
    assert run(tmp_path, "dedup", "--from", "s,s/*") == 0
    assert tree(tmp_path) == once


def test_links_keep_their_names(tmp_path: Path) -> None:
    picture(tmp_path / "p/x.png", 1)
    (tmp_path / "p/ln.png").symlink_to("x.png")
    for _ in range(2):
        run(tmp_path, "rename", "--from", "p")
        assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["1.png", "ln.png"]


def test_folders_chosen_one_by_one_do_not_become_another(tmp_path: Path) -> None:
    place = tmp_path / "data/w"
    for name in ("a", "b", "a,b"):
        picture(place / name / "x.png")
    places = Places((tmp_path / "data",), tmp_path / "store")
    with pytest.raises(InputError, match="one by one"):
        places.sources(place, ["a", "b"])
