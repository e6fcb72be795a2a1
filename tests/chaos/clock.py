"""A wall clock that jumps for the processes of a chaos run only: see clock.c for what it moves."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """Builds the library and holds the offset that it adds.

    Args:
        folder: where the library and the offset lie.

    Raises:
        RuntimeError: there is no C compiler, or it cannot build the library.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("no C compiler: apt-get install gcc libc6-dev")
        self._library, offset = folder / "clock.so", folder / "clock.offset"
        done = subprocess.run(
            [compiler, "-O2", "-fPIC", "-shared", "-o", str(self._library), str(SOURCE)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{SOURCE.name} could not be built: {done.stderr[-500:]}")
        offset.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(offset)}
        with offset.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    @property
    def offset_s(self) -> float:
        """Seconds that the clock is ahead of the true one."""
        return float(struct.unpack("<q", self._shared[:8])[0] / 1e9)

    def set(self, offset_s: float) -> None:
        """Let it jump: from now on it is so far ahead, or behind."""
        self._shared[:8] = struct.pack("<q", int(offset_s * 1e9))
