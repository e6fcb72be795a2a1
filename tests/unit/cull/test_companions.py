"""What belongs to a photo by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.photos.companions import Company, Shelf, renamed


def company(names: str, *files: str) -> Company:
    return Shelf.of(Path("/x"), names.split()).company(files)


def test_what_begins_with_the_whole_name_is_its_own() -> None:
    names = "A.CR2 A.CR2.xmp a.cr2.PP3 A.CR2.dop A.CR2.json A.CR2.supplemental.json AB.CR2.xmp"
    assert company(names, "A.CR2").own == (
        "A.CR2.dop", "A.CR2.json", "A.CR2.supplemental.json", "A.CR2.xmp", "a.cr2.PP3",
    )  # fmt: skip


def test_a_picture_is_nobodys_company() -> None:
    names = "A.jpg A.jpg.png A.jpg.png.xmp A.jpg.jpg A.jpg.json"
    assert company(names, "A.jpg").own == ("A.jpg.json",)
    assert company(names, "A.jpg.png").own == ("A.jpg.png.xmp",)
    assert company(names, "A.jpg.jpg") == Company()


def test_versions_go_with_their_picture_unless_they_are_a_pictures_own() -> None:
    names = "C.JPG C_01.JPG C_01.JPG.xmp C_02.JPG.xmp C_1.JPG.xmp C_03.jpg.xmp C_04.JPG.pp3"
    assert company(names, "C.JPG").own == ("C_02.JPG.xmp",)
    assert company(names, "C_01.JPG").own == ("C_01.JPG.xmp",)


def test_sidecars_by_stem_go_when_no_picture_or_clip_of_it_stays() -> None:
    names = "A.JPG a.NEF A.mov A.xmp A.WAV A.AAE A.thm A.html"
    assert company(names, "A.JPG") == Company(
        (), ("A.AAE", "A.WAV", "A.thm", "A.xmp"), ("A.mov", "a.NEF")
    )
    assert company(names, "A.JPG", "a.NEF").shared
    assert company(names, "A.JPG", "a.NEF", "A.mov").own == ("A.AAE", "A.WAV", "A.thm", "A.xmp")


def test_names_that_differ_by_case_alone_belong_to_whom_they_name() -> None:
    names = "a.jpg A.JPG a.jpg.xmp A.JPG.xmp A.jpg.xmp a.xmp"
    assert company(names, "a.jpg").own == ("a.jpg.xmp",)
    assert company(names, "A.JPG").own == ("A.JPG.xmp",)
    assert company(names, "A.JPG").shared == ("a.xmp",)
    assert company(names, "A.JPG", "a.jpg").own == ("A.JPG.xmp", "a.jpg.xmp", "a.xmp")


def test_folders_are_no_company_and_links_are(tmp_path: Path) -> None:
    (tmp_path / "A.JPG").touch()
    (tmp_path / "A.JPG.d").mkdir()
    (tmp_path / "A.JPG.xmp").symlink_to("nowhere")
    assert Shelf.of(tmp_path).company(["A.JPG"]).own == ("A.JPG.xmp",)


def test_a_stem_is_exchanged_in_whatever_case() -> None:
    assert renamed("img_1_02.CR2.xmp", "IMG_1", "x-2") == "x-2_02.CR2.xmp"
    assert renamed("STRASSE.jpg", "straße", "y") == "y.jpg"
    with pytest.raises(ValueError, match="does not begin"):
        renamed("other.jpg", "IMG", "y")
