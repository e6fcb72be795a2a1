"""What a report tells of a set of frames: counts, times, refusals, repeats, lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Columns
from curation.decide.coverage import UNUSABLE, Coverage, coverage, kinds
from curation.decide.reasons import REASONS

if TYPE_CHECKING:
    from curation.decide import Decisions

Bools = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]

AXES = (
    "turn of the head", "tilt of the head", "framing", "seen from behind", "expression", "light",
    "person",
)
MOST_VIDEOS, TIME_BINS = 60, 100
MISSES, MOST_REASONS = 6, 14
MOST_KEEPERS, REPEATS_SHOWN = 6, 4
THIN_SHARE = 0.25
"""A kind is thin with less than this share of what an even spread would give it."""
HISTOGRAM_BINS = 24
MEASURES = (
    ("score", "score", ""), ("focus_s", "sharpness S of the face", ""),
    ("yaw_deg", "turn of the head", "degrees"), ("pitch_deg", "tilt of the head", "degrees"),
    ("smile", "smile", ""), ("luma_mean", "brightness", "0-255"),
    ("face_height_frac", "height of the face", "share of the picture"),
)
REPEATS = ("duplicate_exact", "duplicate_burst", "duplicate_near", "duplicate_subject",
           "duplicate_crop")


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the page shows; frames are by number, in the order in which they are shown.

    Attributes:
        title, about: what the set is.
        numbers: (what, how many) for the head of the page.
        axes: what the set holds by kind, see decide.coverage.
        crossed: (name, column names, [(row name, (picked, available) of each column)]).
        histograms: (title, unit, lowest, highest, counts of usable, counts of the set).
        videos: name, length_s, available and picked of TIME_BINS parts, picks (number, time_s).
        others: videos that are not drawn, and the frames of the set in them.
        refused: reason, count, advice, frames that came closest.
        repeats: frame, how many it stands for, some of these.
        film, look, thin: what to do next, in words; `look` with the frame that came furthest.
        people: name, frames of the set, usable frames, note of consent.
        frames: number -> video, time_s, pool, detail, score, person.
        picks: pool -> numbers, best first.
    """

    title: str
    about: str
    numbers: list[tuple[str, str]]
    axes: list[dict[str, Any]]
    crossed: list[tuple[str, list[str], list[tuple[str, list[tuple[int, int]]]]]]
    histograms: list[tuple[str, str, float, float, list[int], list[int]]]
    videos: list[dict[str, Any]]
    others: tuple[int, int]
    refused: list[dict[str, Any]]
    repeats: list[dict[str, Any]]
    film: list[str]
    look: list[tuple[str, int, str]]
    thin: list[str]
    people: list[tuple[str, int, int, str]]
    frames: dict[int, dict[str, Any]] = field(default_factory=dict)
    picks: dict[str, list[int]] = field(default_factory=dict)


def gather(
    title: str,
    data: Mapping[str, Column],
    decisions: Decisions,
    videos: Mapping[int, tuple[str, float]],
    chosen: Bools | None = None,
    by_hand: Mapping[int, str] | None = None,
    consents: Mapping[str, str] | None = None,
    about: str = "",
) -> Facts:
    """Return the facts about a set of frames.

    Args:
        data: all measures, n rows.
        decisions: about them, in their order.
        videos: number -> name and length in seconds, in the order in which they are listed.
        chosen: (n,) the frames of the set; None means the picks.
        by_hand: frame number -> picked_by_hand or rejected_by_hand, what people applied.
        consents: person's name -> note.
    """
    columns = Columns.of(data)
    ids = columns.ints("frame_id")
    reason = decisions.reason.copy()
    verdict = decisions.verdict.copy()
    for row, frame_id in enumerate(ids.tolist()) if by_hand else ():
        if by_hand and frame_id in by_hand:
            reason[row] = by_hand[frame_id]
            verdict[row] = REASONS[by_hand[frame_id]].verdict
    own = chosen is not None
    mine = np.asarray(verdict == "picked" if chosen is None else chosen, np.bool_)
    made = replace(decisions, reason=reason, verdict=np.where(mine, "picked", np.where(
        verdict == "picked", "rejected", verdict)).astype(object))
    usable = np.asarray(~np.isin(reason.astype(str), list(UNUSABLE)) | mine, np.bool_)
    names = {number: name for number, (name, _) in videos.items()}
    held = coverage(columns, made, names)
    by_kind = kinds(columns, made, names)
    tell = _Teller(columns, made, names)
    picks = _picks(made, mine, ids)
    film, look, thin = _next(held, own)
    refused = [] if own else _refused(made, mine, ids)
    repeats = _repeats(made, ids)
    timelines, others = _timelines(columns, usable, mine, videos)
    wanted = {
        *(n for numbers in picks.values() for n in numbers[:200]),
        *(n for one in refused for n in one["near"]),
        *(n for one in repeats for n in (one["keeper"], *one["some"])),
        *(number for _, number, _ in look),
    }
    hours = sum(length_s for _, length_s in videos.values()) / 3600
    people = _people(by_kind, mine, usable, consents or {})
    return Facts(
        title, about or "the frames that are picked",
        [
            ("frames in the set", f"{int(mine.sum()):,}"),
            ("usable frames", f"{int(usable.sum()):,}"),
            ("frames looked at", f"{columns.n:,}"),
            ("videos", f"{len(videos):,}"),
            ("hours of footage", f"{hours:,.2f}"),
            ("people", f"{len(people):,}"),
        ],
        [
            {"name": axis.name, "known": axis.known,
             "bins": [(one.name, one.picked, one.available) for one in axis.bins]}
            for axis in held.axes if axis.name in AXES and axis.known
        ],
        [
            crossed for first, second in (
                ("framing", "turn of the head"), ("framing", "light"), ("person", "framing"),
                ("person", "turn of the head"),
            ) if (crossed := _crossed(by_kind, first, second, usable, mine)) is not None
        ],
        _histograms(columns, made, usable, mine), timelines, others, refused, repeats, film, look,
        thin, people, {number: tell(number) for number in sorted(wanted)}, picks,
    )


