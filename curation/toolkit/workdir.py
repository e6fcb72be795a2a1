"""The working directory: its folders (buckets), their pictures, and names that do not clash."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError, SidecarError
from curation.photos import formats, twins
from curation.photos.head import clock_s
from curation.sources import natural
from curation.store.catalogue import OUR_FOLDER
from curation.toolkit import sidecar

WILD = re.compile(r"[*?]")
NUMBERED = re.compile(r"(.+)_([1-9][0-9]*)", re.S)


@dataclass(frozen=True, slots=True)
class Pic:
    """A picture file as it was when its folder was listed.

    Attributes:
        folder: the folder that was asked for; with recursive it may lie above `path.parent`.
    """

    path: Path
    folder: Path
    size_bytes: int
    mtime_ns: int

    @property
    def sidecar(self) -> Path:
        """Return where its sidecar is or would be."""
        return sidecar.path_of(self.path)


def is_picture_name(name: str) -> bool:
    """Return whether a file's name says that it is a picture of a kind that can be read."""
    suffix = Path(name).suffix.lower()
    known = formats.promised(suffix)
    return not name.startswith(".") and known is not None


class WorkDir:
    """A folder of folders of pictures.

    Args:
        root: need not exist yet; nothing is made by looking.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.normpath(root.absolute()))
        self._real = self.root.resolve()

    @property
    def ours(self) -> Path:
        """Return our own folder below it: catalogue, journal, kept contents, caches."""
        return self.root / OUR_FOLDER

    def shown(self, path: Path) -> str:
        """Return a path for people: relative when inside."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else path.as_posix()

    def stored(self, path: Path) -> str:
        """Return a path as sidecars record it: relative, with slashes, when inside."""
        return self.shown(path)

    # -- folders --------------------------------------------------------------------------------

    def folder(self, word: str | Path) -> Path:
        """Return the absolute path of a folder that was named; it need not exist.

        Raises:
            InputError: for an empty name, our own folder, or a relative name that leads outside
                by `..` or through a link.
        """
        text = str(word).strip()
        if not text:
            raise InputError("a folder name is empty", "name a folder, as in --from pictures")
        typed = Path(text)
        path = Path(os.path.normpath(self.root / typed))
        outside = not path.resolve().is_relative_to(self._real)
        if not typed.is_absolute() and outside:
            raise InputError(
                f"{text} leads out of {self.root}", "type its absolute path if you mean it"
            )
        if path.is_relative_to(self.ours):
            raise InputError(f"{text} is the toolkit's own folder", "name another folder")
        return path

    def folders(self, spec: str | Sequence[str]) -> list[Path]:
        """Return the folders of "a,b/*": order kept, none twice.

        `*` and `?` match folders only, never hidden ones; all other characters, `[` and `]` too,
        stand for themselves. A name with a comma works when it is one existing folder, or given as
        a sequence.

        Raises:
            InputError: naming the first part that is no folder, or that matches none.
        """
        words = [spec] if isinstance(spec, str) else list(spec)
        if isinstance(spec, str) and not (spec.strip() and (self.root / spec.strip()).is_dir()):
            words = [word.strip() for word in spec.split(",") if word.strip()]
        if not words:
            raise InputError("no folder is named", "--from FOLDER[,FOLDER...]")
        found: list[Path] = []
        for word in words:
            exact = self.folder(word)
            if exact.is_dir():
                found.append(exact)
            elif WILD.search(word):
                matches = [path for path in self._matching(word) if path.is_dir()]
                if not matches:
                    raise InputError(f"no folder in {self.root} matches {word}")
                found += [self.folder(self._typed_as(word, path)) for path in matches]
            elif exact.exists():
                raise InputError(f"{exact} is a file, not a folder", "name the folder it is in")
            else:
                raise InputError(f"there is no folder {exact}", "check --from and -d")
        return list(dict.fromkeys(found))

    def _typed_as(self, word: str, path: Path) -> Path:
        return path if Path(word).is_absolute() else path.relative_to(self.root)

    def _matching(self, word: str) -> list[Path]:
        pattern = Path(os.path.normpath(self.root / word))
        at = [Path(pattern.anchor)]
        for part in pattern.parts[1:]:
            if not WILD.search(part):
                at = [path / part for path in at]
                continue
            rule = re.compile(re.escape(part).replace(r"\*", ".*").replace(r"\?", "."), re.S)
            hidden = part.startswith(".")
            at = [
                child
                for path in at
                for child in (sorted(path.iterdir(), key=natural) if path.is_dir() else [])
                if rule.fullmatch(child.name) and (hidden or not child.name.startswith("."))
            ]
        return [path for path in at if not path.is_relative_to(self.ours)]

    # -- pictures -------------------------------------------------------------------------------

    def pictures(self, folders: Sequence[Path], recursive: bool = False) -> list[Pic]:
        """Return the pictures of folders in natural order of name, folder after folder.

        Left out: hidden files and folders, links that lead out of their folder and the work dir,
        links to folders, RAW files beside the JPEG or HEIC that stands for them.

        Raises:
            InputError: when a folder cannot be read.
        """
        found: dict[Path, Pic] = {}
        for folder in folders:
            for pic in self._in(folder, folder, recursive):
                found.setdefault(pic.path, pic)
        return list(found.values())

    def _in(self, top: Path, folder: Path, recursive: bool) -> Iterator[Pic]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: natural(Path(entry.name)))
        except OSError as error:
            raise InputError(f"{folder} cannot be read: {error.strerror}") from error
        found: list[Pic] = []
        for entry in entries:
            path = folder / entry.name
            try:
                if not is_picture_name(entry.name) or not entry.is_file():
                    continue
                if entry.is_symlink() and not self._stays(path, top):
                    continue
                stat = entry.stat()
            except OSError:
                continue  # a dangling link, or gone since it was listed
            found.append(Pic(path, top, stat.st_size, stat.st_mtime_ns))
        yield from _without_twins(found)
        for entry in entries if recursive else ():
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from self._in(top, folder / entry.name, recursive)

    def _stays(self, path: Path, top: Path) -> bool:
        real = path.resolve()
        return real.is_relative_to(self._real) or real.is_relative_to(top.resolve())

    # -- names ----------------------------------------------------------------------------------

    def names(self, folder: Path, wanted: Sequence[tuple[str, Path]]) -> list[str]:
        """Return a free name in a folder for each (name, source), in order; nothing is written.

        The whole batch is decided at once: the first of equal names keeps it, the others become
        `name_2`, `name_3`, ... A source that has a file there already, by the `from_file` of its
        sidecar, keeps that name; a file of the same bytes counts as its own.

        Args:
            wanted: the name it should have and the file it is made from.
        """
        shelf = _Shelf(self, folder)
        taken: dict[str, Path] = {}
        found: list[str | None] = []
        for name, source in wanted:
            own = shelf.owned(name, source)
            own = None if own is None or _same(own) in taken else own
            if own is not None:
                taken[_same(own)] = source
            found.append(own)
        for turn in (False, True):  # natural names first, so that x_2.jpg itself keeps its name
            for i, (name, source) in enumerate(wanted):
                if found[i] is None and (turn or _same(name) not in taken):
                    free = self.free_name(folder, name, taken) if turn else name
                    if turn or _vacant(folder / name):
                        taken[_same(free)] = source
                        found[i] = free
        return [name for name in found if name is not None]

    def free_name(self, folder: Path, name: str, taken: dict[str, Path]) -> str:
        """Return the first of name, name_2, name_3, ... that nothing has; `names` is what to use.

        Args:
            taken: what this batch has given away, by name folded with `_same`.
        """
        for candidate in _candidates(name):
            if _same(candidate) not in taken and _vacant(folder / candidate):
                return candidate
        raise AssertionError("there is always one more number")


