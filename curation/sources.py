"""Which files a command means: arguments, or everything under the datastore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

SUFFIXES = frozenset(
    (
        ".mp4",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".m4v",
        ".flv",
        ".wmv",
        ".ts",
        ".mpg",
        ".mpeg",
        ".mts",
        ".m2ts",
        ".3gp",
    )
)


def natural(path: Path) -> list[tuple[int, int | str]]:
    """Return a sort key that puts clip2 before clip10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def is_video_name(path: Path) -> bool:
    """Return whether a file's name says that it is a video."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def is_text(path: Path) -> bool:
    """Return whether a path can be written down: Linux lets names be any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(path: Path) -> str:
    """Return a path as text that can be printed, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unnameable(datastore: Path, arguments: Sequence[Path]) -> list[Path]:
    """Return the videos among those `offered` means whose names are no text."""
    arguments = arguments or sorted(datastore.glob("videos_folder_*"), key=natural)
    found: list[Path] = []
    for argument in arguments:
        inside = _below(argument) if argument.is_dir() else [argument]
        found += [path for path in inside if not is_text(path)]
    return found


def videos_in(folder: Path) -> list[Path]:
    """Return the videos of a folder and those below it; folders of frames are left out, and so
    are paths that are no text (see `unnameable`)."""
    return [path for path in _below(folder) if is_text(path)]


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    entries = sorted(folder.iterdir(), key=natural)
    found += [entry for entry in entries if is_video_name(entry) and entry.is_file()]
    for entry in entries:
        hidden = entry.name.startswith((".", "output_images_"))
        if entry.is_dir() and not entry.is_symlink() and not hidden:
            found += _below(entry)
    return found


def offered(datastore: Path, arguments: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return (video files, arguments that do not exist).

    Args:
        arguments: files and folders; none means every datastore/videos_folder_*/.
    """
    if not arguments:
        arguments = sorted(datastore.glob("videos_folder_*"), key=natural)
        arguments += sorted(datastore.glob("remote/*.remote"), key=natural)  # videos elsewhere
    files: list[Path] = []
    missing: list[Path] = []
    for argument in arguments:
        if argument.is_dir():
            files += videos_in(argument)
        elif argument.exists():
            files += [argument] if is_text(argument) else []
        else:
            missing.append(argument)
    return list(dict.fromkeys(file.absolute() for file in files)), missing


def by_folder(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return files grouped by their folder, in the order given."""
    groups: dict[Path, list[Path]] = {}
    for file in files:
        groups.setdefault(file.parent, []).append(file)
    return groups


def folder_number(datastore: Path, folder: Path) -> int | None:
    """Return X for datastore/videos_folder_X, None for any other folder."""
    match = re.fullmatch(r"videos_folder_(\d+)", folder.name)
    inside = folder.parent.absolute() == datastore.absolute()
    return int(match.group(1)) if match and inside else None
