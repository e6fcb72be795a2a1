"""Real servers of this machine that speak the protocols of buckets, drives and folders.

Google's two check what Google checks: the signature, the issuer, the audience, the time and the
scope of the token that is asked for, and the token of each request. Amazon's is moto's.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

EMAIL = "robot@project.iam.gserviceaccount.com"
SCOPES = {
    "gcs": "https://www.googleapis.com/auth/devstorage.read_only",
    "drive": "https://www.googleapis.com/auth/drive.readonly",
}


@dataclass
class Thing:
    """One object: `parent` and `id` are Drive's, `generation` is the bucket's."""

    data: bytes
    generation: int = 1
    name: str = ""
    parent: str = ""
    is_folder: bool = False
    has_md5: bool = True


@dataclass
class Cloud:
    """A server: what it holds, what it was asked, how it misbehaves."""

    things: dict[str, Thing] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    page: int = 1000
    breaks_after: int | None = None
    """Bytes of media after which each connection is cut."""
    says: str = ""
    """What it answers to everything but the token, with status 403."""
    replace_on_read: tuple[str, Thing] | None = None
    public_key: Any = None
    private_pem: str = ""
    url: str = ""
    no_ranges: bool = False
    moved: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, data: bytes, **how: Any) -> None:
        before = self.things.get(key)
        generation = before.generation + 1 if before else 1
        self.things[key] = Thing(data, generation, **how)

    def media(self) -> list[tuple[str, str, str | None]]:
        return [row for row in self.asked if row[2] is not None]

    def key_file(self, path: Path, **other: str) -> Path:
        """Write a key as Google's console gives it."""
        told = {
            "type": "service_account", "project_id": "project", "private_key_id": "abc",
            "private_key": self.private_pem, "client_email": EMAIL, "client_id": "1",
            "token_uri": f"{self.url}/token", "universe_domain": "googleapis.com",
        }  # fmt: skip
        path.write_text(json.dumps(told | other))
        path.chmod(0o600)
        return path


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Run a server of Google's protocols, and of folders on the web, for a while."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = Cloud(public_key=key.public_key())
    made.private_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    handler = type("Handler", (_Handler,), {"cloud": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def port_of(url: str) -> tuple[tuple[str, int], ...]:
    """Return what lets a folder of this server be asked in a test."""
    return (("127.0.0.1", urlsplit(url).port or 80),)


class _Handler(BaseHTTPRequestHandler):
    cloud: Cloud
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if urlsplit(self.path).path != "/token":
            return self._json({"error": "no"}, 404)
        told = parse_qs(body.decode())
        scope = self._scope_of(told.get("assertion", [""])[0])
        if scope is None:
            return self._json({"error": "invalid_grant", "echo": body.decode()}, 400)
        token = f"ya29.secret-{len(self.cloud.tokens)}-{scope.rpartition('/')[2]}"
        self.cloud.tokens[token] = scope
        self._json({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})
        return None

    def _scope_of(self, assertion: str) -> str | None:
        """Return the scope of a signed request for a token, None when anything is wrong with it."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        def plain(text: str) -> bytes:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        try:
            head, claims, signature = assertion.split(".")
            self.cloud.public_key.verify(
                plain(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            said = json.loads(plain(claims))
        except (ValueError, InvalidSignature):
            return None
        now = time.time()
        sound = (
            json.loads(plain(head))["alg"] == "RS256"
            and said["iss"] == EMAIL
            and said["aud"] == "https://oauth2.googleapis.com/token"
            and said["iat"] <= now + 60
            and now < said["exp"] <= said["iat"] + 3600
        )
        return str(said["scope"]) if sound else None

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.cloud.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.cloud.says:
            echo = self.headers.get("Authorization", "")
            return self._send(403, f"{self.cloud.says} {echo}".encode(), {})
        if path in self.cloud.moved:
            return self._send(302, b"", {"Location": self.cloud.moved[path]})
        if path.startswith("/drive/v3/files"):
            return self._allowed("drive") and self._drive(path, query)
        if match := re.match(r"(/download)?/storage/v1/b/([^/]+)/o/?(.*)", path):
            return self._allowed("gcs") and self._gcs(match[2], unquote(match[3]), query)
        return self._web(path)

    def _allowed(self, what: str) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.cloud.tokens.get(token) == SCOPES[what] or (what == "gcs" and not token):
            return True
        self._json({"error": {"code": 401, "message": f"bad token {token}"}}, 401)
        return False

    # -- a bucket of Google's ---------------------------------------------------------------------

    def _gcs(self, bucket: str, key: str, query: dict[str, str]) -> None:
        token = self.headers.get("Authorization")
        if bucket == "private-bucket" and not token:
            return self._json({"error": {"code": 401, "message": "Anonymous caller"}}, 401)
        if not any(name.startswith(f"{bucket}/") for name in self.cloud.things):
            return self._json({"error": {"code": 404, "message": "no such bucket"}}, 404)
        if not key:
            return self._gcs_list(bucket, query)
        thing = self.cloud.things.get(f"{bucket}/{key}")
        wanted = query.get("generation")
        if thing is None or (wanted and int(wanted) != thing.generation):
            return self._json({"error": {"code": 404, "message": "No such object"}}, 404)
        if query.get("alt") == "media" or self.path.startswith("/download"):
            return self._media(f"{bucket}/{key}", thing)
        return self._json(self._object(bucket, key, thing))

    def _gcs_list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        names = [n.partition("/")[2] for n in self.cloud.things if n.startswith(f"{bucket}/")]
        names = sorted(name for name in names if name.startswith(prefix))
        prefixes, rows = set(), []
        for name in names:
            head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if cut:
                prefixes.add(prefix + head + cut)
            else:
                rows.append(self._object(bucket, name, self.cloud.things[f"{bucket}/{name}"]))
        start = int(query.get("pageToken", "0"))
        page = rows[start : start + self.cloud.page]
        told: dict[str, Any] = {"kind": "storage#objects", "items": page}
        if start + self.cloud.page < len(rows):
            told["nextPageToken"] = str(start + self.cloud.page)
        if prefixes:
            told["prefixes"] = sorted(prefixes)
        return self._json(told)

    def _object(self, bucket: str, key: str, thing: Thing) -> dict[str, Any]:
        md5 = base64.b64encode(hashlib.md5(thing.data).digest()).decode()
        return {
            "kind": "storage#object", "bucket": bucket, "name": key, "size": str(len(thing.data)),
            "generation": str(thing.generation), "updated": "2026-01-01T00:00:00.000Z",
            "timeCreated": "2026-01-01T00:00:00.000Z", "contentType": "video/mp4",
            **({"md5Hash": md5} if thing.has_md5 else {}),
        }  # fmt: skip

    # -- a drive ----------------------------------------------------------------------------------

    def _drive(self, path: str, query: dict[str, str]) -> None:
        key = path.removeprefix("/drive/v3/files").strip("/")
        if key:
            thing = self.cloud.things.get(key)
            if thing is None:
                return self._json({"error": {"code": 404}}, 404)
            if query.get("alt") == "media":
                return self._media(key, thing)
            return self._json(self._row(key, thing))
        parent = re.match(r"'([^']+)' in parents and trashed = false$", query["q"])
        assert parent, query["q"]
        if parent[1] not in self.cloud.things:
            return self._json({"error": {"code": 404}}, 404)
        rows = [self._row(k, t) for k, t in self.cloud.things.items() if t.parent == parent[1]]
        start = int(query.get("pageToken", "0"))
        told: dict[str, Any] = {"files": rows[start : start + self.cloud.page]}
        if start + self.cloud.page < len(rows):
            told["nextPageToken"] = str(start + self.cloud.page)
        return self._json(told)

    def _row(self, key: str, thing: Thing) -> dict[str, Any]:
        if thing.is_folder:
            return {"id": key, "name": thing.name, "mimeType": "application/vnd.google-apps.folder"}
        md5 = {"md5Checksum": hashlib.md5(thing.data).hexdigest()} if thing.has_md5 else {}
        return {
            "id": key, "name": thing.name, "mimeType": "video/mp4", "size": str(len(thing.data)),
            "headRevisionId": f"rev{thing.generation}", **md5,
        }  # fmt: skip

    # -- a folder on the web ----------------------------------------------------------------------

    def _web(self, path: str) -> None:
        name = unquote(path)
        thing = self.cloud.things.get(name)
        if thing is not None and not thing.is_folder:
            return self._media(name, thing, {"ETag": f'"v{thing.generation}"'})
        if thing is None:
            return self._send(404, b"no", {})
        rows = "".join(
            f'<tr><td><a href="{quote(key.removeprefix(name))}">{html.escape(key)}</a></td></tr>'
            for key in self.cloud.things
            if key != name and key.startswith(name)
            and "/" not in key.removeprefix(name).rstrip("/")
        )
        page = f'<a href="?C=M;O=D">Sort</a> <a href="../">up</a> {rows} {thing.data.decode()}'
        return self._send(200, page.encode(), {"Content-Type": "text/html"})

    # -- answers ----------------------------------------------------------------------------------

    def _media(self, name: str, thing: Thing, headers: dict[str, str] | None = None) -> None:
        data, status, told = thing.data, 200, dict(headers or {})
        asked = self.headers.get("Range")
        if asked and not self.cloud.no_ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start = int(first)
            stop = min(int(last) + 1 if last else len(data), len(data))
            if start >= len(data):
                return self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            told["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            data, status = data[start:stop], 206
        if self.cloud.replace_on_read and asked != "bytes=0-0":  # before anybody can ask again
            (key, new), self.cloud.replace_on_read = self.cloud.replace_on_read, None
            new.generation = self.cloud.things[key].generation + 1
            self.cloud.things[key] = new
        self._send(status, data, told, self.cloud.breaks_after)

    def _json(self, told: Any, status: int = 200) -> None:
        self._send(status, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _send(
        self, status: int, data: bytes, headers: dict[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(ConnectionError):
            self.wfile.write(data if cut is None else data[:cut])
        if cut is not None and cut < len(data):
            self.close_connection = True
