"""What the people panel asks of the helper: who there is, who is on each row, words, a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import CurationError
from curation.store import review_table
from curation.studio import Studio

SHOWN = 400


@dataclass(frozen=True, slots=True)
class Everybody:
    """Ask for people, and where the face is on the frame that shows each best."""


@dataclass(frozen=True, slots=True)
class Persons:
    """Ask who is on each row of the workspace; answered with int32 bytes, -1 for nobody."""


@dataclass(frozen=True, slots=True)
class Say:
    """Write down what somebody says.

    Attributes:
        whom, other: a frame of theirs, which stays right when numbers change, or their name.
    """

    verb: str
    whom: int | str
    other: int | str
    value: str
    frames: tuple[int, ...]
    client: str


@dataclass(frozen=True, slots=True)
class Find:
    """Ask which tracks show who is on a picture file."""

    path: Path


PeopleTask = Everybody | Persons | Say | Find


@lru_cache(1)
def _studio(root: Path) -> Studio:
    return Studio(root)


def answer(root: Path, task: PeopleTask) -> Any:
    """Return the answer to one question.

    Raises:
        CurationError: it cannot be answered; says what to do.
    """
    studio = _studio(root)
    if isinstance(task, Everybody):
        return _everybody(studio)
    if isinstance(task, Persons):
        return _persons(studio)
    if isinstance(task, Find):
        return _find(studio, task.path)
    return _plain(_say(studio, task))


def _plain(told: Any) -> Any:
    return json.loads(json.dumps(told, default=str))


def _everybody(studio: Studio) -> dict[str, Any]:
    from curation.store.look import faces_on

    try:
        told = studio.people()
    except CurationError as error:  # nothing is measured yet, which is no fault of who asks
        return {"people": [], "all": 0, "faces": {}, "can_undo": False, "why": error.message,
                "hint": error.hint}
    told["all"] = len(told["people"])
    told["people"] = told["people"][:SHOWN]
    best = [row["best"][0] for row in told["people"] if row["best"]]
    told["faces"] = {str(frame): box for frame, box in faces_on(studio.catalogue, best).items()}
    return _plain(told)  # type: ignore[no-any-return]


def _persons(studio: Studio) -> bytes:
    from curation.learn.people_seen import seen_in

    seen = seen_in(studio.catalogue)
    rows = review_table.row_ids(studio.catalogue)
    found = np.full(len(rows), -1, np.int32)
    at = review_table.rows_of(rows, seen.frame_id)
    found[at[at >= 0]] = seen.person[at >= 0]
    return found.astype("<i4").tobytes()


def _say(studio: Studio, task: Say) -> dict[str, Any]:
    speaker = studio.about_people(task.client)
    frames = list(task.frames)
    said: dict[str, Callable[[], dict[str, Any]]] = {
        "name": lambda: speaker.name(_called(studio, task.whom), task.value),
        "name_frames": lambda: speaker.name_frames(frames, task.value),
        "merge": lambda: speaker.merge(_called(studio, task.whom), _called(studio, task.other)),
        "split": lambda: speaker.split(frames),
        "not": lambda: speaker.not_them(_called(studio, task.whom), frames),
        "consent": lambda: speaker.consent(_called(studio, task.whom), task.value),
        "undo": speaker.undo,
        "redo": speaker.redo,
    }
    return said[task.verb]()


def _called(studio: Studio, whom: int | str) -> str:
    """Return the name or number of who is on a frame."""
    from curation.learn.people_seen import seen_in

    if isinstance(whom, str):
        return whom
    seen = seen_in(studio.catalogue)
    at = np.flatnonzero(seen.frame_id == whom)
    number = int(seen.person[at[0]]) if len(at) else -1
    if number < 0:
        raise CurationError(f"nobody is known on frame {whom}", "reload the page")
    return seen.names.get(number) or str(number)


def _find(studio: Studio, path: Path) -> dict[str, Any]:
    beats = list(studio.find_person([path]))
    told = dict(beats[-1].summary or {})
    told.pop("failed_items", None)
    return _plain(told)  # type: ignore[no-any-return]
