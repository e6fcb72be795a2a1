"""Who did what: kept for every route, readable by people, never a place for markup or secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.store import audit as audit_store
from curation.store.audit import AuditTable, Entry
from curation.store.catalogue import Catalogue
from curation.web.audit import ACTIONS, shown_words
from curation.web.audit_page import page_of
from curation.web.security import Rules
from curation.web.site import Settings
from tests import videos
from tests.web.conftest import every_route, serving, site_of

EVIL = "<img src=x onerror=alert(1)>'\"&\x1b[31m\u202e"
ROOT = Path(__file__).parents[2]


def rows(client: TestClient) -> list[tuple[str, dict[str, Any]]]:
    listed = AuditTable(site_of(client).studio.catalogue).listing(1000)
    return [(row.action, dict(row.what)) for row in reversed(listed)]


def test_every_route_that_changes_something_has_its_line(empty_client: TestClient) -> None:
    for method, path in every_route(empty_client):
        if method in ("GET", "HEAD"):
            continue
        actions = [a for pattern, a in ACTIONS if pattern.fullmatch(f"{method} {path}")]
        assert actions, (method, path)
        assert actions[0] != "change", f"{method} {path} needs a line of its own in ACTIONS"


@pytest.fixture
def mine(filled: Path) -> Iterator[TestClient]:
    rules = Rules(password="correct horse")
    with serving(Settings(filled, rules=rules)) as made:
        made.auth = ("Ada", "correct horse")
        yield made


def test_marks_are_kept_with_who_made_them(mine: TestClient) -> None:
    frame = site_of(mine).studio.catalogue.db.execute("select min(id) from frame").fetchone()[0]
    op = {"id": "1", "kind": "stars", "value": 3, "frames": [frame]}
    assert mine.post("/api/review/ops", json={"client": "c", "ops": [op]}).status_code == 200
    assert mine.post("/api/review/undo", json={"client": "c", "id": "u"}).status_code == 200
    assert mine.post("/api/review/redo", json={"client": "c", "id": "r"}).status_code == 200
    assert mine.put("/api/review/views/Best%20ones", json={"q": 1}).status_code == 204
    assert mine.delete("/api/review/views/Best%20ones").status_code == 204
    assert mine.put(f"/api/faces/{frame}", json={"false": True}).status_code == 204
    kept = rows(mine)
    assert [action for action, _ in kept] == [
        "mark", "mark undone", "mark redone", "view kept", "view deleted", "mark"
    ]  # fmt: skip
    assert kept[0][1]["frames"] == 1 and kept[0][1]["values"] == ["3"]
    assert kept[3][1]["view"] == "Best ones"
    assert kept[5][1] == {"frame": str(frame), "false_face": True}
    table = AuditTable(site_of(mine).studio.catalogue)
    assert {(row.who, row.address) for row in table.listing()} == {("Ada", "testclient")}
    assert len(table.listing(who="Ada", action="mark")) == 2


def test_uploads_and_what_is_deleted_are_kept(mine: TestClient) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    made = mine.post("/api/uploads", json={"name": "a.mp4", "size": len(data)}).json()
    path, half = f"/api/uploads/{made['id']}", len(data) // 2
    mine.put(path, content=data[:half], headers={"upload-offset": "0"})
    mine.put(path, content=data[half:], headers={"upload-offset": str(half)})
    other = mine.post("/api/uploads", json={"name": "b.mp4", "size": 9}).json()
    assert mine.delete(f"/api/uploads/{other['id']}").status_code == 204
    kept = rows(mine)
    assert [action for action, _ in kept] == [
        "upload begun", "upload", "upload begun", "upload deleted"
    ]  # fmt: skip
    assert kept[1][1]["name"] == "a.mp4"
    assert kept[3][1]["upload"] == other["id"]


def test_jobs_are_kept_however_they_begin(mine: TestClient) -> None:
    job = mine.post("/api/review/thresholds", json={}).json()["job"]
    mine.post(f"/api/jobs/{job}/cancel")
    kept = [(action, what["job"], what["verb"]) for action, what in rows(mine)]
    assert kept[0] == ("job", job, "rank")
    assert ("job cancelled", job, "rank") in kept


def test_what_was_refused_is_no_change(mine: TestClient) -> None:
    assert mine.post("/api/review/ops", json={"client": ""}).status_code == 422
    assert mine.delete("/api/uploads/77").status_code == 404
    assert rows(mine) == []


def test_no_secret_of_an_address_is_kept() -> None:
    words = shown_words(["https://u:p@x.example/v?id=3&sig=abc&token=t", "--most", "3"])
    assert words == ["https://x.example/v?id=3", "--most", "3"]


def test_a_full_disk_stops_no_work(mine: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AuditTable, "add", full)
    assert mine.put("/api/review/views/x", json={}).status_code == 204


def test_the_page_shows_text_as_text(mine: TestClient) -> None:
    table = AuditTable(site_of(mine).studio.catalogue)
    table.add(EVIL, EVIL, EVIL, {EVIL: EVIL, "list": [EVIL]})
    page = mine.get("/audit")
    assert "<img src=x" not in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert "Log out" in page.text
    assert mine.get("/api/audit").json()[0]["who"] == EVIL[:60]


def test_older_rows_are_a_page_away(mine: TestClient) -> None:
    table = AuditTable(site_of(mine).studio.catalogue)
    for i in range(250):
        table.add("Ada", "1.2.3.4", "mark", {"n": i})
    first = mine.get("/audit").text
    assert "n 249" in first and "n 49<" not in first
    assert "audit?before=51" in first
    assert "n 49<" in mine.get("/audit?before=51").text
    assert len(mine.get("/api/audit?limit=7").json()) == 7
    for wrong in ("before=0", "before=x", "before=99999999999999999999", "limit=100000"):
        assert mine.get(f"/api/audit?{wrong}").status_code == 422
    assert "Nobody has changed" in page_of([], False)


def test_the_log_does_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_store, "MOST_ROWS", 100)
    monkeypatch.setattr(audit_store, "PRUNE_EVERY", 50)
    table = AuditTable(Catalogue(tmp_path))
    for i in range(400):
        table.add("", "", "mark", {"n": i, "long": "x" * 9000})
    kept = table.listing(1000)
    assert len(kept) <= 150
    assert isinstance(kept[0], Entry)
    assert len(json.dumps(dict(kept[0].what))) <= audit_store.LONGEST_WHAT


def test_the_command_line_tells_the_same(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "store")
    AuditTable(catalogue).add("Ada", "1.2.3.4", "mark", {"note": "\x1b[31mred"})
    catalogue.close()
    words = [sys.executable, "-m", "curation", "audit", "--datastore"]
    done = subprocess.run(
        [*words, str(tmp_path / "store")], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "Ada" in done.stdout and "mark" in done.stdout
    assert "\x1b" not in done.stdout
    told = subprocess.run(
        [*words, str(tmp_path / "store"), "--json"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert json.loads(told.stdout)[0]["who"] == "Ada"
    none = subprocess.run(
        [*words, str(tmp_path / "no")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert none.returncode == 1 and "is no datastore" in none.stderr
    assert not (tmp_path / "no").exists()
