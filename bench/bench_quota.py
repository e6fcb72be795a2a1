"""Does the quota spread? `python -m bench.bench_quota` -> results/quota.json.

Synthetic videos after the protocol of the science report, section C.
300 videos of 10 minutes at 5 candidates a second, 6 picks each. Quality is a level per shot plus a
slow and a fast part within it, and 30 % of each video is not eligible, in stretches. Compared with
the K best (no quota) and with the rule that the studio's seed had (cap 6; only the sixth
frame is tested, against the mean time of the others).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.report import Row, bootstrap, write
from curation.decide.quota import spread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_VIDEOS, DURATION_S, RATE, K = 300, 600.0, 5.0, 6


@dataclass(frozen=True)
class Track:
    """The eligible frames of one video in time order."""

    time_s: Floats
    shot: Ints
    quality: Floats


def make_track(rng: np.random.Generator) -> Track:
    """Return one synthetic video: shots of 2 to 60 s, quality that is smooth within a shot."""
    n = int(DURATION_S * RATE)
    time_s = np.arange(n) / RATE
    lengths = np.clip(rng.lognormal(np.log(12), 0.8, n), 2, 60)
    cuts = np.cumsum(lengths)
    shot = np.searchsorted(cuts, time_s, side="right")
    level = rng.normal(0, 1, shot.max() + 1)[shot]
    quality = level + _smooth(rng, n, 3.0) * 0.7 + rng.normal(0, 0.3, n)
    eligible = _smooth(rng, n, 8.0) > -0.52  # 30 % of a normal distribution lies below
    return Track(time_s[eligible], shot[eligible].astype(np.int64), quality[eligible])


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
    """Take what the studio takes."""
    order = np.argsort(-track.quality, kind="stable")
    return order[spread(track.time_s[order], track.shot[order], K).picked]


def measure(track: Track, picked: Ints) -> tuple[float, float, float, float]:
    """Return (quality percentile, distinct shots, least gap in s, span share) of some picks."""
    ordered = np.sort(track.quality)
    rank = np.searchsorted(ordered, track.quality[picked], side="right") / len(ordered)
    times = np.sort(track.time_s[picked])
    return (
        100 * float(rank.mean()),
        float(len(np.unique(track.shot[picked]))),
        float(np.diff(times).min()),
        100 * float(times[-1] - times[0]) / DURATION_S,
    )


def main() -> int:
    """Measure the three rules; gate the studio's."""
    rng = np.random.default_rng(0)
    tracks = [make_track(rng) for _ in range(N_VIDEOS)]
    rules: dict[str, Callable[[Track], Ints]] = {
        "studio": studio, "top-K": top_k, "seed": seed_rule,
    }
    names = ("quality percentile", "distinct shots", "min gap s", "span %")
    gates = (96.0, 5.7, DURATION_S / (4 * K), None)
    goals = (97.5, 5.8, DURATION_S / (3 * K), None)
    rows = []
    for rule, pick in rules.items():
        start = time.process_time()
        values = np.array([measure(track, pick(track)) for track in tracks])
        spent_ms = 1e3 * (time.process_time() - start)
        for i, name in enumerate(names):
            ours = rule == "studio"
            rows.append(
                Row(
                    f"{rule}: {name}", float(values[:, i].mean()), gates[i] if ours else None,
                    goals[i] if ours else None, True, N_VIDEOS, bootstrap(np.mean, values[:, i]),
                )
            )
        rows.append(Row(f"{rule}: ms per video", spent_ms / N_VIDEOS, None, None, False, N_VIDEOS))
    worst = min(measure(track, studio(track))[2] for track in tracks)
    rows.append(Row("studio: least gap of all videos s", worst, None, None, True, N_VIDEOS))
    return write("quota", rows)


if __name__ == "__main__":
    sys.exit(main())
