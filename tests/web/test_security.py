"""Who may talk to the studio, and what comes with every answer."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from curation.errors import CurationError
from curation.web.security import Rules, check_exposure, host_allowed, is_closed
from curation.web.site import Settings

ROOT = Path(__file__).parents[2]
HOSTS = [
    ("localhost", True),
    ("localhost:7860", True),
    ("127.0.0.1:7860", True),
    ("192.168.1.20:7860", True),
    ("[::1]:7860", True),
    ("studio.lan:7860", True),
    ("studio.lan.", True),
    ("evil.com", False),
    ("localhost.evil.com", False),
    ("127.0.0.1.evil.com", False),
    ("studio.lan.evil.com", False),
    ("", False),
    ("[::1", False),
    ("evil.com#localhost", False),
    # What comes before a sign that no host has is no host either.
    ("127.0.0.1/evil.com", False),
    ("127.0.0.1#.evil.com", False),
    ("127.0.0.1?.evil.com", False),
    ("evil.com@127.0.0.1", False),
    ("[::1].evil.com", False),
    ("localhost:evil", False),
    ("localhost\t", False),
    ("localhost..", False),
    ("LOCALHOST.:7860", True),
    ("[fe80::1%25eth0]:7860", True),
]


@pytest.mark.parametrize(("host", "allowed"), HOSTS)
def test_only_our_own_names_and_addresses_are_answered(host: str, allowed: bool) -> None:
    assert host_allowed(host, {"studio.lan"}) is allowed


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/thumb/1", "/report"])
def test_a_foreign_host_name_is_refused_everywhere(empty_client: TestClient, path: str) -> None:
    reply = empty_client.get(path, headers={"host": "evil.com"})
    assert reply.status_code == 400


CROSS_SITE = [
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"origin": "http://evil.com"}, 403),
    ({"origin": "null"}, 403),
    ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1"}, 404),
    ({"origin": "http://127.0.0.1"}, 404),
    ({"origin": "http://["}, 403),
    ({"origin": ""}, 403),
    ({}, 404),
]


@pytest.mark.parametrize(("headers", "status"), CROSS_SITE)
def test_other_sites_cannot_change_anything(
    empty_client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert empty_client.post("/api/jobs/1/cancel", headers=headers).status_code == status


def test_other_sites_cannot_read_either(empty_client: TestClient) -> None:
    reply = empty_client.get("/api/jobs", headers={"origin": "http://evil.com"})
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    asked = {"origin": "http://evil.com", "access-control-request-method": "PUT"}
    assert empty_client.options("/api/uploads/1", headers=asked).status_code == 400


FETCHED = [
    ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),  # <img>, <script>
    ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),  # of another port
    ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
     403),
    ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
     200),
    ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
    ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "status"), FETCHED)
def test_other_sites_make_this_machine_do_no_work(
    empty_client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert empty_client.get("/api/jobs", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/api/audit", "/nothing", "/api/cull"])
def test_nothing_private_is_kept_by_a_proxy(empty_client: TestClient, path: str) -> None:
    said = empty_client.get(path).headers["cache-control"]
    assert "no-store" in said or said == "private, no-cache"


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/api/jobs/77", "/nothing"])
def test_every_answer_carries_the_headers(empty_client: TestClient, path: str) -> None:
    headers = empty_client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"


def basic(password: str, user: str = "me") -> dict[str, str]:
    coded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {coded}"}


PASSWORDS = [
    ({}, 401),
    (basic("wrong"), 401),
    ({"authorization": "Basic !!!"}, 401),
    ({"authorization": "Bearer correct horse"}, 401),
    (basic("correct horse"), 200),
    (basic("correct horse", ""), 200),
]


@pytest.mark.parametrize(("headers", "status"), PASSWORDS)
def test_a_password_covers_the_routes(
    locked_client: TestClient, headers: dict[str, str], status: int
) -> None:
    reply = locked_client.get("/api/jobs", headers=headers)
    assert reply.status_code == status
    assert ("www-authenticate" in reply.headers) is (status == 401)


def test_the_health_check_needs_no_password(locked_client: TestClient) -> None:
    assert locked_client.get("/healthz").json() == {"status": "ok"}
    assert locked_client.post("/healthz").status_code == 405
    assert locked_client.get("/healthz/").status_code in (401, 404)
    assert locked_client.get("//healthz").status_code == 401


def test_an_allowed_name_is_answered(locked_client: TestClient) -> None:
    assert locked_client.get("/healthz", headers={"host": "studio.lan"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        ("/gradio_api/upload", True),
        ("/gradio_api/file=/etc/passwd", True),
        ("/gradio_api/proxy=http://127.0.0.1", True),
        ("/gradio_api/stream/x", True),
        ("/gradio_api/component_server", True),
        ("/gradio_api/vibe-edit", True),
        ("/gradio_api", True),
        ("/monitoring", True),
        ("/login", True),
        ("/gradio_api/queue/join", False),
        ("/gradio_api/run/predict", False),
        ("/", False),
        ("/config", False),
        ("/thumb/1", False),
    ],
)
def test_endpoints_that_nobody_needs_are_closed(path: str, closed: bool) -> None:
    assert is_closed(path) is closed


LONG = "correct horse"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_password(host: str) -> None:
    assert check_exposure(host, Rules()) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.4", "studio.lan", "127.1"])
def test_others_are_refused_without_a_password(host: str) -> None:
    for rules in (Rules(), Rules(password=""), Rules(token="")):
        with pytest.raises(CurationError, match="without a password") as refused:
            check_exposure(host, rules)
        assert "CURATION_PASSWORD" in refused.value.hint
    assert check_exposure(host, Rules(password=LONG)) is None
    assert check_exposure(host, Rules(token=LONG * 2)) is None
    for short in (Rules(password="secret"), Rules(token=LONG), Rules(password="x")):
        with pytest.raises(CurationError, match="characters"):
            check_exposure(host, short)
    said = check_exposure(host, Rules(), open_to_all=True)
    assert said is not None and "WARNING" in said and "CURATION_PASSWORD" in said


@pytest.mark.parametrize("words", [["app.py"], ["-m", "curation", "review"]])
def test_a_server_does_not_start_open(words: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "one.jpg")
    here = [str(tmp_path)] if "review" in words else ["--datastore", str(tmp_path / "store")]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CURATION_P")}
    done = subprocess.run(
        [sys.executable, *words, *here, "--host", "0.0.0.0", "--port", "1"],
        capture_output=True, text=True, cwd=ROOT, env=bare, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "refused to listen on 0.0.0.0 without a password" in done.stderr
    assert "--open-to-all" in done.stderr


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    env = {
        "CURATION_ALLOWED_HOSTS": "Studio.lan, frames.example",
        "CURATION_PASSWORD": "x",
        "CURATION_UPLOAD_LIMIT_GB": "2",
    }
    settings = Settings.from_environment(tmp_path, (tmp_path,), env)
    assert settings.rules.allowed_hosts == {"studio.lan", "frames.example"}
    assert settings.rules.password == "x"
    assert settings.upload_limit_bytes == 2_000_000_000
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    asked = Settings.from_environment(tmp_path, (), {"CURATION_PASSWORD_FILE": str(secret)})
    assert asked.rules.password == "from a file"
    secret.write_text("\n")
    with pytest.raises(CurationError, match="is empty"):
        Settings.from_environment(tmp_path, (), {"CURATION_TOKEN_FILE": str(secret)})
    with pytest.raises(CurationError, match="no such folder"):
        Settings.from_environment(tmp_path, (tmp_path / "gone",), env)
    with pytest.raises(CurationError, match="not a number"):
        Settings.from_environment(tmp_path, (), {"CURATION_UPLOAD_LIMIT_GB": "much"})
