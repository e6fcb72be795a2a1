"""Programs that choose pictures of a video, each asked for the same number of each clip.

Peers run as programs of their own, each in a room of its own (bench.peers.places), AGPL and GPL
ones too; nothing of theirs is imported here. A peer that cannot be had is named with the reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.contender import PICTURES, ROOT
from bench.ffmpeg import ffmpeg_path
from bench.peers import places

RECIPE = ROOT / "recipes" / "small.yaml"
INSIDE = str(Path(__file__).with_name("inside.py"))
A_SECOND = 2
"""imagededup takes pictures, not videos: it is given this many stills a second."""

One = Callable[[Path, Path, int], list[Path]]
"""Of (clip, empty folder, how many to ask for): pictures, best or first ones first, maybe fewer."""
Take = Callable[[Sequence[Path], Path, int], dict[Path, list[Path]]]
"""The same of many clips; one on which it failed is not in the answer."""


@dataclass(frozen=True)
class Picker:
    """One program.

    Attributes:
        about: what it was asked for, in some words.
    """

    name: str
    version: str
    licence: str
    about: str
    take: Take = field(compare=False)


def run(words: Sequence[str | Path], folder: Path, around: Mapping[str, str] | None = None) -> str:
    """Run a program in a folder; return what it printed.

    Raises:
        NoPeer: it failed; the text has the last lines that say something.
    """
    done = subprocess.run(
        [str(word) for word in words], cwd=folder,
        env={**os.environ, "COLUMNS": "1000", **(around or {})},  # no error in broken lines
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise places.NoPeer(f"ended with {done.returncode}: {told(done.stdout + done.stderr)}")
    return done.stdout


def each(take: One) -> Take:
    """Return what takes pictures of many clips, by one call for each.

    Raises:
        NoPeer: it fails on the first clip; no other is tried.
    """

    def take_all(clips: Sequence[Path], folder: Path, count: int) -> dict[Path, list[Path]]:
        found = {}
        for number, clip in enumerate(clips):
            space = folder / str(number)
            space.mkdir()
            try:
                found[clip] = take(clip, space, count)
            except places.NoPeer as why:
                if number == 0:
                    raise
                print(f"  {clip.name}: {why}", file=sys.stderr)
        return found

    return take_all


def told(text: str) -> str:
    """Return the line that says why, else the last one: without colours and frames."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|<[^<>]* object at 0x[0-9a-f]+>:? ?", "", text)
    lines = [" ".join(line.strip(" │|╭╰─╮╯").split()) for line in plain.splitlines()]
    lines = [line for line in lines if line]
    why = [line for line in lines if re.search(r"error|fail|cannot|refused", line, re.IGNORECASE)]
    return (why or lines or ["it said nothing"])[-1][:300]


def pictures(folder: Path) -> list[Path]:
    """Return the picture files of a folder and below it, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Return `count` of some pictures, evenly from the first to the last."""
    if len(paths) <= count:
        return list(paths)
    return [paths[int((i + 0.5) * len(paths) / count)] for i in range(count)]


# -- ours and the peers ---------------------------------------------------------------------------


def ours(clips: Sequence[Path], folder: Path, count: int) -> dict[Path, list[Path]]:
    """Return our picks of each clip: the three scripts over all of them, then the best by score."""
    folder = folder / "datastore"
    words = ["--datastore", str(folder), "--recipe", str(RECIPE)]
    calls: tuple[list[str], ...] = (
        ["01_extract.py", *map(str, clips), *words],
        ["02_sort.py", *words],
        ["03_score_and_rank.py", *words, "--budget", "0"],
    )
    for call in calls:
        run([sys.executable, ROOT / call[0], *call[1:]], ROOT)
    found = json.loads((folder / "datastore.json").read_text())
    names = {video["id"]: video["name"] for video in found["videos"]}
    picked: dict[str, list[tuple[float, Path]]] = {}
    for frame in found["frames"]:
        if frame["verdict"] == "picked":
            of = picked.setdefault(names[frame["video"]], [])
            of.append((-frame["score"], folder / frame["path"]))
    return {clip: [path for _, path in sorted(picked.get(clip.name, []))[:count]]
            for clip in clips}  # fmt: skip


def evenly(clip: Path, folder: Path, count: int) -> list[Path]:
    """Take pictures at even distances: what choosing nothing gives."""
    import cv2

    capture = cv2.VideoCapture(str(clip))
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = {int((i + 0.5) * frames / count) for i in range(count)}
    number = 0
    while capture.grab():
        if number in wanted:
            cv2.imwrite(str(folder / f"{number:06d}.png"), capture.retrieve()[1])
        number += 1
    return pictures(folder)


def scenedetect(clip: Path, folder: Path, count: int) -> list[Path]:
    """Take the stills that PySceneDetect saves of each shot."""
    run([sys.executable, "-m", "scenedetect", "-q", "-i", clip, "-o", folder, "detect-adaptive",
         "save-images", "-n", str(count)], folder)  # fmt: skip
    return spread(pictures(folder), count)


