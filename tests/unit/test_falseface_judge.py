"""One verdict on each face from looks, time and marks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.decide import flatness
from curation.decide.columns import Columns
from curation.decide.falseface import FLAT_WORDS, NO_MESH_WORDS, STILL_WORDS, Judged, judge
from curation.params import TrackParams

NOTHING = np.full(1, np.nan)


def said_by_time(
    monkeypatch: pytest.MonkeyPatch, logit: float, still: float = 0.0, flat: float = 0.0
) -> None:
    """Let time say this about the only track."""
    said = [np.array([value]) for value in (logit, still, flat)]
    evidence = flatness.Evidence(said[0], said[1], said[2], {}, np.array([4.0]))
    monkeypatch.setattr(flatness, "evidence", lambda columns, track: evidence)


def judged(track: list[int] | None = None, share: float = 0.1, **columns: Any) -> Judged:
    """Judge frames of one track, or of those named."""
    n = len(next(iter(columns.values())))
    data: dict[str, Any] = {"frame_id": np.arange(n)}
    data |= {
        name: np.array(values, object if name == "false_cue" else np.float64)
        for name, values in columns.items()
    }
    numbers = np.zeros(n, np.int64) if track is None else np.array(track)
    return judge(Columns(data), numbers, TrackParams(poster_share=share))


def test_a_track_has_the_median_look_of_its_frames() -> None:
    found = judged(false_logit=[-3.0, -2.0, 5.0, np.nan], track=[0, 0, 0, 0])
    assert found.p == pytest.approx(1 / (1 + np.exp(2.0)) * np.ones(4))


def test_frames_outside_tracks_are_judged_alone() -> None:
    found = judged(false_logit=[-3.0, 4.0, np.nan], track=[-1, -1, -1])
    assert found.p[:2] == pytest.approx([1 / (1 + np.exp(3.0)), 1 / (1 + np.exp(-4.0))])
    assert np.isnan(found.p[2])
    assert found.cue[2] is None


def test_the_older_probability_stands_in_for_the_logit() -> None:
    assert judged(false_p=[0.2, 0.2]).p == pytest.approx([0.2, 0.2])
    assert judged(false_p=[0.2], false_logit=[0.0]).p == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("look", "time", "low", "high"),
    [
        (-6.0, 5.0, 0.9, 1.0),  # a poster of a photograph looks real
        (-6.0, 3.0, 0.35, 0.9),
        (-6.0, 0.0, 0.0, 0.15),
        (-6.0, -5.0, 0.0, 0.01),
        (6.0, -5.0, 0.9, 1.0),  # a talking cartoon
        (0.0, -5.0, 0.3, 0.4),
        (np.nan, 5.0, 0.9, 1.0),
        (np.nan, np.nan, np.nan, np.nan),
    ],
)
def test_look_and_time_say_different_things(
    monkeypatch: pytest.MonkeyPatch, look: float, time: float, low: float, high: float
) -> None:
    said_by_time(monkeypatch, time)
    p = judged(false_logit=[look, look]).p
    assert np.isnan(p).all() if np.isnan(low) else ((low <= p) & (p <= high)).all()


def test_the_more_it_lives_the_less_it_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    last = -1.0
    for logit in np.linspace(-5, 5, 11):
        said_by_time(monkeypatch, float(logit))
        p = float(judged(false_logit=[-1.0]).p[0])
        assert p > last
        last = p


def test_time_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said_by_time(monkeypatch, 5.0)
    assert judged(false_logit=[-6.0], share=0.0).p[0] < 0.2


@pytest.mark.parametrize(
    ("columns", "time", "cue"),
    [
        ({"false_logit": [2.0], "false_cue": ["few colours"]}, NOTHING, "few colours"),
        ({"false_logit": [-5.0], "false_cue": ["few colours"]}, (4.0, 1.0, 3.0), FLAT_WORDS),
        ({"false_logit": [-5.0], "false_cue": ["few colours"]}, (4.0, 3.0, 1.0), STILL_WORDS),
        ({"false_logit": [2.0], "false_cue": [None], "mesh": [0.0]}, NOTHING, NO_MESH_WORDS),
        ({"false_logit": [2.0], "false_mark": [1.0]}, NOTHING, "marked as false"),
        ({"false_logit": [2.0], "false_mark": [0.0]}, NOTHING, "marked as real"),
    ],
)
def test_the_strongest_cue_is_named(
    monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], time: Any, cue: str
) -> None:
    if len(time) == 3:
        said_by_time(monkeypatch, *time)
    assert judged(**columns).cue.tolist() == [cue]


def test_no_mesh_is_weak_evidence() -> None:
    without = judged(false_logit=[-1.0, -1.0], mesh=[0.0, 0.0]).p[0]
    half = judged(false_logit=[-1.0, -1.0], mesh=[1.0, 0.0]).p[0]
    found = judged(false_logit=[-1.0, -1.0], mesh=[1.0, 1.0]).p[0]
    assert found < half < without < 0.6
    cut = judged(false_logit=[-1.0], mesh=[0.0], face_x0=[0.0]).p[0]
    assert cut == found


def test_a_mark_decides_for_the_whole_track_and_only_for_it() -> None:
    found = judged(
        track=[0, 0, 1, 1], false_logit=[-5.0, -5.0, 4.0, 4.0],
        false_mark=[1.0, np.nan, 0.0, np.nan],
    )
    assert (found.p[:2] > 0.95).all()
    assert (found.p[2:] < 0.05).all()


def test_time_alone_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    said_by_time(monkeypatch, 2.0, still=1.0, flat=-1.0)
    found = judged(false_logit=[0.0])
    assert found.p_still[0] > 0.5 > found.p_flat[0]
    monkeypatch.undo()
    assert np.isnan(judged(false_logit=[0.0]).p_still).all()


def test_nothing_is_judged_without_frames() -> None:
    found = judge(
        Columns({"frame_id": np.zeros(0, np.int64)}), np.zeros(0, np.int64), TrackParams()
    )
    assert found.p.shape == found.cue.shape == (0,)
