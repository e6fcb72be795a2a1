"""Folders that show a decision: hard links to the stored frames, copies where links fail."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from curation.errors import StoreError
from curation.store.catalogue import Catalogue
from curation.store.outputs import OutputTable


def view_name(row: Mapping[str, Any]) -> str:
    """Return a frame's file name in a flat folder, unique over all videos of a datastore."""
    return f"{row['folder_no']}-{row['video_no']}_{PurePosixPath(row['file']).name}"


def place(catalogue: Catalogue, view: str, wanted: Mapping[str, tuple[int, Path]]) -> None:
    """Make a view's folder hold exactly the wanted files, leaving what people put there alone.

    Args:
        wanted: path relative to the datastore -> frame id and the stored frame's path.

    Raises:
        StoreError: a link leads from the view's folder out of the datastore.
    """
    inside = cache(lambda folder: catalogue.holds(folder / "any"))
    for folder in {(catalogue.root / path).parent for path in wanted}:
        if not inside(folder):
            raise StoreError(f"{folder}: a link leads elsewhere; nothing is put there: remove it")
    table = OutputTable(catalogue)
    before = table.of_view(view)
    table.add(view, {path: frame_id for path, (frame_id, _) in wanted.items()})
    gone = [path for path in before if path not in wanted]
    for path in gone:
        if inside((catalogue.root / path).parent):  # a stranger's catalogue may name any file
            (catalogue.root / path).unlink(missing_ok=True)
    table.forget(gone)
    for path, (_, source) in wanted.items():
        ours = catalogue.contains(source)
        if ours or source.exists():  # a person may have moved a picture of theirs since
            _link(source, catalogue.root / path, may_link=ours)
    for folder in {(catalogue.root / path).parent for path in gone}:
        if inside(folder) and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _link(source: Path, target: Path, may_link: bool) -> None:
    """Put a file in its place.

    Args:
        may_link: False for a person's own picture: who edits what is in the view must not change
            the original with it.
    """
    if target.exists() and (target.samefile(source) or _same_bytes(source, target)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    if not (may_link and _linked(source, part)):
        shutil.copyfile(source, part)
    part.replace(target)


def _linked(source: Path, part: Path) -> bool:
    try:
        part.hardlink_to(source)
    except OSError:  # another file system, or one without links
        return False
    return True


def _same_bytes(a: Path, b: Path) -> bool:
    return a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes()
