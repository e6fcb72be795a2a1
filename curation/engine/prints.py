"""What is kept of a picture that was read, so that review and culling read no file twice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.photos.prints import FP
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.prints import PrintRow, PrintTable
from curation.store.toolkit_index import FileRow, IndexTable

if TYPE_CHECKING:
    from curation.photos.picture import Look

RACY_NS = 2_000_000_000
"""A file this young when it is read may change again without its time changing."""

Stat = tuple[int, int, int]
"""Size in bytes, mtime in ns, inode."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was read whole, and as what."""

    path: Path
    stat: Stat
    look: Look


def stat_of(path: Path) -> Stat:
    """Return what tells whether a file is the one that was read."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def sure_time(stat: Stat, now_ns: int) -> int:
    """Return the time to store a file with: one that no file has when it may change unseen.

    It is read again next time then.
    """
    return stat[1] if now_ns - stat[1] > RACY_NS else -1


def row_of(look: Look) -> PrintRow:
    """Return what is stored of a picture's content."""
    told = json.dumps(look.capture.as_dict(), sort_keys=True)
    return PrintRow(
        look.content, look.key, look.kind, look.width, look.height, look.print, told
    )


def keep(catalogue: Catalogue, seen: Sequence[Seen]) -> None:
    """Remember files in the index of the folder that a catalogue belongs to.

    Nothing is kept by a datastore that is not a folder's own: no verb over folders would look
    there.
    """
    if catalogue.root.name != OUR_FOLDER or not seen:
        return
    now, home = time.time_ns(), catalogue.root.parent
    files = []
    for one in seen:
        inside = one.path.is_relative_to(home)
        name = (one.path.relative_to(home) if inside else one.path).as_posix()
        files.append(
            FileRow(
                os.fsencode(name), one.stat[0], sure_time(one.stat, now), one.stat[2],
                one.look.content,
            )
        )  # fmt: skip
    IndexTable(catalogue).put_files(files)
    PrintTable(catalogue, FP).put([row_of(one.look) for one in seen])
