"""Logging in: the page, the cookie, the token, and everything that must not let anybody in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.store.audit import AuditTable
from curation.web import entry, limits
from curation.web.limits import MOST_LOGIN_BYTES
from curation.web.login import onward_of
from curation.web.security import Rules
from curation.web.site import Settings
from curation.web.token import SESSION_S, SETTING, Door, cookie_name
from tests.web.conftest import every_route, serving, site_of

PASSWORD, TOKEN = "correct horse", "a token of thirty-two characters"
BROWSER = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
RULES = Rules(frozenset({"studio.lan"}), PASSWORD, TOKEN)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong passwords cost no time, and on no machine so much that a guess is forgiven."""
    monkeypatch.setattr(entry, "WRONG_PASSWORD_DELAY_S", 0.0)
    monkeypatch.setattr(limits, "WRONG_PASSWORDS", limits.Rate(10, 1e-6))


@pytest.fixture
def locked(datastore: Path) -> Iterator[TestClient]:
    with serving(Settings(datastore, rules=RULES)) as made:
        made.follow_redirects = False
        yield made


def log_in(client: TestClient, password: str = PASSWORD, name: str = "Ada", **more: str):  # type: ignore[no-untyped-def]
    return client.post("/login", data={"name": name, "password": password, **more})


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


def test_a_page_leads_to_the_login_and_back(locked: TestClient) -> None:
    sent = locked.get("/review?view=picked", headers=BROWSER)
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/review%3Fview%3Dpicked"
    page = locked.get(sent.headers["location"])
    assert page.status_code == 200
    assert "value='/review?view=picked'" in page.text
    reply = log_in(locked, next="/review?view=picked")
    assert (reply.status_code, reply.headers["location"]) == (303, "/review?view=picked")
    assert locked.get("/review?view=picked", headers=BROWSER).status_code == 200
    assert locked.get("/api/jobs").status_code == 200


def test_the_login_page_runs_and_loads_nothing(locked: TestClient) -> None:
    page = locked.get("/login?next=/%22%27%3E%3Cscript%3Ealert(1)%3C/script%3E")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in page.text
    assert not re.findall(r"(?:src|href)=", page.text)
    assert page.headers["cache-control"] == "no-store"


def test_the_cookie_is_for_no_script_and_no_other_site(locked: TestClient) -> None:
    header = log_in(locked).headers["set-cookie"]
    (found,) = SimpleCookie(header).values()
    assert found["httponly"] is True
    assert found["samesite"] == "Strict"
    assert (found["path"], found["domain"]) == ("/", "")
    assert int(found["max-age"]) == SESSION_S
    assert found["secure"] == ""  # plain http on a LAN must work
    assert len(found.value) >= 43
    assert PASSWORD not in header
    safe = TestClient(locked.app, base_url="https://studio.lan", follow_redirects=False)
    assert "; Secure" in log_in(safe).headers["set-cookie"]


@pytest.mark.parametrize("given", ["", "wrong", PASSWORD.upper(), PASSWORD + " ", PASSWORD + "\0"])
def test_a_wrong_password_opens_nothing(locked: TestClient, given: str) -> None:
    reply = log_in(locked, given)
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers
    assert locked.get("/api/jobs").status_code == 401


