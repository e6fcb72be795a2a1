"""Serving the pictures of registered folders: by number, never by a path of the client's."""

from __future__ import annotations

from pathlib import Path

from curation.photos.formats import MEDIA_TYPES
from curation.store.album_views import AlbumViews
from curation.store.catalogue import Catalogue
from curation.store.pictures import Picture


def file_of(catalogue: Catalogue, picture: Picture) -> tuple[Path, str, bool] | None:
    """Return the file that shows a frame, its media type, and whether it is as it was read.

    A frame's file lies in the datastore, or is a picture of a folder that was registered; anything
    else is None. Browsers turn pictures by their EXIF; what they would show wrongly or not at all
    has a JPEG of ours.
    """
    path = picture.path
    if path is None:
        return None
    if catalogue.contains(path) and ".." not in path.parts:
        return (path, "image/jpeg", True) if path.is_file() else None
    found = AlbumViews(catalogue).to_serve(picture.frame_id)
    if found is None or not found[0].is_file():
        return None
    path, kind, same = found
    return path, MEDIA_TYPES[kind], same
