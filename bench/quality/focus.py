"""Is a sharp face told from a blurred one, and defocus from motion?

The degraded faces and scenes are made by gen_focus.py of the set at run time. The step's own code
measures them, with heads that were trained without the pictures' sources.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from bench.focus_set import (
    SCORES,
    SPLIT,
    Array,
    Signals,
    generator,
    item_of,
    mask_of,
    measured,
    scores,
)
from bench.report import Row, bootstrap
from bench.sets import SETS
from curation.steps.focus import LEAST_FACE_PX

SHARP_AT_MOST, BLURRED_FROM = 0.5, 1.5
SCENES = (("sigma .6, 1", (0.6, 1.0), 0.97, 0.995), ("sigma 2, 4", (2.0, 4.0), 0.999, 1.0))
TINY_PX = 48

Names = npt.NDArray[np.str_]


def rows(sets: Path = SETS) -> list[Row]:
    """Return every row about single pictures."""
    folder = sets / "focus"
    module = generator(folder)
    return [*_faces(module, folder), *_scenes(module, folder), *_too_small(module, folder)]


def auc(good: Array, score: Array) -> float:
    """Return the chance that a good item beats a bad one."""
    if good.min() == good.max():
        return float("nan")
    return float(roc_auc_score(good, score))


def beaten(sharp: Array, noisy_blur: Array, owner_a: Names, owner_b: Names) -> float:
    """Return how often a sharp face beats a blurred and noisy version of itself."""
    shares = []
    for who in np.unique(owner_a):
        a, b = sharp[owner_a == who], noisy_blur[owner_b == who]
        shares.append(np.mean(a[:, None] > b[None, :]))
    return float(np.mean(shares))


def _faces(module: ModuleType, folder: Path) -> list[Row]:
    """Return rows about whole pictures blurred to a known level, under five disturbances."""
    masks = {row["file"]: mask_of(folder, row["file"]) for row in module.rows(str(folder))}
    source = {row["file"]: row["source_repo"] for row in module.rows(str(folder))}
    facts, found = [], []
    for name, kind, sigma, disturbance, bgr, box in module.iter_face(str(folder)):
        facts.append((name, kind, sigma, disturbance))
        found += measured(source[name], [item_of(bgr, box, masks[name])])
    name, kind, disturbance = (np.array([fact[i] for fact in facts]) for i in (0, 1, 3))
    level = np.array([fact[2] for fact in facts], np.float64)
    by_score = scores(found)
    clear = (level <= SHARP_AT_MOST) | (level >= BLURRED_FROM)
    sharp = (level == 0) & np.isin(disturbance, ("none", "jpeg40", "lowcontrast"))
    noisy = (level >= BLURRED_FROM) & (disturbance == "noise8")
    out = []
    for which in SCORES:
        score, gated = by_score[which], which == "combined"
        good = (level[clear] <= SHARP_AT_MOST).astype(float)
        span = bootstrap(auc, good, score[clear], groups=name[clear], rounds=200)
        rho_span = bootstrap(_rho, score, -level, groups=name, rounds=200)
        won = beaten(score[sharp], score[noisy], name[sharp], name[noisy])
        out += [
            Row(f"{which}: Spearman over all", _rho(score, -level), 0.93 if gated else None,
                0.975, True, len(score), rho_span, SPLIT),
            Row(f"{which}: AUC sigma<=.5 / >=1.5", auc(good, score[clear]),
                0.99 if gated else None, 0.999, True, int(clear.sum()), span, SPLIT),
            Row(f"{which}: P(sharp > noisy blur)", won, 1.0 if gated else None, 1.0, True,
                int(sharp.sum()), None, SPLIT),
        ]  # fmt: skip
    turns = {row["file"]: (37 * i) % 180 for i, row in enumerate(module.rows(str(folder)))}
    angle_deg = np.array([turns[file] for file in name.tolist()], np.float64)
    return out + _kinds(level, kind, angle_deg, found)


def _rho(score: Array, truth: Array) -> float:
    return float(spearmanr(score, truth)[0])


def _kinds(level: Array, kind: Names, angle_deg: Array, found: list[Signals]) -> list[Row]:
    """Return how often each kind of blur is called what it is, and how well its direction is."""
    said = np.array([one["focus_kind"] or "" for one in found])
    true = np.where(level < BLURRED_FROM, "", np.where(kind == "motion", "motion", "defocus"))
    true = np.where(level == 0, "sharp", true)
    judged = (true != "") & (said != "")
    out: list[Row] = []
    shares: list[float] = []
    for truth in ("sharp", "defocus", "motion"):
        here = judged & (true == truth)
        for word in ("sharp", "defocus", "motion"):
            share = float(np.mean(said[here] == word))
            shares += [share] * (word == truth)
            out.append(Row(f"{truth} called {word}", share, None, float(word == truth),
                           word == truth, int(here.sum()), None, SPLIT))  # fmt: skip
    right = np.flatnonzero(judged & (true == "motion") & (said == "motion"))
    said_deg = np.array([found[i]["focus_motion_deg"] for i in right], np.float64)
    off = np.abs((said_deg - angle_deg[right] + 90) % 180 - 90)  # 179 and 1 are 2 apart
    out.append(Row("direction of motion, median error in degrees", float(np.median(off)), None, 5.0,
                   False, len(right), None, SPLIT))
    mean = float(np.mean(shares))
    return [Row("kind of blur, mean of three recalls", mean, None, 0.95, True, int(judged.sum()),
                None, f"{SPLIT}; sigma 0 / >= 1.5"), *out]  # fmt: skip


def _scenes(module: ModuleType, folder: Path) -> list[Row]:
    """Return rows about good (A all sharp, C bokeh) and bad (B subject blurred, D all) scenes."""
    source = {row["file"]: row["source_repo"] for row in module.rows(str(folder))}
    out = []
    for about, sigmas, gate, goal in SCENES:
        facts, found = [], []
        for file, variant, _, bgr, box, mask in module.iter_scene(str(folder), sigma128=sigmas):
            facts.append((file, variant in "AC"))
            found += measured(source[file], [item_of(bgr, box, mask)])
        files = np.array([fact[0] for fact in facts])
        good = np.array([fact[1] for fact in facts], np.float64)
        by_score = scores(found)
        for which in SCORES:
            gated = which == "combined"
            span = bootstrap(auc, good, by_score[which], groups=files, rounds=200)
            out.append(Row(f"{which}: scene AUC, {about}", auc(good, by_score[which]),
                           gate if gated else None, goal, True, len(good), span, SPLIT))
    return out


def _too_small(module: ModuleType, folder: Path) -> list[Row]:
    """Return how many sharp faces, reduced under the least size, are called anything at all."""
    called = []
    for row in module.rows(str(folder)):
        bgr = cv2.imread(str(folder / "sharp" / row["file"]))
        x, y, w, h = (int(v) for v in row["face_box_xywh"].split())
        scale = TINY_PX / min(w, h)
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        box = (round(x * scale), round(y * scale), round(w * scale), round(h * scale))
        found = measured(row["source_repo"], [item_of(np.asarray(small, np.uint8), box)])[0]
        called.append(found["focus_kind"] is not None)
    return [Row(f"faces under {LEAST_FACE_PX} px called sharp or not", float(np.mean(called)), 0.0,
                0.0, False, len(called), None, f"reduced to {TINY_PX} px")]  # fmt: skip
