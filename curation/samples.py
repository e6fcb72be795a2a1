"""Two short real clips to try the studio with, by the same manifest as the models."""

from __future__ import annotations

from pathlib import Path

from curation.assets import Shelf, default_manifest

SHELF = Shelf("samples", "CURATION_SAMPLES", default_manifest())


def paths() -> list[Path]:
    """Return the verified sample clips.

    Raises:
        WeightsMissing: one is not here; the hint is the command that fetches it.
    """
    return [SHELF.path_of(name) for name in SHELF.default_names()]
