"""Buckets, drives and folders on the web: from real servers of their protocols into a datastore."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.errors import CurationError
from curation.ingest import remote
from curation.ingest.remote import AddParams
from curation.places import keys, pointer
from curation.places.keys import KeyRefused
from curation.places.place import Access, Changed, opened
from curation.store.catalogue import Catalogue
from curation.store.origins import OriginTable
from curation.studio import Studio
from tests import videos
from tests.place_servers import EMAIL, Cloud, Thing, cloud, port_of

FOLDER = "folder-id"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    monkeypatch.setattr(pointer, "WAIT_S", 0.01)
    # What gcsfs waits between its own tries: up to 32 s.
    monkeypatch.setattr("gcsfs.retry.min", lambda *_: 0.01, raising=False)
    with cloud() as made:
        yield made


@pytest.fixture
def catalogue(datastore: Path) -> Iterator[Catalogue]:
    made = Catalogue(datastore)
    yield made
    made.close()


@pytest.fixture
def key(server: Cloud, tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return server.key_file(folder / "key.json")


def film(name: str = "cfr25") -> bytes:
    return videos.clip(name).path.read_bytes()


def fill(server: Cloud, kind: str) -> str:
    """Put three videos, two of one content, and two other files into a place; return where."""
    first, second = film(), film("b_frames")
    if kind == "drive":
        server.put(FOLDER, b"", is_folder=True)
        server.put("sub", b"", is_folder=True, name="day 2", parent=FOLDER)
        server.put("id-a", first, name="a.mp4", parent=FOLDER)
        server.put("id-b", second, name="b.mp4", parent="sub")
        server.put("id-c", first, name="again.mp4", parent="sub")
        server.put("id-d", b"hello", name="notes.txt", parent=FOLDER)
        server.put("id-e", b"no film", name="broken.mp4", parent=FOLDER)
        return f"gdrive://{FOLDER}"
    names = {"a.mp4": first, "day 2/b.mp4": second, "day 2/again.mp4": first,
             "notes.txt": b"hello", "broken.mp4": b"no film"}  # fmt: skip
    if kind == "gs":
        for name, data in names.items():
            server.put(f"private-bucket/film/{name}", data)
        server.put("private-bucket/other/x.mp4", b"")
        return "gs://private-bucket/film"
    for folder in ("/film/", "/film/day 2/"):
        server.put(folder, b"", is_folder=True)
    for name, data in names.items():
        server.put(f"/film/{name}", data)
    return f"{server.url}/film/"


def wanted(server: Cloud, kind: str, key: Path | None, **how: Any) -> AddParams:
    endpoint = "" if kind == "web" else server.url
    return AddParams(key if kind != "web" else None, endpoint=endpoint,
                     open_to=port_of(server.url) if kind == "web" else (), **how)  # fmt: skip


def run(catalogue: Catalogue, url: str, params: AddParams) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for beat in remote.add(catalogue, [url], params):
        summary = dict(beat.summary or summary)
    return summary


KINDS = ["gs", "drive", "web"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_video_is_copied_once_and_says_where_it_came_from(
    kind: str, server: Cloud, catalogue: Catalogue, key: Path
) -> None:
    url = fill(server, kind)
    server.page = 2
    params = wanted(server, kind, key)
    told = run(catalogue, url, params)
    assert [row["file"] for row in told["added"]] == ["a.mp4", "b.mp4"]
    assert [row["file"] for row in told["there"]] == ["a.mp4"]
    assert len(told["failed"]) == 1 and "not" in next(iter(told["failed"].values()))
    for name, data in {"a.mp4": film(), "b.mp4": film("b_frames")}.items():
        assert (catalogue.root / "videos_folder_1" / name).read_bytes() == data
    origin = OriginTable(catalogue).all()["videos_folder_1/a.mp4"]
    assert (origin.kind, origin.title) == (remote.KINDS[url.partition(":")[0]], "a.mp4")
    assert origin.url.startswith({"gs": "gs://private", "drive": "gdrive://id-a"}.get(kind, "http"))
    # A second time nothing but lists and heads is asked for.
    server.things = {k: t for k, t in server.things.items() if t.data != b"no film"}
    server.asked.clear()
    again = run(catalogue, url, params)
    assert (len(again["added"]), len(again["there"]), again["failed"]) == (0, 3, {})
    assert {asked for _, _, asked in server.media()} <= {"bytes=0-0"}
    assert not list((catalogue.root / ".incoming").glob("*/part"))


@pytest.mark.parametrize("kind", KINDS)
def test_left_there_and_read_by_range_gives_the_same_frames(
    kind: str, server: Cloud, catalogue: Catalogue, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fill(server, kind)
    for name in [n for n in server.things if "b.mp4" in n or "again" in n or n in ("id-b", "id-c")]:
        del server.things[name]
    monkeypatch.setenv(keys.VARIABLE, str(key))
    if kind == "web":  # a worker has no allowance: what follows would be refused there
        told = run(catalogue, url, wanted(server, kind, None, copy=False))
        assert "not a public address" in str(told["failed"])
        return
    told = run(catalogue, url, wanted(server, kind, key, copy=False))
    assert [row["file"] for row in told["added"]] == ["a.remote"]
    assert not list(catalogue.root.rglob("*.mp4"))
    text = (catalogue.root / "remote" / "a.remote").read_text()
    assert "key" not in json.loads(text) and str(key) not in text
    studio = Studio(catalogue.root)
    there = end(studio.extract())
    assert (there["videos"], there["failed_items"]) == (1, [])
    stored = {f.pts: f.path.read_bytes() for f in studio.videos.frames()}
    ids = {row["id"] for row in studio.videos.listing()}
    studio.close()
    here = Studio(catalogue.root.parent / "here")
    end(here.extract([videos.clip("cfr25").path]))
    assert stored == {f.pts: f.path.read_bytes() for f in here.videos.frames()} and stored
    assert ids == {row["id"] for row in here.videos.listing()}
    here.close()


def end(beats: Iterator[Any]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for beat in beats:
        summary = dict(beat.summary or summary)
    return summary


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_breaks_off_goes_on_where_it_stopped(
    kind: str, server: Cloud, catalogue: Catalogue, key: Path
) -> None:
    url = fill(server, kind)
    server.breaks_after = 50_000
    broken = run(catalogue, url, wanted(server, kind, key))
    if kind == "web":  # one answer each: what came of it is kept
        assert len(broken["added"]) == 2
        return
    server.breaks_after = None
    server.asked.clear()
    told = run(catalogue, url, wanted(server, kind, key))
    assert len(told["added"]) + len(broken["added"]) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_replaced_meanwhile_is_not_mixed(
    kind: str, server: Cloud, catalogue: Catalogue, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.places.place.READ_BYTES", 10_000)
    fill(server, kind)
    data = film()
    name = {"gs": "private-bucket/film/a.mp4", "drive": "id-a", "web": "/film/a.mp4"}[kind]
    before = server.things[name]
    new = Thing(bytes(len(data)), name=before.name, parent=before.parent)
    server.things = {k: t for k, t in server.things.items() if k == name or t.is_folder}
    server.replace_on_read = (name, new)
    if kind == "web":
        server.breaks_after = 20_000
    url = {"gs": "gs://private-bucket/film", "drive": f"gdrive://{FOLDER}"}.get(kind)
    told = run(catalogue, url or f"{server.url}/film/", wanted(server, kind, key))
    assert told["added"] == [] and len(told["failed"]) == 1
    said = next(iter(told["failed"].values()))
    assert "replaced" in said or "gone" in said or "MD5" in said


def test_another_generation_of_an_object_is_not_read(server: Cloud) -> None:
    server.put("public-bucket/a.mp4", film())
    place = opened("gs://public-bucket/a.mp4", Access(None, server.url))
    (file,) = place.listing()
    assert place.read(file, 4, 8) == b"ftyp"
    server.put("public-bucket/a.mp4", bytes(file.size_bytes))
    with pytest.raises(Changed):
        place.read(file, 4, 8)


def test_a_part_of_another_version_is_not_gone_on_with(
    server: Cloud, catalogue: Catalogue, key: Path
) -> None:
    fill(server, "gs")
    file = "gs://private-bucket/film/a.mp4"
    with remote.incoming(catalogue, file) as folder:
        (folder / "part").mkdir()
        (folder / "part" / "video.media").write_bytes(bytes(1000))
        (folder / "part" / "state.json").write_text(json.dumps({"key": f"{file}#0", "size": 9}))
    told = run(catalogue, file, wanted(server, "gs", key))
    assert [row["file"] for row in told["added"]] == ["a.mp4"]
    assert (catalogue.root / "videos_folder_1" / "a.mp4").read_bytes() == film()


# -- the key ---------------------------------------------------------------------------------------


def everything(catalogue: Catalogue, caplog: pytest.LogCaptureFixture, told: Any) -> str:
    """Return all that is stored, logged or told."""
    stored = b"".join(p.read_bytes() for p in catalogue.root.rglob("*") if p.is_file())
    return stored.decode("latin-1") + caplog.text + repr(told)


@pytest.mark.parametrize("kind", ["gs", "drive"])
@pytest.mark.parametrize("says", ["", "you sent"])
def test_neither_key_nor_token_is_stored_logged_or_told(
    kind: str, says: str, server: Cloud, catalogue: Catalogue, key: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    url = fill(server, kind)
    server.says = says  # the server repeats the token in what it says of an error
    beats = list(remote.add(catalogue, [url], wanted(server, kind, key)))
    assert server.tokens
    found = everything(catalogue, caplog, beats)
    secret = json.loads(key.read_text())["private_key"].splitlines()[3]
    assert "ya29" not in found and secret not in found and "assertion" not in found
    assert str(key) not in found
    assert bool(says) == (EMAIL in found)  # who is refused is told, so that they can be let in
    assert repr(keys.found(key, catalogue.root)) == "Key(...)"


def test_a_key_that_another_server_signed_for_is_refused(
    server: Cloud, catalogue: Catalogue, tmp_path: Path
) -> None:
    url = fill(server, "gs")
    with cloud() as other:
        other_key = other.key_file(tmp_path / "other.json", token_uri=f"{server.url}/token")
    for kind in ("gs", "drive"):
        told = run(catalogue, url if kind == "gs" else fill(server, "drive"),
                   wanted(server, kind, other_key))  # fmt: skip
        assert "the key was refused" in str(told["failed"]), told
        assert "invalid_grant" not in str(told)
    assert not server.tokens


def test_where_a_key_may_lie(
    server: Cloud, datastore: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datastore.mkdir(exist_ok=True)
    outside = server.key_file(tmp_path / "key.json")
    inside = server.key_file(datastore / "key.json")
    link = datastore / "link.json"
    link.symlink_to(outside)
    back = tmp_path / "back.json"
    back.symlink_to(inside)
    assert keys.found(outside, datastore) is not None
    program = keys.PROGRAM / "pyproject.toml"
    for refused in (inside, link, back, program, tmp_path / "none", tmp_path):
        with pytest.raises(KeyRefused):
            keys.found(refused, datastore)
    assert keys.found(None, datastore) is None
    monkeypatch.setenv(keys.VARIABLE, str(outside))
    assert keys.found(None, datastore) is not None
    assert [keys.found(None, datastore, scheme) for scheme in ("s3", "https")] == [None, None]
    empty = tmp_path / "empty.json"
    empty.touch()
    monkeypatch.setenv(keys.VARIABLE, str(empty))
    assert keys.found(None, datastore) is None
    monkeypatch.setenv(keys.VARIABLE, str(outside))
    outside.chmod(0o644)
    found = keys.found(None, datastore)
    assert found is not None and "chmod 600" in found.warning


@pytest.mark.parametrize(
    "told",
    [
        {"type": "external_account", "credential_source": {"executable": {"command": "touch x"}}},
        {"type": "authorized_user", "refresh_token": "secret"},
        {"token_uri": "http://elsewhere.example/token"},
        {"token_uri": "file:///etc/passwd"},
        {"private_key": ""},
        {"private_key": "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"},
    ],
)
def test_what_is_no_key_of_a_service_account_is_refused_without_quoting_it(
    told: dict[str, Any], server: Cloud, catalogue: Catalogue, tmp_path: Path
) -> None:
    bad = server.key_file(tmp_path / "bad.json", **told)
    for kind, url in (("gs", fill(server, "gs")), ("drive", fill(server, "drive"))):
        said = str(run(catalogue, url, wanted(server, kind, bad))["failed"])
        assert "key" in said and "secret" not in said and "PRIVATE" not in said
    assert not server.tokens
    bad.write_text("secret: not json")
    said = str(run(catalogue, url, wanted(server, "drive", bad))["failed"])
    assert "not JSON" in said and "secret" not in said


def test_a_token_is_not_sent_in_the_clear(
    server: Cloud, key: Path, datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = keys.found(key, datastore)
    for url in ("gs://bucket/x", "gdrive://folder-id"):
        with pytest.raises(CurationError, match="https only"):
            opened(url, Access(found, "http://192.0.2.1:9000"))
    for host in ("http://192.0.2.1:9000", "192.0.2.1:9000"):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
        with pytest.raises(CurationError, match="https only"):
            opened("gs://bucket/x", Access(found))


def test_importing_gcsfs_unpickles_nothing(tmp_path: Path) -> None:
    import pickle
    import subprocess
    import sys

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    (tmp_path / ".gcs_tokens").write_bytes(pickle.dumps(Evil()))
    words = "from curation.places.buckets import _import_gcsfs; _import_gcsfs()"
    for code, owned in ((words, False), ("import gcsfs", True)):  # the attack works without us
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)},
                       check=True, cwd=keys.PROGRAM)  # fmt: skip
        assert (tmp_path / "owned").exists() == owned


def test_names_with_spaces_and_tricks(server: Cloud, catalogue: Catalogue) -> None:
    for number, name in enumerate(("day 2/a b.mp4", "../../etc/x#1.mp4", "ü?%2e%2e/é.mp4")):
        server.put(f"public-bucket/{name}", film(["cfr25", "b_frames", "vfr"][number]))
    params = wanted(server, "gs", None, copy=False)
    told = run(catalogue, "gs://public-bucket", params)
    assert (len(told["added"]), told["failed"]) == (3, {}), told
    assert all(path.suffix == ".remote" for path in (catalogue.root / "remote").iterdir())
    other = Catalogue(catalogue.root.parent / "copied")
    told = run(other, "gs://public-bucket", wanted(server, "gs", None))
    assert (len(told["added"]), told["failed"]) == (3, {}), told
    assert len(list((other.root / "videos_folder_1").glob("*.mp4"))) == 3
    assert {path.parent.name for path in other.root.rglob("*.mp4")} == {"videos_folder_1"}
    other.close()


def test_without_a_key(server: Cloud, catalogue: Catalogue) -> None:
    told = run(catalogue, fill(server, "gs"), wanted(server, "gs", None))
    assert "--key FILE" in str(told["failed"])
    server.put("public-bucket/a.mp4", film())
    told = run(catalogue, "gs://public-bucket", wanted(server, "gs", None))
    assert [row["file"] for row in told["added"]] == ["a.mp4"]
    told = run(catalogue, f"gdrive://{FOLDER}", wanted(server, "drive", None))
    assert "needs a key" in str(told["failed"])
