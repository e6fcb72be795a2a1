"""Which tracks are one person: by likeness of faces, and first of all by what people said.

A machine never takes back what a person said: tracks with a word on them belong to whom the word
names, and teach what that person looks like; the others join who is nearest to them and likely
enough, never somebody whom they were told apart from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curation.decide.columns import Columns, Floats, Ints, Objects
from curation.decide.ledger import Ledger

if TYPE_CHECKING:
    from curation.params import TrackParams

Matrix = npt.NDArray[np.float32]
BLOCK = 1024
NEVER = -2.0
"""Under every cosine."""


@dataclass(frozen=True, slots=True)
class Words:
    """What people said, by unit: a track, or a part of one that they said different things of.

    Attributes:
        unit: (n,) of each frame; tracks keep their numbers, parts come after them; -1 for none.
        said: (units,) id of the person, -1 where nothing was said.
        apart: unit -> ids of persons whom it does not show.
        names: id -> name of persons who have one.
        frames: frame row -> id, of frames without a subject that somebody named all the same.
    """

    unit: Ints
    said: Ints
    apart: Mapping[int, frozenset[int]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    frames: Mapping[int, int] = field(default_factory=dict)


def words_of(columns: Columns, track: Ints) -> Words:
    """Return what people said of tracks.

    One word on a frame speaks for its whole track, as long as no other contradicts it; else each
    frame follows the word that is nearest to it in time.

    Args:
        columns: person_said, person_apart and person_name, see learn/people_said.py.
        track: (n,) of each frame, -1 for none.
    """
    count = int(track.max(initial=-1)) + 1
    unit, said = track, np.full(count, -1, np.int64)
    if "person_said" not in columns:
        return Words(unit, said)
    who = columns.ints("person_said", -1)
    not_who = columns.objects("person_apart")
    told = np.flatnonzero((who >= 0) | (not_who != None))  # noqa: E711
    if not len(told):
        return Words(unit, said)
    called = columns.objects("person_name")
    names = {int(who[row]): str(called[row]) for row in told.tolist() if called[row]}
    frames = {row: int(who[row]) for row in told.tolist() if track[row] < 0 <= who[row]}
    apart: dict[int, frozenset[int]] = {}
    more: list[int] = []
    unit = track.copy()
    inside = told[track[told] >= 0]
    inside = inside[np.argsort(track[inside], kind="stable")]
    edges = np.flatnonzero(np.diff(track[inside])) + 1
    by_time = columns.floats("time_s")
    for mine in np.split(inside, edges) if len(inside) else ():
        number = int(track[mine[0]])
        meant = [(int(who[row]), frozenset(not_who[row] or ())) for row in mine.tolist()]
        positive = {person for person, _ in meant if person >= 0}
        negative: frozenset[int] = frozenset().union(*(others for _, others in meant))
        if len(positive) <= 1 and not positive & negative:
            said[number] = min(positive, default=-1)
            if negative:
                apart[number] = negative
            continue
        rows = np.flatnonzero(track == number)
        nearest = np.abs(by_time[rows][:, None] - by_time[mine][None, :]).argmin(axis=1)
        first = meant[int(nearest[0])]
        for word in dict.fromkeys([first, *meant]):
            at = number
            if word != first:
                at = count + len(more)
                more.append(word[0])
            else:
                said[number] = word[0]
            if word[1]:
                apart[at] = word[1]
            of_word = [place for place, each in enumerate(meant) if each == word]
            unit[rows[np.isin(nearest, of_word)]] = at
    return Words(unit, np.concatenate([said, np.array(more, np.int64)]), apart, names, frames)


def link(
    means: Matrix, counts: Floats | Ints, least: float, said: Ints | None = None,
    apart: Mapping[int, frozenset[int]] | None = None,
) -> Ints:
    """Return (m,) group numbers of unit vectors: each is at least that near to its leader.

    Persons that people spoke of lead, each by the mean of what was said to show them; then the
    vector that stands for the most frames leads a group. Each other joins the nearest leader that
    it may, or becomes one. Groups do not grow by chains: all members are near one face. Groups
    are numbered by their first member. Memory is blocks of BLOCK times the number of groups.

    Args:
        means: (m, d) unit vectors.
        counts: (m,) how much stands behind each.
        least: cosine.
        said: (m,) id of the person that each shows by somebody's word, -1 for none.
        apart: position -> ids of persons that it may not join.
    """
    group = np.full(len(means), -1, np.int64)
    persons = np.zeros(0, np.int64)
    leaders = np.zeros((0, means.shape[1]), np.float32)
    if said is not None and (said >= 0).any():
        mine = np.flatnonzero(said >= 0)
        persons, group[mine] = np.unique(said[mine], return_inverse=True)
        sums = np.zeros((len(persons), means.shape[1]))
        np.add.at(sums, group[mine], means[mine] * np.asarray(counts)[mine, None])
        leaders = (sums / np.maximum(np.linalg.norm(sums, axis=1), 1e-9)[:, None]).astype(
            np.float32
        )
    order = np.lexsort((np.arange(len(means)), -np.asarray(counts)))
    order = order[group[order] < 0]
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        if len(leaders):
            near = means[rows] @ leaders.T
            for place, row in enumerate(rows.tolist() if apart else ()):
                if apart and row in apart:
                    near[place, np.flatnonzero(np.isin(persons, list(apart[row])))] = NEVER
            best = near.argmax(axis=1)
            taken = near[np.arange(len(rows)), best] >= least
            group[rows[taken]] = best[taken]
            rows = rows[~taken]
        alike = means[rows] @ means[rows].T
        first = len(leaders)
        led: list[int] = []
        for place, row in enumerate(rows.tolist()):
            own = alike[place, led]
            if len(led) and float(own.max()) >= least:
                group[row] = first + int(own.argmax())
            else:
                group[row] = first + len(led)
                led.append(place)
        leaders = np.concatenate([leaders, means[rows[led]]])
    return numbered(group)


def numbered(group: Ints) -> Ints:
    """Return (m,) the same groups as 0, 1, ... in the order of their first members; -1 stays."""
    found = np.full(len(group), -1, np.int64)
    known = np.flatnonzero(group >= 0)
    _, first, number = np.unique(group[known], return_index=True, return_inverse=True)
    found[known] = np.argsort(np.argsort(first, kind="stable"), kind="stable")[number]
    return found


def persons(
    words: Words, means: Matrix, known: Ints, counts: Ints, least: float
) -> tuple[Ints, dict[int, int]]:
    """Return (units,) numbers of persons, -1 where nobody knows, and number -> id of who was said.

    Args:
        means: (units, d) of each unit with a face.
        known: units that have one.
        counts: (len(known),) frames behind each.
        least: cosine from which two are one person.
    """
    who = np.full(len(words.said), -1, np.int64)
    if len(known):
        place = {int(number): at for at, number in enumerate(known.tolist())}
        apart = {place[number]: ids for number, ids in words.apart.items() if number in place}
        who[known] = link(means[known], counts, least, words.said[known], apart)
    ids = {int(p): int(n) for p, n in zip(words.said.tolist(), who.tolist(), strict=True)
           if p >= 0 and n >= 0}
    # Who was named without ever showing a face is somebody all the same.
    following = int(who.max(initial=-1)) + 1
    for number in np.flatnonzero((words.said >= 0) & (who < 0)).tolist():
        person = int(words.said[number])
        if person not in ids:
            ids[person], following = following, following + 1
        who[number] = ids[person]
    for person in words.frames.values():
        if person not in ids:
            ids[person], following = following, following + 1
    return who, {number: person for person, number in ids.items()}


def close_others(
    person: Ints, names: Mapping[int, str], params: TrackParams, ledger: Ledger
) -> None:
    """Close frames that do not show one of the people who are asked for; without any, none.

    Args:
        person: (n,) numbers, -1 where nobody knows.
        names: number -> name.
    """
    asked = listed(params.person)
    if asked:
        others = ~np.isin(person, wanted(asked, names))
        told = [shown_as(names, number) for number in wanted(asked, names).tolist()]
        ledger.close(
            others, "other_person", who=lambda rows: names_of(person[rows], names),
            wanted=", ".join(told) or f"{', '.join(asked)}, whom nobody named",
        )


def listed(text: str) -> list[str]:
    """Return the names of a text with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]


def wanted(asked: Sequence[str], names: Mapping[int, str]) -> Ints:
    """Return numbers of the persons that are asked for, by name or as "person 3".

    Args:
        asked: as typed; letters may be cased in any way.
        names: number -> name.
    """
    found = []
    for text in (name.strip().casefold() for name in asked):
        named = [number for number, name in names.items() if name.casefold() == text]
        digits = text.removeprefix("person").strip()
        if not named and digits.isascii() and digits.isdecimal():
            named = [int(digits[:9])]
        found += named
    return np.unique(np.array(found, np.int64))


def shown_as(names: Mapping[int, str], number: int) -> str:
    """Return what to call a person in a text."""
    return names.get(number) or (f"person {number}" if number >= 0 else "nobody known")


def names_of(person: Ints, names: Mapping[int, str] | None) -> Objects:
    """Return (n,) what to call persons in texts."""
    found: Objects = np.full(len(person), None, object)
    for number in np.unique(person).tolist():
        found[person == number] = shown_as(names or {}, number)
    return found
