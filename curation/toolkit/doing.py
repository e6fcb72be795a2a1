"""Plans carried out: actions become journalled ops, made ahead in threads, done in order."""

from __future__ import annotations

import filecmp
import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from curation.errors import CurationError, InputError, NoSpace
from curation.photos.content import content_id, content_id_of
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.file_journal import Op
from curation.toolkit import sidecar as sc
from curation.toolkit.files import Files
from curation.toolkit.ordering import in_order, pairs
from curation.toolkit.plan import (
    Action,
    Copy,
    Edit,
    Made,
    Move,
    Plan,
    Remove,
    Write,
    is_made,
)
from curation.toolkit.renaming import identity, told


class _Runner:
    """Turns actions into journalled ops."""

    def __init__(self, plan: Plan, catalogue: Catalogue, verb: str, argv: Sequence[str]) -> None:
        self.plan, self.verb, self.argv = plan, verb, argv
        self.workdir = plan.workdir
        self.files = Files(catalogue)
        self.files.journal.lasting = plan.lasting
        self.run: int | None = None
        self._given: set[Path] = set()
        self._timed: set[Path] = set()

    def ops(self, action: Action, made: Future[Made] | None) -> list[Op]:
        """Return the ops of an action; none when there is nothing to do."""
        if not isinstance(action, Edit | Remove):
            beside = [dst for _, dst in action.beside] if isinstance(action, Move) else []
            for dst in (action.dst, *beside):
                if dst in self._given:
                    raise InputError(f"something else of this run goes to {dst}")
                self._refuse_way_out(dst.parent)
            self._given.update((action.dst, *beside))
        if isinstance(action, Copy):
            return self._copy(action)
        if isinstance(action, Move):
            return self._move(action)
        if isinstance(action, Write):
            return self._write(action, made)
        if isinstance(action, Edit):
            return self._sidecar(
                action.path, sc.merged(sc.load(action.path), action.changes, action.remove)
            )
        return self._remove(action)

    def _refuse_way_out(self, folder: Path) -> None:
        """Raise InputError for a folder that is in the work dir by its name only."""
        root = self.workdir.root
        if folder.is_relative_to(root) and not folder.resolve().is_relative_to(root.resolve()):
            raise InputError(f"{folder} leads out of the work dir; nothing is put there")

    def _refuse_orphan(self, dst: Path) -> None:
        """Raise InputError when a sidecar lies where a new picture's is to go."""
        beside = sc.path_of(dst)
        if os.path.lexists(beside) and not os.path.lexists(dst):
            raise InputError(f"{beside} lies there without its picture; it is not overwritten")

    def carry_out(self, ops: Sequence[Op]) -> None:
        """Write ops down, then do them."""
        if self.run is None:
            self.run = self.files.journal.begin(self.verb, self.argv)
        timed = self._times(ops) if self.plan.lasting else []
        self.files.carry_out(self.run, self.files.journal.group(self.run, [*timed, *ops]))
        self._timed.update(op.dst for op in timed)

    def _times(self, ops: Sequence[Op]) -> list[Op]:
        """Return the ops that keep the times of folders, once a run, before names change there."""
        paths = [path for op in ops for path in (op.src, op.dst) if path is not None]
        folders = dict.fromkeys(path.parent for path in paths)
        return [self.files.times(f) for f in folders if f not in self._timed and f.is_dir()]

    def _sidecar(self, path: Path, wanted: sc.Sidecar) -> list[Op]:
        path = sc.path_of(path)
        now = sc.load(path)
        if now == wanted or (not path.exists() and sc.is_empty(wanted)):
            return []
        if sc.is_empty(wanted):
            return [self.files.removal(path)]
        return [self.files.put_bytes(path, sc.text(wanted))]

    def _copy(self, action: Copy) -> list[Op]:
        changes = {"from_file": self.workdir.stored(action.src), **action.changes}
        if action.dst.exists():
            if not filecmp.cmp(action.src, action.dst, shallow=False):
                raise InputError(f"a different file is at {action.dst}; it is not overwritten")
            now = sc.load(action.dst) or sc.carry(sc.load(action.src), "copy")
            return self._sidecar(action.dst, sc.merged(now, changes, action.remove))
        self._refuse_orphan(action.dst)
        beside = sc.carry(sc.load(action.src), "copy")
        return [
            *self.files.parents(action.dst),
            self.files.put_copy(action.dst, action.src),
            *self._sidecar(action.dst, sc.merged(beside, changes, action.remove)),
        ]

    def _move(self, action: Move) -> list[Op]:
        # Not read when it need not be: it may be another program's, and travels as it is.
        altered = bool(action.changes or action.remove)
        beside = sc.load(action.src) if altered else {}
        wanted = sc.merged(beside, action.changes, action.remove) if altered else {}
        if action.src == action.dst and not action.beside:
            return self._sidecar(action.dst, wanted) if altered else []
        ops = list(self.files.parents(action.dst))
        for src, dst in pairs(action):
            ops += self._moved(src, dst, action)
        if action.src == action.dst:
            return ops
        if os.path.lexists(sc.path_of(action.dst)):
            raise InputError(f"{sc.path_of(action.dst)} exists; {action.src} stays where it is")
        if sc.path_of(action.src).exists():
            if wanted != beside:
                ops += [self.files.removal(sc.path_of(action.src))]
            else:
                ops += self.files.moves(sc.path_of(action.src), sc.path_of(action.dst))
        if wanted != beside and not sc.is_empty(wanted):
            ops += [self.files.put_bytes(sc.path_of(action.dst), sc.text(wanted))]
        return ops

    def _moved(self, src: Path, dst: Path, action: Move) -> list[Op]:
        if src == dst:
            return []
        if src.is_symlink():
            raise InputError(f"{src} is a link; it is left where it is")
        if not src.exists():
            raise InputError(f"{src} is gone")
        if os.path.lexists(dst):
            raise InputError(f"{dst} exists; {src} stays where it is")
        if action.known.get(src, identity(src)) != identity(src):
            raise InputError(f"{src} was changed meanwhile; it stays where it is")
        return self.files.moves(src, dst)

    def _write(self, action: Write, made: Future[Made] | None) -> list[Op]:
        if made is None and not isinstance(action.make, bytes):
            return []
        got = action.make if isinstance(action.make, bytes) else made.result() if made else b""
        data, beside = got if isinstance(got, tuple) else (got, action.sidecar)
        ops: list[Op] = []
        same = False
        if action.dst.exists():
            same = action.dst.read_bytes() == data
            earlier = sc.load(action.dst).get("made") or {}
            # What somebody retouched since is theirs, whoever made it.
            now = (self.verb, content_id_of(action.dst))
            mine = (earlier.get("by"), earlier.get("content")) == now
            if not (same or action.replace or action.expect or mine):
                raise InputError(f"a different file is at {action.dst}; it is not overwritten")
        if not same:
            self._refuse_orphan(action.dst)
            ops += self.files.parents(action.dst)
            op = self.files.put_bytes(action.dst, data, action.mtime_ns)
            # What was kept is what is replaced, or nothing is: `Files.do` compares once more.
            if action.expect and op.before != action.expect:
                raise InputError(f"{action.dst} was changed since it was read; it is left as it is")
            ops.append(op)
        if beside is not None:
            made_of = {"by": self.verb, "fp": action.fp, "content": content_id(data)}
            facts: dict[str, Any] = {"made": made_of}
            if action.source is not None:
                facts["from_file"] = self.workdir.stored(action.source)
            # Another picture takes the place: what people wrote about the last one stays with it.
            earlier = sc.load(action.dst)
            base = sc.merged(earlier if same else sc.by_people(earlier), beside)
            ops += self._sidecar(action.dst, sc.merged(base, facts))
        return ops

    def _remove(self, action: Remove) -> list[Op]:
        if action.dst.is_dir():
            return [] if any(action.dst.iterdir()) else [Op("rmdir", action.dst)]
        if not action.dst.exists():
            return []
        beside = sc.path_of(action.dst)
        if beside != action.dst and not (
            sc.load(beside).keys() & {"made", "from_file"} or self.files.journal.wrote(action.dst)
        ):
            raise InputError(f"{action.dst} was not made by the toolkit; it stays")
        both = [action.dst, *([beside] if beside != action.dst and beside.exists() else [])]
        return [self.files.removal(path) for path in both]


