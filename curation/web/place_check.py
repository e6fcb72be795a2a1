"""Looking at what a bucket, drive or folder on the web holds, in a process of its own.

The server neither reads a key nor loads the libraries of buckets: it starts the verb `add --check`,
waits for a bounded time, and reads one JSON object of a bounded size.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from curation.errors import CurationError

LONGEST_S = 180.0
LARGEST_BYTES = 32 << 20
SAID_BYTES = 8000


def look(root: Path, words: Sequence[str], longest_s: float = LONGEST_S) -> Mapping[str, Any]:
    """Return the summary of `add WORDS --check` on a datastore.

    Raises:
        CurationError: it takes too long, holds too much, or failed; in the verb's own words.
    """
    own = ["--check", "--json", "--datastore", str(root)]
    source = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "curation", "add", *words, *own],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        try:
            code = child.wait(longest_s)
        except subprocess.TimeoutExpired:
            raise CurationError(
                f"looking takes longer than {longest_s:.0f} s",
                "name a folder with less in it, or type python -m curation add URL --check",
            ) from None
        finally:
            with suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if code != 0:
            raise _error(said)
        if out.seek(0, os.SEEK_END) > LARGEST_BYTES:
            raise CurationError("it holds too many videos for one list", "name a folder of it")
        out.seek(0)
        summary: Mapping[str, Any] = json.load(out)
    return summary


def _error(said: IO[bytes]) -> CurationError:
    said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES))
    lines = said.read().decode("utf-8", "replace").splitlines()
    told = {
        name: line.removeprefix(f"{name}: ")
        for name in ("error", "hint")
        for line in lines
        if line.startswith(f"{name}: ")
    }
    return CurationError(told.get("error", "looking ended without a word"), told.get("hint", ""))
