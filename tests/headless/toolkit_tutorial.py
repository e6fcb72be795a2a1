"""The folders that docs/toolkit.md begins with, made of the two sample clips."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image


def frames_of(clip: Path, ordinals: Sequence[int]) -> list[Any]:
    """Return frames of a clip by their number, as (h, w, 3) RGB."""
    import av

    wanted = dict.fromkeys(ordinals)
    with av.open(str(clip)) as file:
        for i, frame in enumerate(file.decode(video=0)):
            if i in wanted:
                wanted[i] = frame.to_ndarray(format="rgb24")
    return [wanted[i] for i in ordinals]


def make(root: Path, bikes: Path, car: Path) -> Path:
    """Make `set`: holiday and phone with equal names, a damaged file, copies; and a video."""
    holiday, phone = root / "holiday", root / "phone"
    for folder in (holiday, phone, root / "video"):
        folder.mkdir(parents=True)
    for i, rgb in enumerate(frames_of(bikes, (20, 60, 110, 130, 150, 200))):
        Image.fromarray(rgb).save(holiday / f"IMG_{i:04}.jpg", quality=92)
    for i, rgb in enumerate(frames_of(car, (0, 12, 30, 58, 61, 90))):
        Image.fromarray(rgb).save(phone / f"IMG_{i:04}.jpg", quality=95)
    first = Image.open(phone / "IMG_0000.jpg")
    larger = first.resize((first.width * 2, first.height * 2), Image.Resampling.BICUBIC)
    larger.save(phone / "IMG_0000 (large).png")
    whole = (holiday / "IMG_0000.jpg").read_bytes()
    (holiday / "IMG_0099.jpg").write_bytes(whole[: len(whole) // 2])
    shutil.copy2(car, root / "video" / "drive.mp4")
    return root
