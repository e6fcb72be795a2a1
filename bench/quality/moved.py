"""Did a person in front of a still camera move, or make another face? Told from pixels alone.

Labels for the bench of duplicates, independent of what the product decides by: YuNet finds the
face, optical flow at full resolution (DIS, Kroeger et al. 2016) tells how far face and body moved,
and tiles of the face that no small shift explains tell another expression. Neither the landmark
model, nor the pose model, nor the embedder is asked. The limits were set by eye on contact sheets:
pairs called different show another expression, gaze with mouth, or turn of the head; pairs
between the limits are nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from curation import weights

Rgb = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

FACE_PX, FACE_SIDE, LEAST_FACE_PX = 64, 96, 40
TILE, STEP, SEARCH = 16, 8, 3
DIFFERENT_TILE = 0.75
DIFFERENT = {"tiles": 0.12, "face": 0.09, "body": 0.30}
SAME = {"tiles": 0.02, "face": 0.025, "body": 0.10}
"""Share of face tiles that changed; movement of face and body in face widths."""
STILL_LEVELS = 3.0
"""Grey levels by which the corners may change, in the median pair, for a camera that stands."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame with its largest face: luma, and YuNet's row (box, five points, score)."""

    grey: Grey
    face: Floats


@dataclass(frozen=True, slots=True)
class Moved:
    """What changed between two frames; `corner` is the change of the steadier upper corner."""

    tiles: float
    face: float
    body: float
    corner: float

    def label(self) -> str:
        """Return "different", "same", or "" where it is neither."""
        values = {"tiles": self.tiles, "face": self.face, "body": self.body}
        if any(values[name] >= limit for name, limit in DIFFERENT.items()):
            return "different"
        return "same" if all(values[name] <= limit for name, limit in SAME.items()) else ""


class Watcher:
    """Finds faces and movement."""

    def __init__(self) -> None:
        model = str(weights.path_of("yunet"))
        self._faces = cv2.FaceDetectorYN.create(model, "", (320, 320), 0.6)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def look(self, rgb: Rgb) -> Seen | None:
        """Return what is seen in a frame, None without a face of at least 40 pixels."""
        scale = min(1.0, 640 / max(rgb.shape[:2]))
        small = cv2.resize(rgb[..., ::-1], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._faces.setInputSize(small.shape[1::-1])
        found = self._faces.detect(small)[1]
        if found is None:
            return None
        face = np.asarray(found[np.argmax(found[:, 2] * found[:, 3])], np.float64) / scale
        if face[2] < LEAST_FACE_PX:
            return None
        return Seen(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), face)

    def compare(self, one: Seen, other: Seen) -> Moved:
        """Return what changed from one frame to another of the same size."""
        face = self._motion(one, other, (0.1, 0.1, 0.1, 0.1))
        body = self._motion(one, other, (2, 0.5, 2, 6))
        return Moved(
            self._changed_tiles(one, other),
            float(np.percentile(_beyond_zoom(face), 80)) / FACE_PX,
            float(np.percentile(np.linalg.norm(body, axis=2), 90)) / FACE_PX,
            _corner_change(one.grey, other.grey),
        )

    def _motion(self, one: Seen, other: Seen, room: tuple[float, float, float, float]) -> Floats:
        """Return the flow (h, w, 2) about both faces, at 64 pixels a face."""
        h, w = one.grey.shape
        low = np.array([[f[0] - room[0] * f[2], f[1] - room[1] * f[3]]
                        for f in (one.face, other.face)]).min(axis=0)
        high = np.array([[f[0] + (1 + room[2]) * f[2], f[1] + (1 + room[3]) * f[3]]
                         for f in (one.face, other.face)]).max(axis=0)
        x0, y0 = (int(v) for v in np.maximum(low, 0))
        x1, y1 = (int(v) for v in np.minimum(high, (w, h)))
        scale = FACE_PX / float(min(one.face[2], other.face[2]))
        size = tuple(max(24, round(side * scale)) for side in (x1 - x0, y1 - y0))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        a, b = (cv2.resize(seen.grey[y0:y1, x0:x1], size, interpolation=how)
                for seen in (one, other))
        return np.asarray(self._flow.calc(a, b, None), np.float64)

    def _changed_tiles(self, one: Seen, other: Seen) -> float:
        """Return the share of textured face tiles that no shift of 3 pixels in 96 explains."""
        a, b = (_face_square(seen) for seen in (one, other))
        flow = self._flow.calc(a, b, None)
        inside = slice(8, FACE_SIDE - 8, 4)
        y, x = np.mgrid[inside, inside]
        here = np.dstack([x, y]).reshape(-1, 2).astype(np.float32)
        there = here + flow[inside, inside].reshape(-1, 2)
        cv2.setRNGSeed(0)
        turn, _ = cv2.estimateAffinePartial2D(
            here, there, method=cv2.RANSAC, ransacReprojThreshold=1.5
        )
        if turn is None:
            return 1.0
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        b = cv2.warpAffine(b, turn, (FACE_SIDE, FACE_SIDE), flags=how)
        soft_a, soft_b = (cv2.GaussianBlur(g.astype(np.float32), (0, 0), 1) for g in (a, b))
        changed = textured = 0
        for top in range(8, FACE_SIDE - 8 - TILE + 1, STEP):
            for left in range(8, FACE_SIDE - 8 - TILE + 1, STEP):
                tile = soft_a[top : top + TILE, left : left + TILE]
                again = soft_b[top : top + TILE, left : left + TILE]
                if max(tile.std(), again.std()) < 6:
                    continue
                textured += 1
                around = soft_b[top - SEARCH : top + TILE + SEARCH,
                                left - SEARCH : left + TILE + SEARCH]
                best = 0.0
                if tile.std() > 1:
                    best = float(cv2.matchTemplate(around, tile, cv2.TM_CCOEFF_NORMED).max())
                changed += best < DIFFERENT_TILE
        return changed / max(textured, 1)


