"""The attacks on Gradio that were seen to work without our guard, against the whole server.

Each is done twice: against the pages as Gradio mounts them, to see that the attack is real (or
has become harmless by itself), and against the server, where it must fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from curation.web.security import CSP, OWN_CSP, Rules
from curation.web.site import Settings
from tests.web.conftest import HERE, serving

ROOT = Path(__file__).parents[2]
EVIL = {"host": "studio.lan", "origin": "http://evil.com"}
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def bare() -> Iterator[TestClient]:
    """Gradio as it comes: a page mounted without anything of ours around it."""
    import gradio as gr  # noqa: TID251 - as it comes, to see that the attacks are real

    with gr.Blocks() as demo:
        gr.HTML("x")
    app = FastAPI()

    @app.get("/api/secret")
    def secret() -> str:
        return "secret"

    made = gr.mount_gradio_app(app, demo, path="/", auth=("ada", PASSWORD))
    yield TestClient(made, base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    rules = Rules(frozenset({"studio.lan"}))
    root = tmp_path_factory.mktemp("attacked") / "datastore"
    made = serving(Settings(root, rules=rules), with_pages=True)
    # What a handler raises is a plain 500 to whoever asks, as behind uvicorn.
    yield TestClient(made.app, base_url=HERE, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def locked_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("locked") / "datastore"
    made = serving(Settings(root, rules=Rules(password=PASSWORD)), with_pages=True)
    made.follow_redirects = False
    yield made


def test_no_other_origin_reads_anything(bare: TestClient, pages: TestClient) -> None:
    seen = bare.get("/gradio_api/startup-events", headers=EVIL).headers
    assert seen["access-control-allow-origin"] == "http://evil.com", "the attack itself must work"
    assert seen["access-control-allow-credentials"] == "true"
    asked = {**EVIL, "access-control-request-method": "POST"}
    for path in ("/", "/config", "/gradio_api/startup-events", "/api/jobs", "/gradio_api/info"):
        for reply in (pages.get(path, headers=EVIL), pages.options(path, headers=asked)):
            assert "access-control-allow-origin" not in reply.headers, path
            assert "access-control-allow-credentials" not in reply.headers, path


def test_a_rebound_name_is_not_ours(bare: TestClient, pages: TestClient) -> None:
    rebound = {"host": "evil.com", "origin": "http://evil.com"}
    assert bare.get("/gradio_api/app_id", headers=rebound).status_code != 400
    for path in ("/", "/config", "/gradio_api/app_id", "/api/jobs", "/healthz", "/ui/uploader.js"):
        assert pages.get(path, headers=rebound).status_code == 400, path


@pytest.mark.parametrize("sent", [{"sec-fetch-site": "cross-site"}, EVIL, {"origin": "null"}])
def test_another_site_presses_no_button(
    bare: TestClient, pages: TestClient, sent: dict[str, str]
) -> None:
    path, body = "/gradio_api/queue/join", {"data": [], "fn_index": 0, "session_hash": "x"}
    assert bare.post("/gradio_api/reset", json={"event_id": "x"}, headers=sent).status_code != 403
    assert pages.post(path, json=body, headers=sent).status_code == 403
    assert pages.post("/gradio_api/run/predict", json=body, headers=sent).status_code == 403


def test_the_password_covers_what_gradios_own_does_not(
    bare: TestClient, locked_pages: TestClient
) -> None:
    assert bare.get("/api/secret").status_code == 200, "the attack itself must work"
    paths = ["/", "/config", "/theme.css", "/assets/index.js", "/gradio_api/info", "/info",
             "/gradio_api/queue/data", "/gradio_api/heartbeat/x", "/api/jobs", "/report",
             "/thumb/1", "/review", "/audit", "/ui/uploader.js", "/robots.txt"]  # fmt: skip
    for path in paths:
        assert locked_pages.get(path).status_code == 401, path
        assert locked_pages.post(path).status_code == 401, path
        browser = {"accept": "text/html", "sec-fetch-mode": "navigate"}
        assert locked_pages.get(path, headers=browser).status_code == 303, path


FILES = [
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../etc/passwd",
    "/gradio_api/file=file:///etc/passwd", "/gradio_api/file=http://127.0.0.1:1/",
    "/gradio_api/file=http://169.254.169.254/latest/meta-data/", "/file=/etc/passwd",
    "/gradio_api/file/etc/passwd", "/gradio_api//file=/etc/passwd", "//gradio_api/file=/etc/passwd",
    "/GRADIO_API/file=/etc/passwd", "/gradio_api/queue/%2e%2e/file=/etc/passwd",
    "/gradio_api%2ffile=/etc/passwd", "/gradio_api/proxy=http://127.0.0.1:1/",
    "/gradio_api/stream/x/y/z/playlist.m3u8", "/gradio_api/upload_progress?upload_id=x",
    "/gradio_api/component_server", "/gradio_api/vibe-code", "/gradio_api/deep_link",
    "/custom_component/x/client/component/../../../../../etc/passwd",
    "/ui/../../../../etc/passwd", "/ui/%2e%2e/%2e%2e/page.py", "/ui//etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2f..%2fetc/passwd",
    "/results/..%2fcatalog.sqlite", "/results/catalog.sqlite", "/results/%2fetc%2fpasswd",
    "/thumb/..%2f1", "/frame/%2fetc%2fpasswd",
]  # fmt: skip


@pytest.mark.parametrize("path", FILES)
def test_no_file_of_the_machine_is_served(pages: TestClient, path: str) -> None:
    reply = pages.get(path)
    assert reply.status_code in (400, 403, 404, 405, 422), (path, reply.status_code)
    for secret in ("root:", "SQLite format", "ami-id"):
        assert secret not in reply.text


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/upload", "/gradio_api/component_server", "/gradio_api/proxy=x", "/login",
     "/gradio_api/vibe-edit", "/monitoring", "/gradio_api/launch"],
)  # fmt: skip
def test_what_gradio_offers_and_nobody_needs_is_closed(pages: TestClient, path: str) -> None:
    files = {"files": ("x.html", b"<script>alert(1)</script>", "text/html")}
    assert pages.post(path, files=files).status_code == 404
    assert pages.get(path).status_code == 404


def test_a_file_that_a_client_names_is_not_read(pages: TestClient, tmp_path: Path) -> None:
    """FileData in the place of a value: nothing opens a path, or copies it into a cache."""
    secret = tmp_path / "secret-of-the-machine.txt"
    secret.write_text("root:")
    meta = {"_type": "gradio.FileData"}
    given = {"path": str(secret), "url": "http://127.0.0.1:1/x", "meta": meta}
    config = pages.get("/config").json()
    kinds = {part["type"] for part in config["components"]}
    takes_files = {"file", "image", "video", "audio", "gallery", "uploadbutton", "fileexplorer",
                   "imageeditor", "model3d", "multimodaltextbox", "chatbot"}  # fmt: skip
    assert not kinds & takes_files
    tried = 0
    for event in config["dependencies"]:
        body: dict[str, Any] = {
            "data": [[{"deep": given}] if tried % 2 else given] * len(event["inputs"]),
            "fn_index": event["id"], "session_hash": "x",
        }  # fmt: skip
        if event["inputs"] and tried < 12:
            reply = pages.post("/gradio_api/run/predict", json=body)
            assert "root:" not in reply.text
            assert "Traceback" not in reply.text
            assert "takes no files" in reply.text, (event["id"], reply.text[:300])
            tried += 1
    assert tried > 5
    assert not list(Path(os.environ["GRADIO_TEMP_DIR"]).rglob(secret.name))


def test_gradio_writes_where_no_other_user_does(pages: TestClient) -> None:
    assert pages.get("/config").status_code == 200
    assert Path(os.environ["GRADIO_TEMP_DIR"]).parts[-2:] == ("previews", "gradio")


def test_gradio_is_new_enough_and_its_doors_are_not_used() -> None:
    numbers = tuple(int(part) for part in version("gradio").split(".")[:2])
    assert (6, 31) <= numbers < (7, 0)
    assert tuple(int(part) for part in version("brotli").split(".")[:2]) >= (1, 2)
    for path in (ROOT / "curation").rglob("*.py"):
        text = path.read_text()
        for word in ("share=True", "gr.load(", "FileExplorer", "allowed_paths", "gr.File(",
                     "gr.UploadButton", "set_static_paths", "strict_cors=False"):  # fmt: skip
            assert word not in text, f"{path.name} uses {word}"


def test_the_policies_of_the_pages(pages: TestClient) -> None:
    studio = pages.get("/").headers["content-security-policy"]
    assert studio == CSP
    for part in ("default-src 'self'", "connect-src 'self'", "frame-ancestors 'self'",
                 "object-src 'none'", "form-action 'self'"):  # fmt: skip
        assert part in studio
    assert "*" not in studio and "http" not in studio
    for path in ("/review", "/audit"):
        own = pages.get(path)
        assert own.headers["content-security-policy"] == OWN_CSP
        assert "<style" not in own.text and "style=" not in own.text
        assert "<script>" not in own.text and " onclick" not in own.text
    assert "unsafe" not in OWN_CSP and OWN_CSP.startswith("default-src 'none'")


def test_an_error_tells_nothing_of_the_machine(pages: TestClient) -> None:
    for reply in (
        pages.post("/gradio_api/run/predict", content=b"{"),
        pages.post("/gradio_api/run/predict", json={"fn_index": 10**9, "data": []}),
        pages.post("/gradio_api/queue/join", json={"fn_index": -1}),
        pages.get("/api/jobs/999999999999999999999999"),
        pages.post("/api/uploads", content=b"\xff"),
        pages.get("/api/explain/1"),
    ):
        assert "Traceback" not in reply.text
        assert str(ROOT) not in reply.text
