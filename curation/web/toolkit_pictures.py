"""Pictures of work dirs, small: read in a child process, which a hostile file may kill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from curation.errors import ImageUnreadable
from curation.web.helper import Helper

SMALL_PX, LARGE_PX = 360, 1600


@dataclass(frozen=True, slots=True)
class Show:
    """Ask for a picture as a JPEG of at most so many pixels on its longer side."""

    path: Path
    px: int


def make_shower(root: Path, dropped: Any = None) -> Any:
    """Return the child's side."""
    from curation.engine.machine import single_threaded

    single_threaded()

    def handler(task: Show) -> Iterator[bytes]:
        yield small(task.path, task.px)

    return handler


def small(path: Path, px: int) -> bytes:
    """Return a picture file as an upright JPEG; its content says what it is, not its name.

    Raises:
        ImageUnreadable: when it cannot be read.
    """
    from io import BytesIO

    from PIL import Image

    from curation.photos import formats
    from curation.photos.decode import MOST_BYTES, opened, pixels

    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as error:
        raise ImageUnreadable(f"cannot be read: {error.strerror or error}") from error
    kind = formats.found(data[:32])
    if formats.promised(path.suffix) == formats.RAW and formats.is_raw(data[:32]):
        kind = formats.RAW
    if kind is None:
        raise ImageUnreadable("is no picture")
    image = Image.fromarray(pixels(opened(kind, data), px))
    image.thumbnail((px, px))
    made = BytesIO()
    image.save(made, "JPEG", quality=86)
    return made.getvalue()


class Pictures:
    """The server's side."""

    def __init__(self, root: Path) -> None:
        self._helper = Helper(root, make_shower)

    def show(self, path: Path, large: bool) -> bytes:
        """Return a picture as a JPEG; CurationError when it cannot be shown."""
        made: bytes = self._helper.ask(cast(Any, Show(path, LARGE_PX if large else SMALL_PX)))
        return made

    def close(self) -> None:
        """End the child."""
        self._helper.close()