def _face_square(seen: Seen) -> Grey:
    """Return the face at 96 pixels, about the middle of its five points."""
    x, y = seen.face[4:14].reshape(5, 2).mean(axis=0)
    zoom = FACE_SIDE / (1.25 * seen.face[2])
    half = FACE_SIDE / 2
    where = np.array([[zoom, 0, half - x * zoom], [0, zoom, half - y * zoom]])
    return np.asarray(
        cv2.warpAffine(seen.grey, where, (FACE_SIDE, FACE_SIDE), flags=cv2.INTER_AREA), np.uint8
    )


def _beyond_zoom(flow: Floats) -> Floats:
    """Return the length of flow that shift and zoom do not explain (robust least squares)."""
    y, x = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]]
    place, by = np.dstack([x, y]).reshape(-1, 2).astype(np.float64), flow.reshape(-1, 2)
    weight = np.ones(len(by))
    left = weight
    for _ in range(4):
        share = weight[:, None] / weight.sum()
        out, apart = place - (share * place).sum(0), by - (share * by).sum(0)
        zoom = (weight * (apart * out).sum(1)).sum() / (weight * (out * out).sum(1)).sum()
        left = np.linalg.norm(apart - zoom * out, axis=1)
        weight = 1 / (1 + (left / (np.median(left) + 1e-6)) ** 2)
    return np.asarray(left)


def _corner_change(one: Grey, other: Grey) -> float:
    """Return the mean change of the steadier upper corner, in grey levels."""
    h = max(3, 320 * one.shape[0] // one.shape[1])
    a, b = (cv2.resize(g, (320, h), interpolation=cv2.INTER_AREA).astype(np.float64)
            for g in (one, other))
    change = np.abs(a - b)[: h // 3]
    return float(min(change[:, :16].mean(), change[:, -16:].mean()))
