"""What every place has in common: a list of files, and the bytes of just what was listed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from curation.errors import CurationError
from curation.places.keys import Key

READ_BYTES = 8 << 20
TALKATIVE = (
    "aiobotocore", "aiohttp", "asyncio", "boto3", "botocore", "fsspec", "gcsfs", "google",
    "requests", "s3fs", "urllib3",
)  # fmt: skip
"""Loggers that write requests with their signatures and tokens when everything is logged."""


class PlaceError(CurationError):
    """A place that cannot be read; the message says why, and holds no secret."""


class Changed(PlaceError):
    """A file that is not the one that was listed any more."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a place.

    Attributes:
        url: names it for ever; safe to store and to show.
        name: path below what was listed; a stranger's words.
        version: changes with the content; "" when the place tells none.
        md5: 32 hex digits of the content, "" when the place tells none.
        ranged: whether any part of it can be asked for.
    """

    url: str
    name: str
    size_bytes: int
    version: str
    md5: str = ""
    ranged: bool = True

    @property
    def archive_key(self) -> str | None:
        """Return what this content of this file is called for ever, None when nobody can tell."""
        return f"{self.url}#{self.version}" if self.version else None


@dataclass(frozen=True, slots=True)
class Access:
    """With what a place is asked.

    Attributes:
        endpoint: another server that speaks the same protocol (MinIO, an emulator), "" for the
            makers' own.
        open_to: (address, port) pairs that may be asked although they are not public. For tests
            alone: no option, variable or file leads here.
        nobody: no key is used, also none that Amazon's tools would find.
    """

    key: Key | None = None
    endpoint: str = ""
    open_to: tuple[tuple[str, int], ...] = ()
    nobody: bool = False


class Place(Protocol):
    """Something that holds files."""

    def listing(self) -> Iterator[RemoteFile]:
        """Yield its files, in order of their names.

        Raises:
            PlaceError: naming the place and the reason.
        """

    def find(self, file: RemoteFile) -> RemoteFile:
        """Return what is known of one file now; PlaceError when it is gone."""

    def read(self, file: RemoteFile, start: int, stop: int) -> bytes:
        """Return bytes [start, stop) of a file.

        Raises:
            Changed: it is another file now.
            PlaceError: it could not be read.
        """

    def stream(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Yield the bytes of a file from `start` on, piece by piece; raises as read does."""

    def close(self) -> None:
        """Let go of connections."""


def opened(url: str, access: Access) -> Place:
    """Return the place of an address: gs://, s3://, https:// or gdrive://.

    Raises:
        PlaceError: for any other, or when the packages for it are not installed.
    """
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scheme = url.partition("://")[0].lower()
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise PlaceError("an address has control characters in it")
    if scheme in ("gs", "s3"):
        from curation.places.buckets import Bucket

        return Bucket(url, access)
    if scheme == "gdrive":
        from curation.places.drive import Drive

        return Drive(url, access)
    if scheme in ("http", "https"):
        from curation.places.folders import WebFolder

        return WebFolder(url, access)
    raise PlaceError(
        f"{scheme if '://' in url else 'no'}:// is no place that is known",
        "gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, gdrive://FOLDER_ID or https://HOST/FOLDER/",
    )


def in_pieces(place: Place, file: RemoteFile, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on by asking for one range after the other."""
    for at in range(start, file.size_bytes, READ_BYTES):
        yield place.read(file, at, min(at + READ_BYTES, file.size_bytes))
