"""The errors a user can cause or cure; each carries the next thing to type."""

import errno
import sys
from importlib.util import find_spec


class CurationError(Exception):
    """A failure that is explained to the user in one line.

    Args:
        message: what happened, and to which file.
        hint: what to type or change next; empty when there is nothing to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message with its hint, on one line."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[type["CurationError"], tuple[str, str]]:
        """Survive the pipe between a worker and its driver."""
        return type(self), (self.message, self.hint)


class VideoUnreadable(CurationError):
    """A file that is not a video, holds no picture, or cannot be decoded."""


class NoSuchStream(VideoUnreadable):
    """A video that holds fewer picture streams than the number asked for."""


class NoSuchChapter(VideoUnreadable):
    """A video without the chapter that was asked for."""


class ImageUnreadable(CurationError):
    """A stored picture that is missing or cannot be decoded."""


class WeightsMissing(CurationError):
    """A model file that is absent or does not match its checksum."""


class StepUnavailable(CurationError):
    """A measuring step whose optional package is not installed."""


class ParamError(CurationError):
    """A parameter, recipe key or flag that is unknown or out of its range."""


class StoreError(CurationError):
    """A catalogue that cannot be opened, is newer than this program, or is in use."""


class InUse(StoreError):
    """A datastore that another verb holds just now."""


class NoSpace(CurationError):
    """The disk is full, or would be."""


def lacks_room(error: OSError) -> bool:
    """Return whether an error says that a disk, or what one may use of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class InputError(CurationError):
    """A folder or file that was named and is not there, or may not be used."""


class SidecarError(CurationError):
    """A sidecar that is not what a sidecar is; it is left as it stands."""


def need_packages() -> None:
    """End with what to type, not with a traceback, under a Python without our packages.

    Raises:
        SystemExit: with the message; 1 is the exit code.
    """
    if find_spec("pydantic") is None:
        raise SystemExit(
            f"error: {sys.executable} has none of the packages of requirements.txt\n"
            "hint: make venv && . .venv/bin/activate, then the same again with python"
        )
