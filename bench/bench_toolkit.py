"""How fast are analyze and dedup? `python -m bench.bench_toolkit` -> results/toolkit.json.

Against what people write (imagehash and OpenCV, then every pair in Python) and imagededup, on the
same pictures and the same hashes; times are processor time, of all processes, which a busy machine
changes least. Where imagededup cannot be fetched, its rows are missing. Python and imagededup are
asked for the neighbours of some of the hashes; the time for all of them is that, multiplied.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
from PIL import Image

from bench import peers
from bench.peers.places import NoPeer
from bench.report import Row, write
from curation.decide.near import pairs_within, stars_within
from curation.engine.reading import read
from curation.store.catalogue import Catalogue
from curation.toolkit.index import Index, measured
from curation.toolkit.workdir import WorkDir
from tests.unit.pictures import scenery

THRESHOLD = 8
CAMERA_WH = (4000, 3000)
ANALYZE_GATE, DEDUP_GATE = 4.0, 100.0
TURNS = 5


def cpu_s(work: Callable[[], Any], rounds: int = 1) -> tuple[float, Any]:
    """Return the least processor time of a piece of work, and its result.

    Processes that it started and ended count too.
    """
    least, made = float("inf"), None
    for _ in range(rounds):
        start = _spent_s()
        made = work()
        least = min(least, _spent_s() - start)
    return least, made


def _spent_s() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def in_turns(*works: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """Return the least processor time of each of some pieces of work, and their results.

    They take turns, so that a slow minute of the machine is not one's alone.
    """
    turns = [[cpu_s(work) for work in works] for _ in range(TURNS)]
    least = [min(seconds for seconds, _ in mine) for mine in zip(*turns, strict=True)]
    return least, [made for _, made in turns[0]]


def photos(folder: Path, n: int) -> list[Path]:
    """Write n pictures of 12 megapixels with sensor noise, and a reduced copy of every third."""
    made = []
    for seed in range(n):
        rgb = scenery(seed, CAMERA_WH).astype(np.int16)
        rgb += np.random.default_rng(seed).integers(-8, 9, rgb.shape, np.int16)
        image = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
        made.append(folder / f"{seed}.jpg")
        image.save(made[-1], quality=90)
        if seed % 3 == 0:
            made.append(folder / f"{seed}_small.jpg")
            image.resize((1600, 1200), Image.Resampling.LANCZOS).save(made[-1], quality=80)
    return made


def peer_phash(path: Path) -> int:
    """Return a picture's hash as imagehash's README has it."""
    with Image.open(path) as image:
        return int(str(imagehash.phash(image)), 16)


def peer_blur(path: Path) -> float:
    """Return the variance of the Laplacian as everybody writes it."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def ours(paths: list[Path], *names: str) -> list[int]:
    """Return our hashes by what a worker of `analyze` does: read, identify, decode, measure."""
    found = []
    for path in paths:
        reading = read(path, measured, (*names, "size"))
        assert not reading.error, reading.error
        found.append(int(reading.told["phash"]["phash"], 16))
    return found


def analyze_rows(paths: list[Path], imagededup: Any) -> list[Row]:
    """Return the cost of measuring the same pictures."""
    ours(paths[:1], "phash", "blur")  # imports are not measured
    peer_phash(paths[0])
    (mine_s, both_s, theirs_s, blur_s), (mine, _, theirs, _) = in_turns(
        lambda: ours(paths, "phash"), lambda: ours(paths, "phash", "blur"),
        lambda: [peer_phash(path) for path in paths], lambda: [peer_blur(path) for path in paths],
    )  # fmt: skip
    n = len(paths)
    apart = pairs_near(np.array(mine, np.uint64), THRESHOLD) ^ pairs_near(
        np.array(theirs, np.uint64), THRESHOLD
    )
    rows = [
        Row("analyze phash: ms a picture", 1e3 * mine_s / n, None, None, False, n),
        Row("analyze phash, blur: ms a picture", 1e3 * both_s / n, None, None, False, n),
        Row("imagehash / analyze: phash", theirs_s / mine_s, ANALYZE_GATE, 6.0, True, n),
        # About 4 with one process each; the gate leaves room for other decoders and processors.
        Row("imagehash, OpenCV / analyze: phash, blur", (theirs_s + blur_s) / both_s, 3.0,
            ANALYZE_GATE, True, n),
        Row("pairs of pictures only one of them finds", len(apart), 0.0, 0.0, False, n),
    ]  # fmt: skip
    if imagededup is not None:
        hasher = imagededup.PHash(verbose=False)
        folder = str(paths[0].parent)
        hasher.encode_image(str(paths[0]))
        dedup_s, _ = cpu_s(lambda: hasher.encode_images(folder, num_enc_workers=0))
        rows.append(
            Row("imagededup / analyze: phash", dedup_s / mine_s, ANALYZE_GATE, 6.0, True, n)
        )
    return rows


