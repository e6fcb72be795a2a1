"""Frames by number: cached for good, re-asked when changed, and nothing else of the disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.web.conftest import site_of


def first_frame(client: TestClient) -> tuple[int, str]:
    site = site_of(client)
    frame = next(site.studio.videos.frames())
    return frame.id, site.pictures.find([frame.id])[frame.id].revision


def test_a_thumbnail_is_kept_by_the_browser(client: TestClient) -> None:
    frame_id, revision = first_frame(client)
    reply = client.get(f"/thumb/{frame_id}?v={revision}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/jpeg"
    assert "immutable" in reply.headers["cache-control"]
    assert max(Image.open(io.BytesIO(reply.content)).size) <= 320


def test_an_address_of_another_revision_is_not_kept(client: TestClient) -> None:
    frame_id, revision = first_frame(client)
    for asked in ("", "?v=old"):
        reply = client.get(f"/thumb/{frame_id}{asked}")
        assert reply.headers["cache-control"] == "private, no-cache"
    again = client.get(f"/thumb/{frame_id}", headers={"if-none-match": reply.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    assert again.headers["etag"] == f'"{revision}"'


def test_a_frame_comes_whole_or_in_part(client: TestClient) -> None:
    frame_id, revision = first_frame(client)
    whole = client.get(f"/frame/{frame_id}?v={revision}")
    assert whole.status_code == 200
    assert Image.open(io.BytesIO(whole.content)).size == (320, 180)
    part = client.get(f"/frame/{frame_id}", headers={"range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    same = client.get(f"/frame/{frame_id}", headers={"if-none-match": whole.headers["etag"]})
    assert same.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/thumb/999999",
        "/frame/999999",
        "/frame/-1",
        "/thumb/..%2f..%2fetc%2fpasswd",
        "/frame/1%00",
        "/frame/../../catalog.sqlite",
        "/ui/../../../catalog.sqlite",
        "/ui/%2e%2e/%2e%2e/app.py",
        "/ui/..%2f..%2f..%2fapp.py",
        "/results/catalog.sqlite",
        "/results/..%2fcatalog.sqlite",
        "/results/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/results/.lock",
    ],
)
def test_nothing_else_of_the_disk_is_served(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code in (404, 422)
    assert b"SQLite" not in reply.content


def test_a_frame_whose_file_is_gone_is_said_so(client: TestClient) -> None:
    frame = next(site_of(client).studio.videos.frames())
    frame.path.unlink()
    reply = client.get(f"/frame/{frame.id}")
    assert reply.status_code == 404
    assert "extract the video again" in reply.json()["detail"]


def test_a_catalogue_that_names_a_file_elsewhere_does_not_serve_it(
    client: TestClient, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    site = site_of(client)
    frame = next(site.studio.videos.frames())
    site.studio.catalogue.db.execute(
        "UPDATE frame SET file = ? WHERE id = ?", (str(secret), frame.id)
    )
    assert client.get(f"/frame/{frame.id}").status_code == 404
    site.studio.catalogue.db.execute(
        "UPDATE frame SET file = '../secret.jpg' WHERE id = ?", (frame.id,)
    )
    assert client.get(f"/frame/{frame.id}").status_code == 404


def test_results_are_served_by_name_and_run_nothing(client: TestClient) -> None:
    page = client.get("/report")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/results/ranked.csv").headers["content-type"].startswith("text/csv")
    assert client.get("/results/datastore.json").json()["schema"] == 1
    assert client.get("/results/contact_sheet.jpg").content[:2] == b"\xff\xd8"


def test_results_that_are_not_there_say_what_to_do(empty_client: TestClient) -> None:
    reply = empty_client.get("/report")
    assert reply.status_code == 404
    assert "Score & rank" in reply.json()["detail"]
