"""Numbers as people say them, alike on the command line, in the studio and in reports."""

from __future__ import annotations

UNITS = (("TB", 1e12, 100), ("GB", 1e9, 100), ("MB", 1e6, 10))
"""Name, bytes, and from how many of them on no decimal is told."""


def count(number: float, noun: str, many: str = "") -> str:
    """Return 1 frame, 2 frames, 1,234,567 frames.

    Args:
        noun: of one.
        many: of several, where an s does not make it.
    """
    return f"{number:,.0f} {noun if number == 1 else many or f'{noun}s'}"


def size(n_bytes: float) -> str:
    """Return a size: 40 bytes, 553 kB, 3.4 MB, 512 MB, 1.2 TB; in powers of ten, as disks are."""
    for unit, scale, whole in UNITS:
        if n_bytes >= scale:
            value = n_bytes / scale
            return f"{value:.1f} {unit}" if value < whole else f"{value:,.0f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB" if n_bytes >= 1e3 else count(n_bytes, "byte")
