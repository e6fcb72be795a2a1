"""Which photos go: what groups reject, and what a person rejected, less all that speaks against."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curation.cull.pairs import pair_of
from curation.photos.content import content_id_of
from curation.store.cull import Group, Member
from curation.toolkit.plan import Plan

if TYPE_CHECKING:
    from curation.cull.library import Library, Photo
    from curation.cull.ranking import Said


@dataclass
class Losers:
    """Sorts the photos of a library.

    Args:
        library: as it is now.
        said: of its photos.
        refused: pairs of keys that are no duplicates.
        plan: is told of losers that must stay.
        by_hand: what was rejected by hand goes, in a group or not.
        unmarked: what nobody marked goes too, as its group says.

    Attributes:
        ties: pictures that a machine leaves to a person.
        gone: losers that are no longer there.
        elsewhere: losers in folders that are not the library's.
        picked: losers by their group that a person picked.
    """

    library: Library
    said: Said
    refused: set[tuple[str, str]]
    plan: Plan
    by_hand: bool = True
    unmarked: bool = True
    ties: int = 0
    gone: list[Path] = field(default_factory=list)
    elsewhere: int = 0
    picked: int = 0
    _at: dict[Path, int] = field(default_factory=dict)
    _stays: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Note where each file is."""
        self._at = {file: i for i, p in enumerate(self.library.photos) for file in p.files}

    def marked(self, group: Group) -> bool:
        """Return whether somebody marked a picture of a group."""
        places = (self._at.get(member.path) for member in group.members)
        return any(i is not None and self.said.flag[i] for i in places)

    def find(self, groups: Sequence[Group]) -> list[tuple[Photo, str]]:
        """Return (photo, reason) of those that go, in the library's order."""
        members = [member for group in groups for member in group.members]
        self._stays = {i for m in members if (i := self._at.get(m.path)) is not None
                       and self._is_kept(i, m)}  # fmt: skip
        found: dict[int, str] = {}
        for group in groups:
            for member in group.members:
                self.ties += member.verdict == "tie" and self._flag(member) == 0
                if member.verdict == "reject" and (self.unmarked or self._flag(member)):
                    self._weigh(group, member, found)
        for i in range(len(self.library.photos)) if self.by_hand else ():
            if self.said.flag[i] < 0 and not self.library.photos[i].reference:
                self._rejected(i, found)
        return [(self.library.photos[i], found[i]) for i in sorted(found)]

    def keeper_of(self, group: Group) -> Member | None:
        """Return who stays of a group, ask after `find`: what a person picked, else its keeper.

        None where nobody of it stays, or only a photo that nothing is written beside.
        """
        staying = [m for n, m in enumerate(group.members) if self._keeps(m, first=n == 0)]
        own = [
            m for m in staying
            if (i := self._at.get(m.path)) is not None and not self._is_reference(i, m)
        ]  # fmt: skip
        return next((m for m in own if self._flag(m) > 0), own[0] if own else None)

    # -- inside -----------------------------------------------------------------------------------

    def _flag(self, member: Member) -> int:
        i = self._at.get(member.path)
        return 0 if i is None else int(self.said.flag[i])

    def _is_kept(self, i: int, member: Member) -> bool:
        """Return whether a picture stays for what its group or a person said."""
        if self.said.flag[i] > 0 or self._is_reference(i, member):
            return True
        return member.verdict != "reject" and not (self.by_hand and self.said.flag[i] < 0)

    def _is_reference(self, i: int, member: Member) -> bool:
        return self.library.photos[i].reference or bool(member.facts.get("reference"))

    def _weigh(self, group: Group, member: Member, found: dict[int, str]) -> None:
        """Take a loser of a group, or tell why it stays."""
        i = self._at.get(member.path)
        if i is None:
            self._absent(member)
        elif self.by_hand and self.said.flag[i] < 0:
            return  # a person said so: that counts, with its own questions
        elif self.said.flag[i] > 0:
            self.picked += 1
        elif why := self._why_not(i, member, group):
            self.plan.fail(member.path, why)
        else:
            name = self.plan.workdir.shown(group.keeper.path)
            found.setdefault(i, f"{member.reason} ({group.kind}: {name})")

    def _absent(self, member: Member) -> None:
        if not os.path.lexists(member.path):
            self.gone.append(member.path)
        elif member.path in self.library.failed:
            self.plan.fail(member.path, self.library.failed[member.path])
        else:
            self.elsewhere += 1

    def _why_not(self, i: int, member: Member, group: Group) -> str:
        photo = self.library.photos[i]
        if self._is_reference(i, member):
            return "it is in a reference folder, which nothing is taken from"
        if i in self._stays:
            return "another group keeps it"
        if member.content and photo.content != member.content:
            return "it has changed since the groups were made; group again"
        keepers = [k for n, k in enumerate(group.members) if self._keeps(k, first=n == 0)]
        if not keepers:
            return f"its keeper {group.keeper.path.name} is gone or was changed; group again"
        for keeper in keepers:
            if pair_of(photo.key, keeper.key) in self.refused:
                return f"it was said to be no duplicate of {keeper.path.name}"
        if other := _same_file(photo.files, (k.path for k in keepers)):
            return f"it is the same file as {other}, which stays"
        return ""

    def _keeps(self, member: Member, *, first: bool) -> bool:
        """Return whether a member stays that others may go for, and is the picture it was."""
        i = self._at.get(member.path)
        if i is None:
            # In a folder that was not named: nothing here touches it, but it must be there.
            return member.verdict == "keep" and _holds(member.path, member.content)
        picked = self.said.flag[i] > 0
        stays = i in self._stays and (first or picked or member.verdict == "keep")
        return stays and (not member.key or self.library.photos[i].key == member.key)

    def _rejected(self, i: int, found: dict[int, str]) -> None:
        """Take what a person rejected, unless it is a file that stays by another name."""
        photo = self.library.photos[i]
        kept = (file for j in self._stays for file in self.library.photos[j].files)
        if other := _same_file(photo.files, kept):
            self.plan.fail(photo.path, f"it is the same file as {other}, which stays")
            return
        found[i] = "rejected by hand"


def _same_file(files: Iterable[Path], others: Iterable[Path]) -> str:
    """Return the name of another that is the same file by a link or a second way to it."""
    known = {_inode(path) for path in files} - {None}
    return next((other.as_posix() for other in others if _inode(other) in known), "")


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _holds(path: Path, content: str) -> bool:
    try:
        return not content or content_id_of(path) == content
    except OSError:
        return False
