"""Marks over HTTP: two browsers, retries, undo after a restart, a server killed in mid-marking."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.params import RankParams
from curation.store.catalogue import Catalogue
from curation.store.marks import MarkTable
from curation.web.site import Settings
from tests.ports import kept_port
from tests.web.conftest import serving, site_of
from tests.web.following import ended

ROOT = Path(__file__).parents[2]
ANN, BOB = "ann's browser", "bob's browser"


def op(kind: str, value: Any, frames: Any, **more: Any) -> dict[str, Any]:
    named = {"frames": frames} if isinstance(frames, list) else frames
    return {"id": str(uuid.uuid4()), "kind": kind, "value": value, **named, **more}


def send(client: TestClient, who: str, *ops: dict[str, Any]) -> Any:
    body = {"client": who, "who": who[:3], "ops": list(ops)}
    return client.post("/api/review/ops", json=body)


def ids_of(client: TestClient) -> list[int]:
    return [frame.id for frame in site_of(client).studio.videos.frames()]


def test_two_browsers_see_each_other_and_lose_nothing(client: TestClient) -> None:
    a, b, c = ids_of(client)[:3]
    start = client.get("/api/review/marks").json()
    assert start == {
        "revision": 0, "frames": [], "flag": [], "stars": [], "label": [], "noted": [], "who": []
    }
    first = send(client, ANN, op("flag", 1, [a, b]), op("stars", 4, [a])).json()
    assert [result["changed"] for result in first["results"]] == [2, 1]
    second = send(client, BOB, op("flag", -1, [b, c]), op("note", " blurred ", [c])).json()
    assert second["results"][0]["overwrote"] == [{"frame": b, "who": "ann", "kind": "flag"}]
    assert second["revision"] > first["revision"]
    seen = client.get("/api/review/marks", params={"since": first["revision"]}).json()
    assert seen["frames"] == [b, c] and seen["flag"] == [-1, -1] and seen["noted"] == [0, 1]
    assert seen["who"] == ["bob", "bob"]
    undone = client.post("/api/review/undo", json={"client": ANN}).json()
    assert undone["did"] == "4 stars of 1 frame"
    undone = client.post("/api/review/undo", json={"client": ANN}).json()
    assert (undone["did"], undone["skipped"]) == ("pick of 2 frames", 1)
    assert client.post("/api/review/undo", json={"client": ANN}).status_code == 409
    whole = client.get("/api/review/marks").json()
    assert dict(zip(whole["frames"], whole["flag"], strict=True)) == {a: 0, b: -1, c: -1}


def test_an_op_that_comes_twice_counts_once(client: TestClient) -> None:
    a = ids_of(client)[0]
    once = op("tag", "beach", [a])
    assert send(client, ANN, once).json() == send(client, ANN, once).json()
    assert client.get("/api/review/tags").json() == {"beach": 1}
    send(client, ANN, op("tag", "sea", [a]))
    step = {"client": ANN, "id": "the same"}
    first = client.post("/api/review/undo", json=step).json()
    assert client.post("/api/review/undo", json=step).json() == first
    assert client.get("/api/review/tags").json() == {"beach": 1}
    assert client.get("/api/review/history", params={"client": ANN}).json() == {
        "undo": "tag beach of 1 frame", "redo": "tag sea of 1 frame"
    }


def test_a_page_that_closes_can_only_send_text(client: TestClient) -> None:
    a = ids_of(client)[0]
    body = json.dumps({"client": ANN, "ops": [op("label", 5, [a])]})
    told = client.post("/api/review/ops", content=body, headers={"content-type": "text/plain"})
    assert told.json()["results"][0]["changed"] == 1
    crossed = {"sec-fetch-site": "cross-site"}
    assert client.post("/api/review/ops", content=body, headers=crossed).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": 2}, "from -1 to 1"),
        ({"value": "1"}, "from -1 to 1"),
        ({"value": True}, "value"),
        ({"kind": "delete"}, "kind"),
        ({"kind": "note", "value": "x" * 4001}, "4001 letters"),
        ({"kind": "tag", "value": "  "}, "at least one letter"),
        ({"frames": [10**6]}, "no frame 1000000"),
        ({"frames": [-1]}, "named by their numbers"),
        ({"frames": ["../../etc/passwd"]}, "frames"),
        ({"frames": None}, "on which frames"),
        ({"frames": None, "ranges": [[1]]}, "first frame, last frame"),
        ({"frames": None, "query": {"where": [{"column": "path", "min": 1}]}}, "no column 'path'"),
        ({"expect": 7}, "meant 7 frames and there are 1"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_done(
    client: TestClient, wrong: dict[str, Any], said: str
) -> None:
    a = ids_of(client)[0]
    answer = send(client, ANN, op("flag", 1, [a]), {**op("flag", 1, [a]), **wrong})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert client.get("/api/review/marks").json()["frames"] == []


def test_everything_in_view_is_marked_by_one_question(client: TestClient) -> None:
    ids = ids_of(client)
    send(client, ANN, op("flag", 1, ids[:5]))
    told = send(client, ANN, op("stars", 5, {"query": {"where": [{"column": "flag", "in": [1]}]}}))
    assert told.json()["results"][0]["changed"] == 5
    told = send(client, ANN, op("flag", -1, {"query": {"where": []}}, expect=len(ids)))
    assert told.json()["results"][0]["changed"] == len(ids)
    ranges = {"ranges": [[min(ids), max(ids)]]}
    assert send(client, ANN, op("label", 1, ranges)).json()["results"][0]["changed"] == len(ids)
    for _ in range(4):
        client.post("/api/review/undo", json={"client": ANN})
    marks = client.get("/api/review/marks").json()
    assert not any(marks["flag"] + marks["stars"] + marks["label"])


def test_many_frames_are_marked_by_the_helper_process(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.web.mark_work.FEW", 3)
    ids = ids_of(client)
    assert send(client, ANN, op("flag", 1, ids)).json()["results"][0]["changed"] == len(ids)
    back = client.post("/api/review/undo", json={"client": ANN}).json()
    assert back["did"] == f"pick of {len(ids)} frames"
    assert client.post("/api/review/redo", json={"client": ANN}).json()["skipped"] == 0
    assert client.get("/api/review/marks").json()["flag"] == [1] * len(ids)
    assert send(client, ANN, op("flag", 1, [*ids, 10**6])).status_code == 422


def test_saved_views(client: TestClient) -> None:
    view = {"where": [{"column": "score", "min": 0.2}], "sort": "-score"}
    assert client.put("/api/review/views/Best of face", json=view).status_code == 204
    assert client.get("/api/review/views").json() == {"Best of face": view}
    assert client.put("/api/review/views/big", json="x" * 9000).status_code == 422
    assert client.put(f"/api/review/views/{'n' * 81}", json={}).status_code == 422
    assert client.delete("/api/review/views/Best of face").status_code == 204
    assert client.delete("/api/review/views/Best of face").status_code == 404


def test_undo_survives_a_restart(filled: Path) -> None:
    with serving(Settings(filled)) as client:
        a, b = ids_of(client)[:2]
        send(client, ANN, op("flag", 1, [a]), op("flag", -1, [b]), op("flag", 1, [b]))
        client.post("/api/review/undo", json={"client": ANN})
    with serving(Settings(filled)) as client:
        assert client.get("/api/review/marks").json()["flag"] == [1, -1]
        redone = client.post("/api/review/redo", json={"client": ANN}).json()
        assert redone["did"] == "pick of 1 frame"
        for _ in range(3):
            client.post("/api/review/undo", json={"client": ANN})
        assert client.get("/api/review/marks").json()["flag"] == [0, 0]


def job_of(client: TestClient, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]
    ended(site_of(client).jobs.table, job_id)
    job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
    return job


def test_marks_are_applied_and_taken_back_by_jobs(client: TestClient) -> None:
    root = site_of(client).studio.root
    before = {path.name for path in (root / "ranked").rglob("*.jpg")}
    assert client.post("/api/review/apply/undo", json={}).status_code == 409
    page = site_of(client).studio.decisions.page(verdict="rejected")
    rejected = [row["frame_id"] for row in page]
    send(client, ANN, op("flag", 1, rejected[:2]))
    state = {"waiting": 2, "applied": 0, "can_undo": False}
    assert client.get("/api/review/apply").json() == state
    job = job_of(client, client.post("/api/review/apply", json={}))
    assert (job["state"], job["summary"]["by_hand"]) == ("done", {"picked": 2, "rejected": 0})
    assert len({path.name for path in (root / "ranked").rglob("*.jpg")}) == len(before) + 2
    state = {"waiting": 0, "applied": 2, "can_undo": True}
    assert client.get("/api/review/apply").json() == state
    job = job_of(client, client.post("/api/review/apply/undo", json={}))
    assert job["state"] == "done", job
    assert {path.name for path in (root / "ranked").rglob("*.jpg")} == before


def test_thresholds_become_the_recipe(client: TestClient) -> None:
    wrong = {"params": {"min_focus": "soft"}}
    assert client.post("/api/review/thresholds", json=wrong).status_code == 422
    wrong = {"params": {"datastore": "/etc"}}
    assert client.post("/api/review/thresholds", json=wrong).status_code == 422
    moved = {"params": {"min_focus": -2.5, "per_video_face": 9}}
    job = job_of(client, client.post("/api/review/thresholds", json=moved))
    assert job["state"] == "done" and job["verb"] == "rank", job
    kept = site_of(client).studio.remembered("rank", RankParams)
    assert (kept["min_focus"], kept["per_video_face"]) == (-2.5, 9)
    job_of(client, client.post("/api/review/thresholds", json={"params": {"per_video": 3}}))
    kept = site_of(client).studio.remembered("rank", RankParams)
    assert (kept["min_focus"], kept["per_video"]) == (-2.5, 3), "what was moved before stays"


# -- a real server, killed -----------------------------------------------------------------------

SERVE = """
import sys, uvicorn
from pathlib import Path
from curation.web.app import create_app
from curation.web.site import Settings
app = create_app(Settings(Path(sys.argv[1])), with_pages=False)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


