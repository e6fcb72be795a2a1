"""Crops over HTTP: seen, proposed from measures, accepted, placed, taken back; never a path."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import site_of


def frame_of(client: TestClient) -> int:
    return next(iter(site_of(client).studio.videos.frames())).id


def by_ratio(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {crop["ratio"]: crop for crop in told["crops"]}


def test_a_frame_of_a_video_gets_crops_around_its_face(client: TestClient) -> None:
    frame = frame_of(client)
    told = client.get(f"/api/crops/{frame}").json()
    assert {crop["verdict"] for crop in told["crops"]} == {"open"}
    made = client.post(f"/api/crops/{frame}/propose").json()
    wide, tall = made["size_wh"]
    for crop in made["crops"]:
        assert crop["verdict"] in ("proposed", "review", "none"), crop
        if crop["px"]:
            x, y, w, h = crop["px"]
            assert w * crop["h"] == h * crop["w"]
            assert 0 <= x <= wide - w and 0 <= y <= tall - h
    assert client.post(f"/api/crops/{frame}/propose").json() == made
    assert client.get(f"/api/crops/{frame}").json() == made


def test_what_a_person_says_is_kept(client: TestClient) -> None:
    frame = frame_of(client)
    client.post(f"/api/crops/{frame}/propose")
    say = f"/api/crops/{frame}"
    told = by_ratio(client.post(say, json={"ratio": "1:1", "verdict": "accepted"}).json())
    assert told["1:1"]["verdict"] == "accepted" and not told["1:1"]["by_hand"]
    box = [0.0, 0.0, 0.2, 0.9]
    told = by_ratio(client.post(say, json={"ratio": "4:5", "box": box}).json())
    assert told["4:5"]["by_hand"] and told["4:5"]["px"][0] == 0
    assert told["4:5"]["px"][2] * 5 == told["4:5"]["px"][3] * 4
    exact = told["4:5"]
    again = by_ratio(client.post(say, json={"ratio": "4:5", "box": exact["box"]}).json())
    assert again["4:5"]["px"] == exact["px"], "shares of whole pixels come back as they were"
    told = by_ratio(client.post(say, json={"ratio": "5:7", "box": [0.1, 0.1, 0.6, 0.6]}).json())
    assert told["5:7"]["verdict"] == "proposed", "other shapes can be placed too"
    client.post(say, json={"ratio": "1:1", "forget": True})
    assert by_ratio(client.get(say).json())["1:1"]["verdict"] == "open"
    client.post(f"{say}/propose")
    told = by_ratio(client.get(say).json())
    assert told["1:1"]["verdict"] != "open" and told["4:5"]["px"] == exact["px"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ratio": "0:1", "verdict": "accepted"}, 409),
        ({"ratio": "1:1", "verdict": "accepted"}, 409),  # nothing is proposed yet
        ({"ratio": "1:1", "verdict": "none"}, 422),
        ({"ratio": "1:1", "box": [0, 0, 1]}, 422),
        ({"ratio": "1:1", "box": [0, 0, 1, 1e9]}, 422),
        ({"ratio": "1:1", "path": "/etc/passwd"}, 422),
        ({}, 422),
    ],
)
def test_nonsense_is_refused(client: TestClient, body: dict[str, Any], status: int) -> None:
    reply = client.post(f"/api/crops/{frame_of(client)}", json=body)
    assert reply.status_code == status, reply.text


def test_frames_that_are_not_there(client: TestClient) -> None:
    for frame in (10**6, 2**63, -1):
        assert client.get(f"/api/crops/{frame}").status_code == 404
        assert client.post(f"/api/crops/{frame}/propose").status_code == 404
        body = {"ratio": "1:1", "verdict": "accepted"}
        assert client.post(f"/api/crops/{frame}", json=body).status_code == 404
    assert client.post("/api/crops").status_code == 409
