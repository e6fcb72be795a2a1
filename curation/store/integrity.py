"""Whether a catalogue and its files agree with each other, after kills, full disks and old age.

A killed run may leave less than was wanted, never something wrong: what is not finished says so,
and typing the same command again goes on with it. So each problem found here is one that no run of
this program should leave, and each remark is something that the next run mends by itself.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.store import still_sums
from curation.store.catalogue import Catalogue
from curation.store.mark_values import DONE, Origins, covered
from curation.store.marks import CLOCK
from curation.store.proxies import WHOLE, ProxyPacks
from curation.store.videos import VideoTable

MOST_NAMED = 3
JPEG_BEGIN, JPEG_END = b"\xff\xd8", b"\xff\xd9"
STILLS = {".jpg", ".jpeg", ".png", ".webp", ".avif"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that two parts of a datastore say differently.

    Attributes:
        is_bad: False for what the next run of the same verbs mends.
        what: in words, with an example.
        count: of how many rows or files it is true.
        mend: what mends it, "" where the next run of the same verbs does.
    """

    is_bad: bool
    what: str
    count: int = 1
    mend: str = ""


def check(catalogue: Catalogue, every_byte: bool = False) -> Iterator[Problem]:
    """Yield what is wrong, cheap looks first; nothing is changed.

    It reads the catalogue and the first and last bytes of each picture.

    Args:
        every_byte: read all stills whole, too, and compare them with what was written.
    """
    looks: tuple[Callable[[Catalogue], Iterator[Problem]], ...] = (
        _file, _rows, _videos, _frames, _stray_files, _decisions, _views, _marks,
    )  # fmt: skip
    for look in (*looks, _bytes) if every_byte else looks:
        try:
            yield from look(catalogue)
        except sqlite3.DatabaseError as error:
            yield Problem(True, f"{look.__name__.strip('_')} cannot be read: {error}")


def _some(rows: list[Any], is_bad: bool, words: str, mend: str = "") -> Iterator[Problem]:
    """Yield one problem for all rows, with examples."""
    if rows:
        named = ", ".join(str(row) for row in rows[:MOST_NAMED])
        more = ", ..." if len(rows) > MOST_NAMED else ""
        yield Problem(is_bad, f"{words}: {named}{more}", len(rows), mend)


def _column(catalogue: Catalogue, sql: str, *values: Any) -> list[Any]:
    return [row[0] for row in catalogue.db.execute(sql, values)]


def _file(catalogue: Catalogue) -> Iterator[Problem]:
    told = _column(catalogue, "PRAGMA integrity_check(20)")
    yield from _some([t for t in told if t != "ok"], True, "the catalogue's file is damaged")


def _rows(catalogue: Catalogue) -> Iterator[Problem]:
    rows = [f"{r[0]} row {r[1]} -> {r[2]}" for r in catalogue.db.execute(
        "PRAGMA foreign_key_check")]  # fmt: skip
    yield from _some(rows, True, "rows that point nowhere")


def _videos(catalogue: Catalogue) -> Iterator[Problem]:
    lost = _column(
        catalogue,
        "SELECT v.name FROM video v WHERE NOT EXISTS"
        " (SELECT 1 FROM source_file s WHERE s.video_id = v.id)"
        " AND EXISTS (SELECT 1 FROM frame f WHERE f.video_id = v.id AND f.sampled = 1)",
    )
    yield from _some(lost, False, "videos whose file holds something else now")
    gone = [
        row["name"]
        for row in catalogue.db.execute("SELECT name, path FROM video")
        if not catalogue.absolute(row["path"]).is_file()
    ]
    yield from _some(gone, False, "videos whose file is gone")
    open_ended = _column(
        catalogue,
        "SELECT v.name FROM extraction e JOIN video v ON v.id = e.video_id WHERE e.done = 0",
    )
    yield from _some(open_ended, False, "videos whose extraction is not finished")
    scores = _column(
        catalogue,
        "SELECT v.name FROM extraction e JOIN video v ON v.id = e.video_id WHERE e.chunks !="
        " (SELECT count(*) FROM shot_score s WHERE s.video_id = e.video_id)",
    )
    yield from _some(scores, True, "videos with more or fewer chunks than they count")


def _frames(catalogue: Catalogue) -> Iterator[Problem]:
    twice = _column(
        catalogue, "SELECT file FROM frame WHERE file IS NOT NULL GROUP BY file HAVING count(*) > 1"
    )
    yield from _some(twice, True, "pictures that are two frames at once")
    missing: list[str] = []
    broken: list[str] = []
    thumbs: list[int] = []
    small: list[int] = []
    table, packs = VideoTable(catalogue), ProxyPacks(catalogue)
    for video_id in _column(catalogue, "SELECT id FROM video"):
        pack = _bytes_of(table.pack_path(video_id))
        small_pack = _bytes_of(packs.path(video_id))
        proxies = packs.rows(video_id)
        rows = catalogue.db.execute(
            "SELECT id, file, thumb_offset, thumb_bytes FROM frame WHERE video_id = ?", (video_id,)
        )
        for row in rows:
            ranges = proxies.get(row["id"], [])
            if row["file"] is not None:
                state = state_of(catalogue.absolute(row["file"]))
                if state == "gone" and WHOLE not in [part for part, _, _ in ranges]:
                    missing.append(row["file"])
                elif state not in ("gone", ""):
                    broken.append(row["file"])
            if row["thumb_offset"] is not None:
                at = row["thumb_offset"]
                if not _is_jpeg(pack[at : at + row["thumb_bytes"]]):
                    thumbs.append(row["id"])
            if not all(_is_jpeg(small_pack[at : at + size]) for _, at, size in ranges):
                small.append(row["id"])
    again = catalogue.command("python -m curation remake --all")
    yield from _some(missing, True, "frames without their picture", again)
    yield from _some(broken, True, "pictures that are cut off", again)
    yield from _some(thumbs, True, "frames without their thumbnail")
    yield from _some(small, True, "frames without their small picture")


