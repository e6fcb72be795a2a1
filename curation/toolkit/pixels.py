"""Pictures in and out for verbs that make new ones: upright, alpha kept, what EXIF says kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from curation.errors import ImageUnreadable, InputError, SidecarError
from curation.params import Params
from curation.photos import decode, formats
from curation.photos.exif import ORIENTATION, orientation
from curation.toolkit import sidecar as sc
from curation.toolkit.verbs import Context
from curation.toolkit.workdir import Pic

MOST_PX = decode.MOST_PX_WHOLE
WRITTEN = {
    formats.JPEG: "JPEG",
    formats.PNG: "PNG",
    formats.WEBP: "WEBP",
    formats.TIFF: "TIFF",
    formats.BMP: "BMP",
}
"""Formats that can be written; pictures of any other become PNG, which loses nothing."""
SUFFIX = {
    formats.JPEG: ".jpg",
    formats.PNG: ".png",
    formats.WEBP: ".webp",
    formats.TIFF: ".tif",
    formats.BMP: ".bmp",
}
ALPHA = (formats.PNG, formats.WEBP, formats.TIFF)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture ready to be changed.

    Attributes:
        image: Pillow image, upright, of mode L, RGB, LA or RGBA, 8 bits; without side data.
        exif: EXIF without orientation, None where there is none.
        icc: profile its colours are in, None for sRGB.
        xmp: XMP packet, None where there is none.
    """

    image: Any
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None

    def bare(self) -> Loaded:
        """Return it in sRGB without anything beside its pixels."""
        return Loaded(to_srgb(self.image, self.icc))


def load(path: Path) -> Loaded:
    """Return a picture file, upright; of a moving one the first picture.

    CMYK, more than 8 bits and odd modes become 8-bit sRGB as everywhere else; alpha stays.

    Raises:
        ImageUnreadable: naming the file and what is wrong with it.
    """
    try:
        return _loaded(*decode.read_bytes(path))
    except ImageUnreadable as error:
        raise ImageUnreadable(f"{path}: {error.message}") from error


def from_bytes(name: Path, data: bytes) -> Loaded:
    """Return a picture from the content of a file of this name, upright.

    Raises:
        ImageUnreadable: saying what is wrong; the name is left to the caller.
    """
    kind = formats.promised(name.suffix)
    if kind is None:
        raise ImageUnreadable("its name is not that of a picture")
    return _loaded(kind, data)


def _loaded(kind: str, data: bytes) -> Loaded:
    from PIL import Image

    image = decode.opened(kind, data)
    exif, xmp, icc = _exif(image), image.info.get("xmp"), image.info.get("icc_profile")
    xmp = xmp if isinstance(xmp, bytes) else None
    mode = image.mode
    clear = mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    if mode not in ("1", "L", "RGB", "P", "LA", "RGBA", "PA") or (mode == "L" and clear):
        return Loaded(Image.fromarray(decode.pixels(image)), exif, None, xmp)
    turn = orientation(image)
    try:
        image.load()
    except Exception as error:  # readers raise what they like; decode says it in our words
        decode.pixels(image)
        raise ImageUnreadable(f"is damaged: {error}") from error
    if clear:
        image = image.convert("LA" if mode == "LA" else "RGBA")
    elif mode in ("1", "P"):
        image = image.convert("L" if mode == "1" else "RGB")
    image = decode.turned(image, turn)
    image.info.clear()
    return Loaded(image, exif, icc, xmp)


def _exif(image: Any) -> bytes | None:
    try:
        said = image.getexif()
        turn = said.pop(ORIENTATION, None)
        data = said.tobytes() if said else None
        if turn is not None:  # it is the image's own: who turns it asks for it again
            said[ORIENTATION] = turn
        return data
    except Exception:  # damaged EXIF raises many kinds; the picture itself may be sound
        return None


