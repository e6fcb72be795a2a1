"""Columns from files are those of the catalogue: never old, and damage costs a reading."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide.columns import Columns
from curation.store import column_cache
from curation.store.catalogue import Catalogue
from curation.store.clock import clocks, measured_at
from curation.store.column_cache import FOLDER, ColumnFile, Damaged, write
from curation.store.columns import load
from curation.store.signals import SignalTable
from tests.unit.test_catalogue import add_frames, add_video, row

SHAPES = {"size": "REAL", "label": "TEXT", "look": "BLOB", "notes": "BLOB", "phash": "INTEGER"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_cache, "LEAST_ROWS", 1)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    made = Catalogue(tmp_path)
    video = add_video(made)
    add_frames(made, video, [row(1001 * i, f"{i}.jpg") for i in range(20)])
    run = SignalTable(made).register_run("probe", "fp", ("1", "{}"), SHAPES)
    with made.transaction() as db:
        ids = [r["id"] for r in db.execute("SELECT id FROM frame ORDER BY pts")]
        for i, frame_id in enumerate(ids[:15]):
            db.execute(
                "INSERT INTO signal_probe VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (frame_id, run, "broken" if i == 3 else None, None if i % 5 == 0 else i / 7,
                 (None, "a", "b")[i % 3], None if i == 2 else np.full(4, i, "<f2").tobytes(),
                 bytes(i), None if i == 6 else (-1) ** i * 2**40 * i),
            )
    yield made
    made.close()


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    assert set(one) == set(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], name)


def plain(catalogue: Catalogue) -> dict[str, Any]:
    """Return the columns without any files, and leave none."""
    for path in (catalogue.root / FOLDER).glob("*"):
        path.unlink()
    found = dict(load(catalogue))
    for path in (catalogue.root / FOLDER).glob("*"):
        path.unlink()
    return found


def test_columns_of_files_are_those_of_the_catalogue(catalogue: Catalogue) -> None:
    wanted = plain(catalogue)
    same(load(catalogue), wanted)
    assert {path.name for path in (catalogue.root / FOLDER).iterdir()} == {
        "frames.bin", "probe.bin"
    }
    again = load(catalogue)
    same(again, wanted)
    assert again["error"][3] == "probe: broken"
    kept, fresh = Columns(load(catalogue)), Columns(wanted)
    for name in ("look", "notes"):
        for one, other in zip(kept.vectors(name), fresh.vectors(name), strict=True):
            np.testing.assert_array_equal(one, other)


CHANGES = (
    "UPDATE signal_probe SET size = 9 WHERE frame_id = 2",
    "UPDATE signal_probe SET error = 'worse' WHERE error IS NOT NULL",
    "DELETE FROM signal_probe",
    "INSERT OR REPLACE INTO signal_probe SELECT frame_id, run, error, 5, label, look, notes, phash"
    " FROM signal_probe WHERE frame_id = 4",
    "UPDATE frame SET reason = 'frozen' WHERE id = 7",
    "UPDATE frame SET sampled = 0 WHERE id = 8",
    "INSERT INTO shot VALUES (1, 0, 0, 1, 0, 1)",
    "DELETE FROM signal_probe WHERE frame_id = 20; DELETE FROM frame WHERE id = 20",
    "UPDATE video SET folder_no = 9",
)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_written_is_seen(catalogue: Catalogue, change: str) -> None:
    load(catalogue)
    before = measured_at(catalogue)
    assert before is not None and before == measured_at(catalogue)
    with catalogue.transaction() as db:
        for statement in change.split(";"):
            db.execute(statement)
    assert measured_at(catalogue) != before
    found = dict(load(catalogue))
    same(found, plain(catalogue))


def test_frames_made_again_with_the_same_ids_are_other_frames(catalogue: Catalogue) -> None:
    load(catalogue)
    with catalogue.transaction() as db:
        rows = [tuple(r) for r in db.execute("SELECT * FROM frame")]
        signals = [tuple(r) for r in db.execute("SELECT * FROM signal_probe")]
        db.execute("DELETE FROM signal_probe")
        db.execute("DELETE FROM frame")
        marks = ", ?" * (len(rows[0]) - 4)
        db.executemany(f"INSERT INTO frame VALUES (?, ?, ?, ? + 1{marks})", rows)
        db.executemany("INSERT INTO signal_probe VALUES (?, ?, ?, ?, ?, ?, ?, ?)", signals)
    assert (np.diff(load(catalogue)["time_s"]) > 0).all()
    same(dict(load(catalogue)), plain(catalogue))


def test_a_table_that_is_dropped_and_made_again_starts_another_clock(catalogue: Catalogue) -> None:
    load(catalogue)
    before = clocks(catalogue)
    SignalTable(catalogue).register_run("probe", "fp2", ("2", "{}"), {"size": "REAL"})
    after = clocks(catalogue)
    assert before is not None and after is not None
    assert before["signal_probe"] != after["signal_probe"] and before["frame"] == after["frame"]
    assert np.isnan(load(catalogue)["size"]).all()


def test_marks_and_jobs_leave_the_files_alone(catalogue: Catalogue) -> None:
    load(catalogue)
    files = {p: p.stat().st_mtime_ns for p in (catalogue.root / FOLDER).iterdir()}
    catalogue.remember("anything", 3)
    with catalogue.transaction() as db:
        db.execute("INSERT INTO face_mark VALUES (1, 1, 0)")
    load(catalogue)
    assert files == {p: p.stat().st_mtime_ns for p in (catalogue.root / FOLDER).iterdir()}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["flip", "cut", "zero", "empty"]))
def test_damage_costs_a_reading(tmp_path_factory: Any, seed: int, kind: str) -> None:
    rng = random.Random(seed)
    made = Catalogue(tmp_path_factory.mktemp("damaged"))
    column_cache.LEAST_ROWS, before = 1, column_cache.LEAST_ROWS
    try:
        video = add_video(made)
        add_frames(made, video, [row(1001 * i, f"{i}.jpg") for i in range(40)])
        wanted = plain(made)
        load(made)
        path = made.root / FOLDER / "frames.bin"
        raw = bytearray(path.read_bytes())
        at = rng.randrange(len(raw))
        if kind == "flip":
            raw[at] ^= 1 << rng.randrange(8)
        elif kind == "zero":
            raw[at : at + 300] = bytes(len(raw[at : at + 300]))
        path.write_bytes(raw[:at] if kind == "cut" else b"" if kind == "empty" else raw)
        same(dict(load(made)), wanted)
    finally:
        column_cache.LEAST_ROWS = before
        made.close()


def test_a_file_of_another_state_is_not_opened(tmp_path: Path) -> None:
    columns = {"a": np.arange(5.0), "b": np.array(["x", None, "y", "x", None], object)}
    write(tmp_path / "a.bin", "now", columns)
    file = ColumnFile(tmp_path / "a.bin", "now")
    same({name: file.column(name) for name in file.names}, columns)
    with pytest.raises(KeyError):
        ColumnFile(tmp_path / "a.bin", "then")
    (tmp_path / "a.bin").write_bytes(b"FCSCOL")
    with pytest.raises(Damaged):
        ColumnFile(tmp_path / "a.bin", "now")


def test_a_catalogue_in_a_transaction_is_read_as_it_is(catalogue: Catalogue) -> None:
    with catalogue.transaction() as db:
        db.execute("UPDATE frame SET width = 7")
        assert (load(catalogue)["width"] == 7).all()
        db.execute("ROLLBACK")
        db.execute("BEGIN")
    assert (load(catalogue)["width"] != 7).all()


def test_two_threads_that_write_one_file_write_two(tmp_path: Path) -> None:
    path = tmp_path / "frames.bin"
    made = {key: {"a": np.random.default_rng(key).random(200_000)} for key in (1, 2)}
    wrong: list[object] = []

    def writer(key: int) -> None:
        for _ in range(40):
            write(path, str(key), made[key])

    threads = [threading.Thread(target=writer, args=(key,)) for key in made]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for key, columns in made.items():
            try:
                found = ColumnFile(path, str(key)).column("a")
            except (KeyError, FileNotFoundError):
                continue
            except Damaged as error:
                wrong.append(error)
                continue
            if not np.array_equal(found, columns["a"]):
                wrong.append(key)
    for thread in threads:
        thread.join()
    assert wrong == [] and path.exists()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_a_killed_writer_left_is_removed_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "frames.bin"
    old, new = (path.with_name(f"{path.name}.{n}.part") for n in (1, 2))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (1, 1))
    write(path, "a", {"x": np.zeros(3)})
    assert path.exists() and new.exists() and not old.exists()
