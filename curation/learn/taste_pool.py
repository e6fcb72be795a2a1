"""The features of all frames of a datastore, made once for each state of its measures.

They lie in cache/taste/ as a file that is mapped, as vectors do for the review: what ratings move
is a matrix product away.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.taste_features import Basis, Table, basis_of, raw
from curation.store.catalogue import Catalogue
from curation.store.clock import clocks

KEPT = 2
VERSION = 1
"""Moves when features would come out otherwise from the same measures."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The n frames of a datastore as features.

    Attributes:
        basis: how they were made.
        x: (n, p) float32, in the order of the columns; may be mapped from a file.
        known: (n,) frames that were measured.
        picked_from: (n,) frames of the pools that picks come from.
        frame_id: (n,).
        video: (n,).
        shot: (n,).
    """

    basis: Basis
    x: Table
    known: npt.NDArray[np.bool_]
    picked_from: npt.NDArray[np.bool_]
    frame_id: npt.NDArray[np.int64]
    video: npt.NDArray[np.int64]
    shot: npt.NDArray[np.int64]

    def rows_of(self, frame_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the row of each frame, -1 where there is none."""
        if not len(self.frame_id):
            return np.full(len(frame_ids), -1, np.int64)
        order = np.argsort(self.frame_id, kind="stable")
        at = np.searchsorted(self.frame_id, frame_ids, sorter=order)
        at = order[np.minimum(at, len(order) - 1)]
        return np.where(self.frame_id[at] == frame_ids, at, -1)

    def groups(self) -> npt.NDArray[np.int64]:
        """Return (n,) numbers of what belongs together: videos, shots where there is one video."""
        if len(np.unique(self.video)) > 1:
            return self.video
        return self.shot


def pool_of(
    catalogue: Catalogue, columns: Mapping[str, npt.NDArray[Any]], basis: Basis | None = None
) -> Pool:
    """Return the features of all frames.

    Args:
        columns: as store.columns.load returns them.
        basis: of a scorer; None takes the scale and the components of these frames.
    """
    now = clocks(catalogue)
    about = "own" if basis is None else json.dumps(
        [list(basis.names), basis.centre.tolist(), basis.spread.tolist(),
         basis.look_mean.tolist(), basis.look_axes.tolist()])
    key = hashlib.sha256(repr((VERSION, about, now)).encode()).hexdigest()[:20]
    ids, video, shot = (
        np.asarray(columns[name], np.int64) for name in ("frame_id", "video", "shot")
    )
    path = catalogue.root / "cache" / "taste" / f"features-{key}.d"
    if now is not None and (found := _mapped(path, len(ids))) is not None:
        return Pool(*found, ids, video, shot)
    plain = raw(columns)
    made = basis_of(plain) if basis is None else basis
    x = made.table(plain)
    inside = plain.known & (plain.pool >= 0)
    if now is not None:
        _keep(path, made, x, plain.known, inside)
    return Pool(made, x, plain.known, inside, ids, video, shot)


def _mapped(path: Path, n: int) -> tuple[Basis, Table, Any, Any] | None:
    try:
        text = json.loads((path / "basis.json").read_text("utf-8"))
        basis = Basis(tuple(text["names"]), *(
            np.array(text[name], np.float64).reshape(shape)
            for name, shape in (("centre", -1), ("spread", -1), ("look_mean", -1),
                                ("look_axes", (-1, max(len(text["look_mean"]), 1))))
        ))
        x = np.load(path / "x.npy", mmap_mode="r", allow_pickle=False)
        flags = np.load(path / "flags.npy", allow_pickle=False)
        if x.shape != (n, len(basis.kinds)) or flags.shape != (2, n):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return basis, x, flags[0], flags[1]


def _keep(path: Path, basis: Basis, x: Table, *flags: npt.NDArray[np.bool_]) -> None:
    """Write the files, whole or not at all; a full disk keeps none."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        np.save(part / "x.npy", x)
        np.save(part / "flags.npy", np.stack(flags))
        (part / "basis.json").write_text(json.dumps({
            "names": list(basis.names), "centre": basis.centre.tolist(),
            "spread": basis.spread.tolist(), "look_mean": basis.look_mean.tolist(),
            "look_axes": basis.look_axes.tolist()}), "utf-8")
        part.rename(path)
    except OSError:
        _remove(part)
        return
    by_age = sorted(path.parent.glob("features-*.d"), key=lambda p: p.stat().st_mtime)
    for old in by_age[:-KEPT]:
        _remove(old)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        for file in folder.glob("*"):
            file.unlink(missing_ok=True)
        folder.rmdir()
