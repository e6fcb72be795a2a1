"""One child process for the little work that pages ask for: files, thresholds, explanations.

The server answers from memory and disk only. Opening a stranger's video, or deciding about all
frames while a slider moves, happens here: a file that kills its reader kills this process, which
is replaced, and no picture waits behind a decision.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from curation.engine.limits import Limits, held, looking_s, memory_bytes
from curation.engine.pool import Pool
from curation.errors import CurationError
from curation.ingest.arrivals import looked_at
from curation.web import mark_work, people_work

NICENESS = 5
LONGEST_S = 24 * 3600.0
CLIP_S = 120.0
"""For some seconds of a video, and those before them back to where its reader can begin."""
STILL_S = 600.0
"""A frame of a damaged video is decoded from the beginning of the file on."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask what a file is; answered with (size and time of the file, records.VideoInfo)."""

    path: Path


@dataclass(frozen=True, slots=True)
class Try:
    """Ask what other thresholds would pick; answered with a web.trials.Trial."""

    params: Mapping[str, Any]
    pool: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Ask why a frame stands where it stands; answered with a dict of decide.explain."""

    frame_id: int


@dataclass(frozen=True, slots=True)
class Cover:
    """Ask what the picked set holds and lacks; answered with a dict of decide.coverage."""


@dataclass(frozen=True, slots=True)
class Table:
    """Ask for the table of the review workspace; answered with the name of a ready file."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Ask for one measure of all rows; answered with the name of a ready file."""

    name: str


@dataclass(frozen=True, slots=True)
class Match:
    """Ask which frames a question is about (decide.views); answered with int64 frame ids."""

    query: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask what other thresholds would decide about every row; answered with web.blobs bytes.

    Attributes:
        ticket: number by which the question can be dropped, also while it is worked on.
    """

    params: Mapping[str, Any]
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class Near:
    """Ask for the frames like one; answered with the dict of web.near.near."""

    frame_id: int
    by: str
    count: int


@dataclass(frozen=True, slots=True)
class Places:
    """Ask where frames lie on the map; answered with the name of a ready file."""

    by: str


@dataclass(frozen=True, slots=True)
class Clip:
    """Ask for the seconds around a frame; answered with the name of a ready file."""

    frame_id: int


@dataclass(frozen=True, slots=True)
class Still:
    """Ask for a frame at full size whose file is not there; answered with a ready file's name."""

    frame_id: int


