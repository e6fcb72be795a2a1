"""Find an ffmpeg program and run ffmpeg-python graphs with it: benches and tests only.

The program itself decodes with PyAV or decord and needs neither.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any


@cache
def ffmpeg_path() -> Path:
    """Return the ffmpeg on PATH, else the one that imageio-ffmpeg brings.

    Raises:
        RuntimeError: when there is neither.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return Path(found)
    import imageio_ffmpeg

    return Path(imageio_ffmpeg.get_ffmpeg_exe())


def run(graph: Any, feed: bytes | None = None) -> bytes:
    """Run an ffmpeg-python output graph and return what it wrote to stdout.

    Args:
        graph: what `ffmpeg.output(...)` returned.
        feed: bytes for stdin, where the graph reads `pipe:`.

    Raises:
        RuntimeError: with ffmpeg's last line, when it fails.
    """
    import ffmpeg

    # -nostdin would close the pipe that carries the frames.
    flags = ["-hide_banner", "-loglevel", "error", *([] if feed is not None else ["-nostdin"])]
    try:
        out, _ = (
            graph.global_args(*flags)
            .overwrite_output()
            .run(cmd=str(ffmpeg_path()), input=feed, capture_stdout=True, capture_stderr=True)
        )
    except ffmpeg.Error as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"ffmpeg failed: {lines[-1]}") from error
    return bytes(out)
