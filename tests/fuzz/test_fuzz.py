"""Any bytes, for some seconds each; `make fuzz` goes on for longer (MINUTES=...)."""

from __future__ import annotations

import base64
import importlib.util
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import targets

QUICK = settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
WIRE = settings(QUICK, max_examples=60)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from([10**400, -1, 2**63, 1e308, float("nan"), "../x", "\x00", "=1+1", "\ud800"])
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(max_size=10) | st.just("\ud800"), inner, max_size=5),
    max_leaves=20,
)
BOXES = st.lists(st.fixed_dictionaries({"box": st.lists(SCALARS, max_size=6) | JSON}), max_size=3)
SIDECARS = st.fixed_dictionaries({}, optional={
    "schema": SCALARS, "metrics": JSON, "classes": st.dictionaries(st.text(), BOXES) | JSON,
    "faces": st.lists(st.fixed_dictionaries({
        "box": st.lists(SCALARS, min_size=4, max_size=4), "points": JSON,
    })) | JSON,
    "phash": JSON, "blur": JSON, "upscale": SCALARS, "tags": JSON, "decisions": JSON,
})  # fmt: skip
IDS = st.lists(st.integers() | st.just(2**70), max_size=4)
MARKS = st.fixed_dictionaries({
    "client": st.text(max_size=90), "ops": st.lists(st.fixed_dictionaries(
        {"id": st.text(max_size=90), "kind": st.sampled_from(
            ["flag", "stars", "label", "tag", "untag", "note"]), "value": SCALARS},
        optional={"frames": IDS, "ranges": st.lists(IDS, max_size=3), "query": JSON,
                  "expect": SCALARS},
    ), max_size=4),
}, optional={"who": SCALARS, "id": st.text(max_size=90)})  # fmt: skip


def dumped(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return values.map(lambda value: json.dumps(value).encode())


def recipes() -> st.SearchStrategy[bytes]:
    from curation.recipes import known_keys

    keys = st.sampled_from(sorted(known_keys(), key=str))
    return dumped(st.dictionaries(keys, JSON, max_size=4))


@pytest.fixture(scope="module")
def studio() -> Iterator[targets.Studio]:
    made = targets.Studio()
    yield made
    made.client.__exit__(None, None, None)


@QUICK
@given(st.binary(max_size=300) | dumped(SIDECARS) | dumped(JSON))
def test_the_sidecar_reader(data: bytes) -> None:
    targets.sidecar(data)


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b'{"classes":{"a":[{"box":[NaN,1,2,3]}]}}',
     b"\xef\xbb\xbf{}", b'{"metrics":[]}', b'{"classes":{"a":[{"box":[1e999,1,2,3]}]}}',
     b'{"faces":[{"box":[1,2,30,40],"points":[[1],null,[1,2,3]]}],"upscale":"big"}'],
)  # fmt: skip
def test_sidecars_that_hurt(data: bytes) -> None:
    targets.sidecar(data)


@QUICK
@given(st.binary(max_size=300) | recipes() | st.text(max_size=100).map(str.encode))
def test_the_recipe_reader(data: bytes) -> None:
    targets.recipe(data)


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "data",
    [LAUGHS.encode(), b"[" * 5000, b"? {a: b}\n: c\n", b"!!python/object/apply:os.system ['x']",
     b"fps: .nan", b"fps: .inf", b"fps: 1e400", b"workers: " + b"9" * 5000, b"fps: 2001-99-99",
     b"- a\n- b", b"\x00", b"a: *b", b"fps: !!binary x", b"&a fps: *a", b"fps: 0x"],
)  # fmt: skip
def test_recipes_that_hurt(data: bytes) -> None:
    targets.recipe(data)


MANY = "- &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"    - &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [f"fps:\n    {MANY}", f"select:\n  workers:\n    {MANY}", "select: &a {from: *a}",
     "select: " + "[" * 5000, "a: 2001-99-99", "select: {workers: " + "9" * 5000 + "}",
     "select: {? {a: b} : c}"],
)  # fmt: skip
def test_settings_that_hurt_are_refused_in_a_line(text: str, tmp_path: Path) -> None:
    from curation import recipes
    from curation.errors import ParamError
    from curation.toolkit import config

    path = tmp_path / "settings.yaml"
    path.write_text(text)
    for load in (recipes.load, config.load):
        with pytest.raises(ParamError) as refused:
            load(path)
        assert len(str(refused.value)) < 1000


@QUICK
@given(st.binary(max_size=300) | dumped(st.fixed_dictionaries({
    "version": st.just(1), "task": st.just("task"), "last_still": SCALARS, "targets": SCALARS,
    "after_pts": SCALARS, "recent_pts": JSON,
})))  # fmt: skip
def test_the_reader_of_a_stored_state(data: bytes) -> None:
    targets.stored_info(data)


def state(**values: Any) -> bytes:
    told = {"version": 1, "task": "task", "last_still": None, "targets": None, "after_pts": None,
            "recent_pts": []}  # fmt: skip
    return json.dumps(told | values).encode()


@pytest.mark.parametrize(
    "data",
    [state(after_pts=float("nan")), state(after_pts=True), state(recent_pts=[1.5]),
     state(decoded="1"), state(window=10**30), state(recent_pts=None),
     state(last_still=base64.b64encode(zlib.compress(bytes(1 << 26))).decode()),
     state(targets=base64.b64encode(zlib.compress(bytes(1 << 20))[:-9]).decode())],
)  # fmt: skip
def test_a_stored_state_that_is_none_is_refused(data: bytes) -> None:
    from curation.errors import StoreError
    from curation.video.carry import Carry

    assert Carry.unpack(state(after_pts=7, recent_pts=[5, 7]), "task").after_pts == 7
    with pytest.raises(StoreError):
        Carry.unpack(data, "task")


@QUICK
@given(st.binary(max_size=80))
def test_datastore_json_can_be_read(data: bytes) -> None:
    targets.written_json(data)


@WIRE
@given(data=st.binary(max_size=300) | dumped(MARKS) | dumped(JSON))
def test_the_protocol_of_marks(studio: targets.Studio, data: bytes) -> None:
    studio.marks(data)


@WIRE
@given(data=st.binary(max_size=300) | dumped(st.fixed_dictionaries({
    "name": SCALARS, "size": SCALARS}, optional={"hint": JSON, "modified": SCALARS,
                                                 "folder": SCALARS, "key": SCALARS})))
def test_the_protocol_of_uploads(studio: targets.Studio, data: bytes) -> None:
    studio.upload(data)


@WIRE
@given(data=st.binary(max_size=60) | st.text(max_size=40).map(lambda s: f"api/uploads/{s}".encode())
       | st.sampled_from([b"thumb/" + b"9" * 40, b"frame/-1", b"results/..%2f..%2fetc%2fpasswd",
                          b"api/jobs/99999999999999999999999", b"api/explain/" + b"9" * 30,
                          b"api/review/marks?since=99999999999999999999999"]))
def test_any_path(studio: targets.Studio, data: bytes) -> None:
    studio.routes(data)


@QUICK
@given(st.binary(max_size=300) | st.text(max_size=60).map(
    lambda t: f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/"
              f"22-rdf-syntax-ns#'><rdf:Description {t}/></rdf:RDF></x:xmpmeta>".encode()))
def test_the_xmp_reader(data: bytes) -> None:
    if importlib.util.find_spec("curation.photos.xmp") is None:
        pytest.skip("no XMP reader in this tree")
    targets.xmp(data)