def to_srgb(image: Any, icc: bytes | None) -> Any:
    """Return an image of mode L, RGB, LA or RGBA in sRGB; a broken profile counts as none."""
    if not icc:
        return image
    from PIL import Image, ImageCms

    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    base = image.convert("RGB") if image.mode in ("RGBA",) else image
    base = image.getchannel("L") if image.mode == "LA" else base
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(icc))
        made = ImageCms.profileToProfile(
            base, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if made is None:
        return image
    made.info.clear()
    if alpha is not None:
        made.putalpha(alpha)
    return made if image.mode in ("RGB", "RGBA") else _grey(made, Image)


def _grey(image: Any, pil: Any) -> Any:
    if image.mode == "RGBA":
        return pil.merge("LA", (image.convert("RGB").convert("L"), image.getchannel("A")))
    return image.convert("L")


def flattened(image: Any, background: str) -> Any:
    """Return an image without alpha, laid on a colour; one without alpha comes back as it is."""
    from PIL import Image

    if image.mode not in ("LA", "RGBA"):
        return image
    clear = image.convert("RGBA")
    below = Image.new("RGBA", clear.size, colour(background))
    return Image.alpha_composite(below, clear).convert("RGB")


def colour(text: str) -> tuple[int, int, int, int]:
    """Return a colour by name or #hex as (r, g, b, a), 0-255.

    Raises:
        ParamError: when it is no colour.
    """
    from PIL import ImageColor

    from curation.errors import ParamError

    try:
        r, g, b, *a = ImageColor.getcolor(text.strip(), "RGBA")  # type: ignore[misc]
    except ValueError:
        raise ParamError(f"{text!r} is no colour", "as in white, black, #8090a0") from None
    return r, g, b, a[0] if a else 255


def sources(ctx: Context, from_dirs: str, to: Path) -> list[Pic]:
    """Return the pictures of --from that are not among the results themselves.

    Raises:
        InputError: when a folder is missing, is --to itself, or there is no picture at all.
    """
    if to in ctx.workdir.folders(from_dirs):
        raise InputError(f"{to} is among --from", "name another folder with --to")
    return [pic for pic in ctx.pictures(from_dirs) if not pic.path.is_relative_to(to)]


def made_by(path: Path) -> str:
    """Return the verb that made a picture, "" where none says so."""
    try:
        made = sc.load(path).get("made")
    except SidecarError:
        return ""
    return str(made.get("by", "")) if isinstance(made, dict) else ""


def kind_of(path: Path) -> str:
    """Return the format in which a picture made from this file is written."""
    kind = formats.promised(path.suffix) or ""
    return kind if kind in WRITTEN else formats.PNG


def name_of(path: Path, ending: str = "", kind: str | None = None) -> str:
    """Return the name of a picture made from a file: its stem, an ending, a suffix.

    The suffix stays as it is typed where the format stays.
    """
    made = kind or kind_of(path)
    same = formats.promised(path.suffix) == made
    return f"{path.stem}{ending}{path.suffix if same else SUFFIX[made]}"


def encode(loaded: Loaded, kind: str, quality: int = 95, compress_level: int = 0) -> bytes:
    """Return a picture as a file.

    Args:
        quality: 1-100, of JPEG and WebP.
        compress_level: 0-9, of PNG; 0 reads fastest.
    """
    image = loaded.image
    if kind not in ALPHA:
        image = flattened(image, "white")
    options: dict[str, Any] = {}
    if kind != formats.BMP:
        options |= {"exif": loaded.exif} if loaded.exif else {}
        options |= {"icc_profile": loaded.icc} if loaded.icc else {}
    if loaded.xmp and kind in (formats.JPEG, formats.WEBP):
        options["xmp"] = loaded.xmp
    if kind == formats.JPEG:
        options |= {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
    elif kind == formats.WEBP:
        options |= {"quality": quality, "method": 4}
    elif kind == formats.PNG:
        options["compress_level"] = compress_level
    elif kind == formats.TIFF:
        options["compression"] = "tiff_lzw"
    sink = BytesIO()
    try:
        image.save(sink, WRITTEN[kind], **options)
    except (OSError, ValueError, SyntaxError):
        # Too large a packet of EXIF or XMP, or one that the format cannot hold.
        image.save(
            sink := BytesIO(),
            WRITTEN[kind],
            **{k: v for k, v in options.items() if k not in ("exif", "xmp")},
        )
    return sink.getvalue()


def check_px(width: int, height: int, path: Path) -> None:
    """Refuse a size that no picture should have.

    Raises:
        ImageUnreadable: naming the picture it would have been made from.
    """
    if width * height > MOST_PX:
        raise ImageUnreadable(
            f"{path} would become {width} x {height} pixels;"
            f" at most {MOST_PX // 1_000_000} million are made"
        )


def fp(params: Params, pic: Pic, sidecar: Mapping[str, Any], *more: object) -> str:
    """Return what a picture made from another depends on, as 16 hex digits.

    Names of folders do not count: they say where, not what.
    """
    settings = params.model_dump(mode="json", exclude={"from_dirs", "to"})
    parts = (sorted(settings.items()), pic.size_bytes, pic.mtime_ns, sc.text(sidecar), more)
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
