"""Videos found by their content in any folder: what a lock or a manifest names them by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curation import sources
from curation.errors import CurationError, InputError


def found(folder: Path, wanted: Mapping[str, int], sizes: Mapping[str, int] | None = None
          ) -> dict[str, Path]:
    """Return video key -> a file below a folder that has this content.

    Args:
        wanted: video key -> number of the picture stream, 0 for the best.
        sizes: video key -> bytes of its file, where they are known: others are not read.

    Raises:
        InputError: there is no such folder.
    """
    from curation.video.probe import content_key, stream_key

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder", "name the one with the videos")
    there: dict[str, Path] = {}
    known = set((sizes or {}).values())
    for path in sources.videos_in(folder):
        if len(there) == len(wanted):
            break
        try:
            if sizes is not None and path.stat().st_size not in known:
                continue
            content = content_key(path)
        except (CurationError, OSError):
            continue  # one that cannot be read is not the one that is looked for
        for key, stream in wanted.items():
            if key in (content, stream_key(content, stream)):
                there.setdefault(key, path)
    return there
