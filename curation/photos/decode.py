"""Pictures of any kind as upright 8-bit sRGB; JPEGs no larger than asked for.

What a stranger's file can do is bounded before a pixel is made: its first bytes must agree with
its name, and its size in pixels must be reasonable. Pillow's readers of other formats are never
asked. Of a moving picture the first one counts, of a RAW file the preview that its camera made.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import ImageUnreadable
from curation.photos import exif, formats, raw

Rgb = npt.NDArray[np.uint8]

MOST_PX = 250_000_000
"""Largest JPEG: they decode scaled, a picture of the largest cameras fits."""
MOST_PX_WHOLE = 120_000_000
"""Largest picture of a format that decodes only at full size."""
MOST_BYTES = 1 << 31
READERS = {
    formats.JPEG: ("JPEG", "MPO"),
    formats.PNG: ("PNG",),
    formats.WEBP: ("WEBP",),
    formats.TIFF: ("TIFF",),
    formats.AVIF: ("AVIF",),
    formats.HEIF: ("HEIF",),
    formats.BMP: ("BMP",),
    formats.GIF: ("GIF",),
}
SWAPPED = (5, 6, 7, 8)


def read_bytes(path: Path) -> tuple[str, bytes]:
    """Return format and content of a file whose content is what its name says.

    Raises:
        ImageUnreadable: saying what is wrong with the file; the path is left to the caller.
    """
    kind = formats.promised(path.suffix)
    if kind is None:
        raise ImageUnreadable("its name is not that of a picture")
    missing = formats.missing_library(kind)
    if missing:
        raise ImageUnreadable(missing)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ImageUnreadable(f"has {size >> 20:,} MB; at most {MOST_BYTES >> 20:,} are read")
        data = path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"cannot be read: {error.strerror or error}") from error
    if not data:
        raise ImageUnreadable("is empty")
    seen = formats.found(data[:32])
    if kind == formats.RAW and formats.is_raw(data[:32]):
        seen = kind
    if seen is None:
        raise ImageUnreadable(f"is no picture: its first bytes are not those of {kind}")
    if seen != kind:
        raise ImageUnreadable(f"holds {seen}, not {kind} as its name says; rename it")
    return kind, data


def ready_for_heif() -> None:
    """Let Pillow open HEIC; after `formats.missing_library`, as the package is optional."""
    import_module(formats.heif_package() or "pi_heif").register_heif_opener()


def opened(kind: str, data: bytes) -> Any:
    """Return a Pillow image of known size whose pixels are not read yet.

    Raises:
        ImageUnreadable: when it is damaged, or has too many pixels.
    """
    from PIL import Image

    if kind == formats.RAW:
        return raw.opened(data, MOST_PX)
    if kind == formats.HEIF:
        ready_for_heif()
    most = MOST_PX if kind == formats.JPEG else MOST_PX_WHOLE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(BytesIO(data), formats=READERS[kind])
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"has far more than {most // 1_000_000} million pixels") from error
    except MemoryError:
        raise
    except Exception as error:  # readers raise what they like at damaged headers
        raise ImageUnreadable(f"is damaged: {_said(error)}") from error
    width, height = image.size
    if width * height > most:
        raise ImageUnreadable(
            f"is {width} x {height} pixels; at most {most // 1_000_000} million are read"
        )
    if width < 1 or height < 1:
        raise ImageUnreadable("has no pixels")
    return image


def upright_size(image: Any) -> tuple[int, int]:
    """Return (width, height) of an opened picture as a person sees it."""
    if raw.WHOLE in image.info:
        wide, tall = image.info[raw.WHOLE]
        return int(wide), int(tall)
    width, height = image.size
    return (height, width) if exif.orientation(image) in SWAPPED else (width, height)


def pixels(image: Any, least_px: int | None = None) -> Rgb:
    """Return an opened picture as (h, w, 3) uint8 sRGB, upright.

    Args:
        least_px: a longer side that is enough; the JPEG decoder then skips what is finer. None
            reads all of it.

    Raises:
        ImageUnreadable: when it is cut short or damaged.
    """

    turn = exif.orientation(image)
    if least_px is not None:
        width, height = image.size
        scale = least_px / max(width, height)
        image.draft("RGB", (max(1, round(width * scale)), max(1, round(height * scale))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise ImageUnreadable(f"is damaged: {_said(error)}") from error
    if least_px is not None and max(image.size) >= 2 * least_px:
        image = image.reduce(max(image.size) // least_px)
    rgb = _to_srgb(_eight_bits(image), image.info.get("icc_profile"))
    if turn != 1:
        rgb = turned(rgb, turn)
    return np.ascontiguousarray(np.asarray(rgb, np.uint8))


def turned(image: Any, turn: int) -> Any:
    """Return a new Pillow image: one of EXIF orientation `turn` (1 to 8) as a person sees it."""
    from PIL import Image

    way = Image.Transpose
    turns = {
        2: way.FLIP_LEFT_RIGHT,
        3: way.ROTATE_180,
        4: way.FLIP_TOP_BOTTOM,
        5: way.TRANSPOSE,
        6: way.ROTATE_270,
        7: way.TRANSVERSE,
        8: way.ROTATE_90,
    }
    return image.transpose(turns[turn]) if turn in turns else image.copy()


def load_upright(path: Path) -> Rgb:
    """Return a picture file as (h, w, 3) uint8 sRGB at its full size, upright.

    Raises:
        ImageUnreadable: naming the file and what is wrong with it.
    """
    try:
        return pixels(opened(*read_bytes(path)))
    except ImageUnreadable as error:
        raise ImageUnreadable(f"{path}: {error.message}") from error


def is_plain_jpeg(data: bytes) -> bool:
    """Return whether a JPEG carries neither EXIF nor a colour profile, as the studio's own do."""
    head = data[: 1 << 16]
    return head[:2] == b"\xff\xd8" and b"Exif\0" not in head and b"ICC_PROFILE" not in head


def _eight_bits(image: Any) -> Any:
    """Return a picture as RGB or CMYK of 8 bits; what is clear becomes white."""
    from PIL import Image

    if image.mode in ("RGB", "CMYK"):
        return image
    if image.mode.startswith(("I", "F")):  # 16 bits and more; convert() would cut them off
        deep = np.asarray(image, np.float32)
        top = 65535.0 if image.mode != "F" else max(float(np.nanmax(deep, initial=0.0)), 1e-9)
        levels = np.clip(np.nan_to_num(deep) * (255.0 / top), 0, 255).astype(np.uint8)
        return Image.fromarray(levels).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _to_srgb(image: Any, profile: bytes | None) -> Any:
    """Return a picture in sRGB; one without a profile, or with a broken one, is taken to be."""
    if profile:
        from PIL import ImageCms

        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            turned = ImageCms.profileToProfile(image, given, srgb, outputMode="RGB")
            if turned is not None:
                return turned
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def _said(error: Exception) -> str:
    words = " ".join(str(error).split())
    # Pillow puts the address of a buffer into this message, which helps nobody.
    if "truncated" in words:
        return "it ends in the middle of the picture"
    return "not readable" if not words or words.startswith("cannot identify") else words[:200]
