"""Decisions keep to what people said about who is who."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from curation.decide import decide
from curation.decide.columns import Columns
from curation.decide.tracks import Tracks, follow
from curation.decide.who import link, listed, wanted, words_of
from curation.decide.who_learn import HIGH, LOW, Likeness, of_pairs
from curation.params import RankParams, TrackParams
from tests.unit.decide.columns import FACE, frames, spread_out
from tests.unit.test_tracks import columns_of, frame


def shots(*people: int, frames_each: int = 3, **more: Any) -> list[dict[str, Any]]:
    """Return frames of one shot for each of these people."""
    return [
        frame(10 * shot + t / 2, who=who, shot=shot, **more)
        for shot, who in enumerate(people) for t in range(frames_each)
    ]


def told(
    rows: list[dict[str, Any]], said: dict[int, int] | None = None,
    apart: dict[int, tuple[int, ...]] | None = None, names: dict[int, str] | None = None,
) -> Columns:
    """Return columns with what people said of some rows."""
    n = len(rows)
    who, name, others = np.full(n, np.nan), np.full(n, None, object), np.full(n, None, object)
    for row, person in (said or {}).items():
        who[row], name[row] = person, (names or {}).get(person)
    for row, persons in (apart or {}).items():
        others[row] = persons
    return columns_of(rows).having(person_said=who, person_name=name, person_apart=others)


def found(columns: Columns, **params: Any) -> Tracks:
    return follow(columns, TrackParams(**params))


def test_a_name_is_found_again_by_its_face() -> None:
    tracks = found(told(shots(0, 1, 0), {0: 7}, names={7: "Anna"}))
    assert tracks.person[::3].tolist() == [0, 1, 0]
    assert tracks.names == {0: "Anna"} and tracks.ids == {0: 7}


def test_two_that_people_called_one_are_one() -> None:
    tracks = found(told(shots(0, 1, 2), {0: 7, 3: 7}))
    assert tracks.person[::3].tolist() == [0, 0, 1]


def test_one_that_people_called_two_are_two() -> None:
    tracks = found(told(shots(0, 0, 0), {0: 7, 3: 8}))
    assert tracks.person[0] != tracks.person[3]
    assert tracks.ids == {int(tracks.person[0]): 7, int(tracks.person[3]): 8}


def test_somebody_told_apart_never_joins() -> None:
    tracks = found(told(shots(0, 0, 0), {0: 7}, {3: (7,)}))
    assert tracks.person[::3].tolist() == [0, 1, 0]


def test_a_track_of_two_is_parted_at_the_nearest_words() -> None:
    tracks = found(told(shots(0, frames_each=6), {0: 7, 5: 8}))
    assert len(set(tracks.track.tolist())) == 1
    assert tracks.person.tolist() == [0, 0, 0, 1, 1, 1]
    tracks = found(told(shots(0, frames_each=6), {0: 7}, {5: (7,)}))
    assert tracks.person.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_name_without_a_face_is_kept() -> None:
    rows = [frame(0, who=None), frame(20, who=0, shot=1)]
    tracks = found(told(rows, {0: 7}, names={7: "Anna"}))
    assert tracks.names[int(tracks.person[0])] == "Anna"
    nobody: dict[str, Any] = {f"face_{side}": None for side in ("x0", "y0", "x1", "y1")}
    tracks = found(told([frame(0, who=None, **nobody), frame(1)], {0: 7}, names={7: "Anna"}))
    assert tracks.track.tolist() == [-1, 0]
    assert tracks.names == {0: "Anna"} and tracks.person.tolist() == [0, 1]


def test_nothing_said_changes_nothing() -> None:
    rows = shots(0, 1, 0, 2, 1)
    silent, asked = found(columns_of(rows)), found(told(rows))
    assert silent.person.tolist() == asked.person.tolist()
    assert words_of(columns_of(rows), silent.track).said.tolist() == [-1] * 5


def test_the_order_of_rows_does_not_matter_to_words() -> None:
    columns = told(shots(0, 1, 0, 2, 1, 2), {0: 7, 10: 7, 4: 9}, {16: (7, 9)}, {7: "Anna"})
    expected = found(columns)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(columns.n)
        assert found(columns.take(order)).person.tolist() == expected.person[order].tolist()


def test_words_move_no_more_than_they_must() -> None:
    """Whatever is said of a few, who agreed without words agrees still, or was spoken of."""
    rng = np.random.default_rng(4)
    people = rng.normal(size=(30, 128))
    who = rng.integers(0, 30, 600)
    faces = people[who] + 0.4 * rng.normal(size=(600, 128))
    means = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    counts = np.ones(600, np.int64)
    said = np.full(600, -1, np.int64)
    said[:40] = who[:40] + 100
    group = link(means, counts, 0.42, said, {50: frozenset({int(who[50]) + 100})})
    assert len(np.unique(group * 100 + who)) == len(np.unique(group)) == 31
    assert (group[40:50] == [group[who == w][0] for w in who[40:50]]).all()


def test_only_those_who_are_asked_for_are_picked() -> None:
    rows = spread_out(FACE, 4, step_s=50.0)
    data = dict(frames(*rows))
    data["person_said"] = np.array([5.0, 6.0, 5.0, np.nan])
    data["person_name"] = np.array(["Anna", "Ben", "Anna", None], object)
    data["person_apart"] = np.full(4, None, object)
    both = decide(data, RankParams(person="anna, Ben"))
    assert both.reason.tolist() == ["picked", "picked", "picked", "other_person"]
    one = decide(data, RankParams(person="anna"))
    assert one.reason.tolist() == ["picked", "other_person", "picked", "other_person"]
    assert str(one.detail[1]) == "shows Ben, not Anna"
    assert str(one.detail[3]) == "shows nobody known, not Anna"
    assert sorted(one.names.values()) == ["Anna", "Ben"]
    none = decide(data, RankParams(person="Zoe"))
    assert str(none.detail[0]) == "shows Anna, not Zoe, whom nobody named"
    quota = decide(data, RankParams(per_person=1))
    assert "Anna already has 1 of 1" in " ".join(quota.detail.tolist())


@pytest.mark.parametrize(("text", "expected"), [
    ("", []), ("Anna", [0]), (" ANNA ,ben", [0, 4]), ("person 3", [3]), ("3", [3]), ("Zoe", []),
])
def test_people_are_asked_for_by_name_or_number(text: str, expected: list[int]) -> None:
    assert wanted(listed(text), {0: "Anna", 4: "Ben"}).tolist() == expected


def _normal(middle: float, spread: float, n: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(n).normal(middle, spread, n)


def test_few_pairs_hardly_move_the_threshold_and_many_do() -> None:
    shipped = Likeness()
    few = of_pairs(_normal(0.8, 0.1, 5), _normal(0.2, 0.1, 5), 5)
    assert abs(few.threshold - shipped.threshold) < 0.03
    alike = of_pairs(_normal(0.85, 0.05, 500), _normal(0.15, 0.1, 500), 500)
    assert shipped.threshold + 0.05 < alike.threshold <= HIGH
    unlike = of_pairs(_normal(0.6, 0.12, 500), _normal(0.0, 0.07, 500), 500)
    assert LOW <= unlike.threshold < shipped.threshold - 0.05
    assert of_pairs(np.zeros(0), np.zeros(0), 0).threshold == pytest.approx(shipped.threshold)


def test_expected_errors_fall_and_rise_with_the_threshold() -> None:
    alike = Likeness()
    assert alike.false_link(0.34) == pytest.approx(0.0019, abs=0.0005)
    assert alike.missed(0.48) == pytest.approx(0.05, abs=0.001)
    assert alike.false_link(0.3) > alike.false_link(0.5)
    assert alike.missed(0.3) < alike.missed(0.5)


def test_the_footage_moves_the_threshold_once_it_says_enough() -> None:
    rng = np.random.default_rng(9)
    rows: list[dict[str, Any]] = []
    said: dict[int, int] = {}
    for who in range(12):
        for shot in range(3):
            for t in range(6):
                said[len(rows)] = who
                rows.append(frame(1000 * who + 100 * shot + t / 2, who=who, shot=3 * who + shot,
                                  x=float(rng.uniform(0, 50))))
    tracks = found(told(rows, said))
    assert tracks.alike.other == 66 and tracks.alike.same > 60
    assert tracks.least == tracks.alike.threshold != TrackParams().same_person
    assert found(told(rows, said), own_threshold=False).least == TrackParams().same_person
    assert found(columns_of(rows)).least == TrackParams().same_person
