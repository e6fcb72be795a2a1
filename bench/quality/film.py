"""A film of 16 segments goes through the three scripts: who is represented, and what leaks?

After the end-to-end protocol of the science report, sections C and V: eight usable clips, a
frozen picture, a repeat of a usable clip, and what must not be picked: blur, darkness, nobody,
two paintings under a moving camera, several people. The clips are those of the labelled videos
and paintings; the film lives in a temporary folder and is never kept.

python -m bench.quality.film FOLDER keeps film and datastore in a folder, to look at the picks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.report import Row
from bench.sets import ROOT, SETS

Rgb = npt.NDArray[np.uint8]

WIDTH, HEIGHT, RATE, LENGTH = 960, 540, 25, 90
SPLIT = "one generated film, real scripts, default settings"
REPEAT_S = 0.4
"""A frame of the repeat this close to a picked one's moment in the first showing doubles it."""


@dataclass(frozen=True)
class Segment:
    """One piece of the film.

    Attributes:
        name: unique.
        kind: usable, freeze, repeat or reject.
        source: clip or painting, as a path within the labelled sets.
        start: first frame that is taken.
        treat: done to each picture, given its place in 0..1.
    """

    name: str
    kind: str
    source: str
    start: int = 0
    treat: Callable[[Rgb, float], Rgb] | None = None


def _blurred(picture: Rgb, _: float) -> Rgb:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 11), np.uint8)


def _darkened(picture: Rgb, _: float) -> Rgb:
    return np.asarray(np.round(picture * 0.06), np.uint8)


