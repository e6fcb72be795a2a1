"""Pictures that packages ship: real photographs and drawings without a single person in them.

python -m bench.packaged     unpack the Debian packages into the cache folder (about 190 MB)

Nothing of it is ever committed: the pictures are read where a package put them, from an installed
Python package, from the system, or from a Debian package that was unpacked, not installed, into
the cache. Every name was looked at on contact sheets; pictures with people, however small or
however drawn (scenetext01, the calibration boards, astronaut), are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(os.environ.get("CURATION_PACKAGED", Path.home() / ".cache" / "curation-bench"))

PYTHON = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "gradio": (
        "media_assets/images/cheetah.jpg", "media_assets/images/lion.jpg",
        "media_assets/images/tower.jpg", "test_data/cheetah2.jpg",
    ),
}  # fmt: skip
"""Python package: paths inside it."""

DEBIAN = {
    "lomiri-wallpapers-16.04": (
        "usr/share/backgrounds",
        """
        Dragonfly_by_Bolly.jpg Picture_0B_by_freespace.jpg
        Picture_1A_by_freespace.jpg Wine_by_Jakkub_Mede.jpg aitzgorri_by_Aitzol_Berasategi.jpg
        Bridge_by_Sander_Klootwijk.jpg free_by_Peter_Nerlich.jpg
        friends_by_Aitzol_Berasategi.jpg greentock_by_Peter_Nerlich.jpg
        life_by_Aitzol_Berasategi.jpg picosdeeuropa_by_Aitzol_Berasategi.jpg
        seeding_by_Clements_Engelhardt.jpg sunset_by_Aitzol_Berasategi.jpg
        """,
    ),
    "mate-backgrounds": (
        "usr/share/backgrounds/mate",
        """
        nature/Aqua.jpg nature/Blinds.jpg nature/Dune.jpg nature/FreshFlower.jpg nature/Garden.jpg
        nature/GreenMeadow.jpg nature/LadyBird.jpg nature/RainDrops.jpg nature/Storm.jpg
        nature/TwoWings.jpg nature/Wood.jpg nature/YellowFlower.jpg abstract/Elephants.jpg
        abstract/Flow.png
        """,
    ),
    "python3-skimage": (
        "usr/lib/python3/dist-packages/skimage/data",
        """
        brick.png chelsea.png coffee.png coins.png grass.png gravel.png horse.png
        hubble_deep_field.jpg moon.png motorcycle_left.png page.png retina.jpg rocket.jpg
        """,
    ),
    "opencv-doc": (
        "usr/share/doc/opencv-doc/examples",
        """
        data/HappyFish.jpg data/Blender_Suzanne1.jpg data/aero1.jpg data/aero3.jpg data/aloeL.jpg
        data/apple.jpg data/baboon.jpg data/board.jpg data/box.png data/box_in_scene.png
        data/building.jpg data/butterfly.jpg data/cards.png data/chicky_512.png
        data/ela_original.jpg data/fruits.jpg data/graf1.png data/home.jpg data/left.jpg
        data/leuvenA.jpg data/licenseplate_motion.jpg data/orange.jpg data/right.jpg
        data/rubberwhale1.png data/smarties.png data/squirrel_cls.jpg data/starry_night.jpg
        data/stuff.jpg data/sudoku.png text/scenetext02.jpg text/scenetext03.jpg
        text/scenetext04.jpg text/scenetext05.jpg text/scenetext06.jpg text/scenetext_word02.jpg
        """,
    ),
}
"""Debian package: folder, and file names in it."""


def pictures() -> list[tuple[Path, str]]:
    """Return the pictures that are there, each with the name of its package."""
    found: list[tuple[Path, str]] = []
    for package, names in PYTHON.items():
        spec = find_spec(package)
        root = Path(spec.origin).parent if spec is not None and spec.origin else None
        if root is not None:
            found += [(root / name, package) for name in names]
    for package, (folder, listed) in DEBIAN.items():
        for root in (Path("/"), CACHE / package):
            there = [root / folder / name for name in listed.split()]
            if any(_plain(path) is not None for path in there):
                found += [(path, package) for path in there]
                break
    plain = [(_plain(path), package) for path, package in found]
    return [(path, package) for path, package in plain if path is not None]


def _plain(path: Path) -> Path | None:
    """Return the file itself where it is there; documentation may be packed."""
    return path if path.is_file() else None


def unpack() -> int:
    """Download the Debian packages that are neither installed nor unpacked, and unpack them."""
    missing = [
        package for package, (folder, listed) in DEBIAN.items()
        if not any((root / folder / name).is_file() for root in (Path("/"), CACHE / package)
                   for name in listed.split())
    ]  # fmt: skip
    if missing and (shutil.which("apt-get") is None or shutil.which("dpkg") is None):
        print("needs apt-get and dpkg, or the packages installed: " + " ".join(missing),
              file=sys.stderr)  # fmt: skip
        return 1
    for package in missing:
        folder = CACHE / package
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", package], cwd=folder, check=True)
        archive = next(folder.glob("*.deb"))
        subprocess.run(["dpkg", "-x", archive.name, "."], cwd=folder, check=True)
        archive.unlink()
    print(f"{len(pictures())} pictures without people")
    return 0


if __name__ == "__main__":
    raise SystemExit(unpack())
