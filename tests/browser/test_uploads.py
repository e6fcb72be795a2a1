"""Uploads in a real browser: pause, go on, cancel, reload, lost line, restarted server, folders."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests import videos
from tests.browser.conftest import SHOTS, Seen, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect: Any = pytest.importorskip("playwright.sync_api").expect
MINUTES = 300_000
SLOW_BYTES_S = 700_000
CRAWL_BYTES_S = 20_000
FIND = """() => {
  for (const one of document.querySelectorAll('#uploader, #uploader *'))
    if (one.uploads) { window.uploads = one.uploads; return true; }
  return false;
}"""


def padded(target: Path, name: str, megabytes: int) -> Path:
    """Write a video with an ignored box at its end: as large as one likes, and good."""
    shutil.copy(videos.clip(name).path, target)
    size = megabytes * 1_000_000
    with target.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free" + bytes(size - 8))
    return target


class Line:
    """A line between browser and server: as slow as one likes, and it can be cut."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.bytes_s = 0  # 0 is no limit
        self.most = 0
        """Bytes that pass so slowly; then they hardly come, however long a test takes."""
        self.open: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection."""
        for one in self.open:
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
                one.close()
        self.open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                try:
                    there = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    here.close()
                    continue
                here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
                self.open += [here, there]
                for a, b, up in ((here, there, True), (there, here, False)):
                    threading.Thread(target=self._pump, args=(a, b, up), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 15):
                target.sendall(data)
                if up and self.bytes_s and len(data) > 4096:
                    self.most -= len(data)
                    time.sleep(len(data) / (self.bytes_s if self.most > 0 else CRAWL_BYTES_S))
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Page:
    """The Ingest tab."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        page.set_default_timeout(2 * MINUTES)
        expect.set_options(timeout=MINUTES)
        self.asked: list[tuple[str, str, str]] = []
        page.on("request", self._note)
        self.line = Line(server.port)
        self.open()

    def _note(self, request: Any) -> None:
        if "/api/uploads" in request.url:
            offset = request.headers.get("upload-offset", "")
            self.asked.append((request.method, request.url.rpartition("/")[2], offset))

    def open(self) -> None:
        self.page.goto(f"{self.line.url}/?tab=ingest")
        self.page.wait_for_function(FIND)

    def choose(self, *paths: Path) -> None:
        self.page.locator("#uploader input[type=file]").set_input_files(paths)

    def slow(self, files: int = 1) -> None:
        """Let a third of files of 30 MB pass slowly, then hardly anything."""
        self.line.most = files * 10_000_000
        self.line.bytes_s = SLOW_BYTES_S

    def fast(self) -> None:
        self.line.bytes_s = 0

    def row(self, state: str) -> Any:
        return self.page.locator(f"#uploader li[data-state={state}]")

    def half_sent(self) -> None:
        self.page.wait_for_function("document.querySelector('#uploader progress')?.value > 20")

    def puts(self) -> list[int]:
        return [int(offset) for method, _, offset in self.asked if method == "PUT"]

    def parts(self) -> list[Path]:
        return list((self.server.datastore / "videos_folder_1").glob(".upload-*"))


@pytest.fixture
def ingest(page: Any, server: Server) -> Iterator[Page]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Page(page, server)
    assert errors == []


def test_pause_go_on_and_cancel(ingest: Page, tmp_path: Path) -> None:
    ingest.slow()
    ingest.choose(padded(tmp_path / "long.mp4", "cfr25", 30))
    ingest.half_sent()
    said = ingest.row("sending").locator(".said")
    expect(said).to_contain_text("MB/s")
    expect(said).to_contain_text("left")
    SHOTS.mkdir(exist_ok=True)
    ingest.page.screenshot(path=SHOTS / "uploads.png", full_page=True)
    ingest.page.get_by_role("button", name="Pause: long.mp4").click()
    expect(ingest.row("paused")).to_contain_text("paused")
    ingest.fast()
    ingest.page.wait_for_timeout(500)
    expect(ingest.row("paused")).to_have_count(1)
    sent = ingest.puts()
    ingest.page.get_by_role("button", name="Go on: long.mp4").click()
    expect(ingest.row("good")).to_have_count(1, timeout=MINUTES)
    assert ingest.puts()[len(sent)] > 0, "it began anew"
    expect(ingest.page.locator("#videos tbody tr")).to_have_count(1)
    assert ingest.parts() == []

    ingest.slow()
    ingest.choose(padded(tmp_path / "unwanted.mp4", "rotated90", 30))
    expect(ingest.row("sending")).to_contain_text("unwanted.mp4")
    ingest.page.get_by_role("button", name="Cancel: unwanted.mp4").click()
    expect(ingest.row("gone")).to_contain_text("cancelled")
    while ingest.parts():
        ingest.page.wait_for_timeout(100)
    ingest.fast()
    ingest.page.reload()
    ingest.page.wait_for_function(FIND)
    expect(ingest.page.locator("#uploader li")).to_have_count(0)


