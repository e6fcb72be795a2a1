"""How fast is a taste learned, and how well? `python -m bench.bench_taste` -> results/taste.json.

Simulated raters on measured frames of real clips and pictures (bench/taste_data.py): half of what
they like is technical (seven measures, weights of either sign), half is how frames look (twelve
principal components; in the rows of another taste 24, so that nothing of what is known beforehand
helps); they give five levels of stars with noise, a third of a spread. Two thirds
of the frames can be rated, rank correlation with the true taste is taken on the others. Frames are
proposed as the studio proposes them: two of three by doubt, one by chance.

The rows of who is who (bench_people) and of export (bench_export) stand in the same file.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from bench.report import Row, bootstrap, write
from bench.taste_data import filled
from curation.engine.machine import single_threaded
from curation.learn.taste_choose import choose
from curation.learn.taste_features import Basis, Raw, basis_of, raw
from curation.learn.taste_fit import Said, Taste, learn
from curation.learn.taste_metrics import calibration_error, spearman
from curation.learn.taste_read import Calibration, rating_of
from curation.store.columns import load

Floats = npt.NDArray[np.float64]

RATERS = 24
STEPS = (15, 30, 50, 100, 200)
GATES: dict[int, tuple[float | None, float | None]] = {
    15: (None, None), 30: (0.74, 0.80), 50: (0.84, 0.88), 100: (None, None), 200: (None, None),
}
ENOUGH = 300
"""Frames from which gates hold: the clips of packages alone are a handful of scenes."""
AT_ONCE = 5
NOISE = 1 / 3
TECHNICAL = ("part_focus", "part_pose", "part_face", "part_exposure", "luma_mean", "eye_open",
             "face_height_frac")
COMPONENTS, OTHER_COMPONENTS = 12, 24
REFIT_RATINGS, REFIT_FRAMES = 500, 20_000
LARGE = 240_000
REFIT_GATE_MS, REFIT_GOAL_MS = 250.0, 100.0
OTHERS = ("bench.bench_people", "bench.bench_export")


class World:
    """Frames as the studio knows them, and the two halves of what raters see in them."""

    def __init__(self, plain: Raw) -> None:
        self.basis: Basis = basis_of(plain)
        rows = np.flatnonzero((plain.pool >= 0) & plain.has_look)
        self.x = self.basis.table(plain)[rows]
        names = self.basis.features
        self.technical = np.stack([self.x[:, names.index(n)] for n in TECHNICAL], 1).astype(float)
        look = plain.look[rows].astype(np.float64)
        u, _, _ = np.linalg.svd(look - look.mean(0), full_matrices=False)
        self.looks = u * np.sqrt(len(u))

    def rater(self, rng: np.random.Generator, components: int) -> tuple[Floats, Floats]:
        """Return (n,) what frames are worth to somebody, and (n,) the stars they give."""
        halves = [values @ rng.normal(size=values.shape[1])
                  for values in (self.technical, self.looks[:, :components])]
        worth = _even(_even(halves[0]) + _even(halves[1]))
        noisy = worth + rng.normal(0, NOISE, len(worth))
        return worth, 1.0 + np.digitize(noisy, np.quantile(noisy, (0.2, 0.4, 0.6, 0.8)))


def _even(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def learned(world: World, stars: Floats, rated: list[int]) -> Taste:
    """Return what ratings of some frames teach."""
    if not rated:
        return Taste(world.basis.prior.head(), Calibration.none())
    given = stars[rated]
    told = Said(rating_of(given), np.ones(len(rated)), (given > 3.5).astype(float),
                np.zeros(len(rated), np.int64), given)
    return learn(world.x[rated].astype(np.float64), told, world.basis.prior, np.arange(len(rated)))


def one_rater(
    world: World, seed: int, active: bool, components: int = COMPONENTS
) -> dict[str, list[float]]:
    """Return rank correlation and calibration error after each of STEPS, and the error that frames
    would show that are kept exactly as often as is said ("least"): it falls with their number."""
    rng = np.random.default_rng(seed)
    worth, stars = world.rater(rng, components)
    order = rng.permutation(len(worth))
    test, free = order[: len(order) // 3], order[len(order) // 3 :]
    rated: list[int] = []
    taste = learned(world, stars, rated)
    found: dict[str, list[float]] = {"rho": [], "ece": [], "least": []}
    for step in STEPS:
        while len(rated) < min(step, len(free)):
            count = min(AT_ONCE, step - len(rated))
            left = np.setdiff1d(free, rated)
            if active:
                chosen = choose(taste.head, world.x, left, count, rng, len(rated))
                rated += [row for row, _ in chosen]
            else:
                rated += rng.choice(left, count, replace=False).tolist()
            taste = learned(world, stars, rated)
        p, _ = taste.read(world.x[test])
        found["rho"].append(spearman(p, worth[test]))
        kept = (stars[test] > 3.5).astype(float)
        found["ece"].append(calibration_error(p, kept, np.ones(len(test))))
        by_chance = (rng.random(len(p)) < p).astype(float)
        found["least"].append(calibration_error(p, by_chance, np.ones(len(test))))
    return found


def rater_rows(world: World) -> list[Row]:
    """Return how well simulated tastes are known after so many ratings."""
    n, made = len(world.x), []
    for active, components, how in (
        (True, COMPONENTS, "asked as proposed"), (False, COMPONENTS, "asked by chance"),
        (True, OTHER_COMPONENTS, "another taste, asked as proposed"),
    ):
        gated = active and components == COMPONENTS
        runs = [one_rater(world, seed, active, components) for seed in range(RATERS)]
        for k, step in enumerate(STEPS):
            values = np.array([run["rho"][k] for run in runs])
            gate, goal = GATES[step] if gated and n >= ENOUGH else (None, None)
            made.append(Row(
                f"simulated raters, {how}: rank correlation at {step}", float(values.mean()), gate,
                goal, True, RATERS, bootstrap(np.mean, values), f"a third of {n} frames, unseen"))
        if gated:
            for key, gate, goal, what in (("ece", 0.12, 0.05, ""),
                                          ("least", None, None, ", if it were perfect")):
                values = np.array([run[key][STEPS.index(100)] for run in runs])
                made.append(Row(
                    f"simulated raters: calibration error at 100{what}", float(values.mean()), gate,
                    goal, False, RATERS, bootstrap(np.mean, values), "unseen frames"))
    return made


def cpu_ms(work: Callable[[], object], rounds: int = 7) -> float:
    """Return the least processor time of a few rounds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(1e3 * (time.process_time() - start))
    return min(spent)


