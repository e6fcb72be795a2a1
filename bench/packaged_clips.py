"""Small real videos that come with the project and its packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
GRADIO = ("a.mp4", "b.mp4", "world.mp4")
SAMPLES = ("bikes.mp4", "carphone_pristine.mp4")


def clips() -> list[Path]:
    """Return the clips that are here: gradio's, and those of `make samples`."""
    spec = find_spec("gradio")
    root = Path(spec.origin).parent if spec is not None and spec.origin else None
    found = [] if root is None else [root / "media_assets" / "videos" / name for name in GRADIO]
    found += [ROOT / "samples" / name for name in SAMPLES]
    return [path for path in found if path.is_file()]
