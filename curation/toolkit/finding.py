"""Looking for things in pictures, in worker processes; each content is looked at once.

A verb names questions ("detect.chair") with a fingerprint of what answers them; answers are JSON,
kept in the index by content. What a picture was asked before costs a look-up, also after it was
renamed, and a run that is stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from curation.engine.machine import pick_workers
from curation.engine.meter import Meter
from curation.engine.pool import Pool
from curation.errors import ImageUnreadable, InputError, StepUnavailable, WeightsMissing
from curation.photos.content import content_id
from curation.records import Progress
from curation.toolkit.index import Index
from curation.toolkit.plan import Plan
from curation.toolkit.verbs import Context
from curation.toolkit.workdir import WILD, Pic

LEAST_PX = 2048
"""Longer side that pictures are looked at with, at least, where they have it."""
KEEP_EVERY, PICTURES_A_WORKER = 32, 4


class Looker(Protocol):
    """What looks at pictures inside a worker."""

    def look(
        self, rgb: Any, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return a JSON-able answer for each name.

        Args:
            rgb: (h, w, 3) uint8, perhaps reduced.
            scale_xy: what coordinates in it are multiplied by to be those of the picture.
        """

    def close(self) -> None:
        """Let go of the models."""


@dataclass(frozen=True, slots=True)
class Task:
    """A picture on its way to a worker, with the questions that are open."""

    path: Path
    content: str
    names: tuple[str, ...]


@dataclass(slots=True)
class Answers:
    """What is known of pictures.

    Attributes:
        of: by path, then by name.
        open: pictures that were left unasked, in a dry run.
        looked: how many pictures were looked at now.
    """

    of: dict[Path, dict[str, Any]] = field(default_factory=dict)
    open: list[Pic] = field(default_factory=list)
    looked: int = 0


def sources(ctx: Context, from_dirs: str, to: Path) -> list[Pic]:
    """Return the pictures that something is cut out of; never those in the target folder.

    Raises:
        InputError: when the target is named among the sources, and when there is no picture.
    """
    if to in ctx.workdir.folders(from_dirs) and not WILD.search(from_dirs):
        raise InputError(f"{to} is among --from", "name another folder with --to")
    found = [pic for pic in ctx.pictures(from_dirs) if not pic.path.is_relative_to(to)]
    if not found:
        raise InputError(f"there is no picture but those in {ctx.workdir.shown(to)}")
    return found


def serve(open_looker: Callable[[], Looker]) -> Any:
    """Return the worker's side: a handler that keeps its models."""
    from curation.engine.machine import single_threaded

    single_threaded()
    return _Handler(open_looker())


class _Handler:
    def __init__(self, looker: Looker) -> None:
        self.looker = looker
        self.close = looker.close

    def __call__(self, task: Task) -> Iterator[dict[str, str]]:
        from curation.photos.decode import opened, pixels, read_bytes, upright_size

        kind, data = read_bytes(task.path)
        if content_id(data) != task.content:
            raise ImageUnreadable("changes while it is being read; run this again later")
        image = opened(kind, data)
        width, height = upright_size(image)
        rgb = pixels(image, LEAST_PX)
        scale = (width / rgb.shape[1], height / rgb.shape[0])
        found = self.looker.look(rgb, scale, task.names)
        yield {
            name: json.dumps({"size_wh": [width, height], "found": found[name]})
            for name in task.names
        }


def ask(
    ctx: Context,
    plan: Plan,
    pics: Sequence[Pic],
    names: Sequence[str],
    fp: str,
    open_looker: Callable[[], Looker],
    *,
    only_known: bool = False,
    again: bool = False,
) -> Generator[Progress, None, Answers]:
    """Ask pictures and return the answers; one that cannot be read fails in the plan.

    An answer is {"size_wh": [w, h], "found": what the looker said}.

    Args:
        names: questions.
        fp: what answers depend on besides the picture.
        open_looker: importable by name, or a partial of such.
        only_known: look at nothing; what is not known yet is in `open`.
        again: look whatever is known.

    Raises:
        StepUnavailable, WeightsMissing: when the looker cannot be opened.
    """
    index = Index(ctx.workdir, ctx.catalogue)
    read = yield from index.look(ctx.verb, pics, (), ctx.workers)
    known: dict[str, dict[str, Any]] = {}
    for name in () if again else names:
        for content, value in index.recall(name, fp, set(read.content.values())).items():
            known.setdefault(content, {})[name] = json.loads(str(value))
    tasks: dict[str, Task] = {}
    for pic in pics:
        content = read.content.get(pic.path, "")
        if not content:
            plan.fail(pic.path, read.failed.get(pic.path, "cannot be read"))
            continue
        lacking = tuple(name for name in names if name not in known.get(content, {}))
        if lacking:
            tasks.setdefault(content, Task(pic.path, content, lacking))
    answers, failed = Answers(), dict[str, str]()
    if not only_known:
        yield from _look(ctx, index, list(tasks.values()), fp, open_looker, known, failed)
        answers.looked = len(tasks) - len(failed)
    for pic in pics:
        content = read.content.get(pic.path, "")
        if content in failed:
            plan.fail(pic.path, failed[content])
        elif only_known and content in tasks:
            answers.open.append(pic)
        elif content:
            answers.of[pic.path] = known[content]
    return answers


def _look(
    ctx: Context,
    index: Index,
    tasks: Sequence[Task],
    fp: str,
    open_looker: Callable[[], Looker],
    known: dict[str, dict[str, Any]],
    failed: dict[str, str],
) -> Iterator[Progress]:
    from functools import partial

    if not tasks:
        return
    meter = Meter(ctx.verb, len(tasks), "pictures")
    fresh: dict[str, dict[str, str]] = {}
    yield meter.beat(note="opening the models")
    useful = -(-len(tasks) // PICTURES_A_WORKER)
    try:
        with Pool[Task](partial(serve, open_looker), pick_workers(ctx.workers, useful)) as pool:
            for event in pool.run(tasks):
                content = event.task.content
                if event.kind == "item":
                    fresh[content] = event.message
                    known.setdefault(content, {}).update(
                        {name: json.loads(text) for name, text in event.message.items()}
                    )
                    if len(fresh) >= KEEP_EVERY:
                        _remember(index, fp, fresh)
                    continue
                if isinstance(event.error, StepUnavailable | WeightsMissing):
                    raise event.error
                if event.error is not None:
                    failed[content] = event.error.message
                yield meter.beat(1, note=event.task.path.name)
    finally:
        _remember(index, fp, fresh)  # also when it is stopped


def _remember(index: Index, fp: str, fresh: dict[str, dict[str, str]]) -> None:
    for name in dict.fromkeys(name for answers in fresh.values() for name in answers):
        index.remember(name, fp, {c: found[name] for c, found in fresh.items() if name in found})
    fresh.clear()