def run(
    plan: Plan, catalogue: Catalogue, verb: str, argv: Sequence[str] = (), workers: int = 0
) -> Generator[Progress, None, None]:
    """Carry a plan out; the writer's lock must be held.

    An item that fails is told and left out. The last beat's summary has `done`, `skipped`,
    `run` (number for undo, None when nothing was changed) and `failed_items`.

    Args:
        workers: threads that make what is written; 0 is one a core.

    Raises:
        NoSpace: when the disk is full; what is done is done, and can be undone.
    """
    runner = _Runner(plan, catalogue, verb, argv)
    failed = dict(plan.failed)
    done = skipped = 0
    said_at = 0.0
    for item, reason in plan.failed:
        yield Progress(verb, failed=(item, reason), unit="files")
    runner.files.recover()
    actions = in_order(plan.actions)
    try:
        for i, (group, made) in enumerate(_ahead(actions, workers), start=1):
            beat = Progress(verb, i, len(actions), "files")
            try:
                ops = _cycle(runner, group) if len(group) > 1 else runner.ops(group[0], made)
                if ops:
                    runner.carry_out(ops)
                    done += 1
                else:
                    skipped += 1
            except NoSpace:
                raise
            except Exception as error:  # whatever one item does, the others go on
                # The picture that people have, rather than the one that was to be made of it.
                named = (getattr(group[0], name, None) for name in ("src", "source", "dst"))
                where = next(filter(None, named), None)
                shown = plan.workdir.shown(where or group[0].path)  # type: ignore[union-attr]
                if isinstance(error, OSError):
                    error = told(error, where or plan.workdir.root)
                    if isinstance(error, NoSpace):
                        raise error from None
                said = error.message if isinstance(error, CurationError) else repr(error)
                failed[shown] = said
                beat = Progress(verb, i, len(actions), "files", failed=(shown, said))
            if beat.failed or time.monotonic() - said_at > 0.1:
                said_at = time.monotonic()
                yield beat
    finally:
        runner.files.recover()  # ends the last group, whatever stopped the run
    items = [{"item": item, "reason": reason} for item, reason in failed.items()]
    yield Progress(
        verb,
        len(actions),
        len(actions),
        "files",
        summary={
            "verb": verb, "done": done, "skipped": skipped, "run": runner.run,
            "failed_items": items,
        },
    )


