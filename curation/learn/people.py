"""Who is who in a datastore: what is known of each person, and what people say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.who import shown_as, wanted
from curation.errors import CurationError, ParamError
from curation.learn.people_said import Person, Said, current
from curation.learn.people_seen import Ids, Seen, forget_seen, seen_in
from curation.store.catalogue import Catalogue
from curation.store.people import PeopleTable, Saying

LONGEST_NAME, LONGEST_NOTE = 80, 2000
SHOWN_FRAMES = 5
AGAIN = "python 03_score_and_rank.py"


@dataclass(frozen=True, slots=True)
class Group:
    """A person as people and machine know them now.

    Attributes:
        number: as decisions number people; -1 for somebody without any frame now.
        id: by which people spoke of them, None where nobody did.
    """

    number: int
    id: int | None
    name: str
    note: str

    @property
    def shown(self) -> str:
        """What to call them."""
        return self.name or f"person {self.number}"


def consents(catalogue: Catalogue) -> dict[str, str]:
    """Return name -> consent note of everybody who has a name; "" where none was noted."""
    found = current(catalogue).persons.values()
    return {person.name: person.note for person in found if person.name}


def people(catalogue: Catalogue) -> dict[str, Any]:
    """Return everybody who was seen or named, who is seen most first.

    Returns:
        people: number, name, consent, frames, tracks, videos, seconds, picks, and the frames that
        show them best. `threshold`, and of `pairs` what it stands on: how many pairs of this
        footage, and the expected shares of strangers linked and of one person's tracks missed.
    """
    seen, said = seen_in(catalogue), current(catalogue)
    order = np.argsort(seen.person, kind="stable")
    edges = np.searchsorted(seen.person[order], np.arange(int(seen.person.max(initial=-1)) + 2))
    picked = np.isin(seen.frame_id, catalogue_picks(catalogue))
    rows = []
    for group in _groups(seen, said):
        low, high = edges[group.number : group.number + 2] if group.number >= 0 else (0, 0)
        rows.append(_row(seen, group, order[low:high], picked))
    rows.sort(key=lambda row: (-row["frames"], row["number"]))
    alike, least = seen.alike, seen.least
    return {
        "people": rows,
        "unknown_frames": int(((seen.person < 0) & (seen.track >= 0)).sum()),
        "threshold": round(least, 4),
        "pairs": {
            "same": alike.same, "other": alike.other,
            "strangers_linked": round(alike.false_link(least), 6),
            "missed": round(alike.missed(least), 6),
        },
        "can_undo": bool(PeopleTable(catalogue).all()),
    }


def catalogue_picks(catalogue: Catalogue) -> Ids:
    """Return the frames that are picked now."""
    from curation.store.decisions import DecisionTable

    rows = DecisionTable(catalogue).page(verdict="picked")
    return np.array([row["frame_id"] for row in rows], np.int64)


def _row(
    seen: Seen, group: Group, rows: Ids, picked: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    best = rows[np.lexsort((seen.frame_id[rows], -seen.weight[rows]))]
    tracks = seen.track[rows]
    seconds = 0.0
    if len(rows):
        order = np.lexsort((seen.time_s[rows], tracks))
        starts = np.flatnonzero(np.diff(tracks[order], prepend=-2))
        ends = np.append(starts[1:], len(order)) - 1
        times = seen.time_s[rows][order]
        seconds = float((times[ends] - times[starts]).sum())
    return {
        "number": group.number, "name": group.name, "consent": group.note,
        "frames": len(rows), "tracks": len(np.unique(tracks)),
        "videos": len(np.unique(seen.video[rows])), "seconds": round(seconds, 1),
        "picks": int(picked[rows].sum()),
        "best": seen.frame_id[best[:SHOWN_FRAMES]].tolist(),
    }


def _groups(seen: Seen, said: Said) -> list[Group]:
    found = []
    for number in np.unique(seen.person[seen.person >= 0]).tolist():
        person = said.persons.get(seen.ids.get(number, -1))
        found.append(Group(number, person.id if person else None, person.name if person else "",
                           person.note if person else ""))
    there = {group.id for group in found}
    found += [
        Group(-1, person.id, person.name, person.note)
        for person in said.persons.values()
        if person.id not in there and (person.name or person.note)
    ]
    return found


class Speaker:
    """Writes down what somebody says about people; each saying can be undone.

    What is said counts from the next decision on; the studio's previews decide anew at once.
    """

    def __init__(self, catalogue: Catalogue, client: str = "", who: str = "") -> None:
        """Speak for a client: undo is one history for each."""
        self.catalogue, self.client, self.who = catalogue, client, who
        self.table = PeopleTable(catalogue)

    def name(self, whom: str, name: str) -> dict[str, Any]:
        """Give somebody a name.

        Args:
            whom: number, or the name so far.

        Raises:
            CurationError: there is no such person, or somebody else is called so.
        """
        name = checked_name(name)
        seen, said = seen_in(self.catalogue), current(self.catalogue)
        group = self._group(seen, said, whom)
        other = said.named(name)
        if other is not None and other.id != group.id:
            raise CurationError(
                f"{other.name} is the name of somebody else",
                f'if they are one: python -m curation people merge "{other.name}" "{whom}"',
            )
        value = {"person": group.id, "name": name, "placed": True}
        return self._say("name", value, anchors(seen, group.number))

    def name_frames(self, frame_ids: Sequence[int], name: str) -> dict[str, Any]:
        """Say that frames show somebody of this name, known so far or not.

        Raises:
            CurationError: no such frame, or the name cannot be one.
        """
        name = checked_name(name)
        person = current(self.catalogue).named(name)
        value = {"person": person.id if person else None, "name": name}
        return self._say("name", value, np.array(list(frame_ids), np.int64))

    def merge(self, one: str, other: str) -> dict[str, Any]:
        """Say that two are one person; the first one's name and note stay.

        Raises:
            CurationError: there is no such person, or both are the same already.
        """
        seen, said = seen_in(self.catalogue), current(self.catalogue)
        first, second = (self._group(seen, said, whom) for whom in (one, other))
        if first == second:
            raise CurationError(f"{one} and {other} are one person already")
        if first.id is None and second.id is not None:
            first, second = second, first
        frames = np.concatenate([anchors(seen, group.number) for group in (first, second)])
        value = {"into": first.id, "from": second.id, "placed": True}
        return self._say("merge", value, frames)

    def split(self, frame_ids: Sequence[int]) -> dict[str, Any]:
        """Say that frames show one person, and not the one they were taken for.

        Raises:
            CurationError: no such frame.
        """
        shown = np.array(list(frame_ids), np.int64)
        return self._say("split", {}, shown, self._spoken_for(shown))

    def not_them(self, whom: str, frame_ids: Sequence[int]) -> dict[str, Any]:
        """Say that frames do not show somebody.

        Raises:
            CurationError: there is no such person or frame.
        """
        seen, said = seen_in(self.catalogue), current(self.catalogue)
        group = self._group(seen, said, whom)
        apart = np.array(list(frame_ids), np.int64)
        # Without a word on them so far, a person is who their other tracks show.
        tracks = seen.track[np.isin(seen.frame_id, apart)]
        shown = np.zeros(0, np.int64)
        if group.id is None:
            shown = anchors(seen, group.number, without=tracks)
            if not len(shown):
                raise CurationError(
                    f"{group.shown} is seen in no other track",
                    "python -m curation people split FRAME makes them somebody else",
                )
        apart = np.union1d(apart, self._spoken_for(apart, group.id))
        return self._say("not", {"person": group.id, "placed": True}, shown, apart)

    def consent(self, whom: str, note: str) -> dict[str, Any]:
        """Note what somebody agreed to; an empty note takes it back.

        Raises:
            CurationError: there is no such person.
        """
        note = " ".join(note.split())
        if len(note) > LONGEST_NOTE:
            raise ParamError(f"a note takes {LONGEST_NOTE} letters at most, this has {len(note)}")
        seen, said = seen_in(self.catalogue), current(self.catalogue)
        group = self._group(seen, said, whom)
        shown = anchors(seen, group.number) if group.id is None else np.zeros(0, np.int64)
        value = {"person": group.id, "note": note, "placed": True}
        return self._say("consent", value, shown)

    def forget(self, whom: str) -> dict[str, Any]:
        """Erase the name, the note and all that was said of somebody, for good.

        Raises:
            CurationError: nobody ever said anything of them.
        """
        seen, said = seen_in(self.catalogue), current(self.catalogue)
        group = self._group(seen, said, whom)
        if group.id is None:
            raise CurationError(f"nothing was ever said of {group.shown}, so nothing is kept")
        person = said.persons[group.id]
        erased = self.table.erase([person.id, *person.once], person.name)
        forget_seen(self.catalogue)
        return {"kind": "forget", "erased": erased, "then": self.catalogue.command(AGAIN)}

    def undo(self) -> dict[str, Any]:
        """Take back what was said last.

        Raises:
            NothingSaid: there is nothing.
        """
        return _told(self.catalogue, self.table.undo(self.client), "took back")

    def redo(self) -> dict[str, Any]:
        """Say again what was taken back last.

        Raises:
            NothingSaid: there is nothing.
        """
        return _told(self.catalogue, self.table.redo(self.client), "said again")

    def _spoken_for(self, frames: Ids, person: int | None = None) -> Ids:
        """Return frames that were chosen to speak for the tracks of these, of one person or all."""
        said = current(self.catalogue)
        placed = [
            frame for frame in said.placed
            if person in (None, said.shown.get(frame)) and frame in said.shown
        ]
        if not placed:
            return np.zeros(0, np.int64)
        seen = seen_in(self.catalogue)
        tracks = seen.track[np.isin(seen.frame_id, frames)]
        mine = np.isin(seen.track, tracks[tracks >= 0]) & np.isin(seen.frame_id, placed)
        return np.setdiff1d(seen.frame_id[mine], frames)

    def _say(
        self, kind: str, value: dict[str, Any], shown: Ids, apart: Ids | None = None
    ) -> dict[str, Any]:
        saying = Saying(kind, value, shown, np.zeros(0, np.int64) if apart is None else apart)
        number = self.table.say(saying, self.client, self.who)
        told = _told(self.catalogue, saying, "said")
        return told | {"saying": number}

    def _group(self, seen: Seen, said: Said, whom: str) -> Group:
        groups = _groups(seen, said)
        person: Person | None = said.named(whom)
        if person is not None:
            return next((g for g in groups if g.id == person.id),
                        Group(-1, person.id, person.name, person.note))
        numbers = wanted([whom], {}).tolist()
        for group in groups:
            if group.number in numbers:
                return group
        known = ", ".join(shown_as({}, g.number) if not g.name else g.name for g in groups[:12])
        raise CurationError(
            f"there is no person {whom!r} in {catalogue_name(self.catalogue)}",
            f"there are: {known}" if known else "python 02_sort.py finds faces first",
        )


def anchors(seen: Seen, number: int, without: Ids | None = None) -> Ids:
    """Return the frame that shows a person best, of each of their tracks.

    Args:
        number: of the person; none for -1.
        without: tracks that are left out.
    """
    rows = np.flatnonzero((seen.person == number) & (number >= 0))
    if without is not None:
        rows = rows[~np.isin(seen.track[rows], without[without >= 0])]
    rows = rows[np.lexsort((seen.frame_id[rows], -seen.weight[rows], seen.track[rows]))]
    # Frames outside all tracks speak for themselves.
    first = np.diff(seen.track[rows], prepend=-2) != 0
    found: Ids = seen.frame_id[rows[first | (seen.track[rows] < 0)]]
    return found


def checked_name(name: str) -> str:
    """Return a name without odd spaces.

    Raises:
        ParamError: it cannot be one.
    """
    text = " ".join(name.split())
    wrong = ""
    if not text or len(text) > LONGEST_NAME:
        wrong = f"a name has 1 to {LONGEST_NAME} letters"
    elif "," in text or not text.isprintable():
        wrong = f"{text!r} cannot be a name: lists of names have commas between"
    elif text.casefold().removeprefix("person").strip().isdecimal():
        wrong = f"{text!r} cannot be a name: it reads like a number of a person"
    if wrong:
        raise ParamError(wrong, 'for example: python -m curation people name 3 "Anna"')
    return text


def catalogue_name(catalogue: Catalogue) -> str:
    """Return what to call a datastore."""
    return str(catalogue.root)


def _told(catalogue: Catalogue, saying: Saying, did: str) -> dict[str, Any]:
    value = dict(saying.value)
    return {
        "kind": saying.kind, "did": f"{did}: {in_words(saying)}", "name": value.get("name"),
        "frames": len(saying.shown) + len(saying.apart), "then": catalogue.command(AGAIN),
    }


def in_words(saying: Saying) -> str:
    """Return a saying as a short sentence."""
    shown, apart = len(saying.shown), len(saying.apart)
    tracks = f"{shown} track{'' if shown == 1 else 's'}"
    if saying.kind == "name":
        return f"{saying.value['name']} is who {tracks} show{'s' if shown == 1 else ''}"
    if saying.kind == "merge":
        return "two are one person"
    if saying.kind == "split":
        return f"{tracks} show{'s' if shown == 1 else ''} somebody else"
    if saying.kind == "not":
        return f"{apart} frame{' does' if apart == 1 else 's do'} not show them"
    note = saying.value.get("note")
    return f"consent: {note}" if note else "no consent"
