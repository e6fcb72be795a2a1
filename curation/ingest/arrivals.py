"""The last step of every way in: what was fetched is looked at, named and made a row.

Links, buckets and watched folders all end here, so that a file is a video by its content, is stored
once, and says where it came from, however it came.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curation.engine.limits import Limits, OverLimit, held, looking_s, memory_bytes
from curation.engine.pool import Pool
from curation.errors import CurationError, VideoUnreadable
from curation.records import VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.origins import Origin, OriginTable
from curation.store.sources import SourceTable
from curation.store.videos import VideoTable

FOLDER_NO = 1
"""Videos that are fetched lie beside those that are uploaded, in videos_folder_1."""
LONGEST_STEM_BYTES = 100
SUFFIX_OF = {
    "mov": ".mp4", "mpegts": ".ts", "avi": ".avi", "flv": ".flv", "asf": ".wmv", "mpeg": ".mpg",
}  # fmt: skip
WEB_CODECS = ("vp8", "vp9", "av1")
STARVED = (errno.EMFILE, errno.ENFILE)
FAILING = (errno.EIO, errno.EAGAIN, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a fetched file.

    Attributes:
        path: where the video lies now.
        is_new: False when the same content was already here and the fetched copy is gone.
    """

    path: Path
    info: VideoInfo
    is_new: bool


def safe_stem(title: str) -> str:
    """Return a file name without suffix, made from a stranger's words: one plain component."""
    whole = unicodedata.normalize("NFC", title)
    kept = "".join(c if c in " ._-()" or unicodedata.category(c)[0] in "LN" else "_" for c in whole)
    stem = re.sub(r"\s+", " ", kept).strip(" .-_")
    short = stem.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore").strip(" .-_")
    return short or "video"


def take_in(
    catalogue: Catalogue, fetched: Path, title: str, origin: Origin, longest_s: float | None = None
) -> Arrival:
    """Make a fetched file a video of the datastore; it is moved, or deleted when it is no use.

    Args:
        fetched: a file on the datastore's disk that nobody else looks at.
        title: what it is to be called, as a stranger says it.
        longest_s: a longer video is refused; a page may lie about the length.

    Raises:
        VideoUnreadable: it is no video; the file is gone then.
        OverLimit: it is too long, or takes more than any video may; the file is gone then.
        CurationError: it could not be looked at, for a reason that is not the file's; it stays.
    """
    try:
        stat, info = look(fetched)
        if longest_s is not None and info.duration_s > longest_s:
            minutes, most = info.duration_s / 60, longest_s / 60
            raise OverLimit(f"it lasts {minutes:,.0f} minutes; at most {most:,.0f} are taken")
    except CurationError as error:
        said = error.message.replace(f"{fetched}: ", "")
        if not is_the_files_fault(error):
            why = f"all of it is here, but it could not be looked at just now: {said}"
            raise type(error)(why, error.hint or "try again; nothing is fetched twice") from error
        fetched.unlink(missing_ok=True)
        raise type(error)(said, error.hint) from error
    return keep(catalogue, fetched, title, origin, (stat, info))


def keep(
    catalogue: Catalogue,
    fetched: Path,
    title: str,
    origin: Origin,
    looked: tuple[tuple[int, int], VideoInfo],
    suffix: str = "",
) -> Arrival:
    """Make a file that was looked at a video of the datastore; it is moved, or deleted as a twin.

    Args:
        looked: what `look` found.
        suffix: another than the usual one for what the file holds.
    """
    stat, info = looked
    origins = OriginTable(catalogue)
    same = same_content(catalogue, info.key)
    if same is not None:
        fetched.unlink()
        origins.put(same, origin)
        return Arrival(same, replace(info, path=same), False)
    folder = catalogue.root / f"videos_folder_{FOLDER_NO}"
    folder.mkdir(parents=True, exist_ok=True)
    target = _placed(fetched, folder, safe_stem(title), suffix or suffix_of(info))
    origins.put(target, origin)
    sources = SourceTable(catalogue)
    (file,) = sources.add_files(sources.add_folder(folder, FOLDER_NO), [target])
    info = replace(info, path=target)
    sources.settle_file(file, stat, info)
    return Arrival(target, info, True)


