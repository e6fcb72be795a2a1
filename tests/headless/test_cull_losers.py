"""Which photos apply takes: what people said counts first, and nothing goes without a keeper."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curation.__main__ import main
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.cull import CullTable
from tests.headless.cull_trees import old, pair, tree
from tests.headless.cull_typed import Cap, group, told
from tests.headless.toolkit_cases import review


def moved(root: Path) -> set[str]:
    """Return what lies in the dupes."""
    dupes = root / "_review_dupes"
    return {p.relative_to(dupes).as_posix() for p in dupes.rglob("*") if p.is_file()}


def test_marks_of_the_review_count_first(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    for n, name in enumerate(("picked", "rejected", "calm", "turned"), start=1):
        pair(root, n, f"{name} best", f"{name} less")
    pair(root, 9, "alone", "x")
    (root / "x.JPG").unlink()
    group(capsys, root)
    review(root, {
        "picked less.JPG": ("flag", 1), "rejected less.JPG": ("flag", -1),
        "turned best.JPG": ("flag", -1), "alone.JPG": ("flag", -1),
    })  # fmt: skip
    before = tree(root)
    # A keeper that a person rejected is none: what was rejected for its sake stays.
    done = told(capsys, "apply", root)
    assert moved(root) == {"rejected less.JPG", "calm less.JPG", "turned best.JPG", "alone.JPG"}
    assert done["picked"] == 1
    assert [item["item"] for item in done["failed_items"]] == ["turned less.JPG"]
    assert main(["undo", str(root)]) == 0 and tree(root) == before
    told(capsys, "apply", root, "--no-rejected")
    assert moved(root) == {"rejected less.JPG", "calm less.JPG", "turned less.JPG"}
    assert main(["undo", str(root)]) == 0 and tree(root) == before
    told(capsys, "apply", root, "--reviewed")
    assert moved(root) == {"rejected less.JPG", "turned best.JPG", "alone.JPG"}
    assert main(["undo", str(root)]) == 0 and tree(root) == before


def test_a_rejected_picture_that_is_another_one_by_now_stays(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1)
    group(capsys, root)
    review(root, {"IMG_2.JPG": ("flag", -1)})
    shutil.copy(root / "IMG_1.JPG", root / "IMG_2.JPG")
    done = told(capsys, "apply", root)
    assert moved(root) == set() and done["failed_items"]


def test_no_duplicate_said_after_grouping_stays(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1)
    group(capsys, root)
    catalogue = Catalogue(root / OUR_FOLDER)
    table = CullTable(catalogue)
    found = table.latest()
    assert found is not None
    table.refuse([(found[1][0].members[0].key, found[1][0].members[1].key)])
    catalogue.close()
    done = told(capsys, "apply", root)
    assert "no duplicate" in done["failed_items"][0]["reason"] and moved(root) == set()


def test_groups_of_other_programs_go_by_the_same_rules(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1, "a", "b")
    shutil.copy2(root / "b.JPG", root / "c.JPG")
    old(root)
    entry = {p.name: {"path": str(p), "size": p.stat().st_size, "width": 1, "height": 1,
                      "modified_date": int(p.stat().st_mtime), "hashes": [], "difference": 0}
             for p in root.glob("*.JPG")}  # fmt: skip
    similar = [[entry["c.JPG"], entry["b.JPG"], entry["a.JPG"]]]
    (tmp_path / "similar.json").write_text(json.dumps(similar))
    before = tree(root)
    done = told(capsys, "apply", root, "--groups", tmp_path / "similar.json")
    assert done["photos"] == 2 and moved(root) == {"b.JPG", "c.JPG"}
    assert main(["undo", str(root)]) == 0 and tree(root) == before
    # Neighbours are no groups: b is near both, a and c are not near each other.
    (tmp_path / "dedup.json").write_text(json.dumps({"a.JPG": ["b.JPG"], "b.JPG": ["a.JPG"],
                                                     "c.JPG": []}))  # fmt: skip
    told(capsys, "apply", root, "--groups", tmp_path / "dedup.json")
    assert moved(root) == {"b.JPG"}
    assert main(["undo", str(root)]) == 0
    referenced = [[entry["b.JPG"], [entry["a.JPG"], entry["c.JPG"]]]]
    (tmp_path / "referenced.json").write_text(json.dumps(referenced))
    told(capsys, "apply", root, "--groups", tmp_path / "referenced.json")
    assert "b.JPG" not in moved(root) and "a.JPG" in moved(root)


def test_groups_that_contradict_each_other_take_nothing_that_one_keeps(
    tmp_path: Path, capsys: Cap
) -> None:
    root = tmp_path / "lib"
    pair(root, 1, "a", "b")
    group(capsys, root)
    report = json.loads((root / ".curation/reports/groups.json").read_text())
    (first,) = report["groups"]
    keeper, loser = first["members"]
    swapped = {**first, "members": [{**loser, "verdict": "keep"}, {**keeper, "verdict": "reject"}]}
    report["groups"].append(swapped)
    (tmp_path / "both.json").write_text(json.dumps(report))
    before = tree(root)
    done = told(capsys, "apply", root, "--groups", tmp_path / "both.json")
    assert done["photos"] == 0 and "another group keeps it" in str(done["failed_items"])
    assert tree(root) == before


def test_nothing_to_go_by(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1)
    assert "python -m curation group" in told(capsys, "apply", root, code=1)["error"]
    group(capsys, root)
    inside = told(capsys, "apply", root, "--to", root / "out", code=1)
    assert "looked at again" in inside["error"]
    assert told(capsys, "undo", root, code=1)["error"]


@pytest.mark.parametrize("words", [["--job", "3"], ["--strict"], []])
def test_without_a_folder_apply_is_about_a_datastore(words: list[str]) -> None:
    from curation.cli.verbs import names_folder

    assert not names_folder(words)
    assert names_folder([*words, "photos"]) and names_folder(["-d", "x", "photos", *words])


def test_arrange_keeps_photos_whole_and_typed_again_does_nothing(
    tmp_path: Path, capsys: Cap
) -> None:
    root = tmp_path / "lib"
    pair(root / "a", 1, "IMG_1", "x")
    pair(root / "b", 2, "IMG_1", "x")
    for folder in ("a", "b"):
        (root / folder / "x.JPG").unlink()
        for end in (".CR2", ".JPG.xmp", ".CR2.xmp", ".xmp", "_01.CR2.xmp"):
            (root / folder / f"IMG_1{end}").write_text(f"DerivedFrom IMG_1 of {folder}, {end}")
    (root / "plain.png").write_bytes((Path(__file__).parents[2] / "docs/pictures/review-grid.png")
                                     .read_bytes())  # fmt: skip
    before = tree(old(root))
    done = told(capsys, "arrange", root)
    assert (done["photos"], done["files"], done["undated"]) == (2, 12, 1)
    place = root / "2024/05/01"
    stem = "20240501-100002"
    want = {"{}.JPG", "{}.CR2", "{}.JPG.xmp", "{}.CR2.xmp", "{}.xmp", "{}_01.CR2.xmp"}
    assert {p.name for p in place.iterdir()} == {
        w.format(s) for w in want for s in (stem, f"{stem}-2")
    }
    assert (place / f"{stem}-2.xmp").read_text() == "DerivedFrom IMG_1 of b, .xmp"
    assert (root / "plain.png").exists()
    again = told(capsys, "arrange", root)
    assert (again["done"], again["in_place"]) == (0, 2)
    assert main(["undo", str(root)]) == 0 and tree(root) == before


def test_photos_that_change_places(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    from PIL import Image

    for second, name in ((1, "02"), (2, "03"), (3, "01")):
        pair(root, second, name, "less")
        (root / f"{name}.JPG.xmp").write_text(f"<{name}/>")
        with Image.open(root / f"{name}.JPG") as image:
            exif = image.getexif()
            exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:0{second}"
            image.save(root / f"{name}.JPG", exif=exif)
    (root / "less.JPG").unlink()
    before = tree(old(root))
    done = told(capsys, "arrange", root, "--pattern", "{taken:%S}{ext}")
    assert (done["photos"], done["failed_items"]) == (3, [])
    names = {"01": "<02/>", "02": "<03/>", "03": "<01/>"}
    assert {p.name[:2]: p.read_text() for p in root.glob("*.xmp")} == names
    assert main(["undo", str(root)]) == 0 and tree(root) == before


def test_a_sidecar_of_two_photos_keeps_both_where_they_are(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1, "IMG_1", "x")
    shutil.copy(root / "IMG_1.JPG", root / "IMG_1.jpeg")
    (root / "x.JPG").unlink()
    (root / "IMG_1.xmp").write_text("<shared/>")
    before = tree(root)
    done = told(capsys, "arrange", root)
    assert done["photos"] == 0 and "belongs to" in str(done["failed_items"])
    assert tree(root) == before
