"""What real cameras, discs and broadcasters make: right pixels at right times, each of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curation.errors import NoSuchStream, VideoUnreadable
from curation.params import ExtractParams
from curation.records import VideoInfo
from curation.store.videos import info_from_json, info_to_json
from curation.video.picture import look_of, shown_box
from curation.video.probe import probe
from curation.video.readers import open_reader
from curation.video.sampling import asked_range
from tests import cameras, videos
from tests.cameras import camera

NUMBERED = ("phone", "mirrored0", "mirrored90", "mirrored180", "mirrored270", "dv", "dv_avi",
            "late", "uhd60", "ten_bits", "two_streams", "chapters", "chapters_mkv")
TAPES = ("dv", "dv_avi")


def pictures(path: Path, info: VideoInfo) -> list[tuple[int, float, videos.Rgb]]:
    with open_reader(path, info) as reader:
        return [(d.pts, d.time_s, d.rgb()) for d in reader.frames()]


@pytest.mark.parametrize("name", NUMBERED)
def test_each_picture_is_upright_and_has_its_number_and_time(name: str) -> None:
    clip = camera(name)
    info = probe(clip.path)
    found = pictures(clip.path, info)
    assert len(found) == info.n_frames
    for number, (pts, time_s, rgb) in enumerate(found):
        assert rgb.shape[1::-1] == info.display_wh
        assert videos.read_number(rgb) == number
        assert time_s == pytest.approx(pts * float(info.time_base))
        if clip.pts:
            assert Fraction(pts) * info.time_base == clip.pts[number] * clip.time_base
    if name not in TAPES:
        wrong = np.abs(videos.patch_colours(found[0][2]) - videos.PATCHES)
        assert wrong.max() <= 5, wrong


def test_a_phone_is_read_with_its_uneven_times_and_upright() -> None:
    info = probe(camera("phone").path)
    assert (info.rotation_deg, info.display_wh, info.variable_rate) == (90, (180, 320), True)
    assert info.color_range == "full"
    steps = np.diff([time for _, time, _ in pictures(info.path, info)])
    assert steps.min() < 0.021 and steps.max() > 0.24


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_mirror_in_the_display_matrix_is_looked_into(rotation: int) -> None:
    info = probe(camera(f"mirrored{rotation}").path)
    assert (info.rotation_deg, info.mirrored) == (rotation, True)
    rgb = pictures(info.path, info)[7][2]
    assert videos.read_number(rgb) == 7
    unmirrored = pictures(info.path, replace(info, mirrored=False))[7][2]
    assert np.array_equal(unmirrored[:, ::-1], rgb)
    with pytest.raises(VideoUnreadable, match="mirror"):
        open_reader(info.path, info, "decord")


@pytest.mark.parametrize("name", TAPES)
def test_tapes_are_deinterlaced_to_square_pixels(name: str) -> None:
    info = probe(camera(name).path)
    assert info.interlaced and info.display_wh == (768, 576)
    still = videos.combing(videos.draw(5, (720, 576)))
    shown = [videos.combing(rgb) for _, _, rgb in pictures(info.path, info)]
    woven = [videos.combing(rgb) for _, _, rgb in pictures(info.path, replace(
        info, interlaced=False))]
    assert np.median(shown) < 1.2 * still < np.median(woven)


def test_what_an_edit_list_hides_is_not_shown() -> None:
    info = probe(camera("trimmed").path)
    found = pictures(info.path, info)
    assert [videos.read_number(rgb) for _, _, rgb in found] == list(range(20, 60))
    assert info.n_frames == 40
    assert found[0][1] == pytest.approx(0.0, abs=0.02)
    steps = np.diff([time for _, time, _ in found])
    assert steps == pytest.approx(0.04, abs=1e-6)


def test_a_start_that_is_late_stays_late() -> None:
    info = probe(camera("late").path)
    assert info.start_pts * info.time_base == 1
    assert pictures(info.path, info)[0][1] == 1.0


def test_uhd_at_sixty_a_second() -> None:
    info = probe(camera("uhd60").path)
    assert (info.display_wh, info.fps) == ((3840, 2160), 60)
    times = [time for _, time, _ in pictures(info.path, info)]
    assert np.diff(times) == pytest.approx(1 / 60, abs=1e-6)


def test_ten_bits_of_standard_range_stay_as_they_are() -> None:
    info = probe(camera("ten_bits").path)
    assert (info.pixel_format, info.hdr) == ("yuv420p10le", "")


def test_the_light_of_hdr10_is_rolled_off_from_where_the_file_says() -> None:
    told = {"hdr_untold": None, "hdr_400": 400.0, "hdr_4000": 4000.0, "hdr_lying": 1000.0}
    levels = {}
    for name, peak in told.items():
        info = probe(camera(name).path)
        assert (info.hdr, info.peak_nits) == ("pq", peak)
        levels[name] = cameras.columns_of(pictures(info.path, info)[0][2])
    dim = 255 * (50 / 203) ** (1 / 2.4)
    assert all(found[0] == pytest.approx(dim, abs=3) for found in levels.values())
    # Without a word 1000 cd/m2 is the end; 4000 differ from 1000 only where the file says so.
    assert levels["hdr_untold"][3] == levels["hdr_untold"][4] == 255
    assert np.diff(levels["hdr_4000"]).min() > 3
    # What ends at 400 need not be squeezed as if it went on.
    assert levels["hdr_400"][2] >= 254
    assert levels["hdr_400"][1] > levels["hdr_untold"][1] + 8 > levels["hdr_4000"][1] + 16
    assert levels["hdr_lying"] == levels["hdr_untold"]


def test_any_of_several_picture_streams_can_be_chosen() -> None:
    path = camera("two_streams").path
    best, other = probe(path), probe(path, number=2)
    assert [(s.no, s.width, s.best) for s in best.streams] == [(1, 320, True), (2, 240, False)]
    assert (best.stream_no, other.stream_no) == (1, 2)
    assert probe(path, number=1).key == best.key != other.key
    assert other.display_wh == (240, 180)
    assert [videos.read_number(rgb) for *_, rgb in pictures(path, other)] == list(range(100, 130))
    assert "number 2 is used" in other.warnings[0]
    with pytest.raises(NoSuchStream, match="no picture stream 3, only 2") as caught:
        probe(path, number=3)
    assert caught.value.hint == "--stream 1"
    with pytest.raises(VideoUnreadable, match="best picture stream"):
        open_reader(path, other, "decord")


@pytest.mark.parametrize("name", ["chapters", "chapters_mkv"])
def test_chapters_are_kept_and_bound_what_is_read(name: str) -> None:
    info = probe(camera(name).path)
    assert [(c.title, c.start_s, c.end_s) for c in info.chapters] == [
        (title, begin, end) for begin, end, title in cameras.PARTS]
    tick = round(Fraction(1, 25) / info.time_base)
    first, last = asked_range(ExtractParams(chapter=2), info)
    assert (first, last) == (info.start_pts + 20 * tick, info.start_pts + 40 * tick - 1)
    first, last = asked_range(ExtractParams(chapter=2, start_s=1.0, end_s=9.0), info)
    assert (first, last) == (info.start_pts + 25 * tick, info.start_pts + 40 * tick - 1)
    with pytest.raises(VideoUnreadable, match="no chapter 4, only 3: 1 Opening, 2 Middle, 3 End"):
        asked_range(ExtractParams(chapter=4), info)


BARS = {
    "letterbox": cameras.BOX,
    "letterbox_pq": cameras.BOX,
    "pillarbox": cameras.PILLARS,
    "letterbox_turned": (0, 32, 320, 208),  # as shown: the axis across the bars is 4/3 as long
}


@pytest.mark.parametrize("name", BARS)
def test_bars_that_are_burnt_in_are_found(name: str) -> None:
    info = probe(camera(name).path)
    assert info.active_xyxy_px is not None
    error = np.subtract(info.active_xyxy_px, BARS[name])
    assert np.abs(error).max() <= 2
    inward = np.array([1, 1, -1, -1]) * error
    assert inward.min() >= 0, "no line of a bar is left in"
    assert any("black bars are burnt in" in warning for warning in info.warnings)
    x0, y0, x1, y1 = info.active_xyxy_px
    rgb = pictures(info.path, info)[12 if name != "letterbox_pq" else 5][2]
    outside = np.ones(rgb.shape[:2], bool)
    outside[max(y0 - 4, 0) : y1 + 4, max(x0 - 4, 0) : x1 + 4] = False
    assert rgb[outside].mean() < 3
    part = rgb[y0:y1, x0:x1].astype(float).mean(-1)
    assert min(part[0].mean(), part[-1].mean(), part[:, 0].mean(), part[:, -1].mean()) > 30


@pytest.mark.parametrize("name", ["night", "on_black", "uhd60", "dv", "logo"])
def test_what_is_only_dark_is_no_bar(name: str) -> None:
    info = probe(camera(name).path)
    assert info.active_xyxy_px is None
    assert not any("bars" in warning for warning in info.warnings)


def test_a_broadcasters_mark_is_noted() -> None:
    said = [w for w in probe(camera("logo").path).warnings if "never moves" in w]
    assert said == ["a mark that never moves, as a broadcaster's, is in the top right corner"]
    for name in ("no_logo", "still_logo", "room", "letterbox", "night"):
        assert not any("never moves" in w for w in probe(camera(name).path).warnings), name


def test_a_record_of_it_all_survives_the_catalogue() -> None:
    for name in ("two_streams", "chapters", "letterbox", "hdr_400", "mirrored90"):
        info = probe(camera(name).path)
        assert info_from_json(info_to_json(info), info.path) == info


def test_where_a_coded_box_is_shown() -> None:
    info = probe(camera("phone").path)
    base = replace(look_of(info), rotation_deg=0, mirrored=False)
    box, size = (10, 20, 40, 80), (320, 180)
    turned = {0: (10, 20, 40, 80), 90: (100, 10, 160, 40), 180: (280, 100, 310, 160),
              270: (20, 280, 80, 310)}
    for rotation, expected in turned.items():
        look = replace(base, rotation_deg=rotation)
        assert shown_box(box, size, look) == expected
        wide = 180 if rotation in (90, 270) else 320
        x0, y0, x1, y1 = expected
        assert shown_box(box, size, replace(look, mirrored=True)) == (wide - x1, y0, wide - x0, y1)
