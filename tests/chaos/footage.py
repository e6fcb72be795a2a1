"""What a chaos run is fed: good clips, each of its own content, and files that are no videos."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests import videos

WAYS = ("upload", "upload", "drop", "link", "twice")
"""How a clip comes in; "twice" is both uploaded and dropped."""


@dataclass(frozen=True, slots=True)
class Good:
    """A clip that must be in the datastore at the end, once."""

    path: Path
    way: str


def make_good(folder: Path, count: int, samples: Path) -> list[Good]:
    """Make clips of several kinds; every tenth is long enough to be killed in the middle.

    Another run may make the same ones in the same folder: each is whole under its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / name for name in ("bikes.mp4",) if (samples / name).is_file()]
    for path in made:
        shutil.copyfile(samples / path.name, part := path.with_name(f"{os.getpid()}-{path.name}"))
        part.rename(path)
    for i in range(count):
        n = 30 + i if i % 10 else 240 + i
        path = folder / f"clip {i:03d}{('.mp4', '.mkv', '.ts')[i % 3]}"
        base = {".mp4": Fraction(1, 12800), ".mkv": Fraction(1, 1000), ".ts": Fraction(1, 90000)}
        if not path.exists():
            part = path.with_name(f"{os.getpid()}-{path.name}")
            videos.make(part, n, cuts=(15 + i % 7,), time_base=base[path.suffix],
                        options={"crf": "26"})
            part.rename(path)
        made.append(path)
    return [Good(path, WAYS[i % len(WAYS)]) for i, path in enumerate(made)]


def _zip(path: Path, _: random.Random) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(3000))


def _noise(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(30_000))


def _flipped(path: Path, rng: random.Random) -> None:
    videos.flip_bytes(videos.clip("cfr25").path, path, 400, rng.randrange(1 << 30))


def _cut(path: Path, rng: random.Random) -> None:
    whole = videos.clip("ts").path.read_bytes()
    path.write_bytes(whole[: rng.randrange(2000, len(whole))])


def _known(name: str) -> Callable[[Path, random.Random], None]:
    def put(path: Path, _: random.Random) -> None:
        shutil.copyfile(videos.bad(name), path)

    return put


BAD: dict[str, Callable[[Path, random.Random], None]] = {
    "zip": _zip,
    "noise": _noise,
    "flipped": _flipped,
    "cut": _cut,
    **{name.split(".")[0]: _known(name) for name in videos.BAD if name != "empty.mp4"},
}


def make_bad(folder: Path, kind: str, number: int, rng: random.Random) -> Path:
    """Make a file that is broken in one way, named like a video."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bad {kind} {number}.mp4"
    BAD[kind](path, rng)
    return path
