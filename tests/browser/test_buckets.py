"""A bucket in a real browser, from moto's server of Amazon's protocol over a slow line."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import amazon, videos
from tests.browser.conftest import SHOTS, Seen, Server
from tests.browser.test_uploads import Line, padded

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect: Any = pytest.importorskip("playwright.sync_api").expect
SECRET = "a-secret-of-amazon"
SLOW_BYTES_S = 2_000_000


class SlowDown(Line):
    """A line that is slow for what comes back."""

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        super()._pump(source, target, not up)


@dataclass
class Bucket:
    """A bucket with two videos; the studio reaches it over a line."""

    line: Line
    film: bytes
    key: Path


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with amazon.serving() as address:
        yield from _filled(address, tmp_path, monkeypatch)


def _filled(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    import boto3

    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "footage-reader"
    key.write_text(f"[default]\naws_access_key_id = one\naws_secret_access_key = {SECRET}\n")
    key.chmod(0o600)
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1",
                          aws_access_key_id="one", aws_secret_access_key=SECRET)  # fmt: skip
    client.create_bucket(Bucket="footage")
    film = padded(tmp_path / "film.mp4", "cfr25", 40).read_bytes()
    short = videos.clip("b_frames").path.read_bytes()
    for name, data in {"in/b.mp4": film, "in/day 2/a.mp4": short, "in/x.txt": b"x"}.items():
        client.put_object(Bucket="footage", Key=name, Body=data)
    line = SlowDown(int(address.rpartition(":")[2]))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "CURATION_GCS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
    monkeypatch.setenv("CURATION_KEYS", str(key))
    yield Bucket(line, film, key)
    line.listener.close()


def test_a_bucket_is_looked_at_added_cancelled_and_gone_on_with(
    bucket: Bucket, server: Server, page: Any, seen: Seen
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(server.url)
    start, found = page.locator("#buckets-start"), page.locator("#buckets-found")
    panel = page.locator("#job-add .job")
    expect(start).to_be_disabled()
    expect(page.locator("#buckets-key input")).to_have_value("footage-reader")
    address = page.locator("#buckets-box input, #buckets-box textarea")
    address.fill("s3://footage/none")
    page.locator("#buckets-check").click()
    expect(page.locator("#buckets .notice")).to_contain_text("there is nothing below that name")
    address.fill("s3://footage/in")
    page.locator("#buckets-check").click()
    expect(found).to_contain_text("2 videos, 40 MB.")
    expect(found).to_contain_text("1 file left out")
    expect(found).to_contain_text("they fit")
    expect(start).to_have_text("Add 2 videos")
    address.press("End")
    address.press("x")
    expect(start).to_be_disabled()
    address.press("Backspace")
    address.press("Enter")
    expect(start).to_be_enabled()
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / "buckets.png", full_page=True)

    bucket.line.bytes_s, bucket.line.most = SLOW_BYTES_S, len(bucket.film) // 3
    start.click()
    expect(panel).to_have_attribute("data-state", "running")
    expect(panel).to_contain_text("MB")
    expect(panel.locator("[role=progressbar]")).not_to_have_attribute("aria-valuenow", "0")
    page.locator("#buckets-cancel").click()
    expect(panel).to_have_attribute("data-state", "cancelled")
    (part,) = (server.datastore / ".incoming").rglob("video.media")
    assert 0 < part.stat().st_size < len(bucket.film)
    page.reload()
    bucket.line.bytes_s = 0
    page.locator("#buckets-resume").click()
    expect(panel).to_have_attribute("data-state", "done")
    expect(panel).to_contain_text("2 videos copied.")
    table = page.locator("#videos")
    expect(table).to_contain_text("From b.mp4, s3://footage/in/b.mp4")
    expect(table).to_contain_text("s3://footage/in/day 2/a.mp4")
    assert (server.datastore / "videos_folder_1" / "b.mp4").read_bytes() == bucket.film

    address.fill("s3://footage/in")
    page.locator("#buckets-check").click()
    expect(found).to_contain_text("2 here already")
    expect(start).to_be_disabled()
    told = page.content() + server.log.read_text()
    page.goto(f"{server.url}/audit")
    expect(page.locator("body")).to_contain_text("place looked at")
    told += page.content()
    shutil.rmtree(server.datastore / "videos_folder_1")
    told += "".join(
        path.read_bytes().decode("latin-1") for path in server.datastore.rglob("*")
        if path.is_file()
    )  # fmt: skip
    assert SECRET not in told and str(bucket.key.parent) not in told
    assert "--key-name=footage-reader" in told
    seen.nothing_bad()
