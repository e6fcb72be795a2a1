"""Read XMP sidecars with Exiv2, the library of darktable and digiKam; print them as one JSON line.

    python read_exiv2.py READERS FILE...

READERS is searched last (make readers).
"""

from __future__ import annotations

import json
import sys


def main(readers: str, files: list[str]) -> None:
    sys.path.append(readers)
    import pyexiv2

    found = {}
    for file in files:
        with pyexiv2.Image(file) as side:
            found[file] = side.read_xmp()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
