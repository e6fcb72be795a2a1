"""Places for parts: a folder, Amazon's protocol, any other place of fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.engine.part_store import PartStore, open_store
from curation.errors import CurationError, StoreError


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="needs the development requirements")
    made = moto.ThreadedMotoServer("127.0.0.1", 0)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture(params=["folder", "s3", "memory"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PartStore:
    if request.param == "folder":
        return open_store(str(tmp_path / "parts"))
    if request.param == "memory":
        return open_store(f"memory://{tmp_path.name}/parts")
    server = request.getfixturevalue("server")
    for name, value in {
        "AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    import boto3

    boto3.client("s3").create_bucket(Bucket=f"bucket-{abs(hash(tmp_path.name))}")
    return open_store(f"s3://bucket-{abs(hash(tmp_path.name))}/a/b")


def test_what_is_put_is_there(store: PartStore, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert store.names() == set() and not store.exists("x/one.zip")
    big = scratch / "big"
    big.write_bytes(bytes(range(256)) * 40_000)
    store.put(big, "x/one.zip")
    store.put_bytes(b"", "x/known/a.b", scratch)
    store.put_bytes(b'{"a": 1}', "x/settings.json", scratch)
    assert store.names() == {"x/one.zip", "x/known/a.b", "x/settings.json"}
    assert store.exists("x/one.zip") and store.json("x/settings.json", scratch) == {"a": 1}
    with store.local("x/one.zip", scratch) as file:
        assert file.read_bytes() == big.read_bytes()
    with store.open("x/one.zip") as part:
        part.seek(-3, 2)
        assert part.read() == bytes([253, 254, 255])
    store.put_bytes(b"other", "x/one.zip", scratch)
    with store.local("x/one.zip", scratch) as file:
        assert file.read_bytes() == b"other"
    store.rename("x/one.zip", "x/one.zip.damaged")
    store.remove("x/known/a.b")
    store.remove("x/known/a.b")
    assert store.names() == {"x/one.zip.damaged", "x/settings.json"}
    with pytest.raises(StoreError, match="no such file"), store.local("x/one.zip", scratch):
        pass
    assert [path.name for path in scratch.iterdir()] == ["big"]


def test_another_machine_sees_it(store: PartStore, tmp_path: Path) -> None:
    store.put_bytes(b"1", "x/a.zip", tmp_path)
    assert open_store(store.place).names() == {"x/a.zip"}


def test_a_place_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="nonsense://x"):
        open_store("nonsense://x")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(str(file)).put_bytes(b"1", "a", tmp_path)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_errors_of_places_name_no_secret(store: PartStore, tmp_path: Path) -> None:
    other = open_store(f"s3://there-is-no-such-bucket-{tmp_path.name.replace('_', '-')[:20]}/x")
    with pytest.raises(CurationError) as told:
        other.put_bytes(b"1", "a.zip", tmp_path)
    assert "secret" not in str(told.value) and "Signature" not in str(told.value)
