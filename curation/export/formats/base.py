"""What a format is: where pictures go, and which texts lie around them."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson

from curation.engine.meter import Meter
from curation.errors import CurationError
from curation.export.log import Put
from curation.export.pictures import made
from curation.export.place import Place, Task
from curation.export.plan import Item, Plan
from curation.records import Progress

Text = tuple[str, bytes]
"""A file beside the pictures: path below the folder, content."""


@dataclass(slots=True)
class Placed:
    """A picture that lies where it should; `file` is its path below the folder."""

    item: Item
    file: str
    sha256: str = ""
    n_bytes: int = 0


@dataclass(slots=True)
class Out:
    """Where a format writes to, and what came of it.

    Attributes:
        place: the folder.
        done: pictures that lie there, in the order of the plan.
        failed: name of a picture or file -> why it does not.
        made, kept, n_bytes: pictures written now, and those that were there; bytes written.
    """

    place: Place
    done: list[Placed] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    made: int = 0
    kept: int = 0
    n_bytes: int = 0

    @staticmethod
    def nowhere() -> Out:
        """Return one without a folder, for formats that are one file."""
        return Out(None)  # type: ignore[arg-type]

    def text(self, file: str, data: bytes) -> None:
        """Put a text file; one that a person changed since stays, and is told."""
        task = Task(file, "text", lambda: data)
        known = self.place.kept(task)
        try:
            if known is None or not _same(self.place.folder / file, data):
                known = self.place.put(task)
                self.n_bytes += known.n_bytes if known.is_new else 0
            self.place.written[file] = known
        except CurationError as error:
            if type(error).__name__ == "NoSpace":
                raise
            self.failed[file] = str(error)
            # It is still ours to know of, so that it is not called stale.
            if file in self.place.known:
                self.place.written[file] = self.place.known[file]

    def count(self, put: Put) -> None:
        """Count a file that lies there."""
        if put.is_new:
            self.made += 1
            self.n_bytes += put.n_bytes
        else:
            self.kept += 1

    def failure(self, name: str, error: CurationError) -> tuple[str, str]:
        """Keep a failure and return it for a beat."""
        self.failed[name] = str(error)
        return name, str(error)


def _same(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


class Format(ABC):
    """One way to lay out a set of pictures.

    Attributes:
        name: what it is called on the command line.
        about: one line for people.
        reader: what it is read with, shown in docs and studio.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    reader: ClassVar[str] = ""

    def check(self, plan: Plan) -> None:
        """Raise CurationError before anything is written where this format cannot be made."""

    @abstractmethod
    def path(self, item: Item, plan: Plan) -> str:
        """Return where a picture goes, below the folder."""

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield the files around the pictures that lie there."""
        yield from ()

    def write(self, plan: Plan, out: Out) -> Iterator[Progress]:
        """Write pictures, then texts; beats of Progress, failures with them."""
        yield from self.pictures(plan, out)
        for file, data in self.texts(plan, out.done):
            out.text(file, data)

    def pictures(self, plan: Plan, out: Out) -> Iterator[Progress]:
        """Put every picture of a plan at its path; those that are there already stay."""
        meter = Meter("export", len(plan.items), "pictures")
        files = [self.path(item, plan) for item in plan.items]
        tasks = [task_of(item, file, plan) for item, file in zip(plan.items, files, strict=True)]
        at = 0
        for answers in out.place.put_all(tasks):
            for answer in answers:
                item, file = plan.items[at], files[at]
                at += 1
                if isinstance(answer, CurationError):
                    yield meter.beat(failed=out.failure(file, answer))
                    if file in out.place.known:
                        out.place.written[file] = out.place.known[file]
                    continue
                out.count(answer)
                out.done.append(Placed(item, file, answer.sha256, answer.n_bytes))
            yield meter.beat(len(answers), note=file)

    def preview(self, plan: Plan) -> tuple[list[str], list[Text]]:
        """Return the paths of the pictures, and the texts as they would be; nothing is written."""
        files = [self.path(item, plan) for item in plan.items]
        done = [Placed(item, file) for item, file in zip(plan.items, files, strict=True)]
        return files, list(self.texts(plan, done))


def fp_of(item: Item, plan: Plan) -> str:
    """Return what a picture depends on: its moment, the settings of its video, how it is cut."""
    still = plan.stills.get(item.video_key)
    made_with: Any = None
    if still is not None:
        made_with = (still.jpeg_quality, still.reader, still.keyframes_only)
    elif item.is_own:
        try:
            told = item.source.stat()
            made_with = (told.st_size, told.st_mtime_ns)
        except OSError:
            made_with = None
    how = item.recipe
    parts = (item.key, how.kind, how.quality, how.crop_px, how.size_wh, made_with)
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def task_of(item: Item, file: str, plan: Plan) -> Task:
    """Return how a picture is put at a path."""
    fp = fp_of(item, plan)
    if item.recipe.kind == "copy":
        # A person's own picture is never linked: who edits the copy must not change the original.
        link = plan.params.link and not item.is_own
        return Task(file, fp, None, item.path, link, plan.sums.get(item.frame_id))
    return Task(file, fp, make=lambda: picture(item))


def picture(item: Item) -> bytes:
    """Return the bytes that an item leaves as.

    Raises:
        CurationError: its picture cannot be read.
    """
    from curation.errors import ImageUnreadable

    try:
        data = item.source.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{item.source}: {error.strerror or error}") from error
    return data if item.recipe.kind == "copy" else made(data, item.source, item.recipe)


def facts(item: Item, signals: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what is known of a picture as flat JSON values, the same names in every format."""
    told: dict[str, Any] = {
        "frame": item.key,
        "video": item.video,
        "time_s": round(item.time_s, 6),
        "pts": item.pts,
        "pool": item.pool,
        "verdict": item.verdict,
        "score": None if item.score is None else round(float(item.score), 5),
        "rank": item.rank,
        "stars": item.mark.stars,
        "picked_by_hand": item.mark.flag > 0,
        "person": item.person,
        "tags": list(item.mark.tags),
        "note": item.mark.note,
        "caption": item.caption,
        "split": item.split,
        "width": item.cut.out_wh[0],
        "height": item.cut.out_wh[1],
    }
    return told | ({"signals": dict(signals)} if signals is not None else {})


_encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_indented = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=1).encode
_listed = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",\n  ", ": ")
).encode


def line(row: Mapping[str, Any]) -> bytes:
    """Return one JSON line."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def pretty(value: Mapping[str, Any]) -> bytes:
    """Return JSON with an indent of 1, for a file that people may look into."""
    parts = (f"{_encoded(name)}: {_part(part)}" for name, part in value.items())
    return ("{\n " + ",\n ".join(parts) + "\n}\n").encode()


def _part(value: Any) -> str:
    """Return a value of the outermost object. Long ones are names of texts, which Python's encoder
    in C writes ten times as fast as its indenting one."""
    if value and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        return "{\n  " + _listed(value)[1:-1] + "\n }"
    return _indented(value).replace("\n", "\n ")


def below(*parts: str) -> str:
    """Return a path of the parts that are not empty."""
    return "/".join(part for part in parts if part)


def sides(plan: Plan) -> list[str]:
    """Return the splits of a plan in their order; [""] without a split."""
    return [side for side in ("train", "val", "test", "")
            if any(item.split == side for item in plan.items)] or [""]  # fmt: skip


def caption_files(done: Sequence[Placed]) -> Iterator[Text]:
    """Yield NAME.txt beside each picture that has a caption."""
    for one in done:
        if one.item.caption:
            yield one.file[: -len(one.item.suffix)] + ".txt", f"{one.item.caption}\n".encode()
