"""Videos from the browser: in pieces, resumable, looked at before they are believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.web import uploads
from curation.web.site import Settings
from curation.web.uploads import UploadError, safe_name
from tests import videos
from tests.web.conftest import serving, site_of

NAMES = [
    ("clip.mp4", "clip.mp4"),
    ("CLIP.MOV", "CLIP.mov"),
    ("../../etc/clip.mp4", "clip.mp4"),
    ("C:\\Users\\me\\clip.mp4", "clip.mp4"),
    ("/etc/passwd/..mp4", "video.mp4"),
    ("-rf .mp4", "rf.mp4"),
    (".hidden.mp4", "hidden.mp4"),
    ("a\x00b\nc.mp4", "a_b_c.mp4"),
    ("<img src=x onerror=alert(1)>.mp4", "_img src_x onerror_alert(1)_.mp4"),
    ("Ferien in Österreich 日本.webm", "Ferien in Österreich 日本.webm"),
    ("x" * 300 + ".mkv", "x" * 100 + ".mkv"),
    ("é" * 300 + ".mkv", "é" * 50 + ".mkv"),
]


@pytest.mark.parametrize(("name", "safe"), NAMES)
def test_a_name_becomes_one_plain_component(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["clip.exe", "mp4", "clip", "clip.mp4.html", ".mp4x", ""])
def test_a_name_that_is_no_video_is_refused(name: str) -> None:
    with pytest.raises(UploadError, match="not named like a video") as caught:
        safe_name(name)
    assert caught.value.status == 415


def begin(client: TestClient, name: str, size: int) -> dict[str, Any]:
    reply = client.post("/api/uploads", json={"name": name, "size": size})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


def put(client: TestClient, upload_id: str, offset: int, data: bytes) -> Any:
    return client.put(
        f"/api/uploads/{upload_id}", content=data, headers={"upload-offset": str(offset)}
    )


def send(client: TestClient, name: str, data: bytes) -> Any:
    return put(client, begin(client, name, len(data))["id"], 0, data)


def folder_of(client: TestClient) -> Path:
    return site_of(client).studio.root / "videos_folder_1"


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


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
    assert empty_client.get(f"/api/uploads/{upload['id']}").status_code == 404


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
    ({"name": "clip.txt", "size": 10}, 415),
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


@pytest.mark.parametrize("upload_id", ["0" * 32, "x", "..%2f..%2fcatalog", "0" * 31 + "%00"])
def test_only_ids_that_were_given_out_work(empty_client: TestClient, upload_id: str) -> None:
    path = f"/api/uploads/{upload_id}"
    assert empty_client.get(path).status_code == 404
    assert empty_client.delete(path).status_code == 404
    assert empty_client.put(path, content=b"x", headers={"upload-offset": "0"}).status_code == 404


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
    assert empty_client.post("/api/uploads", json=asked).status_code == 429
    monkeypatch.setattr(uploads, "STALE_S", -1.0)
    assert empty_client.post("/api/uploads", json=asked).status_code == 201


def test_the_sample_clips_come_in_like_an_upload(
    empty_client: TestClient, sample_clips: list[Path]
) -> None:
    site = site_of(empty_client)
    names = [site.uploads.copy_in(path)["name"] for path in sample_clips]
    assert names == [path.name for path in sample_clips]
    again = site.uploads.copy_in(sample_clips[0])
    assert "already here" in again["note"]
