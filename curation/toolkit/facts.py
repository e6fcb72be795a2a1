"""What can be asked about a picture: its file, its size, its sidecar, its metrics by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable
from curation.toolkit.workdir import Pic, WorkDir

SIZES = ("width", "height", "side", "short_side", "pixels", "aspect")
FILE = ("name", "stem", "ext", "folder", "path", "bytes")


def size_wh(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels as a person sees it, from the file's header.

    Raises:
        ImageUnreadable: naming the file, when it is no picture that can be read or has far too
            many pixels.
    """
    import warnings

    from PIL import Image

    from curation.photos import formats
    from curation.photos.decode import (
        MOST_PX,
        READERS,
        opened,
        read_bytes,
        ready_for_heif,
        upright_size,
    )

    if formats.promised(path.suffix) == formats.RAW:
        try:
            return upright_size(opened(*read_bytes(path)))
        except ImageUnreadable as error:
            raise ImageUnreadable(f"{path}: {error.message}") from error
    try:
        with path.open("rb") as file:
            head = file.read(32)
            kind = formats.found(head)
            if not head:
                raise ImageUnreadable(f"{path} is empty")
            if kind is None:
                raise ImageUnreadable(f"{path} is no picture")
            if missing := formats.missing_library(kind):
                raise ImageUnreadable(f"{path}: {missing}")
            if kind == formats.HEIF:
                ready_for_heif()
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(file, formats=READERS[kind]) as image:
                    width, height = upright_size(image)
    except ImageUnreadable:
        raise
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"{path} has far too many pixels") from error
    except Exception as error:  # readers raise what they like at damaged headers
        raise ImageUnreadable(f"{path} is damaged: {' '.join(str(error).split())[:100]}") from error
    if width * height > MOST_PX:
        raise ImageUnreadable(f"{path} is {width} x {height} pixels; that is too many to be read")
    return width, height


def facts(
    workdir: WorkDir, pic: Pic, sidecar: Mapping[str, Any], wh: tuple[int, int] | None
) -> dict[str, Any]:
    """Return what is known of a picture by name: file, size, sidecar keys, metrics.

    A metric gives way to a sidecar key of its name, and both to the file's own facts.

    Args:
        wh: upright size, None when nobody asks for it.
    """
    known: dict[str, Any] = {}
    metrics = sidecar.get("metrics")
    known.update(metrics if isinstance(metrics, Mapping) else {})
    known.update(sidecar)
    known |= {
        "name": pic.path.name,
        "stem": pic.path.stem,
        "ext": pic.path.suffix.lower().lstrip("."),
        "folder": workdir.shown(pic.path.parent),
        "path": workdir.shown(pic.path),
        "bytes": pic.size_bytes,
    }
    if wh is not None:
        width, height = wh
        known |= {
            "width": width,
            "height": height,
            "side": max(wh),
            "short_side": min(wh),
            "pixels": width * height,
            "aspect": width / height,
        }
    return known


def look_up(known: Mapping[str, Any], name: str) -> Any:
    """Return a fact by its name, dotted where it lies within an object; None when there is none.

    `detect.chair` is the best score of a class.
    """
    from curation.toolkit.where import best_score

    if name in known:
        return known[name]
    first, _, rest = name.partition(".")
    if first == "detect" and rest:
        return best_score(known, rest)
    inner = known.get(first)
    return look_up(inner, rest) if rest and isinstance(inner, Mapping) else None
