"""Which files are one photo: a JPEG, its RAW, its HEIC and the moving part of a Live Photo.

They lie in one folder and share the name before the ending, whatever its case. Files whose EXIF
gives times further apart than WITHIN_S only happen to share a name (a camera's counter starts
anew), and stay photos of their own; a time that is not known speaks neither for nor against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from curation.photos import formats
from curation.sources import natural

WITHIN_S = 2.0
RANK = {formats.JPEG: 0, formats.HEIF: 1, formats.RAW: 2}
"""Which file of a photo stands for it: the lowest."""
MOVING = (".mov",)
MOST_MOVING_BYTES = 24 << 20
"""The moving part of a Live Photo lasts three seconds; a larger file is a clip of its own."""

When = Callable[[Path], float | None]


def moving_part(path: Path, size_bytes: int) -> bool:
    """Return whether a file may be the moving part of a Live Photo, by its name and size."""
    return path.suffix.lower() in MOVING and size_bytes <= MOST_MOVING_BYTES


def one_photo(files: Iterable[Path], moving: Iterable[Path], when: When) -> list[tuple[Path, ...]]:
    """Return the files of each photo, the one that stands for it first; photos in natural order.

    Only JPEG, HEIC and RAW join, one of each kind; of two JPEGs that share a stem (a.jpg, A.jpeg)
    the second is a photo of its own.

    Args:
        files: pictures of one folder or several, in any order.
        moving: files for which `moving_part` holds.
        when: the time in a file's EXIF, as seconds of the camera's clock, None where there is
            none; asked only of files that share a stem.
    """
    shelves: dict[tuple[Path, str], list[Path]] = {}
    for path in files:
        shelves.setdefault((path.parent, path.stem.casefold()), []).append(path)
    clips: dict[tuple[Path, str], list[Path]] = {}
    for path in moving:
        clips.setdefault((path.parent, path.stem.casefold()), []).append(path)
    found: list[tuple[Path, ...]] = []
    for shelf, paths in shelves.items():
        photos = _joined(paths if len(paths) == 1 else sorted(paths, key=_rank), when)
        clip = sorted(clips.get(shelf, ()), key=natural_path)
        for i, photo in enumerate(photos):
            first = formats.promised(photo[0].suffix)
            if clip and first in (formats.JPEG, formats.HEIF):
                photos[i] = (*photo, *clip)
                break
        found += photos
    return sorted(found, key=lambda photo: natural_path(photo[0]))


def _joined(paths: Sequence[Path], when: When) -> list[tuple[Path, ...]]:
    if len(paths) == 1:
        return [tuple(paths)]
    photos: list[list[Path]] = []
    for path in paths:
        kind = formats.promised(path.suffix)
        home = next((p for p in photos if _fits(path, kind, p, when)), None)
        if home is None:
            photos.append([path])
        else:
            home.append(path)
    return [tuple(photo) for photo in photos]


def _fits(path: Path, kind: str | None, photo: Sequence[Path], when: When) -> bool:
    kinds = [formats.promised(other.suffix) for other in photo]
    if kind not in RANK or kinds[0] not in RANK or kind in kinds:
        return False
    own, theirs = when(path), [when(other) for other in photo]
    return own is None or all(time is None or abs(own - time) <= WITHIN_S for time in theirs)


def _rank(path: Path) -> tuple[int, object]:
    return RANK.get(formats.promised(path.suffix) or "", len(RANK)), natural_path(path)


Key = tuple[int, int | str]


def natural_path(path: Path) -> tuple[list[list[Key]], list[Key], str]:
    """Return a sort key: the folder, then the name, both with 2 before 10; spelling decides last.

    What lies in a folder comes before what lies in the folders below it.
    """
    return _natural_folder(path.parent), natural(path), str(path)


@lru_cache(maxsize=4096)
def _natural_folder(folder: Path) -> list[list[Key]]:
    return [natural(Path(part)) for part in folder.parts]
