"""What people write for themselves: OpenCV, the variance of the Laplacian, a JPEG.

    python -m bench.peers.opencv_loop {first,sharpest} VIDEO FOLDER

`first` keeps the first picture of every half second and skips the others without converting them;
`sharpest` measures every picture and keeps the best of every half second. One decoding thread and
one for the rest, which is the cheapest way to run either. Its last line is {"cpu_s": ...}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import process_time
from typing import Any

import cv2

A_SECOND, QUALITY = 2, 95


def blur(picture: Any) -> float:
    """Return the variance of the Laplacian of a BGR picture, as everybody writes it."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def keep(picture: Any, value: float, folder: Path, number: int) -> None:
    """Write a still that is named by its number and its measure."""
    name = folder / f"{number:06d}_{value:.1f}.jpg"
    if not cv2.imwrite(str(name), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        raise OSError(f"{name} could not be written")


def loop(capture: Any, folder: Path, sharpest: bool) -> int:
    """Take stills from an open video; return how many."""
    every = capture.get(cv2.CAP_PROP_FPS) / A_SECOND
    number = kept = 0
    best, best_value = None, -1.0
    while capture.grab():
        begins = number == 0 or int(number / every) > int((number - 1) / every)
        if begins and best is not None:
            keep(best, best_value, folder, kept)
            kept, best, best_value = kept + 1, None, -1.0
        if begins or sharpest:
            picture = capture.retrieve()[1]
            value = blur(picture)
            if value > best_value:
                best, best_value = picture, value
        number += 1
    if best is not None:
        keep(best, best_value, folder, kept)
        kept += 1
    return kept


def main() -> int:
    """Run over one video."""
    mode, video, folder = sys.argv[1:]
    cv2.setNumThreads(1)
    before = process_time()
    capture = cv2.VideoCapture(video, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    stills = loop(capture, Path(folder), mode == "sharpest")
    print(json.dumps({"cpu_s": process_time() - before, "stills": stills}))
    return 0 if stills else 1


if __name__ == "__main__":
    raise SystemExit(main())
