"""The name of a file's content: blake2b, 16 bytes, in hex; the same bytes have the same name."""

from __future__ import annotations

import hashlib
from io import BufferedReader
from pathlib import Path

DIGEST_BYTES = 16


def content_digest() -> hashlib.blake2b:
    """Return a hash to feed with the bytes of a content; its hexdigest is the content's name."""
    return hashlib.blake2b(digest_size=DIGEST_BYTES)


def content_id(data: bytes) -> str:
    """Return the name of a content."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def content_id_of(file: Path | BufferedReader) -> str:
    """Return the name of the content of a file, or of what is left to read of an open one.

    Raises:
        OSError: when it cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return content_id_of(opened)
    return hashlib.file_digest(file, content_digest).hexdigest()
