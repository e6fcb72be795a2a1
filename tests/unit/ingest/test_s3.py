"""s3://, from moto's server of Amazon's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.ingest import remote
from curation.ingest.remote import AddParams
from curation.places.place import Access, Changed, opened
from curation.store.catalogue import Catalogue
from curation.store.origins import OriginTable
from curation.studio import Studio
from tests import amazon, videos

SECRET = "a-secret-of-amazon"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with amazon.serving() as address:
        yield address


@pytest.fixture
def client(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    import boto3

    for name in ("AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    made = boto3.client("s3", endpoint_url=server, region_name="us-east-1",
                        aws_access_key_id="one", aws_secret_access_key=SECRET)  # fmt: skip
    if "footage" not in [row["Name"] for row in made.list_buckets()["Buckets"]]:
        made.create_bucket(Bucket="footage")
    for name, clip in {"in/a.mp4": "cfr25", "in/sub/b.mp4": "b_frames", "in/x.txt": ""}.items():
        data = videos.clip(clip).path.read_bytes() if clip else b"text"
        made.put_object(Bucket="footage", Key=name, Body=data)
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "aws"
    path.write_text(f"[default]\naws_access_key_id = one\naws_secret_access_key = {SECRET}\n")
    path.chmod(0o600)
    return path


def run(catalogue: Catalogue, params: AddParams) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for beat in remote.add(catalogue, ["s3://footage/in"], params):
        summary = dict(beat.summary or summary)
    return summary


def test_copied_once(client: Any, server: str, key: Path, datastore: Path) -> None:
    catalogue = Catalogue(datastore)
    told = run(catalogue, AddParams(key, endpoint=server))
    assert [row["file"] for row in told["added"]] == ["a.mp4", "b.mp4"], told
    assert told["others"] == 1
    clip = videos.clip("cfr25").path.read_bytes()
    assert (datastore / "videos_folder_1" / "a.mp4").read_bytes() == clip
    origin = OriginTable(catalogue).all()["videos_folder_1/a.mp4"]
    assert (origin.kind, origin.url) == ("bucket", "s3://footage/in/a.mp4")
    again = run(catalogue, AddParams(key, endpoint=server))
    assert (len(again["added"]), len(again["there"])) == (0, 2)
    stored = b"".join(p.read_bytes() for p in datastore.rglob("*") if p.is_file())
    assert SECRET.encode() not in stored


def test_left_there(
    client: Any, server: str, key: Path, datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(key))
    catalogue = Catalogue(datastore)
    told = run(catalogue, AddParams(key, endpoint=server, copy=False))
    assert [row["file"] for row in told["added"]] == ["a.remote", "b.remote"], told
    catalogue.close()
    studio = Studio(datastore)
    summary = [beat.summary for beat in studio.extract() if beat.summary][-1]
    assert (summary["videos"], summary["failed_items"]) == (2, [])
    studio.close()


def test_an_object_that_was_replaced_is_not_read(client: Any, server: str, key: Path) -> None:
    from curation.places import keys

    place = opened("s3://footage/in/a.mp4", Access(keys.found(key, Path("none"), "s3"), server))
    (file,) = place.listing()
    assert len(place.read(file, 10, 20)) == 10
    client.put_object(Bucket="footage", Key="in/a.mp4", Body=bytes(file.size_bytes))
    with pytest.raises(Changed):
        place.read(file, 10, 20)
    place.close()  # and when nothing of it was read before
    with pytest.raises(Changed):
        place.read(file, 10, 20)


def test_nobody_asks_without_what_the_machine_knows(
    client: Any, server: str, key: Path, datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(key))
    signed = opened("s3://footage/in", Access(None, server))
    nobody = opened("s3://footage/in", Access(None, server, nobody=True))
    assert (signed.fs.anon, nobody.fs.anon) == (False, True)  # type: ignore[attr-defined]
    told = run(Catalogue(datastore), AddParams(endpoint=server, nobody=True, check=True))
    clips = {name: videos.clip(name).path.stat().st_size for name in ("cfr25", "b_frames")}
    assert [row["here"] for row in told["found"]] == ["", ""]
    assert (told["new_bytes"], told["fits"]) == (sum(clips.values()), True)
    monkeypatch.setattr("curation.places.pointer.WAIT_S", 0.01)
    told = run(Catalogue(datastore), AddParams(endpoint=server, nobody=True))
    assert (told["added"], len(told["failed"])) == ([], 2)  # they are not public
    for name in ("in/a.mp4", "in/sub/b.mp4"):
        client.put_object_acl(Bucket="footage", Key=name, ACL="public-read")
    told = run(Catalogue(datastore), AddParams(endpoint=server, nobody=True))
    assert (len(told["added"]), told["failed"]) == (2, {})
    told = run(Catalogue(datastore), AddParams(endpoint=server, nobody=True, check=True))
    assert [row["here"] for row in told["found"]] == ["a.mp4", "b.mp4"]
    assert told["new_bytes"] == 0
