"""How sharp the main subject is, on the face, on the torso and against the background."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from curation.records import Boxes, Measured, Value
from curation.steps.base import Item, RgbImage, Step
from curation.steps.boosted import Trees
from curation.steps.focus_features import (
    FACE_PX,
    FEATURES,
    Grey,
    bands,
    coherence,
    detail_crop,
    face_crop,
    face_square,
    features,
    grey_crop,
    sharpness,
)

HEAD = Path(__file__).parent / "heads" / "focus_blur.json"
SHOULDERS_PX = 96
LEAST_SHOULDERS_PX = 24
BLOCK_PX = 8
TEXTURE = 4.0
LEAST_BLOCKS = 24
WINDOW_FACES = 2.5
BODY_ROOM = 15 / 128
SHOULDER, HIP = (11, 12), (23, 24)
SEEN = 0.5
DIGITS = 4

Box = npt.NDArray[np.float64]


class Focus(Step):
    """Measure focus raw; what is sharp enough is decided elsewhere.

    focus_s: S of the face at 128 px (`focus_features.sharpness`), sharp about 0.7, soft below 0.
    focus_px: shorter native side of the face box; under 64 nothing here should be believed.
    focus_blur_px: learned blur of the face, sigma in pixels of a 128-px face, 0 is sharp.
    focus_bg, focus_gap: detail of what surrounds the person, and how far it exceeds that of the
    face; None where the surroundings are too plain to tell.
    focus_coherence: 0..1, how much all edges of the face run one way (motion blur if also soft).
    focus_body: S of the torso at 96 px between the shoulders, where there is a pose.

    Faces too small or too far outside to be measured, and pictures without one, give None.
    `curation.decide.focus.combine` makes one number of them.
    """

    name = "focus"
    version = "1"
    produces = {
        "focus_s": float, "focus_px": float, "focus_blur_px": float, "focus_bg": float,
        "focus_gap": float, "focus_coherence": float, "focus_body": float,
    }
    needs = ("faces", "people", "pose", "subject")
    files = (HEAD,)

    def setup(self) -> None:
        """Read the trees."""
        cv2.setNumThreads(1)
        self._trees = load_regressor()

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Return one set of focus signals a picture; the regressor runs once for the batch."""
        columns: list[dict[str, Value]] = []
        rows, owners = [], []
        for item in items:
            signals: dict[str, Value] = dict.fromkeys(self.produces)
            box = subject_face(item)
            crop = None if box is None else face_crop(item.rgb, box)
            if box is not None:
                signals["focus_px"] = _rounded(min(box[2] - box[0], box[3] - box[1]))
            if box is not None and crop is not None:
                signals["focus_s"] = _rounded(sharpness(crop))
                signals["focus_coherence"] = _rounded(coherence(crop))
                detail, gap = background(item.rgb, box, _bodies(item))
                signals["focus_bg"], signals["focus_gap"] = _rounded(detail), _rounded(gap)
                fine = detail_crop(item.rgb, box)
                rows.append(features(crop, crop if fine is None else fine))
                owners.append(signals)
            signals["focus_body"] = _rounded(_torso_sharpness(item))
            columns.append(signals)
        if rows:
            blur_px = blur_of(self._trees, np.stack(rows))
            for signals, value in zip(owners, blur_px, strict=True):
                signals["focus_blur_px"] = _rounded(float(value))
        return [Measured(signals) for signals in columns]


def load_regressor() -> Trees:
    """Return the shipped trees.

    Raises:
        ValueError: the file was trained for other features than this code computes.
    """
    tables = json.loads(HEAD.read_text())
    if tuple(tables["features"]) != FEATURES:
        raise ValueError(f"{HEAD.name} does not fit focus_features.FEATURES: train it again")
    return Trees.from_json(tables)


