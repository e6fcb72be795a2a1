"""Videos from the browser: piece by piece to disk, resumable, looked at before they are believed.

    POST   /api/uploads          {"name", "size"}              -> {"id", "offset": 0, ...}
    GET    /api/uploads/ID                                     -> {"id", "offset", "size", "name"}
    PUT    /api/uploads/ID       Upload-Offset: N + bytes      -> {"offset"}, and "video" at the end
    DELETE /api/uploads/ID                                     -> forgotten

A piece that starts elsewhere than where the file ends is answered 409 with the right offset. The
client's name never reaches the file system as it is; until a video is complete and found to be one
it is a hidden .part file, and its true length is the offset.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from curation.engine.machine import require_space
from curation.errors import CurationError, NoSpace, VideoUnreadable
from curation.sources import SUFFIXES
from curation.store.sources import SourceTable
from curation.store.videos import VideoTable
from curation.web.helper import Helper, Probe

FOLDER_NO = 1
MOST_OPEN = 32
STALE_S = 3 * 24 * 3600.0
BUFFER_BYTES = 1 << 20
LONGEST_STEM_BYTES = 100
ID = re.compile(r"[0-9a-f]{32}")


class UploadError(CurationError):
    """An upload that cannot go on.

    Args:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in; `offset` bytes of `size_bytes` are here."""

    id: str
    name: str
    size_bytes: int
    offset: int
    part: Path


def safe_name(name: str) -> str:
    """Return a file name made from a client's: one plain component with a video's suffix.

    Raises:
        UploadError: when its suffix is not that of a video.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(c if c in " ._-()" or unicodedata.category(c)[0] in "LN" else "_" for c in last)
    stem, dot, suffix = kept.rpartition(".")
    if f".{suffix.lower()}" not in SUFFIXES or not dot:
        known = " ".join(sorted(SUFFIXES))
        raise UploadError(415, f"{last[:80]!r} is not named like a video ({known})")
    stem = re.sub(r"\s+", " ", stem).strip(" .-")
    short = stem.encode()[:LONGEST_STEM_BYTES].decode(errors="ignore").strip(" .-")
    return f"{short or 'video'}.{suffix.lower()}"


