"""One zip file, written as a stream: to a file, or piece by piece to whoever downloads it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from curation.engine.meter import Meter
from curation.errors import CurationError, InputError
from curation.export.formats.base import Out, Placed, Text, picture
from curation.export.formats.folders import Folders
from curation.export.formats.shards import shard_fp
from curation.export.plan import Plan
from curation.records import Progress

MARK = "frame-curation-studio "
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can tell: the same pictures give the same bytes."""
Closing = Callable[[Sequence[Placed]], Iterator[Text]]


class Zip(Folders):
    """FILE.zip with the layout of `folders`, manifest, lock and checksums in it."""

    name: ClassVar[str] = "zip"
    about: ClassVar[str] = "one zip file with the layout of folders; --out FILE.zip"
    reader: ClassVar[str] = "unzip"

    def pieces(
        self, plan: Plan, target: zipfile.ZipFile, closing: Closing, out: Out
    ) -> Iterator[Progress]:
        """Write everything into an open zip, an entry after the other."""
        meter = Meter("export", len(plan.items), "pictures")
        sums = []

        def add(file: str, data: bytes) -> None:
            info = zipfile.ZipInfo(file, EPOCH)
            info.external_attr = 0o644 << 16
            target.writestr(info, data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {file}\n")
            out.n_bytes += len(data)

        for item in plan.items:
            file = self.path(item, plan)
            try:
                data = picture(item)
            except CurationError as error:
                yield meter.beat(1, failed=out.failure(file, error))
                continue
            add(file, data)
            out.made += 1
            out.done.append(Placed(item, file, hashlib.sha256(data).hexdigest(), len(data)))
            yield meter.beat(1, note=file)
        for file, data in (*self.texts(plan, out.done), *closing(out.done)):
            add(file, data)
        add("SHA256SUMS", "".join(sums).encode())
        target.comment = comment(plan)

    def file(self, plan: Plan, path: Path, closing: Closing, out: Out) -> Iterator[Progress]:
        """Write a zip file; it is there whole or not at all.

        Raises:
            InputError: something else is there already.
        """
        if path.exists() or path.is_symlink():
            if _comment_of(path) == comment(plan):
                out.kept = len(plan.items)
                return
            raise InputError(
                f"{path} is there already; it is left as it is", "remove it, or name another --out"
            )
        from curation.export.place import unwritten

        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)  # never through a link
            with zipfile.ZipFile(part, "x", zipfile.ZIP_STORED) as target:
                yield from self.pieces(plan, target, closing, out)
            part.replace(path)
        except OSError as error:
            raise unwritten(path, error) from error
        finally:
            part.unlink(missing_ok=True)

    def stream(self, plan: Plan, closing: Closing, out: Out) -> Iterator[bytes]:
        """Yield a zip piece by piece; no more than one picture is held in memory."""
        sink = _Sink()
        whole: Any = sink
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as target:
            for _ in self.pieces(plan, target, closing, out):
                if sink.held:
                    yield sink.take()
        yield sink.take()


def comment(plan: Plan) -> bytes:
    """Return what a zip of ours ends with: it says what it was made from."""
    params = plan.params.digest()
    return f"{MARK}{shard_fp(plan.items, plan)}{params}".encode()


def _comment_of(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as held:
            return held.comment
    except (OSError, zipfile.BadZipFile):
        return b""


class _Sink:
    """What zipfile writes to when nobody can seek."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        data = b"".join(self.held)
        self.held.clear()
        return data
