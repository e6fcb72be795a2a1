"""Rate and time left, from beats."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from curation.records import Progress


class Meter:
    """Counts what is done and says how fast and how much longer.

    Args:
        stage: name of the work.
        total: in `unit`; 0 while unknown.
        done: what an earlier run already did; not part of the rate.
    """

    def __init__(self, stage: str, total: float, unit: str = "frames", done: float = 0) -> None:
        self.stage, self.total, self.unit = stage, total, unit
        self._done = self._start = done
        self._begun = time.monotonic()

    def beat(
        self,
        step: float = 0,
        *,
        note: str = "",
        failed: tuple[str, str] | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> Progress:
        """Return one beat after `step` more is done."""
        self._done += step
        fresh, seconds = self._done - self._start, time.monotonic() - self._begun
        rate = fresh / seconds if fresh > 0 and seconds > 0 else None
        left = max(0.0, self.total - self._done)
        return Progress(
            self.stage,
            self._done,
            self.total,
            self.unit,
            rate,
            left / rate if rate else None,
            note,
            failed,
            summary,
        )
