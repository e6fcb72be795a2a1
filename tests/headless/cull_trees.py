"""Photos to cull, with everything that people have beside them; and what a folder holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PIL import Image

from curation.store.catalogue import OUR_FOLDER
from tests.photos import photo

Tree = dict[str, Any]
LONG_AGO_NS = 1_600_000_000_000_000_001


def tree(root: Path, *, folder_times: bool = True) -> Tree:
    """Return everything below a folder but our own: content, permissions, times; folders too."""
    found: Tree = {}
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name != OUR_FOLDER]
        for name in (*inner, *names):
            path = Path(folder, name)
            stat = path.lstat()
            if path.is_symlink():
                held: Any = str(path.readlink())
            elif path.is_dir():
                held = stat.st_mtime_ns if folder_times else "folder"
            else:
                held = (path.read_bytes(), stat.st_mtime_ns)
            found[path.relative_to(root).as_posix()] = (stat.st_mode, held)
    return found


def files(root: Path) -> list[bytes]:
    """Return the bytes of every plain file below a folder, sorted: parked ones too, kept ones not.

    What is lost is missing here, whatever name it has by now.
    """
    found = []
    for folder, inner, names in os.walk(root):
        if Path(folder).name == OUR_FOLDER:
            inner[:] = [name for name in inner if name == "parked"]
            continue
        paths = (Path(folder, name) for name in names)
        found += [p.read_bytes() for p in paths if p.is_file() and not p.is_symlink()]
    return sorted(found)


def old(root: Path) -> Path:
    """Give every file and folder below a time long ago, each its own."""
    for i, path in enumerate(sorted(root.rglob("*"), key=lambda p: (-len(p.parts), p))):
        if not path.is_symlink() and OUR_FOLDER not in path.parts:
            os.utime(path, ns=(LONG_AGO_NS + i, LONG_AGO_NS + i * 10**9))
    return root


def pair(folder: Path, seed: int, keeper: str = "IMG_1", loser: str = "IMG_2") -> None:
    """Two pictures of one scene; the second is smaller, so that it loses."""
    photo(folder / f"{keeper}.JPG", seed, (400, 300), taken="2024:05:01 10:00:02")
    with Image.open(folder / f"{keeper}.JPG") as image:
        small = image.convert("RGB").resize((200, 150), Image.Resampling.LANCZOS)
    small.save(folder / f"{loser}.JPG", quality=92)


def company(folder: Path, stem: str = "IMG_2") -> None:
    """Put beside a JPEG all that travels with it."""
    for name, text in (
        (f"{stem}.JPG.xmp", "<rating/>"), (f"{stem}_01.JPG.xmp", "<version/>"),
        (f"{stem}.xmp", "<adobe/>"), (f"{stem}.JPG.pp3", "[pp3]"), (f"{stem}.JPG.dop", "dop"),
        (f"{stem}.wav", "sound"), (f"{stem}.THM", "thumbnail"), (f"{stem}.JPG.json", "not JSON"),
    ):  # fmt: skip
        (folder / name).write_text(f"{text} of {folder.name}/{stem}")


def few(root: Path) -> Path:
    """One pair, of which the loser has a sidecar."""
    pair(root / "day", 2)
    (root / "day" / "IMG_2.JPG.xmp").write_text("<rating/>")
    return old(root)


def shoot(root: Path) -> Path:
    """Two folders with a pair each; the losers' company; strangers; odd names."""
    pair(root / "day 1", 1)
    company(root / "day 1")
    (root / "day 1" / "IMG_1.JPG.xmp").write_text("<keeper/>")
    (root / "day 1" / "notes.txt").write_text("no sidecar")
    pair(root / "day 2" / "ä 写真", 4, "b", "a [1]")
    (root / "day 2" / "ä 写真" / "a [1].JPG.xmp").write_text("<odd/>")
    return old(root)
