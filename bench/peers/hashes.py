"""Perceptual hashes of a folder of JPEG files, by one program.

    python -m bench.peers.hashes {ours,imagehash,imagededup} FOLDER

From the file to the 64 bits of its hash: reading and decoding are part of it. Its last line is
{"cpu_s": ...}, without imports and without a first picture that wakes everything up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import cv2


def ours() -> Callable[[Path], str]:
    """Return what a worker of `analyze --phash` does with a file; it names the content too."""
    from curation.engine.reading import read
    from curation.toolkit.index import measured

    def phash(path: Path) -> str:
        reading = read(path, measured, ("phash",))
        if reading.error:
            raise SystemExit(reading.error)
        return str(reading.told["phash"]["phash"])

    return phash


def of_imagehash() -> Callable[[Path], str]:
    """Return what the first lines of imagehash's description do."""
    import imagehash
    from PIL import Image

    def phash(path: Path) -> str:
        with Image.open(path) as picture:
            return str(imagehash.phash(picture))

    return phash


def of_imagededup() -> Callable[[Path], str]:
    """Return what the first lines of imagededup's description do."""
    from bench.peers import imagededup

    hasher = imagededup().PHash(verbose=False)
    return lambda path: str(hasher.encode_image(image_file=str(path)))


MAKERS = {"ours": ours, "imagehash": of_imagehash, "imagededup": of_imagededup}


def main() -> int:
    """Hash every picture of a folder."""
    name, folder = sys.argv[1:]
    cv2.setNumThreads(1)
    paths = sorted(Path(folder).rglob("*.jpg"))
    phash = MAKERS[name]()
    phash(paths[0])
    before = process_time()
    found = [phash(path) for path in paths]
    print(json.dumps({"cpu_s": process_time() - before, "pictures": len(set(paths)),
                      "unlike": len(set(found))}))  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
