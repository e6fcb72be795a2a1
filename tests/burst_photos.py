"""A folder of bursts as a camera leaves it: some shots of each scene, one of them the sharpest."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tests.photos import exif
from tests.unit.pictures import scenery

SIZE_WH = (900, 600)
SHIFT_PX = 3
BLURS_PX = (2.2, 0.0, 1.1, 3.0, 1.6)
"""Of the shots of a burst, in order: the second is the sharp one."""
PAUSE_S, APART_S = 0.4, 60.0


def shoot(
    folder: Path, bursts: int = 8, shots: int = 4, alone: int = 3, real: bool = False
) -> list[list[Path]]:
    """Write bursts and pictures that stand alone; return the paths of each burst in order.

    Every third burst has two shots that are equally sharp, which no machine can tell apart.

    Args:
        real: scenes cut from the sample clips, for pictures of the screens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    made: list[list[Path]] = []
    for burst in range(bursts):
        paths = []
        for shot in range(shots):
            blur_px = BLURS_PX[shot % len(BLURS_PX)]
            if burst % 3 == 2 and shot == 2:
                blur_px = 0.0
            paths.append(
                _photo(folder, number, burst, shot, blur_px, burst * APART_S + shot * PAUSE_S, real)
            )
            number += 1
        made.append(paths)
    for one in range(alone):
        _photo(folder, number, 1000 + one, 0, 0.0, (bursts + one) * APART_S, real)
        number += 1
    return made


def _photo(
    folder: Path, number: int, seed: int, shot: int, blur_px: float, at_s: float, real: bool
) -> Path:
    image = _real(seed, shot) if real else _drawn(seed, shot)
    if blur_px:
        image = image.filter(ImageFilter.GaussianBlur(blur_px))
    minutes, seconds = divmod(at_s, 60)
    taken = f"2024:05:01 10:{int(minutes):02}:{int(seconds):02}"
    path = folder / f"DSC_{number:04}.JPG"
    made = exif(taken=taken, fraction=f"{int(seconds % 1 * 100):02}")
    image.save(path, "JPEG", quality=92, exif=made)
    return path


def _drawn(seed: int, shot: int) -> Image.Image:
    width, height = SIZE_WH
    wide = scenery(seed + 1, (width + 40, height + 40))
    moved = wide[shot * SHIFT_PX :, shot * SHIFT_PX :][:height, :width]
    return Image.fromarray(np.ascontiguousarray(moved))


def _real(seed: int, shot: int) -> Image.Image:
    from tests.review_pictures import scene

    return Image.fromarray(scene(seed, ("close", "far", "")[seed % 3])(shot))


def main() -> int:
    """Fill a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bursts", type=int, default=8)
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--real", action="store_true", help="scenes of the sample clips")
    args = parser.parse_args()
    print(len(shoot(args.folder, args.bursts, args.shots, real=args.real)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
