"""Videos of buckets, drives and folders on the web: copied once, or left there and read by range.

What is copied goes on where it stopped as long as it is the same version; its size and, where the
place tells one, its MD5 must be right before it becomes a video of the datastore.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation.engine.machine import LEAST_FREE_BYTES, require_space
from curation.engine.meter import Meter
from curation.errors import CurationError, NoSpace
from curation.ingest.arrivals import look, safe_stem, same_content, take_in
from curation.ingest.links import incoming
from curation.places import keys, pointer
from curation.places.place import Access, Changed, Place, PlaceError, RemoteFile, opened
from curation.records import Progress
from curation.sources import is_video_name
from curation.store.catalogue import Catalogue
from curation.store.origins import Origin, OriginTable
from curation.store.sources import SourceTable

KINDS = {"gs": "bucket", "s3": "bucket", "gdrive": "drive", "http": "folder", "https": "folder"}
MOST_PLACES = 50
SPACE_EVERY = 64 << 20
MB = 1e6


@dataclass(frozen=True, slots=True)
class AddParams:
    """What is to be done with the places.

    Attributes:
        key: file with a key; None takes the one that the environment names.
        key_name: a key by its name instead, see keys.offered.
        nobody: no key at all, whatever the environment names.
        copy: False leaves the videos where they are and reads them by range.
        check: only say what is there.
        open_to: for tests alone, see places.Access.
    """

    key: Path | None = None
    copy: bool = True
    endpoint: str = ""
    check: bool = False
    open_to: tuple[tuple[str, int], ...] = ()
    key_name: str = ""
    nobody: bool = False


@dataclass(slots=True)
class _Tally:
    found: list[dict[str, Any]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)
    there: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    others: int = 0
    contents: set[str] = field(default_factory=set)
    new_bytes: int = 0


def add(
    catalogue: Catalogue, urls: Sequence[str], params: AddParams
) -> Generator[Progress, None, None]:
    """Make the videos of places videos of the datastore; each that fails costs itself.

    Raises:
        CurationError: no place is named, or the key may not be used.
        NoSpace: the disk is nearly full; what came so far is gone on with the next time.
    """
    places = list(dict.fromkeys(url.strip() for url in urls if url.strip()))
    if not places:
        raise CurationError(
            "no place is named", "python -m curation add gs://BUCKET/FOLDER --key FILE"
        )
    if len(places) > MOST_PLACES:
        raise CurationError(f"{len(places)} places at once; at most {MOST_PLACES} are taken")
    tally = _Tally()
    for url in places:
        scheme = url.partition("://")[0].lower()
        key = _key(params, catalogue.root, scheme)
        if key is not None and key.warning:
            yield Progress("add", unit="MB", note=f"warning: {key.warning}")
        try:
            access = Access(key, params.endpoint, params.open_to, params.nobody)
            with closing(opened(url, access)) as place:
                yield from _one_place(catalogue, place, shown(url), params, key, tally)
        except NoSpace:
            raise
        except CurationError as error:
            yield _failed(tally, shown(url), error)
    yield Progress("add", unit="MB", summary={
        "places": len(places), "found": tally.found, "added": tally.added, "there": tally.there,
        "others": tally.others, "copied": params.copy, "failed": tally.failed,
        **(_room(catalogue, tally) if params.check else {}),
    })  # fmt: skip


def _key(params: AddParams, datastore: Path, scheme: str) -> keys.Key | None:
    if params.nobody:
        return None
    if params.key_name:
        return keys.named(params.key_name, datastore, scheme)
    return keys.found(params.key, datastore, scheme)


def _room(catalogue: Catalogue, tally: _Tally) -> dict[str, Any]:
    """Return what copying would take, and whether the disk has it."""
    free = shutil.disk_usage(catalogue.root).free
    return {
        "new_bytes": tally.new_bytes, "free_bytes": free,
        "fits": tally.new_bytes + LEAST_FREE_BYTES <= free,
    }  # fmt: skip


def shown(url: str) -> str:
    """Return an address as it may be told: without what a user may have put before an @."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:300]
    except ValueError:
        return url.partition("://")[0][:20] + "://"


def _failed(tally: _Tally, item: str, error: CurationError) -> Progress:
    said = error.message.removeprefix(f"{item}: ")
    tally.failed[item] = f"{said} ({error.hint})" if error.hint else said
    return Progress("add", unit="MB", failed=(item, tally.failed[item]))


