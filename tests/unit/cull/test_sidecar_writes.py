"""Sidecars changed through the journal: only what was read, and back to the byte."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.cull.sidecars import Desk
from curation.errors import SidecarError
from curation.photos import xmp
from curation.photos.content import content_id
from curation.photos.sidecar_names import Folder, sidecar_of, takes_for_version
from curation.toolkit.files import Files
from curation.toolkit.plan import Write
from tests.unit.cull.test_xmp_fuzz import sidecars
from tests.unit.cull.xmp_shapes import EDITED
from tests.unit.toolkit.trees import context, outcome, tree


def done(root: Path, *writes: Write | None) -> Mapping[str, Any]:
    ctx = context(root, "stars")
    try:
        plan = ctx.plan()
        plan.add(*(write for write in writes if write is not None))
        return outcome(ctx.carry_out(plan))
    finally:
        ctx.catalogue.close()


def undone(root: Path) -> list[tuple[str, str]]:
    ctx = context(root)
    files = Files(ctx.catalogue)
    left = [item for run in files.journal.to_undo() for item in files.undo(run)]
    ctx.catalogue.close()
    return left


def rated(root: Path, rating: int) -> Mapping[str, Any]:
    desk = Desk()
    return done(root, *(
        place.write(lambda data: xmp.with_rating(data, rating), "")
        for picture in sorted(root.glob("*.jpg")) for place in desk.places([picture])
    ))  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(sidecars(), min_size=1, max_size=3), st.integers(-1, 5))
def test_fuzz_a_second_run_changes_nothing_and_undo_brings_back_every_byte(
    found: list[bytes], rating: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "new.jpg").write_bytes(b"")
        for i, data in enumerate(found):
            (root / f"{i}.jpg").write_bytes(b"")
            (root / f"{i}.jpg.xmp").write_bytes(data)
        before = tree(root)
        assert rated(root, rating)["failed_items"] == []
        after = tree(root)
        assert rated(root, rating)["done"] == 0
        assert tree(root) == after
        assert undone(root) == []
        assert tree(root) == before


@pytest.mark.parametrize("meanwhile", [b"other", None])
def test_a_write_is_refused_when_what_it_was_made_from_is_not_there(
    tmp_path: Path, meanwhile: bytes | None
) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_text(EDITED)
    write = Write(path, b"new", expect=content_id(EDITED.encode()))
    path.unlink() if meanwhile is None else path.write_bytes(meanwhile)
    told = done(tmp_path, write)
    assert "was changed since it was read" in told["failed_items"][0]["reason"]
    assert (path.read_bytes() if path.exists() else None) == meanwhile


def test_a_new_sidecar_never_takes_the_place_of_one_that_appeared(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    write = Desk().places([tmp_path / "a.jpg"])[0].write(lambda d: xmp.with_rating(d, 3), "")
    (tmp_path / "a.jpg.xmp").write_text(EDITED)
    assert done(tmp_path, write)["failed_items"]
    assert (tmp_path / "a.jpg.xmp").read_text() == EDITED


def test_names_of_sidecars(tmp_path: Path) -> None:
    photo = Path("/d/IMG_1.CR2")
    assert sidecar_of(photo).name == "IMG_1.CR2.xmp"
    assert sidecar_of(photo, "adobe").name == "IMG_1.xmp"
    assert sidecar_of(Path("/d/a.b.jpg"), "adobe").name == "a.b.xmp"
    names = ["C.JPG", "C_01.JPG", "C_1.JPG", "C_01.jpg", "D_01.JPG", "C_000123.JPG", "C_01_02.JPG"]
    taken = {n: takes_for_version(tmp_path / n, names) for n in names}
    assert {n for n, base in taken.items() if base} == {"C_01.JPG", "C_000123.JPG", "C_01_02.JPG"}
    assert taken["C_01_02.JPG"] == "C_01.JPG"
    folder = Folder(tmp_path, ["a.jpg", "A.RAF", "a.xmp", "a.jpg.XMP", "a.mov", "b.jpg"])
    beside = folder.of(tmp_path / "a.jpg")
    assert (beside.full, beside.stem) == (None, tmp_path / "a.xmp")
    assert beside.unread == (tmp_path / "a.jpg.XMP",)
    assert beside.shared == ("A.RAF",)


def test_twins_are_all_given_the_rating_or_none(tmp_path: Path) -> None:
    both = [tmp_path / "a.jpg", tmp_path / "a.raf", tmp_path / "a.mov"]
    for path in both:
        path.write_bytes(b"")
    assert [p.path.name for p in Desk().places(both)] == ["a.jpg.xmp", "a.raf.xmp"]
    assert [p.path.name for p in Desk("adobe").places(both)] == ["a.xmp"]
    with pytest.raises(SidecarError, match="too"):
        Desk("adobe").places(both[:1])
    (tmp_path / "a.xmp").write_text(EDITED)
    assert [p.path.name for p in Desk().places(both)] == ["a.xmp"]
    (tmp_path / "a.raf.xmp").write_bytes(b"")
    with pytest.raises(SidecarError, match="nothing in it"):
        Desk().places(both)
