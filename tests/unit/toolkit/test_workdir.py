"""Folders by name and pattern, the pictures in them, names that do not clash."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import InputError
from curation.toolkit.workdir import WorkDir
from tests.unit.toolkit.trees import picture


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("b", "a", "set/two", "set/one", "set/.hidden", "odd [1]", "x,y", ".curation/a"):
        (tmp_path / "work" / name).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "work"


def found(root: Path, spec: str | list[str]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in WorkDir(root).folders(spec)]


def test_folders_keep_their_order_and_none_comes_twice(root: Path) -> None:
    assert found(root, "b, a,b") == ["b", "a"]
    assert found(root, "set/*,set/two,a") == ["set/one", "set/two", "a"]
    assert found(root, "?") == ["a", "b"]


def test_brackets_and_commas_are_letters(root: Path) -> None:
    assert found(root, "odd [1]") == ["odd [1]"]
    assert found(root, "odd*") == ["odd [1]"]
    assert found(root, "x,y") == ["x,y"]
    assert found(root, ["x,y", "a"]) == ["x,y", "a"]


@pytest.mark.parametrize("spec", ["a,nowhere", "no*", "", " , ", ".curation", ".curation/a"])
def test_what_is_not_there_is_refused_by_name(root: Path, spec: str) -> None:
    with pytest.raises(InputError) as caught:
        WorkDir(root).folders(spec)
    part = spec.split(",")[-1].strip()
    assert part in caught.value.message


def test_a_file_is_no_folder(root: Path) -> None:
    (root / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        WorkDir(root).folders("file")


def test_nothing_leads_out_unless_it_is_typed_whole(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "elsewhere")
    for word in ("../elsewhere", "link", "a/../../elsewhere", "lin*"):
        with pytest.raises(InputError, match="leads out"):
            WorkDir(root).folders(word)
    outside = str(root.parent / "elsewhere")
    assert WorkDir(root).folders(outside) == [root.parent / "elsewhere"]


def test_pictures_come_in_natural_order_without_what_is_none(root: Path) -> None:
    folder = root / "a"
    for name in ("p10.jpg", "p2.jpg", "sub/p3.png", ".hidden.jpg"):
        picture(folder / name)
    (folder / "p2.jpg.json").write_text("{}")
    (folder / "notes.txt").write_text("")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "out.jpg").symlink_to(picture(root.parent / "elsewhere" / "o.jpg"))
    (folder / "in.jpg").symlink_to(folder / "p2.jpg")
    work = WorkDir(root)
    assert [pic.path.name for pic in work.pictures([folder])] == ["in.jpg", "p2.jpg", "p10.jpg"]
    deep = work.pictures([folder, folder / "sub"], recursive=True)
    assert [pic.path.name for pic in deep] == ["in.jpg", "p2.jpg", "p10.jpg", "p3.png"]


def test_equal_names_are_decided_over_the_whole_batch(root: Path) -> None:
    work, to = WorkDir(root), root / "to"
    wanted = [(name, root / name) for name in ("a/x.jpg", "b/x.jpg", "a/x_2.jpg", "b/X.JPG")]
    names = work.names(to, [(Path(name).name, path) for name, path in wanted])
    assert names == ["x.jpg", "x_3.jpg", "x_2.jpg", "X_4.JPG"]
    assert not to.exists()


def test_a_source_keeps_the_name_it_has_there(root: Path) -> None:
    work, to = WorkDir(root), root / "to"
    picture(to / "x.jpg", 1, from_file="b/x.jpg")
    picture(to / "x_2.jpg", 2)
    first, second = picture(root / "a/x.jpg", 3), root / "b/x.jpg"
    assert work.names(to, [("x.jpg", first), ("x.jpg", second)]) == ["x_3.jpg", "x.jpg"]
    same = picture(root / "a/other.jpg", 2)
    assert work.names(to, [("x_2.jpg", same)]) == ["x_2.jpg"]