class _Teller:
    """Says of a frame what is written under its picture."""

    def __init__(self, columns: Columns, made: Decisions, names: Mapping[int, str]) -> None:
        self.made, self.names = made, names
        self.row = {n: row for row, n in enumerate(columns.ints("frame_id").tolist())}
        self.video, self.time_s = columns.ints("video"), columns.floats("time_s")

    def __call__(self, number: int) -> dict[str, Any]:
        row, made = self.row[number], self.made
        video = int(self.video[row])
        person = int(made.person[row]) if len(made.person) else -1
        return {
            "video": self.names.get(video, f"video {video}"),
            "time_s": float(self.time_s[row]),
            "pool": str(made.pool[row]),
            "reason": str(made.reason[row]),
            "detail": str(made.detail[row]),
            "score": float(made.score[row]) if np.isfinite(made.score[row]) else None,
            "person": "" if person < 0 else made.names.get(person) or f"person {person}",
        }


def _picks(made: Decisions, mine: Bools, ids: Column) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    rows = np.flatnonzero(mine)
    rank = np.where(made.rank[rows] > 0, made.rank[rows], np.iinfo(np.int64).max)
    for row in rows[np.lexsort((-np.nan_to_num(made.score[rows], nan=-1), rank))].tolist():
        found.setdefault(str(made.pool[row]), []).append(int(ids[row]))
    return dict(sorted(found.items()))


def _refused(made: Decisions, mine: Bools, ids: Column) -> list[dict[str, Any]]:
    """Return why frames are not in the set, most frequent first, with the closest misses."""
    found: list[dict[str, Any]] = []
    counts = Counter(made.reason[~mine].tolist())
    for code, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        rows = np.flatnonzero((made.reason == code) & ~mine)
        score = np.nan_to_num(made.score[rows], nan=-1.0)
        near = rows[np.lexsort((rows, -score))][:MISSES] if len(found) < MOST_REASONS else rows[:0]
        found.append({
            "code": code, "count": count, "verdict": REASONS[code].verdict,
            "advice": REASONS[code].advice, "near": ids[near].tolist(),
        })
    return found


def _repeats(made: Decisions, ids: Column) -> list[dict[str, Any]]:
    """Return the frames that stand for most others."""
    rows = np.flatnonzero(np.isin(made.reason.astype(str), REPEATS) & (made.keeper != 0))
    if not len(rows):
        return []
    keeper, counts = np.unique(made.keeper[rows], return_counts=True)
    order = np.lexsort((keeper, -counts))[:MOST_KEEPERS]
    known = set(ids.tolist())
    return [
        {
            "keeper": int(keeper[at]), "count": int(counts[at]),
            "some": ids[rows[made.keeper[rows] == keeper[at]][:REPEATS_SHOWN]].tolist(),
        }
        for at in order.tolist() if int(keeper[at]) in known
    ]


