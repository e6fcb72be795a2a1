"""A datastore that a stranger sent, whose rows and links name files outside of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.errors import StoreError
from curation.export import folders, tables
from curation.export.place import Place
from curation.store.catalogue import Catalogue
from curation.store.outputs import OutputTable
from curation.web.site import Settings
from tests.review_store import fill
from tests.web.conftest import serving


@pytest.fixture
def came(tmp_path: Path) -> Catalogue:
    made = fill(tmp_path / "came", 40, pictures=40).catalogue
    folders.place(made, "ranked", {})
    (made.root / "ranked").rmdir()
    return made


@pytest.mark.parametrize("path", ["../home/thesis.txt", "{home}/thesis.txt", "link/thesis.txt"])
def test_what_it_says_was_shown_is_not_removed_elsewhere(
    came: Catalogue, home: Path, path: str
) -> None:
    (came.root / "link").symlink_to(home)
    some = came.db.execute("SELECT min(id) FROM frame").fetchone()[0]
    OutputTable(came).add("ranked", {path.format(home=home): some, "ranked/old.jpg": some})
    (came.root / "ranked").mkdir()  # of ours, and empty afterwards
    (came.root / "ranked" / "old.jpg").write_bytes(b"")
    folders.place(came, "ranked", {})
    assert (home / "thesis.txt").read_text() == "mine"
    assert not (came.root / "ranked").exists() and not OutputTable(came).of_view("ranked")


def test_no_view_is_written_through_a_link(came: Catalogue, home: Path) -> None:
    (came.root / "ranked").symlink_to(home)
    row = came.db.execute("SELECT id, file FROM frame WHERE file IS NOT NULL LIMIT 1").fetchone()
    wanted = {"ranked/face/1.jpg": (row["id"], came.absolute(row["file"]))}
    with pytest.raises(StoreError, match="a link leads elsewhere"):
        folders.place(came, "ranked", wanted)
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_no_result_is_written_or_served_through_a_link(came: Catalogue, home: Path) -> None:
    root = came.root
    (root / ".ranked.csv.part").symlink_to(home / "thesis.txt")
    tables.write_ranked_csv(root / "ranked.csv", [], [])
    assert (home / "thesis.txt").read_text() == "mine" and not (root / "ranked.csv").is_symlink()
    (root / "datastore.json").unlink(missing_ok=True)
    (root / "datastore.json").symlink_to(home / "thesis.txt")
    client: TestClient = serving(Settings(root))
    assert client.get("/results/ranked.csv").status_code == 200
    assert client.get("/results/datastore.json").status_code == 404


def test_the_log_of_an_export_that_came_removes_nothing_elsewhere(
    tmp_path: Path, home: Path
) -> None:
    out = tmp_path / "set"
    out.mkdir()
    (out / "link").symlink_to(home)
    mine = (home / "thesis.txt").stat()
    known = {"fp": "x", "sha256": "x", "n_bytes": mine.st_size, "mtime_ns": mine.st_mtime_ns}
    rows = [{"file": name, **known} for name in ("link/thesis.txt", "a\0b", "../home/thesis.txt")]
    (out / ".curation-export.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Place(out) as place:
        assert place.tidy() == (0, ["link/thesis.txt"])
    assert (home / "thesis.txt").read_text() == "mine"