def hashes_of(n: int) -> np.ndarray:
    """Return n hashes as a collection has them: a third are near-equal to another one."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 2**64, n, dtype=np.uint64)
    copies = n // 3
    flips = np.packbits(rng.random((copies, 64)) < 0.06, axis=1).view(np.uint64).ravel()
    made[:copies] = made[copies : 2 * copies] ^ flips
    return np.asarray(rng.permutation(made), np.uint64)


def pairs_near(hashes: np.ndarray, radius: int) -> set[tuple[int, int]]:
    """Return all pairs within a radius, as peers give them."""
    near = pairs_within(hashes, radius)
    return set(zip(near.one.tolist(), near.other.tolist(), strict=True))


def dedup_rows(n: int, queries: int, imagededup: Any) -> list[Row]:
    """Return the cost of finding near-equal hashes, and whether the same pairs are found."""
    hashes = hashes_of(n)
    queries = min(queries, n)
    share = n / queries
    group_s, keepers = cpu_s(lambda: stars_within(hashes, THRESHOLD)[0], 5)
    pairs_s, pairs = cpu_s(lambda: pairs_near(hashes, THRESHOLD), 3)
    numbers = hashes.tolist()

    def every_pair() -> set[tuple[int, int]]:
        return {
            (min(i, j), max(i, j))
            for i in range(queries)
            for j, other in enumerate(numbers)
            if (numbers[i] ^ other).bit_count() <= THRESHOLD and i != j
        }

    python_s, found = cpu_s(every_pair)
    python_s *= share / 2  # each pair needs one look only
    asked = {pair for pair in pairs if pair[0] < queries}
    objects = [imagehash.hex_to_hash(f"{number:016x}") for number in numbers[:1000]]
    objects_s, _ = cpu_s(lambda: [a - b <= THRESHOLD for a in objects[:50] for b in objects])
    objects_s *= n * n / 2 / (50 * len(objects))
    split = f"{queries} of {n} hashes asked for"
    rows = [
        Row("dedup: groups, ms", 1e3 * group_s, None, None, False, n),
        Row("dedup: all pairs, ms", 1e3 * pairs_s, None, None, False, n),
        Row("dedup: pictures set aside", float((keepers != np.arange(n)).sum()), None, None,
            False, n),
        Row("every pair of ints in Python / dedup", python_s / group_s, DEDUP_GATE, 1000.0, True,
            n, split=split),
        Row("every pair of imagehash objects / dedup", objects_s / group_s, DEDUP_GATE, 1000.0,
            True, n, split="50,000 pairs"),
        Row("pairs only Python or dedup finds", len(asked ^ found), 0.0, 0.0, False, queries),
    ]  # fmt: skip
    if imagededup is not None:
        hasher = imagededup.PHash(verbose=False)
        names = {f"{i}": f"{number:016x}" for i, number in enumerate(numbers)}
        some = {name: names[name] for name in list(names)[:queries]}
        search = importlib.import_module("imagededup.handlers.search.retrieval")

        def look() -> dict[str, list[tuple[str, int]]]:
            found: dict[str, list[tuple[str, int]]] = search.HashEval(
                names, some, hasher.hamming_distance, False, THRESHOLD, num_dist_workers=0
            ).retrieve_results(scores=True)
            return found

        theirs_s, answer = cpu_s(look)
        theirs = {
            (min(int(a), int(_text(b))), max(int(a), int(_text(b))))
            for a, near in answer.items()
            for b, _ in near
            if a != _text(b)
        }
        rows += [
            Row("imagededup / dedup", theirs_s * share / group_s, DEDUP_GATE, 1000.0, True, n,
                split=split),
            Row("pairs only imagededup or dedup finds", len(asked ^ theirs), 0.0, 0.0, False,
                queries),
        ]  # fmt: skip
    return rows


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def index_rows(folder: Path, n: int) -> list[Row]:
    """Return what known pictures cost: a stat and two look-ups each, no reading."""
    many = folder / "many"
    many.mkdir()
    Image.fromarray(scenery(1, (64, 48))).save(folder / "one.jpg")
    data = (folder / "one.jpg").read_bytes()
    for i in range(n):
        # What follows the end of a JPEG is no part of it, but of its content.
        (many / f"{i}.jpg").write_bytes(data + i.to_bytes(4, "big"))
    time.sleep(2.1)  # a file this young would be read again
    workdir, catalogue = WorkDir(folder), Catalogue(folder / ".curation")
    index = Index(workdir, catalogue)
    pics = workdir.pictures([many])
    list(index.look("bench", pics, ["phash"]))
    seconds, beats = cpu_s(lambda: list(index.look("bench", pics, ["phash"])))
    assert not beats, "known pictures were read again"
    catalogue.close()
    return [Row("a known picture: microseconds", 1e6 * seconds / n, None, 50.0, False, n)]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=12, help="of 12 megapixels")
    parser.add_argument("--hashes", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=2000, help="hashes that peers ask for")
    parser.add_argument("--known", type=int, default=3000, help="pictures of the index")
    options, _ = parser.parse_known_args()
    cv2.setNumThreads(1)
    try:
        imagededup = peers.imagededup()
    except NoPeer as why:
        print(why)
        imagededup = None
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "photos").mkdir()
        rows = dedup_rows(options.hashes, options.queries, imagededup)
        rows += analyze_rows(photos(folder / "photos", options.pictures), imagededup)
        rows += index_rows(folder, options.known)
    finally:
        shutil.rmtree(folder)
    return write("toolkit", rows)


if __name__ == "__main__":
    raise SystemExit(main())
