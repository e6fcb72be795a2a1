"""Groups of the last run, and refused pairs, as they are stored."""

from __future__ import annotations

from pathlib import Path

from curation.cull.groups import CullTable, Group, Member
from curation.store.catalogue import Catalogue


def member(path: Path, verdict: str = "reject", **facts: object) -> Member:
    return Member(path, "c0", "k0", 2.0, verdict, "because", dict(facts))  # type: ignore[arg-type]


def test_the_last_run_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / ".curation")
    table = CullTable(catalogue)
    assert table.latest() is None
    outside = tmp_path.parent / "elsewhere" / "x.jpg"
    odd = Path(str(tmp_path / "b") + "\udcff.jpg")  # a name that is no text
    keeper = Member(tmp_path / "a.jpg", "c", "k", None, "keep", "the keeper", {"sharp": 1.5})
    groups = [
        Group("near", [keeper, member(odd, margin=0.25), member(outside, "tie")], 9.0, True),
        Group("exact", [member(tmp_path / "d.jpg", "keep"), member(tmp_path / "e.jpg")], 0.0),
    ]
    table.save("near", {"threshold": 8}, ["old"], groups[:1])
    run = table.save("near", {"threshold": 6}, [str(tmp_path)], groups)
    catalogue.close()

    again = CullTable(Catalogue(tmp_path / ".curation"))
    found = again.latest()
    assert found is not None
    assert found == (run, groups)
    assert found[0].params == {"threshold": 6}


def test_a_moved_work_dir_keeps_its_groups(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    catalogue = Catalogue(old / ".curation")
    pair = [member(old / "a.jpg", "keep"), member(old / "b.jpg")]
    CullTable(catalogue).save("near", {}, [], [Group("near", pair)])
    catalogue.close()
    old.rename(new)
    found = CullTable(Catalogue(new / ".curation")).latest()
    assert found is not None
    assert [m.path for m in found[1][0].members] == [new / "a.jpg", new / "b.jpg"]


def test_refused_pairs_have_no_order_and_can_be_taken_back(tmp_path: Path) -> None:
    table = CullTable(Catalogue(tmp_path / ".curation"))
    assert table.refuse([("b", "a"), ("a", "b"), ("a", "c")]) == 2
    assert table.refuse([("a", "b")]) == 0
    assert table.refused() == {("a", "b"), ("a", "c")}
    assert table.refused({"a", "c", "x"}) == {("a", "c")}
    assert table.forget([("c", "a")]) == 1
    assert table.refused() == {("a", "b")}
