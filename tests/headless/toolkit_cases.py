"""A small work dir and a command for every toolkit verb."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.store.catalogue import OUR_FOLDER, Catalogue
from tests.photos import photo
from tests.unit.pictures import scenery

ODD = "ä [1] 写真.png"
"""A name that globs, shells and old file systems stumble over."""
LOCAL = {"fetch_from": ("127.0.0.1",)}
"""What lets fetch ask this machine, which no command line can."""


def snapshot(root: Path) -> dict[str, Any]:
    """Return everything below a folder but our own: content, time and permissions; folders too."""
    found: dict[str, Any] = {}
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name != OUR_FOLDER]
        for name in (*inner, *names):
            path = Path(folder, name)
            stat = path.lstat()
            rest: Any = (path.read_bytes() if path.is_file() else b"", stat.st_mtime_ns)
            if path.is_symlink():
                rest = str(path.readlink())
            elif path.is_dir():
                rest = "folder"
            found[path.relative_to(root).as_posix()] = (stat.st_mode, rest)
    return found


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder but our own."""
    return {
        name: (root / name).read_bytes() for name in snapshot(root) if (root / name).is_file()
    }


def beside(path: Path, **keys: Any) -> Path:
    """Write a sidecar."""
    path.with_name(path.name + ".json").write_text(json.dumps(keys))
    return path


