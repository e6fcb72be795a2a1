"""Who is who, on labelled pairs made from the bench clips: precision, recall, calibration, scale.

    python -m bench.bench_people            prints the table
    bench.bench_people.rows()               what bench_taste writes with its own

Clips of one person each are cut into pieces of two seconds, each a video of its own, and every
clip is there a second time, shrunk to 160 px and compressed hard. A pair is two frames of two
pieces; it is one person's where the clip is one. Shots and places tell nothing: only faces do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.quality.camera_moves import write_film
from bench.quality.track_clips import (
    MIXED_CLIPS,
    SMALL_CRF,
    SMALL_FPS,
    labels,
    measured,
    shrunk,
)
from bench.quality.tracks import TWO_IN_PICTURE
from bench.report import Row, bootstrap
from curation.decide.columns import Columns
from curation.decide.tracks import follow
from curation.decide.who import link
from curation.params import MeasureParams, TrackParams
from curation.registry import make_steps

Ints = npt.NDArray[np.int64]
BESIDE = Path(__file__).parents[2] / "shared" / "bench"
PIECE = 4
"""Frames of a piece: two seconds as stored."""
SPLIT = "clips of one person each, pieces of 2 s and small copies; as shipped"
TRACKS, PEOPLE = 20_000, 500
STEPS = ("faces", "landmarks", "identity")
NAMES = ("time_s", "shot", "identity", "identity_px", "yaw_deg", "face_x0", "face_y0", "face_x1",
         "face_y1")  # fmt: skip
"""What identity reads of the frames."""


def rows(sets: Path | None = None) -> list[Row]:
    """Return the metrics of identity; without the labelled sets only what needs none."""
    sets = sets or Path(os.environ.get("CURATION_BENCH", BESIDE))
    if not sets.is_dir():
        return [_large()]
    columns, person = pieces(list(_clips(sets)))
    return [*_linked(columns, person), *_with_words(columns, person), _large()]


def _clips(sets: Path) -> Iterator[tuple[str, dict[str, npt.NDArray[Any]]]]:
    """Yield the stored frames of each clip of one person, twice: as it is, and small."""
    steps = make_steps(MeasureParams(second_opinion=False), STEPS)
    for step in steps:
        step.setup()
    leave = (*MIXED_CLIPS, *TWO_IN_PICTURE)
    names = sorted({row["file"] for row in labels(sets) if row["label"] == "real"} - set(leave))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                path, small = sets / "videos" / "clips" / name, Path(folder) / "small.mp4"
                yield name, measured(path, steps, Path(folder))
                write_film(small, shrunk(path), SMALL_FPS, SMALL_CRF)
                yield name, measured(small, steps, Path(folder))
    finally:
        for step in steps:
            step.close()


def pieces(
    clips: Sequence[tuple[str, dict[str, npt.NDArray[Any]]]], size: int = PIECE
) -> tuple[Columns, Ints]:
    """Return frames whose videos are pieces of clips, and (n,) which clip each is of."""
    clips = [clip for clip in clips if len(clip[1]["frame_id"])]
    names = sorted({name for name, _ in clips})
    video, person, last = [], [], 0
    for name, columns in clips:
        n = len(columns["frame_id"])
        video.append(last + np.arange(n) // size)
        person.append(np.full(n, names.index(name)))
        last = int(video[-1].max()) + 1
    data = {name: np.concatenate([columns[name] for _, columns in clips]) for name in NAMES}
    data["video"] = np.concatenate(video)
    data["frame_id"] = np.arange(1, len(data["video"]) + 1)
    return Columns(data), np.concatenate(person).astype(np.int64)


def pair_scores(found: Ints, person: Ints, video: Ints) -> tuple[float, float, int, int]:
    """Return precision and recall of "one person" over pairs of frames of different pieces.

    Args:
        found: (n,) numbers of persons, -1 where nobody is known: such frames make no pair.
        person: (n,) who it is.
        video: (n,) piece.

    Returns:
        precision, recall, and the pairs of one person and of two.
    """
    known = found >= 0
    found, person, video = found[known], person[known], video[known]
    one, two = np.triu_indices(len(found), 1)
    across = video[one] != video[two]
    same, said = ((of[one] == of[two])[across] for of in (person, found))
    both = float((same & said).sum())
    return (both / max(said.sum(), 1), both / max(same.sum(), 1), int(same.sum()),
            int((~same).sum()))  # fmt: skip


def _linked(columns: Columns, person: Ints) -> list[Row]:
    video = columns.ints("video")
    found = follow(columns, TrackParams()).person
    precision, recall, same, other = pair_scores(found, person, video)

    def spread(which: int) -> tuple[float, float]:
        """Return an interval: whole people are drawn, as their frames agree."""
        return bootstrap(
            lambda a, b, c: pair_scores(a, b, c)[which], found, person, video, groups=person,
            rounds=100,
        )

    single = follow(Columns({**_plain(columns), "video": np.arange(columns.n)}), TrackParams())
    hard = pair_scores(single.person, person, np.arange(columns.n))
    known = float((found >= 0).mean())
    return [
        Row("identity: pair precision", precision, 0.99, 0.99, True, same + other, spread(0),
            SPLIT),
        Row("identity: pair recall", recall, 0.95, 0.95, True, same, spread(1), SPLIT),
        Row("identity: pair precision, each frame alone", hard[0], 0.99, 0.99, True,
            hard[2] + hard[3], None, SPLIT),
        Row("identity: pair recall, each frame alone", hard[1], None, 0.95, True, hard[2], None,
            SPLIT),
        Row("identity: people found per person", len(np.unique(found[found >= 0]))
            / len(np.unique(person)), 1.3, 1.0, False, len(np.unique(person)), None, SPLIT),
        Row("identity: frames with a known person", known, None, 1.0, True, columns.n, None,
            SPLIT),
    ]


def _plain(columns: Columns) -> dict[str, npt.NDArray[Any]]:
    plain: dict[str, npt.NDArray[Any]] = {
        name: columns.floats(name) for name in NAMES if name not in ("identity", "shot")
    }
    return plain | {"identity": columns.objects("identity"), "shot": columns.ints("shot"),
                    "frame_id": columns.ints("frame_id")}  # fmt: skip


def _with_words(columns: Columns, person: Ints) -> list[Row]:
    """Return pair scores where the threshold was learned: all but every third person are named.

    Only pairs of people who were not named count.
    """
    video = columns.ints("video")
    given = person % 3 != 0
    said = columns.having(
        person_said=np.where(given, person + 1000.0, np.nan),
        person_name=np.full(columns.n, None, object),
        person_apart=np.full(columns.n, None, object),
    )
    found = follow(said, TrackParams())
    rest = np.flatnonzero(~given)
    precision, recall, same, other = pair_scores(found.person[rest], person[rest], video[rest])
    split = f"{SPLIT}; threshold learned from two thirds of the people, taken on the others"
    return [
        Row("identity: threshold learned", found.least, None, None, True, found.alike.other, None,
            split),
        Row("identity: pair precision, learned", precision, 0.99, 0.99, True, same + other, None,
            split),
        Row("identity: pair recall, learned", recall, 0.95, 0.95, True, same, None, split),
    ]


def _large() -> Row:
    """Return CPU seconds of linking as many tracks as 240,000 frames give."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, PEOPLE, TRACKS)
    faces = rng.normal(size=(PEOPLE, 128))[who] + 0.6 * rng.normal(size=(TRACKS, 128))
    means = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    begun = time.process_time()
    link(means, np.ones(TRACKS, np.int64), TrackParams().same_person)
    return Row("identity: linking 20,000 tracks, CPU s", time.process_time() - begun, 10, 2, False,
               TRACKS, None, f"made vectors of {PEOPLE} people")


def main() -> int:
    """Print the table; return 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=Path, help="folder of the labelled sets")
    found = rows(parser.parse_args().sets)
    for row in found:
        mark = "  MISSED" if row.missed else ""
        print(f"{row.metric:48} {row.value:9.4g}  n {row.n}{mark}  {row.interval or ''}")
    return int(any(row.missed for row in found))


if __name__ == "__main__":
    raise SystemExit(main())
