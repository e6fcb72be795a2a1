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
    ".hif": HEIF,
    **dict.fromkeys(
        (
            ".3fr .arw .bay .cap .cr2 .cr3 .crw .dcr .dcs .dng .drf .eip .erf .fff .gpr .iiq .k25"
            " .kdc .mef .mos .mrw .nef .nrw .orf .ori .pef .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw"
            " .x3f"
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


def is_raw(head: bytes) -> bool:
    """Return whether the first 32 bytes of a file may be those of a RAW file."""
    if head[:4] in (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"\0MRM", b"FOVb", b"IIII", b"MMMM"):
        return True  # Panasonic, Olympus, Minolta, Sigma, Phase One
    if head[:8] == b"FUJIFILM" or head[4:12] == b"ftypcrx " or head[6:14] == b"HEAPCCDR":
        return True
    return found(head) == TIFF


def heif_package() -> str | None:
    """Return the package that reads HEIC here: pi-heif, or pillow-heif, which writes it as well."""
    return next((name for name in ("pi_heif", "pillow_heif") if find_spec(name)), None)


def missing_library(kind: str) -> str:
    """Return why pictures of a format cannot be read on this machine, nothing when they can."""
    if kind == HEIF and heif_package() is None:
        return "HEIC pictures are not read here: the package pi-heif is not installed"
    if kind == RAW and find_spec("rawpy") is None:
        return "RAW files are not read here: the package rawpy is not installed"
    return ""
