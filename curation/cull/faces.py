"""Faces of photos that stand beside others: found once, so that the sharper face wins."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.errors import StepUnavailable, WeightsMissing
from curation.records import Progress
from curation.toolkit.verbs import Context
from curation.toolkit.workdir import Pic

if TYPE_CHECKING:
    from curation.cull.library import Library
    from curation.cull.ranking import Said


def look(
    ctx: Context, library: Library, at: Sequence[int], said: Said
) -> Generator[Progress, None, str]:
    """Note in `said.subject` how sharp the main face of some photos is, in `said.face` where.

    A photo without a face, or one that cannot be looked at, keeps what it has.

    Args:
        at: places in the library; the others are not opened.

    Returns:
        why nobody looked, "" when somebody did.
    """
    from curation import weights
    from curation.steps import face_sharpness
    from curation.toolkit import finding

    pics = {}
    for i in at:
        photo = library.photos[i]
        pics[photo.path] = Pic(photo.path, photo.folder, photo.size_bytes, photo.mtime_ns)
    if not pics:
        return ""
    plan = ctx.plan()  # what cannot be looked at is no failure: it was read before
    try:
        fp = f"{weights.digest_of('yunet')[:16]}:{face_sharpness.REVISION}"
        answers = yield from finding.ask(
            ctx, plan, list(pics.values()), [face_sharpness.NAME], fp, face_sharpness.open_looker,
        )
    except (StepUnavailable, WeightsMissing) as error:
        return f"faces were not looked for: {error.message}"
    for i in at:
        told: dict[str, Any] = answers.of.get(library.photos[i].path, {})
        found = told.get(face_sharpness.NAME, {}).get("found")
        if found:
            said.subject[i] = found["sharp"]
            said.face[i] = np.array(found["xyxy"]) / max(library.photos[i].width,
                                                         library.photos[i].height)  # fmt: skip
    return ""
