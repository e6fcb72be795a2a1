"""A tripod is not a freeze: frames of one video differ by what the person does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decide import within
from curation.decide.columns import Columns
from curation.decide.dedup import CROP, EXACT, KEPT, NEAR, SUBJECT, Repeats, group
from curation.decide.likeness import JOINTS, Likeness, verified
from curation.params import DedupParams

Ints = npt.NDArray[np.int64]
ALL_SEEN = sum(1 << joint for joint in JOINTS)
STANDING = np.array([
    [0, -1.4], [-0.05, -1.5], [0.05, -1.5], [-0.1, -1.5], [0.1, -1.5], [-0.12, -1.5], [0.12, -1.5],
    [-0.2, -1.4], [0.2, -1.4], [-0.05, -1.3], [0.05, -1.3], [0.4, -0.5], [-0.4, -0.5],
    [0.5, 0.0], [-0.5, 0.0], [0.5, 0.5], [-0.5, 0.5], [0.5, 0.6], [-0.5, 0.6], [0.5, 0.6],
    [-0.5, 0.6], [0.5, 0.6], [-0.5, 0.6], [0.3, 0.5], [-0.3, 0.5], [0.3, 1.4], [-0.3, 1.4],
    [0.3, 2.3], [-0.3, 2.3], [0.3, 2.4], [-0.3, 2.4], [0.35, 2.4], [-0.35, 2.4],
])


def blob(values: npt.ArrayLike) -> bytes:
    return bytes(np.asarray(values, "<f2").tobytes())


def objects(values: list[Any]) -> npt.NDArray[np.object_]:
    made = np.full(len(values), None, object)
    made[:] = values
    return made


def still_frame(**changes: Any) -> dict[str, Any]:
    """Return a frame of one shot in which a person stands and looks into the camera."""
    look = np.zeros(96)
    look[0] = 1.0
    return {
        "video": 0, "shot": 0, "phash": 0, "has_phash": True, "yaw_deg": 0.0, "pitch_deg": 0.0,
        "roll_deg": 0.0, "appearance": blob(look), "expression": blob(np.zeros(52)),
        "pose_shape": blob(STANDING), "joints_seen": float(ALL_SEEN),
    } | changes


def columns_of(frames: list[dict[str, Any]], step_s: float = 10.0) -> Columns:
    n = len(frames)
    made: dict[str, Any] = {
        "frame_id": np.arange(n) + 100, "time_s": np.arange(n) * step_s, "pixels": np.arange(n),
    }
    for name in frames[0]:
        values = [frame[name] for frame in frames]
        kind = {"video": np.int64, "shot": np.int64, "phash": np.int64, "has_phash": bool}
        blobs = name in ("appearance", "expression", "pose_shape")
        made[name] = objects(values) if blobs else np.array(values, kind.get(name, np.float64))
    return Columns(made)


def smiling() -> bytes:
    shapes = np.zeros(52)
    shapes[44:46] = 0.9
    return blob(shapes)


def arms_up() -> bytes:
    points = STANDING.copy()
    points[[13, 14], 1] = -1.0
    points[[15, 16], 1] = -1.8
    return blob(points)


def other_look() -> bytes:
    look = np.zeros(96)
    look[1] = 1.0
    return blob(look)


NOT_MEASURED = {"expression": None, "pose_shape": None, "joints_seen": np.nan, "yaw_deg": np.nan}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, NEAR),
        ({"expression": smiling()}, KEPT),
        ({"pose_shape": arms_up()}, KEPT),
        ({"yaw_deg": 12.0}, KEPT),
        ({"yaw_deg": 3.0}, NEAR),
        ({"roll_deg": 359.0}, NEAR),
        ({"pose_shape": blob(2 * STANDING + 1)}, NEAR),
        ({"pose_shape": arms_up(), "joints_seen": 0.0}, NEAR),
        ({"expression": smiling(), "video": 1}, NEAR),
        (NOT_MEASURED, NEAR),
        ({"phash": 0xFFFF}, SUBJECT),
        ({"phash": 0xFFFF, "shot": 1}, SUBJECT),
        ({"phash": 0xFFFF, "video": 1}, KEPT),
        ({"phash": 0xFFFF, "expression": smiling()}, KEPT),
        ({"phash": 0xFFFF, "appearance": other_look()}, KEPT),
        ({"phash": 0xFFFF, "appearance": None}, KEPT),
        ({"phash": 0xFFFF} | NOT_MEASURED, KEPT),
        ({"phash": 0xFFFF, "has_phash": False}, SUBJECT),
    ],
)
def test_what_one_change_makes_of_a_second_frame(change: dict[str, Any], kind: int) -> None:
    # The same shot says "burst" where the hash is within 6 bits: put the frames in two shots.
    columns = columns_of([still_frame(), still_frame(**({"shot": 1} | change))])
    found = group(columns, np.arange(2), DedupParams())
    assert found.kind.tolist() == [KEPT, kind]
    assert found.keeper.tolist() == [0, 1 if kind == KEPT else 0]


def test_nearness_in_time_needs_no_other_reason() -> None:
    frames = [still_frame(), still_frame(expression=smiling(), pose_shape=arms_up(), yaw_deg=40.0)]
    assert (group(columns_of(frames, 0.3), np.arange(2), DedupParams()).kind > KEPT).sum() == 1
    assert (group(columns_of(frames, 0.5), np.arange(2), DedupParams()).kind > KEPT).sum() == 0


def test_equal_pixels_stay_exact() -> None:
    columns = columns_of([still_frame(), still_frame(shot=1)]).having(pixels=np.zeros(2, np.int64))
    assert group(columns, np.arange(2), DedupParams()).kind.tolist() == [KEPT, EXACT]


def test_a_freeze_keeps_one_frame() -> None:
    columns = columns_of([still_frame() for _ in range(50)])
    assert (group(columns, np.arange(50), DedupParams()).kind == KEPT).sum() == 1


def test_without_measures_the_answer_is_that_of_hash_and_time() -> None:
    rng = np.random.default_rng(0)
    frames = [still_frame(phash=int(bits), **NOT_MEASURED) for bits in rng.integers(0, 4096, 200)]
    columns = columns_of(frames)
    bare = Columns({
        name: columns.ints(name) for name in ("frame_id", "video", "shot", "phash", "pixels")
    } | {"time_s": columns.floats("time_s"), "has_phash": columns.flags("has_phash")})
    order = rng.permutation(200)
    assert Repeats(columns, DedupParams()).within is None
    with_blobs, without = (group(c, order, DedupParams()) for c in (columns, bare))
    assert with_blobs.keeper.tolist() == without.keeper.tolist()
    assert with_blobs.kind.tolist() == without.kind.tolist()


@pytest.mark.parametrize(
    ("video", "change", "kind"),
    [
        (1, {}, CROP),
        (1, {"expression": smiling()}, CROP),
        (0, NOT_MEASURED, CROP),
        (0, {"expression": smiling()}, KEPT),
    ],
)
def test_matched_frames_are_one_picture(video: int, change: dict[str, Any], kind: int) -> None:
    changed = {"video": video, "shot": 3, "phash": 0x3FFFFF} | change
    columns = columns_of([still_frame(), still_frame(**changed)])
    found = group(columns, np.arange(2), DedupParams(), np.array([[0, 1]]))
    assert found.kind.tolist() == [KEPT, kind]


def test_only_good_matches_of_frames_asked_about_count() -> None:
    pairs = {
        "a": np.array([10, 10, 11, 10]), "b": np.array([12, 11, 12, 99]),
        "inliers": np.array([40.0, 29.0, 80.0, 90.0]), "cover": np.array([0.5, 0.9, 0.34, 0.9]),
    }
    found = verified(pairs, np.array([12, 11, 10]), DedupParams())
    assert found.tolist() == [[2, 0]]
    assert verified({}, np.array([1]), DedupParams()).shape == (0, 2)


def test_each_video_learns_what_looks_the_same() -> None:
    rng = np.random.default_rng(3)

    def looks(spread: float, shots: int, video: int) -> list[dict[str, Any]]:
        made = []
        for i in range(60):
            look = np.eye(96)[0] + rng.normal(0, spread, 96)
            made.append(still_frame(video=video, shot=i % shots,
                                    appearance=blob(look / np.linalg.norm(look))))
        return made

    columns = columns_of(looks(0.04, 6, 0) + looks(0.2, 6, 1) + looks(0.04, 1, 2))
    least = Likeness(columns, DedupParams()).least_look
    assert 0.85 < least[0] < 0.97
    assert least[60] == 0.80
    assert least[120] == DedupParams().near_look


def wandering(rng: np.random.Generator, n: int) -> Columns:
    """Return frames of few videos whose hashes, poses and faces all drift, some unmeasured."""
    frames = []
    for _ in range(n):
        shapes = rng.uniform(0, 1) ** 2 * np.linspace(0, 0.5, 52)
        change: dict[str, Any] = {
            "video": int(rng.integers(0, 3)), "shot": int(rng.integers(0, 3)),
            "phash": int(rng.integers(0, 2**14)), "has_phash": rng.random() < 0.95,
            "yaw_deg": float(rng.normal(0, 5)), "expression": blob(shapes),
            "pose_shape": blob(STANDING + rng.normal(0, 0.02, (33, 2))),
            "joints_seen": float(ALL_SEEN & int(rng.integers(0, 2**33))),
        }
        for name in ("expression", "pose_shape", "appearance"):
            if rng.random() < 0.2:
                change[name] = None
        if rng.random() < 0.2:
            change["yaw_deg"] = np.nan
        frames.append(still_frame(**change))
    return columns_of(frames, 0.25)


def alike_matrix(columns: Columns, params: DedupParams, pairs: Ints) -> npt.NDArray[np.bool_]:
    """Compare every frame with every other, one pair at a time."""
    likeness, n = Likeness(columns, params), columns.n
    one, other = (axis.ravel() for axis in np.mgrid[0:n, 0:n])
    video, shot = columns.ints("video"), columns.ints("shot")
    same_video = video[one] == video[other]
    same_shot = same_video & (shot[one] == shot[other])
    time_s, phash = columns.floats("time_s"), columns.ints("phash").view(np.uint64)
    hashed = columns.flags("has_phash")
    bits = np.where(hashed[one] & hashed[other], np.bitwise_count(phash[one] ^ phash[other]), 65)
    matched = np.isin(one * n + other, np.concatenate([pairs @ [n, 1], pairs @ [1, n]]))
    close = (bits <= params.near_hash) | (same_shot & (bits <= params.burst_hash)) | matched
    far = likeness.compare(one, other)
    differ = likeness.differ(one, other)
    known = np.isfinite([far.pose, far.expression, far.head_deg]).any(axis=0)
    again = same_video & known & ~differ & (far.look >= likeness.least_look[one])
    burst = same_shot & (np.abs(time_s[one] - time_s[other]) <= params.burst_s + 1e-6)
    alike = burst | again | (close & ~(same_video & differ))
    return np.asarray(alike.reshape(n, n) & ~np.eye(n, dtype=bool))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 90), chunk=st.sampled_from([4, 16, 256]))
def test_no_two_keepers_are_alike_and_losers_are_like_their_keeper(
    seed: int, n: int, chunk: int
) -> None:
    rng = np.random.default_rng(seed)
    columns, params = wandering(rng, n), DedupParams()
    pairs = np.unique(np.sort(rng.integers(0, n, (n // 4, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(within, "CHUNK", chunk)
        patch.setattr(within, "REACH", 90)
        found = group(columns, rng.permutation(n), params, pairs)
    alike = alike_matrix(columns, params, pairs)
    one, other = np.nonzero(~np.eye(n, dtype=bool))
    assert (Repeats(columns, params, pairs).alike(one, other) == alike[one, other]).all()
    kept = np.flatnonzero(found.kind == KEPT)
    assert not alike[np.ix_(kept, kept)].any()
    lost = np.flatnonzero(found.kind != KEPT)
    assert alike[lost, found.keeper[lost]].all()
    assert (found.keeper[kept] == kept).all()


def test_a_video_longer_than_the_window_agrees_with_itself() -> None:
    rng = np.random.default_rng(4)
    columns, params = wandering(rng, 300), DedupParams()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(within, "CHUNK", 8)
        patch.setattr(within, "REACH", 2)
        found = group(columns, np.arange(300), params)
    alike = alike_matrix(columns, params, np.zeros((0, 2), np.int64))
    lost = np.flatnonzero(found.kind != KEPT)
    assert alike[lost, found.keeper[lost]].all()
