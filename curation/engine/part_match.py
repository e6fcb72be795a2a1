"""Which parts are to be taken in, and which file of this machine each of them is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from curation.engine.part_store import PartStore
from curation.engine.parts import Settings
from curation.engine.shards import Job, likely
from curation.errors import CurationError, StoreError
from curation.store.sources import SourceFile
from curation.video.probe import content_key, stream_key


def settings_of(store: PartStore, chosen: Sequence[str], scratch: Path) -> list[Settings]:
    """Return the settings whose parts are to be taken in.

    Args:
        chosen: digests that the user named; none takes the only one there is.

    Raises:
        CurationError: there are none, or several and none was named, or of another version.
    """
    names = store.names()
    there = sorted(n.partition("/")[0] for n in names if n.endswith("/settings.json"))
    if not there:
        raise CurationError(
            f"{store.place} holds no parts", "python -m curation work VIDEO... --parts PLACE"
        )
    wanted = list(dict.fromkeys(chosen)) or there
    for digest in wanted:
        if digest not in there:
            have = " ".join(there)
            raise CurationError(f"{store.place} holds no parts {digest}", f"it has: {have}")
    found = []
    for digest in wanted:
        settings = Settings.read(store.json(f"{digest}/settings.json", scratch))
        if settings.digest != digest:
            raise StoreError(f"{store.place}/{digest}/settings.json is not what it was")
        found.append(settings)
    if len(found) > 1 and not chosen:
        differ = "; ".join(found[0].unlike(found[1])[:4])
        raise CurationError(
            f"{store.place} holds parts of {len(found)} settings or versions ({differ})",
            f"--settings NAME takes one, given again more: {' '.join(there)}",
        )
    for settings in found:
        mine = Settings.here(settings.params, installed=False)
        differ_here = [said for said in settings.unlike(mine) if not said.startswith("software ")]
        if differ_here:
            raise StoreError(
                f"the parts {settings.digest} were made by another version of this program:"
                f" {'; '.join(differ_here[:4])}",
                "gather with the version that made them",
            )
    return found


class Matcher:
    """Finds the parts of files: by name, size and time, else by content.

    Args:
        settings: of the parts.
        parts: id -> how it ended, from a listing.
        aliases: alias -> ids, from a listing.
        keys: number of a video in the catalogue -> its content key.
    """

    def __init__(
        self, settings: Settings, parts: Mapping[str, str], aliases: Mapping[str, set[str]],
        keys: Mapping[int, str],
    ) -> None:  # fmt: skip
        self.settings, self.parts, self.keys = settings, parts, keys
        self._alike: dict[str, dict[str, set[str]]] = {}
        for alias, ids in aliases.items():
            name, _, _ = alias.partition("-")
            self._alike.setdefault(name, {})[alias] = ids

    def match(
        self, files: Sequence[SourceFile]
    ) -> tuple[dict[str, list[SourceFile]], list[SourceFile]]:
        """Return part -> files of its content, in the order given, and files without a part."""
        found: dict[str, list[SourceFile]] = {}
        missing = []
        for file in files:
            part_id = self.id_of(file)
            if part_id is None:
                missing.append(file)
            else:
                found.setdefault(part_id, []).append(file)
        return found, missing

    def id_of(self, file: SourceFile) -> str | None:
        """Return the part of a file, None when there is none so far."""
        try:
            stat = file.path.stat()
        except OSError:
            return None
        if file.video_id is not None and (stat.st_size, stat.st_mtime_ns) == (
            file.size_bytes, file.mtime_ns,
        ):  # fmt: skip
            key = self.keys.get(file.video_id)
            if key in self.parts:
                return key
        near = self._alike.get(likely(file.path.name, stat.st_size), {})
        exact = near.get(_alias(file.path, stat.st_size, stat.st_mtime_ns))
        for ids in [exact] if exact else near.values():
            good = sorted((i for i in ids if i in self.parts), key=lambda i: self.parts[i])
            if good and (exact or self._is(file.path, good[0], ids)):
                return good[0]
        return None

    def _is(self, path: Path, part_id: str, ids: set[str]) -> bool:
        """Return whether a file of the same name and size, of another time, has that content."""
        if part_id.startswith("file-"):
            return False  # what is no video may have been one that was still being copied
        try:
            key = content_key(path)
        except CurationError:
            return False
        number = self.settings.params.stream
        return bool({key, stream_key(key, number)} & ids)


def _alias(path: Path, size_bytes: int, mtime_ns: int) -> str:
    return Job(path, path.name, size_bytes, mtime_ns).alias