@contextmanager
def server(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(root), str(port)], cwd=ROOT, start_new_session=True
    )
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
                break
            except OSError:
                time.sleep(0.1)
        assert process.poll() is None, "the server ended"
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def post(port: int, body: Any, sent: Callable[[], None] = lambda: None) -> None:
    """Send a body, do what is to be done as soon as it is sent, and wait for the answer."""
    line = HTTPConnection("127.0.0.1", port)
    line.request("POST", "/api/review/ops", json.dumps(body),
                 {"content-type": "application/json"})  # fmt: skip
    sent()
    answer = line.getresponse()
    assert answer.status == 200 and json.load(answer)["results"]
    line.close()


@pytest.mark.slow
def test_a_server_killed_in_mid_marking_loses_nothing_that_it_answered(filled: Path) -> None:
    kept = kept_port()
    port = int(kept.getsockname()[1])
    catalogue = Catalogue(filled)
    ids = MarkTable(catalogue).between([(1, 10**6)]).tolist()
    waiting = [
        {"client": ANN, "who": "ann", "ops": [op("flag", 1 - 2 * (n % 2), [ids[n % len(ids)]])]}
        for n in range(120)
    ]
    wanted = {body["ops"][0]["frames"][0]: body["ops"][0]["value"] for body in waiting}
    for after_s in (0.0, 0.003, 0.02, None):
        with server(filled, port) as process:

            def kill(after_s: float | None = after_s, process: Any = process) -> None:
                time.sleep(after_s or 0)
                process.kill()

            for _ in range(30):
                post(port, waiting[0])
                waiting.pop(0)  # the page forgets an op when it is answered, not before
            if after_s is not None:  # the kill lands while the next request is on its way
                with suppress(OSError, HTTPException):
                    post(port, waiting[0], kill)
                process.wait()
    kept.close()
    assert not waiting
    flags = MarkTable(catalogue).columns(list(wanted))["flag"].tolist()
    assert flags == list(wanted.values())
    count = catalogue.db.execute("SELECT count(*), count(DISTINCT id) FROM review_op").fetchone()
    assert tuple(count) == (120, 120), "an op that was sent again counts once"
