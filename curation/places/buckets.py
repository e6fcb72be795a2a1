"""Google Cloud Storage and Amazon S3, by gcsfs and s3fs: listed, and read by range.

What is read is the very object that was listed: Google is asked for its generation, Amazon for its
ETag (If-Match). Nothing is cached, nothing is written.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from curation.errors import CurationError
from curation.places.keys import Key, safe_endpoint
from curation.places.place import Access, Changed, Place, PlaceError, RemoteFile, in_pieces

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
INSTALL = 'pip install ".[buckets]" in the clone, or pip install gcsfs s3fs'
TIMEOUT_S = 60


class Bucket(Place):
    """What lies below gs://BUCKET/FOLDER or s3://BUCKET/FOLDER."""

    def __init__(self, url: str, access: Access) -> None:
        self.scheme, _, rest = url.partition("://")
        self.scheme = self.scheme.lower()
        self.bucket, _, path = rest.partition("/")
        self.path = path.strip("/")
        if not NAME.fullmatch(self.bucket):
            raise PlaceError(f"{self.bucket[:80]!r} is no name of a bucket")
        self.url = f"{self.scheme}://{self.bucket}/{self.path}"
        self.access = access
        self._open: tuple[str, Any] | None = None
        try:
            with _told(self):
                self.fs = _gcs(access) if self.scheme == "gs" else _s3(access)
        except ImportError as error:
            raise PlaceError(f"{error.name} is not installed", INSTALL) from None

    def listing(self) -> Iterator[RemoteFile]:
        """Yield what lies there."""
        with _told(self):
            top = f"{self.bucket}/{self.path}".rstrip("/")
            rows = self.fs.find(top, detail=True)
            if not rows and not self.path:
                self.fs.ls(self.bucket)  # tells an empty bucket from one that is not there
        if not rows and self.path:
            raise PlaceError(f"{self.url}: there is nothing below that name")
        for path in sorted(rows):
            if rows[path].get("type") == "file" and not path.endswith("/"):
                yield self._file(rows[path])

    def _file(self, row: dict[str, Any]) -> RemoteFile:
        path = row["name"]
        key = path.partition("/")[2]
        name = key.removeprefix(f"{self.path}/") if key != self.path else key.rpartition("/")[2]
        url = f"{self.scheme}://{path}"
        if self.scheme == "s3":  # with some kinds of encryption the ETag is no MD5: not used as one
            return RemoteFile(url, name, int(row["size"]), str(row.get("ETag", "")).strip('"'))
        md5 = ""
        try:
            md5 = base64.b64decode(row.get("md5Hash") or "", validate=True).hex()
        except (ValueError, binascii.Error):
            md5 = ""
        return RemoteFile(url, name, int(row["size"]), str(row.get("generation", "")), md5)

    def find(self, file: RemoteFile) -> RemoteFile:
        """Return what is known of one file now."""
        with _told(self):
            self.fs.invalidate_cache()
            return self._file(self.fs.info(file.url.partition("://")[2]))

    def read(self, file: RemoteFile, start: int, stop: int) -> bytes:
        """Return bytes of exactly the object that was listed."""
        path = file.url.partition("://")[2]
        with _told(self):
            try:
                if self.scheme == "gs":
                    data = self.fs.cat_file(
                        path, start=start, end=stop, generation=file.version or None
                    )
                else:
                    data = self._handle(file, path)._fetch_range(start, stop)
            except FileNotFoundError:
                raise Changed(f"{file.url}: this version of it is gone") from None
        if len(data) != stop - start:
            raise Changed(f"{file.url}: {len(data):,} bytes came instead of {stop - start:,}")
        return bytes(data)

    def _handle(self, file: RemoteFile, path: str) -> Any:
        """Return s3fs's own file, which asks with If-Match."""
        if self._open is None or self._open[0] != path:
            self.fs.invalidate_cache()
            self._open = path, self.fs.open(path, "rb", cache_type="none")
        handle = self._open[1]
        if str(handle.details.get("ETag", "")).strip('"') != file.version:
            self._open = None
            raise Changed(f"{file.url}: it was replaced meanwhile")
        return handle

    def stream(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Yield its bytes."""
        return in_pieces(self, file, start)

    def close(self) -> None:
        """Let go of the file that is open."""
        self._open = None


@contextmanager
def _told(place: Bucket) -> Iterator[None]:
    """Say in our words what libraries say in theirs: those may quote requests and tokens."""
    who = _who(place)
    try:
        yield
    except (CurationError, ImportError):
        raise
    except FileNotFoundError:
        raise PlaceError(f"{place.url}: is not there, or may not be seen{who}") from None
    except PermissionError:
        raise PlaceError(f"{place.url}: may not be read{who}") from None
    except Exception as error:
        name = type(error).__name__
        if name == "FileExpired":
            raise Changed(f"{place.url}: a file was replaced meanwhile") from None
        if name in ("RefreshError", "InvalidValue", "MalformedError"):
            raise PlaceError(f"{place.url}: the key was refused{who}") from None
        if name in ("NoCredentialsError", "PartialCredentialsError"):
            raise PlaceError(f"{place.url}: there are no credentials for it{who}") from None
        status = getattr(error, "code", None) or getattr(error, "errno", None)
        known = f" {status}" if isinstance(status, int) else ""
        if str(status) in ("401", "403") or str(error).startswith("Forbidden"):
            raise PlaceError(f"{place.url}: may not be read{who}") from None
        raise PlaceError(f"{place.url}: could not be read: {name}{known}") from None


def _who(place: Bucket) -> str:
    """Say who was refused, and what lets them in."""
    key = place.access.key
    if place.scheme == "s3":
        return "; who asks needs s3:ListBucket and s3:GetObject"
    if key is None:
        return "; no key was given: --key FILE or CURATION_GCS_KEY=FILE"
    return f"; {key.google()['client_email']} needs the role Storage Object Viewer"


def _gcs(access: Access) -> Any:
    gcsfs = _import_gcsfs().core  # the plain JSON protocol; the other asks by gRPC as well
    options = {} if not access.endpoint else {"endpoint_url": access.endpoint}
    asked = access.endpoint or os.environ.get("STORAGE_EMULATOR_HOST", "")  # gcsfs asks it
    if asked and not safe_endpoint(asked if "://" in asked else f"http://{asked}"):
        raise PlaceError("a token is sent to https only, or to a server of this machine")
    credentials = google_credentials(access.key, READ_ONLY)
    if credentials is not None:  # gcsfs would try a key that is refused again for a minute
        from google.auth.transport.requests import Request

        credentials.refresh(Request())
    return gcsfs.GCSFileSystem(
        project="", access="read_only", token=credentials or "anon",
        requests_timeout=TIMEOUT_S, use_listings_cache=False, skip_instance_cache=True, **options,
    )  # fmt: skip


def _import_gcsfs() -> Any:
    """Import gcsfs without what it does then: it unpickles a file of the user's home."""
    import pickle

    # Without this it asks by gRPC as well, at Google whatever the endpoint is.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    kept = pickle.load

    def refused(*_: Any, **__: Any) -> Any:
        raise pickle.UnpicklingError("nothing is unpickled here")

    pickle.load = refused
    try:
        import gcsfs
    finally:
        pickle.load = kept
    return gcsfs


def google_credentials(key: Key | None, scope: str) -> Any:
    """Return credentials of Google's library that may do one thing, None without a key.

    Raises:
        KeyRefused: it is no key.
        PlaceError: its private key is none.
    """
    if key is None:
        return None
    from google.oauth2 import service_account

    told = key.google()
    try:
        make: Any = service_account.Credentials
        return make.from_service_account_info(told, scopes=[scope])
    except Exception:  # its message may quote the key
        raise PlaceError("the private key in the key file cannot be read") from None


def _s3(access: Access) -> Any:
    import botocore.session
    from s3fs import S3FileSystem

    options: dict[str, Any] = access.key.amazon() if access.key else {}
    if not options:
        options["anon"] = (
            access.nobody or botocore.session.Session().get_credentials() is None
        )
    if access.endpoint:
        options["endpoint_url"] = access.endpoint
    return S3FileSystem(
        use_listings_cache=False, skip_instance_cache=True,
        config_kwargs={"connect_timeout": TIMEOUT_S, "read_timeout": TIMEOUT_S}, **options,
    )  # fmt: skip
