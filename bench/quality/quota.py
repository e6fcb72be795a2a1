"""Does the quota spread, and are the picks good and varied? On synthetic videos.

After the protocol of the science report, section C: 300 videos of 10 minutes at 5 candidates a
second, 6 picks each. Quality is a level per shot plus a slow and a fast part within it, and 30 %
of each video is not eligible, in stretches. Compared with the K best (no quota) and with the rule
that the studio's seed had (cap 6; only the sixth frame is tested, against the mean time of the
others). The constants of the quota were chosen on other seeds.

Looks: every shot shows one of 12 looks, a few of them most of the time, and a frame's vector
strays from its look; coverage is the mean likeness of usable frames to the nearest pick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.report import Row, bootstrap
from curation.decide.quota import Rules, Taste, allot, spread
from curation.params import QuotaParams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEED = 7
N_VIDEOS, DURATION_S, RATE, K = 300, 600.0, 5.0, 6
N_LOOKS, DIMENSIONS = 12, 24
SPLIT = "300 synthetic videos, fresh seed"


@dataclass(frozen=True)
class Track:
    """The eligible frames of one video in time order; look is one unit vector a frame."""

    time_s: Floats
    shot: Ints
    quality: Floats
    kind: Ints
    look: Floats


@dataclass(frozen=True)
class Cosines:
    """Likeness of frames by their vectors."""

    look: Floats

    def alike(self, rows: Ints, others: Ints) -> Floats:
        """Return (rows, others) likeness in 0..1."""
        return np.clip(self.look[rows] @ self.look[others].T, 0, 1)


def make_track(rng: np.random.Generator) -> Track:
    """Return one synthetic video: shots of 2 to 60 s, quality that is smooth within a shot."""
    n = int(DURATION_S * RATE)
    time_s = np.arange(n) / RATE
    lengths = np.clip(rng.lognormal(np.log(12), 0.8, n), 2, 60)
    shot = np.searchsorted(np.cumsum(lengths), time_s, side="right")
    level = rng.normal(0, 1, shot.max() + 1)[shot]
    quality = level + _smooth(rng, n, 3.0) * 0.7 + rng.normal(0, 0.3, n)
    eligible = _smooth(rng, n, 8.0) > -0.52  # 30 % of a normal distribution lies below
    often = 1 / np.arange(1, N_LOOKS + 1)
    kind = rng.choice(N_LOOKS, shot.max() + 1, p=often / often.sum())[shot]
    look = _unit(rng.normal(size=(N_LOOKS, DIMENSIONS)))[kind]
    look = _unit(look + 0.08 * rng.normal(size=(n, DIMENSIONS)))
    kept = np.flatnonzero(eligible)
    return Track(
        time_s[kept], shot[kept].astype(np.int64), quality[kept], kind[kept], look[kept]
    )


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _smooth(rng: np.random.Generator, n: int, seconds: float) -> Floats:
    """Return unit-variance noise that forgets itself over this many seconds (AR(1))."""
    keep = np.exp(-1 / (seconds * RATE))
    noise = rng.normal(0, np.sqrt(1 - keep**2), n)
    noise[0] = rng.normal()
    out = np.empty(n)
    value = 0.0
    for i in range(n):
        value = keep * value + noise[i]
        out[i] = value
    return out


def top_k(track: Track) -> Ints:
    """Take the K best."""
    return np.argsort(-track.quality, kind="stable")[:K]


def seed_rule(track: Track) -> Ints:
    """Take the five best; the sixth must lie beyond the middle of mean and far end."""
    order = np.argsort(-track.quality, kind="stable")
    taken = order[: K - 1].tolist()
    mean = float(track.time_s[taken].mean())
    low, high = float(track.time_s.min()), float(track.time_s.max())
    far = high if high - mean > mean - low else low
    middle = (mean + far) / 2
    beyond = track.time_s >= middle if far == high else track.time_s <= middle
    last = [i for i in order[K - 1 :].tolist() if beyond[i]][:1]
    return np.array(taken + last)


def studio(track: Track) -> Ints:
    """Take what the studio takes of frames whose looks nobody measured."""
    order = np.argsort(-track.quality, kind="stable")
    return order[spread(track.time_s[order], track.shot[order], K).picked]


def varied(weight: float) -> Callable[[Track], Ints]:
    """Return the studio's rule with looks that count this much."""

    def pick(track: Track) -> Ints:
        order = np.argsort(-track.quality, kind="stable")
        n = len(order)
        # Scores of the studio are percentiles of the pool.
        score = 1 - np.arange(n) / n
        taste = Taste(score, Cosines(track.look[order]), weight) if weight else None
        found = allot(np.zeros(n, np.int64), track.time_s[order], track.shot[order],
                      np.full(n, K), np.ones(n), taste=taste)
        return order[found.picked]

    return pick


