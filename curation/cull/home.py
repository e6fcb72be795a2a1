"""What the culling verbs share: folders of photos, the first of which is their work dir."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curation.errors import InputError
from curation.params import Params, tunable
from curation.store.catalogue import FILE_NAME

DUPES = "_review_dupes"
"""Folder that losers go to; what lies in it is never looked at."""
REPORTS = "_review"
"""Folder of reports, below the work dir."""


class FolderParams(Params):
    """Which folders a culling verb looks at; no part of `digest()`."""

    folders: tuple[str, ...] = tunable(
        (),
        "folders of photos, with those below them",
        positional=True,
        required=True,
        shown="FOLDER",
        cached=False,
        basic=True,
    )


def first(params: FolderParams) -> Path:
    """Return the work dir of a culling verb: the first folder, absolute."""
    return absolute(params.folders[:1])[0]


def plain(path: Path) -> Path:
    """Return an absolute path without `..`, other links left as they were typed."""
    parts = path.parts
    if ".." not in parts:
        return path
    last = len(parts) - parts[::-1].index("..")
    return Path(*parts[:last]).resolve().joinpath(*parts[last:])


def absolute(folders: Sequence[str]) -> list[Path]:
    """Return folders as typed, absolute, none twice.

    Raises:
        InputError: for one that is not there, is no folder, or is a datastore.
    """
    found: list[Path] = []
    for text in folders:
        path = plain(Path(text).expanduser().absolute())
        if not path.is_dir():
            said = "is a file, not a folder" if path.exists() else "is not there"
            raise InputError(f"{path} {said}", "name folders of photos")
        if (path / FILE_NAME).is_file():
            raise InputError(
                f"{path} is a datastore, not a folder of photos",
                f"name the pictures: {path / 'ranked'}",
            )
        found.append(path)
    return list(dict.fromkeys(found))
