"""Videos from the browser: piece by piece to disk, resumable, looked at before they are believed.

    GET    /api/uploads                                        -> what is under way
    POST   /api/uploads          {"name", "size", ...}         -> {"id", "offset", "known", ...}
    GET    /api/uploads/ID                                     -> {"id", "offset", "size", ...}
    PUT    /api/uploads/ID       Upload-Offset: N + bytes      -> {"offset"}, and "video" at the end
    POST   /api/uploads/ID/same  {"key"}                       -> "video" when this content is here
    DELETE /api/uploads/ID                                     -> forgotten

A piece that starts elsewhere than where the file ends is answered 409 with the right offset. The
client's name never reaches the file system as it is; until a video is complete and found to be one
it is a hidden .part file, and its true length is the offset. docs/uploads.md says it all.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from curation.engine.machine import require_space
from curation.errors import NoSpace, lacks_room
from curation.ingest.arrivals import FOLDER_NO
from curation.store.sources import SourceTable
from curation.store.videos import VideoTable
from curation.web.helper import Helper
from curation.web.quick_body import Way
from curation.web.upload_end import Endings, twin
from curation.web.upload_facts import (
    SNIFF_BYTES,
    Announced,
    Upload,
    UploadError,
    aside,
    footage_bytes,
    forget,
    hint_of,
    no_room,
    shown_name,
    why_no_video,
)
from curation.web.upload_write import Writer

MOST_OPEN = 64
FAST_BYTES = 1 << 16
"""A line that has so many bytes ready is a fast one; a slow one never gets a thread."""
STALE_S = 3 * 24 * 3600.0
HEX = re.compile(r"[0-9a-f]{32}")


class Uploads:
    """The uploads of one datastore; they end in videos_folder_1.

    Args:
        limit_bytes: largest file that is taken.
        quota_bytes: most that the videos in the datastore may have together; 0 is no limit.
    """

    def __init__(
        self,
        sources: SourceTable,
        videos: VideoTable,
        helper: Helper,
        limit_bytes: int,
        quota_bytes: int = 0,
    ) -> None:
        self._sources = sources
        self._videos = videos
        self._limit = limit_bytes
        self._quota = quota_bytes
        self._root = videos.catalogue.root
        self._folder = self._root / f"videos_folder_{FOLDER_NO}"
        self._busy: set[str] = set()
        self._unwanted: set[str] = set()
        self._claiming = threading.Lock()
        self._beginning = threading.Lock()
        self._endings = Endings(videos, helper)

    # -- what the routes ask --------------------------------------------------------------------

    def begin(self, about: Announced) -> Upload:
        """Start an upload, or return the one of this very file that is under way.

        Raises:
            UploadError: too large, too many at once, over the quota, or no room.
        """
        about = replace(about, name=shown_name(about.name))
        if not 0 < about.size_bytes <= self._limit:
            limit = f"at most {self._limit / 1e9:.0f} GB are taken"
            raise UploadError(413, "the file is empty" if about.size_bytes <= 0 else limit)
        if about.hint and not HEX.fullmatch(about.hint):
            raise UploadError(422, "the hint must have 32 hex digits")
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._beginning:
            self.sweep()
            open_now = self.under_way()
            for upload in open_now:
                if about.hint and replace(upload.about, folder=about.folder) == about:
                    return upload
            if len(open_now) >= MOST_OPEN:
                raise UploadError(429, "too many uploads at once; let some end first", wait_s=10)
            self._admit(about.size_bytes, open_now)
            upload_id = secrets.token_hex(16)
            upload = Upload(upload_id, about, 0, self._part(upload_id))
            # The facts come first: a part without them would be nobody's.
            facts = {name: getattr(about, name) for name in Announced.__slots__}
            upload.part.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")
            upload.part.touch(exist_ok=False)
        return upload

    def find(self, upload_id: str) -> Upload:
        """Return an upload that is under way; UploadError (404) when there is none of this id."""
        if not HEX.fullmatch(upload_id):
            raise UploadError(404, "no such upload")
        part = self._part(upload_id)
        try:
            facts = json.loads(part.with_suffix(".json").read_text(encoding="utf-8"))
            about = Announced(**facts)
            if upload_id in self._busy and not part.exists():  # it is getting its name
                return Upload(upload_id, about, about.size_bytes, part)
            stat = part.stat()
            return Upload(upload_id, about, stat.st_size, part, max(0, time.time() - stat.st_mtime))
        except (OSError, ValueError, TypeError) as error:
            raise UploadError(404, "no such upload") from error

    def ended(self, upload_id: str) -> dict[str, Any] | None:
        """Return the video that an upload became, None when it is not known to have ended.

        Raises:
            UploadError: it was found to be no video.
        """
        return self._endings.find(upload_id)

    def under_way(self) -> list[Upload]:
        """Return what is on its way in, oldest first."""
        found = []
        for part in self._folder.glob(".upload-*.part"):
            with suppress(UploadError):
                found.append(self.find(part.stem.removeprefix(".upload-")))
        return sorted(found, key=lambda upload: (-upload.idle_s, upload.id))

    def known(self, about: Announced) -> str | None:
        """Return the name of a video that is likely the announced file: of its size, with its ends.

        It is a hint and decides nothing: `same` takes the whole content for a proof.
        """
        for path, _ in self._here(about.size_bytes) if about.hint else ():
            with suppress(OSError):
                if hint_of(path, about.size_bytes) == about.hint:
                    return path.name
        return None

    def same(self, upload_id: str, key: str) -> dict[str, Any] | None:
        """End an upload whose content is here already; None when it is not.

        Args:
            key: content key of the client's file, all bytes read (video.probe.content_key).
        """
        upload = self._claim(upload_id)
        try:
            for path, known in self._here(upload.size_bytes):
                if known == key:
                    return self._endings.end(upload, twin(path.name))
            return None
        finally:
            self._release(upload)

    async def append(
        self, upload_id: str, offset: int, pieces: AsyncIterator[bytes], way: Way | None = None
    ) -> tuple[Upload, dict[str, Any] | None]:
        """Add bytes at an offset; return the upload, and the video when it is complete.

        Args:
            way: takes what comes fast of the same bytes into the file by itself.

        Raises:
            UploadError: wrong offset (409), more bytes than announced (413), no room (507), no
                video (422; it is deleted), its reader cannot work just now (503), or too many
                died over it (424).
        """
        upload = self._claim(upload_id)
        try:
            if offset != upload.offset:
                raise UploadError(409, f"the file ends at byte {upload.offset}", upload.offset)
            await run_sync(self._need, upload.size_bytes - offset, offset)
            await self._write(upload, pieces, way)
            upload = self.find(upload_id)
            if offset < SNIFF_BYTES <= upload.offset:
                await run_sync(self._sniff, upload)
            if upload.offset < upload.size_bytes:
                return upload, None
            return upload, await run_sync(self._endings.finish, upload)
        finally:
            self._release(upload)

    def abort(self, upload_id: str) -> None:
        """Forget an upload and delete what came of it, also while a piece of it is on its way."""
        with self._claiming:
            upload = self.find(upload_id)
            if upload_id not in self._busy:
                forget(upload.part)
                return
            self._unwanted.add(upload_id)  # whoever is writing deletes it

    def sweep(self) -> None:
        """Delete uploads that nobody went on with for days, and what a kill left of others."""
        for facts in self._folder.glob(".upload-*.json"):
            part = facts.with_suffix(".part")
            with suppress(OSError):
                # The file of facts may be gone since the listing: its upload ended.
                newest = facts.stat().st_mtime
                with suppress(OSError):
                    newest = max(newest, part.stat().st_mtime)
                upload_id = part.stem.removeprefix(".upload-")
                idle_s = time.time() - newest
                is_stale = idle_s > STALE_S and upload_id not in self._busy
                if is_stale or (idle_s > 60 and not part.exists()):
                    forget(part)

    def copy_in(self, source: Path) -> dict[str, Any]:
        """Take a file of this machine as if it were uploaded, and return the video.

        Raises:
            UploadError: as for an upload.
        """
        upload = self.begin(Announced(source.name, source.stat().st_size))
        try:
            shutil.copyfile(source, upload.part)
        except OSError as error:
            forget(upload.part)
            raise UploadError(507, f"{source} could not be copied: {error.strerror}") from error
        try:
            return self._endings.finish(upload)
        except UploadError:
            forget(upload.part)  # nobody would go on with it
            raise

    def finish_left(self, note: Callable[..., None]) -> None:
        """Go on with uploads whose bytes are all here: a server was ended before it looked.

        Args:
            note: called with "upload" and facts for each that became a video.
        """
        for left in self.under_way():
            if left.offset < left.size_bytes or aside(left):
                continue
            with suppress(UploadError):
                upload = self._claim(left.id)
                try:
                    video = self._endings.finish(upload)
                    note("upload", name=video["name"], size_bytes=upload.size_bytes)
                finally:
                    self._release(upload)

    # -- how ------------------------------------------------------------------------------------

    def _claim(self, upload_id: str) -> Upload:
        """Return an upload that nobody else may touch until its id leaves `_busy`."""
        with self._claiming:
            upload = self.find(upload_id)
            if upload_id in self._busy:
                raise UploadError(409, "another piece of this file is on its way", None, 1)
            self._busy.add(upload_id)
        return upload

    def _release(self, upload: Upload) -> None:
        with self._claiming:
            self._busy.discard(upload.id)
            if upload.id in self._unwanted:
                self._unwanted.discard(upload.id)
                forget(upload.part)

    async def _write(
        self, upload: Upload, pieces: AsyncIterator[bytes], way: Way | None
    ) -> None:
        room = upload.size_bytes - upload.offset

        def is_unwanted() -> bool:
            return upload.id in self._unwanted

        with upload.part.open("ab", buffering=0) as file:
            writer = Writer(file.fileno())
            try:
                try:
                    async for piece in pieces:
                        if is_unwanted():
                            raise UploadError(404, "no such upload")
                        room -= len(piece)
                        if room < 0:
                            raise UploadError(413, "more bytes than announced", upload.offset)
                        await writer.take(piece)
                        if way is not None and len(piece) >= FAST_BYTES:
                            room -= await writer.pour(way, room, is_unwanted)
                finally:
                    await writer.end()  # what came before a lost connection is kept
            except OSError as error:
                if lacks_room(error):
                    raise no_room(upload.part.stat().st_size) from error
                raise UploadError(
                    507, f"could not be written: {error.strerror}", upload.part.stat().st_size
                ) from error

    def _sniff(self, upload: Upload) -> None:
        with upload.part.open("rb") as file:
            why = why_no_video(file.read(SNIFF_BYTES))
        if why:
            raise self._endings.refuse(upload, f"{upload.name}: {why}")

    def _here(self, size_bytes: int) -> list[tuple[Path, str]]:
        """Return (file, content key) of videos of a size that are here, and as they were read."""
        keys = {self._videos.catalogue.absolute(row["path"]): row["id"]
                for row in self._videos.listing()}  # fmt: skip
        found = []
        for file in self._sources.files():
            if file.size_bytes == size_bytes and file.path in keys:
                with suppress(OSError):
                    stat = file.path.stat()
                    if (stat.st_size, stat.st_mtime_ns) == (file.size_bytes, file.mtime_ns):
                        found.append((file.path, str(keys[file.path])))
        return found

    def _admit(self, size_bytes: int, open_now: list[Upload]) -> None:
        """Raise UploadError when a file has no place beside what is here and what was promised."""
        coming = sum(upload.size_bytes - upload.offset for upload in open_now)
        if self._quota:
            here = footage_bytes(self._root) + sum(upload.size_bytes for upload in open_now)
            if here + size_bytes > self._quota:
                raise UploadError(
                    507,
                    f"this datastore may hold {self._quota / 1e9:,.1f} GB of video and has "
                    f"{here / 1e9:,.1f} GB; delete some, or ask who runs it for more "
                    "(CURATION_QUOTA_GB)",
                )
        self._need(size_bytes + coming)

    def _need(self, size_bytes: int, offset: int | None = None) -> None:
        try:
            require_space(self._folder, size_bytes)
        except NoSpace as error:
            raise no_room(offset) from error

    def _part(self, upload_id: str) -> Path:
        return self._folder / f".upload-{upload_id}.part"
