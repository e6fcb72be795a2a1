"""Folders that belong to one process of tests: gone at its end, or when the next one begins.

A process that is killed, as those of pytest-xdist are at times, removes nothing itself. So the
name says whose a folder is, and whoever makes one removes those of processes that are gone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import psutil


def own_folder(prefix: str) -> Path:
    """Return a new folder of this process below the folder for temporary files."""
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}-*"):
        number = old.name.removeprefix(f"{prefix}-").partition("-")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            shutil.rmtree(old, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
