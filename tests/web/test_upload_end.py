"""A complete upload whose reader cannot work: no byte is lost, and it is looked at again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.engine.limits import OverLimit
from curation.errors import CurationError, VideoUnreadable
from curation.ingest import arrivals
from curation.ingest.arrivals import look, looked_at, take_in
from curation.store.origins import Origin
from curation.web import helper
from curation.web.site import Settings, Site
from curation.web.upload_facts import MOST_DEATHS
from tests import videos
from tests.web.conftest import serving, site_of
from tests.web.following import until
from tests.web.uploading import begin, folder_of, put

KILLED = "its worker process was ended by SIGKILL"


def dying(*_: Any) -> Any:
    """A child's side that is killed over whatever it is asked."""

    def handler(task: Any) -> Any:
        os.kill(os.getpid(), 9)
        yield task

    return handler


def costly(*_: Any) -> Any:
    """A child's side that a file costs too much."""

    def handler(_: Any) -> Any:
        raise OverLimit("it needs more than 4096 MB of memory")
        yield

    return handler


def starving(*_: Any) -> Any:
    """A child's side that may open no more files."""
    import resource

    import av  # noqa: F401  # what is loaded needs no file any more

    from curation.ingest.arrivals import looked_at
    from curation.video.probe import probe

    with pytest.raises(VideoUnreadable):
        probe(Path(__file__))

    def handler(task: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        yield looked_at(getattr(task, "path", task))

    return handler


def with_reader(client: TestClient, make: Callable[..., Any]) -> helper.Helper:
    """Give the uploads of a server another reader; return the one that they had."""
    endings: Any = site_of(client).uploads._endings
    before: helper.Helper = endings._helper
    endings._helper = helper.Helper(site_of(client).studio.root, make)
    return before


@pytest.mark.parametrize("make", [dying, starving])
def test_a_reader_that_cannot_work_costs_no_byte(
    empty_client: TestClient, make: Callable[..., Any]
) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    good = with_reader(empty_client, make)
    upload = begin(empty_client, "clip.mp4", len(data))
    waits = []
    for piece in (data, b""):
        offset = len(data) - len(piece)
        reply = put(empty_client, upload["id"], offset, piece)
        assert reply.status_code == 503, reply.text
        why = reply.json()["detail"]
        assert why.startswith("all of clip.mp4 is here, but it could not be looked at"), why
        assert (KILLED if make is dying else os.strerror(errno.EMFILE)) in why
        assert str(folder_of(empty_client)) not in why
        waits.append(int(reply.headers["retry-after"]))
        state = empty_client.get(f"/api/uploads/{upload['id']}").json()
        assert (state["offset"], state["video"]) == (len(data), None)
    assert waits == [5, 10]
    endings: Any = site_of(empty_client).uploads._endings
    endings._helper.close()
    endings._helper = good
    done = put(empty_client, upload["id"], len(data), b"").json()
    assert done["video"]["name"] == "clip.mp4"
    assert (folder_of(empty_client) / "clip.mp4").read_bytes() == data
    assert [file.name for file in folder_of(empty_client).iterdir()] == ["clip.mp4"]


def test_a_file_that_kills_its_readers_is_set_aside_until_somebody_asks(datastore: Path) -> None:
    """It is looked at five times, not for ever; not at each start of the server either."""
    data = videos.clip("cfr25").path.read_bytes()
    with serving(Settings(datastore)) as client:
        with_reader(client, dying)
        upload = begin(client, "clip.mp4", len(data))
        path = f"/api/uploads/{upload['id']}"
        replies = [put(client, upload["id"], 0, data)]
        for _ in range(MOST_DEATHS - 2):
            replies.append(put(client, upload["id"], len(data), b""))
            assert client.get(path).json()["aside"] == ""
        assert {reply.status_code for reply in replies} == {503}
        reply = put(client, upload["id"], len(data), b"")
        why = reply.json()["detail"]
        assert (reply.status_code, "retry-after" in reply.headers) == (424, False)
        assert f"died {MOST_DEATHS} times ({KILLED})" in why
        assert client.get(path).json()["aside"] == why
    with serving(Settings(datastore)) as client:
        site = site_of(client)
        site.uploads.finish_left(lambda *_, **__: None)  # as it does at its start
        state = client.get(path).json()
        assert (state["offset"], state["video"], state["aside"]) == (len(data), None, why)
        with_reader(client, dying)
        again = put(client, upload["id"], len(data), b"")
        assert again.status_code == 424
        assert f"died {MOST_DEATHS + 1} times" in again.json()["detail"]
    with serving(Settings(datastore)) as client:
        done = put(client, upload["id"], len(data), b"").json()
        assert done["video"]["name"] == "clip.mp4"
        assert [file.name for file in folder_of(client).iterdir()] == ["clip.mp4"]


def test_want_of_memory_or_files_sets_nothing_aside(empty_client: TestClient) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    with_reader(empty_client, starving)
    upload = begin(empty_client, "clip.mp4", len(data))
    put(empty_client, upload["id"], 0, data)
    for _ in range(MOST_DEATHS):
        assert put(empty_client, upload["id"], len(data), b"").status_code == 503
    assert empty_client.get(f"/api/uploads/{upload['id']}").json()["aside"] == ""


def test_what_costs_too_much_is_gone(empty_client: TestClient) -> None:
    with_reader(empty_client, costly)
    data = videos.clip("cfr25").path.read_bytes()
    upload = begin(empty_client, "clip.mp4", len(data))
    reply = put(empty_client, upload["id"], 0, data)
    assert (reply.status_code, list(folder_of(empty_client).iterdir())) == (422, [])
    assert "4096 MB" in reply.json()["detail"]


def test_a_server_that_starts_finishes_what_is_complete(datastore: Path) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    with serving(Settings(datastore)) as before:
        with_reader(before, dying)
        upload = begin(before, "clip.mp4", len(data))
        half = begin(before, "half.mp4", len(data))
        put(before, half["id"], 0, data[:1000])
        assert put(before, upload["id"], 0, data).status_code == 503
    with serving(Settings(datastore)) as after:
        path = f"/api/uploads/{upload['id']}"
        video = until(lambda: after.get(path).json()["video"], "a look")  # nobody sends
        assert video["name"] == "clip.mp4"
        assert (folder_of(after) / "clip.mp4").read_bytes() == data
        assert after.get(f"/api/uploads/{half['id']}").json()["offset"] == 1000
        row = until(lambda: after.get("/api/audit?action=upload").json(), "a row")[0]
        assert (row["action"], row["what"]["name"]) == ("upload", "clip.mp4")


def test_a_server_that_ends_meanwhile_deletes_nothing(datastore: Path) -> None:
    """Its reader is killed with it, which says nothing about the file."""
    data = videos.clip("cfr25").path.read_bytes()
    site = Site(Settings(datastore))
    site.prober.close()
    source = datastore.parent / "clip.mp4"
    shutil.copy(videos.clip("cfr25").path, source)
    upload = site.uploads.begin(helper_about(source, len(data)))
    upload.part.write_bytes(data)
    site.uploads.finish_left(lambda *_, **__: None)
    assert upload.part.read_bytes() == data


def helper_about(path: Path, size: int) -> Any:
    from curation.web.upload_facts import Announced

    return Announced(path.name, size)


# -- links, buckets ------------------------------------------------------------------------------


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    return Path(shutil.copy(videos.clip("cfr25").path, tmp_path / "fetched.media"))


def taken(datastore: Path, fetched: Path, longest_s: float | None = None) -> arrivals.Arrival:
    from curation.store.catalogue import Catalogue

    return take_in(Catalogue(datastore), fetched, "clip", Origin("link", "http://x"), longest_s)


@pytest.mark.parametrize("make", [dying, starving])
def test_what_was_fetched_is_kept_when_its_reader_cannot_work(
    datastore: Path, fetched: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any]
) -> None:
    data = fetched.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "make_looker", make)
        with pytest.raises(CurationError, match="could not be looked at just now") as told:
            taken(datastore, fetched)
    assert not isinstance(told.value, VideoUnreadable | OverLimit)
    assert fetched.read_bytes() == data
    assert taken(datastore, fetched).path.read_bytes() == data


