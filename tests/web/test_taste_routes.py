"""Taste over HTTP: what is known, what to rate next, jobs; nonsense and strangers are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.web.site import Settings
from tests.review_store import fill
from tests.web.conftest import serving, site_of
from tests.web.rater import Rater


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root: Path = tmp_path_factory.mktemp("taste") / "store"
    studio = fill(root, 400, 40)
    rater = Rater(studio)
    rater.rate(rater.some(20))
    studio.close()
    with serving(Settings(root)) as made:
        yield made


def test_what_is_known(rated: TestClient) -> None:
    told = rated.get("/api/taste").json()
    assert (told["ratings"], told["needed"], told["live"], told["scorer"]) == (20, 0, True, None)
    assert told["judged"] is None
    assert not rated.post("/api/taste/live", json={"on": False}).json()["live"]
    assert rated.post("/api/taste/live", json={"on": True}).json()["live"]


def test_proposals_are_frames_that_nobody_rated(rated: TestClient) -> None:
    asked = rated.post("/api/taste/proposals", json={"count": 9}).json()
    assert len(asked) == 9
    assert [row["kind"] for row in asked].count("random") == 3
    stars = site_of(rated).studio.catalogue.db.execute("SELECT frame_id FROM review").fetchall()
    assert not {row["frame_id"] for row in asked} & {row["frame_id"] for row in stars}


def test_an_empty_datastore_says_what_to_do(empty_client: TestClient) -> None:
    assert empty_client.get("/api/taste").json()["ratings"] == 0
    refused = empty_client.post("/api/taste/proposals", json={})
    assert refused.status_code == 409 and "02_sort.py" in refused.json()["detail"]


def test_a_verb_is_queued_once(rated: TestClient) -> None:
    first = rated.post("/api/taste/run", json={"verb": "evaluate"})
    assert first.status_code == 202, first.text
    job = first.json()["job"]
    second = rated.post("/api/taste/run", json={"verb": "evaluate"})
    if second.status_code == 409:
        assert second.json()["job"] == job
    found = rated.get(f"/api/jobs/{job}").json()
    assert (found["verb"], found["argv"]) == ("evaluate", [])


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("proposals", {"count": 0}), ("proposals", {"count": 10**9}), ("proposals", {"n": 3}),
        ("live", {"on": "perhaps"}), ("live", {}), ("run", {"verb": "rank"}),
        ("run", {"verb": "promote"}), ("run", {"verb": "promote", "name": "../../x"}),
        ("run", {"verb": "promote", "name": "--force"}), ("run", {"verb": "train", "name": "a\n"}),
        ("run", {"verb": "promote", "name": "x.json"}), ("run", {"verb": "train", "path": "/etc"}),
    ],
)
def test_nonsense_is_refused(rated: TestClient, route: str, body: dict[str, Any]) -> None:
    assert rated.post(f"/api/taste/{route}", json=body).status_code == 422


@pytest.mark.parametrize("route", ["proposals", "live", "run"])
def test_other_sites_are_refused(rated: TestClient, route: str) -> None:
    other = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    assert rated.post(f"/api/taste/{route}", json={}, headers=other).status_code == 403
