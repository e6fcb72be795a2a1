"""Primitive file changes below a plan: kept contents, temporary files, doing and undoing."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from os.path import lexists
from pathlib import Path

from curation.errors import CurationError, InputError, NoSpace, StoreError
from curation.photos.content import content_digest, content_id, content_id_of
from curation.store.catalogue import Catalogue
from curation.store.file_journal import (
    APPLIED,
    DONE,
    LEFT,
    PENDING,
    TAKEN_BACK,
    UNDOING,
    UNDONE,
    FileJournal,
    Op,
)
from curation.toolkit.alike import alike
from curation.toolkit.renaming import (
    copy_checked,
    holds,
    identity,
    pinned,
    place_of,
    rename_new,
    stat_of,
    sync_folder,
    told,
)

BLOCK = 1 << 20
NOT_OURS = "what the journal says of it was not written on this machine"


class Files:
    """Changes files of one work dir; every method that prepares leaves the work dir as it is.

    Args:
        catalogue: of WORKDIR/.curation.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.journal = FileJournal(catalogue)
        self._tmp = catalogue.root / "tmp"
        self._kept = catalogue.root / "kept"
        self._parked = catalogue.root / "parked"
        self._made = 0
        for path in (self._tmp, self._kept, self._parked):
            if path.is_symlink():  # what it leads to would be emptied
                raise StoreError(f"{path} is a link; nothing is done through it", "remove it")

    # -- prepare --------------------------------------------------------------------------------

    def put_bytes(self, dst: Path, data: bytes, mtime_ns: int | None = None) -> Op:
        """Return the op that makes a file of these bytes, which wait in a temporary file."""
        temp = self._temp()
        temp.write_bytes(data)
        if mtime_ns is not None:
            os.utime(temp, ns=(mtime_ns, mtime_ns))
        return self._put(dst, temp, content_id(data))

    def put_copy(self, dst: Path, src: Path) -> Op:
        """Return the op that makes a copy with the source's time and permissions.

        Raises:
            InputError: when the source changes while it is read.
        """
        temp = self._temp()
        digest = content_digest()
        with src.open("rb") as source, temp.open("wb") as target:
            was = os.fstat(source.fileno())
            while block := source.read(BLOCK):
                digest.update(block)
                target.write(block)
            now = os.fstat(source.fileno())
        if (was.st_size, was.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            temp.unlink()
            raise InputError(f"{src} changed while it was read", "type the command again")
        temp.chmod(was.st_mode & 0o777 | 0o200)
        os.utime(temp, ns=(was.st_mtime_ns, was.st_mtime_ns))
        return self._put(dst, temp, digest.hexdigest())

    def _put(self, dst: Path, temp: Path, after: str) -> Op:
        if dst.is_symlink():
            temp.unlink()
            raise InputError(f"{dst} is a link; it is not overwritten")
        if dst.exists():
            alike(temp, dst)
        op = Op("put", dst, after=after, after_stat=stat_of(temp), temp=temp.name)
        if dst.exists():
            op = replace(op, before=self.keep(dst), before_stat=stat_of(dst))
        return op

    def removal(self, dst: Path) -> Op:
        """Return the op that removes a file, whose content is kept."""
        if dst.is_symlink():
            raise InputError(f"{dst} is a link; it stays")
        return Op("remove", dst, before=self.keep(dst), before_stat=stat_of(dst))

    def moves(self, src: Path, dst: Path) -> list[Op]:
        """Return the ops that move a file, to another disk too."""
        if place_of(src) == place_of(dst.parent):
            return [Op("move", dst, src, after=identity(src))]
        return [self.put_copy(dst, src), self.removal(src)]

    def times(self, folder: Path) -> Op:
        """Return the op by which undo puts a folder's time back; doing it does nothing."""
        return Op("times", folder, before_stat=stat_of(folder))

    def parents(self, dst: Path) -> list[Op]:
        """Return the ops that make the folders a file needs."""
        missing = [folder for folder in dst.parents if not folder.exists()]
        return [Op("mkdir", folder) for folder in reversed(missing)]

    def park(self, run: int, name: str) -> Path:
        """Return where a file waits while its name and another's change places."""
        self._parked.mkdir(exist_ok=True)
        return self._parked / f"{run}-{name}"

    def keep(self, path: Path) -> str:
        """Keep a file's content by its name, and return that."""
        content = content_id_of(path)
        kept = self._kept / content[:2] / content
        # One that still shares its inode with somebody's file may be written to from there.
        if kept.exists() and kept.stat().st_nlink == 1 and content_id_of(kept) == content:
            return content
        kept.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_nlink == 1 and not kept.exists():
            # A link costs nothing, and what replaces the file takes its name, not its content.
            with contextlib.suppress(OSError):
                os.link(path, kept)
                return content
        temp = self._temp()
        shutil.copyfile(path, temp)
        temp.replace(kept)
        return content

    def _temp(self) -> Path:
        if not self._made:
            self._tmp.mkdir(parents=True, exist_ok=True)
        self._made += 1
        return self._tmp / f"{os.getpid()}-{self._made}"

    def forget(self) -> tuple[int, int]:
        """Forget what could be undone; return how many runs, and the bytes that this frees."""
        kept = [path for path in self._kept.rglob("*") if path.is_file()]
        freed = sum(path.stat().st_size for path in kept if path.stat().st_nlink == 1)
        runs = self.journal.forget()
        shutil.rmtree(self._kept, ignore_errors=True)
        return runs, freed

    # -- do -------------------------------------------------------------------------------------

    def carry_out(self, run: int, ops: Sequence[Op]) -> None:
        """Do the ops of one group, which are written down: all of them, or none.

        Raises:
            CurationError: one could not be done; those before it are taken back.
        """
        ring = self._is_ring(ops)
        for i, op in enumerate(ops):
            try:
                self.do(op, ring)
            except CurationError:
                for undone in ops[i:]:
                    self.journal.settle(run, undone, TAKEN_BACK)
                for done in reversed(ops[:i]):
                    try:
                        self._take_back(done)
                    except (CurationError, OSError):
                        self.journal.settle(run, done, LEFT)
                    else:
                        self.journal.settle(run, done, TAKEN_BACK)
                raise

    def do(self, op: Op, ring: bool = False) -> None:
        """Do a change that is written down; doing it again changes nothing.

        Args:
            ring: it is one of moves that change places, where names stand for other files by now.

        Raises:
            CurationError: it cannot be done, or what lies there is not what was written down.
        """
        try:
            if op.kind == "mkdir":
                op.dst.mkdir(parents=True, exist_ok=True)
            elif op.kind == "put" and op.temp and (self._tmp / op.temp).exists():
                with pinned(op.dst, self._fence(op.dst)) as dst:
                    if lexists(dst) and not holds(dst, op.before, op.after):
                        raise InputError(f"{op.dst} has appeared or was changed; it stays")
                    self._place(self._tmp / op.temp, dst, op.after, new=not lexists(dst))
            elif op.kind == "move" and op.src is not None:
                with pinned(op.src) as src, pinned(op.dst, self._fence(op.dst)) as dst:
                    if lexists(src) and identity(src) == op.after:
                        if lexists(dst):
                            raise InputError(f"{op.dst} has appeared; {op.src} stays where it is")
                        rename_new(src, dst)
                    elif not ring and not lexists(dst):
                        raise InputError(f"{op.src} is gone or was changed; nothing is moved")
            elif op.kind == "remove":
                with pinned(op.dst) as dst:
                    if lexists(dst) and not holds(dst, op.before):
                        raise InputError(f"{op.dst} was changed meanwhile; it stays")
                    dst.unlink(missing_ok=True)
            elif op.kind == "rmdir":
                with contextlib.suppress(OSError):  # no longer empty: then it stays
                    op.dst.rmdir()
        except OSError as error:
            raise told(error, op.dst) from error

    def _fence(self, path: Path) -> Path | None:
        """Return where the folder of a path must lie: in the work dir, if it does by its name."""
        root = self.catalogue.root.parent
        return root.resolve() if path.is_relative_to(root) else None

    def _place(self, temp: Path, dst: Path, content: str | None, *, new: bool) -> None:
        """Give a waiting content its name; of a new file, never that of one that appears."""
        give = rename_new if new else Path.replace
        try:
            give(temp, dst)
        except FileNotFoundError:
            if temp.exists():
                raise
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # Another disk: what it was copied from may go only when all of it has arrived.
            beside = dst.with_name(f".curation-{temp.name}.part")
            copy_checked(temp, beside, content)
            try:
                give(beside, dst)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
            sync_folder(dst.parent)
            temp.unlink()

    def _is_ring(self, ops: Sequence[Op]) -> bool:
        return any(op.dst.parent == self._parked for op in ops if op.kind == "move")

    def recover(self) -> int:
        """End what a killed run had begun; return how many ops. Needs the writer's lock."""
        ended = 0
        for run, ops in self.journal.open_ops():
            if not self._may(run, ops):
                for op in ops:
                    self.journal.settle(run, op, LEFT)
                self.journal.end(run)
                continue
            with contextlib.suppress(CurationError):  # taken back: the next plan tells of it
                self.carry_out(run, ops)
                ended += len(ops)
            self.journal.end(run)
        if self._tmp.is_dir():
            for left in self._tmp.iterdir():
                left.unlink(missing_ok=True)
        return ended

    # -- undo -----------------------------------------------------------------------------------

    def undo(self, run: int) -> list[tuple[str, str]]:
        """Take a run back, last group first; return (path, reason) of what had to stay as it is.

        A picture and its sidecar go back together or stay together. What stays can be undone by
        the same command once the reason is gone.
        """
        left: list[tuple[str, str]] = []
        groups = self.journal.groups(run, PENDING, APPLIED)
        calm = self._untouched(run, groups)
        self.journal.mark(run, UNDOING)
        for ops in reversed(groups):
            at = ops[0]
            try:
                if not self._may(run, ops):
                    raise InputError(
                        f"lies outside of {self.catalogue.root.parent}, and {NOT_OURS}"
                    )
                for at in () if self._is_ring(ops) else reversed(ops):
                    self._check(at)
                for at in reversed(ops):
                    if at.kind != "times" or (at.dst in calm and not left):
                        self._take_back(at)
                    self.journal.settle(run, at, TAKEN_BACK)
            except (CurationError, OSError) as error:
                said = told(error, at.dst) if isinstance(error, OSError) else error
                if isinstance(said, NoSpace):
                    raise said from error
                left.append((str(at.dst), said.message))
        self.journal.mark(run, DONE if left else UNDONE)
        return left

    def _may(self, run: int, ops: Sequence[Op]) -> bool:
        """Return whether a journal's word is enough: all of it that was written here; of a folder
        that came from elsewhere, what stays in that folder."""
        return self.journal.is_own(run) or all(map(self.is_inside, ops))

    def is_inside(self, op: Op) -> bool:
        """Return whether a change stays in the work dir, whatever links lie in it."""
        root = self.catalogue.root.parent.resolve()
        paths = [op.dst, *([] if op.src is None else [op.src])]
        if op.temp is not None and (op.temp == ".." or Path(op.temp).name != op.temp):
            return False
        return not any(
            path.is_symlink() or not path.parent.resolve().is_relative_to(root) for path in paths
        )

    def _untouched(self, run: int, groups: Sequence[Sequence[Op]]) -> set[Path]:
        """Return the folders in which nobody else changed names since a run: their times go back.

        An undo that was killed has changed some itself; it is taken at its word.
        """
        state, ended_s = self.journal.state(run)
        found = set()
        for op in (op for ops in groups for op in ops if op.kind == "times"):
            with contextlib.suppress(OSError):
                if state == UNDOING or op.dst.stat().st_mtime <= ended_s:
                    found.add(op.dst)
        return found

    def _check(self, op: Op, named: Path | None = None) -> None:
        """Raise InputError when an op cannot be taken back; nothing is changed.

        Args:
            named: what `dst` is called in words; None means itself.
        """
        named = named or op.dst
        if op.kind == "move" and op.src is not None:
            if lexists(op.src) and lexists(op.dst):
                raise InputError(f"another file is at {op.src}; {op.dst} stays where it is")
            # Not by inode: a file that a later run removed comes back as another one.
            was = (op.after or "").partition(":")[2]
            if lexists(op.dst) and identity(op.dst).partition(":")[2] != was:
                raise InputError(f"{op.dst} was changed since; it stays where it is")
            if not lexists(op.src) and not lexists(op.dst):
                raise InputError(f"{op.dst} is gone; it was {op.src}")
        elif op.kind in ("put", "remove"):
            now = content_id_of(op.dst) if op.dst.exists() else None
            if now not in (op.after, op.before):
                raise InputError(f"{named} was changed since; it is left as it is")
            if op.before is not None and now != op.before:
                kept = self._kept / op.before[:2] / op.before
                if not kept.exists() or content_id_of(kept) != op.before:
                    raise InputError(f"what {named} was is no longer kept; it is left as it is")

    def _take_back(self, op: Op) -> None:
        if op.kind == "mkdir":
            with contextlib.suppress(OSError):  # something else lies in it by now
                op.dst.rmdir()
        elif op.kind == "rmdir":
            op.dst.mkdir(parents=True, exist_ok=True)
        elif op.kind == "times" and op.before_stat is not None:
            with contextlib.suppress(OSError):  # gone by now, or somebody else's
                os.utime(op.dst, ns=(op.dst.stat().st_atime_ns, op.before_stat[0]))
        elif op.kind == "move" and op.src is not None:
            if not lexists(op.dst) and lexists(op.src):
                return
            if lexists(op.src):
                raise InputError(f"another file is at {op.src}; {op.dst} stays where it is")
            op.src.parent.mkdir(parents=True, exist_ok=True)
            with pinned(op.dst) as dst, pinned(op.src) as src:
                if identity(dst).partition(":")[2] != (op.after or "").partition(":")[2]:
                    raise InputError(f"{op.dst} was changed since; it stays where it is")
                rename_new(dst, src)
        else:
            self._restore(op)

    def _restore(self, op: Op) -> None:
        if op.before is not None:
            op.dst.parent.mkdir(parents=True, exist_ok=True)
        with pinned(op.dst) as dst:
            self._check(replace(op, dst=dst), op.dst)
            if op.before is None:
                dst.unlink(missing_ok=True)
                return
            if not dst.exists() or content_id_of(dst) != op.before:
                temp = self._temp()
                shutil.copyfile(self._kept / op.before[:2] / op.before, temp)
                if dst.exists():
                    alike(temp, dst)
                self._place(temp, dst, op.before, new=not lexists(dst))
            if op.before_stat is not None:
                dst.chmod(op.before_stat[1])
                os.utime(dst, ns=(op.before_stat[0], op.before_stat[0]))
