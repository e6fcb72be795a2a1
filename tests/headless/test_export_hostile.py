"""Exports that somebody wants to lead elsewhere: links, names, locks of strangers."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.errors import InputError, ParamError
from curation.export import lock, manifest, replay
from curation.export.log import NAME as LOG
from curation.export.naming import FIELDS, filled, safe
from curation.export.place import Place, Task
from curation.export.plan import build
from curation.export.settings import ExportParams
from curation.store.people import PeopleTable
from curation.store.ratings import SCORER
from curation.studio import Studio
from tests.headless import exports

VALUES = dict.fromkeys(FIELDS, 10**9)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return exports.filled(tmp_path / "ds", 80)


@pytest.mark.parametrize("template", [
    "{n:>99999999}", "{n:{pts}}", "{n:.99999999f}", "x" * 30_000, "{n.__class__}", "{0}",
])  # fmt: skip
def test_a_template_cannot_fill_the_memory(template: str) -> None:
    with pytest.raises(ParamError):
        filled(template, VALUES, FIELDS)


def test_a_long_name_is_cut_at_once() -> None:
    assert safe("é" * 500_000) == "é" * 90
    assert safe("../../etc/passwd") == "_.._etc_passwd"


def test_a_part_that_was_left_is_never_written_into(studio: Studio, tmp_path: Path) -> None:
    """Killed between a hard link and its name, or laid there by a stranger."""
    item = build(studio.catalogue, ExportParams(name="{n}")).items[0]
    before, out = item.source.read_bytes(), tmp_path / "o"
    part = out / item.pool / f".{item.name}.part"
    part.parent.mkdir(parents=True)
    os.link(item.source, part)
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (out / ".SHA256SUMS.part").symlink_to(mine)
    exports.export(studio, "folders", out, name="{n}", long_px=32)
    assert item.source.read_bytes() == before and mine.read_text() == "mine"
    assert not list(out.rglob("*.part"))


def test_links_leave_no_part(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(b"a")
    for fp in ("1", "2"):
        with Place(tmp_path / "o") as place:
            place.put(Task("a.jpg", fp, source=str(source), link=True))
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [LOG, "a.jpg"]


def test_the_log_is_no_link_and_has_one_writer(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / LOG).symlink_to(mine)
    with pytest.raises(InputError):
        Place(tmp_path / "o")
    assert mine.read_text() == "mine"
    with Place(tmp_path / "p"), pytest.raises(InputError, match="another export writes"):
        Place(tmp_path / "p")
    with Place(tmp_path / "p"), (tmp_path / "p" / LOG).open() as held, pytest.raises(OSError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_log_that_names_no_text_counts_for_nothing(tmp_path: Path) -> None:
    row = {"file": "a.jpg", "fp": "1", "sha256": "0", "n_bytes": 1, "mtime_ns": 1}
    bad = [{"file": "\ud800.jpg"}, {"fp": "\ud800"}, {"n_bytes": 10**30}, {"n_bytes": 1e999}]
    lines = [*(json.dumps({**row, **one}) for one in bad), "[" * 200_000]
    (tmp_path / LOG).write_text("\n".join(lines) + "\n")
    with Place(tmp_path) as place:
        assert not place.known and place.tidy() == (0, [])


def test_no_way_round_leads_into_the_datastore(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(studio.root)
    for out in (studio.root / "exports" / ".." / "odd", tmp_path / "way" / "odd", tmp_path / "way"):
        with pytest.raises(InputError):
            exports.export(studio, "csv", out)
    assert not (studio.root / "odd").exists()


def test_a_scorer_elsewhere_does_not_leave(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    studio.catalogue.remember(SCORER, "../../secret")
    assert not list(lock.scorer_files(studio.catalogue))


HOSTILE: list[Callable[[dict[str, Any]], Any]] = [
    lambda t: t["recipe"].pop("sort"),
    lambda t: t["taste"].update(scorer="../../secret"),
    lambda t: t["taste"].update(files={"../x.json": "0"}),
    lambda t: t["taste"].update(files={"run.py": "0"}),
    lambda t: t.update(splits={"k:1": "../../x"}),
    lambda t: t["marks"].pop("faces"),
    lambda t: t["marks"]["said"].append(7),
    lambda t: t["marks"]["said"][0].update(revision=10**400),
    lambda t: t["marks"]["said"][0].update(value={"a": 1}),
    lambda t: t["marks"]["crops"].append({"key": 1}),
    lambda t: t.update(people=[_saying(1, "curse", {})]),
    lambda t: t.update(people=[_saying(1, "name", {"name": "a, b"})]),
    lambda t: t.update(people=[_saying(1, "name", {})]),
    lambda t: t.update(people=[_saying(1, "merge", {"into": None, "from": 5}),
                               _saying(5, "merge", {"into": None, "from": 1})]),
]  # fmt: skip


def _saying(number: int, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "kind": kind, "value": value, "shown": [], "apart": []}


def test_each_part_of_a_lock_is_checked(studio: Studio, tmp_path: Path) -> None:
    exports.export(studio, "csv", tmp_path / "o")
    path = tmp_path / "o" / lock.FILE
    told = lock.read(path)
    for change in HOSTILE:
        bad = json.loads(json.dumps(told))
        change(bad)
        path.write_text(json.dumps(bad))
        with pytest.raises(InputError, match="damaged"):
            lock.read(path)
    path.write_text("[" * 200_000)
    with pytest.raises(InputError):
        lock.read(path)
    (tmp_path / "v").mkdir()
    for name in ("", "a\0b", "..", "a/b"):
        bad = json.loads(json.dumps(told))
        bad["videos"][0]["name"] = name
        path.write_text(json.dumps(bad))
        with pytest.raises(InputError):
            list(Studio.replay(path, tmp_path / "v", tmp_path / "x"))


def test_a_lock_is_not_told_to_another_datastore(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a datastore already"):
        replay._own(studio.root, {"schema": "x"})
    assert not PeopleTable(studio.catalogue).all()


def test_people_of_a_lock_go_on_where_a_try_was_cut_off(studio: Studio) -> None:
    rows = [
        _saying(4, "name", {"person": 2, "name": "Anna"}),  # 2 was taken back
        _saying(5, "name", {"person": None, "name": "Ben"}),
        _saying(7, "consent", {"person": 2, "note": "yes"}),
    ]
    replay._people(studio.catalogue, rows[:2], {})
    replay._people(studio.catalogue, rows, {})
    replay._people(studio.catalogue, rows, {})
    from curation.learn.people import consents

    assert consents(studio.catalogue) == {"Anna": "yes", "Ben": ""}


def test_numbers_of_a_manifest_are_checked(studio: Studio, tmp_path: Path) -> None:
    exports.export(studio, "csv", tmp_path / "o")
    row = exports.manifest(tmp_path / "o")[0]
    for bad in ({"pts": 1e999}, {"pts": 10**30}, {"made": {**row["made"], "quality": 1e999}},
                {"still": {"jpeg_quality": 90, "reader": "pyav", "stream": "x"}}):  # fmt: skip
        (tmp_path / "m.jsonl").write_text(json.dumps({**row, **bad}) + "\n")
        with pytest.raises(InputError, match="line 1"):
            manifest.read(tmp_path / "m.jsonl")
