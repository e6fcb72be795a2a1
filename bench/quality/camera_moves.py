"""A camera that moves over a still picture: fakes that only time can tell from people.

The moves are functions of time, so that a clip can be looked at at any rate: a pan with zoom that
fills the screen, a picture on a wall walked past, one filmed by a trembling hand, a screen that
shows a photograph, and a tripod before which nothing moves at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Move = Literal["kenburns", "wall", "handheld", "screen", "tripod"]
MOVES: tuple[Move, ...] = ("kenburns", "wall", "handheld", "screen")
"""Those in which something moves; a tripod is asked for by name."""
WIDE, TALL = 640, 360
FOCAL_PX = 700.0


@dataclass(frozen=True)
class Still:
    """One picture to film.

    Attributes:
        rgb: (h, w, 3) uint8.
        xyxy_px: the face that the camera keeps in view.
    """

    rgb: Picture
    xyxy_px: npt.NDArray[np.float64]


def film(still: Still, move: Move, times_s: Iterable[float], seed: int) -> Iterator[Picture]:
    """Yield (360, 640, 3) uint8 pictures of a still at given times; the same for the same seed.

    Sizes, speeds, light, grain and compression are drawn by the seed: faces 90 to 230 px high,
    turns of the picture up to 25 degrees, grain of 1 to 5 grey levels, JPEG quality 60 to 92.
    """
    rng = np.random.default_rng(seed)
    path = _Path(still, move, rng)
    wall = None if move == "kenburns" else _wall(rng)
    grain, quality = rng.uniform(1, 5), int(rng.integers(60, 93))
    light = rng.uniform(0.8, 1.15, 3)
    flicker = 0.06 if move == "screen" else 0.02
    phase = rng.uniform(0, 2 * np.pi)
    for time_s in times_s:
        noise = np.random.default_rng([seed, round(time_s * 1000)])
        view = path.show(still.rgb, wall, time_s)
        if move == "screen":
            view = _scanned(view, path.matrix(time_s))
        gain = light * (1 + flicker * np.sin(2 * np.pi * 0.7 * time_s + phase))
        lit = view * gain + noise.normal(0, grain, view.shape)
        coded = cv2.imencode(
            ".jpg", np.clip(lit[..., ::-1], 0, 255).astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, quality],
        )[1]
        yield np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


class _Path:
    """Where the picture is in front of the camera at each moment."""

    def __init__(self, still: Still, move: Move, rng: np.random.Generator) -> None:
        tall_px = float(still.xyxy_px[3] - still.xyxy_px[1])
        self.middle = (still.xyxy_px[:2] + still.xyxy_px[2:]) / 2
        self.scale = rng.uniform(90, 230) / tall_px
        if move == "kenburns":
            # The picture has to fill the screen wherever the camera looks.
            h, w = still.rgb.shape[:2]
            self.scale = max(self.scale, 1.25 * WIDE / w, 1.25 * TALL / h)
        self.size_wh = np.array([still.rgb.shape[1], still.rgb.shape[0]], np.float64)
        self.move = move
        self.slow = _Waves(rng, 6, 0.05, 0.35)
        self.tremble = _Waves(rng, 6, 0.8, 6.0)
        self.pan_px = rng.uniform(-1, 1, 2) * (110, 35)
        self.zoom = rng.uniform(-0.12, 0.12)
        turns = {"kenburns": 0.0, "wall": 25.0, "handheld": 10.0, "screen": 14.0, "tripod": 8.0}
        self.turn_deg = rng.uniform(0.4, 1, 3) * (turns[move], turns[move] / 2, 6.0)
        self.at_deg = rng.uniform(-0.5, 0.5, 3) * self.turn_deg
        self.shake_px = rng.uniform(1.0, 5.0)

    def matrix(self, time_s: float) -> Matrix:
        """Return the 3 x 3 map from the still's pixels to the screen's."""
        still = self.move == "tripod"
        slow = np.zeros(6) if still else self.slow.at(time_s)
        shake = self.shake_px * (0.0 if still or self.move == "kenburns" else 1.0)
        jitter = self.tremble.at(time_s) * shake
        angles = np.radians(self.at_deg + slow[:3] * self.turn_deg + jitter[2:5] * 0.08)
        if self.move == "kenburns":
            angles[:2] = 0.0
        scale = self.scale * (1 + self.zoom * slow[5])
        flat = np.diag([scale, scale, 1.0]) @ _shift(-self.middle)
        rays = _rotation(angles)
        # A plane at the focal length, turned about its middle.
        plane = np.column_stack([rays[:, 0], rays[:, 1], (0.0, 0.0, FOCAL_PX)])
        lens = np.diag([FOCAL_PX, FOCAL_PX, 1.0])
        pan = self.pan_px * slow[3:5] + jitter[:2]
        seen = _shift(np.array([WIDE / 2, TALL / 2]) + pan) @ lens @ plane @ flat
        if self.move == "kenburns":
            seen = self._covering(seen)
        return np.asarray(seen / seen[2, 2])

    def _covering(self, seen: Matrix) -> Matrix:
        """Return a map moved so that the picture's edge stays off the screen."""
        seen = seen / seen[2, 2]
        w, h = self.size_wh
        corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]], np.float64) @ seen.T
        low, high = corners[:, :2].min(axis=0), corners[:, :2].max(axis=0)
        back = np.minimum(0, -low) + np.maximum(0, np.array([WIDE, TALL]) - high)
        return np.asarray(_shift(back) @ seen)

    def show(self, rgb: Picture, wall: Picture | None, time_s: float) -> npt.NDArray[np.float64]:
        """Return what the camera sees, before light and grain."""
        seen = self.matrix(time_s)
        shrink = float(np.sqrt(abs(np.linalg.det(seen[:2, :2]))))
        soft = rgb if shrink >= 1 else cv2.GaussianBlur(rgb, (0, 0), 0.5 / shrink)
        border = cv2.BORDER_REFLECT if wall is None else cv2.BORDER_CONSTANT
        view = cv2.warpPerspective(
            soft, seen, (WIDE, TALL), flags=cv2.INTER_LINEAR, borderMode=border
        ).astype(np.float64)
        if wall is None:
            return np.asarray(view)
        inside = np.full(rgb.shape[:2], 255, np.uint8)
        mask = cv2.warpPerspective(inside, seen, (WIDE, TALL))[..., None] / 255.0
        return np.asarray(view * mask + wall * (1 - mask))


