"""What the MediaPipe steps share: silent start, pictures, and a clean end."""

from __future__ import annotations

import importlib
import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from curation import weights
from curation.errors import StepUnavailable
from curation.steps.base import RgbImage

ANSWERS = ("detections", "pose_landmarks", "face_landmarks")
NOISY_CALLS = 1


@contextmanager
def quiet() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment.

    MediaPipe's library writes notes on its own start-up straight to the descriptor, and none
    of the usual variables (GLOG_minloglevel, TF_CPP_MIN_LOG_LEVEL) reaches its logger.
    Exceptions pass; only C++ text is lost, and only around the first call of a task.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def put_off(*names: str) -> Iterator[None]:
    """Have modules that are imported inside, parents named before children, wait for their use."""
    waiting = {name: _Later(name) for name in names if name not in sys.modules}
    for name, module in waiting.items():
        parent, _, child = name.rpartition(".")
        if parent in waiting:
            setattr(waiting[parent], child, module)
    sys.modules.update(waiting)
    try:
        yield
    finally:
        for name, module in waiting.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


class Task:
    """One MediaPipe task on still pictures, from a model file of the manifest.

    Args:
        weight: name in weights/manifest.toml.
        kind: class name in mediapipe.tasks.python.vision, e.g. "PoseLandmarker".
        **options: fields of that class's options, besides the model file.

    Raises:
        StepUnavailable: mediapipe is not installed.
        WeightsMissing: the model file is not there.
    """

    def __init__(self, weight: str, kind: str, **options: Any) -> None:
        """Open the model."""
        path = weights.path_of(weight)
        try:
            # What it would draw and record with takes half a second and 38 MB of each worker.
            with put_off("matplotlib", "matplotlib.pyplot", "sounddevice"):
                self._mp = importlib.import_module("mediapipe")
                vision = importlib.import_module("mediapipe.tasks.python.vision")
                core = importlib.import_module("mediapipe.tasks.python.core.base_options")
        except (ImportError, OSError) as error:
            raise StepUnavailable(
                f"mediapipe cannot be loaded: {error}", "pip install mediapipe==0.10.33"
            ) from error
        make = getattr(vision, f"{kind}Options")
        base = core.BaseOptions(model_asset_path=str(path), delegate=core.BaseOptions.Delegate.CPU)
        with quiet():
            self._task: Any = getattr(vision, kind).create_from_options(
                make(base_options=base, **options)
            )
        # Also when the process ends without close(): a task left open ends in a traceback.
        self._end = weakref.finalize(self, _close, self._task)
        self._noisy_calls = NOISY_CALLS

    def detect(self, rgb: RgbImage) -> Any:
        """Return the task's answer for one (h, w, 3) uint8 picture."""
        image = self._mp.Image(
            image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb)
        )
        if not self._noisy_calls:
            return self._task.detect(image)
        # Each part of a graph writes its one warning the first time that it has work to do.
        with quiet():
            found = self._task.detect(image)
        if any(getattr(found, name, None) for name in ANSWERS):
            self._noisy_calls -= 1
        return found

    def close(self) -> None:
        """Let go of the model; twice does no harm."""
        self._end()


def _close(task: Any) -> None:
    try:
        with quiet():
            task.close()
    except RuntimeError:
        # The process is ending and MediaPipe's own threads are gone: forget the model, or its
        # destructor fails aloud. The system takes the memory back.
        task._handle = None
