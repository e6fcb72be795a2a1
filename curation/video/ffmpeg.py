"""Find an ffmpeg program and run ffmpeg-python graphs with it."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

from curation.errors import CurationError, StepUnavailable


@cache
def ffmpeg_path() -> Path:
    """Return the ffmpeg on PATH, else the one that imageio-ffmpeg brings.

    Raises:
        StepUnavailable: when there is neither.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return Path(found)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise StepUnavailable("no ffmpeg program found", "pip install imageio-ffmpeg") from error


def run(graph: Any, feed: bytes | None = None) -> bytes:
    """Run an ffmpeg-python output graph and return what it wrote to stdout.

    Args:
        graph: what `ffmpeg.output(...)` returned.
        feed: bytes for stdin, where the graph reads `pipe:`.

    Raises:
        CurationError: with ffmpeg's last line, when it fails.
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
        raise CurationError(f"ffmpeg failed: {lines[-1]}") from error
    return bytes(out)
