"""Which large pictures are only smaller ones of their group, enlarged."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation.records import Progress
from curation.store.cull import Group
from curation.toolkit.index import Index
from curation.toolkit.keepers import Candidate, find_enlarged
from curation.toolkit.verbs import Context
from curation.toolkit.workdir import Pic

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.cull.ranking import Said


def look(
    ctx: Context, library: Library, groups: Sequence[Group], said: Said
) -> Generator[Progress, None, bool]:
    """Note in `said.enlarged` which members of groups are enlarged; return whether any is new.

    Only the largest pictures of each group are held against the largest smaller one of their
    shape; each pair once ever. See toolkit.upscales.
    """
    at = {photo.path: i for i, photo in enumerate(library.photos)}
    asked = []
    for group in groups:
        members = [_candidate(library, at[member.path]) for member in group.members]
        if len({member.pixels for member in members}) > 1:
            asked.append((members[0], members[1:]))
    known = {library.photos[i].path for i in np.flatnonzero(said.enlarged).tolist()}
    fresh = yield from find_enlarged(ctx, Index(ctx.workdir, ctx.catalogue), asked, known)
    for path in fresh:
        said.enlarged[at[path]] = True
    return bool(fresh)


def _candidate(library: Library, at: int) -> Candidate:
    photo = library.photos[at]
    pic = Pic(photo.path, photo.folder, photo.size_bytes, photo.mtime_ns)
    return Candidate(pic, {}, photo.content, None, photo.width, photo.height)