def _bytes(catalogue: Catalogue) -> Iterator[Problem]:
    """Look for stills that changed without being written: a disk, or a memory, that errs."""
    changed = []
    for stored, told in still_sums.every(catalogue):
        path = catalogue.absolute(stored)
        try:
            if told.is_of(path.stat()) and still_sums.of_file(path).sha256 != told.sha256:
                changed.append(stored)
        except OSError:
            continue  # what is not there at all is told above
    again = catalogue.command("python -m curation remake --all")
    words = "pictures that changed on the disk though nobody wrote to them"
    yield from _some(changed, True, words, f"remove them, then {again}")


def _bytes_of(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _is_jpeg(data: bytes) -> bool:
    return data[:2] == JPEG_BEGIN and data[-2:] == JPEG_END


def state_of(path: Path | str) -> str:
    """Return "" for a picture that begins and ends as it should, else what is wrong with it."""
    try:
        # A pipe that somebody laid there must not be waited for: reading a place of it fails.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            size = os.fstat(file).st_size
            head, tail = os.pread(file, 2, 0), os.pread(file, 2, max(0, size - 2))
        finally:
            os.close(file)
    except OSError:
        return "gone"
    if not size:
        return "empty"
    if os.fspath(path).endswith((".jpg", ".jpeg")):
        return "" if (head, tail) == (JPEG_BEGIN, JPEG_END) else "cut"
    return ""


def _stray_files(catalogue: Catalogue) -> Iterator[Problem]:
    """Look for pictures that no frame owns: a video that was closed has none."""
    table = VideoTable(catalogue)
    strays = []
    rows = catalogue.db.execute(
        "SELECT e.video_id FROM extraction e JOIN video v ON v.id = e.video_id WHERE e.done = 1"
    ).fetchall()
    for row in rows:
        folder = table.output_dir(row["video_id"])
        owned = table.files(row["video_id"])
        found = folder.iterdir() if folder.is_dir() else ()
        strays += [
            name
            for path in found
            if path.suffix in STILLS and (name := catalogue.relative(path)) not in owned
        ]
    yield from _some(strays, True, "pictures in a video's folder that are no frame of it")


def _decisions(catalogue: Catalogue) -> Iterator[Problem]:
    rows = _column(
        catalogue,
        "SELECT d.frame_id FROM decision d LEFT JOIN frame f ON f.id = d.frame_id"
        " WHERE f.id IS NULL OR d.keeper IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM decision k WHERE k.frame_id = d.keeper)",
    )
    yield from _some(rows, True, "decisions about no frame, or that name a keeper that is none")
    ranks = _column(
        catalogue,
        "SELECT pool || ' ' || rank FROM decision WHERE verdict = 'picked' AND rank IS NOT NULL"
        " GROUP BY pool, rank HAVING count(*) > 1",
    )
    yield from _some(ranks, True, "ranks that two frames have")


def _views(catalogue: Catalogue) -> Iterator[Problem]:
    gone = [
        path
        for path in _column(catalogue, "SELECT path FROM output_file")
        if not catalogue.absolute(path).exists()
    ]
    yield from _some(gone, False, "files of sorted/ and ranked/ that are gone (run sort and rank)")
    open_now = _column(catalogue, "SELECT verb FROM journal WHERE state NOT IN ('done', 'undone')")
    yield from _some(open_now, False, "marks that are half applied (run apply again)")


def _marks(catalogue: Catalogue) -> Iterator[Problem]:
    """Check that each value is that of an op which is done and was about this frame."""
    origins, wrong = Origins(catalogue), []
    ops = {row["revision"]: row for row in catalogue.db.execute(
        "SELECT revision, kind, value, state FROM review_op")}  # fmt: skip
    about = {op: set(covered(catalogue, op)[0].tolist()) for op in ops}
    names = ("flag", "stars", "label", "note")
    for row in catalogue.db.execute("SELECT * FROM review"):
        for name in names:
            op, value, frame = row[f"{name}_op"], row[name], row["frame_id"]
            known = ops.get(op)
            fits = (
                value == (origins.value(0, name))
                if op == 0
                else known is not None
                and known["kind"] == name
                and known["state"] == DONE
                and json.loads(known["value"]) == value
                and frame in about[op]
            )
            if not fits:
                wrong.append(f"{name} of frame {frame}")
    yield from _some(wrong, True, "marks that no op has made")
    clock = int(catalogue.recall(CLOCK, 0))
    late = [op for op in ops if op > clock]
    yield from _some(late, True, f"ops later than the clock of all marks ({clock})")