def _ahead(
    groups: Sequence[tuple[Action, ...]], workers: int
) -> Iterator[tuple[tuple[Action, ...], Future[Made] | None]]:
    """Yield groups in order, making what is written a few items ahead, in threads."""
    workers = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[tuple[Action, ...], Future[Made] | None]] = deque()
        try:
            for group in groups:
                waiting.append((group, _start(pool, group[0])))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(pool: ThreadPoolExecutor, action: Action) -> Future[Made] | None:
    if not isinstance(action, Write) or isinstance(action.make, bytes):
        return None
    try:
        if is_made(action):
            return None
    except CurationError:
        pass  # told where the sidecar is read again
    return pool.submit(action.make)


def _cycle(runner: _Runner, ring: Sequence[Action]) -> list[Op]:
    """Return the ops of moves that change places: all wait aside, then each goes to its new one."""
    moves = [action for action in ring if isinstance(action, Move)]
    if any(move.changes or move.remove for move in moves):
        raise InputError("moves that change places cannot change sidecars too")
    steps = [
        (src, dst)
        for move in moves
        for src, dst in [*pairs(move), (sc.path_of(move.src), sc.path_of(move.dst))]
        if src != dst and (src.exists() or src in (move.src, *(src for src, _ in move.beside)))
    ]
    aside: list[Op] = []
    placed: list[Op] = []
    for src, dst in steps:
        if src.is_symlink() or not src.exists():
            raise InputError(f"{src} is a link, or gone; nothing changes places")
        what = identity(src)
        wait = runner.files.park(len(aside), f"{time.time_ns()}-{len(aside)}")
        aside.append(Op("move", wait, src, after=what))
        placed += [*runner.files.parents(dst), Op("move", dst, wait, after=what)]
    return [*aside, *placed]