def measure(track: Track, picked: Ints) -> tuple[float, ...]:
    """Return quality percentile, distinct shots, least gap, distinct looks and coverage."""
    ordered = np.sort(track.quality)
    rank = np.searchsorted(ordered, track.quality[picked], side="right") / len(ordered)
    likeness = Cosines(track.look).alike(np.arange(len(ordered)), picked)
    return (
        100 * float(rank.mean()),
        float(len(np.unique(track.shot[picked]))),
        float(np.diff(np.sort(track.time_s[picked])).min()),
        float(len(np.unique(track.kind[picked]))),
        float(likeness.max(axis=1).mean()),
    )


NAMES = ("quality percentile", "distinct shots of 6", "least gap s", "distinct looks", "coverage")


def rows(sets: Path) -> list[Row]:
    """Measure the rules; gate the studio's. The labelled sets are not needed.

    Args:
        sets: folder of the labelled sets.
    """
    rng = np.random.default_rng(SEED)
    tracks = [make_track(rng) for _ in range(N_VIDEOS)]
    default = QuotaParams().diversity
    rules: dict[str, Callable[[Track], Ints]] = {
        "studio": studio,
        f"studio, diversity {default:g}": varied(default),
        "studio, diversity 0.5": varied(0.5),
        "top-K": top_k,
        "seed": seed_rule,
    }
    gates = {"quality percentile": (97.0, 98.0), "distinct shots of 6": (5.7, 5.9),
             "least gap s": (DURATION_S / (4 * K), DURATION_S / (3 * K))}
    found = []
    for rule, pick in rules.items():
        values = np.array([measure(track, pick(track)) for track in tracks])
        for i, name in enumerate(NAMES):
            gate, goal = gates.get(name, (None, None)) if rule in list(rules)[:2] else (None, None)
            found.append(
                Row(f"{rule}: {name}", float(values[:, i].mean()), gate, goal, True, N_VIDEOS,
                    bootstrap(np.mean, values[:, i]), SPLIT)
            )
        if rule == "studio":
            found.append(Row("studio: least gap of all videos s", float(values[:, 2].min()), None,
                             None, True, N_VIDEOS, None, SPLIT))
    return found + _shares()


def _shares() -> list[Row]:
    """Return how much of a pool one long video and one person take."""
    rng = np.random.default_rng(SEED)
    lengths = [3600] + [60] * 9
    video = np.repeat(np.arange(10), lengths)
    time_s = np.concatenate([np.arange(length, dtype=np.float64) for length in lengths])
    order = rng.permutation(len(video))
    person = np.where(rng.random(len(video)) < 0.7, 0, rng.integers(1, 8, len(video)))
    n = len(order)
    found = []
    for name, rules in (("without", Rules()), ("with", Rules(per_person=12, budget=60))):
        quota = allot(video[order], time_s[order], np.full(n, -1), np.full(n, 40), np.ones(n),
                      person=person[order], rules=rules)
        best = np.flatnonzero(quota.picked)[:60]
        longest = float((video[order][best] == 0).mean())
        busiest = float((person[order][best] == 0).mean())
        split = "10 synthetic videos, one 60 times as long"
        with_rules = name == "with"
        found += [
            Row(f"{name} water filling: share of the long video in the top 60", longest,
                0.5 if with_rules else None, None, False, 60, None, split),
            Row(f"{name} a limit of 12: share of the busiest person", busiest,
                12 / len(best) if with_rules else None, None, False, 60, None, split),
        ]
    return found
