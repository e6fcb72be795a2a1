"""Real pictures of people, from a package that the studio runs with."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest


def still(name: str, to: Path) -> Path:
    """Copy "bus" (810 x 1080) or "zidane" (1280 x 720) to a file."""
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package: make install")
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(spec.origin).parent / "assets" / f"{name}.jpg", to)
    return to
