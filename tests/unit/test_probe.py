"""What is said of a file before it is extracted, and of those that cannot be."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from curation.errors import VideoUnreadable
from curation.video.probe import content_key, probe
from tests import videos


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cfr25", {"fps": 25, "n_frames": 60, "start_pts": 0, "variable_rate": False,
                   "color_space": "bt709", "color_range": "limited", "rotation_deg": 0}),
        ("ntsc", {"fps": Fraction(30000, 1001), "variable_rate": False}),
        ("vfr", {"variable_rate": True, "n_frames": 60, "time_base": Fraction(1, 90000)}),
        ("mkv_5s", {"start_pts": 5000, "time_base": Fraction(1, 1000), "variable_rate": False}),
        ("ts", {"start_pts": 126000, "container": "mpegts"}),
        ("rotated90", {"rotation_deg": 90, "width": 180, "height": 320}),
        ("rotated180", {"rotation_deg": 180}),
        ("rotated270", {"rotation_deg": 270, "display_wh": (180, 320)}),
        ("anamorphic", {"sar": Fraction(4, 3), "width": 240, "display_wh": (320, 180)}),
        ("pq", {"hdr": "pq", "color_primaries": "bt2020", "pixel_format": "yuv420p10le"}),
        ("hlg", {"hdr": "hlg", "color_transfer": "arib-std-b67"}),
        ("full_range", {"color_range": "full"}),
        ("interlaced", {"interlaced": True, "codec": "mpeg2video"}),
        ("vp9", {"codec": "vp9", "has_audio": False, "n_video_streams": 1, "interlaced": False}),
    ],
)
def test_a_good_file_is_described(name: str, expected: dict[str, Any]) -> None:
    info = probe(videos.clip(name).path)
    assert {key: getattr(info, key) for key in expected} == expected
    assert info.key == content_key(info.path)


def test_duration_spans_the_last_picture_too() -> None:
    assert probe(videos.clip("cfr25").path).duration_s == pytest.approx(2.4)
    assert probe(videos.clip("mkv_5s").path).duration_s == pytest.approx(2.4)


@pytest.mark.parametrize(("name", "word"), videos.BAD.items())
def test_a_bad_file_is_refused_with_its_name_and_reason(name: str, word: str) -> None:
    path = videos.bad(name)
    with pytest.raises(VideoUnreadable, match=word) as caught:
        probe(path)
    assert str(path) in caught.value.message


def test_a_playlist_cannot_reach_its_neighbours(tmp_path: Path) -> None:
    shutil.copy2(videos.clip("cfr25").path, tmp_path / "private.mp4")
    shutil.copy2(videos.clip("ts").path, tmp_path / "private.ts")
    segment = f"#EXTINF:2,\nfile://{tmp_path}/private.ts\n"
    texts = {
        "concat.mp4": "ffconcat version 1.0\nfile private.mp4\n",
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n{segment}#EXT-X-ENDLIST\n",
        "hls.ts": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n{segment}#EXT-X-ENDLIST\n",
        "dash.mp4": "<?xml version='1.0'?><MPD><BaseURL>private.mp4</BaseURL></MPD>",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoUnreadable, match="text"):
            probe(tmp_path / name)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, word in ((tmp_path, "regular"), (tmp_path / "pipe.mp4", "regular"),
                       (tmp_path / "absent.mp4", "no such file")):
        with pytest.raises(VideoUnreadable, match=word):
            probe(path)
    with pytest.raises(VideoUnreadable, match="No such file"):
        content_key(tmp_path / "absent.mp4")


@pytest.mark.parametrize(
    "name", ["a b.mp4", "50%03d.mp4", "-y.mp4", "a:b.mp4", "x#?&.mp4", "ü 影.mp4", "q'\".mp4"]
)
def test_odd_file_names_are_only_names(tmp_path: Path, name: str) -> None:
    shutil.copy2(videos.clip("cfr25").path, tmp_path / name)
    assert probe(tmp_path / name).n_frames == 60


def test_the_key_follows_the_content_not_the_place(tmp_path: Path) -> None:
    source = videos.clip("cfr25").path
    copy = Path(shutil.copy2(source, tmp_path / "other name.mp4"))
    assert content_key(copy) == content_key(source)
    with copy.open("ab") as file:
        file.write(b"\0")
    assert content_key(copy) != content_key(source)
    assert len(content_key(source)) == 32


def test_a_cut_file_says_how_much_is_missing() -> None:
    info = probe(videos.damaged("truncated"))
    assert any("ends early" in warning for warning in info.warnings)
    assert 0 < info.n_frames < 120


def test_a_file_without_times_says_so() -> None:
    assert any("no picture times" in warning for warning in probe(videos.clip("avi").path).warnings)