def is_the_files_fault(error: CurationError) -> bool:
    """Return whether a look failed for what the file is: with any luck it would fail again."""
    return isinstance(error, VideoUnreadable | OverLimit)


def look(path: Path) -> tuple[tuple[int, int], VideoInfo]:
    """Return (size and time, facts) of a file, found out by a process that may die of it.

    Raises:
        VideoUnreadable: it is no video.
        OverLimit: it takes more memory or time than any video may.
        CurationError: the process died, or could not work, twice.
    """
    found: Any = None
    again = True
    try:
        with Pool[Path](make_looker, 1, Limits(time_s=_seconds)) as pool:
            for event in pool.run([path]):
                if event.kind == "item":
                    found = event.message
                elif event.error is None:
                    continue
                elif again and not is_the_files_fault(event.error):
                    again = False
                    pool.alone(path)  # whoever took the memory, it need not be this file: once more
                else:
                    raise event.error
    except OSError as error:  # no process could be started
        raise CurationError(f"no reader could be started: {error.strerror}") from error
    if found is None:
        raise VideoUnreadable(f"{path}: nothing was found out about it")
    stat, info = found
    return stat, info


def make_looker() -> Any:
    """Return the worker's side of `look`."""

    def handler(path: Path) -> Iterator[Any]:
        yield looked_at(path)

    return handler


def looked_at(path: Path) -> tuple[tuple[int, int], VideoInfo]:
    """Look at a stranger's file, in a child process and within a bounded memory.

    Raises:
        VideoUnreadable: it is no video.
        OverLimit: it takes more memory than any video may.
        CurationError: this process may open no more files, or the disk fails.
    """
    import av  # noqa: F401  # here, so that it is no part of what the file costs

    from curation.video.probe import probe

    stat = path.stat()
    try:
        with held(Limits(memory_bytes=memory_bytes()), None):
            info = probe(path)
    except VideoUnreadable as error:
        why = _machines_fault(error)
        if why:
            raise CurationError(f"{path}: {why}") from error
        raise
    return (stat.st_size, stat.st_mtime_ns), info


def _machines_fault(error: BaseException | None) -> str:
    """Return what of this machine made a reader fail, "" when nothing is known of that kind.

    A reader's own errors bear numbers of the system, too: a broken file may be called an error of
    the disk. Only what no file can bring about counts, and what the system itself says.
    """
    from av.error import FFmpegError

    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            of_reader = isinstance(error, FFmpegError)
            if error.errno in STARVED or (error.errno in FAILING and not of_reader):
                return os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return ""


def _seconds(path: Path) -> float:
    try:
        return looking_s(path.stat().st_size)
    except OSError:
        return looking_s(0)


def same_content(catalogue: Catalogue, key: str) -> Path | None:
    """Return the video of this content that is here already."""
    for row in VideoTable(catalogue).listing():
        path = catalogue.absolute(row["path"])
        if row["id"] == key and path.is_file():
            return path
    return None


def suffix_of(info: VideoInfo) -> str:
    """Return the suffix that fits what a file holds, whatever it was called."""
    first = info.container.split(",")[0]
    if first == "matroska":
        return ".webm" if info.codec in WEB_CODECS else ".mkv"
    return SUFFIX_OF.get(first, ".mkv")


def _placed(fetched: Path, folder: Path, stem: str, suffix: str) -> Path:
    """Move a file to a name that nobody has; two that try at once get two names."""
    if fetched.stat().st_nlink > 1:  # it got its name, and then this process was killed
        for named in folder.iterdir():
            if not named.name.startswith(".") and named != fetched and named.samefile(fetched):
                fetched.unlink()
                return named
    for number in range(1, 100_000):
        target = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            os.link(fetched, target)
        except FileExistsError:
            continue
        except OSError:  # a disk without hard links
            if target.exists():
                continue
            fetched.rename(target)
            return target
        fetched.unlink()
        return target
    raise CurationError(f"too many files of {folder} are called {stem}")