def refit_rows(world: World) -> list[Row]:
    """Return what one more rating costs, all predictions included."""
    rng = np.random.default_rng(0)
    _, stars = world.rater(rng, COMPONENTS)
    rated = rng.integers(len(stars), size=REFIT_RATINGS).tolist()
    made = []
    for frames, gate, goal in ((REFIT_FRAMES, REFIT_GATE_MS, REFIT_GOAL_MS), (LARGE, None, None)):
        x = np.ascontiguousarray(world.x[rng.integers(len(stars), size=frames)])

        def refit(x: npt.NDArray[np.float32] = x) -> object:
            return learned(world, stars, rated).read(x)

        made.append(Row(f"refit at {REFIT_RATINGS} ratings, {frames:,} frames: ms", cpu_ms(refit),
                        gate, goal, False, frames))
    made.append(Row(f"refit at {REFIT_RATINGS} ratings, no prediction: ms",
                    cpu_ms(lambda: learned(world, stars, rated)), None, None, False, REFIT_RATINGS))
    head = learned(world, stars, rated).head
    left = np.arange(len(world.x))
    made.append(Row("twelve proposals: ms", cpu_ms(
        lambda: choose(head, world.x, left, 12, np.random.default_rng(0)), 3), None, None, False,
        len(left)))
    return made


def main() -> int:
    """Measure taste, then what stands in the same file."""
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        single_threaded()  # waiting threads of the algebra library would count as processor time
        os.execv(sys.executable, [sys.executable, "-m", "bench.bench_taste", *sys.argv[1:]])
    studio = filled()
    try:
        world = World(raw(load(studio.catalogue)))
    finally:
        studio.close()
    rows = rater_rows(world) + refit_rows(world)
    if "--only" not in sys.argv[1:]:
        for name in OTHERS:
            if find_spec(name) is not None:
                rows += import_module(name).rows()
    return write("taste", rows)


if __name__ == "__main__":
    sys.exit(main())
