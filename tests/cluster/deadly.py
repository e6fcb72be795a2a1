"""What runs on a node in place of the real work: it ends its worker over some files or frames, or
never ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.engine.face_crops import FaceCrops
from curation.engine.measure import BATCH, Batch, StepRunner
from curation.engine.ray_engine import produce_remotely
from curation.engine.ray_models import Measurer, Question
from curation.records import Result

FRAME = 3


def work_or_die(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """End this worker over a video called deadly*; of those called once*, only the first time."""
    for job in told["jobs"]:
        name = Path(job["path"]).name
        seen = Path(told["scratch"]) / f"seen-{name}"
        if name.startswith("deadly") or (name.startswith("once") and not seen.exists()):
            seen.touch()
            os._exit(9)
    return produce_remotely(told)


def work_or_wait(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Work, on the node that is to be lost without an end; on others when it is lost."""
    import ray

    scratch = Path(told["scratch"])
    if (scratch / "doomed").read_text() == ray.get_runtime_context().get_node_id():
        produce_remotely(told)
        (scratch / "through").touch()
        while True:
            time.sleep(1)
    while not (scratch / "killed").exists():
        time.sleep(0.05)
    return produce_remotely(told)


class DeadlyRunner(StepRunner):
    """Ends its process over one frame, however it is asked."""

    def __call__(
        self, task: Batch, at_once: int = BATCH
    ) -> Iterator[list[Result] | FaceCrops]:
        if any(frame.id == FRAME for frame in task.frames):
            os._exit(9)
        yield from super().__call__(task, at_once)


class Deadly(Measurer):
    handler = DeadlyRunner


class Other(Measurer):
    """A node with another model of poses."""

    def __init__(self, question: Question) -> None:
        super().__init__(replace(question, prints={**question.prints, "pose": "0" * 16}))
