"""A worker of a pool that dies over a task of which it has done nothing yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from curation.engine.pool import _Worker


def dies_over(patch: pytest.MonkeyPatch, is_fatal: Callable[[Any], bool]) -> list[int]:
    """Kill the worker that is given the first task of a kind; return a list for its process number.

    It stands still from before it gets the task: on a busy machine it might be through with it
    before whoever kills has his turn.
    """
    give, killed = _Worker.give, list[int]()

    def giving(self: _Worker, task: Any) -> bool:
        if killed or not is_fatal(task):
            return give(self, task)
        process = psutil.Process(self.process.pid)
        process.suspend()
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        done = give(self, task)
        process.kill()
        killed.append(process.pid)
        return done

    patch.setattr(_Worker, "give", giving)
    return killed
