"""Sampling arithmetic: exact times in, window numbers and file names out."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.video.sampling import (
    STEM_BYTES,
    frame_name,
    is_frame_name,
    is_nth,
    range_pts,
    safe_stem,
    shot_picks,
    window_of,
)

NTSC = Fraction(1, 30000)


@pytest.mark.parametrize(
    ("pts", "start", "time_base", "fps", "window"),
    [
        (0, 0, Fraction(1, 12800), 2.0, 0),
        (6399, 0, Fraction(1, 12800), 2.0, 0),
        (6400, 0, Fraction(1, 12800), 2.0, 1),  # a picture on the border is in the later window
        (5500, 5000, Fraction(1, 1000), 2.0, 1),  # counted from the first picture
        (-100, -200, Fraction(1, 1000), 10.0, 1),
        (1001 * 2997, 0, NTSC, 29.97, 2996),  # 2996.997 windows of 100 / 2997 s: not a border
        (30000 * 100, 0, NTSC, 29.97, 2997),
        (90000 * 3600 * 24, 0, Fraction(1, 90000), 0.01, 864),
    ],
)
def test_a_window_follows_from_exact_time(
    pts: int, start: int, time_base: Fraction, fps: float, window: int
) -> None:
    assert window_of(pts, start, time_base, fps) == window


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=50),
    st.sampled_from([0.01, 0.5, 2.0, 23.976, 29.97, 120.0]),
)
def test_windows_never_go_back(steps: list[int], fps: float) -> None:
    pts, windows = 0, []
    for step in steps:
        pts += step
        windows.append(window_of(pts, 0, Fraction(1, 90000), fps))
    assert windows == sorted(windows)


def test_every_nth_counts_from_the_first_picture_of_the_file() -> None:
    assert [i for i in range(20) if is_nth(i, 7)] == [0, 7, 14]


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (None, None, (126000, None)),
        (1.0, None, (216000, None)),
        (0.1, 0.2, (135000, 144000)),
        (0.00001, 0.00002, (126001, 126001)),  # inwards: never a picture outside the range
    ],
)
def test_a_range_is_measured_from_the_first_picture(
    start_s: float | None, end_s: float | None, expected: tuple[int, int | None]
) -> None:
    assert range_pts(start_s, end_s, 126000, Fraction(1, 90000)) == expected


@pytest.mark.parametrize(
    ("stem", "ordinal", "time_s", "name"),
    [
        ("clip", 123, 4.1, "clip_f000123_4.100s.jpg"),
        ("my clip #1 (final)", 0, 0.0, "my_clip_1_final_f000000_0.000s.jpg"),
        ("../../etc/passwd", 1, 0.04, "etc_passwd_f000001_0.040s.jpg"),
        ("фильм", 7, 1.5, "фильм_f000007_1.500s.jpg"),
        ("bad \udcff byte", 3, 0.0, "bad_byte_f000003_0.000s.jpg"),
        ("...", 2, 3.0, "video_f000002_3.000s.jpg"),
        ("IMG_0001", 1234567, 41152.2333, "IMG_0001_f1234567_41152.233s.jpg"),
        ("early", 0, -0.08, "early_f000000_-0.080s.jpg"),
    ],
)
def test_a_name_carries_place_and_time(
    stem: str, ordinal: int, time_s: float, name: str
) -> None:
    assert frame_name(stem, ordinal, time_s) == name
    assert is_frame_name(stem, name)
    for other in (f"x{name}", name[1:], f"{name}.part", name.replace("s.jpg", ".jpg")):
        assert not is_frame_name(stem, other)


@given(st.text(max_size=400), st.integers(0, 10**9), st.floats(-10, 10**6))
def test_a_name_is_safe_whatever_the_video_is_called(
    stem: str, ordinal: int, time_s: float
) -> None:
    name = frame_name(stem, ordinal, time_s)
    assert len(name.encode()) <= STEM_BYTES + 40
    assert not re.search(r"[/\\:*?\"<>|\x00-\x1f]", name)
    assert not name.startswith((".", "-"))
    assert not re.search(r"_\d+$", name.removesuffix(".jpg"))
    assert safe_stem(safe_stem(stem)) == safe_stem(stem)


@pytest.mark.parametrize(
    ("pts", "picks"),
    [
        ([], []),
        ([5], [5]),
        ([5, 9], [5, 9]),
        ([0, 10, 20], [0, 10, 20]),
        ([0, 10, 20, 30], [0, 10, 30]),  # two are as near to the middle: the earlier
        ([0, 1, 2, 3, 100], [0, 3, 100]),  # the middle in time, not in number
    ],
)
def test_a_shot_gives_its_first_middle_and_last(pts: list[int], picks: list[int]) -> None:
    assert shot_picks(pts) == picks
