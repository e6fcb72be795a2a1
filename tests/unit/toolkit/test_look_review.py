"""review-apply: files follow the marks of the review workspace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.cli.undo import main as undo
from curation.engine.pictures import add_pictures
from curation.errors import InputError, ParamError
from curation.store.catalogue import Catalogue
from curation.store.mark_ops import MarkOps, Op
from curation.store.reviewed import reviewed
from tests.unit.toolkit.look import names, picture, read, run, tree


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for k in range(5):
        picture(tmp_path / "faces" / f"f{k}.png", (40 + k, 30))
    return tmp_path


def look_at(root: Path, marks: dict[str, tuple[str, int]], where: str = "faces") -> None:
    """Read a folder as `review` does, then mark pictures by name."""
    catalogue = Catalogue(root / where / ".curation")
    with catalogue.writing("review"):
        list(add_pictures(catalogue, root / where, 1))
    rows = catalogue.db.execute("SELECT path, frame_id FROM picture_file WHERE gone = 0")
    frames = {Path(row["path"]).name: row["frame_id"] for row in rows}
    for name, (kind, value) in marks.items():
        ids = np.array([frames[name]])
        made = f"{name}{kind}{value}{len(list(reviewed(catalogue)))}"
        MarkOps(catalogue).apply("c", "me", [Op(made, kind, value, ids)])
    catalogue.close()


def test_rejected_go_and_come_back(faces: Path) -> None:
    before = tree(faces)
    look_at(faces, {"f0.png": ("flag", -1), "f1.png": ("flag", 1), "f2.png": ("stars", 3)})
    dry = run(faces, "review-apply", from_dirs="faces", dry_run=True)
    assert dry["would"][-1].startswith("move faces/f0.png -> faces/rejected/f0.png: rejected")
    assert tree(faces) == before
    done = run(faces, "review-apply", from_dirs="faces")
    assert (done["rejected"], done["restored"], done["kept"]) == (1, 0, 4)
    assert names(faces / "faces") == ["f1.png", "f2.png", "f3.png", "f4.png"]
    assert names(faces / "faces" / "rejected") == ["f0.png"]
    assert read(faces / "faces" / "rejected" / "f0.png")["decisions"]["review"]["flag"] == -1
    assert read(faces / "faces" / "f2.png")["decisions"]["review"]["stars"] == 3
    assert not (faces / "faces" / "f3.png.json").exists()
    after = tree(faces)
    assert run(faces, "review-apply", from_dirs="faces")["done"] == 0 and tree(faces) == after

    # It is shown again where it lies now, and no longer rejected.
    look_at(faces, {"f0.png": ("flag", 0), "f4.png": ("flag", -1)})
    done = run(faces, "review-apply", from_dirs="faces")
    assert (done["rejected"], done["restored"]) == (1, 1)
    assert names(faces / "faces") == ["f0.png", "f1.png", "f2.png", "f3.png"]
    for _ in range(2):
        assert undo(["-d", str(faces)]) == 0
    assert tree(faces) == before


def test_only_picked_stars_and_clear(faces: Path) -> None:
    look_at(faces, {"f1.png": ("flag", 1), "f2.png": ("stars", 3)})
    done = run(faces, "review-apply", from_dirs="faces", only_picked=True, to="out")
    assert done["rejected"] == 4 and names(faces / "faces") == ["f1.png"]
    done = run(faces, "review-apply", from_dirs="faces", clear=True, to="out")
    assert done["restored"] == 4 and len(names(faces / "faces")) == 5
    run(faces, "review-apply", from_dirs="faces", min_stars=2)
    assert names(faces / "faces") == ["f2.png"]


def test_a_review_of_the_whole_work_dir_counts_and_changed_pictures_stay(faces: Path) -> None:
    look_at(faces, {"f0.png": ("flag", -1), "f1.png": ("flag", -1)}, where=".")
    picture(faces / "faces" / "f1.png", (77, 30))
    picture(faces / "faces" / "new.png", (78, 30))
    done = run(faces, "review-apply", from_dirs="faces")
    assert done["rejected"] == 1 and done["not_reviewed"] == 2
    assert [item["item"] for item in done["failed_items"]] == ["faces/f1.png"]


def test_places_that_are_taken_and_usage(faces: Path) -> None:
    with pytest.raises(InputError, match="nobody has reviewed faces"):
        run(faces, "review-apply", from_dirs="faces")
    with pytest.raises(ParamError, match="no folder name"):
        run(faces, "review-apply", from_dirs="faces", to="../x")
    with pytest.raises(InputError, match="holds no review"):
        run(faces, "review-apply", from_dirs="faces", marks=str(faces / "x"))
    look_at(faces, {"f0.png": ("flag", -1)})
    strange = picture(faces / "faces" / "rejected" / "f0.png", (99, 9)).read_bytes()
    run(faces, "review-apply", from_dirs="faces", marks=str(faces / "faces"))
    assert names(faces / "faces" / "rejected") == ["f0.png", "f0_2.png"]
    assert (faces / "faces" / "rejected" / "f0.png").read_bytes() == strange
    picture(faces / "faces" / "f0.png", (55, 5))
    done = run(faces, "review-apply", from_dirs="faces", clear=True)
    assert done["restored"] == 0 and "is there again" in done["failed_items"][0]["reason"]
