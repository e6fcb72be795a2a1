"""False faces: a head judged only on groups it never saw, and real clips it must leave alone.

A face that the detector does not find counts as rejected, real or false: it never becomes a pick.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.report import Row, bootstrap, write
from curation.params import GateParams
from train.falseface_head import SETS, calibrate, collect, out_of_fold

LOSSES = (0.01, 0.02, 0.05)
APART = ("painting", "digital_art", "cgi_3d", "anime", "animal")


def recall_at(scores: npt.NDArray[np.float64], false: npt.NDArray[np.bool_], loss: float) -> float:
    """Return the share of false faces rejected by the threshold that loses `loss` of real ones."""
    limit = np.quantile(scores[~false], 1 - loss)
    return float((scores[false] > limit).mean()) if false.any() else float("nan")


def main() -> int:
    """Measure and report."""
    if not SETS.is_dir():
        print(f"needs the labelled sets in {SETS}", file=sys.stderr)
        return 1
    faces = collect(SETS)
    raw = out_of_fold(faces)
    false = np.array([face.false for face in faces])
    group = np.array([face.group for face in faces])
    subtype = np.array([face.subtype for face in faces])
    seen = np.isfinite(raw)
    slope, offset = calibrate(raw[seen], false[seen])
    p = np.where(seen, 1 / (1 + np.exp(-(slope * np.nan_to_num(raw) + offset))), 1.0)
    gate = GateParams()

    def auc(y: npt.NDArray[np.bool_], x: npt.NDArray[np.float64]) -> float:
        return float(roc_auc_score(y, x)) if 0 < y.sum() < len(y) else float("nan")

    rows = [
        Row(
            "AUC, detected faces, unseen groups",
            auc(false[seen], p[seen]),
            0.95,
            0.99,
            True,
            int(seen.sum()),
            bootstrap(auc, false[seen], p[seen], groups=group[seen], rounds=200),
        ),
    ]
    goals = {0.01: 0.90, 0.02: None, 0.05: None}
    rows += [
        Row(
            f"false rejected at {loss:.0%} real loss",
            recall_at(p[seen], false[seen], loss),
            None,
            goals[loss],
            True,
            int(false[seen].sum()),
        )
        for loss in LOSSES
    ]
    rows += [
        Row(
            f"real faces rejected at {gate.false_face}",
            float((p[seen & ~false] >= gate.false_face).mean()),
            0.05,
            0.01,
            False,
            int((seen & ~false).sum()),
        ),
        Row(
            f"false faces kept under {gate.false_face_review}",
            float((p[false] < gate.false_face_review).mean()),
            0.25,
            0.05,
            False,
            int(false.sum()),
        ),
    ]
    for name in APART:
        mine = false & (subtype == name)
        rows.append(
            Row(
                f"{name} rejected at {gate.false_face}",
                float((p[mine] >= gate.false_face).mean()),
                None,
                None,
                True,
                int(mine.sum()),
            )
        )
    return write("falseface", rows)


if __name__ == "__main__":
    raise SystemExit(main())
