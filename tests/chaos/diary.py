"""What happened in a chaos run: counted by name, the notable things in words."""

from __future__ import annotations

import threading
import time
from collections import Counter

MOST_WORDS = 400


class Diary:
    """Written by every thread of a run."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._writing = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.words: list[str] = []

    def count(self, what: str, n: int = 1) -> None:
        """Count something that is expected to happen."""
        with self._writing:
            self.counts[what] += n

    def note(self, said: str) -> None:
        """Keep something worth reading; it says nothing of good or bad."""
        with self._writing:
            if len(self.words) < MOST_WORDS:
                self.words.append(f"{time.monotonic() - self._begun:7.1f} s  {said}")

    def fail(self, said: str) -> None:
        """Keep something that must not happen: the run is not clean."""
        with self._writing:
            self.wrong.append(f"{time.monotonic() - self._begun:.1f} s: {said}")
