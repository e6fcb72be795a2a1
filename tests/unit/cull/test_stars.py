"""stars, doctor and merge on folders of pictures; every sidecar but its value stays as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from curation.cull.stars import StarsParams, rating_at
from curation.cull.stars import run as stars
from curation.photos import xmp
from curation.photos.embedded import embedded
from curation.toolkit.files import Files
from curation.toolkit.plan import Plan
from tests.dng import dng
from tests.photos import exif
from tests.unit.cull.xmp_shapes import EDITED, SHAPES, described, packet
from tests.unit.pictures import scenery
from tests.unit.toolkit.trees import context, outcome, tree


def burst(folder: Path, seed: int = 1, count: int = 4, day: int = 1) -> list[Path]:
    """Write a burst that loses focus; the first is the best."""
    folder.mkdir(parents=True, exist_ok=True)
    sharp = Image.fromarray(scenery(seed, (640, 480)))
    paths = []
    for i in range(count):
        path = folder / f"IMG{seed}{i}.jpg"
        sharp.filter(ImageFilter.GaussianBlur(i * 1.5)).save(
            path, quality=92, exif=exif(f"2024:05:0{day} 10:00:0{i}")
        )
        paths.append(path)
    return paths


def rate(root: Path, **given: Any) -> Mapping[str, Any]:
    params = StarsParams(folders=(str(root),), **given)
    ctx = context(root, "stars")
    try:
        return outcome(stars(ctx, params))
    finally:
        ctx.catalogue.close()


def undo(root: Path) -> list[tuple[str, str]]:
    ctx = context(root)
    files = Files(ctx.catalogue)
    left = [item for run in files.journal.to_undo() for item in files.undo(run)]
    ctx.catalogue.close()
    return left


def ratings(root: Path) -> dict[str, int | None]:
    return {
        path.name.removesuffix(".xmp"): xmp.read(path).rating
        for path in sorted(root.rglob("*.xmp"))
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    burst(tmp_path)
    return tmp_path


def test_a_series_goes_down_to_nothing_in_ever_wider_tiers() -> None:
    assert [rating_at(p, 4, 3) for p in range(1, 5)] == [3, 2, 1, 0]
    assert [rating_at(p, 10, 3) for p in range(1, 11)] == [3, 2, 2, 1, 1, 1, 0, 0, 0, 0]
    assert [rating_at(p, 1, 5) for p in (1,)] == [5]
    for most in range(6):
        for count in range(1, 60):
            found = [rating_at(p, count, most) for p in range(1, count + 1)]
            assert found[0] == most
            assert found == sorted(found, reverse=True)
            assert min(found) >= 0
            if count > most:
                assert found[-1] == 0
                assert len(set(found)) == most + 1


def test_the_best_gets_most_and_zero_is_written_out(root: Path) -> None:
    before = tree(root)
    told = rate(root)
    assert ratings(root) == {"IMG10.jpg": 3, "IMG11.jpg": 2, "IMG12.jpg": 1, "IMG13.jpg": 0}
    assert told["done"] == 4
    after = tree(root)
    assert rate(root)["done"] == 0
    assert rate(root, policy="overwrite")["done"] == 0
    assert tree(root) == after
    assert undo(root) == []
    assert tree(root) == before


def test_a_dry_run_writes_nothing(root: Path) -> None:
    before = tree(root)
    ctx = context(root, "stars", dry_run=True)
    told = outcome(stars(ctx, StarsParams(folders=(str(root),))))
    ctx.catalogue.close()
    assert len(told["would"]) == 4
    assert tree(root) == before


def test_rejects_are_minus_one_on_request_only(root: Path) -> None:
    rate(root, rejects=True, max_rank=5)
    assert ratings(root)["IMG10.jpg"] == 5
    assert set(ratings(root).values()) <= {5, -1}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("only-unrated", [1, 2, 5, -1]), ("keep-higher", [3, 2, 5, -1]), ("overwrite", [3, 2, 1, 0])],
)
def test_ratings_that_are_there(root: Path, policy: str, expected: list[int]) -> None:
    for i, stars_ in enumerate((1, None, 5, -1)):
        if stars_ is not None:
            old = EDITED.replace('xmp:Rating="1"', f'xmp:Rating="{stars_}"')
            (root / f"IMG1{i}.jpg.xmp").write_text(old)
    before = tree(root)
    rate(root, policy=policy)
    assert list(ratings(root).values()) == expected
    for i in (0, 2, 3):
        now = (root / f"IMG1{i}.jpg.xmp").read_text()
        assert now == EDITED.replace('xmp:Rating="1"', f'xmp:Rating="{expected[i]}"')
    assert undo(root) == []
    assert tree(root) == before


def test_those_with_a_sidecar_can_be_left_out(root: Path) -> None:
    (root / "IMG10.jpg.xmp").write_text(EDITED)
    rate(root, exclude_xmp=True, policy="overwrite")
    assert ratings(root) == {"IMG10.jpg": 1, "IMG11.jpg": 3, "IMG12.jpg": 2, "IMG13.jpg": 1}


@pytest.mark.parametrize("name", [n for n, s in SHAPES.items() if not s.read and not s.mended])
def test_a_sidecar_that_is_not_understood_is_left_alone_and_told(root: Path, name: str) -> None:
    odd = root / "IMG10.jpg.xmp"
    odd.write_bytes(SHAPES[name].data)
    told = rate(root, policy="overwrite")
    assert odd.read_bytes() == SHAPES[name].data
    assert [item["item"] for item in told["failed_items"]] == ["IMG10.jpg"]
    assert "left alone" in told["failed_items"][0]["reason"]
    assert told["done"] == 3


def test_links_read_only_files_and_folders_are_left_alone(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "kept" / "mine.xmp"
    outside.parent.mkdir()
    outside.write_text(EDITED)
    (root / "IMG10.jpg.xmp").symlink_to(outside)
    (root / "IMG11.jpg.xmp").write_text(EDITED)
    (root / "IMG11.jpg.xmp").chmod(0o444)
    (root / "IMG12.jpg.xmp").mkdir()
    told = rate(root, policy="overwrite")
    assert len(told["failed_items"]) == 3
    assert outside.read_text() == EDITED
    assert (root / "IMG10.jpg.xmp").is_symlink()
    assert (root / "IMG11.jpg.xmp").read_text() == EDITED


def test_mode_and_attributes_stay_and_time_is_new(root: Path) -> None:
    side = root / "IMG10.jpg.xmp"
    side.write_text(EDITED)
    side.chmod(0o640)
    os.utime(side, ns=(10**18, 10**18))
    try:
        os.setxattr(side, "user.mine", b"1")
        attributes = True
    except OSError:
        attributes = False
    rate(root, policy="overwrite")
    assert stat.S_IMODE(side.stat().st_mode) == 0o640
    # Editors look for sidecars that are newer than what they know.
    assert side.stat().st_mtime_ns > 10**18
    assert not attributes or os.getxattr(side, "user.mine") == b"1"
    undo(root)
    assert side.stat().st_mtime_ns == 10**18
    assert not attributes or os.getxattr(side, "user.mine") == b"1"


def test_what_changed_since_it_was_read_is_left_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = root / "IMG10.jpg.xmp"
    side.write_text(EDITED)
    add = Plan.add

    def meanwhile(self: Plan, *actions: Any) -> None:
        add(self, *actions)
        if any(action.dst == side for action in actions):
            side.write_text(EDITED.replace("05000000", "06000000"))

    monkeypatch.setattr(Plan, "add", meanwhile)
    told = rate(root, policy="overwrite")
    assert "changed since it was read" in told["failed_items"][0]["reason"]
    assert "06000000" in side.read_text()
    assert 'Rating="1"' in side.read_text()


def test_what_a_person_changed_after_is_not_undone(root: Path) -> None:
    rate(root)
    side = root / "IMG10.jpg.xmp"
    side.write_text(EDITED)
    assert [Path(path).name for path, _ in undo(root)] == ["IMG10.jpg.xmp"]
    assert side.read_text() == EDITED
    assert not (root / "IMG11.jpg.xmp").exists()


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("naming", "expected"),
    [("darktable", {"IMG13.dng.xmp", "IMG13.jpg.xmp"}), ("adobe", {"IMG13.xmp"})],
)
def test_a_raw_file_and_its_jpeg_share_a_rating(
    root: Path, naming: str, expected: set[str]
) -> None:
    dng(root / "IMG13.dng", scenery(1, (640, 480)), taken="2024:05:01 10:00:03")
    told = rate(root, naming=naming)
    assert told["failed_items"] == []
    found = {path.name: xmp.read(path).rating for path in root.glob("IMG13*.xmp")}
    assert set(found) == expected
    # With its RAW file it is the one that stays.
    assert set(found.values()) == {3}
    if naming == "darktable":
        # A run that was stopped between the two is ended by the next one.
        (root / "IMG13.dng.xmp").unlink()
        assert rate(root)["done"] == 1
        assert xmp.read(root / "IMG13.dng.xmp").rating == 3


def test_adobe_names_are_refused_where_two_pictures_share_them(root: Path) -> None:
    Image.fromarray(scenery(9, (640, 480))).save(root / "IMG10.png")
    told = rate(root, naming="adobe")
    refused = {item["item"] for item in told["failed_items"]}
    assert refused == {"IMG10.jpg", "IMG10.png"}
    assert sorted(p.name for p in root.glob("*.xmp")) == ["IMG11.xmp", "IMG12.xmp", "IMG13.xmp"]
    assert any("Lightroom" in line for line in told["lines"])


def test_a_sidecar_of_adobe_naming_is_used_where_it_is(root: Path) -> None:
    (root / "IMG10.xmp").write_text(EDITED)
    rate(root, policy="overwrite")
    assert not (root / "IMG10.jpg.xmp").exists()
    assert (root / "IMG10.xmp").read_text() == EDITED.replace('Rating="1"', 'Rating="3"')


def test_letters_that_editors_do_not_read_are_not_written_beside(root: Path) -> None:
    (root / "IMG10.jpg.XMP").write_text(EDITED)
    told = rate(root)
    assert "letters" in told["failed_items"][0]["reason"]
    assert not (root / "IMG10.jpg.xmp").exists()


def test_names_that_darktable_takes_for_versions(root: Path) -> None:
    for name in ("IMG10_01.jpg", "IMG10_000123.jpg", "IMG10_1.jpg", "IMG10_a1.jpg"):
        (root / name).write_bytes((root / "IMG10.jpg").read_bytes())
    told = rate(root)
    assert {i["item"] for i in told["failed_items"]} == {"IMG10_01.jpg", "IMG10_000123.jpg"}
    assert not (root / "IMG10_01.jpg.xmp").exists()
    told = rate(root, collisions="write")
    assert (root / "IMG10_01.jpg.xmp").exists()
    assert len([line for line in told["lines"] if line.startswith("warning")]) == 2
    assert not told["failed_items"]


def test_the_sidecar_of_a_version_is_not_taken_for_another_picture(root: Path) -> None:
    (root / "IMG10_01.jpg").write_bytes((root / "IMG10.jpg").read_bytes())
    side = root / "IMG10_01.jpg.xmp"
    side.write_text(EDITED.replace("IMG_1.CR2", "IMG10.jpg"))
    before = side.read_bytes()
    told = rate(root, policy="overwrite", collisions="write")
    assert side.read_bytes() == before
    assert "version of IMG10.jpg" in told["failed_items"][0]["reason"]


def test_a_rating_in_the_file_counts_and_a_zero_does_not(root: Path) -> None:
    for name, held in (("IMG10.jpg", 2), ("IMG11.jpg", 0)):
        image = Image.open(root / name)
        image.save(root / name, exif=image.getexif(), xmp=packet(
            described(f'xmp:Rating="{held}"')).encode())  # fmt: skip
    assert embedded(root / "IMG10.jpg").rating == 2
    rate(root)
    assert "IMG10.jpg" not in ratings(root)
    assert "IMG11.jpg" in ratings(root)


def test_the_short_flags_are_those_that_people_know(root: Path) -> None:
    from curation.cli.toolkit import main

    before = tree(root)
    assert main("stars", [str(root), "-e", "-d", "0.9", "-m", "5", "-v", "--dry-run"]) == 0
    assert tree(root) == before
    assert main("stars", [str(root), "-m", "6"]) == 2
    assert main("stars", [str(root), "-f", "-d", "0.4", "-m", "2"]) == 0
    assert ratings(root)["IMG10.jpg"] == 2
    assert main("doctor", [str(root)]) == 0
    (root / "IMG10.jpg.xmp").write_bytes(SHAPES["UTF-16"].data)
    assert main("doctor", [str(root)]) == 1
