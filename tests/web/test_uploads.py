"""Videos from the browser: in pieces, resumable, looked at before they are believed."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.video.probe import content_key
from curation.web import uploads
from curation.web.site import Settings
from curation.web.upload_facts import UploadError, hint_of, shown_name, stem_and_suffix
from tests import videos
from tests.web.conftest import serving, site_of
from tests.web.uploading import begin, folder_of, put, send, visible

NAMES = [
    ("clip.mp4", "clip", ".mp4"),
    ("CLIP.MOV", "CLIP", ".mov"),
    ("../../etc/clip.mp4", "clip", ".mp4"),
    ("C:\\Users\\me\\clip.mp4", "clip", ".mp4"),
    ("/etc/passwd/..mp4", "video", ".mp4"),
    ("-rf .mp4", "rf", ".mp4"),
    (".hidden.mp4", "hidden", ".mp4"),
    ("a\x00b\nc.mp4", "a_b_c", ".mp4"),
    ("<img src=x onerror=alert(1)>.mp4", "img src_x onerror_alert(1)", ".mp4"),
    ("Ferien in Österreich 日本.webm", "Ferien in Österreich 日本", ".webm"),
    ("clip.exe", "clip.exe", ""),
    ("clip", "clip", ""),
    ("..", "video", ""),
]


@pytest.mark.parametrize(("name", "stem", "suffix"), NAMES)
def test_a_name_becomes_one_plain_component(name: str, stem: str, suffix: str) -> None:
    assert stem_and_suffix(name) == (stem, suffix)
    assert len(stem_and_suffix("é" * 300 + ".mkv")[0].encode()) <= 100
    assert "/" not in shown_name(name) and "\n" not in shown_name(name)


@pytest.mark.parametrize("name", ["page.html", "no suffix", "clip.mkv", "CLIP.mov", "x.3gp"])
def test_the_content_says_what_a_file_is_and_not_its_name(
    empty_client: TestClient, name: str
) -> None:
    video = send(empty_client, name, videos.clip("cfr25").path.read_bytes()).json()["video"]
    stem = name.removesuffix(".mkv").removesuffix(".mov").removesuffix(".3gp")
    kept = {"CLIP.mov": ".mov", "x.3gp": ".3gp"}.get(name, ".mp4")
    assert visible(folder_of(empty_client)) == [video["name"]] == [stem + kept]


def test_pieces_make_a_video_that_is_listed_at_once(empty_client: TestClient) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    upload = begin(empty_client, "../my clip.MP4", len(data))
    half = len(data) // 2
    first = put(empty_client, upload["id"], 0, data[:half])
    assert first.json() == {"offset": half, "video": None}
    assert visible(folder_of(empty_client)) == []
    state = empty_client.get(f"/api/uploads/{upload['id']}").json()
    assert state["offset"] == half
    last = put(empty_client, upload["id"], half, data[half:])
    assert last.json()["video"]["name"] == "my clip.mp4"
    assert (folder_of(empty_client) / "my clip.mp4").read_bytes() == data
    (row,) = site_of(empty_client).studio.videos.listing()
    assert (row["name"], row["width"], row["height"]) == ("my clip.mp4", 320, 180)
    ended = empty_client.get(f"/api/uploads/{upload['id']}").json()
    assert ended["video"] == last.json()["video"]
    assert put(empty_client, upload["id"], len(data), b"").status_code == 404


def test_a_piece_at_the_wrong_place_is_told_the_right_one(empty_client: TestClient) -> None:
    upload = begin(empty_client, "clip.mp4", 100)
    put(empty_client, upload["id"], 0, b"x" * 40)
    for offset in (0, 39, 41, 100):
        reply = put(empty_client, upload["id"], offset, b"y")
        assert reply.status_code == 409
        assert reply.headers["upload-offset"] == "40"
    assert put(empty_client, upload["id"], 40, b"y" * 61).status_code == 413
    assert empty_client.put(f"/api/uploads/{upload['id']}", content=b"z").status_code == 400


def test_an_upload_goes_on_after_the_server_restarts(datastore: Path) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    with serving(Settings(datastore)) as before:
        upload = begin(before, "clip.mp4", len(data))
        put(before, upload["id"], 0, data[:1000])
    with serving(Settings(datastore)) as after:
        assert after.get(f"/api/uploads/{upload['id']}").json()["offset"] == 1000
        assert put(after, upload["id"], 1000, data[1000:]).json()["video"]["name"] == "clip.mp4"


@pytest.mark.parametrize("name", sorted(set(videos.BAD) - {"empty.mp4", "audio_only.m4a"}))
def test_what_is_no_video_is_refused_by_its_content(empty_client: TestClient, name: str) -> None:
    reply = send(empty_client, name, videos.bad(name).read_bytes())
    assert reply.status_code == 422
    assert reply.json()["detail"].startswith(name)
    assert videos.BAD[name] in reply.json()["detail"]
    assert str(folder_of(empty_client)) not in reply.text
    assert list(folder_of(empty_client).iterdir()) == []


def test_names_that_are_taken_get_a_number_and_twins_are_dropped(
    empty_client: TestClient,
) -> None:
    one, two = (videos.clip(name).path.read_bytes() for name in ("cfr25", "rotated90"))
    assert send(empty_client, "clip.mp4", one).json()["video"]["name"] == "clip.mp4"
    assert send(empty_client, "clip.mp4", two).json()["video"]["name"] == "clip-2.mp4"
    twin = send(empty_client, "other.mp4", one).json()["video"]
    assert "already here as clip.mp4" in twin["note"]
    assert visible(folder_of(empty_client)) == ["clip-2.mp4", "clip.mp4"]


REFUSED = [
    ({"name": "clip.mp4", "size": 10, "hint": "../../../../../../../../etc/passwd"}, 422),
    ({"name": "clip.mp4", "size": 10, "hint": "g" * 32}, 422),
    ({"name": "clip.mp4", "size": 0}, 413),
    ({"name": "clip.mp4", "size": -1}, 413),
    ({"name": "clip.mp4", "size": 10**12}, 413),
    ({"name": "", "size": 10}, 422),
    ({"size": 10}, 422),
]


@pytest.mark.parametrize(("asked", "status"), REFUSED)
def test_an_upload_that_cannot_end_well_does_not_begin(
    empty_client: TestClient, asked: dict[str, Any], status: int
) -> None:
    assert empty_client.post("/api/uploads", json=asked).status_code == status


def test_a_full_disk_is_said_before_a_byte_is_sent(
    empty_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise uploads.NoSpace("full")

    monkeypatch.setattr(uploads, "require_space", full)
    reply = empty_client.post("/api/uploads", json={"name": "clip.mp4", "size": 10})
    assert reply.status_code == 507
    assert "no room" in reply.json()["detail"]


def test_a_disk_that_fills_meanwhile_stops_an_upload_and_loses_no_byte(
    empty_client: TestClient,
) -> None:
    data = random.Random(1).randbytes(6_000_000)
    upload = begin(empty_client, "clip.mp4", len(data) + 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, before[1]))  # the kernel says: no more
    try:
        reply = put(empty_client, upload["id"], 0, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert reply.status_code == 507, reply.text
    assert "make room" in reply.json()["detail"]
    assert reply.headers["upload-offset"] == "2500000"
    assert put(empty_client, upload["id"], 2_500_000, data[2_500_000:]).status_code == 200
    (part,) = folder_of(empty_client).glob("*.part")
    assert part.read_bytes() == data


def test_what_was_promised_to_others_is_not_promised_again(
    empty_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(folder_of(empty_client).parent).free
    site_of(empty_client).uploads._limit = free
    begin(empty_client, "one.mp4", free - (2 << 30))
    asked = {"name": "two.mp4", "size": 3 << 30}
    assert empty_client.post("/api/uploads", json=asked).status_code == 507
    begin(empty_client, "small.mp4", 1 << 20)


def test_a_datastore_has_a_quota(datastore: Path) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    with serving(Settings(datastore, quota_bytes=2 * len(data))) as client:
        assert send(client, "clip.mp4", data).status_code == 200
        other = begin(client, "other.mp4", len(data))
        asked = {"name": "third.mp4", "size": 1000}
        reply = client.post("/api/uploads", json=asked)
        assert reply.status_code == 507
        assert "CURATION_QUOTA_GB" in reply.json()["detail"]
        client.delete(f"/api/uploads/{other['id']}")
        assert client.post("/api/uploads", json=asked).status_code == 201


def announced(path: Path, name: str = "", **more: Any) -> dict[str, Any]:
    size = path.stat().st_size
    return {"name": name or path.name, "size": size, "hint": hint_of(path, size), **more}


def test_the_same_content_is_known_before_it_is_sent(
    empty_client: TestClient, tmp_path: Path
) -> None:
    clip = videos.clip("long").path
    data = clip.read_bytes()
    assert len(data) > 2 * 65_536 + 1000
    send(empty_client, "first.mp4", data)
    here = empty_client.post("/api/uploads", json=announced(clip, "again.mp4")).json()
    assert (here["known"], here["offset"]) == ("first.mp4", 0)
    path = f"/api/uploads/{here['id']}"
    same = empty_client.post(f"{path}/same", json={"key": content_key(clip)}).json()
    assert "already here as first.mp4" in same["video"]["note"]
    assert empty_client.get(path).json()["video"] == same["video"]
    assert visible(folder_of(empty_client)) == ["first.mp4"]
    assert empty_client.get("/api/uploads").json() == []
    # Both ends and the size alike, the middle not: the hint errs, the proof does not.
    other = tmp_path / "other.mp4"
    middle = len(data) // 2
    other.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    here = empty_client.post("/api/uploads", json=announced(other)).json()
    assert here["known"] == "first.mp4"
    path = f"/api/uploads/{here['id']}"
    asked = {"key": content_key(other)}
    assert empty_client.post(f"{path}/same", json=asked).json() == {"video": None}
    assert put(empty_client, here["id"], 0, other.read_bytes()).json()["video"]["name"] == (
        "other.mp4"
    )
    assert visible(folder_of(empty_client)) == ["first.mp4", "other.mp4"]
    for key in ("x" * 32, "0" * 31, "", None):
        assert empty_client.post(f"{path}/same", json={"key": key}).status_code == 422


def test_a_file_that_changed_since_it_was_read_proves_nothing(empty_client: TestClient) -> None:
    clip = videos.clip("cfr25").path
    send(empty_client, "first.mp4", clip.read_bytes())
    os.utime(folder_of(empty_client) / "first.mp4", (1, 1))
    here = empty_client.post("/api/uploads", json=announced(clip)).json()
    assert here["known"] is None
    asked = {"key": content_key(clip)}
    path = f"/api/uploads/{here['id']}/same"
    assert empty_client.post(path, json=asked).json() == {"video": None}


def test_a_file_that_is_chosen_again_goes_on_where_it_stopped(empty_client: TestClient) -> None:
    clip = videos.clip("cfr25").path
    asked = announced(clip, modified=1_700_000_000_123)
    upload = empty_client.post("/api/uploads", json=asked).json()
    put(empty_client, upload["id"], 0, clip.read_bytes()[:5000])
    (listed,) = empty_client.get("/api/uploads").json()
    assert (listed["id"], listed["offset"], listed["name"]) == (upload["id"], 5000, clip.name)
    again = empty_client.post("/api/uploads", json=asked).json()
    assert (again["id"], again["offset"]) == (upload["id"], 5000)
    for other in ({"modified": 1}, {"name": "x.mp4"}, {"hint": "0" * 32}, {"size": 9}):
        made = empty_client.post("/api/uploads", json={**asked, **other}).json()
        assert made["id"] != upload["id"] and made["offset"] == 0
    done = put(empty_client, upload["id"], 5000, clip.read_bytes()[5000:]).json()
    assert done["video"]["name"] == clip.name


def test_a_client_that_lost_the_last_answer_asks_for_it(empty_client: TestClient) -> None:
    upload = begin(empty_client, "clip.mp4", 1000)
    put(empty_client, upload["id"], 0, bytes(1000))
    told = empty_client.get(f"/api/uploads/{upload['id']}")
    assert told.status_code == 422
    assert "clip.mp4" in told.json()["detail"]


def test_bytes_that_are_all_here_are_looked_at_after_a_kill(datastore: Path) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    with serving(Settings(datastore)) as before:
        upload = begin(before, "clip.mp4", len(data))
        (part,) = folder_of(before).glob("*.part")
        part.write_bytes(data)  # the server was killed before it looked
        done = put(before, upload["id"], len(data), b"")
        assert done.json()["video"]["name"] == "clip.mp4"
    again = begin_with_a_name(datastore, data)
    assert again == "clip.mp4"


def begin_with_a_name(datastore: Path, data: bytes) -> str:
    """Return what becomes of an upload that was killed just after it got its name."""
    shutil.rmtree(datastore)
    datastore.mkdir()
    with serving(Settings(datastore)) as client:
        upload = begin(client, "clip.mp4", len(data))
        (part,) = folder_of(client).glob("*.part")
        part.write_bytes(data)
        os.link(part, folder_of(client) / "clip.mp4")
        put(client, upload["id"], len(data), b"")
        (name,) = visible(folder_of(client))
        assert list(folder_of(client).glob(".upload*")) == []
        return name


NOT_VIDEOS = [
    (b"PK\x03\x04", "zip"),
    (b"%PDF-1.7", "PDF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"MZ\x90\0", "program"),
    (b"#EXTM3U\n", "text"),
    (b"ffconcat version 1.0\n", "text"),
]


@pytest.mark.parametrize(("head", "what"), NOT_VIDEOS)
def test_what_begins_like_something_else_is_refused_at_once(
    empty_client: TestClient, head: bytes, what: str
) -> None:
    fill = b"#\n" if what == "text" else b"\0\1"
    upload = begin(empty_client, "film.mp4", 10**9)
    reply = put(empty_client, upload["id"], 0, head + fill * 4000)
    assert reply.status_code == 422
    assert what in reply.json()["detail"]
    assert list(folder_of(empty_client).iterdir()) == []


def test_two_that_are_alike_and_end_at_once_are_one_video(empty_client: TestClient) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    ids = [begin(empty_client, f"{n}.mp4", len(data))["id"] for n in range(3)]
    with ThreadPoolExecutor(3) as threads:
        replies = list(threads.map(lambda one: put(empty_client, one, 0, data), ids))
    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert len(visible(folder_of(empty_client))) == 1


@pytest.mark.parametrize("upload_id", ["0" * 32, "x", "..%2f..%2fcatalog", "0" * 31 + "%00"])
def test_only_ids_that_were_given_out_work(empty_client: TestClient, upload_id: str) -> None:
    path = f"/api/uploads/{upload_id}"
    assert empty_client.get(path).status_code == 404
    assert empty_client.delete(path).status_code == 404
    assert empty_client.put(path, content=b"x", headers={"upload-offset": "0"}).status_code == 404


def test_no_id_leads_out_of_the_folder(empty_client: TestClient) -> None:
    root = site_of(empty_client).studio.root
    begin(empty_client, "clip.mp4", 10)
    (folder_of(empty_client) / ".upload-x").mkdir()
    (root / "planted.json").write_text('{"name": "a", "size_bytes": 1}')
    (root / "planted.part").touch()
    with pytest.raises(UploadError, match="no such upload"):
        site_of(empty_client).uploads.find("x/../../planted")


def test_a_cancel_wins_over_a_piece_that_is_on_its_way(empty_client: TestClient) -> None:
    uploads = site_of(empty_client).uploads
    upload = begin(empty_client, "clip.mp4", 100)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 10
        assert empty_client.delete(f"/api/uploads/{upload['id']}").status_code == 204
        yield b"x" * 90

    async def send_them() -> None:
        await uploads.append(upload["id"], 0, pieces())

    with pytest.raises(UploadError, match="no such upload"):
        asyncio.run(send_them())
    assert list(folder_of(empty_client).iterdir()) == []


def test_an_aborted_upload_leaves_nothing(empty_client: TestClient) -> None:
    upload = begin(empty_client, "clip.mp4", 100)
    put(empty_client, upload["id"], 0, b"x" * 40)
    assert empty_client.delete(f"/api/uploads/{upload['id']}").status_code == 204
    assert list(folder_of(empty_client).iterdir()) == []


def test_uploads_at_once_are_counted_and_old_ones_swept(
    empty_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_OPEN", 2)
    for _ in range(2):
        begin(empty_client, "clip.mp4", 10)
    asked = {"name": "clip.mp4", "size": 10}
    refused = empty_client.post("/api/uploads", json=asked)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    monkeypatch.setattr(uploads, "STALE_S", -1.0)
    assert empty_client.post("/api/uploads", json=asked).status_code == 201


def test_an_upload_that_ends_while_old_ones_are_swept_troubles_nobody(
    empty_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STALE_S", -1.0)
    begin(empty_client, "clip.mp4", 10)
    known = Path.glob

    def late(folder: Path, pattern: str) -> Any:
        for found in known(folder, pattern):
            if found.name.endswith(".json"):
                found.unlink()
                found.with_suffix(".part").unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(Path, "glob", late)
    site_of(empty_client).uploads.sweep()


def test_the_sample_clips_come_in_like_an_upload(
    empty_client: TestClient, sample_clips: list[Path]
) -> None:
    site = site_of(empty_client)
    names = [site.uploads.copy_in(path)["name"] for path in sample_clips]
    assert names == [path.name for path in sample_clips]
    again = site.uploads.copy_in(sample_clips[0])
    assert "already here" in again["note"]
