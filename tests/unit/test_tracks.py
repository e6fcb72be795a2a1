"""Following the main subject, and knowing people again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from curation.decide.columns import Columns, unpacked
from curation.decide.tracks import Tracks, follow
from curation.decide.who import link as cluster
from curation.params import TrackParams

RNG = np.random.default_rng(5)
PEOPLE = np.linalg.qr(RNG.normal(size=(128, 16)))[0].T
"""Sixteen people without any likeness."""


def seen(who: int, seed: int = 0, noise: float = 0.03) -> bytes:
    """Return an identity of a person, a little different each time."""
    vector = PEOPLE[who] + noise * np.random.default_rng([seed, who]).normal(size=128)
    return bytes((vector / np.linalg.norm(vector)).astype("<f2").tobytes())


def frame(time_s: float, x: float = 100, who: int | None = 0, **other: Any) -> dict[str, Any]:
    """Return a frame with a face 80 pixels wide, at x."""
    row: dict[str, Any] = {"time_s": time_s, "video": 0, "shot": 0}
    row |= {"face_x0": x, "face_y0": 50.0, "face_x1": x + 80, "face_y1": 150.0}
    row |= {"identity": None if who is None else seen(who, round(time_s * 10)), "identity_px": 90.0}
    return {**row, **other}


def columns_of(rows: list[dict[str, Any]]) -> Columns:
    names = sorted({name for row in rows for name in row})
    data: dict[str, npt.NDArray[Any]] = {"frame_id": np.arange(1, len(rows) + 1)}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in ("identity", "appearance"):
            data[name] = np.array([*values, None], object)[:-1]
        else:
            data[name] = np.array([np.nan if v is None else float(v) for v in values])
    return Columns(data)


def tracks(rows: list[dict[str, Any]]) -> Tracks:
    return follow(columns_of(rows), TrackParams())


def groups(numbers: npt.NDArray[np.int64]) -> list[int]:
    """Return numbers renamed in order of appearance; -1 stays."""
    names: dict[int, int] = {-1: -1}
    return [names.setdefault(n, len(names) - 1) for n in numbers.tolist()]


NO_FACE: dict[str, Any] = {"face_x0": None, "face_y0": None, "face_x1": None, "face_y1": None}
BODY: dict[str, Any] = {"person_x0": 80, "person_y0": 40, "person_x1": 220, "person_y1": 300}
CASES = {
    "one who stays": ([frame(t) for t in (0, 0.5, 1)], [0, 0, 0]),
    "one who walks": ([frame(t, 100 + 60 * t) for t in (0, 0.5, 1)], [0, 0, 0]),
    "one who is known far away": ([frame(0), frame(0.5, 900)], [0, 0]),
    "a leap by nobody known": ([frame(0, who=None), frame(0.5, 900, None)], [0, 1]),
    "another in the same place": ([frame(0), frame(0.5, who=1)], [0, 1]),
    "two by turns": (
        [frame(t / 2, (100, 600)[t % 2], t % 2) for t in range(6)], [0, 1, 0, 1, 0, 1]
    ),
    "a cut": ([frame(0), frame(0.5, shot=1)], [0, 1]),
    "another video": ([frame(0), frame(0.5, video=1)], [0, 1]),
    "too long unseen": ([frame(0, who=None), frame(9, who=None)], [0, 1]),
    "long unseen but known": ([frame(0), frame(9)], [0, 0]),
    "long unseen without shots": ([frame(0, shot=-1), frame(9, shot=-1)], [0, 1]),
    "a face that turns away": (
        [frame(0, **BODY), frame(0.5, who=None, **NO_FACE, **BODY), frame(1, **BODY)], [0, 0, 0]
    ),
    "nobody": ([frame(0, who=None, **NO_FACE), frame(0.5)], [-1, 0]),
    "a sudden close-up of nobody known": (
        [frame(0, who=None), frame(0.5, 0, None, face_y0=0, face_x1=400, face_y1=500)], [0, 1]
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_track_is_one_subject_in_one_shot(case: str) -> None:
    rows, expected = CASES[case]
    assert groups(tracks(rows).track) == expected


def test_people_are_known_again_in_other_shots_and_videos() -> None:
    rows = [
        frame(t / 2, who=who, shot=shot, video=video)
        for video, shot, who in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 2, 2))
        for t in range(3)
    ]
    assert groups(tracks(rows).person)[::3] == [0, 1, 1, 0, 2]


def test_a_track_without_identity_has_no_person() -> None:
    found = tracks([frame(0, who=None), frame(0.5, who=None)])
    assert found.track.tolist() == [0, 0]
    assert found.person.tolist() == [-1, -1]


def test_nobody_is_known_in_a_last_track_without_identity() -> None:
    assert tracks([frame(0), frame(0.5, shot=1, who=None)]).person.tolist() == [0, -1]


def test_frames_without_a_face_are_the_person_of_their_track() -> None:
    found = tracks([frame(0, **BODY), frame(0.5, who=None, **NO_FACE, **BODY)])
    assert found.person.tolist() == [0, 0]


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    rows = [
        frame(t / 2, float(rng.uniform(0, 900)), int(rng.integers(0, 4)), shot=t // 7, video=v)
        for v in range(3)
        for t in range(40)
    ]
    columns = columns_of(rows)
    expected = follow(columns, TrackParams())
    shuffled = rng.permutation(len(rows))
    found = follow(columns.take(shuffled), TrackParams())
    assert found.track.tolist() == expected.track[shuffled].tolist()
    assert found.person.tolist() == expected.person[shuffled].tolist()


def test_no_frames_and_no_columns_are_no_tracks() -> None:
    empty = follow(Columns({"frame_id": np.zeros(0, np.int64)}), TrackParams())
    assert empty.track.shape == empty.person.shape == (0,)
    bare = follow(Columns({"frame_id": np.arange(3)}), TrackParams())
    assert bare.track.tolist() == bare.person.tolist() == [-1, -1, -1]


def test_groups_do_not_grow_by_chains() -> None:
    # Each is near to the next, the last is far from the first.
    angles = np.radians(np.arange(0, 181, 20))
    line = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    group = cluster(line, np.ones(len(line), np.int64), np.cos(np.radians(30)))
    for name in np.unique(group):
        members = line[group == name]
        assert (members @ members.T).min() > np.cos(np.radians(61))


def test_the_best_known_leads() -> None:
    line = np.array([[1, 0], [np.cos(0.5), np.sin(0.5)], [np.cos(1), np.sin(1)]], np.float32)
    assert cluster(line, np.array([1, 9, 1]), np.cos(0.6)).tolist() == [0, 0, 0]
    assert cluster(line, np.array([9, 1, 9]), np.cos(0.6)).tolist() == [0, 0, 1]


def test_twenty_thousand_tracks_of_a_hundred_people_are_sorted_out() -> None:
    rng = np.random.default_rng(1)
    people = rng.normal(size=(100, 128))
    who = rng.integers(0, 100, 20_000)
    faces = people[who] + 0.5 * rng.normal(size=(20_000, 128))
    faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    group = cluster(faces, np.ones(len(faces), np.int64), 0.42)
    assert len(np.unique(group)) == 100
    assert len(np.unique(group * 100 + who)) == 100


def test_vectors_of_another_length_than_most_are_no_vectors() -> None:
    mixed = np.array([b"\0" * 4, b"\0" * 8, None, b"\0" * 4, b"\0" * 3], object)
    assert unpacked(mixed)[1].tolist() == [True, False, False, True, False]
