"""A few pictures by name, read as a library reads them, without folders or an index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from curation.cull.library import Library, Photo
from curation.cull.prints import Prints
from curation.cull.reading import PRINT, print_of
from curation.engine.reading import read
from curation.errors import InputError
from curation.photos import capture
from curation.store.prints import PrintRow


def named(words: Sequence[str]) -> list[Path]:
    """Return the absolute paths of picture files, none twice.

    Raises:
        InputError: for one that is no file.
    """
    paths = [Path(word).expanduser().absolute() for word in words]
    for path in paths:
        if not path.is_file():
            said = "is a folder, not a picture" if path.is_dir() else "is not there"
            raise InputError(f"{path} {said}", "name picture files")
    return list(dict.fromkeys(paths))


def seen(paths: Sequence[Path]) -> Library:
    """Return pictures with their prints, in the order given.

    Raises:
        InputError: for the first that cannot be read, saying why.
    """
    found = Library()
    prints: list[bytes] = []
    for path in paths:
        reading = read(path, print_of, (PRINT,))
        row: PrintRow | None = reading.told
        if row is None or row.print is None:
            why = reading.error or "cannot be read"
            raise InputError(f"{path}: {why}", "name a picture that can be read")
        size_bytes, mtime_ns, _ = reading.stat
        found.photos.append(
            Photo(
                path, path.parent, (path,), row.content, row.key, row.kind, size_bytes, mtime_ns,
                row.width, row.height,
                capture.stored(json.loads(row.capture)).at(path, mtime_ns),
            )
        )  # fmt: skip
        prints.append(row.print)
    found.prints = Prints.of(prints)
    return found