def test_a_server_that_is_killed_and_comes_back(ingest: Page, tmp_path: Path) -> None:
    ingest.slow()
    ingest.choose(padded(tmp_path / "long.mp4", "cfr25", 30))
    ingest.half_sent()
    ingest.server.kill()
    ingest.line.cut()
    expect(ingest.row("lost")).to_contain_text("trying again", timeout=MINUTES)
    before = len(ingest.puts())
    ingest.fast()
    ingest.server.start()
    expect(ingest.row("good")).to_have_count(1, timeout=2 * MINUTES)
    assert ingest.puts()[before] > 0
    names = [p.name for p in (ingest.server.datastore / "videos_folder_1").iterdir()]
    assert names == ["long.mp4"]


def killed_readers(server: Server, stop: threading.Event) -> None:
    """Kill every process of a server that could look at a file."""
    import psutil

    while not stop.is_set():
        for child in psutil.Process(server.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()
        time.sleep(0.02)


def test_a_file_that_cannot_be_looked_at_waits_and_goes_on_by_itself(
    ingest: Page, tmp_path: Path
) -> None:
    stop = threading.Event()
    killer = threading.Thread(target=killed_readers, args=(ingest.server, stop), daemon=True)
    killer.start()
    ingest.choose(videos.clip("cfr25").path)
    said = ingest.row("lost").locator(".said")
    expect(said).to_contain_text("could not be looked at just now", timeout=MINUTES)
    expect(said).to_contain_text("100 %")
    expect(said).to_contain_text("trying again in")
    ingest.page.reload()  # and it needs no file any more
    ingest.page.wait_for_function(FIND)
    expect(ingest.row("lost")).to_contain_text("could not be looked at", timeout=MINUTES)
    stop.set()
    killer.join()
    expect(ingest.row("good")).to_have_count(1, timeout=2 * MINUTES)
    assert ingest.puts()[-1] == videos.clip("cfr25").path.stat().st_size
    names = [p.name for p in (ingest.server.datastore / "videos_folder_1").iterdir()]
    assert names == ["cfr25.mp4"]


def test_a_file_that_killed_its_readers_waits_for_a_person(ingest: Page) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    api = f"{ingest.line.url}/api/uploads"
    begun = ingest.page.request.post(api, data={"name": "cfr25.mp4", "size": len(data)}).json()
    (part,) = (path for path in ingest.parts() if path.suffix == ".part")
    part.write_bytes(data)
    os.utime(part, (time.time() - 3600,) * 2)  # nobody is at it
    part.with_suffix(".deaths").write_text("5 ended by SIGSEGV")
    ingest.open()
    expect(ingest.row("paused")).to_contain_text("died 5 times (ended by SIGSEGV)")
    ingest.page.wait_for_timeout(1500)
    assert ingest.puts() == [] and begun["aside"] == ""
    ingest.page.get_by_role("button", name="Go on: cfr25.mp4").click()
    expect(ingest.row("good")).to_have_count(1)
    assert ingest.puts() == [len(data)] and ingest.parts() == []


def test_a_line_that_breaks_is_mended(ingest: Page, tmp_path: Path) -> None:
    ingest.slow()
    ingest.choose(padded(tmp_path / "long.mp4", "cfr25", 30))
    ingest.half_sent()
    for _ in range(3):
        ingest.line.cut()
        ingest.page.wait_for_timeout(1500)
    ingest.fast()
    expect(ingest.row("good")).to_have_count(1)
    offsets = ingest.puts()
    assert offsets == sorted(offsets) and offsets[-1] > 0, offsets
    data = (ingest.server.datastore / "videos_folder_1" / "long.mp4").read_bytes()
    assert data == (tmp_path / "long.mp4").read_bytes()


def test_after_a_reload_the_same_file_goes_on_where_it_stopped(
    ingest: Page, tmp_path: Path
) -> None:
    clip = padded(tmp_path / "long.mp4", "cfr25", 30)
    other = padded(tmp_path / "waiting.mp4", "rotated90", 30)
    third = padded(tmp_path / "third.mp4", "vfr", 30)
    ingest.slow(files=2)  # as many are sent at once
    ingest.choose(clip, other, third)
    ingest.half_sent()
    ingest.page.reload()
    ingest.page.wait_for_function(FIND)
    expect(ingest.row("asleep")).to_have_count(3)
    expect(ingest.row("asleep").first).to_contain_text("choose the file again")
    expect(ingest.page.locator("#uploader .total")).to_contain_text("3 of an earlier visit")
    before = len(ingest.puts())
    ingest.fast()
    ingest.choose(clip, other, third)
    expect(ingest.row("good")).to_have_count(3, timeout=MINUTES)
    assert max(ingest.puts()[before:]) > 0
    assert ingest.puts()[before:].count(0) <= 2
    names = sorted(p.name for p in (ingest.server.datastore / "videos_folder_1").iterdir())
    assert names == ["long.mp4", "third.mp4", "waiting.mp4"]
    ingest.page.reload()
    ingest.page.wait_for_function(FIND)
    expect(ingest.page.locator("#uploader li")).to_have_count(0)


KEEP = """async ([name, url]) => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('Trip', { create: true });
  const handle = await folder.getFileHandle(name, { create: true });
  const file = await handle.createWritable();
  await file.write(await (await fetch(url)).arrayBuffer());
  await file.close();
}"""
TAKE = """async () => {
  const root = await navigator.storage.getDirectory();
  window.uploads.take([await root.getDirectoryHandle('Trip')]);
}"""


def test_a_file_with_a_handle_goes_on_by_itself_after_a_reload(
    ingest: Page, tmp_path: Path
) -> None:
    """The browser's own file system gives the same handles as a dialogue, without a person."""
    clip = padded(tmp_path / "long.mp4", "cfr25", 30).read_bytes()
    ingest.page.route("**/clip.bin", lambda route: route.fulfill(body=clip))
    ingest.page.route("**/text.bin", lambda route: route.fulfill(body=b"no video"))
    ingest.page.evaluate(KEEP, ["long.mp4", "clip.bin"])
    ingest.page.evaluate(KEEP, ["notes.txt", "text.bin"])
    ingest.slow()
    ingest.page.evaluate(TAKE)
    ingest.half_sent()
    expect(ingest.page.locator("#uploader .total")).to_contain_text("1 other files left out")
    before = len(ingest.puts())
    ingest.page.reload()
    ingest.fast()
    expect(ingest.row("good")).to_contain_text("long.mp4", timeout=MINUTES)
    assert ingest.puts()[before] > 0


def test_what_is_here_already_is_not_sent_again(
    ingest: Page, tmp_path: Path
) -> None:
    seen = Seen(ingest.page, ingest.line.url)
    clip = padded(tmp_path / "first.mp4", "cfr25", 3)
    ingest.choose(clip)
    expect(ingest.row("good")).to_have_count(1, timeout=MINUTES)
    sent = len(ingest.puts())
    ingest.choose(Path(shutil.copy(clip, tmp_path / "again.mp4")))
    expect(ingest.row("good")).to_have_count(2, timeout=MINUTES)
    expect(ingest.row("good").last).to_contain_text("already here as first.mp4")
    assert len(ingest.puts()) == sent, "bytes were sent"
    changed = tmp_path / "changed.mp4"
    data = bytearray(clip.read_bytes())
    data[len(data) // 2] ^= 255
    changed.write_bytes(data)
    ingest.choose(changed)
    expect(ingest.row("good")).to_have_count(3, timeout=MINUTES)
    assert len(ingest.puts()) > sent
    expect(ingest.page.locator("#videos tbody tr")).to_have_count(2)
    seen.nothing_bad()


def test_a_folder_and_many_files(ingest: Page, tmp_path: Path) -> None:
    folder = tmp_path / "Trip"
    (folder / "day 1").mkdir(parents=True)
    shutil.copy(videos.clip("cfr25").path, folder / "a.mp4")
    shutil.copy(videos.clip("rotated90").path, folder / "day 1" / "named by nobody")
    (folder / "notes.txt").write_text("no video")
    (folder / ".hidden.mp4").write_text("no video")
    ingest.page.evaluate("window.showDirectoryPicker = undefined")  # as in Firefox
    with ingest.page.expect_file_chooser() as chooser:
        ingest.page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(ingest.row("good")).to_have_count(2, timeout=MINUTES)
    expect(ingest.page.locator("#uploader .total")).to_contain_text("2 of 2 files")
    expect(ingest.page.locator("#uploader .total")).to_contain_text("2 other files left out")
    many = []
    for k in range(90):
        many.append(tmp_path / f"bad{k}.mp4")
        many[-1].write_text(f"no video {k}")
    ingest.choose(*many)
    expect(ingest.page.locator("#uploader .total")).to_contain_text("2 of 92 files")
    expect(ingest.row("bad").first).to_contain_text("is text, not a video", timeout=MINUTES)
    assert ingest.page.locator("#uploader li").count() <= 60
    ingest.page.wait_for_function(
        "window.uploads.queue.transfers.every((one) => one.isOver)", timeout=2 * MINUTES
    )
    ingest.page.get_by_role("button", name="Clear: all uploads").click()
    expect(ingest.page.locator("#uploader li")).to_have_count(0)
    assert ingest.parts() == []
