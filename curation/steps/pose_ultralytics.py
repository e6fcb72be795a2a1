"""YOLO11 pose by ultralytics: opt-in, AGPL-3.0, never imported unless asked for."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from curation import weights
from curation.errors import StepUnavailable
from curation.params import PoseParams
from curation.records import Boxes
from curation.steps.base import RgbImage
from curation.steps.keypoints import JOINTS, Found, Keypoints, fit
from curation.steps.tvshim import ensure_torchvision

SEARCH_PX = 640
MOST_PEOPLE = 20
OVERLAP_IOU = 0.7
COCO_TO_33 = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Where the 17 COCO joints go: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles."""
STAND_INS = {
    1: 2,
    3: 2,
    4: 5,
    6: 5,
    9: 0,
    10: 0,
    17: 15,
    19: 15,
    21: 15,
    18: 16,
    20: 16,
    22: 16,
    29: 27,
    31: 27,
    30: 28,
    32: 28,
}
"""Joints that COCO lacks sit on their nearest neighbour, with visibility 0."""


class UltralyticsEngine:
    """Find 17 keypoints of everyone in one look at the whole picture."""

    def __init__(self, params: PoseParams) -> None:
        """Load the model.

        Raises:
            StepUnavailable: ultralytics or torch is not installed.
            WeightsMissing: the model file is not there.
        """
        path = weights.path_of("yolo11n_pose")
        _stay_home()
        ensure_torchvision()
        try:
            ultralytics: Any = importlib.import_module("ultralytics")
        except ImportError as error:
            raise StepUnavailable(
                f"ultralytics cannot be loaded: {error}", "pip install ultralytics"
            ) from error
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(1)
        self._confidence = params.pose_confidence
        self._model: Any = ultralytics.YOLO(str(path), task="pose")

    def close(self) -> None:
        """Let go of the model."""
        self._model = None

    def find(self, rgb: RgbImage, people: Boxes, faces: Boxes) -> list[Found]:
        """Return everyone's pose; person boxes and faces are not needed."""
        answer = self._model.predict(
            np.ascontiguousarray(rgb[:, :, ::-1]),
            imgsz=SEARCH_PX,
            conf=self._confidence,
            iou=OVERLAP_IOU,
            max_det=MOST_PEOPLE,
            device="cpu",
            verbose=False,
            save=False,
        )[0]
        if answer.keypoints is None or not len(answer.boxes):
            return []
        size_wh = (rgb.shape[1], rgb.shape[0])
        joints = answer.keypoints.data.cpu().numpy().astype(np.float32)
        boxes = answer.boxes.xyxy.cpu().numpy().astype(np.float32)
        return [
            Found(points, "picture", fit(points, box, size_wh))
            for points, box in ((to_33(coco), box) for coco, box in zip(joints, boxes, strict=True))
        ]


def to_33(coco: Keypoints) -> Keypoints:
    """Return 17 COCO keypoints (17, 3) in the layout of 33, (33, 4); absent ones unseen."""
    points = np.zeros((JOINTS, 4), np.float32)
    points[list(COCO_TO_33), :3] = coco
    for joint, neighbour in STAND_INS.items():
        points[joint, :2] = points[neighbour, :2]
    return points


def _stay_home() -> None:
    """Keep ultralytics from looking at the network and from writing into the home folder.

    Must come before its first import, which reads these variables once. Its settings go to one
    folder of this user: one of each process would stay behind whenever a worker is killed.
    """
    os.environ["YOLO_CONFIG_DIR"] = str(_settings_folder())
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    # The weights are a pickle: rebuild known model classes only.
    os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"


def _settings_folder() -> Path:
    """Return this user's folder for settings; a new one where somebody else took its name."""
    folder = Path(tempfile.gettempdir()) / f"curation-ultralytics-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            return folder
    return Path(tempfile.mkdtemp(prefix="curation-ultralytics-"))
