"""Key files: read when they are needed, never stored, logged or shown.

A key is named by a path (`--key FILE` or CURATION_GCS_KEY) that lies neither in the program's
folder nor in a datastore: what lies there is committed, copied and served. Only the fields that are
needed are taken. Kinds of Google credentials that start programs or ask other servers are refused.
In the studio a key is chosen by name, of those that CURATION_GCS_KEY and CURATION_KEYS name.
"""

from __future__ import annotations

import configparser
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation.errors import CurationError

VARIABLE = "CURATION_GCS_KEY"
LISTED = "CURATION_KEYS"
"""Variable with further key files that may be chosen by name, separated as PATH is."""
PROGRAM = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 1 << 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")
HINT = f"--key FILE, or {VARIABLE}=FILE; the file lies outside of the datastore and the program"
GOOGLE_FIELDS = ("client_email", "private_key", "token_uri")


class KeyRefused(CurationError):
    """A key that is not one, or lies where it must not; the message holds nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key file that may be used; its content is read where it is needed and not kept.

    Attributes:
        path: where it lies.
        warning: what is wrong with who may read it, "" when nothing is.
    """

    path: Path
    warning: str = ""

    def __repr__(self) -> str:
        """Say nothing about it."""
        return "Key(...)"

    def google(self) -> dict[str, Any]:
        """Return the fields of a Google service account.

        Raises:
            KeyRefused: it is another kind of file.
        """
        try:
            told = json.loads(_text(self.path))
        except ValueError:  # its message would quote the file
            raise KeyRefused("the key is not JSON", _service_account()) from None
        if not isinstance(told, dict) or told.get("type") != "service_account":
            raise KeyRefused("the key is not that of a service account", _service_account())
        wanted = {name: told.get(name) for name in GOOGLE_FIELDS}
        if not all(isinstance(value, str) and value for value in wanted.values()):
            raise KeyRefused("the key lacks a field", _service_account())
        if not safe_endpoint(str(wanted["token_uri"])):
            raise KeyRefused("the key names a token_uri that is not https")
        return wanted

    def amazon(self) -> dict[str, str]:
        """Return key, secret and token of a file as ~/.aws/credentials is.

        Raises:
            KeyRefused: it is another kind of file.
        """
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(_text(self.path))
            section: Mapping[str, str] = parser["default"]
            made = {"key": section["aws_access_key_id"], "secret": section["aws_secret_access_key"]}
        except (configparser.Error, KeyError):  # its message would quote the file
            raise KeyRefused(
                "the key is not a file as ~/.aws/credentials is",
                "[default], aws_access_key_id = ..., aws_secret_access_key = ...",
            ) from None
        token = section.get("aws_session_token")
        return made | ({"token": token} if token else {})


def _service_account() -> str:
    return "make a JSON key of a service account in the Google Cloud console"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise KeyRefused("the key cannot be read", HINT) from None


def found(typed: Path | None, datastore: Path, scheme: str = "gs") -> Key | None:
    """Return the key that was typed, else the one that the environment names, else None.

    Args:
        scheme: of the place; the environment's key is for Google's, the web has none.

    Raises:
        KeyRefused: it is not there, or lies in the datastore or the program's folder.
    """
    google = scheme in ("gs", "gdrive")
    told = os.environ.get(VARIABLE) if google else None
    named = typed or (Path(told) if told else None)
    if named is None or not (google or scheme == "s3"):
        return None
    try:
        real = named.expanduser().resolve(strict=True)
        facts = real.stat()
    except OSError:
        raise KeyRefused("the key file is not there, or may not be read", HINT) from None
    # Both where it lies and where the name lies: a link in the datastore would be served as well.
    for folder in (PROGRAM, datastore.resolve()):
        places = (real, Path(os.path.abspath(named.expanduser())))  # noqa: PTH100
        if any(place.is_relative_to(folder) for place in places):
            raise KeyRefused(
                "the key lies in the datastore or in the program's folder, where it can be "
                "committed, copied or served", "move it, for example to ~/.config",
            )  # fmt: skip
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST_BYTES:
        raise KeyRefused("the key is not a file, or too large to be a key", HINT)
    if not facts.st_size and typed is None:
        return None  # how compose.team.yaml says that there is no key
    others = facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    warning = "others on this machine may read the key file: chmod 600 it" if others else ""
    return Key(real, warning)


def offered(env: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Return the key files that may be chosen by name: file name -> where it lies.

    Those of CURATION_KEYS, and CURATION_GCS_KEY unless that file is empty. They are not read.

    Raises:
        KeyRefused: two have one name.
    """
    first = env.get(VARIABLE, "")
    if first:
        with suppress(OSError):  # whoever chooses one that is not there is told
            first = first if Path(first).expanduser().stat().st_size else ""
    made: dict[str, Path] = {}
    for word in (first, *env.get(LISTED, "").split(os.pathsep)):
        if word.strip():
            path = Path(word.strip()).expanduser()
            if made.setdefault(path.name, path).resolve() != path.resolve():
                raise KeyRefused(f"two keys are called {path.name}", "give one another name")
    return made


def named(name: str, datastore: Path, scheme: str = "gs") -> Key | None:
    """Return a key by its name; None for a place that has none.

    Raises:
        KeyRefused: nobody offers one of this name (any more), or it may not be used.
    """
    path = offered().get(name)
    if path is None:
        raise KeyRefused(
            f"no key that may be chosen is called {name[:80]}",
            f"start the studio with {LISTED}=FILE, or {VARIABLE}=FILE",
        )
    return found(path, datastore, scheme)


def safe_endpoint(url: str) -> bool:
    """Return whether a token may be sent to an address: https, or a server of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    )
