"""Good videos with bytes changed, cut, moved: each costs itself at most, and says why."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curation.params import ExtractParams
from curation.studio import Studio
from curation.video.probe import probe
from tests import videos

NAMES = ("cfr25", "mkv_5s", "ts", "vp9", "avi", "interlaced", "b_frames")
COPIES = 42


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a copy that was flipped, cut, or had its headers or its order changed."""
    out = bytearray(data)
    kind = rng.random()
    if kind < 0.4:
        for _ in range(rng.choice([3, 30, 400])):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif kind < 0.6:
        del out[rng.randrange(len(out)) :]
    elif kind < 0.9:
        for _ in range(rng.choice([1, 2, 4, 8])):
            zone = rng.choice([range(600), range(len(out) - 3000, len(out))])
            out[rng.choice(zone)] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
    else:
        at, source = rng.randrange(len(out)), rng.randrange(len(out))
        out[at:at] = out[source : source + rng.randrange(5000)]
    return bytes(out)


def test_damaged_copies_cost_themselves_and_say_why(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rng = random.Random(pytestconfig.getoption("--fuzz-seed", 0))
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    for i in range(COPIES):
        source = videos.clip(NAMES[i % len(NAMES)]).path
        (folder / f"{i:02}{source.suffix}").write_bytes(damaged(source.read_bytes(), rng))
    (folder / "good.mp4").write_bytes(videos.clip("cuts").path.read_bytes())
    studio = Studio(tmp_path / "d")
    *_, last = studio.extract((), ExtractParams(workers=2))
    studio.close()
    summary: dict[str, Any] = dict(last.summary or {})
    failed = {Path(item["item"]).name: item["reason"] for item in summary["failed_items"]}
    assert summary["quarantined"] == 0, failed
    assert "good.mp4" not in failed and summary["videos"] > COPIES // 2
    # A reason that begins with a Python error's name is one that we did not think of.
    assert not {n: why for n, why in failed.items() if "Error:" in why or "ended" in why}


def next_version(data: bytes) -> bytes:
    """Return an MPEG-TS whose programme map says that it is a new one (ISO 13818-1, 2.4.4)."""
    out = bytearray(data)
    for at in range(0, len(out), 188):
        if (out[at + 1] & 0x1F) << 8 | out[at + 2] == 0x1000 and out[at + 5] == 2:
            end = at + 8 + ((out[at + 6] & 0x0F) << 8 | out[at + 7])
            out[at + 10] = out[at + 10] & 0xC1 | 1 << 1
            crc = 0xFFFFFFFF
            for byte in out[at + 5 : end - 4]:
                for bit in range(7, -1, -1):
                    top = crc >> 31 ^ byte >> bit & 1
                    crc = crc << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if top else 0)
            out[end - 4 : end] = crc.to_bytes(4, "big")
    return bytes(out)


def test_a_stream_that_begins_within_the_file(tmp_path: Path) -> None:
    both = tmp_path / "both.ts"
    with (
        av.open(str(videos.clip("ts").path)) as source,
        av.open(str(both), "w", format="mpegts") as target,
    ):
        picture: Any = target.add_stream_from_template(source.streams.video[0])
        sound: Any = target.add_stream("aac", rate=44100)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                packet.pts, packet.dts = packet.pts + 400_000, packet.dts + 400_000
                target.mux(packet)
        for i in range(60):
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, i * 1024 + 270_000
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    joined = tmp_path / "joined.ts"
    # FFmpeg looks at the first 5 MB, and at the end, before it says which streams there are.
    calm = videos.clip("ts").path.read_bytes() * 100
    joined.write_bytes(calm + next_version(both.read_bytes()) + calm)
    with av.open(str(joined)) as container, pytest.raises(IndexError):
        list(container.demux(video=0))  # what happens without the guard
    assert probe(joined).n_frames > 60