@cache
def face_frames(video: Path, count: int = 6) -> tuple[Any, ...]:
    """Return upright frames of a clip, spread over it."""
    import av

    with av.open(str(video)) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    return tuple(frames[i * (len(frames) - 1) // max(1, count - 1)] for i in range(count))


def folders(root: Path) -> None:
    """Two folders: equal names, an odd name, a near duplicate, sidecars of several shapes."""
    size = (160, 120)
    chair = {"chair": [{"score": 0.9, "box": [20, 10, 120, 100]}], "dog": []}
    beside(photo(root / "a" / "one.png", 1, size), source="flickr", metrics={"blur": 9.5},
           classes=chair, pets=["unknown key"])  # fmt: skip
    photo(root / "a" / "two.jpg", 2, size, orientation=6)
    beside(photo(root / "a" / ODD, 3, size), phash={"hash": "ff00ff00ff00ff00"}, classes=chair)
    photo(root / "b" / "one.png", 4, size)
    photo(root / "b" / "rgba.webp", 5, size)
    picture = Image.fromarray(scenery(4, size))
    picture.resize((320, 240), Image.Resampling.LANCZOS).save(root / "b" / "one again.jpg")
    for i, path in enumerate(sorted(root.rglob("*.*"))):
        os.utime(path, ns=(1_600_000_000_000_000_123 + i, 1_600_000_000_000_000_456 + i * 10**9))


def looks(root: Path) -> None:
    """Two looks, four pictures of each: enough for two groups."""
    rng = np.random.default_rng(5)
    for look in (1, 6):
        base = scenery(look, (160, 120)).astype(np.int16)
        for i in range(4):
            noisy = np.clip(base + rng.integers(-9, 9, base.shape), 0, 255).astype(np.uint8)
            path = root / "a" / f"{look}{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy).save(path)


def faces(root: Path, clip: Path) -> None:
    """Frames of a real clip with a face in each."""
    (root / "a").mkdir(parents=True)
    for i, frame in enumerate(face_frames(clip, 3)):
        Image.fromarray(frame).save(root / "a" / f"f{i}.png")


def video(root: Path) -> None:
    """A clip whose name has brackets, and one that others' names begin with."""
    from tests import videos

    (root / "v").mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, root / "v" / "a [b].mp4")
    shutil.copy2(videos.clip("cfr25").path, root / "v" / "a.mp4")


def nothing(root: Path) -> None:
    """An empty work dir."""
    root.mkdir()


class Pictures(BaseHTTPRequestHandler):
    """A web server whose every address is a picture of its own."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send a picture."""
        sink = BytesIO()
        Image.fromarray(scenery(len(self.path), (80, 60))).save(sink, "JPEG")
        self.send_response(200)
        self.send_header("Content-Length", str(len(sink.getvalue())))
        self.end_headers()
        self.wfile.write(sink.getvalue())


@contextmanager
def served() -> Iterator[str]:
    """Serve pictures on this machine; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def marked(root: Path) -> None:
    """Two folders that were reviewed: one picture rejected, one with stars."""
    folders(root)
    review(root / "a", {"one.png": ("flag", -1), ODD: ("stars", 4)})
    review(root / "b", {"rgba.webp": ("flag", -1)})


def review(folder: Path, marks: Mapping[str, tuple[str, int]]) -> None:
    """Read a folder as `review` does, then mark pictures by name as its page does."""
    from curation.engine.pictures import add_pictures
    from curation.store.mark_ops import MarkOps, Op

    catalogue = Catalogue(folder / OUR_FOLDER)
    try:
        with catalogue.writing("review"):
            for _ in add_pictures(catalogue, folder, 1):
                pass
        rows = catalogue.db.execute("SELECT path, frame_id FROM picture_file WHERE gone = 0")
        frames = {Path(row["path"]).name: row["frame_id"] for row in rows}
        ops = [
            Op(f"{name}-{kind}", kind, value, np.array([frames[name]]))
            for name, (kind, value) in marks.items()
        ]
        MarkOps(catalogue).apply("page", "me", ops)
    finally:
        catalogue.close()


WORKFLOW = """
annotate: {from: "a,b", source: mine}
workflows:
  clean:
    - annotate
    - select: {from: "a,b", to: good, min_side: 50}
    - rename: {from: good, prefix: p_}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """How one verb is put to the test.

    Attributes:
        argv: the words after the verb, without -d.
        fill: makes the work dir.
        before: commands that run first; they are part of the tree that undo must restore.
        changes: whether the verb changes files at all.
        needs: fixtures: weights_dir, sample_clips.
        files: written into the work dir, as text.
        countable: whether a dry run can know the number of changes.
    """

    argv: tuple[str, ...]
    fill: Callable[..., None] = folders
    before: tuple[tuple[str, ...], ...] = ()
    changes: bool = True
    needs: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    countable: bool = True


AB = ("--from", "a,b")
CASES: dict[str, Case] = {
    "select": Case((*AB, "--to", "good", "--move", "--min-side", "200", "--where", "bytes > 1")),
    "annotate": Case((*AB, "-s", "mine", "-l", "cc0", "--overwrite")),
    "rename": Case((*AB, "-p", "p_")),
    "validate": Case(("--from", "a"), fill=looks, changes=False),
    "analyze": Case((*AB, "--phash", "--blur")),
    "dedup": Case(AB, before=(("analyze", *AB, "--phash", "--blur"),)),
    "detect": Case((*AB, "--classes", "chair,bicycle"), needs=("weights_dir",)),
    "extract-faces": Case(
        ("--from", "a", "--to", "faces"), fill=faces, needs=("weights_dir", "sample_clips")
    ),
    "extract-classes": Case((*AB, "--to", "chairs", "--classes", "chair", "--square")),
    "extract-frames": Case(
        ("--from", "v", "--to", "frames", "--keyframes", "0.5"), fill=video, countable=False
    ),
    "cluster": Case(
        ("--from", "a", "--to", "groups", "--model", "clip", "--min-cluster-size", "3"),
        fill=looks,
        needs=("weights_dir",),
    ),
    "augment": Case((*AB, "--to", "more", "--flipX", "--flipY")),
    "format": Case((*AB, "--to", "jpgs", "--format", "jpg")),
    "frame": Case((*AB, "--to", "small", "--width", "64", "--height", "64", "--mode", "pad")),
    "fetch": Case(
        ("--to", "web", "--input", "list.txt"),
        fill=nothing,
        files={"list.txt": "{server}/1.jpg\n{server}/22.jpg\n# a comment\n{server}/333.jpg\n"},
    ),
    "review-apply": Case(AB, fill=marked),
    "run": Case(("clean", "flow.yaml"), files={"flow.yaml": WORKFLOW}, countable=False),
}
