"""The one form of every benchmark's result: a JSON list, a table, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One metric.

    Attributes:
        gate: the value that a merge needs, or None where nothing is promised yet.
        goal: the value we are after.
        n: items behind the value.
        interval: 95 % interval, or None.
        split: what the value was taken on, such as "grouped folds by source".
    """

    metric: str
    value: float
    gate: float | None
    goal: float | None
    higher_is_better: bool
    n: int
    interval: tuple[float, float] | None = None
    split: str = ""

    @property
    def missed(self) -> bool:
        """Whether the gate is missed; a value that is not a number misses it."""
        if self.gate is None:
            return False
        good = self.value >= self.gate if self.higher_is_better else self.value <= self.gate
        return not good


def bootstrap(
    metric: Callable[..., float],
    *columns: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    rounds: int = 400,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of metric(*columns), resampling groups.

    Args:
        columns: arrays of one length n.
        groups: n group names; whole groups are drawn, because pictures of one source agree.
    """
    arrays = [np.asarray(column) for column in columns]
    names = np.arange(len(arrays[0])) if groups is None else np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        value = metric(*(array[drawn] for array in arrays))
        if np.isfinite(value):
            values.append(value)
    if not values:
        return (float("nan"), float("nan"))
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def write(name: str, rows: Sequence[Row]) -> int:
    """Write bench/results/NAME.json, print the table, return 1 when a gate is missed."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    print(f"{'metric':56} {'value':>9} {'gate':>8} {'goal':>8} {'n':>6}  95 % interval; split")
    for row in rows:
        gate, goal = (f"{x:8.4g}" if x is not None else " " * 8 for x in (row.gate, row.goal))
        span = f"{row.interval[0]:.4g}..{row.interval[1]:.4g}" if row.interval else ""
        mark = "  MISSED" if row.missed else ""
        about = "; ".join(text for text in (span, row.split) if text)
        print(f"{row.metric:56} {row.value:9.4g} {gate} {goal} {row.n:6d}  {about}{mark}")
    return int(any(row.missed for row in rows))
