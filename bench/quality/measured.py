"""Pictures through the product's own steps into columns; kept between runs outside the tree."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.engine.batch import run_batch
from curation.engine.measure import fingerprints
from curation.params import MeasureParams
from curation.records import Frame, Measured
from curation.registry import make_steps
from curation.steps.base import Item, RgbImage
from curation.store.columns import HASHES

CACHE = Path(tempfile.gettempdir()) / "dups"
Column = npt.NDArray[Any]


def kept(name: str, key: str, make: Callable[[], Any]) -> Any:
    """Return what `make` returned the last time the key was the same, or make it now.

    Only numbers that steps with these fingerprints gave are kept, so a second run prints what
    the first did whether or not it finds them.
    """
    path = CACHE / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pkl"
    if path.is_file():
        return pickle.loads(path.read_bytes())
    made = make()
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(made))
    return made


def columns(
    name: str,
    steps: Sequence[str],
    pictures: Callable[[], Iterable[RgbImage]],
    key: str,
    given: dict[str, Measured] | None = None,
) -> dict[str, Column]:
    """Return the signals of pictures as the store would give them.

    Args:
        name: of the file they are kept in.
        steps: names of steps; those they need are run too unless `given` has them.
        pictures: yields (h, w, 3) uint8; only asked when the numbers are not kept.
        key: what the pictures are; changes when they do.
        given: what some steps are taken to have found in every picture.
    """
    given = given or {}
    every = make_steps(MeasureParams(), steps)
    prints = fingerprints(every)
    needed, open_ = set(), list(steps)
    while open_:
        name_ = open_.pop()
        if name_ not in given and name_ not in needed:
            needed.add(name_)
            open_ += next(step.needs for step in every if step.name == name_)
    made = [step for step in every if step.name in needed]
    wanted = " ".join(f"{step.name}={prints[step.name]}" for step in made)

    def measure() -> list[dict[str, Any]]:
        for step in made:
            step.setup()
        found = []
        for i, rgb in enumerate(pictures()):
            frame = Frame(i, str(i), 0, i, 0.0, Path(str(i)), rgb.shape[1], rgb.shape[0])
            signals: dict[str, Any] = {"width": rgb.shape[1], "height": rgb.shape[0]}
            for result in run_batch(made, [Item(frame, rgb, dict(given))]):
                signals |= result.measured.signals if result.measured else {}
            found.append(signals)
        for step in made:
            step.close()
        return found

    rows: list[dict[str, Any]] = kept(name, f"{key} {wanted}", measure)
    kinds = {signal: kind for step in made for signal, kind in step.produces.items()}
    table: dict[str, Column] = {
        signal: _typed(signal, [row.get(signal) for row in rows], kind)
        for signal, kind in kinds.items()
    }
    for signal in HASHES:
        if signal in kinds:
            table[f"has_{signal}"] = np.array([row.get(signal) is not None for row in rows], bool)
    for side in ("width", "height"):
        table[side] = np.array([row[side] for row in rows], np.float64)
    return table


def _typed(name: str, values: list[Any], kind: type) -> Column:
    if name in HASHES:
        return np.array([0 if value is None else value for value in values], np.int64)
    if kind in (str, bytes):
        column = np.full(len(values), None, object)
        column[:] = values
        return column
    return np.array([np.nan if value is None else value for value in values], np.float64)
