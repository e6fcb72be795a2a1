"""What people and other steps said of the photos of a library, from the review of their folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from curation.cull.ranking import Said
from curation.cull.sidecars import Desk, Place, rated
from curation.errors import SidecarError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.store.columns import load
from curation.store.cull import CullTable, Shown
from curation.store.marks import MarkTable

if TYPE_CHECKING:
    from curation.cull.library import Library, Photo

DARKTABLE = "darktable:xmp_version"
"""Is in every sidecar that darktable wrote."""
RATINGS = ("-1", "0", "1", "2", "3", "4", "5")


def said(catalogue: Catalogue, library: Library, folders: Sequence[Path] = ()) -> Said:
    """Return marks and how open eyes are, as far as reviews know them.

    A mark counts while the file shows the picture that was marked, whatever was written into its
    metadata since.

    Args:
        catalogue: of the work dir: what was said there goes before what was said elsewhere.
        folders: named ones; a review that one of them has of its own is asked too.
    """
    found = Said.nothing(len(library.photos))
    with desks(catalogue, folders) as all_of_them:
        for each in reversed(all_of_them):
            _hear(each, library, found)
    return found


def refused(
    catalogue: Catalogue, library: Library, folders: Sequence[Path] = ()
) -> set[tuple[str, str]]:
    """Return the pairs of keys that a person said are no duplicates, in any of these places."""
    keys = {photo.key for photo in library.photos}
    with desks(catalogue, folders) as all_of_them:
        return set().union(*(CullTable(each).refused(keys) for each in all_of_them))


@contextmanager
def desks(catalogue: Catalogue, folders: Sequence[Path]) -> Iterator[list[Catalogue]]:
    """Open the catalogues that people's words are in; none is made."""
    found = [catalogue]
    with ExitStack() as stack:
        for folder in folders:
            place = folder / OUR_FOLDER
            if (place / FILE_NAME).is_file() and place.resolve() != catalogue.root.resolve():
                found.append(Catalogue(place))
                stack.callback(found[-1].close)
        yield found


def _hear(catalogue: Catalogue, library: Library, found: Said) -> None:
    at = places(library, CullTable(catalogue).shown())
    if not at:
        return
    for frame, (flag, stars) in MarkTable(catalogue).flagged().items():
        if frame in at:
            found.flag[at[frame]] = flag or found.flag[at[frame]]
            found.stars[at[frame]] = stars or found.stars[at[frame]]
    columns = load(catalogue)
    for i, frame in enumerate(columns["frame_id"].tolist()):
        if frame in at and "eye_open" in columns:
            found.eyes[at[frame]] = columns["eye_open"][i]


def places(library: Library, shown: Mapping[Path, Shown]) -> dict[int, int]:
    """Return the place in the library of each frame that still shows one of its photos."""
    return {
        shown[file].frame_id: i
        for i, photo in enumerate(library.photos)
        for file in photo.files
        if file in shown and _is_same(shown[file], file, photo)
    }


def _is_same(shown: Shown, file: Path, photo: Photo) -> bool:
    """Return whether a file shows what it showed when it was marked."""
    if file == photo.path:
        return shown.key == photo.key
    with suppress(OSError):  # a twin: its picture is not read, so the file must be the same
        stat = file.stat()
        return (shown.size_bytes, shown.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    return False


def changed_since(
    catalogue: Catalogue, library: Library, folders: Sequence[Path] = ()
) -> dict[Path, int]:
    """Return the flag of photos whose mark does not count: another picture was marked there."""
    found: dict[Path, int] = {}
    with desks(catalogue, folders) as all_of_them:
        for each in all_of_them:
            shown, marks = CullTable(each).shown(), MarkTable(each).flagged()
            for photo in library.photos:
                for file in photo.files:
                    mark = marks.get(shown[file].frame_id) if file in shown else None
                    if mark and mark[0] and not _is_same(shown[file], file, photo):
                        found[photo.path] = mark[0]
    return found


def add_ratings(library: Library, at: Sequence[int], found: Said) -> None:
    """Note the ratings that sidecars and files give some photos, where the review gave none.

    A rejection there (-1) counts as fewer stars than none: who wrote it is not known. One star in
    a sidecar of darktable is none: that is what it gives each photo it imports. A sidecar that
    cannot be read says nothing here; `doctor` tells what is wrong with it.

    Args:
        at: places in the library; the files of others are not opened.
    """
    desk = Desk()
    for i in at:
        if found.stars[i] or found.flag[i]:
            continue
        files = library.photos[i].files
        try:
            places = [place for place in desk.readable(files) if not _unasked(place)]
            texts = rated(places, files)
        except (SidecarError, OSError):
            continue
        numbers = [int(text) for text in texts if text in RATINGS]
        if numbers:
            found.stars[i] = max(numbers)


def _unasked(place: Place) -> bool:
    """Return whether a sidecar's rating is darktable's own."""
    packet = place.packet
    return packet is not None and packet.rating == 1 and DARKTABLE in packet.values