def _moved(towards: tuple[float, float], zoom: tuple[float, float]) -> Callable[[Rgb, float], Rgb]:
    """Return a camera that drifts over a still picture towards a point, as it zooms."""

    def treat(picture: Rgb, at: float) -> Rgb:
        tall, wide = picture.shape[:2]
        scale = zoom[0] + (zoom[1] - zoom[0]) * at
        crop_h = min(tall, wide * HEIGHT / WIDTH) / scale
        crop_w = crop_h * WIDTH / HEIGHT
        sway = 0.03 * np.sin(2 * np.pi * np.array([1.5 * at, 2.3 * at + 0.2]))
        x = np.clip((0.5 + (towards[0] - 0.5) * at + sway[0]) * wide, crop_w / 2, wide - crop_w / 2)
        y = np.clip((0.5 + (towards[1] - 0.5) * at + sway[1]) * tall, crop_h / 2, tall - crop_h / 2)
        to = np.array([[WIDTH / crop_w, 0, WIDTH / 2 - x * WIDTH / crop_w],
                       [0, HEIGHT / crop_h, HEIGHT / 2 - y * HEIGHT / crop_h]])
        moved = cv2.warpAffine(picture, to, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        return np.asarray(moved, np.uint8)

    return treat


def _clip(name: str) -> str:
    return f"videos/clips/{name}.mp4"


FILM = (
    Segment("talking woman", "usable", _clip("LivePortrait_d3")),
    Segment("blurred", "reject", _clip("LivePortrait_d6"), 0, _blurred),
    Segment("dancer", "usable", _clip("LivePortrait_s13")),
    Segment("too dark", "reject", _clip("LivePortrait_d20"), 0, _darkened),
    Segment("selfie", "usable", _clip("LivePortrait_d13")),
    Segment("freeze", "freeze", _clip("LivePortrait_d9"), 0),
    Segment("nobody", "reject", _clip("mmaction2_test"), 0),
    Segment("outdoors", "usable", _clip("LivePortrait_s18")),
    Segment("painting", "reject", "falseface_art/frame/0054.jpg", 0,
            _moved((0.5, 0.35), (1.0, 1.5))),
    Segment("interview", "usable", _clip("LivePortrait_s32")),
    Segment("several people", "reject", _clip("facenet_video"), 0),
    Segment("speaker", "usable", _clip("SadTalker_1")),
    Segment("repeat", "repeat", _clip("LivePortrait_d3")),
    Segment("lake", "usable", _clip("LivePortrait_s20")),
    Segment("second painting", "reject", "falseface_art/frame/0040.jpg", 0,
            _moved((0.48, 0.42), (1.2, 1.6))),
    Segment("actor", "usable", _clip("LivePortrait_d18")),
)
FREEZE_FRAMES = 50


def pictures(sets: Path, segment: Segment) -> Iterator[Rgb]:
    """Yield the pictures of a segment at the film's size."""
    path = sets / segment.source
    if path.suffix == ".jpg":
        still = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
        # As photographed from some way off: a scan is finer than any film.
        scale = 1.8 * HEIGHT / min(still.shape[:2])
        still = np.asarray(cv2.resize(still, None, fx=scale, fy=scale,
                                      interpolation=cv2.INTER_AREA), np.uint8)
        taken: list[Rgb] = [still] * LENGTH
    else:
        taken = []
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number >= segment.start:
                    taken.append(_fitted(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
                if len(taken) == LENGTH:
                    break
    if segment.kind == "freeze":
        taken = [taken[0]] * FREEZE_FRAMES
    for number, picture in enumerate(taken):
        yield picture if segment.treat is None else segment.treat(picture, number / len(taken))


def _fitted(picture: Rgb) -> Rgb:
    """Return a picture centred in the film's frame, with black beside or above it."""
    tall, wide = picture.shape[:2]
    scale = min(WIDTH / wide, HEIGHT / tall)
    size = (2 * round(wide * scale / 2), 2 * round(tall * scale / 2))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else
                       cv2.INTER_CUBIC)
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    made[top : top + size[1], left : left + size[0]] = small
    return made


def make_film(path: Path, sets: Path) -> list[tuple[Segment, float, float]]:
    """Write the film and return its segments with begin and end in seconds."""
    cuts, n = [], 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "17", "preset": "veryfast", "threads": "1"}
        for segment in FILM:
            begin = n
            for picture in pictures(sets, segment):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                n += 1
            cuts.append((segment, begin / RATE, n / RATE))
        container.mux(stream.encode(None))
    return cuts


def run_scripts(film: Path, datastore: Path) -> list[dict[str, Any]]:
    """Run 01, 02 and 03 and return every frame that was decided about."""
    words = ["--datastore", str(datastore), "--json"]
    for script, more in (("01_extract.py", [str(film)]), ("02_sort.py", []),
                         ("03_score_and_rank.py", [])):
        done = subprocess.run(
            [sys.executable, str(ROOT / script), *more, *words], cwd=ROOT, capture_output=True,
            text=True, check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{script} ended with {done.returncode}: {done.stderr[-2000:]}")
    frames: list[dict[str, Any]] = json.loads((datastore / "datastore.json").read_text())["frames"]
    return frames


def judge(
    cuts: list[tuple[Segment, float, float]], frames: list[dict[str, Any]]
) -> dict[str, list[float]]:
    """Return the times within its segment of the picks of every segment."""
    times: dict[str, list[float]] = {segment.name: [] for segment, _, _ in cuts}
    for frame in frames:
        if frame["verdict"] == "picked":
            at = frame["time_s"] + 0.5 / RATE
            name, begin = next((s.name, begin) for s, begin, end in cuts if begin <= at < end)
            times[name].append(frame["time_s"] - begin)
    return times


def rows(sets: Path) -> list[Row]:
    """Make the film, run the scripts on it, and count.

    Args:
        sets: folder of the labelled sets.
    """
    with tempfile.TemporaryDirectory(prefix="film-") as folder:
        film = Path(folder) / "film.mp4"
        cuts = make_film(film, sets)
        frames = run_scripts(film, Path(folder) / "datastore")
    return counted(cuts, frames)


def counted(
    cuts: list[tuple[Segment, float, float]], frames: list[dict[str, Any]]
) -> list[Row]:
    """Return the metrics of a run."""
    times = judge(cuts, frames)
    kinds = {segment.name: segment.kind for segment, _, _ in cuts}
    sources = {segment.source: segment.name for segment, _, _ in cuts if segment.kind == "usable"}
    shown = {name for name, kind in kinds.items() if kind == "usable" and times[name]}
    doubled = 0
    for segment, _, _ in cuts:
        if segment.kind == "repeat" and times[segment.name]:
            first = sources[segment.source]
            doubled += sum(
                any(abs(at - other) <= REPEAT_S for other in times[first])
                for at in times[segment.name]
            )
            # A repeat shows the same: either stands for it.
            shown.add(first)
    usable = sum(kind == "usable" for kind in kinds.values())
    leaked = sum(len(times[name]) for name, kind in kinds.items() if kind == "reject")
    frozen = sum(len(times[name]) for name, kind in kinds.items() if kind == "freeze")
    picks = sum(map(len, times.values()))
    return [
        Row("segments represented", len(shown), usable - 1, usable, True, usable, None, SPLIT),
        Row("picks from reject segments", leaked, 1, 0, False, picks, None, SPLIT),
        Row("copies of the freeze kept", frozen, 1, 1, False, FREEZE_FRAMES, None, SPLIT),
        Row("picks of the repeat that double one", doubled, None, 0, False, picks, None, SPLIT),
        Row("picks", picks, None, None, True, len(frames), None, SPLIT),
    ]


def main() -> int:
    """Keep film and datastore in a folder and say what became of every segment."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cuts = make_film(folder / "film.mp4", SETS)
    frames = run_scripts(folder / "film.mp4", folder / "datastore")
    for segment, begin, end in cuts:
        mine = [f for f in frames if begin <= f["time_s"] + 0.5 / RATE < end]
        reasons = Counter(f["reason"] for f in mine).most_common()
        print(f"{begin:6.1f} s {segment.kind:7} {segment.name:16} "
              + ", ".join(f"{n} {reason}" for reason, n in reasons))
    for row in counted(cuts, frames):
        print(f"{row.metric:40} {row.value:g}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