class _Waves:
    """Smooth random functions of time in -1..1: three sines each."""

    def __init__(self, rng: np.random.Generator, n: int, low_hz: float, high_hz: float) -> None:
        self.hz = rng.uniform(low_hz, high_hz, (n, 3))
        self.phase = rng.uniform(0, 2 * np.pi, (n, 3))
        self.share = np.array([0.5, 0.3, 0.2])

    def at(self, time_s: float) -> npt.NDArray[np.float64]:
        return np.asarray(np.sin(2 * np.pi * self.hz * time_s + self.phase) @ self.share)


def _shift(by_px: npt.NDArray[np.float64]) -> Matrix:
    return np.array([[1, 0, by_px[0]], [0, 1, by_px[1]], [0, 0, 1]], np.float64)


def _rotation(angles: npt.NDArray[np.float64]) -> Matrix:
    """Return Rz @ Rx @ Ry for yaw, pitch, roll in radians."""
    (cy, cx, cz), (sy, sx, sz) = np.cos(angles), np.sin(angles)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    roll = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(roll @ pitch @ yaw)


def _wall(rng: np.random.Generator) -> Picture:
    """Return a plain wall with a soft texture."""
    base = rng.uniform(60, 220, 3)
    rough = cv2.GaussianBlur(rng.normal(0, 60, (TALL, WIDE)), (0, 0), 3)
    return np.asarray(np.clip(base + rough[..., None], 0, 255), np.uint8)


def _scanned(view: npt.NDArray[np.float64], seen: Matrix) -> npt.NDArray[np.float64]:
    """Return a view with the stripes of a screen, which move with the picture."""
    y, x = np.mgrid[0:TALL, 0:WIDE].astype(np.float64)
    back = np.linalg.inv(seen)
    depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    scale = float(np.sqrt(abs(np.linalg.det(seen[:2, :2]))))
    u = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / depth * scale
    v = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / depth * scale
    stripes = np.sin(2 * np.pi * v / 2.37) * 0.06 + np.sin(2 * np.pi * u / 2.11) * 0.04
    return np.asarray(view * (1 + stripes[..., None]) + (4.0, 6.0, 10.0))


def write_film(path: Path, pictures: Iterable[Picture], fps: int, crf: int) -> None:
    """Write pictures as an H.264 file, on one thread so that it is the same each time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        # x264's macroblock tree reads memory that nobody wrote: two runs give two files with it.
        stream.options = {
            "crf": str(crf), "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0",
        }
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
