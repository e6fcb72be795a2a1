"""Faces followed through clips as the studio stores them: two sharpest frames a second."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.quality.camera_moves import MOVES, Picture, Still, film, write_film
from curation.decide.columns import Columns
from curation.decide.flatness import CUES, evidence
from curation.decide.tracks import follow
from curation.params import ExtractParams, MeasureParams, TrackParams
from curation.records import Boxes, Frame, Measured
from curation.registry import make_steps
from curation.steps.base import Item, Step
from curation.steps.geometry import main_face
from curation.video.extract import ExtractTask, extract_video
from curation.video.probe import probe

MADE_FPS, MADE_S = 25, 4
LEAST_STILL_FACE_PX = 90
PORTRAITS_EVERY, OTHERS_EVERY, ANIME_EVERY = 2, 2, 6
"""Which of the stills are filmed: few drawn faces of one style, for most have no mesh."""
SMALL_PX, SMALL_FPS, SMALL_CRF = 160, 30, 32
"""Real clips are judged once more as such a small and hard compressed copy."""
WHOLE = 10**9
FAKES = ("shared", "made")
STEPS = ("faces", "landmarks", "identity")
MIXED_CLIPS = ("face_recognition_short_hamilton_clip.mp4",)
"""Real clips in which people and pictures of people follow each other."""


@dataclass(frozen=True)
class Clip:
    """A clip's stored frames.

    Attributes:
        name: of the file or the still.
        group: whose face it is: clips of one group never stand on both sides of a fold.
        source: "shared" fakes, "made" ones, a real "clip", or its "small" copy.
        columns: as decide sees them, with `ordinal` of each frame in the file.
    """

    name: str
    group: str
    source: str
    columns: dict[str, npt.NDArray[Any]]


def collect(sets: Path) -> Iterator[Clip]:
    """Yield the fakes of the shared set, fakes made of permitted stills, and the real clips."""
    steps = make_steps(MeasureParams(second_opinion=False), STEPS)
    for step in steps:
        step.setup()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield from _clips(sets, steps, Path(folder))
    finally:
        for step in steps:
            step.close()


def _clips(sets: Path, steps: list[Step], folder: Path) -> Iterator[Clip]:
    rows = labels(sets)
    for row in rows:
        if row["label"] == "false":
            path = sets / "falseface_video" / "clips" / row["file"]
            yield Clip(path.stem, path.stem, "shared", measured(path, steps, folder))
    for number, (name, still) in enumerate(stills(sets)):
        move = MOVES[number % len(MOVES)]
        path = folder / f"{number}.mp4"
        times = [frame / MADE_FPS for frame in range(MADE_FPS * MADE_S)]
        write_film(path, film(still, move, times, number), MADE_FPS, 18 + number * 5 % 13)
        yield Clip(f"{move} {name}", name, "made", measured(path, steps, folder))
    for file in sorted({row["file"] for row in rows if row["label"] == "real"}):
        path = sets / "videos" / "clips" / file
        yield Clip(file, path.stem, "clip", measured(path, steps, folder))
        small = folder / "small.mp4"
        write_film(small, shrunk(path), SMALL_FPS, SMALL_CRF)
        yield Clip(file, path.stem, "small", measured(small, steps, folder))


def shrunk(path: Path) -> Iterator[Picture]:
    """Yield the pictures of a clip, shrunk until faces are hardly large enough to judge."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            scale = SMALL_PX / min(rgb.shape[:2])
            size = tuple(max(2, round(side * scale / 2) * 2) for side in rgb.shape[1::-1])
            yield np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def labels(sets: Path) -> list[dict[str, str]]:
    """Return the rows of falseface_video."""
    with (sets / "falseface_video" / "LABELS.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def stills(sets: Path) -> list[tuple[str, Still]]:
    """Return pictures to film, by name: real portraits as posters, paintings, drawings."""
    found: dict[str, list[tuple[str, Still]]] = {"portrait": [], "other": [], "anime": []}
    with (sets / "focus" / "LABELS.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            x, y, w, h = map(float, row["face_box_xywh"].split())
            rgb = _read(sets / "focus" / "sharp" / row["file"])
            still = Still(rgb, np.array([x, y, x + w, y + h]))
            found["portrait"].append((f"portrait {row['file'][:-4]}", still))
    for name in ("falseface_art", "falseface"):
        with (sets / name / "LABELS.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                path = sets / name / "frame" / row["file"]
                if row["label"] != "false" or row["subtype"] == "object" or not path.is_file():
                    continue
                rgb = _read(path)
                size = np.array([rgb.shape[1], rgb.shape[0]] * 2)
                x, y, w, h = np.array(row["face_box_xywh_rel_to_source"].split(), float) * size
                if h >= LEAST_STILL_FACE_PX:
                    kind = "anime" if row["subtype"] == "anime" else "other"
                    still = Still(rgb, np.array([x, y, x + w, y + h]))
                    found[kind].append((f"{row['subtype']} {name} {row['file'][:-4]}", still))
    return [
        *found["portrait"][::PORTRAITS_EVERY],
        *found["other"][::OTHERS_EVERY],
        *found["anime"][::ANIME_EVERY],
    ]


def measured(path: Path, steps: list[Step], folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of one video's frames, extracted and measured by default."""
    info = probe(path)
    rows: list[dict[str, Any]] = []
    shots = []
    for chunk in extract_video(ExtractTask(path, folder, info, ExtractParams())):
        shots += chunk.shots
        for frame in chunk.frames:
            if frame.file is None:
                continue
            rgb = _read(folder / frame.file)
            item = Item(_frame(len(rows), folder / frame.file, frame, rgb), rgb)
            facts = {"frame_id": len(rows) + 1, "time_s": frame.time_s, "ordinal": frame.ordinal}
            rows.append({**facts, "pts": frame.pts, **_signals(item, steps)})
            (folder / frame.file).unlink()
    starts = np.array([shot.start_pts for shot in shots], np.int64)
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        if any(isinstance(value, bytes) for value in values):
            columns[name] = np.array([*values, None], object)[:-1]
        else:
            columns[name] = np.array([np.nan if v is None else v for v in values])
    columns["frame_id"] = np.arange(1, len(rows) + 1)
    columns["video"] = np.zeros(len(rows), np.int64)
    pts = np.array([row["pts"] for row in rows], np.int64)
    columns["shot"] = np.searchsorted(starts, pts, side="right") - 1
    return columns


def _signals(item: Item, steps: list[Step]) -> dict[str, Any]:
    """Return what the steps say of a picture, and where its main face is."""
    signals: dict[str, Any] = {}
    for step in steps:
        found: Measured = step([item])[0]
        item.given[step.name] = found
        signals |= dict(found.signals)
    faces = item.given["faces"].boxes or Boxes.empty(5, 2)
    main = main_face(faces, (item.rgb.shape[1], item.rgb.shape[0]))
    box = [None] * 4 if main is None else faces.xyxy_px[main].tolist()
    return signals | dict(zip(("face_x0", "face_y0", "face_x1", "face_y1"), box, strict=True))


def _frame(number: int, path: Path, frame: Any, rgb: Picture) -> Frame:
    key = f"bench:{frame.pts}"
    return Frame(
        number, key, 0, frame.pts, frame.time_s, path, rgb.shape[1], rgb.shape[0]
    )


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(path)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


@dataclass(frozen=True)
class Piece:
    """One face over some seconds.

    Attributes:
        part: "window" as labelled, "more" for the rest of real clips, "whole" clip, or "fake".
        false: whether it is a picture of a face.
        seconds: that it was watched.
        cues: of its longest track, by name; NaN where time has no vote.
    """

    name: str
    group: str
    source: str
    part: str
    false: bool
    seconds: float
    cues: dict[str, float]


def pieces(clips: Iterable[Clip], sets: Path) -> list[Piece]:
    """Return what is judged: fakes whole; real clips in windows of 75 frames, and whole."""
    rows = [row for row in labels(sets) if row["label"] == "real"]
    found = []
    for clip in clips:
        if clip.source in FAKES:
            found.append(_piece(clip, "fake", (0, WHOLE)))
            continue
        mine = [row for row in rows if row["file"] == clip.name]
        spans = [(int(row["first_frame"]), int(row["last_frame"])) for row in mine]
        found += [_piece(clip, "window", span) for span in spans]
        if clip.name in MIXED_CLIPS:
            continue
        last = int(clip.columns["ordinal"].max(initial=0))
        more = [(first, first + 74) for first in range(0, last - 73, 75)]
        found += [
            _piece(clip, "more", span) for span in more
            if not any(span[0] <= end and begin <= span[1] for begin, end in spans)
        ]
        found.append(_piece(clip, "whole", (0, WHOLE)))
    return found


def _piece(clip: Clip, part: str, span: tuple[int, int]) -> Piece:
    ordinal = clip.columns["ordinal"]
    columns = Columns(clip.columns).take(
        np.flatnonzero((ordinal >= span[0]) & (ordinal <= span[1]))
    )
    track = follow(columns, TrackParams()).track
    cues = dict.fromkeys(CUES, float("nan"))
    seconds = 0.0
    if (track >= 0).any():
        longest = int(np.bincount(track[track >= 0]).argmax())
        mine = np.where(track == longest, 0, -1)
        said = evidence(columns, mine)
        cues = {name: float(value[0]) for name, value in said.cues.items()}
        seconds = float(said.seconds[0])
    name = f"{clip.name} {span[0]}" if span[1] < WHOLE else clip.name
    return Piece(name, clip.group, clip.source, part, clip.source in FAKES, seconds, cues)