def test_what_is_no_use_is_deleted(
    datastore: Path, tmp_path: Path, fetched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.media"
    bad.write_bytes(b"\0\1" * 4000)
    with pytest.raises(VideoUnreadable):
        taken(datastore, bad)
    again = Path(shutil.copy(fetched, tmp_path / "again.media"))
    with pytest.raises(OverLimit, match="at most 0 are taken"):
        taken(datastore, again, longest_s=0.1)
    monkeypatch.setattr(arrivals, "make_looker", costly)
    with pytest.raises(OverLimit, match="4096"):
        taken(datastore, fetched)
    assert not bad.exists() and not again.exists() and not fetched.exists()


def test_a_look_has_limits(tmp_path: Path, fetched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.video import probe

    monkeypatch.setattr(probe, "probe", lambda _: bytearray(64 << 30))
    with pytest.raises(OverLimit, match="MB of memory"):
        looked_at(fetched)
    monkeypatch.undo()
    monkeypatch.setattr(arrivals, "_seconds", lambda _: 1.0)
    monkeypatch.setattr(arrivals, "make_looker", computing)
    with pytest.raises(OverLimit, match=r"took (more|longer) than"):
        look(fetched)


def computing(*_: Any) -> Any:
    """A child's side that computes without end."""

    def handler(_: Any) -> Any:
        while True:
            pass
        yield

    return handler


# -- law 9 ---------------------------------------------------------------------------------------

SERVER = """
import sys
from pathlib import Path
import av, cv2
def refused(*_, **__):
    raise SystemExit("the server opened a video itself")
av.open = cv2.VideoCapture = refused
from curation.web.site import Settings
from tests.web.conftest import serving
from tests.web.uploading import begin, put
data = Path(sys.argv[2]).read_bytes()
with serving(Settings(Path(sys.argv[1]))) as client:
    assert put(client, begin(client, "a.mp4", len(data))["id"], 0, data).status_code == 200
    frame = next(iter(client.app.state.site.studio.videos.frames())).id
    clip = client.get(f"/clip/{frame}")
    assert clip.status_code == 200 and b"ftyp" in clip.content[:32], clip.text
print("good")
"""


def test_the_server_opens_no_video_itself(filled: Path) -> None:
    words = [sys.executable, "-c", SERVER, filled, videos.clip("cfr25").path]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "good", done.stdout + done.stderr
