"""Other programs that take stills from videos or hash pictures, in the race of bench_speed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contender import Contender
from bench.ffmpeg import ffmpeg_path
from bench.peers import places
from curation.errors import CurationError

Command = Callable[[Path, Path], list[str]]
TIMED = str(Path(__file__).with_name("timed.py"))


def video_peers() -> dict[str, Contender]:
    """Return the programs that take stills from a video; who cannot be had is named on stderr.

    Each is given the work that is nearest to ours. Imports are left out, as they are for us.
    """
    found = {
        "PySceneDetect save-images": Contender(
            _scenedetect, own=True, about="shots, 3 stills of each by exact seeks, no measures"
        ),
        "OpenCV + Laplacian, 2 a second": Contender(
            _loop("first"), own=True, about="the first picture of every half second"
        ),
        "OpenCV + Laplacian, sharpest": Contender(
            _loop("sharpest"), own=True, about="the sharpest picture of every half second"
        ),
    }
    try:
        python = places.room("sharp-frames", places.SHARP_FRAMES)
        programs = places.with_ffmpeg(python, ffmpeg_path())
    except places.NoPeer as why:
        print(f"  {why}", file=sys.stderr)
    else:
        found["sharp-frames"] = Contender(
            lambda path, out: [
                str(python), TIMED, "sharp_frames.sharp_frames:main", str(path), str(out),
                "--fps", "10", "--selection-method", "batched", "--batch-size", "5",
                "--batch-buffer", "0", "--force-overwrite",
            ],
            own=True,
            around={"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
            about="10 pictures a second, the sharpest of each 5",
        )  # fmt: skip
    return found


def hash_peers() -> dict[str, Contender]:
    """Return the programs that hash pictures, ours first; the path that they take is a folder."""
    found = {name: Contender(_hashes(name), own=True) for name in ("ours", "imagehash")}
    try:  # not imported here: a process that we start counts our memory as its own
        places.beside("imagededup", places.IMAGEDEDUP)
    except places.NoPeer as why:
        print(f"  {why}", file=sys.stderr)
    else:
        found["imagededup"] = Contender(_hashes("imagededup"), own=True)
    return found


def imagededup() -> Any:
    """Return imagededup.methods, fetched where it is not there yet.

    Raises:
        places.NoPeer: it cannot be had; says why.
    """
    from curation.steps.tvshim import ensure_torchvision

    folder = str(places.beside("imagededup", places.IMAGEDEDUP))
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        ensure_torchvision()  # for its other methods
        return importlib.import_module("imagededup.methods")
    except (ImportError, CurationError) as error:
        raise places.NoPeer(f"imagededup is not compared: {error}") from error


def versions() -> dict[str, str]:
    """Return the versions of the peers."""
    from importlib.metadata import version

    pinned = dict(text.split("==") for text in (*places.SHARP_FRAMES[:1], *places.IMAGEDEDUP))
    return {name: version(name) for name in ("scenedetect", "imagehash")} | pinned


def _scenedetect(path: Path, out: Path) -> list[str]:
    return [
        sys.executable, TIMED, "scenedetect.__main__:main", "-q", "-i", str(path), "-o", str(out),
        "detect-adaptive", "save-images",
    ]  # fmt: skip


def _loop(mode: str) -> Command:
    return lambda path, out: [
        sys.executable, "-m", "bench.peers.opencv_loop", mode, str(path), str(out)
    ]  # fmt: skip


def _hashes(name: str) -> Command:
    return lambda path, _: [sys.executable, "-m", "bench.peers.hashes", name, str(path)]
