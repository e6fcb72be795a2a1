"""The catalogue: identity, resume, staleness, locks, and what it never removes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curation.errors import NoSpace, StoreError
from curation.export.folders import place
from curation.params import Params, tunable
from curation.records import Boxes, Measured, Result, VideoInfo
from curation.steps.base import Item, Step, fingerprint
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.packs import Packs
from curation.store.signals import SignalTable
from curation.store.sources import SourceTable
from curation.store.videos import FrameRow, VideoTable
from tests import videos

INFO = VideoInfo(
    path=Path("clip.mp4"),
    key="ab" * 16,
    size_bytes=9,
    container="mp4",
    codec="h264",
    width=64,
    height=48,
    display_wh=(64, 48),
    rotation_deg=0,
    sar=Fraction(1),
    fps=Fraction(30000, 1001),
    time_base=Fraction(1, 30000),
    start_pts=0,
    duration_s=2.0,
    n_frames=60,
    pixel_format="yuv420p",
    color_transfer="",
    color_primaries="",
    color_space="",
    color_range="",
    hdr="",
    interlaced=False,
    variable_rate=False,
    n_video_streams=1,
    has_audio=False,
)
NO_SCORES = (np.zeros(0, np.int64), np.zeros(0, np.float32))


def row(pts: int, file: str | None, thumb: bytes | None = None) -> FrameRow:
    reason = None if file else "black"
    return FrameRow(pts, pts / 30000, pts // 1001, file, 64, 48, reason, 1.0, 90.0, 20.0, thumb)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "store")


def add_video(catalogue: Catalogue, name: str = "clip.mp4", key: str = INFO.key) -> int:
    table = SourceTable(catalogue)
    folder = catalogue.root / "videos_folder_1"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"x")
    file = table.add_files(table.add_folder(folder, 1), [path])[0]
    video_id = table.settle_file(file, (1, 2), replace(INFO, path=path, key=key))
    assert video_id is not None
    return video_id


def add_frames(catalogue: Catalogue, video_id: int, rows: Sequence[FrameRow]) -> None:
    table = VideoTable(catalogue)
    table.begin_extraction(video_id, "fp", "{}")
    at = Packs(catalogue)
    at.cut(video_id)
    table.add_chunk(
        video_id, rows, *NO_SCORES, (b"", 2.0, 60, 0), at.append(video_id, [r.thumb for r in rows])
    )


class Size(Params):
    scale: float = tunable(1.0, "factor", ge=0, le=9)


class Probe(Step):
    name, version, detects = "probe", "1", True
    produces = {"size": float, "label": str, "blob": bytes}
    Params = Size

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        return [Measured() for _ in items]


def test_what_a_container_said_survives_the_catalogue(catalogue: Catalogue) -> None:
    video_id = add_video(catalogue)
    path = catalogue.root / "videos_folder_1" / "clip.mp4"
    assert VideoTable(catalogue).info(video_id) == replace(INFO, path=path)


def test_two_files_of_one_content_are_one_video(catalogue: Catalogue) -> None:
    assert add_video(catalogue, "a.mp4") == add_video(catalogue, "b.mp4")
    numbers = [(f.folder_no, f.video_no) for f in SourceTable(catalogue).files()]
    assert numbers == [(1, 1), (1, 2)]


def test_numbers_of_files_and_folders_stay(catalogue: Catalogue, tmp_path: Path) -> None:
    table = SourceTable(catalogue)
    outside = tmp_path / "outside"
    (catalogue.root / "videos_folder_1").mkdir()
    first = table.add_folder(outside)
    assert first == 2, "1 is taken by a folder of the datastore"
    assert table.add_folder(catalogue.root / "videos_folder_1", 1) == 1
    assert table.add_folder(outside) == first
    b = table.add_files(first, [outside / "b.mp4"])
    ab = table.add_files(first, [outside / "a.mp4", outside / "b.mp4"])
    assert [f.video_no for f in b] == [1]
    assert [f.video_no for f in ab] == [2, 1]


def test_a_killed_run_leaves_no_tail_in_the_thumbnail_pack(catalogue: Catalogue) -> None:
    video_id = add_video(catalogue)
    packs = Packs(catalogue)
    add_frames(
        catalogue, video_id, [row(0, "a.jpg", b"one"), row(1001, None), row(2002, "b.jpg", b"two")]
    )
    pack = VideoTable(catalogue).pack_path(video_id)
    with pack.open("ab") as file:
        file.write(b"tail of a chunk that was never committed")
    packs.cut(video_id)
    assert pack.read_bytes() == b"onetwo"
    ids = [frame.id for frame in VideoTable(catalogue).frames()]
    assert [packs.read(frame_id) for frame_id in ids] == [b"one", b"two"]


def test_another_sampling_keeps_frames_but_samples_only_its_own(catalogue: Catalogue) -> None:
    video_id = add_video(catalogue)
    add_frames(catalogue, video_id, [row(0, "a.jpg"), row(1001, "b.jpg")])
    first = {frame.pts: frame.id for frame in VideoTable(catalogue).frames()}
    add_frames(catalogue, video_id, [row(1001, "b.jpg"), row(3003, "c.jpg")])
    second = {frame.pts: frame.id for frame in VideoTable(catalogue).frames()}
    assert sorted(second) == [1001, 3003]
    assert second[1001] == first[1001], "a frame that is chosen again keeps its measures"


def test_pending_is_the_whole_resume_story(catalogue: Catalogue) -> None:
    video_id = add_video(catalogue)
    add_frames(catalogue, video_id, [row(0, "a.jpg"), row(1001, None), row(2002, "c.jpg")])
    table, step = SignalTable(catalogue), Probe()
    runs = {"probe": table.register(step, fingerprint(step, {}, {}))}
    ids = [frame_id for frame_id, _ in table.pending(runs)]
    assert len(ids) == 2, "frames without a file are not measured"
    boxes = Boxes(
        np.array([[1, 2, 3, 4]], np.float32),
        np.array([0.5], np.float32),
        ("x",),
        np.arange(8, dtype=np.float32).reshape(1, 4, 2),
        ({"second": None},),
    )
    good = Measured({"size": 1.5, "label": "hi", "blob": b"\0\1"}, boxes)
    table.put(
        [Result(ids[0], "probe", good), Result(ids[1], "probe", None, "broken")], runs, [step]
    )
    assert table.pending(runs) == []
    assert table.pending(runs, retry_failed=True) == [(ids[1], ("probe",))]
    changed = Probe(Size(scale=2.0))
    again = {"probe": table.register(changed, fingerprint(changed, {}, {}))}
    assert again != runs
    assert len(table.pending(again)) == 2, "a changed parameter asks again"
    spelled = Probe(Size(scale=1.0))
    assert table.register(spelled, fingerprint(spelled, {}, {})) == runs["probe"]
    back = table.measured(ids, [step])
    assert back[ids[1]] == {}
    answer = back[ids[0]]["probe"]
    assert answer.signals == good.signals
    assert answer.boxes is not None and answer.boxes.extra == boxes.extra
    np.testing.assert_array_equal(answer.boxes.keypoints, boxes.keypoints)
    columns = load(catalogue)
    assert columns["error"].tolist() == [None, None, "probe: broken"]
    np.testing.assert_array_equal(columns["size"], [1.5, np.nan, np.nan])


def test_only_one_verb_writes_at_a_time(catalogue: Catalogue) -> None:
    refused = pytest.raises(StoreError, match="in use by extract")
    with catalogue.writing("extract"), refused, Catalogue(catalogue.root).writing("rank"):
        pass
    with catalogue.writing("rank"):
        pass


def test_a_catalogue_of_the_future_or_of_garbage_is_refused(tmp_path: Path) -> None:
    Catalogue(tmp_path).db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match="version 999"):
        Catalogue(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "catalog.sqlite").write_bytes(b"this is no database, it is a letter" * 99)
    with pytest.raises(StoreError, match="not a usable catalogue"):
        Catalogue(broken)


def test_views_remove_only_what_they_placed(catalogue: Catalogue) -> None:
    video_id = add_video(catalogue)
    add_frames(catalogue, video_id, [row(0, "a.jpg"), row(1001, "b.jpg")])
    ids = [frame.id for frame in VideoTable(catalogue).frames()]
    for name in ("a.jpg", "b.jpg"):
        (catalogue.root / name).write_bytes(name.encode())
    wanted = {
        f"ranked/face/{n}.jpg": (i, catalogue.root / n)
        for i, n in zip(ids, ("a.jpg", "b.jpg"), strict=True)
    }
    place(catalogue, "ranked", wanted)
    mine = catalogue.root / "ranked" / "face" / "holiday.jpg"
    mine.write_bytes(b"put here by a person")
    place(catalogue, "ranked", {})
    assert [p.name for p in (catalogue.root / "ranked" / "face").iterdir()] == ["holiday.jpg"]
    assert (catalogue.root / "a.jpg").exists()


def test_the_catalogue_opens_as_plain_sqlite(catalogue: Catalogue) -> None:
    add_video(catalogue)
    names = {
        r[0]
        for r in sqlite3.connect(catalogue.root / "catalog.sqlite").execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
    }
    assert {"video", "frame", "decision", "box", "job"} <= names


def test_a_full_disk_is_named_and_leaves_no_transaction_open(datastore: Path) -> None:
    catalogue = Catalogue(datastore)
    pages = catalogue.db.execute("PRAGMA page_count").fetchone()[0]
    catalogue.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NoSpace, match="disk is full"):
        catalogue.remember("large", "x" * 5_000_000)
    assert not catalogue.db.in_transaction
    catalogue.db.execute("PRAGMA max_page_count = 100000")
    catalogue.remember("small", 1)
    assert catalogue.recall("small") == 1 and catalogue.recall("large") is None


def test_looking_at_files_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """What is known of the first files is recorded before the last one is looked at."""
    from curation.engine.looking import register

    folder = tmp_path / "videos_folder_1"
    folder.mkdir()
    names = ("cfr25", "cuts", "vfr", "b_frames", "ntsc")
    for name in names:
        shutil.copy2(videos.clip(name).path, folder / f"{name}.mp4")
    catalogue = Catalogue(tmp_path)
    table = SourceTable(catalogue)
    number = table.add_folder(folder, 1)
    listed = table.add_files(number, sorted(folder.iterdir()))

    beats = register(catalogue, listed, workers=1)
    while next(beats).done < 3:
        pass
    beats.close()  # type: ignore[attr-defined]
    known = [table.file(file.path).video_id for file in listed]
    assert known[:3] == [1, 2, 3] and None in known

    again = list(register(catalogue, [table.file(file.path) for file in listed], workers=1))
    assert again[-1].total == len(names) - sum(one is not None for one in known)
    assert [table.file(file.path).video_id for file in listed] == [1, 2, 3, 4, 5]
    catalogue.close()
