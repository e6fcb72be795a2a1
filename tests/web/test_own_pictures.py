"""Serving the pictures of a person's folder: by number, as they are, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.studio import Studio
from curation.web.site import Settings
from tests.photos import photo, shoot
from tests.web.conftest import serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = shoot(tmp_path / "walk")
    studio = Studio(made / ".curation")
    list(studio.add_pictures(made, workers=1))
    studio.close()
    return made


@pytest.fixture
def walk(folder: Path) -> Iterator[TestClient]:
    with serving(Settings(folder / ".curation")) as made:
        yield made


def ids(folder: Path) -> dict[str, int]:
    studio = Studio(folder / ".curation")
    found = {frame.path.name: frame.id for frame in studio.videos.frames()}
    studio.close()
    return found


def test_each_kind_is_served_as_browsers_need_it(walk: TestClient, folder: Path) -> None:
    kinds = {"a.jpg": "image/jpeg", "c.png": "image/png", "d.webp": "image/webp"}
    by_name = ids(folder)
    for name, kind in kinds.items():
        reply = walk.get(f"/frame/{by_name[name]}")
        assert reply.headers["content-type"] == kind
        assert reply.content == (folder / name).read_bytes(), "the file itself, EXIF and all"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
    tiff = walk.get(f"/frame/{by_name['e.tif']}")
    assert tiff.headers["content-type"] == "image/jpeg"
    assert tiff.content[:2] == b"\xff\xd8"
    for frame_id in by_name.values():
        assert walk.get(f"/thumb/{frame_id}").content[:2] == b"\xff\xd8"


def test_ranges_and_not_modified(walk: TestClient, folder: Path) -> None:
    frame_id = ids(folder)["a.jpg"]
    part = walk.get(f"/frame/{frame_id}", headers={"range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    tag = walk.get(f"/frame/{frame_id}").headers["etag"]
    assert walk.get(f"/frame/{frame_id}", headers={"if-none-match": tag}).status_code == 304


def test_a_file_that_changed_is_not_kept_under_its_old_address(
    walk: TestClient, folder: Path
) -> None:
    frame_id = ids(folder)["a.jpg"]
    revision = walk.get(f"/frame/{frame_id}").headers["etag"].strip('"')
    address = f"/frame/{frame_id}?v={revision}"
    assert "immutable" in walk.get(address).headers["cache-control"]
    photo(folder / "a.jpg", 12)
    reply = walk.get(address, headers={"if-none-match": f'"{revision}"'})
    assert reply.status_code == 200
    assert "immutable" not in reply.headers["cache-control"]


def test_nothing_but_pictures_of_the_folder_is_served(
    walk: TestClient, folder: Path, tmp_path: Path
) -> None:
    by_name = ids(folder)
    secret = photo(tmp_path / "secret.jpg", 13)
    (folder / "a.jpg").unlink()
    (folder / "a.jpg").symlink_to(secret)
    assert walk.get(f"/frame/{by_name['a.jpg']}").status_code == 404, "a link that leaves"
    (folder / "b.jpg").unlink()
    assert walk.get(f"/frame/{by_name['b.jpg']}").status_code == 404, "gone"
    studio = Studio(folder / ".curation")
    stored = studio.catalogue
    with stored.transaction() as db:
        for name, path in (("c.png", "/etc/passwd"), ("d.webp", "../../secret.jpg")):
            db.execute("UPDATE frame SET file = ? WHERE id = ?", (path, by_name[name]))
            db.execute(
                "UPDATE picture_file SET path = ? WHERE frame_id = ?", (path, by_name[name])
            )
    studio.close()
    for name in ("c.png", "d.webp"):
        assert walk.get(f"/frame/{by_name[name]}").status_code == 404, name
