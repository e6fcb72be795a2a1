"""Running the numbered scripts as a user does, and comparing what they leave behind."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VOLATILE = {"job", "setting"}


def command(script: str, datastore: Path, *words: str | Path) -> list[str]:
    """Return a script's command line."""
    return [sys.executable, str(ROOT / script), *map(str, words), "--datastore", str(datastore)]


def run(
    script: str, datastore: Path, *words: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return subprocess.run(
        command(script, datastore, *words),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
    )


def run_json(script: str, datastore: Path, *words: str | Path) -> dict[str, Any]:
    """Run a script that must succeed and return its JSON summary."""
    done = run(script, datastore, *words, "--json")
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def catalogue_rows(datastore: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of a catalogue, row numbers replaced by what they stand for."""
    db = sqlite3.connect(datastore / "catalog.sqlite")
    keys = {
        "video_id": dict(db.execute("SELECT id, key FROM video")),
        "frame_id": dict(
            db.execute(
                "SELECT f.id, v.key || ':' || f.pts FROM frame f JOIN video v ON v.id = f.video_id"
            )
        ),
        "run": dict(db.execute("SELECT id, step || fp FROM step_run"))
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'step_run'").fetchone()
        else {},
    }
    for name in ("keeper", "rival", "a", "b"):
        keys[name] = keys["frame_id"]
    names = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name in sorted(set(names) - VOLATILE):
        cursor = db.execute(f"SELECT * FROM {name}")
        columns = [d[0] for d in cursor.description]
        rows = []
        for row in cursor:
            values = dict(zip(columns, row, strict=True))
            if name in ("video", "frame", "step_run"):
                values.pop("id")
            if name in ("source_file", "still_sum"):
                values.pop("mtime_ns")
            if name == "quarantine":
                values.pop("made_s")
            for key, meaning in keys.items():
                if values.get(key) is not None and name != "video":
                    values[key] = meaning.get(values[key], values[key])
            if name == "pair":  # a is who has the smaller row number, which means nothing
                values["a"], values["b"] = sorted((values["a"], values["b"]))
            rows.append(tuple(values.values()))
        found[name] = sorted(rows, key=repr)
    db.close()
    return found


def file_digests(datastore: Path) -> dict[str, str]:
    """Return relative path -> digest of every file that a run wrote."""
    return {
        path.relative_to(datastore).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(datastore.rglob("*"))
        if path.is_file()
        and not path.name.startswith(("catalog.sqlite", ".lock"))
        and "logs" not in path.parts
    }


def assert_same(a: Path, b: Path, words: Sequence[str] = ()) -> None:
    """Fail where two datastores differ in a row or a file."""
    rows_a, rows_b = catalogue_rows(a), catalogue_rows(b)
    assert rows_a.keys() == rows_b.keys()
    for name in rows_a:
        assert rows_a[name] == rows_b[name], f"table {name} differs {words}"
    files_a, files_b = file_digests(a), file_digests(b)
    assert files_a.keys() == files_b.keys(), files_a.keys() ^ files_b.keys()
    assert [n for n in files_a if files_a[n] != files_b[n]] == []
