"""Files that are not code: a manifest says what they are, a shelf says where they lie.

Nothing here reaches outside; `curation.fetching` does, and only when a person asked for it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from curation.errors import CurationError, WeightsMissing

log = logging.getLogger(__name__)

APP_DIR = "frame-curation-studio"
REPO_DIR = Path(__file__).resolve().parents[1]
CHUNK_BYTES = 1 << 20

State = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the manifest.

    Attributes:
        file: its name on the shelf.
        sha256, bytes: of the file itself, not of the package that carries it.
        package, version, wheel_sha256, member: a file inside a registry package, or
        url: where the file itself is.
        opt_in: fetched only when it is named, because of its terms.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    licence_note: str = ""
    used_by: tuple[str, ...] = ()
    package: str = ""
    version: str = ""
    wheel_sha256: str = ""
    member: str = ""
    url: str = ""
    opt_in: bool = False

    @property
    def source(self) -> str:
        """Return where the file comes from, for people to read."""
        return self.url or f"{self.package}=={self.version}"


def read_manifest(path: Path, section: str) -> dict[str, Asset]:
    """Return the assets of one section of a manifest, by name.

    Raises:
        CurationError: the manifest is missing, or an entry of it is incomplete.
    """
    try:
        with path.open("rb") as stream:
            tables = tomllib.load(stream).get(section, {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CurationError(f"cannot read the manifest {path}: {error}") from error
    return {name: _asset(path, name, table) for name, table in tables.items()}


def _asset(path: Path, name: str, table: dict[str, Any]) -> Asset:
    try:
        asset = Asset(name=name, **{**table, "used_by": tuple(table.get("used_by", ()))})
    except TypeError as error:
        raise CurationError(f"{path}: entry {name!r}: {error}") from error
    packaged = asset.package and asset.version and asset.wheel_sha256 and asset.member
    if bool(packaged) == bool(asset.url):
        raise CurationError(
            f"{path}: entry {name!r} needs package, version, wheel_sha256 and member, or a url"
        )
    if Path(asset.file).name != asset.file or len(asset.sha256) != 64:
        raise CurationError(f"{path}: entry {name!r} needs a plain file name and a full sha256")
    return asset


def default_manifest() -> Path:
    """Return the manifest of this checkout, or of the installed package."""
    in_repo = REPO_DIR / "weights" / "manifest.toml"
    installed = Path(sys.prefix) / "share" / APP_DIR / "weights" / "manifest.toml"
    return in_repo if in_repo.is_file() or not installed.is_file() else installed


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Shelf:
    """One section of the manifest, and the folders where its files may lie.

    Attributes:
        section: table of the manifest, and name of the folder beside the code.
        variable: environment variable that names a folder to look in first.
        manifest: the manifest to read.
    """

    section: str
    variable: str
    manifest: Path

    def assets(self) -> dict[str, Asset]:
        """Return every asset of this section, by name."""
        return _manifest_once(self.manifest, self.section)

    def asset(self, name: str) -> Asset:
        """Return one asset.

        Raises:
            CurationError: the manifest has no such name.
        """
        found = self.assets().get(name)
        if found is None:
            known = ", ".join(sorted(self.assets()))
            raise CurationError(f"{name!r} is not in {self.manifest}", f"known names: {known}")
        return found

    def folders(self) -> list[Path]:
        """Return the folders to look in, first choice first."""
        given = os.environ.get(self.variable)
        cache_home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        return [
            *([Path(given).expanduser()] if given else []),
            self._home(),
            Path(cache_home) / APP_DIR / self.section,
        ]

    def _home(self) -> Path:
        return self.manifest.resolve().parents[1] / self.section

    def target(self) -> Path:
        """Return the first folder that can be written to, made if needed.

        Raises:
            CurationError: none of them can.
        """
        folders = self.folders()
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
        raise CurationError(
            f"no folder to put {self.section} in: " + ", ".join(map(str, folders)),
            f"set {self.variable} to a folder you may write to",
        )

    def path_of(self, name: str) -> Path:
        """Return the verified file of an asset.

        The size is compared on every call; the full hash once for each state (size and
        modification time) of the file.

        Raises:
            WeightsMissing: no folder has the file, or only a damaged one.
        """
        asset = self.asset(name)
        damaged: list[Path] = []
        for path in self._places(asset):
            if not path.is_file():
                continue
            if _is_verified(path, asset):
                return path
            damaged.append(path)
        hint = f"python -m curation weights fetch {name}"
        if damaged:
            raise WeightsMissing(
                f"{asset.name}: {damaged[0]} is not the file of the manifest "
                f"({damaged[0].stat().st_size} of {asset.bytes} bytes, or another content)",
                hint,
            )
        raise WeightsMissing(f"{asset.name}: {asset.file} is not on this machine", hint)

    def _places(self, asset: Asset) -> Iterator[Path]:
        for folder in self.folders():
            yield folder / asset.file

    def verify(self, name: str) -> tuple[State, Path | None]:
        """Hash the file in full, whatever was known about it.

        Returns:
            its state and the first place where the file lies, None when it is missing.
        """
        asset = self.asset(name)
        first: Path | None = None
        for path in self._places(asset):
            if path.is_file():
                if path.stat().st_size == asset.bytes and sha256_of(path) == asset.sha256:
                    return "ok", path
                with suppress(OSError):
                    _stamp_of(path).unlink()
                first = first or path
        return ("damaged", first) if first else ("missing", None)

    def default_names(self) -> list[str]:
        """Return the names that are fetched when none is given."""
        return [name for name, asset in self.assets().items() if not asset.opt_in]


@cache
def _manifest_once(path: Path, section: str) -> dict[str, Asset]:
    return read_manifest(path, section)


def _stamp_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _is_verified(path: Path, asset: Asset) -> bool:
    stat = path.stat()
    if stat.st_size != asset.bytes:
        return False
    text = f"{asset.sha256} {stat.st_size} {stat.st_mtime_ns}"
    stamp = _stamp_of(path)
    with suppress(OSError):
        if stamp.read_text() == text:
            return True
    if sha256_of(path) != asset.sha256:
        return False
    _write_stamp(stamp, text)
    return True


def _write_stamp(stamp: Path, text: str) -> None:
    # A folder that cannot be written to only costs another hash next time.
    part = stamp.with_name(f"{stamp.name}.{os.getpid()}.part")
    try:
        part.write_text(text)
        part.replace(stamp)
    except OSError as error:
        log.debug("cannot write %s: %s", stamp, error)
