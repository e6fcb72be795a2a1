"""Is a sharp face told from a blurred one? `python -m bench.bench_focus` -> results/focus.json.

The degraded faces and scenes are made by ../shared/bench/focus/gen_focus.py at run time. The
steps' own code measures them, and `combined` is the very function that ranking uses. Person
boxes stand in for the detectors: the box around the set's person mask.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from bench.report import Row, bootstrap, write
from curation.decide.focus import combine
from curation.records import Boxes, Frame, Measured
from curation.steps.base import Item
from curation.steps.focus import Focus
from train.faces import Finder, rows

SET = Path(__file__).resolve().parents[2] / "shared" / "bench" / "focus"
SHARP_AT_MOST, BLURRED_FROM = 0.5, 1.5
SUBTLE, CLEAR = (0.6, 1.0), (2.0, 4.0)
CUT, LEAST_FACE_PX = 45.0, 40
SCORES = ("S", "minus_blur_px", "combined")

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Face = tuple[int, int, int, int]


def generator() -> ModuleType:
    """Import gen_focus.py by its path, or end with the reason."""
    path = SET / "gen_focus.py"
    if not path.is_file():
        raise SystemExit(f"NOT RUN: bench_focus needs {path}: lay shared/ beside the repository")
    spec = importlib.util.spec_from_file_location("gen_focus", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def item_of(bgr: Image, face_xywh: Face, mask: Image) -> Item:
    """Return a picture with the given face, and a person where the mask is."""
    x, y, w, h = face_xywh
    high, wide = bgr.shape[:2]
    rows, cols = np.nonzero(mask)
    scale = wide / mask.shape[1]
    person = np.array([[cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]]) * scale
    given = {
        "faces": Measured({}, Boxes(np.array([[x, y, x + w, y + h]], np.float32),
                                    np.ones(1, np.float32), ("face",))),
        "people": Measured({}, Boxes(person.astype(np.float32), np.ones(1, np.float32),
                                     ("person",))),
        "pose": Measured({}, Boxes.empty(33, 4)),
        "subject": Measured({"face_index": 0, "face_x0": float(x), "face_y0": float(y),
                             "face_x1": float(x + w), "face_y1": float(y + h)}),
    }
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    return Item(Frame(0, "", 0, 0, 0.0, Path(), wide, high), rgb, given)


def columns(step: Focus, items: Iterator[Item]) -> dict[str, Array]:
    """Return the three scores of all items, higher is sharper."""
    found: list[list[float]] = []
    for item in items:
        signals = step([item])[0].signals
        values = (signals["focus_s"], signals["focus_blur_px"], signals["focus_gap"])
        found.append([float("nan") if v is None else float(v) for v in values])
    s, blur_px, gap = np.array(found).T
    return {"S": s, "minus_blur_px": -blur_px, "combined": combine(s, blur_px, gap)}


def auc(good: Array, score: Array) -> float:
    """Return the chance that a good item beats a bad one."""
    if good.min() == good.max():
        return float("nan")
    return float(roc_auc_score(good, score))


def beaten(sharp: Array, noisy_blur: Array, owner_a: Array, owner_b: Array) -> float:
    """Return how often a sharp face beats a blurred and noisy version of itself."""
    shares = []
    for who in np.unique(owner_a):
        a, b = sharp[owner_a == who], noisy_blur[owner_b == who]
        shares.append(np.mean(a[:, None] > b[None, :]))
    return float(np.mean(shares))


def face_rows(module: ModuleType, step: Focus) -> list[Row]:
    """Return rows about whole pictures blurred to a known level, under five disturbances."""
    labels, items = [], []
    masks = {row["file"]: _mask(row["file"]) for row in module.rows(str(SET))}

    def stream() -> Iterator[Item]:
        for name, _, level, disturbance, bgr, box in module.iter_face(str(SET)):
            labels.append((name, level, disturbance))
            items.append(1)
            yield item_of(bgr, box, masks[name])

    scores = columns(step, stream())
    name, disturbance = (np.array([label[i] for label in labels]) for i in (0, 2))
    level = np.array([label[1] for label in labels], np.float64)
    clear = (level <= SHARP_AT_MOST) | (level >= BLURRED_FROM)
    sharp = (level == 0) & np.isin(disturbance, ("none", "jpeg40", "lowcontrast"))
    noisy = (level >= BLURRED_FROM) & (disturbance == "noise8")
    out = []
    for kind in SCORES:
        score, gated = scores[kind], kind == "combined"
        rho = float(spearmanr(score, -level)[0])
        good = (level[clear] <= SHARP_AT_MOST).astype(float)
        span = bootstrap(auc, good, score[clear], groups=name[clear], rounds=200)
        won = beaten(score[sharp], score[noisy], name[sharp], name[noisy])
        out += [
            Row(f"{kind}: Spearman over all", rho, 0.84 if gated else None, 0.975, True,
                len(score)),
            Row(f"{kind}: AUC sigma<=.5 / >=1.5", auc(good, score[clear]),
                0.985 if gated else None, 0.999, True, int(clear.sum()), span),
            Row(f"{kind}: P(sharp > noisy blur)", won, 0.999 if gated else None, 1.0, True,
                int(sharp.sum())),
        ]
    return out


def scene_rows(module: ModuleType, step: Focus) -> list[Row]:
    """Return rows about good (A all sharp, C bokeh) and bad (B subject blurred, D all) scenes."""
    out = []
    for name, sigmas, gate, goal in (("sigma .6, 1", SUBTLE, 0.97, 0.995),
                                     ("sigma 2, 4", CLEAR, 0.999, 1.0)):
        labels: list[tuple[str, bool]] = []

        def stream(
            sigmas: tuple[float, ...] = sigmas, labels: list[tuple[str, bool]] = labels
        ) -> Iterator[Item]:
            for file, variant, _, bgr, box, mask in module.iter_scene(str(SET), sigma128=sigmas):
                labels.append((file, variant in "AC"))
                yield item_of(bgr, box, mask)

        scores = columns(step, stream())
        files = np.array([label[0] for label in labels])
        good = np.array([label[1] for label in labels], np.float64)
        for kind in SCORES:
            gated = kind == "combined"
            span = bootstrap(auc, good, scores[kind], groups=files, rounds=200)
            out.append(Row(f"{kind}: scene AUC, {name}", auc(good, scores[kind]),
                           gate if gated else None, goal, True, len(good), span))
    return out


def motion_rows(step: Focus) -> list[Row]:
    """Return how often a real frame beats the mean of the 3, 5, 9 frames around it.

    The mean of neighbours is what a longer exposure would have given. Only the faster half of
    each clip counts: where nothing moves there is nothing to tell.
    """
    won: dict[tuple[str, int], list[float]] = {}
    clips = [row for row in rows(SET.parent / "videos") if row["kind"] == "real"]
    finder = Finder(640)
    for clip in clips:
        moved, scores = [], []
        for frames, face in _moments(SET.parent / "videos" / "clips" / clip["file"], finder):
            x, y, w, h = face
            middle = len(frames) // 2
            change = np.subtract(frames[middle + 1], frames[middle - 1], dtype=np.float32)
            moved.append(np.abs(change[y : y + h, x : x + w]).mean())
            blurs = [np.mean(frames[middle - k : middle + k + 1], axis=0).astype(np.uint8)
                     for k in (0, 1, 2, 4)]
            everywhere = np.ones(blurs[0].shape[:2], np.uint8)
            scores.append(columns(step, (item_of(bgr, face, everywhere) for bgr in blurs)))
        if not scores:
            continue
        fast = np.array(moved) >= np.median(moved)
        for kind in SCORES:
            score = np.stack([each[kind] for each in scores])[fast]
            for column, count in ((1, 3), (2, 5), (3, 9)):
                share = float(np.mean(score[:, 0] > score[:, column]))
                won.setdefault((kind, count), []).append(share)
    return [
        Row(f"{kind}: frame beats mean of {count}", float(np.mean(shares)), None, 1.0, True,
            len(shares), bootstrap(lambda x: float(np.mean(x)), shares))
        for (kind, count), shares in sorted(won.items())
    ]


def _moments(path: Path, finder: Finder) -> Iterator[tuple[list[Image], Face]]:
    """Yield runs of nine frames without a cut, and the largest face of the middle one."""
    with av.open(str(path)) as container:
        stream = itertools.islice(container.decode(video=0), 300)
        frames = [frame.to_ndarray(format="bgr24") for frame in stream]
    for t in range(8, len(frames) - 8, 12):
        run = frames[t - 4 : t + 5]
        steps = [np.abs(np.subtract(a[::4, ::4], run[4][::4, ::4], dtype=np.float32)).mean()
                 for a in (run[0], run[-1])]
        boxes = finder.boxes(run[4])
        if max(steps) > CUT or not len(boxes):
            continue
        x0, y0, x1, y1 = (int(v) for v in boxes[0])
        if min(x1 - x0, y1 - y0) >= LEAST_FACE_PX:
            yield run, (x0, y0, x1 - x0, y1 - y0)


def cost_row(module: ModuleType, step: Focus) -> Row:
    """Return the mean cost of the step on the set's pictures, one thread."""
    items = [item_of(bgr, box, _mask(name)) for name, _, _, _, bgr, box in
             module.iter_face(str(SET), kinds=("gauss",), levels=(0,), confound=("none",))]
    step(items[:4])
    begin = time.process_time()
    step(items)
    spent = (time.process_time() - begin) / len(items)
    return Row("ms per picture", spent * 1000, None, 10.0, False, len(items))


def _mask(name: str) -> Image:
    path = SET / "mask" / (Path(name).stem + ".png")
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def main() -> int:
    """Measure, print, write; 1 when a gate is missed."""
    module, step = generator(), Focus()
    step.setup()
    return write("focus", [*face_rows(module, step), *scene_rows(module, step),
                           *motion_rows(step), cost_row(module, step)])


if __name__ == "__main__":
    sys.exit(main())
