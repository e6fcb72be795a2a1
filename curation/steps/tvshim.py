"""Make torchvision importable where its compiled part does not fit the installed torch.

PyPI's torchvision is built against the CUDA torch. Beside a CPU torch its library does not
load, the operators it registers are missing, and the import stops at the first of them.
ultralytics imports torchvision for box suppression only, so that one operator is enough.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from curation.errors import StepUnavailable

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[Any] = []


def ensure_torchvision() -> None:
    """Import torchvision, with the missing operators in place; twice does no harm.

    Raises:
        StepUnavailable: torch or torchvision is not installed.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or importlib.util.find_spec("torch") is None:
        raise StepUnavailable(
            "torch and torchvision are not both installed", "pip install -r requirements.txt"
        )
    torch: Any = importlib.import_module("torch")
    if _libraries or _loads(torch, Path(spec.origin).parent):
        importlib.import_module("torchvision")
        return
    from torch import library as registry

    operators = registry.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        operators.define(schema)
    operators.impl("nms", suppress, "CPU")
    # The registration ends when the object dies.
    _libraries.append(operators)
    importlib.import_module("torchvision")
    # torchvision asks for its whole library before it calls the one operator that is here.
    boxes: Any = importlib.import_module("torchvision.ops.boxes")
    boxes._assert_has_ops = lambda: None


def _loads(torch: Any, folder: Path) -> bool:
    """Tell whether torchvision's own operators load into this torch."""
    try:
        for library in sorted(folder.glob("_C*")):
            torch.ops.load_library(str(library))
            return True
    except OSError:
        pass
    return False


def suppress(dets: Any, scores: Any, iou_threshold: float) -> Any:
    """Return indices of boxes (n, 4) that overlap no better one by more than the threshold.

    Greedy, best first, as torchvision.ops.nms promises.
    """
    torch: Any = importlib.import_module("torch")
    order = scores.argsort(descending=True, stable=True)
    area = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = torch.maximum(dets[best, :2], dets[order, :2])
        high = torch.minimum(dets[best, 2:], dets[order, 2:])
        common = (high - low).clamp(min=0).prod(dim=1)
        order = order[common / (area[best] + area[order] - common) <= iou_threshold]
    return torch.tensor(kept, dtype=torch.int64, device=dets.device)
