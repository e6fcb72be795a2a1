"""fetch: a real server on this machine, and addresses that must not be asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from curation.cli.undo import main as undo
from curation.errors import InputError, ParamError
from curation.toolkit import safe_http
from curation.toolkit.safe_http import FetchError, Limits, addresses, checked, public
from tests.unit.toolkit.look import names, ramp, read, run, tree

HERE = {"fetch_from": ("127.0.0.1",)}


def jpeg(seed: int = 40, kind: str = "JPEG") -> bytes:
    sink = BytesIO()
    Image.fromarray(ramp((seed, 30))).save(sink, kind)
    return sink.getvalue()


class Server(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, str | None]]] = []
    busy: ClassVar[dict[str, int]] = {}

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Range")))
        words = self.path.strip("/").split("/")
        if words[0] == "to":
            return self.send(302, b"", {"Location": "/" + "/".join(words[1:])})
        if words[0] == "away":
            return self.send(302, b"", {"Location": "http://169.254.1.1/secret.jpg"})
        if words[0] == "loop":
            return self.send(302, b"", {"Location": "/loop"})
        if words[0] == "busy" and self.busy.setdefault(self.path, 0) < int(words[1]):
            self.busy[self.path] += 1
            return self.send(429, b"", {"Retry-After": "0"})
        if words[0] == "page":
            return self.send(200, b"<html>no</html>", {})
        if words[0] == "gone":
            return self.send(404, b"", {})
        if words[0] == "large":
            return self.send(200, bytes(3 << 20), {})
        if words[0] == "cut":
            return self.send(200, jpeg(600)[: len(jpeg(600)) // 2], {})
        if words[0] == "half":
            return self.half(jpeg(600))
        return self.send(200, jpeg(40 + len(self.path)), {})

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def half(self, data: bytes) -> None:
        """Send the first half and hang up; the rest when it is asked for."""
        have = self.headers.get("Range")
        at = int(have.removeprefix("bytes=").removesuffix("-")) if have else 0
        assert not have or self.headers["If-Range"] == '"one"'
        self.send_response(206 if have else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(data) - at))
        if have:
            self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[at:] if have else data[: len(data) // 2])


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked.clear()
    Server.busy.clear()
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


def file_of(url: str) -> str:
    return md5(url.encode(), usedforsecurity=False).hexdigest()


def test_a_list_is_fetched_once(tmp_path: Path, server: str) -> None:
    urls = [f"{server}/a.jpg", f"{server}/to/to/b ü.jpg".replace(" ", "%20"), f"{server}/busy/2"]
    bad = {
        f"{server}/gone": "404",
        f"{server}/page": "a page",
        f"{server}/cut": "ends in the middle",
        f"{server}/loop": "more than 5",
        f"{server}/away": "169.254.1.1, which is not public",
        "file:///etc/passwd": "only http",
    }
    lines = ["# list", *urls, urls[0], "", *bad]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    words: dict[str, Any] = {"input": "list.txt", "to": "in", "extra": HERE}
    dry = run(tmp_path, "fetch", dry_run=True, **words)
    assert len(dry["would"]) == 8 and not Server.asked and not (tmp_path / "in").exists()
    done = run(tmp_path, "fetch", **words)
    assert done["fetched"] == 3 and names(tmp_path / "in") == sorted(
        f"{file_of(url)}.jpg" for url in urls
    )
    said = {item["item"]: item["reason"] for item in done["failed_items"]}
    for url, reason in bad.items():
        assert reason in next(v for k, v in said.items() if k == url or url in v)
    beside = read(tmp_path / "in" / f"{file_of(urls[0])}.jpg")
    assert beside["origin"] == urls[0] and beside["license"] == "none"
    assert beside["source"] == "127.0.0.1"
    assert not list((tmp_path / ".curation" / "fetch").glob("*.done"))

    after, asked = tree(tmp_path), len(Server.asked)
    again = run(tmp_path, "fetch", **words)
    assert again["there"] == 3 and again["done"] == 0 and tree(tmp_path) == after
    assert not {path for path, _ in Server.asked[asked:]} & {"/a.jpg", "/busy/2"}
    assert undo(["-d", str(tmp_path)]) == 0
    assert not (tmp_path / "in").exists()


def test_a_broken_download_goes_on(tmp_path: Path, server: str) -> None:
    (tmp_path / "list.txt").write_text(f"{server}/to/half")
    words: dict[str, Any] = {"input": "list.txt", "to": "in", "extra": HERE}
    done = run(tmp_path, "fetch", **words)
    assert "breaks off after" in done["failed_items"][0]["reason"]
    done = run(tmp_path, "fetch", **words)
    assert done["fetched"] == 1 and Server.asked[-1] == ("/half", f"bytes={len(jpeg(600)) // 2}-")
    assert next((tmp_path / "in").glob("*.jpg")).read_bytes() == jpeg(600)


def test_jsonl_and_its_filters(tmp_path: Path, server: str) -> None:
    rows = [
        {"url": f"{server}/1", "license": "cc-by", "width": 800, "height": 20, "engine": "eng"},
        {"url": f"{server}/2", "license": "CC0", "width": 800},
        {"url": f"{server}/3", "license": "cc-by", "width": 100, "height": 100},
        {"nothing": 1},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\n{\n"
    (tmp_path / "list.jsonl").write_text(text)
    done = run(tmp_path, "fetch", input="list.jsonl", to="in", license="cc-by", extra=HERE)
    assert (done["fetched"], done["too_small"], done["other_license"]) == (1, 1, 1)
    assert [item["item"] for item in done["failed_items"]] == ["list.jsonl:4", "list.jsonl:5"]
    made = read(tmp_path / "in" / f"{file_of(f'{server}/1')}.jpg")
    assert made["license"] == "cc-by" and made["source"] == "eng"


def test_sizes_and_busy_hosts(tmp_path: Path, server: str) -> None:
    (tmp_path / "list.txt").write_text(f"{server}/large")
    done = run(tmp_path, "fetch", input="list.txt", to="in", max_mb=1, extra=HERE)
    assert "at most 1 are fetched" in done["failed_items"][0]["reason"]
    (tmp_path / "list.txt").write_text(f"{server}/busy/99")
    done = run(tmp_path, "fetch", input="list.txt", to="in", no_wait=True, extra=HERE)
    assert "429 and asks to wait 0 s" in done["failed_items"][0]["reason"]
    done = run(tmp_path, "fetch", input="list.txt", to="in", extra=HERE)
    assert "left alone" in done["failed_items"][0]["reason"]


def test_this_machine_is_not_asked_unless_a_test_allows_it(tmp_path: Path, server: str) -> None:
    port = server.rpartition(":")[2]
    hosts = ("127.0.0.1", "localhost", "[::1]", "2130706433", "[::ffff:127.0.0.1]", "0")
    (tmp_path / "list.txt").write_text("\n".join(f"http://{h}:{port}/a.jpg" for h in hosts))
    done = run(tmp_path, "fetch", input="list.txt", to="in")
    assert len(done["failed_items"]) == len(hosts) and not Server.asked
    assert done["fetched"] == 0


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("192.168.1.1", False), ("::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:7f00:1::", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("224.0.0.1", False), ("0.0.0.0", False),
        ("240.0.0.1", False), ("no", False),
    ],
)  # fmt: skip
def test_public(address: str, found: bool) -> None:
    assert public(address) is found


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "http:///x", "http://u:p@h/", "http://h:99999/", "javascript:1", "http://h/ x",
     "http://h:0/", "//h/x", "http://[::1/"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(FetchError):
        checked(url)


def test_one_inner_address_among_many_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(0, 0, 0, "", ("8.8.8.8", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    with pytest.raises(FetchError, match=r"10\.0\.0\.1, which is not public"):
        addresses("example.org", 80, public)


def test_usage(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        run(tmp_path, "fetch", input="none.txt", to="in")
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no address"):
        run(tmp_path, "fetch", input="list.txt", to="in")
    with pytest.raises(InputError, match="neither"):
        run(tmp_path, "fetch", input="list.csv", to="in")
    with pytest.raises(ParamError, match="exclude"):
        run(tmp_path, "fetch", input="list.txt", to="in", no_wait=True, max_wait=3.0)
    with pytest.raises(FetchError, match="not public"):
        safe_http.download("http://127.0.0.1/x", tmp_path / "x", Limits(10, 1))
