"""Do uploads cost no more than a plain copy, and does a job leave the page quick? -> upload.json.

A file is sent to the studio piece by piece, as the page sends it, and by curl to a sink that does
nothing but write, on the same disk, by turns; the median of the ratios counts. Then thumbnails
are asked for, with nothing to do and while a job decodes on all cores, by turns as well.

    python -m bench.bench_upload [--megabytes 1024] [--turns 3] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.bench_ui import ROOT, served
from bench.report import Row, write
from curation.engine.machine import cores
from curation.store.catalogue import Catalogue
from curation.store.jobs import JobTable

PIECE, SHARE = 64 << 20, 256 << 20
BLOCK = 1 << 20
THREADS, SPAN_S = 4, 5.0
FRAMES, PICTURES = 4000, 400


def film(target: Path, size_bytes: int, tail: bytes = b"") -> Path:
    """Write a good video of any size: a clip, then a box of noise that readers pass over."""
    from tests import videos

    shutil.copy(videos.clip("long").path, target)
    rest = size_bytes - target.stat().st_size
    with target.open("ab") as file:
        file.write(rest.to_bytes(4, "big") + b"free")
        rest -= 8 + len(tail)
        while rest > 0:
            rest -= file.write(os.urandom(min(BLOCK, rest)))
        file.write(tail)
    return target


class Sink(BaseHTTPRequestHandler):
    """Writes what is sent into one file."""

    folder = Path()

    def do_PUT(self) -> None:
        """Take a file."""
        left = int(self.headers["Content-Length"])
        with (self.folder / "sink.bin").open("wb", buffering=0) as file:
            while left:
                block = self.rfile.read(min(BLOCK, left))
                file.write(block)
                left -= len(block)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def sink(folder: Path) -> None:
    """Serve the sink; prints its port."""
    Sink.folder = folder
    server = HTTPServer(("127.0.0.1", 0), Sink)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def sinking(folder: Path) -> Iterator[str]:
    """Run a sink in a process of its own and give its address."""
    words = [sys.executable, "-m", "bench.bench_upload", "--sink", str(folder)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        process.kill()


def curl_s(url: str, path: Path) -> float:
    """Return how long curl takes to send a file."""
    begun = time.perf_counter()
    subprocess.run(["curl", "-sS", "-f", "-H", "Expect:", "-T", path, url], check=True)
    return time.perf_counter() - begun


class Sender:
    """Sends a file to the studio as the page does: in pieces, each read as it goes."""

    def __init__(self, url: str, path: Path) -> None:
        self.line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
        self.path, self.size, self.offset = path, path.stat().st_size, 0
        said = json.dumps({"name": path.name, "size": self.size}).encode()
        made = self._ask("POST", "/api/uploads", [said], len(said))
        self.where = f"/api/uploads/{made['id']}"

    def send(self, most: int) -> float:
        """Send so many bytes, but not the last one; return how long it takes."""
        begun = time.perf_counter()
        until = min(self.offset + most, self.size - 1)
        while self.offset < until:
            self._piece(min(PIECE, until - self.offset))
        return time.perf_counter() - begun

    def end(self) -> float:
        """Send the last byte; return how long the studio then looks at the whole."""
        begun = time.perf_counter()
        done = self._piece(self.size - self.offset)
        assert done["video"]["name"] == self.path.name, done
        return time.perf_counter() - begun

    def _piece(self, length: int) -> dict[str, Any]:
        blocks = blocks_of(self.path, self.offset, length)
        done = self._ask("PUT", self.where, blocks, length, **{"Upload-Offset": str(self.offset)})
        self.offset += length
        return done

    def _ask(
        self, method: str, where: str, body: Any, length: int, **headers: str
    ) -> dict[str, Any]:
        kind = {"Content-Type": "application/json", "Content-Length": str(length)}
        self.line.request(method, where, body, {**kind, **headers})
        reply = self.line.getresponse()
        text = reply.read()
        assert reply.status in (200, 201), text
        return dict(json.loads(text))


def blocks_of(path: Path, at: int, left: int) -> Iterator[memoryview]:
    """Yield a part of a file in blocks, out of one buffer."""
    buffer = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        file.seek(at)
        while left:
            read = file.readinto(buffer[: min(BLOCK, left)])
            left -= read
            yield buffer[:read]


def memory_at_hand(folder: Path, size_bytes: int) -> None:
    """Write a file and delete it again, so that the next writer finds memory that is in use.

    A machine that is a guest gets memory from its host a page at a time, which costs ten times the
    write, and gives back what lies idle for some seconds: without this, luck decides who pays.
    """
    path, block = folder / "ballast.bin", bytes(BLOCK)
    with path.open("wb", buffering=0) as file:
        for _ in range(size_bytes // BLOCK):
            file.write(block)
    path.unlink()


class Memory(threading.Thread):
    """Follows how much a server's own process holds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        port = urlsplit(url).port
        self.process = next(
            psutil.Process(one.pid)
            for one in psutil.net_connections("tcp")
            if one.laddr.port == port and one.status == "LISTEN"
        )
        self.before = self.peak = self.process.memory_info().rss
        self.start()

    def cpu_s(self) -> float:
        """Return how much of the processor the server itself has had."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def run(self) -> None:
        """Look twenty times a second."""
        with suppress(psutil.Error):
            while True:
                self.peak = max(self.peak, self.process.memory_info().rss)
                time.sleep(0.05)


def upload_rows(folder: Path, megabytes: int, turns: int) -> list[Row]:
    """Measure uploads: each turn sends a file to both, a share to one and the same to the other."""
    clip = film(folder / "film.mp4", megabytes << 20)
    small = film(folder / "small.mp4", 4 << 20)
    share = folder / "share.bin"
    with share.open("wb") as file:
        for block in blocks_of(clip, 0, min(SHARE, megabytes << 20)):
            file.write(block)
    store = folder / "store"
    ratios, whole, rates, looks = [], [], [], []
    costs, sinks = [], []
    server = [str(ROOT / "app.py"), "--datastore", str(store)]
    with served(*server, path="/healthz") as url, sinking(folder) as plain:
        first = Sender(url, small)  # what a server loads once, it has
        first.send(small.stat().st_size)
        first.end()
        memory, sunk = Memory(url), Memory(plain)
        for turn in range(turns):
            path = clip.rename(folder / f"film{turn}.mp4")
            with path.open("r+b") as file:  # another content each time
                file.seek(-1, os.SEEK_END)
                file.write(bytes([turn]))
            sender = Sender(url, path)
            sent = curl = 0.0
            used, used_there = memory.cpu_s(), sunk.cpu_s()
            for k in range(max(1, (megabytes << 20) // SHARE)):
                # Neither pays for what the other left to be written, and each is first at times.
                for ours in ((turn + k) % 2 == 0, (turn + k) % 2 == 1):
                    os.sync()
                    memory_at_hand(folder, min(SHARE, megabytes << 20))
                    if ours:
                        sent += sender.send(SHARE)
                    else:
                        curl += curl_s(plain, share)
                        (folder / "sink.bin").unlink()
            costs.append((memory.cpu_s() - used) * 1024 / megabytes)
            sinks.append((sunk.cpu_s() - used_there) * 1024 / megabytes)
            look = sender.end()
            ratios.append(curl / sent)
            whole.append(curl / (sent + look))
            rates.append(megabytes / sent)
            looks.append(look)
            (store / "videos_folder_1" / path.name).unlink()
            clip = path
    grown = (memory.peak - memory.before) / (1 << 20)
    on = f"{megabytes} MiB, load {os.getloadavg()[0]:.1f} on {cores()} cores"
    middle = statistics.median
    said = f"curl {', '.join(f'{r:.2f}' for r in ratios)}; {on}"
    more = sum(costs) / sum(sinks)
    return [
        Row("upload speed / curl to a sink", middle(ratios), 0.8, 1.0, True, turns, split=said),
        Row("the same with the look at it", middle(whole), None, 0.8, True, turns, split=on),
        Row("upload, MiB/s", middle(rates), None, None, True, turns, split=on),
        Row("processor of the server, s/GiB", middle(costs), None, None, False, turns, split=on),
        Row("processor of the sink, s/GiB", middle(sinks), None, None, False, turns, split=on),
        Row("processor of the server / of the sink", more, None, 1.2, False, turns, split=on),
        Row("look at the whole file, s", middle(looks), None, None, False, turns, split=on),
        Row("growth of the server's memory, MiB", grown, 64, 32, False, turns, split=on),
    ]


def thumbs_per_s(url: str, ids: list[int]) -> float:
    """Return thumbnails a second over some lines that stay open."""
    until = time.perf_counter() + SPAN_S
    counts = [0] * THREADS

    def work(k: int) -> None:
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        while time.perf_counter() < until:
            line.request("GET", f"/thumb/{ids[(k * 997 + counts[k]) % len(ids)]}")
            reply = line.getresponse()
            reply.read()
            assert reply.status == 200
            counts[k] += 1

    threads = [threading.Thread(target=work, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SPAN_S


def thumb_rows(folder: Path, turns: int) -> list[Row]:
    """Measure thumbnails while a job decodes."""
    from tests.review_store import fill

    store = folder / "filled"
    studio = fill(store, FRAMES, PICTURES)
    ids = [frame.id for frame in studio.videos.frames()]
    studio.close()
    films = folder / "films"
    films.mkdir()
    for k in range(60):
        film(films / f"film{k:02}.mp4", 3_000_000, bytes([k, 1]))
    table = JobTable(Catalogue(store))
    ratios, idles = [], []
    server = [str(ROOT / "app.py"), "--datastore", str(store)]
    with served(*server, path="/healthz") as url:
        thumbs_per_s(url, ids)
        for turn in range(turns):
            idle = thumbs_per_s(url, ids)
            # Other settings each turn, so that there is something to do again.
            words = [str(films), "--workers", str(cores()), "--fps", str(20 + turn)]
            number = table.add("extract", words)
            while (table.get(number).done or 0) <= 0:
                assert table.get(number).is_open, table.get(number)
                time.sleep(0.1)
            busy = thumbs_per_s(url, ids)
            assert table.get(number).is_open, "the job ended before the measurement"
            table.cancel(number)
            while table.get(number).is_open:
                time.sleep(0.1)
            ratios.append(busy / idle)
            idles.append(idle)
    on = f"load {os.getloadavg()[0]:.1f} on {cores()} cores"
    said = f"{', '.join(f'{r:.2f}' for r in ratios)}; {on}"
    middle = statistics.median
    return [
        Row("thumbnails/s while a job decodes / idle", middle(ratios), 0.6, 0.8, True, turns,
            split=said),
        Row("thumbnails/s, idle", middle(idles), None, None, True, turns, split=on),
    ]  # fmt: skip


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    parser.add_argument("--sink", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        sink(options.sink)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = upload_rows(Path(folder), options.megabytes, options.turns)
        rows += thumb_rows(Path(folder), options.turns)
    return write("upload", rows)


if __name__ == "__main__":
    raise SystemExit(main())
