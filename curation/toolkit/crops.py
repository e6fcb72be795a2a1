"""What verbs that cut pieces out of pictures share: names, files, and one decode per picture."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from curation.photos import formats
from curation.toolkit import pixels

T = TypeVar("T")
Ending = Literal["jpg", "png", "webp"]
KINDS: dict[str, str] = {"jpg": formats.JPEG, "png": formats.PNG, "webp": formats.WEBP}


def safe(word: str) -> str:
    """Return a class's name as part of a file name."""
    return re.sub(r"[^\w.-]+", "_", word).strip("._-") or "class"


def numbered(stem: str, number: int, of: int, ending: str) -> str:
    """Return `stem.jpg`, or `stem_01.jpg` where a picture gives several.

    Args:
        number: from 1.
    """
    return f"{stem}.{ending}" if of == 1 else f"{stem}_{number:02d}.{ending}"


def encoded(rgb: Any, ending: Ending, quality: int) -> bytes:
    """Return an image, Pillow's or (h, w, 3) uint8, as a file."""
    from PIL import Image

    image = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    return pixels.encode(pixels.Loaded(image), KINDS[ending], quality, 6)


class Recent(Generic[T]):
    """The last few pictures that were loaded: several pieces of one cost one decode.

    Threads that ask for the same picture at once wait for one of them to load it.

    Args:
        load: what is loaded of a path; its errors come out of `of`.
        most: pictures kept.
    """

    def __init__(self, load: Callable[[Path], T], most: int = 2) -> None:
        self._load, self._most = load, most
        self._kept: dict[Path, Future[T]] = {}
        self._lock = threading.Lock()

    def of(self, path: Path) -> T:
        """Return a picture, loaded now or before."""
        with self._lock:
            found = self._kept.pop(path, None)
            mine = found is None
            found = Future() if found is None else found
            self._kept[path] = found
            while len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)))
        if mine:
            try:
                found.set_result(self._load(path))
            except BaseException as error:
                found.set_exception(error)
        return found.result()
