"""The end of an upload: all its bytes are here, it is looked at, and it is a video or is gone.

Only what is wrong with the file itself deletes it. When its reader cannot work (no memory, no open
files, a killed process), the bytes stay, the client is told when to ask again, and a server that
starts goes on with them by itself. A file over which reader after reader dies is set aside: only a
person has it looked at again.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any

from curation.errors import CurationError, NoSpace
from curation.ingest.arrivals import is_the_files_fault, keep
from curation.store.origins import Origin
from curation.store.videos import VideoTable
from curation.web.helper import Helper, Probe, ReaderDied
from curation.web.upload_facts import (
    Upload,
    UploadError,
    aside,
    final_suffix,
    forget,
    no_room,
    note_death,
    stem_and_suffix,
)

log = logging.getLogger(__name__)

MOST_ENDED = 1000
FIRST_WAIT_S, LONGEST_WAIT_S = 5, 300


class Endings:
    """Ends uploads, and remembers how they ended for clients that lost the line just then."""

    def __init__(self, videos: VideoTable, helper: Helper) -> None:
        self._videos = videos
        self._helper = helper
        self._placing = threading.Lock()
        self._ended: OrderedDict[str, dict[str, Any] | UploadError] = OrderedDict()
        self._tries: dict[str, int] = {}

    def find(self, upload_id: str) -> dict[str, Any] | None:
        """Return the video that an upload became, None when it is not known to have ended.

        Raises:
            UploadError: it was found to be no video.
        """
        outcome = self._ended.get(upload_id)
        if isinstance(outcome, UploadError):
            raise outcome
        return outcome

    def finish(self, upload: Upload) -> dict[str, Any]:
        """Look at a complete upload and make it a video.

        Raises:
            UploadError: 422 when it is no video, or takes more than any video may (it is gone
                then); 503 when it could not be found out, 424 when too many readers died over it,
                507 when there is no room (it stays).
        """
        try:
            found = self._finished(upload)
        except NoSpace as error:
            raise no_room(upload.size_bytes) from error
        except (CurationError, OSError, RuntimeError) as error:
            said = getattr(error, "message", "") or getattr(error, "strerror", "") or str(error)
            said = said.replace(str(upload.part), upload.name).removeprefix(f"{upload.name}: ")
            if isinstance(error, CurationError) and is_the_files_fault(error):
                raise self.refuse(upload, f"{upload.name}: {said}") from error
            if isinstance(error, ReaderDied):
                self._note_death(upload, said)
                if why := aside(upload):
                    raise UploadError(424, why, upload.size_bytes) from error
            tries = self._tries[upload.id] = self._tries.get(upload.id, 0) + 1
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries - 1, 10))
            log.warning("upload %s: could not be looked at: %s", upload.id, said)
            raise UploadError(
                503,
                f"all of {upload.name} is here, but it could not be looked at just now: {said}",
                upload.size_bytes,
                wait_s,
            ) from error
        return self.end(upload, found)

    def end(self, upload: Upload, video: dict[str, Any]) -> dict[str, Any]:
        """Forget an upload that became a video, or was one that is here."""
        self._remember(upload, video)
        return video

    def refuse(self, upload: Upload, why: str) -> UploadError:
        """Delete an upload that is no video; return what to raise."""
        error = UploadError(422, why)
        self._remember(upload, error)
        return error

    def _finished(self, upload: Upload) -> dict[str, Any]:
        looked = self._look(upload)
        info = looked[1]
        stem, suffix = stem_and_suffix(upload.name)
        facts = {"folder": upload.about.folder} if upload.about.folder else {}
        origin = Origin("upload", "", title=upload.name, facts=facts)
        with self._placing:  # two that end at once and are alike are one video
            kept = keep(
                self._videos.catalogue, upload.part, stem, origin, looked,
                final_suffix(suffix, info),
            )  # fmt: skip
        note = "; ".join(info.warnings)
        return {"name": kept.path.name, "note": note} if kept.is_new else twin(kept.path.name)

    def _look(self, upload: Upload) -> Any:
        """Find out what a file holds; when its reader dies, once more: it need not be the file."""
        try:
            return self._helper.ask(Probe(upload.part))
        except CurationError as error:
            if is_the_files_fault(error):
                raise
            return self._helper.ask(Probe(upload.part))

    def _note_death(self, upload: Upload, said: str) -> None:
        try:
            deaths = note_death(upload.part, said)
        except OSError as error:  # a full disk: it is counted the next time
            log.warning("upload %s: a death is not noted: %s", upload.id, error.strerror)
        else:
            log.warning("upload %s: reader %d died over it: %s", upload.id, deaths, said)

    def _remember(self, upload: Upload, outcome: dict[str, Any] | UploadError) -> None:
        self._ended[upload.id] = outcome  # before it is forgotten: who asks meanwhile is told
        forget(upload.part)
        self._tries.pop(upload.id, None)
        while len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)


def twin(name: str) -> dict[str, Any]:
    """Return what is said of a video whose content is here already."""
    return {"name": name, "note": f"the same video is already here as {name}"}