def _crossed(
    by_kind: Mapping[str, Mapping[str, Bools]], first: str, second: str, usable: Bools, mine: Bools
) -> tuple[str, list[str], list[tuple[str, list[tuple[int, int]]]]] | None:
    """Return how many frames are of both kinds; None where nothing is known of one of them."""
    rows = [(name, mask) for name, mask in by_kind[first].items() if (mask & usable).any()][:20]
    across = [(name, mask) for name, mask in by_kind[second].items()]
    if not rows or not any((mask & usable).any() for _, mask in across):
        return None
    return f"{first} and {second}", [name for name, _ in across], [
        (name, [
            (int((mask & other & mine).sum()), int((mask & other & usable).sum()))
            for _, other in across
        ])
        for name, mask in rows
    ]


def _histograms(
    columns: Columns, made: Decisions, usable: Bools, mine: Bools
) -> list[tuple[str, str, float, float, list[int], list[int]]]:
    found = []
    for name, title, unit in MEASURES:
        values = made.score if name == "score" else columns.floats(name)
        known = np.isfinite(values) & usable
        if known.sum() < 2:
            continue
        low, high = (float(v) for v in np.percentile(values[known], (0.5, 99.5)))
        if not high > low:
            continue
        clipped = np.clip(values, low, high)
        every, _ = np.histogram(clipped[known], HISTOGRAM_BINS, (low, high))
        own, _ = np.histogram(clipped[known & mine], HISTOGRAM_BINS, (low, high))
        found.append((title, unit, low, high, every.tolist(), own.tolist()))
    return found


def _timelines(
    columns: Columns, usable: Bools, mine: Bools, videos: Mapping[int, tuple[str, float]]
) -> tuple[list[dict[str, Any]], tuple[int, int]]:
    """Return where in each video usable frames and those of the set are; fullest videos first."""
    video, time_s = columns.ints("video"), columns.floats("time_s")
    ids = columns.ints("frame_id")
    numbers = list(videos)
    own = {n: int(c) for n, c in zip(*np.unique(video[mine], return_counts=True), strict=True)}
    drawn = sorted(numbers, key=lambda n: -own.get(n, 0))[:MOST_VIDEOS]
    found = []
    for number in [n for n in numbers if n in set(drawn)]:
        name, length_s = videos[number]
        rows = np.flatnonzero(video == number)
        last = float(time_s[rows].max(initial=0))
        length_s = max(length_s, last, 1e-3)
        at = np.clip(time_s[rows] / length_s * TIME_BINS, 0, TIME_BINS - 1).astype(np.int64)
        found.append({
            "name": name, "length_s": length_s, "frames": len(rows),
            "available": np.bincount(at[usable[rows]], minlength=TIME_BINS).tolist(),
            "picks": [
                (int(ids[row]), float(time_s[row])) for row in rows[mine[rows]].tolist()
            ],
        })
    rest = [n for n in numbers if n not in set(drawn)]
    return found, (len(rest), sum(own.get(n, 0) for n in rest))


def _people(
    by_kind: Mapping[str, Mapping[str, Bools]], mine: Bools, usable: Bools,
    consents: Mapping[str, str],
) -> list[tuple[str, int, int, str]]:
    listed = [
        (name, int((mask & mine).sum()), int((mask & usable).sum()), consents.get(name, ""))
        for name, mask in by_kind["person"].items()
    ]
    return sorted((one for one in listed if one[2]), key=lambda one: (-one[1], -one[2], one[0]))


def _next(
    held: Coverage, own: bool
) -> tuple[list[str], list[tuple[str, int, str]], list[str]]:
    """Return what to film, what to look at again in the footage, and of what there is little."""
    film, look, thin = [], [], []
    for lack in held.lacking:
        if lack.best is None:
            if lack.bin:
                film.append(f"{lack.bin} ({lack.axis})")
            else:
                film.append(lack.text)
        elif lack.axis != "video":
            code = lack.reason
            advice = "take it in" if own or code not in REASONS else REASONS[code].advice
            many = f"{lack.candidates:,} frame{'s' if lack.candidates > 1 else ''}"
            look.append((f"{lack.bin}: {many} in the footage, none in the set", lack.best,
                         f"{code.replace('_', ' ')}: {advice}"))
    for axis in held.axes:
        bins = [one for one in axis.bins if one.available]
        total = sum(one.picked for one in bins)
        if axis.name not in AXES or len(bins) < 2 or not total:
            continue
        for one in bins:
            if 0 < one.picked < THIN_SHARE * total / len(bins):
                left = one.available - one.picked
                thin.append(
                    f"{one.name}: {one.picked} of {total}; {left:,} more in the footage"
                    if left else f"{one.name}: {one.picked} of {total}, and no more in the footage"
                )
    return film, look, thin
