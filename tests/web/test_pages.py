"""The pages behind the guard: light to start, private, and safe with any text."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.store.jobs import Job
from curation.store.staleness import Stale
from curation.studio import Studio
from curation.ui import markup
from curation.ui.api import VERBS
from curation.ui.strip import Status, strip
from curation.ui.words import STAGES
from curation.web.site import Settings
from tests.web.conftest import serving, site_of

ROOT = Path(__file__).parents[2]
EVIL = "<img src=x onerror=alert(1)>{{constructor}}${alert(2)}`'\"&.mp4"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    root = tmp_path_factory.mktemp("pages") / "datastore"
    with serving(Settings(root), with_pages=True) as client:
        yield client


def test_the_page_is_served_with_our_own_routes_before_it(pages: TestClient) -> None:
    page = pages.get("/")
    assert page.status_code == 200
    assert "Frame Curation Studio" in page.text
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    assert pages.get("/healthz").json() == {"status": "ok"}
    assert pages.get("/ui/uploader.js").status_code == 200
    assert pages.get("/ui/lightbox.js").status_code == 200
    assert pages.get("/ui/why.js").status_code == 200


def test_only_the_api_is_public_and_there_are_no_extras(pages: TestClient) -> None:
    config = pages.get("/config").json()
    shown = [d["api_name"] for d in config["dependencies"] if d["api_visibility"] != "private"]
    # Each of these is a deliberate one of curation/ui/api.py; a button must not become one.
    assert shown == [
        *(verb.name for verb in VERBS), "status", "frames", "search", "frames_where", "columns",
        "explain", "coverage", "taste", "proposals", "people", "export_formats", "export_preview",
        "jobs", "job_state", "job_log", "job_cancel", "job_resume", "mark", "undo_mark",
        "say_of_people",
    ]
    assert config.get("run_history") in (False, None)
    assert config["analytics_enabled"] is False
    assert config["enable_queue"] is True
    for path in ("/gradio_api/upload", "/gradio_api/vibe-edit", "/login"):
        assert pages.post(path).status_code == 404
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=app.py",
        "/monitoring",
        "/gradio_api/proxy=http://127.0.0.1:1",
    ):
        assert pages.get(path).status_code == 404


def test_the_page_takes_no_cross_site_event(pages: TestClient) -> None:
    sent = {"fn_index": 0, "data": [], "session_hash": "x"}
    for path in ("/gradio_api/queue/join", "/gradio_api/run/predict"):
        reply = pages.post(path, json=sent, headers={"sec-fetch-site": "cross-site"})
        assert reply.status_code == 403


def test_the_page_asks_nobody_else(pages: TestClient) -> None:
    text = pages.get("/").text
    for tag in ("<script", "<link", "<img"):
        for part in text.split(tag)[1:]:
            head = part.split(">")[0]
            assert "http://" not in head.replace("http://127.0.0.1", ""), head
            assert "https://" not in head, head


def test_nothing_is_loaded_or_computed_before_a_job(pages: TestClient) -> None:
    site = site_of(pages)
    assert site.prober._pool._workers == []
    assert site.trials._pool._workers == []
    code = (
        "import sys, pathlib\n"
        "from curation.web.app import create_app\n"
        "from curation.web.site import Settings\n"
        "create_app(Settings(pathlib.Path(sys.argv[1])))\n"
        "print(sorted({'torch', 'mediapipe', 'cv2', 'av', 'ultralytics', 'scenedetect', 'kornia',"
        " 'decord'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(site.studio.root.parent / "other")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_program_explains_itself_lightly() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    for word in ("--host", "127.0.0.1", "--port", "7860", "--datastore", "--input-dir"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input-dir", "/no/such/folder"], "no such folder"),
        (["--datastore", str(ROOT / "pyproject.toml")], "datastore"),
        (["--host", "192.0.2.1", "--open-to-all"], "cannot listen on 192.0.2.1:1"),
    ],
)
def test_a_wrong_start_says_what_is_wrong(words: list[str], said: str, tmp_path: Path) -> None:
    own = [] if "--datastore" in words else ["--datastore", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--port", "1", *own, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_told_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--datastore", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [  # no line of the server's own among them
        f"error: cannot listen on 127.0.0.1:{port}, another program does",
        'hint: end what uses it, or choose another --port; with make: make run ARGS="--port 7861"',
    ]


# -- text from files and processes ---------------------------------------------------------------


def job(**changes: object) -> Job:
    values: dict[str, object] = dict.fromkeys(Job.__slots__)
    values |= {
        "id": 1,
        "verb": "extract",
        "argv": (),
        "state": "running",
        "failed": (),
        "cancel": False,
        "created_s": 0.0,
    }
    return Job(**{**values, **changes})  # type: ignore[arg-type]


FRAME = {
    "frame_id": 3,
    "video": EVIL,
    "time_s": 1.0,
    "rank": None,
    "score": 0.5,
    "pool": "face",
    "parts": {},
    "reason": EVIL,
    "detail": EVIL,
    "file": "x",
}
SHOWN = {
    "a frame": markup.grid([FRAME], {3: EVIL}),
    "a running job": markup.job_panel(job(note=EVIL, stage=EVIL, unit=EVIL, done=1.0), ""),
    "a failed job": markup.job_panel(job(state="failed", error=EVIL), ""),
    "a failed item": markup.job_panel(job(failed=((EVIL, EVIL),)), ""),
    "a log": markup.log_view(EVIL),
    "a notice": markup.notice(EVIL, hint=EVIL),
    "an empty state": markup.empty(EVIL, EVIL),
    "the top bar": markup.header(EVIL, {EVIL: 3}),
    "the status strip": strip(
        Status((job(verb=EVIL, state="running"),), 1, Stale(1, 2, 3, 4, 5))
    ),
    "a video": markup.video_table(
        [
            {
                "name": EVIL,
                "folder": EVIL,
                "facts": EVIL,
                "state": EVIL,
                "kind": "bad",
                "notes": [EVIL],
                "poster": EVIL,
            }
        ]
    ),
    "a reason": markup.reason_table([(EVIL, 1, EVIL)], 1),
}


@pytest.mark.parametrize("what", list(SHOWN))
def test_no_text_becomes_markup_or_template(what: str) -> None:
    html = SHOWN[what]
    assert "<img src=x" not in html
    assert "{{" not in html
    assert "${" not in html
    assert "`" not in html
    assert "&lt;img" in html


def test_a_job_reads_well() -> None:
    html = markup.job_panel(
        job(done=123.0, total=400.0, unit="frames", rate_per_s=31.2, eta_s=9.0), ""
    )
    for said in ("123 of 400 frames", "31.2 a second", "9 s left", "31 %", "Running"):
        assert said in html
    assert "Cancelled" in markup.job_panel(job(state="cancelled"), "")
    assert "Resume" in markup.job_panel(job(state="interrupted", error="killed"), "")
    assert "Press start" in markup.job_panel(None, "Press start")
    assert "Starts when" in markup.job_panel(job(state="queued"), "")
    slow = markup.job_panel(job(done=61, total=7265, unit="s of video", rate_per_s=3.2), "")
    assert "1 min 1 s of 2 h 1 min of video" in slow
    assert "3.2 times as fast as it plays" in slow


def test_the_end_of_a_verb_says_what_is_missing_and_what_was_asked_for() -> None:
    said = markup.outcome({"verb": "extract", "frames": 9, "videos": 3, "dropped": 0, "copies": 2})
    assert "2 files hold the same as another" in said
    changed = {"pose_area": {"now": 0.3, "before": 0.2}, "person": {"now": [], "before": ["Anna"]}}
    said = markup.outcome({"verb": "rank", "picked": {"face": 4}, "frames": 9, "changed": changed})
    assert "Ranked with pose area 0.3 (last time 0.2), person none (last time Anna)." in said
    assert "anked with" not in markup.outcome({"verb": "rank", "picked": {"face": 4}, "frames": 9})


def test_a_ranking_with_fewer_picks_than_asked_for_says_why_and_where_to_see_more(
    filled: Path,
) -> None:
    studio = Studio(filled)
    told = list(studio.rank())[-1].summary
    studio.close()
    assert told is not None
    assert told["asked"] == {"face": 12, "upper_body": 6, "full_body": 6}  # of one video
    assert sum(told["picked"].values()) < 24
    panel = markup.job_panel(job(verb="rank", state="done", summary={"verb": "rank", **told}), "")
    most = sorted(told["reasons"].items(), key=lambda one: -one[1])[:3]
    assert f"{sum(told['picked'].values())} of the 24 asked for" in panel
    assert ", ".join(f"{code.replace('_', ' ')} {n}" for code, n in most) in panel
    assert "href='?tab=results'" in panel
    enough = {"verb": "rank", "picked": {"face": 4}, "asked": {"face": 4}, "frames": 9}
    assert "asked for" not in markup.job_panel(job(verb="rank", state="done", summary=enough), "")


def test_of_five_hundred_videos_those_that_cannot_be_used_are_listed_first() -> None:
    rows = [
        {"name": f"clip{i}.mp4", "folder": "", "facts": "", "notes": [], "poster": None,
         "kind": "bad" if i % 50 == 49 else "good",
         "state": "Cannot be used" if i % 50 == 49 else "2 frames, 1 shot"}
        for i in range(500)
    ]  # fmt: skip
    page = markup.video_table(rows)
    assert "500 files, 10 cannot be used; 100 are listed" in page
    listed = re.findall(r"<b>(clip\d+)\.mp4", page)
    assert listed[:2] == ["clip49", "clip99"] and listed[10] == "clip0" and len(listed) == 100
    few = markup.video_table(rows[:60])
    assert few.count("<tr>") == 61 and "are listed" not in few


def test_every_stage_of_the_three_steps_has_words() -> None:
    for stage in ("probe", "extract", "triage", "measure", "verify", "sort", "rank"):
        running = markup.job_panel(job(stage=stage), "")
        assert STAGES[stage] in running and f">{stage}<" not in running


def test_many_failures_are_counted_and_the_first_are_shown() -> None:
    failed = tuple((f"/x/clip{i}.mp4", "moov atom not found") for i in range(30))
    running = markup.job_panel(job(failed=failed), "")
    assert "30 could not be used" in running
    assert (running.count("<li>"), "and 27 more" in running) == (3, True)
    ended = markup.job_panel(job(failed=failed, state="done"), "")
    assert (ended.count("<li>"), "and 10 more" in ended) == (20, True)


NOTHING = Stale(0, 0, 0, 0, 0)


def test_the_strip_tells_what_runs_what_is_full_and_what_is_stale() -> None:
    assert "No job running" in strip(Status((), 50 << 30, NOTHING))
    assert "Up to date" in strip(Status((), None, NOTHING))
    assert "Add a video to begin" in strip(Status((), None, NOTHING, is_empty=True))
    running = job(verb="sort", done=1.0, total=4.0, eta_s=90.0)
    jobs = (running, job(state="queued", verb="rank"))
    busy = strip(Status(jobs, 5 << 30, Stale(1, 1200, 0, 0, 7)))
    for said in (
        "Running: Sort 25 %, 1 min 30 s left",
        "1 waiting",
        "5.4 GB free",
        "1 video not extracted yet",
        "7 marks not applied yet",
    ):
        assert said in busy
    assert "not sorted yet" not in busy, "the running job sees to it"
    assert "?tab=extract" in busy
    idle = strip(Status((), 5 << 30, Stale(0, 1200, 0, 0, 0)))
    assert "href='?tab=sort'>1,200 frames not sorted yet" in idle
    assert "Up to date" not in busy
    assert "jobs stop until there is room" in strip(Status((), 300 << 20, NOTHING))
