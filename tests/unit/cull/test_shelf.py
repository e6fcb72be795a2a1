"""The shelf of hashes grows, survives kills, and says what a scan of all photos says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curation.cull.library import Library
from curation.cull.shelf import HashShelf
from curation.photos.prints import FP
from tests.unit.cull.shelves import Shot, library


def photos(n: int, seed: int = 0) -> Library:
    """Return n photos with 64-bit hashes of a few bits around three scenes."""
    rng = np.random.default_rng(seed)
    scenes = rng.integers(0, 2**63, 3)
    shots = [
        Shot(f"{at}.jpg", content=f"{seed:04x}{at:028x}",
             phash=int(scenes[at % 3]) ^ int(1 << rng.integers(0, 60)), flat=at % 7 == 6)
        for at in range(n)
    ]  # fmt: skip
    return library(shots)


def scan(found: Library, one: int, radius: int) -> list[tuple[str, int]]:
    bits = [(int(hash_) ^ one).bit_count() for hash_ in found.prints.phash]
    near = [
        (bit, at) for at, bit in enumerate(bits) if bit <= radius and not found.prints.flat[at]
    ]
    return [(found.photos[at].content, bit) for bit, at in sorted(near)]


def ask(shelf: HashShelf, one: int, radius: int) -> list[tuple[str, int]]:
    return shelf.query("phash", 64, np.array([one], np.uint64), radius)


def part(found: Library, low: int, high: int) -> Library:
    return Library(found.photos[low:high], found.prints.take(np.arange(low, high)))


def test_adding_is_rebuilding(tmp_path: Path) -> None:
    every = photos(50)
    whole, grown = HashShelf(tmp_path / "a"), HashShelf(tmp_path / "b")
    assert whole.keep(every) == 43 and whole.keep(every) == 0
    assert [grown.keep(part(every, at, at + 20)) for at in (0, 10, 30)] == [18, 8, 17]
    for file in whole.folder.glob(f"{FP}.*"):
        assert file.read_bytes() == (grown.folder / file.name).read_bytes()
    one = int(every.prints.phash[4])
    assert ask(grown, one, 8) == scan(every, one, 8)
    assert grown.query("ahash", 256, np.zeros(4, np.uint64), 256)


@pytest.mark.parametrize("kind", ["contents", "phash-64.hashes", "whash-256.hashes"])
@pytest.mark.parametrize("lost", [1, 16, 100])
def test_what_a_kill_left_half_written_is_written_again(
    kind: str, lost: int, tmp_path: Path
) -> None:
    every = photos(50)
    shelf = HashShelf(tmp_path)
    shelf.keep(every)
    whole = {file.name: file.read_bytes() for file in shelf.folder.glob(f"{FP}.*")}
    broken = shelf.folder / f"{FP}.{kind}"
    broken.write_bytes(broken.read_bytes()[:-lost])
    ask(shelf, 0, 64)  # asks no more than there is of both
    assert shelf.keep(every) > 0
    assert {file.name: file.read_bytes() for file in shelf.folder.glob(f"{FP}.*")} == whole


def test_a_broken_file_begins_anew(tmp_path: Path) -> None:
    every, shelf = photos(20), HashShelf(tmp_path)
    shelf.keep(every)
    (shelf.folder / f"{FP}.dhash-64.hashes").write_bytes(b"something else")
    assert shelf.keep(every) == 18
    assert ask(shelf, int(every.prints.phash[1]), 6) == scan(every, int(every.prints.phash[1]), 6)


def test_copies_are_kept_once_and_nothing_is_kept_of_nothing(tmp_path: Path) -> None:
    every, shelf = photos(3), HashShelf(tmp_path)
    every.photos[2] = replace(every.photos[2], content=every.photos[0].content)
    assert shelf.keep(every) == 2
    assert shelf.keep(photos(0)) == 0
    with pytest.raises(FileNotFoundError):
        ask(HashShelf(tmp_path / "elsewhere"), 0, 3)
