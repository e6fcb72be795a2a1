"""Decoders behind one contract: open_reader(path, info, kind)."""

from __future__ import annotations

from pathlib import Path

from curation.errors import ParamError
from curation.records import VideoInfo
from curation.video.readers.base import Decoded, Reader

__all__ = ["Decoded", "Reader", "open_reader"]


def open_reader(path: Path, info: VideoInfo, kind: str = "pyav") -> Reader:
    """Return an opened reader; use it in a `with` statement.

    Args:
        kind: "pyav", or "decord" for files whose times are finite and rising.

    Raises:
        VideoUnreadable: when the file cannot be opened, or not by this reader.
        StepUnavailable: when decord is not installed.
    """
    if kind == "pyav":
        from curation.video.readers.pyav import PyavReader

        return PyavReader(path, info)
    if kind == "decord":
        from curation.video.readers.decord import DecordReader

        return DecordReader(path, info)
    raise ParamError(f"unknown reader {kind!r}", "--reader pyav or --reader decord")