def _without_twins(pics: list[Pic]) -> list[Pic]:
    """Leave out RAW files that a JPEG or HEIC of the same photo stands for."""
    raw = {pic.path for pic in pics if formats.promised(pic.path.suffix) == formats.RAW}
    if raw:
        photos = twins.one_photo([pic.path for pic in pics], [], clock_s)
        raw &= {path for photo in photos for path in photo[1:]}
    return [pic for pic in pics if pic.path not in raw]


def _vacant(path: Path) -> bool:
    """Return whether neither a file, a link nor a left-over sidecar has a name."""
    return not os.path.lexists(path) and not os.path.lexists(sidecar.path_of(path))


class _Shelf:
    """What lies in a folder already, so that a source finds the name it was given before.

    The folder is listed once: numbers may have gaps, where a file was deleted or where its name
    differs from a sibling's by case only.
    """

    def __init__(self, workdir: WorkDir, folder: Path) -> None:
        self._workdir, self._folder = workdir, folder
        self._names: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._known: dict[tuple[str, str], tuple[dict[str, str], list[str]]] = {}
        try:
            there = list(folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise InputError(f"{folder} cannot be read: {error.strerror}") from error
        for path in there:
            if path.suffix == sidecar.ENDING:
                continue
            own = _base(path.stem, path.suffix)
            self._names.setdefault(own, []).append((1, path.name))
            if numbered := NUMBERED.fullmatch(path.stem):
                base = _base(numbered[1], path.suffix)
                self._names.setdefault(base, []).append((int(numbered[2]), path.name))

    def owned(self, name: str, source: Path) -> str | None:
        """Return the name under which a source lies here, None when it does not."""
        base = _base(Path(name).stem, Path(name).suffix)
        if base not in self._known:
            self._known[base] = self._read(base)
        by_source, nobodys = self._known[base]
        found = by_source.get(self._workdir.stored(source))
        return found or next((n for n in nobodys if _equal(self._folder / n, source)), None)

    def _read(self, base: tuple[str, str]) -> tuple[dict[str, str], list[str]]:
        by_source: dict[str, str] = {}
        nobodys: list[str] = []
        for _, name in sorted(self._names.get(base, ())):
            try:
                of = sidecar.load(self._folder / name).get("from_file")
            except SidecarError:
                of = None
            if isinstance(of, str):
                by_source.setdefault(of, name)
            else:
                nobodys.append(name)
        return by_source, nobodys


def _base(stem: str, suffix: str) -> tuple[str, str]:
    return _same(stem), suffix.casefold()


def _candidates(name: str) -> Iterator[str]:
    yield name
    stem, suffix = Path(name).stem, Path(name).suffix
    n = 2
    while True:
        yield f"{stem}_{n}{suffix}"
        n += 1


def _same(name: str) -> str:
    """Return what two names share that one file system or another takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _equal(a: Path, b: Path) -> bool:
    import filecmp

    try:
        return filecmp.cmp(a, b, shallow=False)
    except OSError:
        return False
