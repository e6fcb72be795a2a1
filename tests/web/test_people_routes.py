"""Who is who over HTTP: said by frames, undone, refused where it is nonsense or a stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from curation.web.site import Settings
from tests.review_store import fill
from tests.web.conftest import serving, site_of


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root: Path = tmp_path_factory.mktemp("people") / "store"
    fill(root, 400, 40).close()
    with serving(Settings(root)) as made:
        yield made


def test_a_name_is_said_of_a_frame_and_taken_back(people: TestClient) -> None:
    told = people.get("/api/people").json()
    one = told["people"][0]
    assert one["name"] == "" and str(one["best"][0]) in told["faces"]
    say = {"verb": "name", "whom": one["best"][0], "value": "Anna", "client": "b"}
    assert people.post("/api/people/say", json=say).json()["kind"] == "name"
    names = {row["name"] for row in people.get("/api/people").json()["people"]}
    assert "Anna" in names
    rows = np.frombuffer(people.get("/api/people/rows").content, "<i4")
    anna = next(r for r in people.get("/api/people").json()["people"] if r["name"] == "Anna")
    assert int((rows == anna["number"]).sum()) == anna["frames"] == one["frames"]
    assert people.post("/api/people/say", json={"verb": "undo", "client": "b"}).status_code == 200
    names = {row["name"] for row in people.get("/api/people").json()["people"]}
    assert names == {""}
    assert people.post("/api/people/say", json={"verb": "undo", "client": "b"}).status_code == 409


def test_nothing_measured_is_told_kindly(empty_client: TestClient) -> None:
    told = empty_client.get("/api/people").json()
    assert told["people"] == [] and "no face" in told["why"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"verb": "forget", "whom": 1}, 422), ({"verb": "name", "whom": 1}, 422),
        ({"verb": "name", "whom": 10**9, "value": "Anna"}, 409),
        ({"verb": "name", "whom": -1, "value": "Anna"}, 422),
        ({"verb": "name", "whom": "Nobody", "value": "Anna"}, 409),
        ({"verb": "name", "whom": 1, "value": "a,b"}, 409), ({"verb": "split"}, 422),
        ({"verb": "split", "frames": [10**8]}, 409), ({"verb": "__class__"}, 422),
        ({"verb": "undo", "path": "/etc/passwd"}, 422), ({}, 422),
        ({"verb": "split", "frames": [1] * 30_000}, 422),
    ],
)
def test_nonsense_is_refused(people: TestClient, body: dict[str, Any], status: int) -> None:
    reply = people.post("/api/people/say", json=body)
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422), (b"<svg onload=alert(1)>", 422), (b"\xff\xd8\xff\xe0" + b"\0" * 500, 409),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, 409), (b"\xff\xd8\xff" + b"\0" * 1_500_000, 413),
    ],
)
def test_hostile_photos_are_refused_and_not_kept(
    people: TestClient, weights_dir: Path, data: bytes, status: int
) -> None:
    reply = people.post("/api/people/find", content=data)
    assert reply.status_code == status, reply.text
    root = site_of(people).studio.root
    assert str(root) not in reply.text
    assert not list((root / "cache" / "reference").glob("*"))


def test_other_sites_are_refused(people: TestClient) -> None:
    other = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    for route in ("say", "find"):
        assert people.post(f"/api/people/{route}", json={}, headers=other).status_code == 403