@dataclass(frozen=True, slots=True)
class Crops:
    """Ask for proposals of crops of a frame, to be stored; answered with how many it has."""

    frame_id: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask what a program may: see web.api_answers; answered with what is told as JSON."""

    name: str
    values: Mapping[str, Any]


ReviewTask = Near | Places | Table | Measure | Match | mark_work.Write | mark_work.Back
LookTask = Probe | Clip | Still | Crops
Task = Ask | people_work.PeopleTask | LookTask | Try | Explain | Cover | Judge | ReviewTask


def make_helper(root: Path, dropped: Any = None) -> Any:
    """Return the child's side: one datastore, its columns kept between questions.

    Args:
        dropped: shared number; questions with tickets up to it are unwanted.
    """
    from curation.engine.machine import single_threaded

    single_threaded()
    with suppress(OSError):
        os.nice(NICENESS)
    trials: list[Any] = []
    packs: list[Any] = []

    def review(task: ReviewTask) -> Any:
        if not packs:
            from curation.web.review_pack import ReviewPack

            packs.append(ReviewPack(root))
        if isinstance(task, Table):
            return packs[0].table()
        if isinstance(task, Near):
            from curation.web.near import near

            return near(packs[0], task)
        if isinstance(task, Places):
            from curation.web.places import place

            return place(packs[0], task)
        if isinstance(task, Measure):
            return packs[0].measure(task.name)
        if isinstance(task, mark_work.Write):
            return mark_work.do(packs[0].catalogue, task.asked, packs[0].match)
        if isinstance(task, mark_work.Back):
            return mark_work.back(packs[0].catalogue, task)
        return packs[0].match(task.query)

    def handler(task: Task) -> Iterator[Any]:
        if isinstance(task, Probe):
            yield looked_at(task.path)
            return
        if isinstance(task, Ask):
            from curation.web.api_answers import answer

            yield answer(root, task.name, task.values)
            return
        if isinstance(task, people_work.PeopleTask):
            yield people_work.answer(root, task)
            return
        if isinstance(task, Clip):
            from curation.store.catalogue import Catalogue
            from curation.web.clips import cut

            yield cut(Catalogue(root), task)
            return
        if isinstance(task, Still):
            from curation.store.catalogue import Catalogue
            from curation.web.frames import make

            with held(Limits(memory_bytes=memory_bytes()), None):
                name = make(Catalogue(root), task)
            yield name
            return
        if isinstance(task, Crops):
            from curation.cull.crop_frames import propose
            from curation.store.catalogue import Catalogue

            yield propose(Catalogue(root), task.frame_id)
            return
        if isinstance(task, ReviewTask):
            yield review(task)
            return
        if not trials:
            from curation.web.trials import Trials

            trials.append(Trials(root))
        if isinstance(task, Try):
            yield trials[0].decide(task.params, task.pool)
        elif isinstance(task, Explain):
            yield trials[0].explain(task.frame_id)
        elif isinstance(task, Judge):
            from curation.web.forked import in_fork

            work, ticket = trials[0].question(task.params), task.ticket
            yield in_fork(work, lambda: dropped is not None and dropped.value >= ticket > 0)
        else:
            yield trials[0].coverage()

    return handler


@dataclass(frozen=True, slots=True)
class Judging:
    """Decisions that are waited for."""

    ticket: int
    answer: Future[Any]
    dropped: Any

    def drop(self) -> None:
        """Let go of the question: take it from the queue, or end the work on it."""
        if not self.answer.cancel() and not self.answer.done():
            # Questions are taken in turn: those before this one are answered or dropped already.
            self.dropped.value = max(self.dropped.value, self.ticket)


def _seconds(task: Task) -> float:
    """Return how long a question may compute: who looks at a stranger's file must come back."""
    if isinstance(task, Probe):
        with suppress(OSError):
            return looking_s(task.path.stat().st_size)
    if isinstance(task, Clip):
        return CLIP_S
    if isinstance(task, Still):
        return STILL_S
    return LONGEST_S


class ReaderDied(CurationError):
    """A process that ended over its task, and not for one of its limits."""


class Helper:
    """The server's side: one question after the other, from any thread.

    Args:
        root: the datastore.
        make: builds the child's side, given the datastore.
    """

    def __init__(self, root: Path, make: Callable[..., Any] = make_helper) -> None:
        # A worker dies with the thread that made it, so this thread lives as long as the server.
        self._thread = ThreadPoolExecutor(1, "helper")
        self._dropped = multiprocessing.get_context("spawn").RawValue("q", 0)
        self._tickets = count(1)
        self._pool: Pool[Task] = Pool(
            partial(make, root, self._dropped), 1, Limits(time_s=_seconds)
        )

    def ask(self, task: Task) -> Any:
        """Return the answer to one question.

        Raises:
            CurationError: what went wrong; ReaderDied when the process died over it.
        """
        return self.submit(task).result()

    def submit(self, task: Task) -> Future[Any]:
        """Return the answer to come; cancelling it helps while it waits for its turn."""
        return self._thread.submit(self._ask, task)

    def judge(self, params: Mapping[str, Any]) -> Judging:
        """Return the decisions to come; unlike other answers they can be dropped at any time."""
        ticket = next(self._tickets)
        return Judging(ticket, self.submit(Judge(params, ticket)), self._dropped)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._pool.kill()
        self._thread.submit(self._pool.__exit__).result()
        self._thread.shutdown()

    def _ask(self, task: Task) -> Any:
        try:
            return self._run(task)
        except OSError:  # it died while nobody asked; a new one can answer
            self._pool.__exit__()
            return self._run(task)

    def _run(self, task: Task) -> Any:
        answer = None
        failure: CurationError | None = None
        for event in self._pool.run([task]):
            if event.kind == "item":
                answer = event.message
            elif event.kind == "died" and type(event.error) is CurationError:
                failure = ReaderDied(event.error.message, event.error.hint)
            elif event.error is not None:
                failure = event.error
        if failure is not None:
            raise failure
        return answer
