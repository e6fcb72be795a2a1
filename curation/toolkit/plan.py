"""Plans: what a verb would do to files, said before it is done, journalled while it is.

A verb makes a `Plan`, adds actions, and hands it to `Context.carry_out`. Companions come by
themselves: a copied or moved picture brings its sidecar, a written one gets the sidecar it is
given, with `from_file` and `made`. What is there already, by content, is skipped; what is
there and different is never overwritten unless this verb made it (or `replace=True`), and is kept.
"""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.toolkit import sidecar as sc
from curation.toolkit.workdir import WorkDir

Made = bytes | tuple[bytes, Mapping[str, Any]]
"""Content of a file; with its sidecar where that is known only when the file is made."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a picture, with its time, and its sidecar with changes."""

    src: Path
    dst: Path
    reason: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A picture moved with its sidecar, in which changes are made. Moves may swap names.

    Args:
        beside: (from, to) of other files that go with it: all of them move, or none does.
        known: `renaming.identity` of each file when it was looked at, by its path; one that has
            changed since keeps all of them where they are.
    """

    src: Path
    dst: Path
    reason: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()
    beside: Sequence[tuple[Path, Path]] = ()
    known: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """A new file.

    Args:
        make: its bytes, or a function that makes them (in a thread; several run at once); the
            function may return (bytes, sidecar). Raise CurationError for an item that fails.
        sidecar: of the new picture (see sidecar.carry); None writes none.
        source: file it is made from; recorded as `from_file`.
        fp: what the result depends on (settings, source content); equal to the recorded one, the
            file is not made again.
        replace: take the place of a different file whoever made it (it is kept for undo).
        mtime_ns: time of the file; now when None.
        expect: content id (photos.content) of the file it was made from and takes the place of;
            where another is there by then, or none, it is left as it is and the item fails.
    """

    dst: Path
    make: Callable[[], Made] | bytes
    reason: str = ""
    sidecar: Mapping[str, Any] | None = None
    source: Path | None = None
    fp: str = ""
    replace: bool = False
    mtime_ns: int | None = None
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes in the sidecar of a picture; see sidecar.merged. One left empty is removed."""

    path: Path
    changes: Mapping[str, Any] = field(default_factory=dict)
    remove: Sequence[str] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Remove:
    """Takes away a file that a verb made, with its sidecar; an empty folder is taken away too."""

    dst: Path
    reason: str = ""


Action = Copy | Move | Write | Edit | Remove
WORDS = {Copy: "copy", Move: "move", Write: "write", Edit: "edit", Remove: "remove"}


class Plan:
    """Actions in order, and the items that could not be planned for.

    Attributes:
        actions: add with `add`.
        failed: (item, reason) of what was left out; add with `fail`.
        lasting: each action's journal is on the disk itself before it begins, so that a power cut
            takes no undo away (some ms an action), and undo puts the times of folders back too.
    """

    def __init__(self, workdir: WorkDir, lasting: bool = False) -> None:
        self.workdir = workdir
        self.lasting = lasting
        self.actions: list[Action] = []
        self.failed: list[tuple[str, str]] = []

    def add(self, *actions: Action) -> None:
        """Append actions."""
        self.actions += actions

    def fail(self, item: Path | str, reason: str | CurationError) -> None:
        """Leave an item out, with the reason; the rest goes on."""
        shown = self.workdir.shown(item) if isinstance(item, Path) else item
        self.failed.append(
            (shown, reason.message if isinstance(reason, CurationError) else reason)
        )

    def lines(self) -> list[str]:
        """Return what would happen, a line an action; what is there already is left out."""
        left = (a for a in self.actions if not would_change_nothing(self.workdir, a))
        return [self.line(action) for action in left]

    def line(self, action: Action) -> str:
        """Return one action in words."""
        show = self.workdir.shown
        why = f": {action.reason}" if action.reason else ""
        word = WORDS[type(action)]
        if isinstance(action, Copy | Move):
            others = [src.name for src, _ in action.beside] if isinstance(action, Move) else []
            beside = f" (with {', '.join(others)})" if others else ""
            return f"{word} {show(action.src)} -> {show(action.dst)}{beside}{why}"
        if isinstance(action, Edit):
            return f"{word} {show(sc.path_of(action.path))}{why}"
        return f"{word} {show(action.dst)}{why}"


def would_change_nothing(workdir: WorkDir, action: Action) -> bool:
    """Return whether an action would change nothing, as far as can be told without making it."""
    try:
        if isinstance(action, Edit):
            now = sc.load(action.path)
            return sc.merged(now, action.changes, action.remove) == now
        if isinstance(action, Copy):
            if not action.dst.exists() or not filecmp.cmp(action.src, action.dst, shallow=False):
                return False
            now = sc.load(action.dst)
            changes = {"from_file": workdir.stored(action.src), **action.changes}
            return bool(now) and sc.merged(now, changes, action.remove) == now
        if isinstance(action, Write):
            if isinstance(action.make, bytes) and action.dst.exists():
                return action.dst.read_bytes() == action.make
            return is_made(action)
        if isinstance(action, Move):
            return action.src == action.dst and not action.changes and not action.beside
        return not action.dst.exists()
    except (CurationError, OSError):
        return False


def is_made(action: Write) -> bool:
    """Return whether the same file, by its recorded `fp`, is there."""
    if not action.fp or not action.dst.exists() or action.sidecar is None:
        return False
    return bool((sc.load(action.dst).get("made") or {}).get("fp") == action.fp)
