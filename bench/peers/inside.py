"""What is called inside a peer's own Python, for peers that have no command line.

    python inside.py imagededup FOLDER ...     # the last line: JSON lists of what it would remove
    python inside.py katna VIDEO FOLDER N      # N key frames into FOLDER

It stands alone, since a peer's own Python runs it; imagededup runs in ours.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any


def imagededup(*folders: str) -> int:
    """Print the names of the pictures of each folder that its first example removes."""
    from curation.steps.tvshim import ensure_torchvision

    ensure_torchvision()  # imagededup imports it for its other methods
    from imagededup.methods import PHash

    hasher: Any = PHash(verbose=False)
    print(json.dumps([hasher.find_duplicates_to_remove(image_dir=one) for one in folders]))
    return 0


def katna(video: str, folder: str, count: str) -> int:
    """Write key frames, as its first example does."""
    # By name: it is a package of that other Python, and none that we need.
    video_module, writer_module = (import_module(f"Katna.{name}") for name in ("video", "writer"))
    video_module.Video().extract_video_keyframes(
        no_of_frames=int(count), file_path=video,
        writer=writer_module.KeyFrameDiskWriter(location=folder),
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit({"imagededup": imagededup, "katna": katna}[sys.argv[1]](*sys.argv[2:]))