def _one_place(
    catalogue: Catalogue, place: Place, url: str, params: AddParams, key: keys.Key | None,
    tally: _Tally,
) -> Iterator[Progress]:  # fmt: skip
    yield Progress("add", unit="MB", note=f"listing {url}")
    files: list[RemoteFile] = []
    for file in place.listing():
        if is_video_name(Path(file.name)):
            files.append(file)
        else:
            tally.others += 1
    kind = KINDS[url.partition("://")[0].lower()]
    if params.check:
        _checked(catalogue, files, kind, tally)
        return
    meter = Meter("add", sum(file.size_bytes for file in files) / MB, "MB")
    for file in files:
        try:
            here = _here_already(catalogue, kind, file)
            if here is not None:
                tally.there.append(_row(file, here))
                yield meter.beat(file.size_bytes / MB, note=f"{here.name}: is here already")
            elif params.copy:
                yield from _copied(catalogue, place, file, kind, meter, tally)
            else:
                yield meter.beat(note=f"looking at {file.name}")
                _pointed(catalogue, file, kind, params, key, tally)
                yield meter.beat(file.size_bytes / MB, note=f"{file.name}: stays where it is")
        except NoSpace:
            raise
        except CurationError as error:
            yield _failed(tally, file.url, error)


def _checked(
    catalogue: Catalogue, files: Sequence[RemoteFile], kind: str, tally: _Tally
) -> None:  # fmt: skip
    """Say of files which are here, and how much is to come; nothing is written."""
    known = _Known(catalogue, kind)
    for file in files:
        path = known.find(file)
        row = {"url": file.url, "name": file.name, "size_bytes": file.size_bytes}
        tally.found.append(row | {"here": path.name if path else ""})
        content = f"{file.md5} {file.size_bytes}" if file.md5 else file.url
        if path is None and content not in tally.contents:
            tally.contents.add(content)
            tally.new_bytes += file.size_bytes


class _Known:
    """What is here of a kind of place, as it was when this was made."""

    def __init__(self, catalogue: Catalogue, kind: str) -> None:
        origins = OriginTable(catalogue)
        self.by_key = origins.archive(kind)
        self._by_md5: dict[tuple[object, object], list[Path]] = {}
        for stored, origin in origins.all().items():
            told = (origin.facts.get("md5"), origin.facts.get("size_bytes"))
            self._by_md5.setdefault(told, []).append(catalogue.absolute(stored))

    def find(self, file: RemoteFile) -> Path | None:
        """Return the video that holds this version, or this content as its place tells it."""
        path = self.by_key.get(file.archive_key or "")
        if path is not None or not file.md5:
            return path
        for path in self._by_md5.get((file.md5, file.size_bytes), ()):
            if path.is_file() and pointer.size_bytes(path) == file.size_bytes:
                return path
        return None


def _here_already(catalogue: Catalogue, kind: str, file: RemoteFile) -> Path | None:
    """Return the video that holds a file, which is known by this name as well from now on."""
    known = _Known(catalogue, kind)
    path = known.find(file)
    if path is not None and file.archive_key not in known.by_key:
        OriginTable(catalogue).put(path, _origin(kind, file))
    return path


def _origin(kind: str, file: RemoteFile) -> Origin:
    facts = {
        "name": file.name, "version": file.version, "md5": file.md5,
        "size_bytes": file.size_bytes,
    }  # fmt: skip
    kept = {name: value for name, value in facts.items() if value != ""}
    return Origin(kind, file.url, file.archive_key, Path(file.name).name, "", kept)


def _row(file: RemoteFile, path: Path) -> dict[str, Any]:
    return {"url": file.url, "file": path.name, "size_bytes": file.size_bytes}


# -- copied ----------------------------------------------------------------------------------------


def _copied(
    catalogue: Catalogue, place: Place, file: RemoteFile, kind: str, meter: Meter, tally: _Tally
) -> Iterator[Progress]:
    with incoming(catalogue, file.url) as folder:
        part = folder / "part" / "video.media"
        try:
            for size in _bring(place, file, part):
                yield meter.beat(size / MB, note=file.name)
            arrival = take_in(catalogue, part, Path(file.name).stem, _origin(kind, file))
        except CurationError as error:
            if isinstance(error, Changed) or not part.exists():
                shutil.rmtree(part.parent, ignore_errors=True)  # nothing to go on with
            raise
        shutil.rmtree(part.parent, ignore_errors=True)
    (tally.added if arrival.is_new else tally.there).append(_row(file, arrival.path))
    same = "" if arrival.is_new else ": the same video was already here"
    yield meter.beat(note=f"{arrival.path.name}{same}")