def blur_of(trees: Trees, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return blur, sigma in pixels of a 128-px face; (n, f) features -> (n,)."""
    # Trained on the square root: an error of 0.2 px matters near 0 and hardly at 4.
    return np.asarray(np.maximum(trees.predict(rows), 0.0) ** 2)


def subject_face(item: Item) -> Box | None:
    """Return the main subject's face box, x0 y0 x1 y1 in pixels, or None."""
    signals = item.given["subject"].signals
    corners = [signals.get(f"face_{corner}") for corner in ("x0", "y0", "x1", "y1")]
    if any(corner is None for corner in corners):
        return None
    return np.array(corners, np.float64)


def background(
    rgb: RgbImage, face_xyxy_px: Box, bodies: Sequence[Box]
) -> tuple[float | None, float | None]:
    """Return the detail of the surroundings, and by how much it exceeds the face's.

    Detail is the 80th percentile, over textured blocks, of the log ratio of fine to coarse
    difference-of-Gaussian energy, both taken at the scale of a 128-px face, within 2.5 faces.

    Args:
        bodies: boxes that are person, not surroundings; the face's own is added here.
    """
    square = face_square(face_xyxy_px)
    side = square[2] - square[0]
    scale = min(FACE_PX / side, 1.0)
    window = _window(square, rgb.shape[1], rgb.shape[0])
    grey = grey_crop(rgb, window, scale)
    if grey is None:
        return None, None
    detail, textured = _blocks(grey)
    to_blocks = scale / BLOCK_PX
    origin = np.tile(np.maximum(np.round(window[:2]), 0), 2)
    face = _ellipse((square - origin) * to_blocks, detail.shape)
    plain = np.ones(detail.shape, bool)
    for box in _not_around(face_xyxy_px, bodies, rgb.shape[0]):
        x0, y0, x1, y1 = (box - origin + BODY_ROOM * side * np.array([-1, -1, 1, 1])) * to_blocks
        rows = slice(max(int(np.floor(y0)), 0), max(int(np.ceil(y1)), 0))
        plain[rows, max(int(np.floor(x0)), 0) : max(int(np.ceil(x1)), 0)] = False
    around = plain & textured & ~face
    face &= textured
    if around.sum() < LEAST_BLOCKS:
        return None, None
    s_around = float(np.quantile(detail[around], 0.8))
    if face.sum() < LEAST_BLOCKS // 4:
        return s_around, None
    return s_around, max(0.0, s_around - float(np.quantile(detail[face], 0.8)))


def _window(square: Box, width: int, height: int) -> Box:
    side = square[2] - square[0]
    away = (WINDOW_FACES - 0.5) * side
    limits = np.array([width, height, width, height], np.float64)
    return np.asarray(np.clip(square + away * np.array([-1, -1, 1, 1]), 0, limits))


def _blocks(grey: Grey) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Return the detail of each 8 x 8 block, and where there is texture to tell it from."""
    rows, cols = (max(n // BLOCK_PX, 1) for n in grey.shape)
    fine, coarse = (
        cv2.resize((band * band)[: rows * BLOCK_PX, : cols * BLOCK_PX], (cols, rows),
                   interpolation=cv2.INTER_AREA)
        for band in bands(grey)
    )
    return np.asarray(np.log(fine + 0.05) - np.log(coarse + 1.0), np.float32), coarse > TEXTURE


def _ellipse(xyxy: Box, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    middle, half = (xyxy[:2] + xyxy[2:]) / 2, np.maximum((xyxy[2:] - xyxy[:2]) / 2, 1e-6)
    return np.asarray(((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1.0)


def _not_around(face: Box, bodies: Sequence[Box], height: int) -> list[Box]:
    """Return the boxes that are no surroundings: others, the own head, the own body under it.

    A body's box that holds the face is kept from the chin down: beside the head it shows what is
    behind the person. Where no body was found, a column under the face stands for it.
    """
    x0, y0, x1, y1 = face
    wide, tall = x1 - x0, y1 - y0
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    boxes = [np.array([x0 - wide / 2, y0 - tall / 2, x1 + wide / 2, y1 + tall / 2])]
    own = [b[0] <= middle[0] <= b[2] and b[1] <= middle[1] <= b[3] for b in bodies]
    for box, holds_face in zip(bodies, own, strict=True):
        boxes.append(np.array([box[0], max(box[1], y1), box[2], box[3]]) if holds_face else box)
    if not any(own):
        boxes.append(np.array([x0 - wide, y1, x1 + wide, float(height)]))
    return boxes


def _bodies(item: Item) -> list[Box]:
    """Return boxes of everyone in the picture: people, poses and the other heads."""
    boxes: list[Box] = []
    subject = item.given["subject"].signals
    face = subject.get("face_index")
    for step, room in (("people", 0.0), ("faces", 0.5)):
        found = item.given[step].boxes
        for i, (x0, y0, x1, y1) in enumerate([] if found is None else found.xyxy_px.tolist()):
            if step == "faces" and i == face:
                continue
            wide, tall = room * (x1 - x0), room * (y1 - y0)
            boxes.append(np.array([x0 - wide, y0 - tall, x1 + wide, y1 + tall]))
    for points in _poses(item.given["pose"].boxes):
        seen = points[points[:, 2] >= SEEN, :2]
        if len(seen) >= 2:
            boxes.append(np.concatenate([seen.min(axis=0), seen.max(axis=0)]))
    return boxes


def _poses(found: Boxes | None) -> npt.NDArray[np.float64]:
    if found is None or found.keypoints is None:
        return np.zeros((0, 33, 4))
    return found.keypoints.astype(np.float64)


def _torso_sharpness(item: Item) -> float | None:
    """Return S of the main pose's torso with 96 px between the shoulders, or None."""
    index: Any = item.given["subject"].signals.get("pose_index")
    poses = _poses(item.given["pose"].boxes)
    if index is None or not 0 <= index < len(poses):
        return None
    points = poses[index]
    if points[list(SHOULDER), 2].min() < SEEN:
        return None
    shoulders = points[list(SHOULDER), :2]
    wide = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    corners = shoulders
    if points[list(HIP), 2].max() >= SEEN:
        hips = points[list(HIP), :2]
        # Seen from the side the shoulders nearly coincide; the torso keeps its length.
        wide = max(wide, 0.6 * float(np.linalg.norm(shoulders.mean(axis=0) - hips.mean(axis=0))))
        corners = np.concatenate([shoulders, hips])
    if wide < LEAST_SHOULDERS_PX:
        return None
    x0, y0 = corners.min(axis=0)
    x1, y1 = corners.max(axis=0)
    middle = (x0 + x1) / 2
    half = max(x1 - x0, wide) / 2
    torso = np.array([middle - half, y0, middle + half, max(y1, y0 + wide)])
    crop = grey_crop(item.rgb, torso, SHOULDERS_PX / wide)
    return None if crop is None else sharpness(crop)


def _rounded(value: float | None) -> float | None:
    """Return a number that reads the same on any machine, or None."""
    return None if value is None or not np.isfinite(value) else round(float(value), DIGITS)
