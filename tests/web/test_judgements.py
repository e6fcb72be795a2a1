"""What the pages ask about one frame: why it stands there, what a person says about its face."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.conftest import site_of


def first_picked(client: TestClient) -> int:
    rows = site_of(client).studio.decisions.page(verdict="picked", limit=1)
    return int(rows[0]["frame_id"])


def test_a_picked_frame_is_explained_as_a_sum_of_parts(client: TestClient) -> None:
    frame_id = first_picked(client)
    told = client.get(f"/api/explain/{frame_id}").json()
    assert told["headline"].startswith("Picked: rank ")
    total = sum(part["contribution"] for part in told["parts"])
    assert abs(total - told["score"]) < 1e-9
    assert {"name", "text", "passed"} <= told["gates"][0].keys()


def test_a_frame_that_was_not_picked_says_what_it_needed(client: TestClient) -> None:
    rows = site_of(client).studio.decisions.page(verdict="rejected", limit=1)
    told = client.get(f"/api/explain/{rows[0]['frame_id']}").json()
    assert told["headline"].startswith("Rejected (")
    assert told["needed"]


def test_a_frame_that_is_not_there_is_not_explained(client: TestClient) -> None:
    assert client.get("/api/explain/999999").status_code == 404


def test_an_empty_datastore_holds_and_lacks_nothing(empty_client: TestClient) -> None:
    found = empty_client.get("/api/coverage").json()
    assert (found["picked"], found["available"]) == (0, 0)


def test_the_picks_are_counted_against_what_there_was(client: TestClient) -> None:
    found = client.get("/api/coverage").json()
    framing = next(axis for axis in found["axes"] if axis["name"] == "framing")
    assert sum(one["picked"] for one in framing["bins"]) == found["picked"] > 0


def test_a_mark_decides_about_its_frame(client: TestClient) -> None:
    frame_id = first_picked(client)
    assert client.put(f"/api/faces/{frame_id}", json={"false": True}).status_code == 204
    told = client.get(f"/api/explain/{frame_id}").json()
    assert told["reason"] == "false_face"
    assert "marked as false" in told["detail"]
    assert client.put(f"/api/faces/{frame_id}", json={"false": None}).status_code == 204
    assert client.get(f"/api/explain/{frame_id}").json()["reason"] == "picked"


def test_marks_are_refused_for_strangers_and_nonsense(client: TestClient) -> None:
    assert client.put("/api/faces/999999", json={"false": True}).status_code == 404
    frame_id = first_picked(client)
    assert client.put(f"/api/faces/{frame_id}", json={"false": "perhaps"}).status_code == 422
    other = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    refused = client.put(f"/api/faces/{frame_id}", json={"false": True}, headers=other)
    assert refused.status_code == 403