def _bring(place: Place, file: RemoteFile, part: Path) -> Iterator[int]:
    """Write a file's bytes behind those that are there; yield how many each time.

    Raises:
        Changed: it was replaced meanwhile, or is not what its place says.
        PlaceError: it breaks off again and again.
    """
    part.parent.mkdir(exist_ok=True)
    told, state = {"key": file.archive_key, "size": file.size_bytes}, part.with_name("state.json")
    if not part.is_file() or _state(state) != told or file.archive_key is None or not file.ranged:
        part.unlink(missing_ok=True)
        state.write_text(json.dumps(told))
    with part.open("ab") as sink:
        if sink.tell() > file.size_bytes:
            sink.truncate(0)
            sink.seek(0)
        have = sink.tell()
        require_space(part.parent, file.size_bytes - have)
        if have:
            yield have
        tries = 0
        while have < file.size_bytes:
            begun = have
            try:
                for block in place.stream(file, have):
                    sink.write(block)
                    have += len(block)
                    if have > file.size_bytes:
                        raise Changed(f"{file.url}: is longer than its place says")
                    if have // SPACE_EVERY != (have - len(block)) // SPACE_EVERY:
                        require_space(part.parent)
                    yield len(block)
                if have < file.size_bytes:
                    raise PlaceError(f"{file.url}: ends after {have:,} of {file.size_bytes:,}")
            except Changed:
                raise
            except PlaceError:
                tries = tries + 1 if have == begun else 1
                if tries > pointer.TRIES or not file.ranged:
                    raise
                time.sleep(pointer.WAIT_S * 2**tries)
        sink.flush()
        os.fsync(sink.fileno())
    if file.md5 and _md5(part) != file.md5:
        raise Changed(f"{file.url}: what came has another MD5 than its place says")
    if not file.md5 and place.find(file).version != file.version:
        raise Changed(f"{file.url}: it was replaced meanwhile")


def _state(path: Path) -> object:
    with suppress(OSError, ValueError):
        return json.loads(path.read_text())
    return None


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# -- left where they are ---------------------------------------------------------------------------


def _pointed(
    catalogue: Catalogue, file: RemoteFile, kind: str, params: AddParams, key: keys.Key | None,
    tally: _Tally,
) -> None:  # fmt: skip
    """Write a pointer to a file, once a look at it has shown that it is a video."""
    if not file.ranged or not file.version:
        raise PlaceError("its server cannot be read by range, or tells no version", "add --copy")
    if key is not None:  # the process that looks finds it where it will be found later, too
        name = keys.VARIABLE if kind in ("bucket", "drive") else ""
        name = "AWS_SHARED_CREDENTIALS_FILE" if file.url.startswith("s3:") else name
        os.environ[name] = str(key.path)
    folder = catalogue.root / pointer.FOLDER
    folder.mkdir(exist_ok=True)
    draft = folder / f".{hashlib.blake2b(file.url.encode(), digest_size=8).hexdigest()}.remote"
    pointer.write(draft, file, params.endpoint, params.nobody)
    try:
        stat, info = look(draft)
        origins, origin = OriginTable(catalogue), _origin(kind, file)
        same = same_content(catalogue, info.key)
        if same is not None:
            origins.put(same, origin)
            tally.there.append(_row(file, same))
            return
        target = _named(draft, folder, safe_stem(Path(file.name).stem))
    except CurationError as error:
        raise type(error)(error.message.replace(f"{draft}: ", ""), error.hint) from None
    finally:
        draft.unlink(missing_ok=True)
    origins.put(target, origin)
    sources = SourceTable(catalogue)
    sources.add_folder(catalogue.root / "videos_folder_1", 1)  # its number is for it alone
    (source,) = sources.add_files(sources.add_folder(folder), [target])
    sources.settle_file(source, stat, replace(info, path=target))
    tally.added.append(_row(file, target))


def _named(draft: Path, folder: Path, stem: str) -> Path:
    """Give a pointer a name that nobody has."""
    for number in range(1, 100_000):
        target = folder / f"{stem}{f'-{number}' if number > 1 else ''}{pointer.SUFFIX}"
        try:
            os.link(draft, target)
        except FileExistsError:
            continue
        except OSError:  # a disk without hard links
            if target.exists():
                continue
            shutil.copy2(draft, target)
        return target
    raise CurationError(f"too many pointers are called {stem}")
