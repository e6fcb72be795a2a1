"""A folder of Google Drive, by the service account that the folder is shared with.

Drive's protocol (v3) by our own small client: `files.list` and `files.get?alt=media` with ranges.
The token may only read, is fetched by Google's library from a signed key, and goes to one server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from curation.places.keys import VARIABLE, safe_endpoint
from curation.places.place import Access, Changed, Place, PlaceError, RemoteFile, in_pieces
from curation.places.web import BLOCK, Web

GOOGLE = "https://www.googleapis.com"
READ_ONLY = "https://www.googleapis.com/auth/drive.readonly"
FOLDER = "application/vnd.google-apps.folder"
ID = re.compile(r"[A-Za-z0-9_-]{3,128}")
FIELDS = "id,name,mimeType,size,md5Checksum,headRevisionId,modifiedTime"
EVERYWHERE = {"supportsAllDrives": "true"}
LISTED_BYTES, MOST_FOLDERS, MOST_FILES = 32 << 20, 1000, 50_000


class Drive(Place):
    """What lies in gdrive://FOLDER_ID and the folders below it."""

    def __init__(self, url: str, access: Access) -> None:
        self.folder = url.partition("://")[2].strip("/")
        if not ID.fullmatch(self.folder):
            raise PlaceError(
                f"{self.folder[:80]!r} is no id of a folder",
                "gdrive://ID, where ID is the last part of the folder's address in the browser",
            )
        if access.key is None:
            raise PlaceError("a folder of Google Drive needs a key", f"--key FILE or {VARIABLE}")
        self.url = f"gdrive://{self.folder}"
        self.api = (access.endpoint or GOOGLE).rstrip("/")
        if not safe_endpoint(self.api):
            raise PlaceError("a token is sent to https only, or to a server of this machine")
        self.email = access.key.google()["client_email"]
        try:
            from curation.places.buckets import google_credentials

            self._credentials = google_credentials(access.key, READ_ONLY)
        except ImportError as error:
            from curation.places.buckets import INSTALL

            raise PlaceError(f"{error.name} is not installed", INSTALL) from None
        # Whoever typed an endpoint, or made the key, chose these two servers.
        chosen = [_local(access.endpoint), _local(access.key.google()["token_uri"])]
        self.web = Web((*access.open_to, *(where for pair in chosen for where in pair)))

    def close(self) -> None:
        """Close connections."""
        self.web.close()

    def listing(self) -> Iterator[RemoteFile]:
        """Yield all files; documents of Google's own have no bytes and are left out."""
        waiting, seen = [(self.folder, "")], {self.folder}
        found = 0
        while waiting:
            folder, path = waiting.pop(0)
            for row in self._rows(folder):
                name = f"{path}{str(row.get('name', '')).replace('/', '_')}"
                if row.get("mimeType") == FOLDER and ID.fullmatch(str(row.get("id", ""))):
                    if row["id"] not in seen and len(seen) < MOST_FOLDERS:
                        seen.add(row["id"])
                        waiting.append((row["id"], f"{name}/"))
                elif "size" in row:
                    found += 1
                    if found > MOST_FILES:
                        raise PlaceError(f"{self.url}: holds more than {MOST_FILES:,} files")
                    yield _file(row, name)

    def _rows(self, folder: str) -> Iterator[Mapping[str, Any]]:
        page = ""
        for _ in range(MOST_FILES // 100):
            asked = {
                "q": f"'{folder}' in parents and trashed = false", "pageSize": "1000",
                "orderBy": "name", "fields": f"nextPageToken,files({FIELDS})",
                "includeItemsFromAllDrives": "true", **EVERYWHERE,
            }  # fmt: skip
            if page:
                asked["pageToken"] = page
            told = self._json(f"/drive/v3/files?{urlencode(asked)}")
            rows = told.get("files", [])
            yield from (row for row in rows if isinstance(row, dict))
            page = str(told.get("nextPageToken") or "")
            if not page:
                return

    def _json(self, path: str) -> Mapping[str, Any]:
        headers = self._signed()
        with self.web.ask(
            self.api + path, headers, most_bytes=LISTED_BYTES, follow=False
        ) as reply:
            self._expect(reply.status, 200)
            try:
                told: object = json.loads(reply.body(LISTED_BYTES))
            except ValueError:
                raise PlaceError(f"{self.url}: Drive's answer is not JSON") from None
        return told if isinstance(told, dict) else {}

    def find(self, file: RemoteFile) -> RemoteFile:
        """Return what is known of one file now."""
        asked = urlencode({"fields": FIELDS, **EVERYWHERE})
        return _file(self._json(f"/drive/v3/files/{_id(file)}?{asked}"), file.name)

    def read(self, file: RemoteFile, start: int, stop: int) -> bytes:
        """Return a part of a file; Drive cannot pin a version, `find` and the MD5 tell it after."""
        asked = urlencode({"alt": "media", **EVERYWHERE})
        headers = {"Range": f"bytes={start}-{stop - 1}", **self._signed()}
        with self.web.ask(
            f"{self.api}/drive/v3/files/{_id(file)}?{asked}", headers,
            most_bytes=stop - start, follow=False,
        ) as reply:  # fmt: skip
            if reply.status == 416:
                raise Changed(f"{file.url}: is shorter than it was")
            self._expect(reply.status, 206)
            part = reply.headers.get("content-range", "")
            if part != f"bytes {start}-{stop - 1}/{file.size_bytes}":
                raise Changed(f"{file.url}: it was replaced meanwhile")
            data = reply.body(stop - start)
        if len(data) != stop - start:
            raise PlaceError(f"{file.url}: {len(data):,} bytes came instead of {stop - start:,}")
        return data

    def stream(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Yield its bytes."""
        return in_pieces(self, file, start)

    def _expect(self, status: int, wanted: int) -> None:
        if status in (401, 403, 404):
            raise PlaceError(
                f"{self.url}: may not be read, or is not there",
                f"share the folder with {self.email}, and turn the Drive API on in its project",
            )
        if status != wanted:
            raise PlaceError(f"{self.url}: Drive answers {status}")

    def _signed(self) -> dict[str, str]:
        """Return the header that says who asks, with a token that is good for a while yet."""
        if not self._credentials.valid:
            try:
                self._credentials.refresh(self._transport)
            except PlaceError:
                raise
            except Exception:  # its message quotes the answer of the token's server
                raise PlaceError(f"{self.url}: the key was refused", "is it deleted?") from None
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def _transport(
        self, url: str, method: str = "GET", body: Any = None,
        headers: Mapping[str, str] | None = None, **_: Any,
    ) -> Any:  # fmt: skip
        """Be the transport of Google's library: the same guarded client."""
        sent = body.encode() if isinstance(body, str) else body
        with self.web.ask(url, headers, method=method, body=sent, follow=False) as reply:
            return _Answer(reply.status, reply.headers, reply.body(BLOCK))


class _Answer:
    """What Google's library wants to know of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data


def _file(row: Mapping[str, Any], name: str) -> RemoteFile:
    size, md5 = str(row.get("size", "")), str(row.get("md5Checksum", "")).lower()
    version = str(row.get("headRevisionId") or md5 or row.get("modifiedTime") or "")
    if not size.isdecimal() or not ID.fullmatch(str(row.get("id", ""))):
        raise PlaceError("Drive tells a file without id or size")
    sound = md5 if re.fullmatch(r"[0-9a-f]{32}", md5) else ""
    return RemoteFile(f"gdrive://{row['id']}", name, int(size), version, sound)


def _id(file: RemoteFile) -> str:
    return quote(file.url.partition("://")[2], safe="")


def _local(url: str) -> list[tuple[str, int]]:
    """Return this machine's own addresses that an address names, by all the names they have."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        return []
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [("127.0.0.1", port), ("::1", port)]
