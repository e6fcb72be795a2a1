"""The bytes of a picture that leaves: the file itself where no pixel changes, else made anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable
from curation.export.crops import Cut
from curation.export.settings import ExportParams
from curation.photos import formats

SUFFIX = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
KINDS = {"jpeg": formats.JPEG, "png": formats.PNG, "webp": formats.WEBP}
HEAD_BYTES = 64 << 10
SHOWN = {".jpg", ".jpeg", ".png", ".webp"}
"""Endings of files that every reader of data sets takes as they are."""
PNG_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a picture is written.

    Attributes:
        kind: copy, jpeg, png or webp.
        quality: of JPEG and WebP, 0 for the others.
    """

    kind: str
    quality: int
    crop_px: tuple[int, int, int, int]
    size_wh: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": self.kind, "quality": self.quality, "crop_px": list(self.crop_px),
            "size_wh": list(self.size_wh),
        }  # fmt: skip


def recipe_of(source: str, cut: Cut, params: ExportParams, is_own: bool) -> tuple[Recipe, str]:
    """Return how a picture is written, and the ending of its name.

    Args:
        is_own: a person's own picture, which may be turned, or in another colour space.
    """
    ending = os.path.splitext(source)[1].lower()  # noqa: PTH122 - of very many
    kind = params.encode
    plain = not cut.changes and ending in SHOWN and not (is_own and needs_work(source))
    same = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}.get(ending)
    if plain and kind in ("auto", same):
        return Recipe("copy", 0, cut.crop_px, cut.out_wh), ending
    kind = "jpeg" if kind == "auto" else kind
    quality = 0 if kind == "png" else params.quality
    return Recipe(kind, quality, cut.crop_px, cut.out_wh), SUFFIX[kind]


def needs_work(path: Path | str) -> bool:
    """Return whether a person's picture is turned by its EXIF, or not in sRGB: pixels change."""
    from PIL import Image

    from curation.photos.exif import orientation

    try:
        with Image.open(path) as image:
            icc = image.info.get("icc_profile")
            turned = orientation(image) not in (None, 1)
            odd = image.mode not in ("L", "RGB", "RGBA", "LA", "P")
            return turned or odd or bool(icc and b"sRGB" not in icc)
    except Exception:  # readers raise what they like; making it anew tells in our words
        return True


def made(data: bytes, name: Path, recipe: Recipe) -> bytes:
    """Return a picture cut, scaled and encoded: upright, sRGB, without what EXIF says.

    Args:
        data: the stored picture's file.
        name: what the file is called; for its ending and for messages.

    Raises:
        ImageUnreadable: naming the file.
    """
    from PIL import Image

    from curation.toolkit import pixels

    try:
        loaded = pixels.from_bytes(name, data).bare()
    except ImageUnreadable as error:
        raise ImageUnreadable(f"{name}: {error.message}") from error
    image = loaded.image
    x, y, w, h = recipe.crop_px
    if x + w > image.width or y + h > image.height:
        raise ImageUnreadable(
            f"{name}: is {image.width} x {image.height} pixels, which its crop does not fit"
        )
    if recipe.crop_px != (0, 0, *image.size):
        image = image.crop((x, y, x + w, y + h))
    if image.size != recipe.size_wh:
        image = image.resize(recipe.size_wh, Image.Resampling.LANCZOS)
    return pixels.encode(
        pixels.Loaded(image), KINDS[recipe.kind], recipe.quality or 95, compress_level=PNG_LEVEL
    )
