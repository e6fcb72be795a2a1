"""What is fuzzed: each target takes any bytes; where a contract is broken it raises.

A reader may refuse (CurationError) but never fall over; a route may refuse (4xx) but never fall
over (5xx). `tests/fuzz/test_fuzz.py` gives them bytes for some seconds, `make fuzz` for longer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from tests.leftovers import own_folder

Target = Callable[[bytes], None]


@cache
def scratch() -> Path:
    """Return a folder of this process that is not emptied between inputs."""
    return own_folder("curation-fuzz")


def sidecar(data: bytes) -> None:
    """Read a sidecar, carry it through every transform, write it: it can be read again."""
    from curation.toolkit import sidecar as sidecars

    path = scratch() / "photo.jpg.json"
    path.write_bytes(data)
    try:
        found = sidecars.load(path)
    except CurationError:
        return
    for transform in sidecars.TRANSFORMS:
        try:
            made = sidecars.carry(
                found, transform, scale_xy=(0.5, 2.0), offset_px=(-3.0, 1.0), size_wh=(40, 30),
                mirror_x=True, factor=2,
            )
        except CurationError:
            continue
        path.write_bytes(sidecars.text(made))
        again = sidecars.load(path)
        assert set(again) == set(made) | {"schema"}, transform
    merged = sidecars.merged(found, {"metrics": {"blur": 1.0}}, ["classes", "metrics.phash"])
    json.loads(sidecars.text(merged))


def recipe(data: bytes) -> None:
    """Read a recipe and build every verb's settings from it."""
    from curation import recipes

    path = scratch() / "recipe.yaml"
    path.write_bytes(data)
    try:
        values = recipes.load(path)
    except CurationError:
        return
    for model in recipes.VERB_PARAMS.values():
        try:
            made = recipes.build(model, values)
        except CurationError:
            continue
        path.write_text(recipes.dump(made))
        assert recipes.build(model, recipes.load(path)) == made


def stored_info(data: bytes) -> None:
    """Read what the catalogue stores of a video; refuse or return a record that can be stored."""
    from curation.video.carry import Carry

    try:
        state = Carry.unpack(data, "task")
    except CurationError:
        return
    assert Carry.unpack(state.pack(), "task").after_pts == state.after_pts


def written_json(data: bytes) -> None:
    """Write datastore.json with any texts and numbers in it: every JSON reader can read it."""
    from curation.export import tables

    word = data.decode("utf-8", "surrogateescape")
    number = (float(len(data)), math.nan, math.inf)[len(data) % 3]
    facts = {"title": word, "duration_s": number, word: [number, {word: number}]}
    path = scratch() / "datastore.json"
    tables.write_datastore_json(path, [{"name": word, "duration_s": number, "origin": facts}], [])
    found = json.loads(path.read_bytes().decode(), parse_constant=_refuse)
    assert found["videos"][0]["origin"]["title"] == word


def xmp(data: bytes) -> None:
    """Read and change an XMP sidecar: refused, or changed so that it says what it was told."""
    from curation.photos import xmp as sidecars

    packet = sidecars.read(data)
    assert packet is not None
    try:
        made = sidecars.with_rating(data, 3)
    except CurationError:
        return
    assert sidecars.read(made).rating == 3


class Studio:
    """A server over an empty datastore, for the protocols."""

    def __init__(self) -> None:
        """Start it."""
        from starlette.testclient import TestClient

        from curation.web.app import create_app
        from curation.web.site import Settings

        self.root = scratch() / "datastore"
        self.client = TestClient(
            create_app(Settings(self.root), False), base_url="http://127.0.0.1",
            raise_server_exceptions=False,
        )
        self.client.__enter__()

    def outside(self) -> set[str]:
        """Return what lies beside the datastore."""
        return {path.name for path in self.root.parent.iterdir()}

    def ask(self, method: str, path: str, **how: Any) -> Any:
        """Send a request; anything but an answer below 500 (507: no room) is a failure."""
        reply = self.client.request(method, path, **how)
        assert reply.status_code < 500 or reply.status_code in (503, 507), (
            method, path, how, reply.status_code, reply.text[:300],
        )
        return reply

    def marks(self, data: bytes) -> None:
        """Send any body to the routes of marks."""
        head = {"content-type": "application/json"}
        for route in ("ops", "undo", "redo", "thresholds"):
            self.ask("POST", f"/api/review/{route}", content=data, headers=head)
        name = data[:20].hex() or "x"
        self.ask("PUT", f"/api/review/views/{name}", content=data, headers=head)
        for route in ("views", "marks?since=0", "tags", "history?client=x"):
            assert self.ask("GET", f"/api/review/{route}").status_code == 200, route
        self.ask("DELETE", f"/api/review/views/{name}")

    def upload(self, data: bytes) -> None:
        """Begin, send, ask, go on and forget an upload as some bytes say."""
        before = self.outside()
        size, _, rest = data.partition(b"\0")
        name, _, body = rest.partition(b"\0")
        head = {"content-type": "application/json"}
        self.ask("POST", "/api/uploads", content=data, headers=head)
        begun = self.ask(
            "POST", "/api/uploads",
            json={"name": name.decode("utf-8", "replace"), "size": 1 + len(body) + len(size) % 3},
        )
        if begun.status_code != 201:
            return
        place = f"/api/uploads/{begun.json()['id']}"
        try:
            self.ask("PUT", place, content=body, headers={"Upload-Offset": size.hex()[:8]})
            self.ask("PUT", place, content=body, headers={"Upload-Offset": "-1"})
            self.ask("PUT", place, content=body, headers={"Upload-Offset": "9" * 30})
            self.ask("PUT", place, content=body, headers={"Upload-Offset": "0"})
            self.ask("GET", place)
            self.ask("POST", f"{place}/same", content=data, headers=head)
        finally:
            self.ask("DELETE", place)
        assert self.outside() == before
        shown = [p.name for p in self.root.rglob("*") if p.is_file() and ".upload" in p.name]
        assert not [n for n in shown if begun.json()["id"] in n], shown

    def routes(self, data: bytes) -> None:
        """Ask for any path."""
        path = "/" + data.decode("latin-1").lstrip("/")
        self.ask("GET", "".join(letter for letter in path if letter.isprintable()))


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")
