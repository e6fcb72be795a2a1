"""Groups that other programs wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.cull.foreign import Foreign, near, protect, read
from curation.errors import InputError
from tests.unit.cull.shelves import Shot, library


def entry(path: Path, **more: Any) -> dict[str, Any]:
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "modified_date": int(stat.st_mtime), **more}


def image(path: Path) -> dict[str, Any]:
    return entry(path, width=4, height=3, hashes=[[1, 2]], difference=3)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n}.jpg" for n in "abc"]
    for path in paths:
        path.write_bytes(b"x")
    return paths


def found(tmp_path: Path, what: Any) -> Foreign:
    file = tmp_path / "found.json"
    file.write_text(json.dumps(what))
    told = read(file, tmp_path)
    assert isinstance(told, Foreign)
    return told


def pairs(told: Foreign, root: Path, **kind: Any) -> tuple[list[tuple[int, int, float]], Any]:
    shelf = library([Shot(str(root / f"{n}.jpg"), **kind.get(n, {})) for n in "abc"])
    protect(told, shelf)
    these, left = near(told, shelf)
    rows = zip(these.one.tolist(), these.other.tolist(), these.distance.tolist(), strict=True)
    return list(rows), {path.name: why for path, why in left.items()}


def test_similar_images(tmp_path: Path, three: list[Path]) -> None:
    told = found(tmp_path, [[image(path) for path in three]])
    rows, left = pairs(told, tmp_path, b={"phash": 7})
    assert rows == [(0, 1, 3.0), (0, 2, 0.0), (1, 2, 3.0)] and left == {}
    three[1].write_bytes(b"changed")
    three[2].unlink()
    assert pairs(told, tmp_path) == ([], {"b.jpg": "has changed since the file was written; search"
                                          " again"})  # fmt: skip


def test_similar_images_with_a_reference(tmp_path: Path, three: list[Path]) -> None:
    told = found(tmp_path, [[image(three[0]), [image(three[1]), image(three[2])]]])
    assert told.reference == {three[0]}
    assert len(pairs(told, tmp_path)[0]) == 3


def test_duplicates_by_hash_must_be_the_same_bytes(tmp_path: Path, three: list[Path]) -> None:
    by_hash = {"1": [[entry(path, hash="abc") for path in three]]}
    told = found(tmp_path, by_hash)
    assert told.exact
    same = {"a": {"content": "s"}, "b": {"content": "s"}}
    rows, left = pairs(told, tmp_path, **same)
    assert [row[:2] for row in rows] == [(0, 1)] and set(left) == {"c.jpg"}
    referenced = {"1": [[entry(three[0], hash="abc"), [entry(three[1], hash="abc")]]]}
    told = found(tmp_path, referenced)
    assert told.reference == {three[0]}
    assert [row[:2] for row in pairs(told, tmp_path, **same)[0]] == [(0, 1)]


def test_names_and_sizes_are_no_reason(tmp_path: Path, three: list[Path]) -> None:
    plain = [entry(path, hash="") for path in three]
    for what in (
        {"a.jpg": plain}, {"1": plain}, {"1": [plain]}, {"a.jpg": [plain[0], plain[1:]]}, [plain],
    ):  # fmt: skip
        with pytest.raises(InputError, match="name or size"):
            found(tmp_path, what)


def test_imagededup_with_and_without_scores(tmp_path: Path, three: list[Path]) -> None:
    told = found(tmp_path, {"a.jpg": ["b.jpg"], "b.jpg": ["a.jpg"], "c.jpg": []})
    assert pairs(told, tmp_path, b={"phash": 1}) == ([(0, 1, 1.0)], {})
    told = found(tmp_path, {"a.jpg": [["b.jpg", 4]], "b.jpg": [["a.jpg", 4], ["c.jpg", 10]]})
    assert pairs(told, tmp_path)[0] == [(0, 1, 4.0), (1, 2, 10.0)]
    told = found(tmp_path, {"a.jpg": [["c.jpg", 0.75]]})
    assert pairs(told, tmp_path)[0] == [(0, 2, 0.25)]


def test_imagededups_own_file(tmp_path: Path) -> None:
    from bench import peers
    from bench.peers.places import NoPeer

    try:
        methods = peers.imagededup()
    except NoPeer as why:
        pytest.skip(str(why))
    from tests.headless.cull_trees import pair

    folder = tmp_path / "pictures"
    pair(folder, 1, "a", "b")
    pair(folder, 5, "c", "d")
    for scores in (False, True):
        methods.PHash(verbose=False).find_duplicates(
            image_dir=str(folder), scores=scores, outfile=str(tmp_path / "out.json"),
            num_enc_workers=0, num_dist_workers=0,
        )  # fmt: skip
        told = read(tmp_path / "out.json", folder)
        assert isinstance(told, Foreign)
        names = {tuple(sorted((a.name, b.name))) for a, b, _ in told.pairs}
        assert names == {("a.JPG", "b.JPG"), ("c.JPG", "d.JPG")}


@pytest.mark.parametrize("what", [
    "x", 3, [3], {"a": 3}, [["a"]], {"a": [3]}, {"schema": "other/1"}, [{"path": "a"}],
    {"schema": "curation.groups/1"}, [[{"path": "a", "size": "many", "modified_date": 1}]],
])  # fmt: skip
def test_files_that_are_something_else(tmp_path: Path, what: Any) -> None:
    with pytest.raises(InputError, match=r"no shape|known"):
        found(tmp_path, what)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.json", tmp_path)
    (tmp_path / "cut.json").write_text('{"a": [')
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path / "cut.json", tmp_path)
    (tmp_path / "newer.json").write_text('{"schema": "curation.groups/9", "groups": []}')
    with pytest.raises(InputError, match="version 9"):
        read(tmp_path / "newer.json", tmp_path)
