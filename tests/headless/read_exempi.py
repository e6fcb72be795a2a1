"""Read XMP sidecars with Exempi, which is Adobe's XMP Toolkit; print them as one JSON line.

    python read_exempi.py READERS FILE...

READERS is searched last (make readers); libexempi.so.8 comes from the system.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(readers: str, files: list[str]) -> None:
    sys.path.append(readers)
    from libxmp import XMPMeta
    from libxmp.consts import XMP_NS_DC, XMP_NS_XMP

    found = {}
    for file in files:
        side = XMPMeta()
        side.parse_from_str(Path(file).read_text(encoding="utf-8"))
        words = side.count_array_items(XMP_NS_DC, "subject")
        found[file] = {
            "rating": side.get_property_int(XMP_NS_XMP, "Rating"),
            "label": side.get_property(XMP_NS_XMP, "Label")
            if side.does_property_exist(XMP_NS_XMP, "Label")
            else "",
            "words": [
                side.get_array_item(XMP_NS_DC, "subject", at + 1) for at in range(words)
            ],
        }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
