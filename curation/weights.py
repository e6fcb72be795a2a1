"""Model files: a verified path for a name, or the command that brings it.

Names and terms are in weights/manifest.toml. Looked for in $CURATION_WEIGHTS, in weights/ beside
the code, and in the user's cache folder.
"""

from __future__ import annotations

from pathlib import Path

from curation.assets import Shelf, default_manifest

SHELF = Shelf("weights", "CURATION_WEIGHTS", default_manifest())


def path_of(name: str) -> Path:
    """Return the verified file of a model.

    Raises:
        WeightsMissing: it is not here, or damaged; the hint is the command that fetches it.
    """
    return SHELF.path_of(name)


def digest_of(name: str) -> str:
    """Return the sha256 that the manifest gives for a model; the file need not be here."""
    return SHELF.asset(name).sha256
