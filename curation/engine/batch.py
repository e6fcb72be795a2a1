"""The one place where steps meet pixels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curation.engine.active import cut, moved, offset_px
from curation.engine.limits import pulse
from curation.engine.stills import made_rgb
from curation.errors import CurationError, ImageUnreadable
from curation.records import Frame, Measured, Result
from curation.steps.base import Item, RgbImage, Step, check

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)


def load_rgb(path: Path) -> RgbImage:
    """Return a stored JPEG, or a person's picture, as (h, w, 3) uint8, upright.

    Raises:
        ImageUnreadable: naming the file, when it is missing or damaged.
    """
    import simplejpeg

    from curation.photos.decode import is_plain_jpeg, load_upright

    try:
        data = path.read_bytes()
        if not is_plain_jpeg(data):
            return load_upright(path)
        picture = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except (OSError, ValueError) as error:
        raise ImageUnreadable(f"{path}: {error}", "extract its video again") from error
    return np.asarray(picture)


def load_frame(frame: Frame) -> RgbImage:
    """Return the pixels of a frame's JPEG: the stored one, else one that is made for the moment.

    Raises:
        ImageUnreadable: naming the file that is missing or damaged.
    """
    if frame.source is None or frame.path.is_file():
        return load_rgb(frame.path)
    return made_rgb(frame)


def run_batch(
    steps: Sequence[Step], items: Sequence[Item], wanted: Mapping[int, Iterable[str]] | None = None
) -> list[Result]:
    """Run steps over loaded frames; one frame that fails costs one error, not the batch.

    Args:
        steps: set up, each after those it needs.
        items: their `given` may already hold answers; new ones are added to it.
        wanted: step names to run for each frame id; all steps when None.
    """
    results: list[Result] = []
    for step in steps:
        ready: list[Item] = []
        for item in items:
            if wanted is not None and step.name not in wanted[item.frame.id]:
                continue
            lacking = [name for name in step.needs if name not in item.given]
            if lacking:
                results.append(Result(item.frame.id, step.name, None, f"needs {lacking[0]}"))
            else:
                ready.append(item)
        answers = _measure(step, ready)
        pulse()
        for item, answer in zip(ready, answers, strict=True):
            if isinstance(answer, str):
                results.append(Result(item.frame.id, step.name, None, answer))
            else:
                item.given[step.name] = answer
                results.append(Result(item.frame.id, step.name, answer))
    return results


def _measure(step: Step, items: Sequence[Item]) -> list[Measured | str]:
    if not items:
        return []
    try:
        answers = step(items)
        if len(answers) != len(items):
            raise TypeError(f"step {step.name} answered {len(answers)} of {len(items)} frames")
        return [check(step, answer) for answer in answers]
    except Exception as error:  # one frame must not cost the others their answer
        if len(items) > 1:
            return [_measure(step, [item])[0] for item in items]
        log.debug("step %s, frame %s", step.name, items[0].frame.key, exc_info=True)
        return [_reason(error)]


def _reason(error: Exception) -> str:
    if isinstance(error, CurationError):
        return str(error)
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def run_frames(
    steps: Sequence[Step],
    frames: Sequence[Frame],
    given: Mapping[int, Mapping[str, Measured]],
    wanted: Mapping[int, Sequence[str]],
    pictures: dict[int, RgbImage | None] | None = None,
) -> list[Result]:
    """Load each frame once and run the wanted steps on its picture, without burnt-in bars.

    Places in what is given and in what is returned are pixels of the whole stored frame.

    Args:
        pictures: its keys get the whole pictures of these frames.
    """
    items: list[Item] = []
    results: list[Result] = []
    places: dict[int, tuple[int, int]] = {}
    for frame in frames:
        try:
            whole = load_frame(frame)
        except ImageUnreadable as error:
            results += [Result(frame.id, name, None, str(error)) for name in wanted[frame.id]]
            continue
        if pictures is not None and frame.id in pictures:
            pictures[frame.id] = whole
        rgb = cut(whole, frame)
        x, y = places[frame.id] = offset_px(frame, rgb)
        known = given.get(frame.id, {})
        items.append(
            Item(frame, rgb, {name: moved(found, (-x, -y)) for name, found in known.items()})
        )
    for result in run_batch(steps, items, wanted):
        found = result.measured
        if found is not None:
            result = replace(result, measured=moved(found, places[result.frame_id]))
        results.append(result)
    return results
