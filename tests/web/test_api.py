"""The endpoints for programs, asked by gradio_client over a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation.studio import Studio
from tests.ports import kept_port
from tests.review_store import fill

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-many-letters-0123456789"


class Served:
    """`python app.py` over a filled datastore, with a token."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kept = kept_port()
        self.url = f"http://127.0.0.1:{self.kept.getsockname()[1]}"
        self.log = (root.parent / "server.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--port", self.url.rpartition(":")[2],
             "--datastore", str(root)],
            stdout=self.log, stderr=self.log, cwd=ROOT,
            env={**os.environ, "CURATION_TOKEN": TOKEN},
        )  # fmt: skip
        while self.process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz"):
                return
            time.sleep(0.1)
        raise AssertionError((root.parent / "server.log").read_text())

    def client(self, token: str = TOKEN) -> Any:
        gradio_client = import_module("gradio_client")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return gradio_client.Client(
            self.url, headers=headers, verbose=False, analytics_enabled=False, download_files=False,
            httpx_kwargs={"timeout": None},  # five seconds else, also on a busy machine
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("api") / "datastore"
    fill(root, 300, pictures=40).close()
    made = Served(root)
    yield made
    made.process.terminate()
    made.process.wait()
    made.log.close()


@pytest.fixture(scope="module")
def client(served: Served) -> Any:
    return served.client()


def test_who_has_no_token_gets_nothing(served: Served) -> None:
    for token in ("", "wrong"):
        with pytest.raises(Exception, match=r"401|403|Could not|login|Authoriz"):
            served.client(token).predict(api_name="/status")


def test_endpoints_are_typed_and_told(client: Any) -> None:
    told = client.view_api(return_format="dict")["named_endpoints"]
    rank = {one["parameter_name"]: one for one in told["/rank"]["parameters"]}
    assert rank["min_focus"]["python_type"]["type"] == "float"
    assert rank["min_focus"]["parameter_has_default"]
    assert all(one["parameter_has_default"] for one in rank.values())
    assert "min_focus: " in told["/rank"]["description"]
    paths = [
        f"{name} {one['parameter_name']}" for name, each in told.items()
        for one in each["parameters"]
        if any(word in one["parameter_name"] for word in ("path", "file", "folder", "weights"))
    ]
    assert paths == []


def test_reads_answer_as_the_studio_does(client: Any, served: Served) -> None:
    with Studio(served.root) as studio:
        told = client.predict(api_name="/status")
        assert sum(told["verdicts"].values()) == 300 and told["videos"] == 4
        faces = studio.frames_where("pool = 'face' and score > 0.5")
        assert client.predict("pool = 'face' and score > 0.5", api_name="/frames_where") == faces
        page = client.predict(pool="face", limit=5, api_name="/frames")
        assert page == json.loads(json.dumps(studio.decisions.page(pool="face", limit=5)))
        told = client.predict(like=faces[:2], by="face", count=4, api_name="/search")
        assert len(told["frames"]) == 4 and told["frames"][0]["distance"] < 0.5
        why = client.predict(faces[0], api_name="/explain")
        assert why["frame_id"] == faces[0]
        assert client.predict(api_name="/coverage")["picked"] == studio.coverage()["picked"]
    assert {"pool", "yaw_deg"} <= {one["name"] for one in client.predict(api_name="/columns")}
    assert len(client.predict(api_name="/export_formats")) > 5
    assert client.predict(api_name="/people")
    assert client.predict(api_name="/taste")


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("/frames_where", {"where": "fokus > 1"}, "did you mean focus"),
        ("/search", {}, "nothing is searched for"),
        ("/search", {"pose": "/etc/passwd"}, "the pose is no JSON"),
        ("/frames", {"limit": 10**9}, "ask page by page"),
        ("/frames", {"order": "rank; DROP TABLE frame"}, "by rank, score or time"),
        ("/explain", {"frame_id": 10**9}, "no frame"),
        ("/rank", {"per_video": -5}, "per-video"),
        ("/promote", {"scorer": "../../etc/passwd"}, "no path is taken"),
        ("/promote", {"scorer": "--force"}, "no path is taken"),
        ("/mark", {"frames": [1], "kind": "stars", "value": 9}, "from 0 to 5"),
        ("/mark", {"frames": [1], "kind": "owner", "value": 1}, "kind is flag"),
        ("/export", {"format": "nonsense"}, "nonsense"),
        ("/job_state", {"number": 99999}, "there is no"),
        ("/download", {"urls": []}, "there is no link"),
        ("/say_of_people", {"verb": "__class__"}, "nobody says"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told(
    client: Any, name: str, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(Exception, match=says):
        client.predict(**asked, api_name=name)


def test_a_verb_tells_how_it_does_until_it_ends(client: Any, served: Served) -> None:
    beats = list(client.submit(per_video=4, api_name="/rank"))
    last = beats[-1]
    assert last["state"] == "done" and last["summary"]["verb"] == "rank"
    assert {beat["job"] for beat in beats} == {last["job"]}
    with Studio(served.root) as studio:
        assert studio.decisions.count(verdict="picked") == sum(last["summary"]["picked"].values())
        assert studio.remembered("rank", _rank())["per_video"] == 4
    listed = client.predict(api_name="/jobs")
    assert last["job"] in [one["job"] for one in listed]
    assert client.predict(last["job"], api_name="/job_state")["state"] == "done"
    assert "job" in audited(served)


def test_newer_verbs_are_jobs_too(client: Any, served: Served) -> None:
    told = client.predict(where="pool = face", api_name="/report")
    assert told["state"] == "done"
    assert (served.root / "dataset_report.html").stat().st_size == told["summary"]["bytes"]
    told = client.predict(format="csv", api_name="/export")
    assert told["state"] == "done" and told["summary"]["verb"] == "export"
    assert list((served.root / "exports").iterdir())
    with pytest.raises(Exception, match=r"train ended failed: .*rat"):
        client.predict(api_name="/train")


def test_marks_are_kept_undone_and_audited(client: Any, served: Served) -> None:
    frames = client.predict("pool = face", api_name="/frames_where")[:3]
    told = client.predict(frames, "stars", 4, api_name="/mark")
    assert told["results"][0]["changed"] == 3
    assert client.predict("stars = 4", api_name="/frames_where") == frames
    assert "3 frames" in client.predict(api_name="/undo_mark")["did"]
    assert client.predict("stars = 4", api_name="/frames_where") == []
    assert {"mark", "mark undone"} <= audited(served)


def audited(served: Served) -> set[str]:
    """Return the kinds of actions that the audit log holds."""
    from curation.store.audit import AuditTable
    from curation.store.catalogue import Catalogue

    return {row.action for row in AuditTable(Catalogue(served.root)).listing()}


def test_a_shell_can_ask_too(served: Served) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    ask = urllib.request.Request(
        f"{served.url}/gradio_api/call/frames_where", json.dumps({"data": ["rank = 1"]}).encode(),
        headers,
    )
    with urllib.request.urlopen(ask) as reply:
        event = json.load(reply)["event_id"]
    answer = urllib.request.Request(
        f"{served.url}/gradio_api/call/frames_where/{event}", headers=headers
    )
    with urllib.request.urlopen(answer) as reply:
        text = reply.read().decode()
    with Studio(served.root) as studio:
        assert json.loads(text.partition("data: ")[2].splitlines()[0])[0] == (
            studio.frames_where("rank = 1")
        )


def test_the_example_runs(served: Served) -> None:
    done = subprocess.run(
        [sys.executable, "examples/ask_a_server.py", served.url], cwd=ROOT, capture_output=True,
        text=True, check=False, env={**os.environ, "CURATION_TOKEN": TOKEN},
    )
    assert done.returncode == 0, done.stderr
    assert "frames fit; the best:" in done.stdout and "picked: {" in done.stdout
    assert "taken back" in done.stdout


def _rank() -> Any:
    from curation import RankParams

    return RankParams
