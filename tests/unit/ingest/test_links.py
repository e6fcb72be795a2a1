"""Links: what a real server sends, how it misbehaves, and what is kept of it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from curation.errors import CurationError, NoSpace
from curation.ingest import link_errand, links
from curation.ingest.links import Errand, LinkParams, Patience
from curation.store.catalogue import Catalogue
from curation.store.origins import OriginTable
from curation.store.sources import SourceTable
from tests import videos
from tests.unit.ingest.strangers import CUT, Stranger, serving

ROOT = Path(__file__).parents[3]
PATIENT = Patience(socket_s=600, look_s=900, stall_s=600, slowest_bytes_s=20_000, retries=0)
"""A busy machine may take minutes for what a server of its own sends at once."""
SLOW_FILM = bytes(800_000)
"""What makes a film so long that a slow server needs more than a minute for it."""


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with serving() as made:
        yield made


@pytest.fixture
def catalogue(datastore: Path) -> Iterator[Catalogue]:
    made = Catalogue(datastore)
    yield made
    made.close()


def errand(stranger: Stranger, **limits: Any) -> Errand:
    return Errand(LinkParams(**limits), PATIENT, stranger.open_to)


def film(name: str = "cfr25") -> bytes:
    return videos.clip(name).path.read_bytes()


def end(beats: Iterator[Any]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for beat in beats:
        summary = beat.summary or summary
    return summary


def reason_of(told: dict[str, Any]) -> str:
    """Return why the one link that failed did."""
    (reason,) = told["failed"].values()
    return str(reason)


def kept(catalogue: Catalogue) -> list[str]:
    return sorted(p.name for p in (catalogue.root / "videos_folder_1").glob("*") if p.is_file())


def working(catalogue: Catalogue) -> list[psutil.Process]:
    """Return the processes that fetch links into a datastore now."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and str(catalogue.root) in child.cwd():
                found.append(child)
    return found


