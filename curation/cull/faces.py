"""Faces of photos that stand beside others: found once, so that open eyes and the sharper win."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
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
    """Note how sharp the main face of some photos is, where it is, and how open its eyes are.

    These are `subject`, `face` and `eyes` of `said`. A photo without a face, or one that cannot be
    looked at, keeps what it has; so do eyes that a review measured.

    Args:
        at: places in the library; the others are not opened.

    Returns:
        what nobody looked at and why, "" when all was.
    """
    from curation import weights
    from curation.cull import eyes
    from curation.steps import face_sharpness

    pics = {}
    for i in at:
        photo = library.photos[i]
        pics[photo.path] = Pic(photo.path, photo.folder, photo.size_bytes, photo.mtime_ns)
    if not pics:
        return ""
    note = ""
    try:
        found = yield from _asked(ctx, pics, eyes.fingerprint(), eyes.open_looker)
    except (StepUnavailable, WeightsMissing) as error:
        note = f"eyes were not looked at: {error.message}"
        fp = f"{weights.digest_of('yunet')[:16]}:{face_sharpness.REVISION}"
        try:
            found = yield from _asked(ctx, pics, fp, face_sharpness.open_looker)
        except (StepUnavailable, WeightsMissing) as lacking:
            return f"faces were not looked for: {lacking.message}"
    for i in at:
        photo = library.photos[i]
        face = found.get(photo.path)
        if face:
            said.subject[i] = face["sharp"]
            said.face[i] = np.array(face["xyxy"]) / max(photo.width, photo.height)
            if face.get("eyes") is not None and np.isnan(said.eyes[i]):
                said.eyes[i] = face["eyes"]
    return note


def _asked(
    ctx: Context, pics: Mapping[Path, Pic], fp: str, open_looker: Callable[[], Any]
) -> Generator[Progress, None, dict[Path, Any]]:
    """Return what a looker finds in pictures, by path; None where there is no face.

    Raises:
        StepUnavailable, WeightsMissing: when it cannot be opened.
    """
    from curation.steps.face_sharpness import NAME
    from curation.toolkit import finding

    plan = ctx.plan()  # what cannot be looked at is no failure: it was read before
    answers = yield from finding.ask(ctx, plan, list(pics.values()), [NAME], fp, open_looker)
    return {path: told[NAME]["found"] for path, told in answers.of.items() if NAME in told}
