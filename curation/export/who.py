"""Who is on a frame, who agreed to it, and for which frames a condition holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from curation.errors import CurationError, ParamError
from curation.learn.people_said import Said, current
from curation.store import exported
from curation.store.catalogue import Catalogue
from curation.words import count


def _persons(catalogue: Catalogue) -> tuple[Said, dict[int, int]]:
    """Return what people said, and frame -> the person that it shows, as people know them.

    A person that the machine follows is who people said on most of its frames; what was said of a
    frame itself comes first.
    """
    said = current(catalogue)
    found: dict[int, int] = {}
    if said.shown:
        group = exported.persons(catalogue)
        votes: dict[int, Counter[int]] = {}
        for frame, person in said.shown.items():
            if frame in group:
                votes.setdefault(group[frame], Counter())[person] += 1
        leader = {
            number: min(count, key=lambda person: (-count[person], person))
            for number, count in votes.items()
        }
        for frame, number in group.items():
            if number in leader and leader[number] not in said.apart.get(frame, ()):
                found[frame] = leader[number]
        found |= said.shown
    return said, found


def names(catalogue: Catalogue) -> dict[int, str]:
    """Return frame id -> name of the person on it, where people gave one."""
    said, found = _persons(catalogue)
    named = {person.id: person.name for person in said.persons.values() if person.name}
    return {frame: named[person] for frame, person in found.items() if person in named}


def known(catalogue: Catalogue, words: str) -> set[str]:
    """Return the names that --person asks for.

    Raises:
        ParamError: nobody is called so.
    """
    said = current(catalogue)
    wanted = set()
    for word in (part.strip() for part in words.split(",")):
        person = said.named(word) if word else None
        if word and person is None:
            there = sorted(one.name for one in said.persons.values() if one.name)
            raise ParamError(
                f"nobody is called {word!r} here",
                f"known are {', '.join(there)}" if there
                else "python -m curation people name NUMBER NAME gives a name",
            )
        wanted |= {person.name} if person else set()
    return wanted


def consents(catalogue: Catalogue) -> dict[str, str]:
    """Return name -> consent note of the people who have a name; "" without a note."""
    said = current(catalogue)
    return {person.name: person.note for person in said.persons.values() if person.name}


def lacking(catalogue: Catalogue, frame_ids: Sequence[int]) -> dict[str, int]:
    """Return who is on these frames without a consent note -> on how many of them.

    Whoever has no name lacks a note too, and so does somebody of whom no face can be told.
    """
    said, found = _persons(catalogue)
    group = exported.persons(catalogue)
    peopled = exported.with_people(catalogue)
    counts: Counter[str] = Counter()
    for frame in frame_ids:
        person = said.persons.get(found.get(frame, -1))
        if person is not None and not person.note:
            counts[person.name or "a person without a name"] += 1
        elif person is None and frame in group:
            counts[f"person {group[frame]}, who has no name"] += 1
        elif person is None and frame in peopled:
            counts["somebody whose face tells nobody"] += 1
    return dict(sorted(counts.items()))


def require_consent(catalogue: Catalogue, frame_ids: Sequence[int]) -> None:
    """Refuse frames that show a person whose consent nobody noted.

    Raises:
        CurationError: naming them; also when a frame shows somebody without a name.
    """
    without = lacking(catalogue, frame_ids)
    if without:
        listed = ", ".join(f"{name} ({count(n, 'frame')})" for name, n in without.items())
        raise CurationError(
            f"no consent is noted of {listed}; nothing is exported",
            'python -m curation people consent NAME "signed on ..." notes it; or leave them out '
            "with --person, or ask without --require-consent",
        )


def holding(catalogue: Catalogue, text: str) -> set[int]:
    """Return the frames for which a condition holds.

    Raises:
        CurationError: the condition cannot be understood; says at which word.
    """
    from curation.search.fields import frames_where

    return {int(frame_id) for frame_id in frames_where(catalogue, text)}
