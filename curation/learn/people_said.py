"""What holds of all that people said about who is who, and how `decide` is told.

Values of the ops (store/people.py); `person` is the number of the op that first spoke of somebody,
None where this op does:

    name     {"person", "name"}            its frames show somebody of this name
    merge    {"into", "from"}              two are one; into None: a person without a name so far
    split    {}                            its frames show somebody new; words on `apart` end
    not      {"person"}                    `apart` does not show this person; `shown` does
    consent  {"person", "note"}            what was agreed, "" takes it back

`placed` is true where its frames were chosen to speak for their tracks. The latest word on a frame
counts. As everything follows from the ops in their order, an op that is undone leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.store.people import PeopleTable, Saying

Ids = npt.NDArray[np.int64]
NEAR_S = 1.0
"""Seconds within which another frame of the same video stands for one that is no longer sampled."""


@dataclass(slots=True)
class Person:
    """Somebody whom people spoke of.

    Attributes:
        id: stays whatever the person is called and however people are numbered.
        name: "" while nobody gave one.
        note: of consent, "" without.
        once: other ids that turned out to be the same person.
    """

    id: int
    name: str = ""
    note: str = ""
    once: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Said:
    """What holds now.

    Attributes:
        persons: by id.
        shown: frame -> id of the person it shows.
        apart: frame -> ids of persons it does not show.
        placed: frames of `shown` that we chose to speak for their tracks, when somebody spoke of
            a number or a name; a word on another frame of the track takes them back.
    """

    persons: dict[int, Person] = field(default_factory=dict)
    shown: dict[int, int] = field(default_factory=dict)
    apart: dict[int, set[int]] = field(default_factory=dict)
    placed: set[int] = field(default_factory=set)

    def named(self, name: str) -> Person | None:
        """Return the person of this name, however its letters are cased."""
        wanted = name.strip().casefold()
        for person in self.persons.values():
            if wanted and person.name.casefold() == wanted:
                return person
        return None


def holds(sayings: Iterable[Saying]) -> Said:
    """Return what follows from sayings, in the order in which they were said."""
    said, alias = Said(), _Alias()
    for op in sayings:
        key = "into" if op.kind == "merge" else "person"
        given = op.value.get(key)
        person = _met(said, alias.of(int(given)) if given is not None else op.id)
        for frame in op.shown.tolist():
            said.shown[frame] = person.id
            said.apart.get(frame, set()).discard(person.id)
        (said.placed.update if op.value.get("placed") else said.placed.difference_update)(
            op.shown.tolist()
        )
        if op.kind == "name":
            person.name = str(op.value["name"])
        elif op.kind == "consent":
            person.note = str(op.value["note"])
        elif op.kind == "merge" and op.value.get("from") is not None:
            _merge(said, alias, person, alias.of(int(op.value["from"])))
        elif op.kind == "split":
            for frame in op.apart.tolist():
                said.shown.pop(frame, None)
        elif op.kind == "not":
            for frame in op.apart.tolist():
                if said.shown.get(frame) == person.id:
                    del said.shown[frame]
                said.apart.setdefault(frame, set()).add(person.id)
    said.placed &= said.shown.keys()
    return said


def current(catalogue: Any) -> Said:
    """Return what holds in a catalogue."""
    return holds(PeopleTable(catalogue).all())


def add_columns(catalogue: Any, columns: MutableMapping[str, npt.NDArray[Any]]) -> None:
    """Give `decide` what people said: person_said, person_name and person_apart of n frames.

    person_said is the person's id (NaN: nothing said), person_name text or None, person_apart a
    tuple of ids or None. Where a frame is no longer sampled, its neighbour in time stands for it.
    Nothing is added where nothing was said.
    """
    table = PeopleTable(catalogue)
    said = holds(table.all())
    frames = sorted(said.shown.keys() | {f for f, ids in said.apart.items() if ids})
    if not frames or not len(columns["frame_id"]):
        return
    n = len(columns["frame_id"])
    who = np.full(n, np.nan)
    name, apart = np.full(n, None, object), np.full(n, None, object)
    rows = _rows(table, columns, np.array(frames, np.int64))
    # A frame that is there has the last word over one that it stands for.
    for frame, (row, exact) in sorted(rows.items(), key=lambda each: each[1][1]):
        if exact or np.isnan(who[row]):
            if frame in said.shown:
                person = said.persons[said.shown[frame]]
                who[row], name[row] = person.id, person.name or None
            if said.apart.get(frame):
                apart[row] = tuple(sorted(said.apart[frame]))
    columns["person_said"], columns["person_name"], columns["person_apart"] = who, name, apart


def _rows(
    table: PeopleTable, columns: MutableMapping[str, npt.NDArray[Any]], frames: Ids
) -> dict[int, tuple[int, bool]]:
    """Return frame -> row that stands for it, and whether it is its own."""
    ids = columns["frame_id"]
    order = np.argsort(ids, kind="stable")
    at = order[np.minimum(np.searchsorted(ids[order], frames), len(ids) - 1)]
    here = ids[at] == frames
    found = {
        int(frame): (int(row), True)
        for frame, row in zip(frames[here], at[here], strict=True)
    }
    lost = frames[~here]
    if not len(lost):
        return found
    by_video: dict[int, tuple[Ids, npt.NDArray[np.float64]]] = {}
    for frame, (video, time_s) in sorted(table.where(lost).items()):
        if video not in by_video:
            mine = np.flatnonzero(columns["video"] == video)
            by_video[video] = mine, columns["time_s"][mine]
        mine, times = by_video[video]
        if len(mine):
            near = int(np.abs(times - time_s).argmin())
            if abs(float(times[near]) - time_s) <= NEAR_S:
                found[frame] = (int(mine[near]), False)
    return found


class _Alias:
    """Who turned out to be whom."""

    def __init__(self) -> None:
        self._into: dict[int, int] = {}

    def of(self, person: int) -> int:
        """Return who a person is by now."""
        while person in self._into:
            person = self._into[person]
        return person

    def join(self, one: int, into: int) -> None:
        """Make one person another."""
        self._into[one] = into


def _met(said: Said, person: int) -> Person:
    return said.persons.setdefault(person, Person(person))


def _merge(said: Said, alias: _Alias, into: Person, other_id: int) -> None:
    if other_id == into.id:
        return
    other = said.persons.pop(other_id, Person(other_id))
    alias.join(other_id, into.id)
    into.name, into.note = into.name or other.name, into.note or other.note
    into.once += [other_id, *other.once]
    for frame, person in said.shown.items():
        if person == other_id:
            said.shown[frame] = into.id
    for frame, persons in said.apart.items():
        if other_id in persons:
            persons.discard(other_id)
            # Two are one now: who was shown as the one is no longer apart from the other.
            if said.shown.get(frame) != into.id:
                persons.add(into.id)