class Clock:
    """The clock that costs are measured with; it moves when a test moves it."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(link_errand, "time", made)
    return made


def waiting(catalogue: Catalogue) -> list[Path]:
    return list((catalogue.root / links.FOLDER).rglob("*.part"))


def test_check_tells_and_keeps_nothing(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/clips/holiday.mp4", film())
    told = end(links.check([url, f"{stranger.url}/gone.mp4"], errand(stranger)))
    (found,) = told["found"]
    assert (found["title"], found["size_bytes"]) == ("holiday", len(film()))
    assert found["url"] == url and "404" in told["failed"][f"{stranger.url}/gone.mp4"]
    assert "right to use" in told["notice"] and not list(tmp_path.iterdir())


def test_a_link_is_fetched_once_and_its_source_is_kept(
    stranger: Stranger, catalogue: Catalogue
) -> None:
    film_url = stranger.put("/v.bin?x=1".partition("?")[0], film(), "application/octet-stream")
    title = "<img src=x onerror=alert(1)> ../../etc"
    page = f"<html><title>{title.replace('<', '&lt;')}</title><video src='{film_url}'></video>"
    url = stranger.put("/page.html", page.encode(), "text/html")
    told = end(links.download(catalogue, [f"{url}?token=abc#t"], errand(stranger)))
    assert not told["failed"] and len(told["fetched"]) == 1
    (name,) = kept(catalogue)
    assert name.endswith(".mp4") and not set(name) & set("<>/\\=") and not name.startswith(".")
    target = catalogue.root / "videos_folder_1" / name
    assert target.read_bytes() == film()
    origin = OriginTable(catalogue).all()[f"videos_folder_1/{name}"]
    assert origin.kind == "link" and origin.url == url and "<img" in origin.title
    assert "abc" not in str(origin) and "abc" not in str(told)
    assert SourceTable(catalogue).file(target).video_id is not None
    assert not any((catalogue.root / links.FOLDER).iterdir())

    stranger.asked.clear()
    again = end(links.download(catalogue, [f"{url}?token=abc#t"], errand(stranger)))
    assert [row["file"] for row in again["there"]] == [name] and not again["fetched"]
    assert not [path for path, *_ in stranger.asked if path == "/v.bin"]
    target.unlink()
    again = end(links.download(catalogue, [f"{url}?token=abc#t"], errand(stranger)))
    assert [row["file"] for row in again["fetched"]] == [name] and kept(catalogue) == [name]


def test_the_same_content_is_not_kept_twice(stranger: Stranger, catalogue: Catalogue) -> None:
    urls = [stranger.put(f"/{name}.mp4", film()) for name in "ab"]
    told = end(links.download(catalogue, [*urls, "http://10.0.0.1/x.mp4"], errand(stranger)))
    assert [row["note"] for row in told["fetched"]] == ["", "the same video was already here"]
    assert kept(catalogue) == ["a.mp4"]
    assert told["failed"] == {"http://10.0.0.1/x.mp4": "10.0.0.1 is not a public address"}
    again = end(links.download(catalogue, urls, errand(stranger)))
    assert [row["file"] for row in again["there"]] == ["a.mp4", "a.mp4"]


@pytest.mark.parametrize("kind", ["same", "changed", "untold"])
def test_a_broken_download_goes_on_only_with_the_same_file(
    kind: str, stranger: Stranger, catalogue: Catalogue
) -> None:
    url = stranger.put("/a.mp4", film(), tag="" if kind == "untold" else '"one"')
    stranger.how["/a.mp4"] = "cut"
    how = errand(stranger)
    told = end(links.download(catalogue, [url], how))
    (part,) = waiting(catalogue)
    had = part.stat().st_size
    assert 0 < had <= CUT and told["failed"] and not kept(catalogue)
    stranger.how.clear()
    data = film()
    if kind == "changed":
        data = film("vp9")
        stranger.put("/a.mp4", data, tag='"two"')
    stranger.asked.clear()
    told = end(links.download(catalogue, [url], how))
    assert len(told["fetched"]) == 1 and not told["failed"]
    (name,) = kept(catalogue)
    assert (catalogue.root / "videos_folder_1" / name).read_bytes() == data
    ranges = [row for row in stranger.asked if row[1]]
    if kind == "untold":
        assert not ranges
    else:
        assert ranges == [("/a.mp4", f"bytes={had}-", '"one"')]


def test_cancelled_is_not_lost(stranger: Stranger, catalogue: Catalogue) -> None:
    data = film() + SLOW_FILM
    url = stranger.put("/a.mp4", data)
    stranger.how["/a.mp4"] = "slow"
    beats = links.download(catalogue, [url], errand(stranger))
    for beat in beats:
        if beat.done > 0.03:
            break
    assert len(working(catalogue)) == 1
    beats.close()
    assert working(catalogue) == []
    (part,) = waiting(catalogue)
    assert 20_000 <= part.stat().st_size < len(data), "it was not waited for"
    stranger.how.clear()
    assert end(links.download(catalogue, [url], errand(stranger)))["fetched"]
    assert not any((catalogue.root / links.FOLDER).iterdir())


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("slow", "sends less than 20,000 bytes a second"),
        ("endless", "it has more; at most 0.00 GB"),
        ("lies", ""),
    ],
)
def test_servers_that_do_not_end_well(
    how: str, reason: str, stranger: Stranger, catalogue: Catalogue, clock: Clock
) -> None:
    url = stranger.put("/a.mp4", film() + (SLOW_FILM if how == "slow" else b""))
    good = stranger.put("/b.mp4", film("vp9"))
    stranger.how["/a.mp4"] = how
    told: dict[str, Any] = {}
    for beat in links.download(catalogue, [url, good], errand(stranger, max_gb=0.001)):
        told = dict(beat.summary or told)
        clock.now += 100 * (how == "slow" and beat.done > 0 and url == beat.note)
    assert reason in reason_of(told) and kept(catalogue) == ["b.webm"]


def test_a_server_that_falls_silent_is_left_for_the_next_link(
    stranger: Stranger, catalogue: Catalogue
) -> None:
    url, good = stranger.put("/a.mp4", film()), stranger.put("/b.mp4", film("vp9"))
    stranger.how["/a.mp4"] = "silent"
    how, told = errand(stranger), {}
    object.__setattr__(how, "patience", replace(PATIENT, stall_s=4))
    for beat in links.download(catalogue, [url, good], how):
        told = dict(beat.summary or told)
        if beat.note == good:
            object.__setattr__(how, "patience", PATIENT)
    assert "has not answered for 4 s" in reason_of(told) and kept(catalogue) == ["b.webm"]


def test_limits(stranger: Stranger, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    url = stranger.put("/large.mp4", film() + bytes(2 << 20))
    told = end(links.download(catalogue, [url], errand(stranger, max_gb=0.001)))
    assert "0.00 GB; at most 0.00 GB are fetched (--max-gb)" in reason_of(told)
    assert not waiting(catalogue)
    long = stranger.put("/long.mp4", film("long"))
    told = end(links.download(catalogue, [long], errand(stranger, max_minutes=0.5)))
    assert "at most" in reason_of(told) and not kept(catalogue)

    def full(*_: object) -> None:
        raise NoSpace("full")

    monkeypatch.setattr(link_errand, "require_space", full)
    with pytest.raises(NoSpace):
        end(links.download(catalogue, [long], errand(stranger)))
    with pytest.raises(CurationError, match="no link"):
        end(links.download(catalogue, [" "], errand(stranger)))


@pytest.mark.parametrize("name", ["text.mp4", "noise.mp4", "audio_only.m4a", "playlist.mp4"])
def test_what_is_no_video_is_not_kept(
    name: str, stranger: Stranger, catalogue: Catalogue
) -> None:
    url = stranger.put(f"/{name}", videos.bad(name).read_bytes())
    told = end(links.download(catalogue, [url], errand(stranger)))
    assert len(told["failed"]) == 1 and not kept(catalogue) and not told["fetched"]
    assert not SourceTable(catalogue).files()


def test_a_page_with_many_videos_gives_as_many_as_are_asked_for(
    stranger: Stranger, catalogue: Catalogue
) -> None:
    tags = "".join(f"<video src='{stranger.put(f'/{i}.mp4', film() + bytes(i))}'></video>"
                   for i in range(4))  # fmt: skip
    url = stranger.put("/many.html", f"<html><title>Many</title>{tags}".encode(), "text/html")
    told = end(links.download(catalogue, [url], errand(stranger)))
    assert len(told["fetched"]) == 1
    told = end(links.download(catalogue, [url], errand(stranger, most_videos=3)))
    assert (len(told["there"]), len(told["fetched"])) == (1, 2) and len(kept(catalogue)) == 3


def playlist(*uris: str, key: str = "", ended: bool = True) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:10", *([key] if key else ())]
    for uri in uris:
        lines += ["#EXTINF:2.0,", uri]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""]).encode()


def test_a_stream_of_pieces_is_put_together(stranger: Stranger, catalogue: Catalogue) -> None:
    data = film("ts")
    half = len(data) // 188 // 2 * 188
    for name, piece in (("0.ts", data[:half]), ("1.ts", data[half:])):
        stranger.put(f"/hls/{name}", piece, "video/mp2t")
    hls = "application/vnd.apple.mpegurl"
    url = stranger.put("/hls/list.m3u8", playlist("0.ts", "1.ts"), hls)
    told = end(links.download(catalogue, [url], errand(stranger)))
    assert [row["file"] for row in told["fetched"]] == ["list.ts"], told
    assert (catalogue.root / "videos_folder_1" / "list.ts").read_bytes() == data
    live = stranger.put("/hls/live.m3u8", playlist("0.ts", ended=False), hls)
    told = end(links.download(catalogue, [live], errand(stranger)))
    assert not told["fetched"] and "it is live" in reason_of(told)


@pytest.mark.parametrize(
    ("kind", "reason"), [("endless", "page of more than 32 MB"), ("gzip", "need more memory")]
)
def test_pages_of_any_size_cost_a_bounded_memory(
    kind: str, reason: str, stranger: Stranger, catalogue: Catalogue
) -> None:
    head = b"<html><title>Long</title>" + b" " * (1 << 20)
    body = gzip.compress(head + bytes(3 << 30), 1) if kind == "gzip" else head
    url = stranger.put("/page.html", body, "text/html")
    stranger.how["/page.html"] = kind
    told = end(links.download(catalogue, [url], errand(stranger)))
    assert reason in reason_of(told), told


def test_one_link_is_not_fetched_by_two_at_once(stranger: Stranger, catalogue: Catalogue) -> None:
    url = stranger.put("/a.mp4", film())
    stranger.how["/a.mp4"] = "slow"
    first = links.download(catalogue, [url], errand(stranger))
    for beat in first:
        if beat.done:
            break
    told = end(links.download(catalogue, [url], errand(stranger)))
    assert told["failed"] == {url: "it is being fetched already"}
    first.close()


def test_a_link_that_takes_too_long_is_given_up(
    stranger: Stranger, catalogue: Catalogue, clock: Clock
) -> None:
    url = stranger.put("/a.mp4", film() + SLOW_FILM)
    stranger.how["/a.mp4"] = "slow"
    told: dict[str, Any] = {}
    for beat in links.download(catalogue, [url], errand(stranger)):
        told = dict(beat.summary or told)
        clock.now += 3600 * (LinkParams().max_hours + 1) * (beat.done > 0)
    assert "takes too long" in reason_of(told)
    assert len(waiting(catalogue)) == 1


def test_the_child_ends_with_its_parent(stranger: Stranger, catalogue: Catalogue) -> None:
    url = stranger.put("/a.mp4", film() + 10 * SLOW_FILM)
    stranger.how["/a.mp4"] = "slow"
    program = (
        "import sys\nfrom pathlib import Path\nfrom curation.ingest.links import *\n"
        "from curation.store.catalogue import Catalogue\n"
        f"how = Errand(patience=Patience(stall_s=600), open_to={stranger.open_to!r})\n"
        f"for beat in download(Catalogue(Path({str(catalogue.root)!r})), [{url!r}], how):\n"
        "    print(beat.done, flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    for line in parent.stdout:
        if float(line) > 0:
            break
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=300)  # it would go on for longer
    assert not alive


def test_what_nobody_goes_on_with_is_deleted(stranger: Stranger, catalogue: Catalogue) -> None:
    old, new = (catalogue.root / links.FOLDER / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "video.media.part").write_bytes(b"x")
    os.utime(old, (1, 1))
    end(links.download(catalogue, [stranger.put("/a.mp4", film())], errand(stranger)))
    assert new.exists() and not old.exists()
