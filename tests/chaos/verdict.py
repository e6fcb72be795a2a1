"""What must be true at the end of a chaos run: every good frame once, every answer kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from curation.video.probe import content_key
from tests.chaos.boss import WORDS
from tests.chaos.diary import Diary
from tests.chaos.footage import Good
from tests.chaos.house import ROOT
from tests.chaos.marker import DEFAULTS, Marker

FrameTruth = tuple[int, str | None, str | None, str | None]
"""pts, reason, digest of the picture, digest of the thumbnail."""


def opened(datastore: Path) -> sqlite3.Connection:
    """Return a catalogue, to be looked at."""
    db = sqlite3.connect(f"file:{datastore}/catalog.sqlite?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


def frames_of(datastore: Path) -> dict[str, list[FrameTruth]]:
    """Return video key -> its sampled frames, byte for byte, in order."""
    db = opened(datastore)
    found: dict[str, list[FrameTruth]] = {row["key"]: [] for row in db.execute(
        "SELECT key FROM video")}  # fmt: skip
    rows = db.execute(
        "SELECT v.key, f.* FROM frame f JOIN video v ON v.id = f.video_id WHERE f.sampled = 1"
        " ORDER BY v.key, f.pts"
    )
    for row in rows:
        thumb = None
        if row["thumb_offset"] is not None:
            with (datastore / "thumbs" / f"{row['key']}.pack").open("rb") as pack:
                pack.seek(row["thumb_offset"])
                thumb = _digest(pack.read(row["thumb_bytes"]))
        picture = None if row["file"] is None else _of_file(datastore / row["file"])
        found[row["key"]].append((row["pts"], row["reason"], picture, thumb))
    db.close()
    return found


def _of_file(path: Path) -> str:
    return _digest(path.read_bytes()) if path.is_file() else f"missing: {path.name}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def calm_truth(goods: Sequence[Good], datastore: Path) -> dict[str, list[FrameTruth]]:
    """Return what the good clips give where nothing goes wrong."""
    words = [sys.executable, "-m", "curation", "extract", *(str(good.path) for good in goods),
             *WORDS["extract"], "--datastore", str(datastore)]  # fmt: skip
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the calm run failed: {done.stderr[-2000:]}")
    return frames_of(datastore)


def judge_frames(
    truth: dict[str, list[FrameTruth]], goods: Sequence[Good], datastore: Path, diary: Diary
) -> None:
    """Check that each good clip is one video with just its frames."""
    found = frames_of(datastore)
    names = {content_key(good.path): good.path.name for good in goods}
    for key, name in names.items():
        if key not in found:
            diary.fail(f"{name} is not in the catalogue")
        elif found[key] != truth[key]:
            there, wanted = Counter(found[key]), Counter(truth[key])
            diary.fail(
                f"{name}: {(wanted - there).total()} of {wanted.total()} frames missing or other,"
                f" {(there - wanted).total()} that should not be: {list(there - wanted)[:2]}"
            )
    total = sum(len(truth[key]) for key in names)
    diary.count("good clips", len(names))
    diary.count("good frames wanted", total)
    diary.count("good frames found", sum(
        (Counter(found.get(key, ())) & Counter(truth[key])).total() for key in names))  # fmt: skip
    db = opened(datastore)
    rows = db.execute(
        "SELECT v.key, v.name, count(f.id) AS n, e.failure FROM video v"
        " LEFT JOIN frame f ON f.video_id = v.id AND f.sampled = 1"
        " LEFT JOIN extraction e ON e.video_id = v.id GROUP BY v.id"
    ).fetchall()
    for row in rows:
        if row["key"] not in names:
            diary.count("videos made of bad files")
            if row["n"] and not row["name"].startswith("bad "):
                diary.fail(f"{row['name']} is there a second time, as another content:"
                           f" {row['n']} frames")  # fmt: skip
    db.close()


def judge_files(datastore: Path, diary: Diary) -> None:
    """Check that nothing half-done lies about."""
    left = [
        path.relative_to(datastore).as_posix()
        for pattern in ("videos_folder_*/.upload-*", "videos_folder_*/output_images_*/*.part",
                        "**/.*.tmp", "sorted/**/*.part", "ranked/**/*.part")
        for path in datastore.glob(pattern)
    ]  # fmt: skip
    # An upload that was given up by its sender (bad files at the end) is swept after days.
    loose = [name for name in left if "/.upload-" not in name]
    diary.count("uploads left open", len([n for n in left if n.endswith(".part")]) - len(loose))
    if loose:
        diary.fail(f"left behind: {loose[:5]}")


def judge_marks(markers: Iterable[Marker], datastore: Path, diary: Diary) -> None:
    """Check that every op that was answered is kept, and each browser's own frames say its last."""
    db = opened(datastore)
    kept = {row["id"]: row["revision"] for row in db.execute("SELECT id, revision FROM review_op")}
    review = {row["frame_id"]: dict(row) for row in db.execute("SELECT * FROM review")}
    for marker in markers:
        for op, revision in marker.answered.items():
            if kept.get(op) != revision:
                diary.fail(f"{marker.client}: op {op} was answered with revision {revision}, the "
                           f"catalogue has {kept.get(op)}")  # fmt: skip
        wrong = [
            (frame, name, value, review.get(frame, DEFAULTS)[name])
            for (frame, name), value in marker.values.items()
            if review.get(frame, DEFAULTS)[name] != value  # saying a default makes no row
        ]
        if wrong:
            diary.fail(f"{marker.client}: {len(wrong)} marks are not what was said: {wrong[:3]}")
        diary.count("marks compared", len(marker.values))
    db.close()


def judge_jobs(datastore: Path, diary: Diary) -> None:
    """Check that no job hangs between states."""
    db = opened(datastore)
    for row in db.execute("SELECT state, count(*) AS n FROM job GROUP BY state"):
        diary.count(f"jobs {row['state']}", row["n"])
        if row["state"] in ("queued", "running"):
            diary.fail(f"{row['n']} jobs are {row['state']} for ever")
    db.close()


def judge_doctor(datastore: Path, diary: Diary) -> None:
    """Check that the catalogue passes the doctor's own look at it."""
    words = [sys.executable, "-m", "curation", "doctor", "--datastore", str(datastore), "--quick",
             "--json"]  # fmt: skip
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    except (ValueError, KeyError):
        diary.fail(f"the doctor did not answer: {done.stderr[-500:]}")
        return
    wanted = [f for f in findings if f["name"] in ("datastore", "catalogue", "integrity")]
    if not any(f["name"] == "integrity" for f in wanted):
        diary.fail("the doctor did not look at the catalogue's integrity")
    for finding in wanted:
        diary.note(f"doctor: {finding['name']} {finding['state']}: {finding['said']}")
        if finding["state"] == "bad":
            diary.fail(f"doctor: {finding['name']}: {finding['said']}")


def tracebacks(log: Path) -> Counter[str]:
    """Return the last line of each traceback in a log, counted."""
    found: Counter[str] = Counter()
    inside = False
    for line in log.read_text(errors="replace").splitlines() if log.is_file() else ():
        if line.startswith("Traceback "):
            inside = True
        elif inside and line and not line.startswith((" ", "\t", "|", "+")):
            found[line[:160]] += 1
            inside = False
    return found
