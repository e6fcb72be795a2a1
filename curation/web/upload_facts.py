"""What can be said of a file on its way in: its name, its first bytes, whether it may be here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from curation.errors import CurationError
from curation.ingest.arrivals import safe_stem, suffix_of
from curation.records import VideoInfo
from curation.sources import SUFFIXES, videos_in

HINT_BYTES = 1 << 16
SNIFF_BYTES = 4096
MOST_NAME = 120
MOST_DEATHS = 5
"""So many readers may die over a whole file; then it waits until a person wants one more to try."""

FAMILIES = (
    {".mp4", ".mov", ".m4v", ".3gp"},
    {".mkv", ".webm"},
    {".ts", ".mts", ".m2ts"},
    {".mpg", ".mpeg"},
)
"""Suffixes of one container: a client's is kept when it is of the family that the content is of."""

NO_VIDEO = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)


class UploadError(CurationError):
    """An upload that cannot go on.

    Args:
        status: HTTP status of the answer.
        offset: where the file ends.
        wait_s: after this it may be tried again.
    """

    def __init__(
        self, status: int, message: str, offset: int | None = None, wait_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.offset = offset
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Announced:
    """What a client says of a file before it sends it.

    Attributes:
        hint: `upload_facts.hint_of` the file, "" when unknown.
        modified_ms: since 1970, as the client's disk says; tells copies of one name apart.
        folder: of the dropped folder that the file lies in, as the client says it.
    """

    name: str
    size_bytes: int
    hint: str = ""
    modified_ms: int = 0
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in; `offset` bytes of it are here."""

    id: str
    about: Announced
    offset: int
    part: Path
    idle_s: float = 0.0

    @property
    def name(self) -> str:
        """Return the name that is shown."""
        return self.about.name

    @property
    def size_bytes(self) -> int:
        """Return how many bytes were announced."""
        return self.about.size_bytes


def shown_name(name: str) -> str:
    """Return what of a client's file name may be shown and stored: its last part, no controls."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join("_" if unicodedata.category(c)[0] == "C" else c for c in last).strip()
    return kept[:MOST_NAME] or "video"


def stem_and_suffix(name: str) -> tuple[str, str]:
    """Return (plain stem, suffix of a video or "") of a client's name."""
    stem, dot, suffix = shown_name(name).rpartition(".")
    if dot and f".{suffix.lower()}" in SUFFIXES:
        return safe_stem(stem), f".{suffix.lower()}"
    return safe_stem(shown_name(name)), ""


def final_suffix(wished: str, info: VideoInfo) -> str:
    """Return the suffix that a video gets: what it holds decides, never what it was called."""
    true = suffix_of(info)
    return wished if any({wished, true} <= family for family in FAMILIES) else true


def why_no_video(head: bytes) -> str:
    """Return why a file that begins so is no video, "" when it may be one.

    It spares the time to send the rest; what passes here is looked at by a reader in the end.
    """
    for magic, what in NO_VIDEO:
        if head.startswith(magic):
            return f"is {what}, not a video"
    if b"\0" not in head and _is_utf8(head):
        return "is text, not a video"
    return ""


def _is_utf8(head: bytes) -> bool:
    for cut in range(4):  # the last letter may be broken off
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False


def hint_of(path: Path, size_bytes: int) -> str:
    """Return 32 hex digits made of a file's size and both its ends; alike files share it, mostly.

    ui/static/upload_file.js makes the same of a file that a browser holds.

    Raises:
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HINT_BYTES)
        file.seek(max(0, size_bytes - HINT_BYTES))
        tail = file.read(HINT_BYTES)
    return hashlib.blake2b(f"{size_bytes}:".encode() + head + tail, digest_size=16).hexdigest()


def footage_bytes(root: Path) -> int:
    """Return how many bytes the videos of a datastore's own folders have."""
    total = 0
    for folder in root.glob("videos_folder_*"):
        for video in videos_in(folder):
            try:
                total += video.stat(follow_symlinks=False).st_size
            except OSError:
                continue
    return total


def note_death(part: Path, why: str) -> int:
    """Write down that a reader died over a whole upload; return how many did by now.

    Raises:
        OSError: when it cannot be written.
    """
    deaths = deaths_of(part)[0] + 1
    part.with_suffix(".deaths").write_text(f"{deaths} {why}", encoding="utf-8")
    return deaths


def deaths_of(part: Path) -> tuple[int, str]:
    """Return how many readers died over an upload, and what was said of the last."""
    try:
        count, _, why = part.with_suffix(".deaths").read_text(encoding="utf-8").partition(" ")
        return int(count), why
    except (OSError, ValueError):
        return 0, ""


def aside(upload: Upload) -> str:
    """Return why an upload is set aside until a person tries it again, "" when it is not."""
    deaths, why = deaths_of(upload.part)
    if deaths < MOST_DEATHS:
        return ""
    return (
        f"all of {upload.name} is here and is kept, but whoever looked at it died {deaths} times "
        f"({why}): go on to try once more, or cancel it"
    )


def forget(part: Path) -> None:
    """Delete what is on the disk of an upload."""
    part.unlink(missing_ok=True)
    part.with_suffix(".deaths").unlink(missing_ok=True)
    part.with_suffix(".json").unlink(missing_ok=True)


def no_room(offset: int | None) -> UploadError:
    """Return what is raised when the disk is full."""
    return UploadError(507, "no room on the disk for this file; make room, then go on", offset)