def test_the_token_opens_for_programs_and_people(locked: TestClient) -> None:
    assert locked.get("/api/jobs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in ("Bearer", "Bearer x", f"Bearer {PASSWORD}", f"Token {TOKEN}", TOKEN):
        assert locked.get("/api/jobs", headers={"authorization": wrong}).status_code == 401
    assert locked.get("/api/jobs", headers=basic(TOKEN)).status_code == 401
    assert log_in(locked, TOKEN).status_code == 303


@pytest.mark.parametrize("query", ["token={}", "password={}", "access_token={}"])
def test_no_secret_is_taken_from_an_address(locked: TestClient, query: str) -> None:
    for secret in (TOKEN, PASSWORD):
        assert locked.get(f"/api/jobs?{query.format(secret)}").status_code == 401
        assert locked.post(f"/login?{query.format(secret)}").status_code == 401


@pytest.mark.parametrize("cookie", ["x", "", "a" * 5000, "../../x", "'; --"])
def test_a_made_up_cookie_opens_nothing(locked: TestClient, cookie: str) -> None:
    log_in(locked)  # there are sessions, but not this one
    locked.cookies.clear()
    reply = locked.get("/api/jobs", headers={"cookie": f"studio={cookie}; studio_80={cookie}"})
    assert reply.status_code in (401, 431)


def test_a_session_that_somebody_planted_is_not_taken_over(locked: TestClient) -> None:
    locked.cookies.set("studio", "planted")
    reply = log_in(locked)
    assert reply.status_code == 303
    assert "planted" not in reply.headers["set-cookie"]
    locked.cookies.clear()
    assert locked.get("/api/jobs", headers={"cookie": "studio=planted"}).status_code == 401


def test_logging_out_ends_the_session_and_not_only_the_cookie(locked: TestClient) -> None:
    log_in(locked)
    kept = dict(locked.cookies)
    assert locked.get("/logout").status_code == 404  # a picture's address must not log out
    reply = locked.post("/logout")
    assert reply.status_code == 303
    assert reply.headers["clear-site-data"] == '"cache"', "pictures stay with who has left"
    locked.cookies.clear()
    header = "; ".join(f"{name}={value}" for name, value in kept.items())
    assert locked.get("/api/jobs", headers={"cookie": header}).status_code == 401


def test_another_site_can_neither_log_in_nor_out(locked: TestClient) -> None:
    evil = {"sec-fetch-site": "cross-site", "origin": "http://evil.com"}
    data = {"password": PASSWORD}
    assert locked.post("/login", data=data, headers=evil).status_code == 403
    log_in(locked)
    assert locked.post("/logout", headers=evil).status_code == 403
    assert locked.get("/api/jobs").status_code == 200


@pytest.mark.parametrize(
    "asked",
    ["//evil.com", "/\\evil.com", "http://evil.com", "javascript:alert(1)", "", "evil.com",
     "/\t/evil.com", "/x\r\nset-cookie: a=b", "/login", "/logout", "/" + "a" * 3000],
)  # fmt: skip
def test_the_login_leads_nowhere_else(locked: TestClient, asked: str) -> None:
    assert onward_of(asked) == "/"
    assert log_in(locked, next=asked).headers["location"] == "/"


def test_sessions_outlive_a_restart_but_not_another_password(datastore: Path) -> None:
    with serving(Settings(datastore, rules=RULES)) as first:
        first.follow_redirects = False
        log_in(first)
        kept = dict(first.cookies)
        stored = str(site_of(first).studio.catalogue.recall(SETTING))
        assert all(value not in stored for value in kept.values()), "the cookie itself is stored"
    with serving(Settings(datastore, rules=RULES)) as again:
        again.cookies.update(kept)
        assert again.get("/api/jobs").status_code == 200
    with serving(Settings(datastore, rules=Rules(password="another one"))) as changed:
        changed.cookies.update(kept)
        assert changed.get("/api/jobs").status_code == 401


def test_a_session_ends_by_itself_and_there_are_not_too_many() -> None:
    now = [1000.0]
    door = Door(PASSWORD, None, clock=lambda: now[0])
    first = door.open_session("Ada\n\x1b[31m" + "x" * 200)
    name = door.session_name(first)
    assert name is not None and len(name) <= 60 and name.isprintable()
    now[0] += SESSION_S - 1
    assert door.session_name(first) is not None
    now[0] += 2
    assert door.session_name(first) is None
    for _ in range(600):
        latest = door.open_session("x")
    assert len(door._sessions) <= 500
    assert door.session_name(latest) == "x"


def test_two_studios_on_one_host_keep_their_own_cookies() -> None:
    assert cookie_name("192.168.1.4:7860") != cookie_name("192.168.1.4:7861")
    assert cookie_name("studio.lan") == "studio"
    assert cookie_name("x;y:1") == "studio_1"


def test_guessing_stops_soon_and_the_right_one_does_not_help_then(locked: TestClient) -> None:
    seen = [log_in(locked, f"guess {i}").status_code for i in range(15)]
    assert seen.count(401) == 10
    assert seen[-1] == 429
    refused = log_in(locked)  # else the answer would say which guess was right
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert locked.get("/api/jobs", headers=basic(PASSWORD)).status_code == 429
    wrong = {"authorization": f"Bearer {TOKEN}x"}
    assert locked.get("/api/jobs", headers=wrong).status_code == 429
    assert locked.get("/healthz").status_code == 200


def test_a_stranger_who_guesses_does_not_shut_a_program_out(datastore: Path) -> None:
    right = {"authorization": f"Bearer {TOKEN}"}
    with serving(Settings(datastore, rules=RULES)) as client:
        seen = [client.get("/api/jobs", headers=basic(f"x{i}")).status_code for i in range(12)]
        assert seen[-1] == 429
        assert [client.get("/api/jobs", headers=right).status_code for _ in range(30)] == [200] * 30
        assert client.get("/api/jobs", headers=basic(PASSWORD)).status_code == 429
    # A token that could be guessed is counted like a password.
    with serving(Settings(datastore, rules=Rules(token="fifteen letters"))) as client:
        for i in range(12):
            client.get("/api/jobs", headers={"authorization": f"Bearer {i}"})
        short = {"authorization": "Bearer fifteen letters"}
        assert client.get("/api/jobs", headers=short).status_code == 429


def test_guessing_by_basic_or_token_stops_too(locked: TestClient) -> None:
    seen = [locked.get("/api/jobs", headers=basic(f"x{i}")).status_code for i in range(12)]
    assert (seen.count(401), seen[-1]) == (10, 429)


def test_right_ones_are_not_counted(locked: TestClient) -> None:
    seen = {locked.get("/api/jobs", headers=basic(PASSWORD)).status_code for _ in range(40)}
    assert seen == {200}


def test_guesses_at_the_same_time_are_counted_too(
    datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(entry, "WRONG_PASSWORD_DELAY_S", 0.3)
    with serving(Settings(datastore, rules=RULES)) as client, ThreadPoolExecutor(20) as pool:
        asked = pool.map(lambda i: client.get("/api/jobs", headers=basic(f"x{i}")), range(40))
        seen = [reply.status_code for reply in asked]
    assert (seen.count(401), seen.count(429)) == (10, 30)


def test_a_session_goes_on_while_its_address_is_locked(locked: TestClient) -> None:
    log_in(locked)
    for i in range(12):
        locked.get("/api/jobs", headers={**basic(f"x{i}"), "cookie": ""})
    assert locked.get("/api/jobs").status_code == 200


def test_a_large_login_is_not_read(locked: TestClient) -> None:
    data = {"password": "x" * (MOST_LOGIN_BYTES + 1)}
    assert locked.post("/login", data=data).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert locked.post("/login", content=endless(), headers=kind).status_code == 413


def test_a_page_that_lost_its_session_opens_no_password_window(locked: TestClient) -> None:
    from_script = locked.get("/api/jobs", headers={"sec-fetch-mode": "cors"})
    assert from_script.status_code == 401
    assert "www-authenticate" not in from_script.headers
    assert locked.get("/api/jobs").headers["www-authenticate"].startswith("Basic")


def test_without_a_password_there_is_no_login(empty_client: TestClient) -> None:
    assert empty_client.get("/login").status_code == 404
    assert empty_client.post("/login", data={"password": ""}).status_code == 404
    assert not Door("", "").is_locked


def test_who_came_in_and_who_did_not_is_kept(locked: TestClient) -> None:
    log_in(locked, "wrong", "Eve")
    log_in(locked)
    locked.post("/logout")
    rows = AuditTable(site_of(locked).studio.catalogue).listing()
    assert [(row.action, row.who) for row in rows] == [
        ("logout", "Ada"), ("login", "Ada"), ("login refused", "Eve")
    ]  # fmt: skip
    text = str([row.to_dict() for row in rows])
    assert PASSWORD not in text and "wrong" not in text
    assert all(row.address == "testclient" for row in rows)


def test_every_route_asks(locked: TestClient) -> None:
    routes = every_route(locked)
    assert len(routes) > 30
    for method, path in routes:
        if path != "/healthz":
            assert locked.request(method, path).status_code == 401, (method, path)
    for path in ("/ui/uploader.js", "/nothing", "/healthz/x", "/%68ealthz/", "//healthz"):
        assert locked.get(path).status_code == 401, path
