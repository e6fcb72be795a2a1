"""Folders on the web and pointers: what strangers' servers and files try, and what comes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from curation import sources
from curation.errors import CurationError
from curation.places import pointer, web
from curation.places.place import Access, Place, PlaceError, RemoteFile, opened
from curation.video.probe import probe
from tests import videos
from tests.place_servers import Cloud, Thing, cloud, port_of


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(pointer, "WAIT_S", 0.01)
    with cloud() as made:
        yield made


def place(server: Cloud, path: str = "/film/") -> Place:
    return opened(server.url + path, Access(open_to=port_of(server.url)))


def listed(server: Cloud, more: str = "", **things: bytes) -> list[str]:
    server.put("/film/", more.encode(), is_folder=True)
    for name, data in things.items():
        server.put(f"/film/{name}.mp4", data)
    return [file.name for file in place(server).listing()]


def test_only_what_lies_below_on_the_same_server_is_listed(server: Cloud) -> None:
    server.put("/secret/x.mp4", b"x")
    server.put("/film", b"", is_folder=True)
    server.put("/film/deep/", b"", is_folder=True)
    server.put("/film/deep/in.mp4", b"x")
    links = (
        "/secret/x.mp4", "../secret/x.mp4", "%2e%2e/secret/x.mp4", "sub/../../secret/x.mp4",
        "http://127.0.0.1:1/x.mp4", "file:///etc/passwd.mp4", "//127.0.0.1:1/film/x.mp4",
        "javascript:x.mp4", "http://[bad/x.mp4", "?C=N;O=D", "x.mp4?token=1", "gs://b/x.mp4",
    )  # fmt: skip
    more = "".join(f'<a href="{link}">x</a>' for link in links)
    assert listed(server, more, a=b"x") == ["a.mp4", "deep/in.mp4"]
    assert not [path for _, path, _ in server.asked if "secret" in path]


def test_no_address_inside_is_asked_whatever_says_so(
    server: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlaceError, match="not a public address"):
        list(opened(f"{server.url}/film/", Access()).listing())
    with cloud() as inside:
        inside.put("/film/", b"", is_folder=True)
        inside.put("/film/a.mp4", b"x")
        server.put("/film/", b"", is_folder=True)
        server.put("/film/a.mp4", b"x")
        server.moved = {"/film/a.mp4": f"{inside.url}/film/a.mp4", "/go/": f"{inside.url}/film/"}
        for path in ("/film/", "/go/"):
            with pytest.raises(PlaceError, match="may not be asked"):
                list(place(server, path).listing())
        assert not inside.asked
        # The guard is what stops it: without it, the inside is asked.
        monkeypatch.setattr(web, "why_not", lambda *_: "")
        list(place(server, "/go/").listing())
        assert inside.asked


@pytest.mark.parametrize("url", ["http://user:pw@host.example/", "https://host.example/?x=1",
                                 "ftp://host.example/", "/etc/passwd", "file:///etc/", "s3://A/"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(CurationError) as caught:
        opened(url, Access())
    assert "pw" not in str(caught.value)


def test_an_endless_page_costs_a_bounded_memory(
    server: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.places.folders.PAGE_BYTES", 1000)
    with pytest.raises(PlaceError, match="more than 1,000 bytes"):
        listed(server, "x" * 2000)


def test_a_slow_server_is_given_up(server: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import threading
    import time

    monkeypatch.setattr(web, "REQUEST_S", 1.0)
    monkeypatch.setattr(web, "SLOWEST_BYTES_S", 1e9)
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
            for _ in range(1200):  # for two minutes; then it ends well, with an empty page
                connection.sendall(b"b")
                time.sleep(0.1)
            connection.sendall(b"\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=drip)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/film/"
    with pytest.raises(PlaceError, match="breaks off"):
        list(opened(url, Access(open_to=port_of(url))).listing())
    thread.join()
    listener.close()


def test_a_server_without_ranges_is_copied_but_not_pointed_at(server: Cloud) -> None:
    server.no_ranges = True
    data = videos.clip("cfr25").path.read_bytes()
    listed(server, a=data)
    (file,) = place(server).listing()
    assert not file.ranged
    assert b"".join(place(server).stream(file, 0)) == data
    with pytest.raises(PlaceError):
        place(server).read(file, 5, 10)


# -- pointers --------------------------------------------------------------------------------------


def test_bytes_by_range_are_the_bytes(server: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointer, "BLOCK", 1000)
    data = bytes(range(256)) * 50
    listed(server, a=data)
    (file,) = place(server).listing()
    ranged = pointer.Ranged(place(server), file)
    for at, size in ((0, 10), (990, 40), (12_790, 100), (5, 3000), (20_000, 5)):
        ranged.seek(at)
        found = b""
        while len(found) < size and (piece := ranged.read(size - len(found))):
            found += piece
        assert found == data[at : at + size]
    assert ranged.seek(-5, 2) == len(data) - 5 and ranged.read() == data[-5:]
    server.things["/film/a.mp4"] = Thing(data, 99)
    ranged.seek(7000)
    with pytest.raises(PlaceError, match="replaced"):
        ranged.read(10)


def test_what_is_pointed_at_is_opened_with_the_same_fence(
    server: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A playlist that names another file, in a place: nothing else is read."""
    secret = videos.clip("cfr25").path
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{secret}'\n"
    monkeypatch.setattr(pointer, "Access", lambda *_: Access(open_to=port_of(server.url)))
    for number, text in enumerate((playlist, concat)):
        listed(server, **{f"p{number}": text.encode()})
        file = next(f for f in place(server).listing() if f.name == f"p{number}.mp4")
        path = tmp_path / f"p{number}.remote"
        pointer.write(path, file)
        with pytest.raises(CurationError, match="text, not a video"):
            probe(path)
    listed(server, ok=secret.read_bytes())
    good = next(f for f in place(server).listing() if f.name == "ok.mp4")
    pointer.write(tmp_path / "ok.remote", good)
    assert probe(tmp_path / "ok.remote").key == probe(secret).key


def test_no_file_of_a_stranger_is_taken_for_a_pointer(server: Cloud, tmp_path: Path) -> None:
    assert pointer.SUFFIX not in sources.SUFFIXES  # uploads and folders take those alone
    file = RemoteFile(f"{server.url}/film/a.mp4", "a.mp4", 10, "v1")
    folder = tmp_path / "videos_folder_1"
    folder.mkdir()
    pointer.write(folder / "x.remote", file)
    shutil.copy(folder / "x.remote", folder / "x.mp4")
    assert sources.offered(tmp_path, ())[0] == [folder / "x.mp4"]
    with pytest.raises(CurationError, match="text, not a video"):
        probe(folder / "x.mp4")
    assert not server.asked


@pytest.mark.parametrize("change", [
    {"url": 5}, {"size_bytes": -1}, {"size_bytes": "9"}, {"remote": 2}, {"endpoint": ["x"]},
    {"url": "file:///etc/passwd"}, {"url": "http://127.0.0.1/x.mp4"}, {"url": None},
])  # fmt: skip
def test_pointers_that_are_none(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "x.remote"
    pointer.write(path, RemoteFile("gs://bucket/a.mp4", "a.mp4", 10, "v1"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CurationError):
        probe(path)


def test_a_file_whose_server_tells_no_version_is_not_known_for_ever() -> None:
    file = RemoteFile("https://host.example/a.mp4", "a.mp4", 10, "")
    assert file.archive_key is None and replace(file, version="v").archive_key is not None
