"""Parts that somebody made by hand: each costs itself, and no good one is taken for a bad one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import run_gather

OTHERS = {"letter.mp4", "poison.mov"}
Change = Callable[[dict[str, Any]], object]
NONSENSE: dict[str, Change] = {
    "a number that no row holds": lambda m: m.update(size_bytes=10**30),
    "a failure that is no text": lambda m: m.update(failure=5),
    "a quarantine that is no pair": lambda m: m.update(quarantine=["one"]),
    "facts that are a number": lambda m: m.update(info="5"),
    "facts with a fraction of nothing": lambda m: m.update(
        info=json.dumps(json.loads(m["info"]) | {"fps": "1/0"})
    ),
    "facts with a list for a number": lambda m: m.update(
        info=json.dumps(json.loads(m["info"]) | {"width": [1]})
    ),
    "facts with a number that no row holds": lambda m: m.update(
        info=json.dumps(json.loads(m["info"]) | {"size_bytes": 10**30})
    ),
    "a place with a zero byte": lambda m: m.update(source="a\0b/bikes.mp4"),
    "a place that is no text": lambda m: m.update(source="\ud800/bikes.mp4"),
    "an endless place": lambda m: m.update(source="a/" * 100_000),
    "a name that no disk takes": lambda m: m.update(name="\u00e4" * 200),
}


def members(part: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(part) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def pack(part: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(part, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)


@pytest.mark.parametrize("what", NONSENSE)
@pytest.mark.parametrize("named", [True, False])
def test_nonsense_in_a_manifest_costs_its_part(
    what: str, named: bool, footage: Path, parts: Path, tmp_path: Path,
    part_of: Callable[[str], Path],
) -> None:
    part = part_of("bikes.mp4")
    files = members(part)
    manifest = json.loads(files["manifest.json"])
    NONSENSE[what](manifest)
    files["manifest.json"] = json.dumps(manifest).encode()
    pack(part, files)
    told = run_gather(parts, tmp_path / "datastore", *([footage] if named else []))
    assert told["parts"] == 5 and len(told["failed"]) == 3, told
    assert part.with_name(part.name + ".damaged").exists() and not part.exists()


@pytest.mark.parametrize("how", ["twice", "long", "locked", "deep"])
def test_a_zip_that_no_part_is_costs_itself(
    how: str, footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    part = part_of("bikes.mp4")
    files = members(part)
    if how == "deep":
        files["manifest.json"] = b"[" * 200_000
        pack(part, files)
    else:
        name = "stills/" + ("\u00e4" * 200 if how == "long" else "same.jpg")
        with zipfile.ZipFile(part, "a") as packed:
            packed.writestr(name, b"one")
            if how == "twice":
                with pytest.warns(UserWarning, match="Duplicate"):
                    packed.writestr(name, b"two")
        if how == "locked":
            data = part.read_bytes()
            at = data.rindex(b"PK\x01\x02")
            part.write_bytes(data[: at + 8] + b"\1" + data[at + 9 :])
    told = run_gather(parts, tmp_path / "datastore", footage)
    assert told["parts"] == 5 and told["failed"].keys() == {*OTHERS, "bikes.mp4"}
    assert part.with_name(part.name + ".damaged").exists()


@pytest.mark.parametrize("sql", [
    "CREATE TRIGGER t AFTER INSERT ON frame BEGIN DELETE FROM frame; END",
    "CREATE VIRTUAL TABLE v USING fts5(video_id)",
    "UPDATE frame SET file = '../../../evil.jpg'",
    "UPDATE frame SET video_id = 99, pts = 0",
    "UPDATE frame SET thumb_offset = 'text'",
    "UPDATE frame SET sharpness = zeroblob(200000)",
    "DROP TABLE shot; CREATE TABLE review (frame_id, video_id); INSERT INTO review VALUES (1, 1)",
])  # fmt: skip
def test_rows_made_by_hand_reach_nobody_else(
    sql: str, footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    part = part_of("bikes.mp4")
    files = members(part)
    rows = tmp_path / "rows"
    rows.write_bytes(files["rows.sqlite"])
    db = sqlite3.connect(rows)
    db.execute("PRAGMA writable_schema = ON")
    try:
        db.executescript(sql)
    except sqlite3.IntegrityError:
        db.executescript("DELETE FROM frame")
    db.close()
    files["rows.sqlite"] = rows.read_bytes()
    pack(part, files)
    far = tmp_path / "datastore"
    told = run_gather(parts, far, footage)
    assert {*OTHERS} <= told["failed"].keys() <= {*OTHERS, "bikes.mp4"}
    assert not list(tmp_path.rglob("evil*"))
    with sqlite3.connect(far / "catalog.sqlite") as db:
        assert db.execute("SELECT count(*) FROM review").fetchone() == (0,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        videos = {r[0] for r in db.execute("SELECT id FROM video")}
        assert {r[0] for r in db.execute("SELECT DISTINCT video_id FROM frame")} <= videos
        counts = db.execute("SELECT count(DISTINCT video_id) FROM frame").fetchone()[0]
    assert counts >= 3


def test_a_persons_folder_among_parts_is_left_alone(
    footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    part = part_of("bikes.mp4")
    (part.parent / "old").mkdir()
    shutil.copy(part, part.parent / "old" / part.name)
    told = run_gather(parts, tmp_path / "datastore", footage)
    assert told["parts"] == 6 and told["failed"].keys() == OTHERS


def test_what_is_wrong_here_is_not_the_parts_fault(
    footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    part = part_of("bikes.mp4")
    far = tmp_path / "datastore"
    assert run_gather(parts, far, footage)["parts"] == 6
    with sqlite3.connect(far / "catalog.sqlite") as db:
        db.execute("DELETE FROM setting WHERE key GLOB 'part.*'")
        (still,) = db.execute(
            "SELECT min(f.file) FROM frame f JOIN video v ON v.id = f.video_id"
            " WHERE v.name = 'bikes.mp4'"
        ).fetchone()
    stills = (far / still).parent
    stills.rename(tmp_path / "away")
    stills.symlink_to(tmp_path / "away")
    told = run_gather(parts, far, footage)
    assert told["parts"] == 5 and "is a link" in told["failed"]["bikes.mp4"]
    assert part.exists(), "a good part is not set aside"
    stills.unlink()
    told = run_gather(parts, far, footage)
    assert (told["parts"], told["failed"].keys()) == (1, OTHERS)
    assert stat.S_ISDIR(stills.lstat().st_mode) and list(stills.glob("*.jpg"))
