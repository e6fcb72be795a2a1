"""How much one address may ask, send and take time for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.errors import CurationError
from curation.web import jobs as jobs_module
from curation.web import limits
from curation.web.limits import (
    MOST_ADDRESSES,
    MOST_BODY_BYTES,
    MOST_MARKS_BYTES,
    RATES,
    Body,
    Buckets,
    Limits,
    Rate,
    group_of,
    most_body,
)
from curation.web.site import Settings
from tests import videos
from tests.web.conftest import every_route, serving, site_of


def test_a_bucket_empties_and_fills() -> None:
    now = [0.0]
    bucket = Buckets(Rate(3, 0.5), lambda: now[0])
    assert [bucket.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert bucket.take("b") == 0.0
    now[0] = 1.0
    assert bucket.take("a") == 1.0
    now[0] = 2.0
    assert bucket.take("a") == 0.0
    bucket.give_back("a")
    assert bucket.take("a") == 0.0
    now[0] = 1e6
    assert [bucket.take("a") for _ in range(4)].count(0.0) == 3  # never more than the burst


def test_buckets_do_not_grow_without_end() -> None:
    bucket = Buckets(Rate(3, 0.5), lambda: 0.0)
    for i in range(3 * MOST_ADDRESSES):
        bucket.take(f"address {i}")
    assert len(bucket._levels) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.168.1.4", "192.168.1.4"),
        ("::ffff:192.168.1.4", "192.168.1.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_user_of_many_addresses_is_one(address: str, group: str) -> None:
    assert group_of(address) == group


def test_many_addresses_guess_no_faster_together() -> None:
    found = Limits(lambda: 0.0)
    waits = [found.try_password(f"10.0.{i // 250}.{i % 250}") for i in range(300)]
    assert waits.count(0.0) == limits.WRONG_PASSWORDS_OF_ALL.burst
    found = Limits(lambda: 0.0)
    for i in range(300):
        found.try_password(f"10.0.{i // 250}.{i % 250}")
        found.was_right(f"10.0.{i // 250}.{i % 250}")
    assert found.try_password("10.0.0.1") == 0.0


def test_every_route_that_changes_something_is_counted(empty_client: TestClient) -> None:
    counted = 0
    for method, path in every_route(empty_client):
        fits = [name for name, pattern, _ in RATES if pattern.fullmatch(f"{method} {path}")]
        assert bool(fits) is (method not in ("GET", "HEAD")), (method, path)
        counted += bool(fits)
    assert counted > 12


FLOODS = [
    ("upload", "POST", "/api/uploads", {"name": "x.txt", "size": 1}),
    ("job", "POST", "/api/jobs/77/resume", None),
    ("mark", "POST", "/api/review/ops", {"client": "x", "ops": []}),
    ("piece", "PUT", "/api/uploads/77", None),
    ("page", "POST", "/gradio_api/run/predict", {}),
    ("other", "POST", "/elsewhere", None),
]


@pytest.mark.parametrize(("kind", "method", "path", "sent"), FLOODS)
def test_a_flood_is_answered_with_wait(
    datastore: Path, monkeypatch: pytest.MonkeyPatch, kind: str, method: str, path: str, sent: Any
) -> None:
    few = tuple((name, pattern, Rate(5, 1e-3)) for name, pattern, _ in RATES)
    monkeypatch.setattr(limits, "RATES", few)
    with serving(Settings(datastore)) as client:
        seen = [client.request(method, path, json=sent) for _ in range(8)]
        codes = [reply.status_code for reply in seen]
        assert (codes.count(429), codes[-1]) == (3, 429), codes
        assert 1 <= int(seen[-1].headers["retry-after"]) <= 1000
        assert client.get("/api/jobs").status_code == 200  # looking goes on
        assert {name for name, _, _ in RATES} >= {kind}


def pieces(count: int, size: int = 100_000) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


def test_no_route_takes_a_body_without_end(empty_client: TestClient) -> None:
    """Sent without a length, so that only counting what comes can stop it."""
    tried = 0
    for method, path in every_route(empty_client):
        if method in ("GET", "HEAD") or path == "/api/uploads/1":
            continue
        most = most_body(method, path, 10**12)
        assert most <= MOST_MARKS_BYTES
        taken = [0]

        def endless(taken: list[int] = taken, most: int = most) -> Iterator[bytes]:
            for piece in pieces(most // 100_000 + 3):
                taken[0] += len(piece)
                yield piece

        reply = empty_client.request(method, path, content=endless())
        # A route that reads no body may answer at once.
        assert reply.status_code in (413, 404, 409, 202, 204), (method, path, reply.status_code)
        reads = path in ("/api/uploads", "/api/faces/1") or path.startswith("/api/review/ops")
        assert reply.status_code == 413 or not reads, (method, path)
        tried += 1
    assert tried > 10


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(
    empty_client: TestClient,
) -> None:
    for given in (str(MOST_BODY_BYTES + 1), "9" * 30, "-1", "1e3", "0x10"):
        headers = {"content-length": given}
        reply = empty_client.post("/api/uploads", content=pieces(1, 10), headers=headers)
        assert reply.status_code == 413, given


def test_an_upload_may_be_as_large_as_an_upload(datastore: Path) -> None:
    with serving(Settings(datastore, upload_limit_bytes=3_000_000)) as client:
        made = client.post("/api/uploads", json={"name": "x.mp4", "size": 2_500_000}).json()
        at = {"upload-offset": "0"}
        path = f"/api/uploads/{made['id']}"
        start = videos.clip("cfr25").path.read_bytes()[:100_000].ljust(100_000)
        reply = client.put(path, content=chain([start], pieces(19)), headers=at)
        assert (reply.status_code, reply.json()["offset"]) == (200, 2_000_000)
        at = {"upload-offset": "2000000"}
        assert client.put(path, content=pieces(40), headers=at).status_code == 413


def test_headers_and_addresses_have_an_end(empty_client: TestClient) -> None:
    assert empty_client.get("/api/jobs", headers={"x": "y" * 40_000}).status_code == 431
    assert empty_client.get("/api/jobs?" + "x" * 9000).status_code == 414
    assert empty_client.get("/" + "x" * 9000).status_code == 414


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def wait() -> None:
        async def silent() -> Any:
            await asyncio.sleep(60)

        body = Body(silent, 100, piece_s=0.05)
        assert (await body())["type"] == "http.disconnect"

    asyncio.run(wait())


def test_a_body_of_a_byte_now_and_then_is_given_up() -> None:
    got = 0

    async def wait() -> None:
        nonlocal got

        async def drip() -> Any:
            await asyncio.sleep(0.02)
            assert got < 40, "it was waited for"
            return {"type": "http.request", "body": b"x", "more_body": True}

        body = Body(drip, 4096, piece_s=0.2)
        while (await body())["type"] == "http.request":
            got += 1

    asyncio.run(wait())


def test_the_end_of_a_connection_may_come_whenever_it_likes() -> None:
    async def wait() -> None:
        sent = [{"type": "http.request", "body": b"x"}, {"type": "http.disconnect"}]

        async def slow() -> Any:
            await asyncio.sleep(1.5 if len(sent) == 1 else 0)
            return sent.pop(0)

        body = Body(slow, 100, piece_s=1.0)
        assert (await body())["type"] == "http.request"
        assert (await body())["type"] == "http.disconnect"
        assert not sent, "it was taken for a slow body"

    asyncio.run(wait())


def test_not_everybody_may_queue_jobs_for_ever(
    datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_OPEN", 3)
    client = serving(Settings(datastore))  # not started: nothing takes jobs off the queue
    jobs = site_of(client).jobs
    first = [jobs.add("sort", []) for _ in range(3)]
    with pytest.raises(CurationError, match="waiting already"):
        jobs.add("rank", [])
    assert client.post("/api/review/thresholds", json={}).status_code == 429
    jobs.table.cancel(first[0])
    jobs.add("rank", [])
