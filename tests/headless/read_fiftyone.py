"""Read an export with FiftyOne's own importer, and print what it found as one line of JSON.

    python read_fiftyone.py READERS FOLDER

READERS is searched last (make readers). The importer is what `Dataset.from_dir` reads with; no
database is started.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(readers: str, folder: str) -> None:
    sys.path.append(readers)
    found = {side.name: read(side) for side in sorted(Path(folder).iterdir()) if side.is_dir()}
    print(json.dumps(found))


def read(side: Path) -> dict[str, Any]:
    """Return the classes and samples of one folder."""
    import fiftyone as fo

    kind = fo.types.FiftyOneImageDetectionDataset()
    importer = kind.get_dataset_importer_cls()(dataset_dir=str(side), compute_metadata=True)
    with importer:
        samples = [sample(*one) for one in importer]
        return {"classes": importer.get_dataset_info()["classes"], "samples": samples}


def sample(path: str, about: Any, label: Any) -> dict[str, Any]:
    """Return what FiftyOne made of one picture."""
    return {
        "file": Path(path).name,
        "size_wh": [about.width, about.height],
        "boxes": [
            {
                "label": box.label, "xywh": box.bounding_box, "confidence": box.confidence,
                "facts": {name: box[name] for name in ("frame", "caption", "stars", "pool")},
            }
            for box in label.detections
        ],
    }  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
