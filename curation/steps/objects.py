"""Things by name: the packaged COCO detector and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from curation.steps.base import RgbImage
from curation.steps.geometry import Floats, area_px, clip, iou
from curation.steps.mptasks import Task

FLOOR = 0.05
"""Least score that is kept; thresholds above it need no second look at a picture."""
MOST_RESULTS = 100
SAME_THING_IOU = 0.55

NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""What the detector was trained on (Lin et al. 2014, Microsoft COCO), in its own order."""

ALIASES = {
    "people": "person", "human": "person", "pedestrian": "person", "bike": "bicycle",
    "motorbike": "motorcycle", "aeroplane": "airplane", "plane": "airplane", "lorry": "truck",
    "ship": "boat", "hydrant": "fire hydrant", "kitten": "cat", "puppy": "dog", "calf": "cow",
    "rucksack": "backpack", "purse": "handbag", "necktie": "tie", "ski": "skis",
    "ball": "sports ball", "football": "sports ball", "soccer ball": "sports ball",
    "glass": "wine glass", "wineglass": "wine glass", "mug": "cup", "knives": "knife",
    "doughnut": "donut", "sofa": "couch", "houseplant": "potted plant", "plant": "potted plant",
    "table": "dining table", "television": "tv", "tv monitor": "tv", "tvmonitor": "tv",
    "monitor": "tv", "notebook computer": "laptop", "computer mouse": "mouse",
    "remote control": "remote", "phone": "cell phone", "cellphone": "cell phone",
    "mobile phone": "cell phone", "smartphone": "cell phone", "fridge": "refrigerator",
    "hair dryer": "hair drier", "hairdryer": "hair drier", "scissor": "scissors",
    "mice": "mouse", "teddy": "teddy bear",
}  # fmt: skip
"""Other words for the same things. Not `man` or `child`: the detector cannot tell them apart."""

Found = tuple[float, float, float, float, float]
"""Score, then left, top, right, bottom in pixels."""


def spoken(word: str) -> str:
    """Return a class as sidecars name it: lower case, single spaces."""
    return " ".join(word.lower().split())


def coco_name(word: str) -> str | None:
    """Return the detector's name for a word a person uses, None when it knows no such thing."""
    plain = " ".join(word.lower().replace("_", " ").replace("-", " ").split())
    tries = [plain]
    for ending, single in (("ies", "y"), ("es", ""), ("s", "")):
        if plain.endswith(ending):
            tries.append(plain.removesuffix(ending) + single)
    for one in tries:
        if one in NAMES:
            return one
        if one in ALIASES:
            return ALIASES[one]
    return None


class CocoDetector:
    """EfficientDet-Lite0 with COCO's 80 classes.

    Raises:
        WeightsMissing, StepUnavailable: see steps.mptasks.Task.
    """

    def __init__(self) -> None:
        """Open the model."""
        self._task = Task(
            "object_detector", "ObjectDetector", score_threshold=FLOOR, max_results=MOST_RESULTS
        )

    def find(self, rgb: RgbImage, names: Sequence[str]) -> dict[str, list[Found]]:
        """Return what is seen of each name, best first; [] where nothing is.

        Args:
            rgb: (h, w, 3) uint8.
            names: of NAMES.
        """
        rows: dict[str, list[Found]] = {name: [] for name in names}
        for seen in self._task.detect(rgb).detections:
            box, best = seen.bounding_box, seen.categories[0]
            if best.category_name in rows:
                left, top = float(box.origin_x), float(box.origin_y)
                rows[best.category_name].append(
                    (float(best.score), left, top, left + box.width, top + box.height)
                )
        return one_each(rows, (rgb.shape[1], rgb.shape[0]))

    def close(self) -> None:
        """Let go of the model."""
        self._task.close()


def one_each(
    rows: Mapping[str, Sequence[Found]], size_wh: tuple[int, int]
) -> dict[str, list[Found]]:
    """Return findings best first, cut to the picture, without second boxes on one thing.

    Greedy suppression, each class by itself: what is found of one class then never depends on
    which others were asked for.
    """
    kept: dict[str, list[Found]] = {}
    for name, found in rows.items():
        table = np.array(sorted(found, key=lambda row: -row[0]), np.float64).reshape(-1, 5)
        boxes = clip(table[:, 1:], size_wh)
        table = np.concatenate([table[:, :1], boxes], axis=1)[area_px(boxes) >= 1]
        kept[name] = [
            (s, a, b, c, d) for s, a, b, c, d in table[_best_of_each(table[:, 1:])].tolist()
        ]
    return kept


def _best_of_each(boxes: Floats) -> list[int]:
    left = np.ones(len(boxes), bool)
    best: list[int] = []
    for i in range(len(boxes)):
        if left[i]:
            best.append(i)
            left &= iou(boxes[i][None], boxes)[0] <= SAME_THING_IOU
    return best
