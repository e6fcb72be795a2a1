"""Stills made again: the same bytes as extraction wrote, decoding no more than is needed."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curation.params import ExtractParams
from curation.records import StillSource
from curation.video.extract import ExtractTask, extract_video
from curation.video.index import PacketIndex
from curation.video.plan import NoSuchStill, StillMaker, VideoGone, decode_plan
from curation.video.probe import probe
from tests import videos

INDEX = PacketIndex(
    np.arange(0, 1000, dtype=np.int64), np.arange(0, 1000, 50, dtype=np.int64), 1000,
    Fraction(1, 25), True,
)  # fmt: skip


def wrote(path: Path, folder: Path, **params: object) -> tuple[StillSource, dict[int, bytes]]:
    """Extract a video; return what its stills can be made from, and the stills by PTS."""
    folder.mkdir(parents=True, exist_ok=True)
    info, asked = probe(path, "key"), ExtractParams(**params)
    chunks = list(extract_video(ExtractTask(path, folder, info, asked)))
    stills = {
        frame.pts: (folder / frame.file).read_bytes()
        for chunk in chunks for frame in chunk.frames if frame.file is not None
    }  # fmt: skip
    source = StillSource(
        info, path.stat().st_mtime_ns, asked.reader, asked.mode == "keyframes",
        asked.jpeg_quality, chunks[-1].errors == 0,
    )  # fmt: skip
    return source, stills


@pytest.mark.parametrize("mode", ["sharpest", "keyframes", "shots"])
@pytest.mark.parametrize(
    "name",
    ["cfr25", "vfr", "b_frames", "open_gop", "ts", "rotated90", "rotated270", "anamorphic", "pq",
     "hlg", "full_range", "vp9", "interlaced", "long"],
)  # fmt: skip
def test_a_still_made_again_has_the_bytes_that_extraction_wrote(
    name: str, mode: str, tmp_path: Path
) -> None:
    source, stills = wrote(videos.clip(name).path, tmp_path, mode=mode, fps=3.0, jpeg_quality=91)
    assert len(stills) > 1 or mode != "sharpest"
    targets = sorted(stills)
    with StillMaker(source) as maker:
        assert dict(maker.jpegs(targets)) == stills
        assert {pts: maker.jpeg(pts) for pts in targets} == stills
        some = targets[:3] + random.Random(1).sample(targets, min(6, len(targets)))
        for pts in some:
            assert maker.jpeg(pts) == stills[pts]


@pytest.mark.parametrize("name", ["truncated", "flipped"])
def test_a_damaged_video_gives_the_same_bytes_from_its_beginning(
    name: str, tmp_path: Path
) -> None:
    source, stills = wrote(videos.damaged(name), tmp_path, fps=5.0)
    assert not source.seek and stills
    with StillMaker(source) as maker:
        assert dict(maker.jpegs(sorted(stills))) == stills
        last = max(stills)
        assert maker.jpeg(last) == stills[last]


def test_a_plan_seeks_only_where_that_skips_pictures() -> None:
    near = decode_plan(INDEX, [10, 60, 140, 190])
    assert [run.targets for run in near] == [(10, 60, 140, 190)]
    far = decode_plan(INDEX, [10, 500, 505, 940])
    assert [(run.landing, run.targets) for run in far] == [
        (None, (10,)), (450, (500, 505)), (850, (940,)),
    ]  # fmt: skip
    assert sum(run.pictures(INDEX) for run in far) == 11 + 56 + 91
    assert decode_plan(INDEX, [10, 500, 940], seek=False)[0].targets == (10, 500, 940)
    assert decode_plan(INDEX, []) == []


def test_a_video_that_is_gone_or_changed_says_so(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(videos.clip("cfr25").path.read_bytes())
    info = probe(path)
    source = StillSource(info, path.stat().st_mtime_ns)
    with StillMaker(source) as maker, pytest.raises(NoSuchStill, match=r"clip\.mp4: gives no"):
        maker.jpeg(info.start_pts + 1)
    path.touch()
    with StillMaker(source) as maker:  # the same content at another time
        assert maker.jpeg(info.start_pts)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(VideoGone, match="was changed since"):
        StillMaker(StillSource(info, source.mtime_ns))
    path.write_bytes(bytes(data[:-1]))
    with pytest.raises(VideoGone, match="another file"):
        StillMaker(source)
    path.unlink()
    with pytest.raises(VideoGone, match="is gone"):
        StillMaker(source)
