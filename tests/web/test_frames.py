"""Frames that are not kept at full size: small at once, full on request, a reason when it fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import simplejpeg
from starlette.testclient import TestClient

from curation.params import ExtractParams
from curation.store.proxies import FACE, Proxy, ProxyPacks
from curation.studio import Studio
from curation.web.site import Settings
from tests import videos
from tests.web.conftest import serving, site_of

SIZE = (960, 540)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    return videos.make(folder / "large.mp4", 40, size_wh=SIZE).path


@pytest.fixture
def picks(large: Path, tmp_path: Path) -> Iterator[TestClient]:
    root = tmp_path / "picks"
    (root / "videos_folder_1").mkdir(parents=True)
    shutil.copy2(large, root / "videos_folder_1" / large.name)
    studio = Studio(root)
    list(studio.extract((), ExtractParams(fps=4.0, workers=1, full_frames="picks")))
    studio.close()
    with serving(Settings(root)) as made:
        yield made


def test_a_frame_is_small_until_somebody_asks_for_all_of_it(
    picks: TestClient, large: Path, tmp_path: Path
) -> None:
    other = Studio(tmp_path / "all")
    list(other.extract([large], ExtractParams(fps=4.0, workers=1)))
    (first, *_), (full, *_) = (list(s.videos.frames()) for s in (site_of(picks).studio, other))
    small = picks.get(f"/frame/{first.id}")
    assert (small.status_code, small.headers["x-picture"]) == (200, "small")
    assert simplejpeg.decode_jpeg_header(small.content)[:2] == (360, 640)
    again = picks.get(f"/frame/{first.id}", headers={"if-none-match": small.headers["etag"]})
    assert again.status_code == 304
    still = picks.get(f"/still/{first.id}")
    assert still.content == full.path.read_bytes()
    assert not first.path.exists()  # it lies in the cache, not among the frames
    after = picks.get(f"/frame/{first.id}", headers={"if-none-match": small.headers["etag"]})
    assert (after.status_code, after.headers["x-picture"]) == (200, "full")
    assert after.content == still.content
    for path in (f"/still/{2**70}", "/still/999999", f"/face/{2**70}", "/face/999999"):
        assert picks.get(path).status_code in (404, 422), path


def test_a_face_comes_with_its_place(picks: TestClient) -> None:
    studio = site_of(picks).studio
    first = next(iter(studio.videos.frames()))
    assert picks.get(f"/face/{first.id}").status_code == 404
    face = Proxy(FACE, (10, 20, 110, 140), b"\xff\xd8face\xff\xd9")
    ProxyPacks(studio.catalogue).put(first.video_id, [(first.id, face)])
    reply = picks.get(f"/face/{first.id}")
    assert (reply.content, reply.headers["x-place"]) == (face.data, "10 20 110 140")
    assert picks.get(f"/frame/{first.id}").headers["x-picture"] == "small"


def test_a_video_that_is_gone_is_a_reason_and_the_small_picture_stays(
    picks: TestClient,
) -> None:
    studio = site_of(picks).studio
    first, second, *_ = studio.videos.frames()
    assert picks.get(f"/still/{first.id}").status_code == 200
    next(studio.root.glob("videos_folder_1/*.mp4")).write_bytes(b"another one")
    gone = picks.get(f"/still/{second.id}")
    assert gone.status_code == 404 and "put the same file back" in gone.json()["detail"]
    assert picks.get(f"/still/{first.id}").status_code == 200
    assert picks.get(f"/frame/{second.id}").status_code == 200
