"""What must not happen to photos: found by a reviewer, one test each."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from curation.__main__ import main
from curation.photos import xmp
from tests.headless.cull_trees import pair
from tests.headless.cull_typed import Cap, group, told
from tests.headless.test_cull_losers import moved
from tests.headless.toolkit_cases import review
from tests.photos import photo


@pytest.mark.parametrize("spelling", ["../best", "link", "inside"])
def test_nothing_goes_from_a_reference_folder_however_it_is_spelled(
    spelling: str, tmp_path: Path, capsys: Cap, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "walk"
    pair(root / "best", 1, "B", "C")
    (root / "new").mkdir()
    shutil.move(root / "best" / "B.JPG", root / "new" / "A.JPG")  # the larger one: it would win
    (tmp_path / "link").symlink_to(root / "best")
    monkeypatch.chdir(root / "new")
    words = {"../best": "../best", "link": tmp_path / "link", "inside": root / "best"}
    group(capsys, root, "--reference", str(words[spelling]))
    told(capsys, "apply", root)
    assert moved(root) == {"new/A.JPG"}
    assert (root / "best" / "C.JPG").is_file()


def test_words_said_in_the_desk_of_another_folder_count(tmp_path: Path, capsys: Cap) -> None:
    x, y = tmp_path / "x", tmp_path / "y"
    pair(x, 1, "A", "B")
    y.mkdir()
    shutil.move(x / "A.JPG", y / "A.JPG")
    review(y, {"A.JPG": ("flag", -1)})
    told(capsys, "group", x, y)
    told(capsys, "apply", x, y)
    assert (x / "B.JPG").is_file(), "it is the only one that nobody rejected"
    assert not (y / "A.JPG").exists()


def test_a_mark_goes_with_the_picture_and_not_with_its_name(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "walk"
    pair(root, 1)
    review(root, {"IMG_1.JPG": ("stars", 5), "IMG_2.JPG": ("flag", -1)})
    photo(root / "IMG_2.JPG", 7, (300, 200))
    data = (root / "IMG_1.JPG").read_bytes()
    at = data.index(b"\xff\xdb")
    # An editor writes into its metadata: it is another file, and the same picture.
    (root / "IMG_1.JPG").write_bytes(data[:at] + b"\xff\xfe\x00\x09someone" + data[at:])
    group(capsys, root)
    told(capsys, "stars", root, "--rejects")
    assert xmp.read(root / "IMG_1.JPG.xmp").rating == 5
    other = root / "IMG_2.JPG.xmp"
    assert not other.exists() or xmp.read(other).rating != -1
    assert told(capsys, "apply", root)["failed_items"][0]["item"] == "IMG_2.JPG"
    assert moved(root) == set()


def test_merge_asks_people_first(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "walk"
    pair(root, 1)
    pair(root, 2, "K", "L")
    for name, word in (("IMG_2", "Grandma"), ("K", "lake")):
        beside = root / f"{name}.JPG.xmp"
        beside.write_bytes(xmp.with_values(None, {xmp.KEYWORDS: (word,)}))
    group(capsys, root)
    assert main(["not-duplicate", str(root / "IMG_1.JPG"), str(root / "IMG_2.JPG"),
                 "-d", str(root)]) == 0  # fmt: skip
    review(root, {"K.JPG": ("flag", -1), "L.JPG": ("flag", 1)})
    told(capsys, "merge", root)
    assert not (root / "IMG_1.JPG.xmp").exists(), "they are no duplicates"
    assert xmp.read(root / "L.JPG.xmp").keywords == ("lake",), "of the one that goes"


def test_a_sidecar_by_stem_stays_with_what_stays(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "walk"
    pair(root, 1)
    (root / "IMG_2.psd").write_bytes(b"8BPS")
    (root / "IMG_2.xmp").write_text("<its edit/>")
    pair(root, 2, "K", "L")
    (root / "L.xmp").write_bytes(xmp.with_values(None, {xmp.KEYWORDS: ("lake",)}))
    group(capsys, root)
    told(capsys, "apply", root)
    assert moved(root) == {"IMG_2.JPG", "L.JPG", "L.xmp"}
    assert (root / "IMG_2.xmp").is_file()
    assert os.path.lexists(root / "IMG_2.psd")
