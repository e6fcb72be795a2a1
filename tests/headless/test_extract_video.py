"""Extraction of one video: right pictures under right names, the same after every resume."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from curation.errors import StoreError, VideoUnreadable
from curation.params import ExtractParams
from curation.video import extract
from curation.video.extract import Chunk, ExtractedFrame, ExtractTask, extract_video, finish_shots
from curation.video.probe import probe
from tests import videos

MODES = ("sharpest", "every", "fps", "keyframes", "shots")
TRUE_PTS = ("cfr25", "ntsc", "vfr", "b_frames", "open_gop", "mkv_5s", "rotated90", "rotated180",
            "rotated270", "anamorphic")


def task(path: Path, out_dir: Path, carry: bytes | None = None, **params: object) -> ExtractTask:
    out_dir.mkdir(parents=True, exist_ok=True)
    return ExtractTask(path, out_dir, probe(path, "key"), ExtractParams(**params), carry)


def stills(chunks: list[Chunk]) -> list[ExtractedFrame]:
    return [frame for chunk in chunks for frame in chunk.frames]


def read(folder: Path, frame: ExtractedFrame) -> np.ndarray:
    assert frame.file is not None
    return simplejpeg.decode_jpeg((folder / frame.file).read_bytes())


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(extract, "CHUNK_S", 1)
    monkeypatch.setattr(extract, "CHUNK_STILLS", 5)
    yield


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("reader", "name"),
    [*(("pyav", n) for n in (*TRUE_PTS, "ts", "pq", "interlaced")),
     *(("decord", n) for n in TRUE_PTS)],
)
def test_the_stored_picture_is_the_one_of_its_pts(
    reader: str, name: str, mode: str, tmp_path: Path
) -> None:
    clip = videos.clip(name)
    job = task(clip.path, tmp_path, mode=mode, reader=reader, every=7, fps=3.0)
    chunks = list(extract_video(job))
    found = stills(chunks)
    assert len(found) >= 3 or name == "pq"
    assert [f.pts for f in found] == sorted({f.pts for f in found})
    assert {f.file for f in found} == {p.name for p in tmp_path.iterdir()}
    for frame in found:
        rgb = read(tmp_path, frame)
        number = videos.read_number(rgb)
        assert number == frame.ordinal
        assert f"_f{number:06d}_" in str(frame.file)
        assert (frame.width, frame.height) == (rgb.shape[1], rgb.shape[0]) == job.info.display_wh
        if clip.pts:
            assert frame.pts == clip.pts[number]
            assert frame.time_s == pytest.approx(clip.pts[number] * float(clip.time_base))
        assert frame.thumb is not None
        assert videos.read_number(simplejpeg.decode_jpeg(frame.thumb)) == number
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_modes_sample_what_they_promise(tmp_path: Path) -> None:
    path = videos.clip("cuts").path

    def numbers(**params: object) -> list[int]:
        return [f.ordinal for f in stills(list(extract_video(task(path, tmp_path, **params))))]

    assert numbers(mode="every", every=25) == [0, 25, 50, 75, 100]
    assert numbers(mode="fps", fps=2.0) == [0, 13, 25, 38, 50, 63, 75, 88, 100, 113]
    assert numbers(mode="shots") == [0, 14, 29, 30, 42, 54, 55, 72, 89, 90, 104, 119]
    assert numbers(mode="fps", fps=2.0, start_s=1.0, end_s=2.0) == [25, 38, 50]
    keys = numbers(mode="keyframes")
    assert keys[0] == 0 and len(keys) >= 10
    windows = [int(n / 25 * 2) for n in numbers(mode="sharpest", fps=2.0)]
    assert windows == list(range(10))


def test_a_rate_is_kept_over_uneven_times(tmp_path: Path) -> None:
    clip = videos.clip("vfr")
    seconds = [float(p * clip.time_base) for p in clip.pts]
    wanted, last = [], -1
    for i, s in enumerate(seconds):  # the first picture at or after each third of a second
        if int(s * 3 + 1e-9) > last:
            wanted.append(i)
            last = int(s * 3 + 1e-9)
    chunks = list(extract_video(task(clip.path, tmp_path, mode="fps", fps=3.0)))
    assert [f.ordinal for f in stills(chunks)] == wanted


def test_the_sharpest_picture_of_a_window_is_taken(tmp_path: Path) -> None:
    def soften(i: int, rgb: videos.Rgb) -> videos.Rgb:
        return rgb if i % 10 == 7 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2), np.uint8)

    path = videos.make(tmp_path / "soft.mp4", 60, change=soften).path
    chunks = list(extract_video(task(path, tmp_path / "out", fps=2.5)))
    assert [f.ordinal for f in stills(chunks)] == [7, 17, 27, 37, 47, 57]


def test_black_blank_and_frozen_pictures_are_rows_without_files(tmp_path: Path) -> None:
    path = videos.clip("stills").path
    chunks = list(extract_video(task(path, tmp_path, mode="every", every=5)))
    reasons = {f.ordinal: f.reason for f in stills(chunks)}
    assert {n for n, r in reasons.items() if r == "black"} == {20, 25, 30, 35}
    assert {n for n, r in reasons.items() if r == "blank"} == {40, 45, 50, 55}
    # The encoder still sharpens the held picture for a few frames.
    assert {n for n, r in reasons.items() if r == "frozen"} - {65} == {70, 75, 80}
    for frame in stills(chunks):
        assert (frame.file is None) == (frame.thumb is None) == (frame.reason is not None)
    black = next(f for f in stills(chunks) if f.reason == "black")
    assert black.luma_mean == pytest.approx(0, abs=1)  # 16 is black in limited range
    assert len(list(tmp_path.iterdir())) == sum(f.file is not None for f in stills(chunks))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted({*videos.RECIPES, "flipped", "truncated"} - {"long"}))
def test_going_on_after_any_chunk_gives_what_going_through_gives(
    name: str, mode: str, tmp_path: Path, short_chunks: None
) -> None:
    path = videos.clip(name).path if name in videos.RECIPES else videos.damaged(name)
    how = {"mode": mode, "every": 7, "fps": 3.0}
    _resume_everywhere(path, tmp_path, how, 1)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"start_s": 3.3, "end_s": 30.0}, {"reader": "decord"}])
def test_going_on_within_a_long_video(
    how: dict[str, object], tmp_path: Path, short_chunks: None
) -> None:
    _resume_everywhere(videos.clip("long").path, tmp_path, how, 7)


def _resume_everywhere(path: Path, folder: Path, how: dict[str, object], step: int) -> None:
    """Compare rows, numbers, carries and files of a whole run with those after each carry."""
    whole = list(extract_video(task(path, folder / "whole", **how)))
    for i in range(0, len(whole) - 1, step):
        out = folder / f"after{i}"
        rest = list(extract_video(task(path, out, whole[i].carry, **how)))
        assert [_content(chunk) for chunk in rest] == [_content(c) for c in whole[i + 1 :]]
        names = {f.file for f in stills(rest) if f.file}
        assert {p.name for p in out.iterdir()} == names
        for name in names:
            assert (out / name).read_bytes() == (folder / "whole" / name).read_bytes()
    pts = np.concatenate([chunk.score_pts for chunk in whole])
    scores = np.concatenate([chunk.scores for chunk in whole])
    info, params = probe(path, "key"), ExtractParams(**how)
    assert whole[-1].shots == finish_shots(pts, scores, info, params)


def _content(chunk: Chunk) -> tuple[object, ...]:
    """Return all of a chunk but the shots, which need the numbers of the beginning."""
    return (chunk.frames, chunk.score_pts.tolist(), chunk.scores.tolist(), chunk.carry,
            chunk.time_s, chunk.decoded, chunk.errors, chunk.done)


def test_shots_are_stored_with_their_times(tmp_path: Path) -> None:
    clip = videos.clip("cuts")
    last = list(extract_video(task(clip.path, tmp_path)))[-1]
    assert [s.start_pts for s in last.shots] == [clip.pts[i] for i in (0, *clip.cuts)]
    assert last.shots[-1].end_s == pytest.approx(4.8)


@pytest.mark.parametrize("name", ["flipped", "truncated"])
def test_damage_costs_pictures_only(name: str, tmp_path: Path) -> None:
    chunks = list(extract_video(task(videos.damaged(name), tmp_path, mode="every", every=3)))
    assert len(stills(chunks)) >= 10
    for frame in stills(chunks):
        assert videos.read_number(read(tmp_path, frame)) == frame.ordinal
    assert chunks[-1].decoded < 120
    if name == "flipped":
        assert chunks[-1].errors > 0


def test_a_video_without_one_sound_picture_is_refused(tmp_path: Path) -> None:
    source = videos.clip("cfr25").path
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat")
    end = data.index(b"moov") - 4
    data[start + 4 : end] = np.random.default_rng(3).bytes(end - start - 4)
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(data))
    with pytest.raises(VideoUnreadable, match=r"noise\.mp4: none of its 60 pictures"):
        list(extract_video(ExtractTask(path, tmp_path, probe(source, "key"), ExtractParams())))


def test_a_range_beyond_the_end_is_explained(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable, match="no picture from 100 s"):
        list(extract_video(task(videos.clip("cfr25").path, tmp_path, start_s=100.0)))


def test_a_carry_of_other_settings_is_refused(tmp_path: Path, short_chunks: None) -> None:
    path = videos.clip("cfr25").path
    carry = next(extract_video(task(path, tmp_path))).carry
    with pytest.raises(StoreError, match="other settings"):
        list(extract_video(task(path, tmp_path, carry, fps=1.0)))


FULL = """
import resource, sys
from pathlib import Path
from curation.errors import NoSpace
from curation.params import ExtractParams
from curation.video.extract import ExtractTask, extract_video
from curation.video.probe import probe
path, out = Path(sys.argv[1]), Path(sys.argv[2])
info = probe(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    list(extract_video(ExtractTask(path, out, info, ExtractParams())))
except NoSpace as error:
    print(error)
"""


def test_a_full_disk_is_said_and_leaves_no_half_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(videos.clip("cfr25").path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "no space left" in done.stdout
    assert not list(tmp_path.glob("*.jpg"))


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """A chunk at a time: what is held is the open window's best picture and a few small ones."""
    import tracemalloc

    generator = extract_video(task(videos.clip("long").path, tmp_path, fps=1.0))
    next(generator)
    tracemalloc.start()
    held = []
    for _ in generator:
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(held) - min(held) < 2_000_000
