"""Passing over pictures that no other is built on: the others stay as they are, none is missed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curation.params import ExtractParams
from curation.video.extract import ExtractTask, extract_video
from curation.video.probe import probe
from curation.video.readers import Reader, open_reader
from curation.video.sampling import window_of
from curation.video.skipping import Watcher, leaves
from tests import videos
from tests.headless.runs import run_json

LEAVING = ("b_frames", "ntsc", "ts", "open_gop", "pq", "hlg")
"""Clips with pictures that no other is built on."""


def _kept(reader: Reader, params: ExtractParams) -> list[int]:
    left = reader.leaves(params)
    assert left <= set(reader.index.pts.tolist())
    return [pts for pts in reader.index.pts.tolist() if pts not in left]


@pytest.mark.parametrize("name", LEAVING)
def test_what_is_kept_comes_out_as_in_a_whole_decode(name: str) -> None:
    path = videos.clip(name).path
    with open_reader(path, probe(path, "key")) as reader:
        kept, left = _kept(reader, ExtractParams()), reader.leaves(ExtractParams())
        assert left
        whole = {d.pts: d.rgb() for d in reader.frames()}
        some = {d.pts: d.rgb() for d in reader.frames(leave=left)}
        assert reader.errors == 0
        later = kept[len(kept) // 2]
        rest = [d.pts for d in reader.frames(later, leave=left)]
    assert list(some) == kept
    assert all(np.array_equal(rgb, whole[pts]) for pts, rgb in some.items())
    assert rest == [pts for pts in kept if pts >= later]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("b_frames", {"exact": True}),
        ("b_frames", {"mode": "every"}),
        ("b_frames", {"mode": "shots"}),
        ("b_frames", {"mode": "keyframes"}),
        ("b_frames", {"reader": "decord"}),
        ("b_frames", {"fps": 25.0}),  # every window has one picture
        ("cfr25", {}),  # no B-pictures
        ("interlaced", {}),
        ("vp9", {}),
        ("avi", {}),
    ],
)
def test_where_everything_is_decoded(name: str, how: dict[str, object]) -> None:
    path, params = videos.clip(name).path, ExtractParams(**how)
    with open_reader(path, probe(path, "key"), params.reader) as reader:
        assert not reader.leaves(params)


@pytest.mark.parametrize("fps", [0.5, 2.0, 5.0, 6.25, 9.0, 12.0])
@pytest.mark.parametrize("span", [{}, {"start_s": 0.5, "end_s": 1.3}])
def test_no_window_loses_its_still(
    fps: float, span: dict[str, float], tmp_path: Path
) -> None:
    path = videos.clip("b_frames").path
    info = probe(path, "key")
    windows = []
    for exact in (False, True):
        params = ExtractParams(fps=fps, exact=exact, **span)
        chunks = extract_video(ExtractTask(path, tmp_path, info, params))
        stills = [frame for chunk in chunks for frame in chunk.frames]
        windows.append([window_of(f.pts, info.start_pts, info.time_base, fps) for f in stills])
    assert windows[0] == windows[1]


def test_the_stills_are_among_what_is_kept(tmp_path: Path) -> None:
    path = videos.clip("b_frames").path
    info, params = probe(path, "key"), ExtractParams(fps=5.0)
    with open_reader(path, info) as reader:
        kept = _kept(reader, params)
    chunks = list(extract_video(ExtractTask(path, tmp_path, info, params)))
    stills = [frame for chunk in chunks for frame in chunk.frames]
    assert {f.pts for f in stills} <= set(kept)
    assert chunks[-1].decoded == len(kept)
    for frame in stills:  # the ordinal counts all pictures of the file
        rgb = videos.cv2.imread(str(tmp_path / str(frame.file)))
        assert videos.read_number(rgb) == frame.ordinal


def _hevc(kind: int, layer: int) -> bytes:
    unit = bytes([kind << 1, layer + 1, 0x80, 0])
    return len(unit).to_bytes(4, "big") + unit


class _Packet(bytes):
    """A packet's bytes, with what a demuxer tells of it."""

    pts: int
    size: int
    is_keyframe = False

    @classmethod
    def of(cls, pts: int, data: bytes) -> _Packet:
        packet = cls(data)
        packet.pts, packet.size = pts, len(data)
        return packet


def test_layers_of_hevc_that_lean_on_a_lower_one_keep_it() -> None:
    """TRAIL_N of layer 0 may carry TSA_R of layer 1; TSA_N of the highest layer carries none."""
    for kinds, safe in (
        ([(1, 0), (2, 1)], True),
        ([(1, 0), (0, 0), (3, 1)], False),
        ([(1, 0), (3, 1), (4, 2)], True),
    ):
        watcher = Watcher("hevc", 4)
        for pts, (kind, layer) in enumerate(kinds):
            watcher.see(_Packet.of(pts, _hevc(39, 0) + _hevc(kind, layer)))  # behind a message
        assert watcher.is_safe() == safe


def test_rubbish_says_nothing() -> None:
    rng = np.random.default_rng(2)
    for prefix in (0, 1, 2, 4):
        for codec in ("h264", "hevc"):
            watcher = Watcher(codec, prefix)
            sizes = (0, 1, 2, 3, 5, 40, 40, 40)
            for pts, size in enumerate(sizes):
                watcher.see(_Packet.of(pts, rng.bytes(size)))
            pts, left = watcher.quiet()
            assert pts.tolist() == list(range(len(sizes))) and set(left) <= set(pts)


def _watched(n: int, loud: int | None = None, keys: tuple[int, ...] = (0,)) -> Watcher:
    """Return a watcher of n pictures, each second one alone, one of them many bytes."""
    watcher = Watcher("h264", 4)
    for i in range(n):
        unit = bytes([0x61 if i % 2 == 0 else 0x01]) + bytes(2000 if i == loud else 100)
        packet = _Packet.of(512 * i, len(unit).to_bytes(4, "big") + unit)
        packet.is_keyframe = i in keys
        watcher.see(packet)
    return watcher


def test_nothing_is_left_out_where_something_happens() -> None:
    for watcher, places in (
        (_watched(60, loud=31), range(26, 37)),
        (_watched(60, keys=(0, 30)), range(25, 36)),
    ):
        left = (watcher.quiet()[1] // 512).tolist()
        assert left == [i for i in range(1, 60, 2) if i not in places]
    # Keyframes at regular distances are the encoder's habit.
    assert len(_watched(60, keys=(0, 12, 24, 36, 48)).quiet()[1]) == 30


def test_what_is_interlaced_is_decoded_whole() -> None:
    path = videos.clip("b_frames").path
    info = probe(path, "key")
    assert leaves(_watched(60), info, ExtractParams())
    assert not leaves(_watched(60), replace(info, interlaced=True), ExtractParams())


def test_an_exact_extraction_answers_the_default_question(tmp_path: Path) -> None:
    """What older versions made was exact, and is not made again."""
    assert "exact" not in ExtractParams(exact=True).cache_dict()
    folder = tmp_path / "datastore" / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy2(videos.clip("b_frames").path, folder)

    def extracted(*words: str) -> int:
        summary = run_json("01_extract.py", tmp_path / "datastore", "--workers", "1", *words)
        return int(summary["extracted"])

    assert extracted("--exact") == 1
    assert extracted() == extracted("--exact") == 0
    assert extracted("--fps", "3") == 1
    assert extracted("--fps", "3", "--exact") == 1
    assert extracted("--fps", "3") == 0
