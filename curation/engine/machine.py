"""What this machine offers: cores, threads, room on the disk."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
from pathlib import Path

from curation.errors import NoSpace

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",  # its idle threads would spin a while after each picture
)
LEAST_FREE_BYTES = 256 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pick_workers(asked: int, useful: int) -> int:
    """Return the number of worker processes: what was asked for, else one per core if useful."""
    return asked or max(1, min(cores(), useful))


def single_threaded() -> None:
    """Keep numeric libraries of this process to one thread: workers are what uses the cores."""
    for name in THREAD_SETTINGS:
        os.environ.setdefault(name, "1")
    if "cv2" in sys.modules:  # it has read its setting already
        sys.modules["cv2"].setNumThreads(1)


def keep_memory() -> None:
    """Have this process keep what it frees for the next picture, up to 64 MB.

    Large arrays are otherwise asked from the system and given back for each picture, which costs
    a page fault for every 4 KB of them. Only glibc can be told.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 64 << 20)


def require_space(folder: Path, needed_bytes: int = 0) -> None:
    """Raise NoSpace when a folder's disk could not take the needed bytes and a reserve."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + LEAST_FREE_BYTES:
        raise NoSpace(
            f"{folder}: {free >> 20} MB free, {(needed_bytes + LEAST_FREE_BYTES) >> 20} MB needed",
            "make room, then type the same command again: it goes on where it stopped",
        )
