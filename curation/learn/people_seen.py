"""Tracks and persons of a whole datastore, kept in a file until something that counts changes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from curation.decide.who_learn import Likeness
from curation.errors import CurationError
from curation.params import RankParams, TrackParams
from curation.store.catalogue import Catalogue
from curation.store.clock import measured_at
from curation.store.decisions import DecisionTable

Ids = npt.NDArray[np.int64]
FORMAT = 1
FILE = Path("cache") / "people.npz"
ARRAYS = ("frame_id", "video", "time_s", "track", "person", "weight", "face", "unit_mean",
          "unit_frame", "unit_person")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is on each of n frames.

    Attributes:
        frame_id, video: (n,) int64.
        time_s: (n,) seconds.
        track, person: (n,) as in decide.tracks.Tracks.
        weight: (n,) 0..1, how much the frame tells of the face; 0 without one.
        face: (n,) bool, whether there is a face.
        unit_mean: (u, 128) float32 unit vectors of tracks with a face.
        unit_frame: (u,) the frame that shows each best.
        unit_person: (u,) numbers.
        names, ids: by number, as in decide.tracks.Tracks.
        least: cosine from which tracks were taken for one person.
        alike: what this footage says of likeness.
    """

    frame_id: Ids
    video: Ids
    time_s: npt.NDArray[np.float64]
    track: Ids
    person: Ids
    weight: npt.NDArray[np.float64]
    face: npt.NDArray[np.bool_]
    unit_mean: npt.NDArray[np.float32]
    unit_frame: Ids
    unit_person: Ids
    names: Mapping[int, str]
    ids: Mapping[int, int]
    least: float
    alike: Likeness


def seen_in(catalogue: Catalogue) -> Seen:
    """Return who is where, by the thresholds of the last ranking.

    Raises:
        CurationError: no face was ever measured.
    """
    thresholds = DecisionTable(catalogue).thresholds(RankParams.model_fields)
    params = RankParams(**thresholds).narrow(TrackParams)
    asked = {name: getattr(params, name) for name in ("same_person", "own_threshold",
                                                      "track_gap_s")}
    state = measured_at(catalogue)
    key = None if state is None else json.dumps([FORMAT, state, asked], sort_keys=True)
    path = catalogue.root / FILE
    if key is not None:
        found = _read(path, key)
        if found is not None:
            return found
    made = _made(catalogue, params)
    # A state that changed while it was read is another one: what was made counts for none.
    if key is not None and measured_at(catalogue) == state:
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            _write(path, key, made)
    return made


def forget_seen(catalogue: Catalogue) -> None:
    """Remove the file: it holds names."""
    (catalogue.root / FILE).unlink(missing_ok=True)


def _made(catalogue: Catalogue, params: TrackParams) -> Seen:
    from curation.decide.columns import Columns
    from curation.decide.tracks import follow, units_of, weights
    from curation.measures import gather

    columns = Columns(gather(catalogue).columns)
    if "identity" not in columns:
        raise CurationError(
            f"no face of {catalogue.root} is measured yet",
            catalogue.command("python 02_sort.py"),
        )
    found = follow(columns, params)
    face = columns.vectors("identity")[1]
    every = np.arange(columns.n)
    weight = np.where(face, weights(columns, every), 0.0)
    order = np.lexsort((columns.ints("frame_id"), columns.floats("time_s"), columns.ints("video")))
    words, means, known, _ = units_of(columns, found.track, order[found.track[order] >= 0])
    rows = np.flatnonzero(face & (found.track >= 0))
    rows = rows[np.lexsort((columns.ints("frame_id")[rows], -weight[rows], words.unit[rows]))]
    first = rows[np.diff(words.unit[rows], prepend=-2) != 0] if len(rows) else rows
    best = np.zeros(len(words.said), np.int64)
    best[words.unit[first]] = first
    at = best[known]
    return Seen(
        columns.ints("frame_id"), columns.ints("video"), columns.floats("time_s"), found.track,
        found.person, weight, face, means[known], columns.ints("frame_id")[at], found.person[at],
        dict(found.names), dict(found.ids), found.least, found.alike,
    )


def _write(path: Path, key: str, seen: Seen) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "key": key, "names": list(seen.names.items()), "ids": list(seen.ids.items()),
        "least": seen.least, "alike": asdict(seen.alike),
    }
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    arrays: dict[str, Any] = {name: getattr(seen, name) for name in ARRAYS}
    try:
        with part.open("wb") as file:
            np.savez(file, told=np.frombuffer(json.dumps(told).encode(), np.uint8), **arrays)
        part.chmod(0o600)  # names of people
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path, key: str) -> Seen | None:
    """Return what a file holds; None where it is of another state, or damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        with np.load(path, allow_pickle=False) as file:
            told = json.loads(file["told"].tobytes())
            if told["key"] != key:
                return None
            arrays = {name: file[name] for name in ARRAYS}
        return Seen(
            **arrays, names={int(n): str(name) for n, name in told["names"]},
            ids={int(n): int(person) for n, person in told["ids"]},
            least=float(told["least"]), alike=Likeness(**told["alike"]),
        )
    return None
