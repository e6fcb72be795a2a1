"""Which files are pictures, what their first bytes say, and which of them browsers show."""

from __future__ import annotations

from importlib.util import find_spec

JPEG, PNG, WEBP, TIFF, AVIF, HEIF, RAW = "JPEG", "PNG", "WebP", "TIFF", "AVIF", "HEIC", "RAW"
BMP, GIF = "BMP", "GIF"

SUFFIXES: dict[str, str] = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".jpe": JPEG,
    ".jfif": JPEG,
    ".png": PNG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".avif": AVIF,
    ".bmp": BMP,
    ".gif": GIF,
    ".heic": HEIF,
    ".heif": HEIF,
    **dict.fromkeys(
        (
            ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .mef .mos .mrw .nef .nrw .orf .pef .raf"
            " .raw .rw2 .rwl .sr2 .srf .srw .x3f"
        ).split(),
        RAW,
    ),
}
"""What a file's ending promises."""

MEDIA_TYPES = {JPEG: "image/jpeg", PNG: "image/png", WEBP: "image/webp", AVIF: "image/avif"}
"""Formats that browsers show."""

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def promised(suffix: str) -> str | None:
    """Return the format that a file's ending promises, None when it is no picture's."""
    return SUFFIXES.get(suffix.lower())


def found(head: bytes) -> str | None:
    """Return the format that the first 32 bytes of a file show, None when they are no picture's."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return GIF
    if head[:2] == b"BM":
        return BMP
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return TIFF
    if head[4:8] == b"ftyp":
        brands = (head[8:12], head[16:20], head[20:24], head[24:28])
        if b"avif" in brands or b"avis" in brands:
            return AVIF
        if any(brand in HEIF_BRANDS for brand in brands):
            return HEIF
    return None


def missing_library(kind: str) -> str:
    """Return why pictures of a format cannot be read on this machine, nothing when they can."""
    if kind == HEIF and find_spec("pillow_heif") is None:
        return "HEIC pictures are not read here: the package pillow-heif is not installed"
    if kind == RAW:
        return "RAW files are not read: no RAW library is among what the studio is built on"
    return ""
