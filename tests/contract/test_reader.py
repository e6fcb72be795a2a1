"""Every reader's promise: the picture of a PTS is the one the container means, looking right."""

from __future__ import annotations

import sys

import av
import numpy as np
import pytest

from curation.errors import ParamError, StepUnavailable, VideoUnreadable
from curation.video.probe import probe
from curation.video.readers import Reader, open_reader
from tests import videos

READERS = ("pyav", "decord")
BOTH = ("cfr25", "ntsc", "vfr", "b_frames", "open_gop", "mkv_5s", "rotated90", "rotated180",
        "rotated270", "anamorphic", "bt601", "full_range", "vp9")
PYAV_ONLY = ("ts", "avi", "pq", "hlg", "interlaced")
EACH = [*((kind, name) for kind in READERS for name in BOTH), *(("pyav", n) for n in PYAV_ONLY)]


def reader_of(kind: str, name: str) -> Reader:
    path = videos.clip(name).path
    return open_reader(path, probe(path), kind)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_each_picture_shows_the_number_of_its_pts(kind: str, name: str) -> None:
    clip = videos.clip(name)
    info = probe(clip.path)
    with open_reader(clip.path, info, kind) as reader:
        seen = []
        for decoded in reader.frames():
            rgb = decoded.rgb()
            assert rgb.shape == (info.display_wh[1], info.display_wh[0], 3)
            assert rgb.dtype == np.uint8
            assert not decoded.corrupt
            assert videos.read_number(rgb) == reader.index.ordinal(decoded.pts) == len(seen)
            assert decoded.time_s == pytest.approx(decoded.pts * float(info.time_base))
            seen.append(decoded.pts)
        assert reader.errors == 0
        assert seen == reader.index.pts.tolist()
    if name not in ("avi", "interlaced"):  # their PTS are the container's, not the test's, choice
        assert seen == list(clip.pts)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_colours_are_those_that_were_drawn(kind: str, name: str) -> None:
    """Range, matrix and, for PQ and HLG, tone mapping: white is at 203 cd/m2 there."""
    with reader_of(kind, name) as reader:
        rgb = next(reader.frames()).rgb()
    wrong = np.abs(videos.patch_colours(rgb) - videos.PATCHES)
    assert wrong.max() <= 4, videos.patch_colours(rgb)


@pytest.mark.parametrize("hdr", ["pq", "hlg"])
def test_highlights_of_hdr_are_rolled_off_not_cut(hdr: str) -> None:
    with reader_of("pyav", hdr) as reader:
        rgb = next(reader.frames()).rgb()
    light = rgb[videos.cells(*rgb.shape[:2])[2][1]].mean()  # a cell of level 225, 150 cd/m2
    assert 190 < light < 228
    assert rgb[..., 0].max() < 250


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_starting_anywhere_gives_the_same_pictures(kind: str, name: str) -> None:
    with reader_of(kind, name) as reader:
        whole = [(d.pts, d.keyframe, d.rgb().tobytes()) for d in reader.frames()]
        for at in (1, len(whole) // 3, len(whole) * 3 // 4, len(whole) - 1):
            part = [(d.pts, d.keyframe, d.rgb().tobytes()) for d in reader.frames(whole[at][0])]
            assert part == whole[at:]
        between = [d.pts for d in reader.frames(whole[5][0] - 1)]
        assert between == [pts for pts, _, _ in whole if pts >= whole[5][0] - 1]


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_keyframes_alone_are_the_same_pictures(kind: str, name: str) -> None:
    with reader_of(kind, name) as reader:
        whole = {d.pts: d.rgb().astype(int) for d in reader.frames() if d.keyframe}
        alone = {d.pts: d.rgb() for d in reader.frames(keyframes_only=True)}
        assert list(alone) == list(whole)
        later = list(whole)[len(whole) // 2]
        some = [d.pts for d in reader.frames(later, keyframes_only=True)]
        assert some == [pts for pts in whole if pts >= later]
    for pts, rgb in alone.items():
        assert videos.read_number(rgb) == videos.read_number(whole[pts])
        if name != "interlaced":  # deinterlaced without its neighbours
            assert np.array_equal(rgb, whole[pts])


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_luma_and_the_small_picture_belong_to_the_same_picture(kind: str, name: str) -> None:
    with reader_of(kind, name) as reader:
        decoded = next(reader.frames())
        luma, small, rgb = decoded.luma(), decoded.small_planes(64), decoded.rgb()
    assert {plane.dtype for plane in (luma, *small)} == {np.dtype(np.uint8)}
    assert luma.ndim == 2
    assert len({plane.shape for plane in small}) == 1 and max(small[0].shape) == 64
    if name in ("pq", "hlg"):
        return
    level = luma.mean() if decoded.full_range else (luma.mean() - 16) * 255 / 219
    weights = (0.299, 0.587, 0.114)
    assert level == pytest.approx(float(rgb.mean((0, 1)) @ weights), abs=3)
    assert small[0].mean() == pytest.approx(luma.mean(), abs=4)


def test_both_readers_give_the_same_pixels() -> None:
    for name in BOTH:
        with reader_of("pyav", name) as one, reader_of("decord", name) as other:
            for a, b in zip(one.frames(), other.frames(), strict=True):
                assert (a.pts, a.keyframe) == (b.pts, b.keyframe)
                assert np.abs(a.rgb().astype(int) - b.rgb()).mean() < 2, name


def test_interlaced_fields_are_parted() -> None:
    path = videos.clip("interlaced").path
    with av.open(str(path)) as container:
        woven = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with reader_of("pyav", "interlaced") as reader:
        whole = [d.rgb() for d in reader.frames()]
    still = videos.combing(videos.draw(5, (320, 192)))
    assert len(whole) == len(woven)
    assert np.median([videos.combing(rgb) for rgb in woven]) > 1.5 * still
    assert np.median([videos.combing(rgb) for rgb in whole]) < 1.15 * still


@pytest.mark.parametrize("name", PYAV_ONLY)
def test_decord_refuses_what_it_would_get_wrong(name: str) -> None:
    with pytest.raises(VideoUnreadable) as caught:
        reader_of("decord", name)
    assert caught.value.hint == "--reader pyav"
    assert str(videos.clip(name).path) in caught.value.message


def test_a_missing_decord_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(StepUnavailable, match="decord"):
        reader_of("decord", "cfr25")
    with pytest.raises(ParamError, match="opencv"):
        reader_of("opencv", "cfr25")


@pytest.mark.parametrize("name", ["truncated", "flipped"])
def test_damage_costs_pictures_not_the_file(name: str) -> None:
    path = videos.damaged(name)
    with open_reader(path, probe(path)) as reader:
        sound = [d for d in reader.frames() if not d.corrupt]
        assert len(sound) >= 40
        for decoded in sound:
            assert videos.read_number(decoded.rgb()) == reader.index.ordinal(decoded.pts)
        assert [d.pts for d in sound] == sorted({d.pts for d in sound})


def test_decord_stops_at_damage_and_says_so() -> None:
    path = videos.damaged("truncated")
    with (
        pytest.raises(VideoUnreadable, match="decord") as caught,
        open_reader(path, probe(path), "decord") as reader,
    ):
        list(reader.frames())
    assert caught.value.hint == "--reader pyav"