def sharp_frames() -> Picker:
    """Return sharp-frames, in its room."""
    python = places.room("sharp-frames", places.SHARP_FRAMES)
    around = _path(places.with_ffmpeg(python, ffmpeg_path()))

    def take(clip: Path, folder: Path, count: int) -> list[Path]:
        run([python.parent / "sharp-frames", clip, folder / "out", "--num-frames", str(count),
             "--force-overwrite"], folder, around)  # fmt: skip
        return pictures(folder / "out")[:count]

    return Picker("sharp-frames", _pinned(places.SHARP_FRAMES), "MIT",
                  "best-n of 10 frames a second, the rest as it comes", each(take))  # fmt: skip


def sharp_frame_extractor() -> Picker:
    """Return sharp-frame-extractor, in its room; it needs Python 3.12."""
    wanted = places.SHARP_FRAME_EXTRACTOR
    python = places.room("sharp-frame-extractor", wanted, places.newer_python((3, 12)))

    def take(clip: Path, folder: Path, count: int) -> list[Path]:
        run([python.parent / "sharp-frame-extractor", clip, "-o", folder / "out", "--count",
             str(count), "-j", "1", "-w", "1"], folder)  # fmt: skip
        return pictures(folder / "out")[:count]

    return Picker("sharp-frame-extractor", _pinned(wanted), "MIT",
                  "the sharpest of each of 4 equal parts", each(take))  # fmt: skip


def imagededup() -> Picker:
    """Return imagededup over stills; its packages are ours, as in the race of hashes."""
    folder = places.beside("imagededup", places.IMAGEDEDUP)
    path = [str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")]
    around = {"PYTHONPATH": os.pathsep.join(part for part in path if part)}

    def take(clips: Sequence[Path], folder: Path, count: int) -> dict[Path, list[Path]]:
        stills = {clip: folder / str(number) for number, clip in enumerate(clips)}
        for clip, into in stills.items():
            into.mkdir()
            run([ffmpeg_path(), "-hide_banner", "-loglevel", "error", "-nostdin", "-i", clip,
                 "-vf", f"fps={A_SECOND}", "-q:v", "2", into / "%05d.jpg"], folder)  # fmt: skip
        said = run([sys.executable, INSIDE, "imagededup", *stills.values()], folder, around)
        found = {}
        for (clip, into), repeats in zip(
            stills.items(), json.loads(said.splitlines()[-1]), strict=True
        ):
            kept = [one for one in pictures(into) if one.name not in set(repeats)]
            found[clip] = spread(kept, count)
        return found

    return Picker("imagededup", _pinned(places.IMAGEDEDUP), "Apache-2.0",
                  f"PHash over {A_SECOND} stills a second, 4 of what it keeps, evenly",
                  take)  # fmt: skip


def katna() -> Picker:
    """Return Katna, in its room."""
    python = places.room("katna", places.KATNA)

    def take(clip: Path, folder: Path, count: int) -> list[Path]:
        out = folder / "out"
        out.mkdir()
        run([python, INSIDE, "katna", clip, out, str(count)], folder)
        return pictures(out)[:count]

    return Picker("Katna", _pinned(places.KATNA), "MIT", "4 key frames", each(take))


def personfromvid() -> Picker:
    """Return personfromvid, run beside our packages; it fetches its models by itself."""
    beside = places.beside("personfromvid", places.PERSONFROMVID)
    python = places.room("sharp-frames", places.SHARP_FRAMES)  # which has an ffprobe
    around = _path(places.with_ffmpeg(python, ffmpeg_path()))
    path = [str(beside), os.environ.get("PYTHONPATH", "")]
    around["PYTHONPATH"] = os.pathsep.join(part for part in path if part)

    def take(clip: Path, folder: Path, count: int) -> list[Path]:
        out = folder / "out"
        out.mkdir()
        run([sys.executable, "-m", "personfromvid", clip, "--output-dir", out, "--device", "cpu",
             "--no-output-face-crop-enabled", "--no-structured-output", "--log-level", "ERROR"],
            folder, {**around, "XDG_CACHE_HOME": str(folder / "cache")})  # fmt: skip
        # its names end in a rank within a category
        found = sorted(pictures(out), key=lambda one: (one.stem.rpartition("_")[2], one.name))
        return found[:count]

    return Picker("personfromvid", _pinned(places.PERSONFROMVID), "GPL-3.0-or-later",
                  "its best of every category", each(take))  # fmt: skip


def _path(programs: Path) -> dict[str, str]:
    return {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _pinned(wanted: tuple[str, ...]) -> str:
    return wanted[0].partition("==")[2]


MAKERS: dict[str, Callable[[], Picker]] = {
    "evenly spaced": lambda: Picker("evenly spaced", "", "", "no choice at all", each(evenly)),
    "PySceneDetect save-images": lambda: Picker(
        "PySceneDetect save-images", version("scenedetect"), "BSD-3-Clause",
        "detect-adaptive, 4 stills of each shot, 4 of these, evenly", each(scenedetect)),
    "sharp-frames": sharp_frames,
    "sharp-frame-extractor": sharp_frame_extractor,
    "Katna": katna,
    "imagededup": imagededup,
    "personfromvid": personfromvid,
}  # fmt: skip


def pickers(names: Sequence[str]) -> Iterator[tuple[str, Picker | str]]:
    """Yield each name with its program, or with why it cannot be had."""
    for name in names:
        try:
            yield name, MAKERS[name]()
        except places.NoPeer as why:
            yield name, str(why)
