"""Does a frame of a real clip beat the mean of the 3, 5 and 9 frames around it?

The mean of neighbours is what a longer exposure would have given, as long as it is: the pictures
must differ (many clips repeat frames, and the mean of a picture with itself is no blur), no cut
may fall between them, and the face must go on from each to the next by at most a tenth of its
size, else the mean shows several faces, each of them sharp. Faces under the size that focus is
judged on are left out. Only the faster half of each clip counts: where nothing moves there is
nothing to tell.

The floors were set on clips of one person, so these gate. "several people" are the clips where
others pass in front, "all clips" both, and "as decoded" all of them without any condition but
the last: these rows gate nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from bench.focus_set import SCORES, SPLIT, Array, Face, Image, item_of, labels, measured, scores
from bench.report import Row, bootstrap
from bench.sets import SETS
from curation.steps.focus import LEAST_FACE_PX
from train.faces import Finder

FRAMES, EVERY, REACH = 300, 12, 4
REPEAT = 0.3
"""Mean change in grey levels under which a picture repeats the one before, as codecs leave it."""
STEP_FACES = 0.1
CUT, LEAST_DECODED_PX = 45.0, 40
COUNTS = (3, 5, 9)
GATES = {3: 1.0, 5: 0.98, 9: 1.0}


def rows(sets: Path = SETS) -> list[Row]:
    """Return how often the frame wins, over clips, by each score."""
    folder, finder = sets / "videos", Finder(640)
    shares: dict[tuple[str, str], list[Array]] = {}
    moments = dict.fromkeys(("one person", "several people", "all clips", "as decoded"), 0)
    for clip in labels(folder):
        if clip["kind"] != "real":
            continue
        frames = _decoded(folder / "clips" / clip["file"])
        cuts = {int(cut) for cut in clip["hard_cut_first_frames"].split()}
        people = "one person" if clip["n_people"] == "1" else "several people"
        for ways, runs in (
            ((people, "all clips"), _continuous(frames, cuts, finder)),
            (("as decoded",), _as_decoded(frames, finder)),
        ):
            moved, by_score = _measure(runs, clip["source_repo"])
            fast = np.array(moved) >= np.median(moved) if moved else np.zeros(0, bool)
            for way in ways if fast.any() else ():
                moments[way] += int(fast.sum())
                for which in SCORES:
                    score = np.stack([each[which] for each in by_score])[fast]
                    won = (score[:, :1] > score[:, 1:]).mean(axis=0)
                    shares.setdefault((which, way), []).append(won)
    out = []
    for (which, way), won in sorted(shares.items()):
        if way != "one person" and which != "combined":
            continue
        gated = which == "combined" and way == "one person"
        for i, count in enumerate(COUNTS):
            values = np.stack(won)[:, i]
            out.append(
                Row(f"{which}, {way}: frame beats mean of {count}", float(values.mean()),
                    GATES[count] if gated else None, 1.0, True, len(values),
                    bootstrap(lambda x: float(np.mean(x)), values),
                    f"{SPLIT}; {moments[way]} moments of {len(values)} clips")
            )  # fmt: skip
    return out


def _measure(
    runs: Iterator[tuple[list[Image], Face]], source: str
) -> tuple[list[float], list[dict[str, Array]]]:
    """Return how much each run moves, and the scores of its frame and of its three means."""
    moved, found = [], []
    for frames, face in runs:
        x, y, w, h = face
        change = np.subtract(frames[REACH + 1], frames[REACH - 1], dtype=np.float32)
        moved.append(float(np.abs(change[y : y + h, x : x + w]).mean()))
        means = [np.mean(frames[REACH - k : REACH + k + 1], axis=0).astype(np.uint8)
                 for k in (0, *(count // 2 for count in COUNTS))]  # fmt: skip
        found.append(scores(measured(source, (item_of(bgr, face) for bgr in means))))
    return moved, found


def _decoded(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        stream = itertools.islice(container.decode(video=0), FRAMES)
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in stream]


def _change(one: Image, other: Image) -> float:
    return float(np.abs(np.subtract(one[::4, ::4], other[::4, ::4], dtype=np.float32)).mean())


def _continuous(
    frames: list[Image], cuts: set[int], finder: Finder
) -> Iterator[tuple[list[Image], Face]]:
    """Yield runs of nine different pictures of one shot that hold one face, and its box."""
    kept = [i for i in range(len(frames))
            if not i or i in cuts or _change(frames[i], frames[i - 1]) >= REPEAT]  # fmt: skip
    for t in range(REACH, len(kept) - REACH, EVERY):
        numbers = kept[t - REACH : t + REACH + 1]
        if any(numbers[0] < cut <= numbers[-1] for cut in cuts):
            continue
        run = [frames[i] for i in numbers]
        face = _face(run[REACH], finder, LEAST_FACE_PX)
        if face is not None and all(_goes_on(face, run[REACH::way], finder) for way in (1, -1)):
            yield run, face


def _as_decoded(frames: list[Image], finder: Finder) -> Iterator[tuple[list[Image], Face]]:
    """Yield runs of nine frames that do not change too much, and the box of the middle one."""
    for t in range(2 * REACH, len(frames) - 2 * REACH, EVERY):
        run = frames[t - REACH : t + REACH + 1]
        if max(_change(run[0], run[REACH]), _change(run[-1], run[REACH])) > CUT:
            continue
        face = _face(run[REACH], finder, LEAST_DECODED_PX)
        if face is not None:
            yield run, face


def _face(bgr: Image, finder: Finder, least_px: int) -> Face | None:
    boxes = finder.boxes(bgr)
    if not len(boxes):
        return None
    x0, y0, x1, y1 = (int(v) for v in boxes[0])
    return (x0, y0, x1 - x0, y1 - y0) if min(x1 - x0, y1 - y0) >= least_px else None


def _goes_on(face: Face, run: list[Image], finder: Finder) -> bool:
    """Return whether the face is found in every picture, near where it was in the one before."""
    x, y, w, h = face
    middle, step_px = np.array([x + w / 2, y + h / 2]), STEP_FACES * np.sqrt(w * h)
    for bgr in run[1:]:
        boxes = finder.boxes(bgr)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        away = np.linalg.norm(middles - middle, axis=1)
        if not len(away) or away.min() > step_px:
            return False
        middle = middles[int(away.argmin())]
    return True