class Uploads:
    """The uploads of one datastore; they end in videos_folder_1.

    Args:
        limit_bytes: largest file that is taken.
    """

    def __init__(
        self, sources: SourceTable, videos: VideoTable, helper: Helper, limit_bytes: int
    ) -> None:
        self._sources = sources
        self._videos = videos
        self._helper = helper
        self._limit = limit_bytes
        self._folder = videos.catalogue.root / f"videos_folder_{FOLDER_NO}"
        self._busy: set[str] = set()
        self._naming = threading.Lock()

    def begin(self, name: str, size_bytes: int) -> Upload:
        """Start an upload.

        Raises:
            UploadError: wrong kind of name, too large, too many at once, or no room.
        """
        safe = safe_name(name)
        if not 0 < size_bytes <= self._limit:
            limit = f"{self._limit / 1e9:.0f} GB"
            raise UploadError(413, "the file is empty" if size_bytes <= 0 else f"at most {limit}")
        self._folder.mkdir(parents=True, exist_ok=True)
        self.sweep()
        if len(list(self._folder.glob(".upload-*.json"))) >= MOST_OPEN:
            raise UploadError(429, "too many uploads at once; let some end first")
        self._need(size_bytes)
        upload = Upload(secrets.token_hex(16), safe, size_bytes, 0, self._part("0"))
        upload = replace(upload, part=self._part(upload.id))
        upload.part.touch(exist_ok=False)
        facts = {"name": safe, "size": size_bytes}
        upload.part.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
        return upload

    def find(self, upload_id: str) -> Upload:
        """Return an upload that is under way; UploadError (404) when there is none of this id."""
        if not ID.fullmatch(upload_id):
            raise UploadError(404, "no such upload")
        part = self._part(upload_id)
        try:
            facts = json.loads(part.with_suffix(".json").read_text(encoding="utf-8"))
            return Upload(upload_id, facts["name"], facts["size"], part.stat().st_size, part)
        except (OSError, ValueError, KeyError) as error:
            raise UploadError(404, "no such upload") from error

    async def append(
        self, upload_id: str, offset: int, pieces: AsyncIterator[bytes]
    ) -> tuple[Upload, dict[str, Any] | None]:
        """Add bytes at an offset; return the upload, and the video when it is complete.

        Raises:
            UploadError: wrong offset (409), more bytes than announced (413), no room (507), or no
                video (422); what is no video is deleted.
        """
        upload = self.find(upload_id)
        if upload_id in self._busy:
            raise UploadError(409, "another piece of this file is on its way", upload.offset)
        if offset != upload.offset:
            raise UploadError(409, f"the file ends at byte {upload.offset}", upload.offset)
        self._busy.add(upload_id)
        try:
            await run_sync(self._need, upload.size_bytes - offset)
            await self._write(upload, pieces)
            upload = self.find(upload_id)
            if upload.offset < upload.size_bytes:
                return upload, None
            return upload, await run_sync(self._finish, upload)
        finally:
            self._busy.discard(upload_id)

    def abort(self, upload_id: str) -> None:
        """Forget an upload and delete what came of it."""
        upload = self.find(upload_id)
        if upload_id in self._busy:
            raise UploadError(409, "a piece of this file is on its way")
        self._forget(upload.part)

    def sweep(self) -> None:
        """Delete uploads that nobody went on with for days."""
        for part in self._folder.glob(".upload-*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > STALE_S and part.stem[8:] not in self._busy:
                    self._forget(part)

    def copy_in(self, source: Path) -> dict[str, Any]:
        """Take a file of this machine as if it were uploaded, and return the video.

        Raises:
            UploadError: as for an upload.
        """
        upload = self.begin(source.name, source.stat().st_size)
        try:
            shutil.copyfile(source, upload.part)
        except OSError as error:
            self._forget(upload.part)
            raise UploadError(507, f"{source} could not be copied: {error.strerror}") from error
        return self._finish(upload)

    async def _write(self, upload: Upload, pieces: AsyncIterator[bytes]) -> None:
        room = upload.size_bytes - upload.offset
        buffer = bytearray()
        with upload.part.open("ab") as file:
            try:
                async for piece in pieces:
                    room -= len(piece)
                    if room < 0:
                        raise UploadError(413, "more bytes than announced", upload.offset)
                    buffer += piece
                    if len(buffer) >= BUFFER_BYTES:
                        await run_sync(file.write, bytes(buffer))
                        buffer.clear()
            finally:
                file.write(buffer)  # what came before a lost connection is kept

    def _finish(self, upload: Upload) -> dict[str, Any]:
        try:
            stat, info = self._helper.ask(Probe(upload.part))
        except CurationError as error:
            self._forget(upload.part)
            said = error.message.replace(str(upload.part), upload.name)
            raise UploadError(
                422,
                said
                if isinstance(error, VideoUnreadable)
                else f"{upload.name} could not be read: {said}",
            ) from error
        same = self._same_content(info.key)
        if same is not None:
            self._forget(upload.part)
            return {"name": same, "note": f"the same video is already here as {same}"}
        with self._naming:
            target = self._free(upload.name)
            upload.part.rename(target)
        upload.part.with_suffix(".json").unlink(missing_ok=True)
        number = self._sources.add_folder(self._folder, FOLDER_NO)
        (file,) = self._sources.add_files(number, [target])
        self._sources.settle_file(file, stat, replace(info, path=target))
        return {"name": target.name, "note": "; ".join(info.warnings)}

    def _same_content(self, key: str) -> str | None:
        for row in self._videos.listing():
            if row["id"] == key and self._videos.catalogue.absolute(row["path"]).exists():
                return str(row["name"])
        return None

    def _free(self, name: str) -> Path:
        stem, _, suffix = name.rpartition(".")
        for number in range(1, 100_000):
            target = self._folder / (name if number == 1 else f"{stem}-{number}.{suffix}")
            if not target.exists():
                return target
        raise UploadError(409, f"too many files are called {name}")

    def _need(self, size_bytes: int) -> None:
        try:
            require_space(self._folder, size_bytes)
        except NoSpace as error:
            raise UploadError(507, "no room on the disk for this file") from error

    def _part(self, upload_id: str) -> Path:
        return self._folder / f".upload-{upload_id}.part"

    @staticmethod
    def _forget(part: Path) -> None:
        part.unlink(missing_ok=True)
        part.with_suffix(".json").unlink(missing_ok=True)
