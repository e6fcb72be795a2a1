"""The film's metrics: a repeat stands for its first showing, leaks and doubles are counted."""

from __future__ import annotations

from typing import Any

import pytest

from bench.quality.film import FILM, LENGTH, RATE, Segment, counted

CUTS = [
    (Segment("one", "usable", "a.mp4"), 0.0, 4.0),
    (Segment("bad", "reject", "b.mp4"), 4.0, 8.0),
    (Segment("still", "freeze", "c.mp4"), 8.0, 10.0),
    (Segment("two", "usable", "d.mp4"), 10.0, 14.0),
    (Segment("again", "repeat", "a.mp4"), 14.0, 18.0),
]


def metrics(*times: float) -> dict[str, float]:
    frames: list[dict[str, Any]] = [{"time_s": at, "verdict": "picked"} for at in times]
    frames.append({"time_s": 5.0, "verdict": "rejected"})
    return {row.metric: row.value for row in counted(CUTS, frames)}


@pytest.mark.parametrize("times, represented, leaked, frozen, doubled", [
    ((), 0, 0, 0, 0),
    ((1.0, 11.0), 2, 0, 0, 0),
    ((15.0, 11.0), 2, 0, 0, 0),  # the repeat stands for the first showing
    ((1.0, 15.1), 1, 0, 0, 1),  # and doubles it here
    ((1.0, 17.0), 1, 0, 0, 0),  # another moment of it does not
    ((4.0, 7.9), 0, 2, 0, 0),
    ((8.0, 9.0), 0, 0, 2, 0),
])
def test_counts(
    times: tuple[float, ...], represented: int, leaked: int, frozen: int, doubled: int
) -> None:
    found = metrics(*times)
    assert found["segments represented"] == represented
    assert found["picks from reject segments"] == leaked
    assert found["copies of the freeze kept"] == frozen
    assert found["picks of the repeat that double one"] == doubled
    assert found["picks"] == len(times)


def test_the_film_has_what_the_protocol_asks_for() -> None:
    kinds = [segment.kind for segment in FILM]
    assert kinds.count("usable") == 8 and kinds.count("reject") == 6
    assert kinds.count("freeze") == kinds.count("repeat") == 1
    names = [segment.name for segment in FILM]
    assert len(set(names)) == len(names) >= 15
    repeat = next(segment for segment in FILM if segment.kind == "repeat")
    assert repeat.source in {s.source for s in FILM if s.kind == "usable"}
    assert LENGTH / RATE > 3
