"""A catalogue as large as you like, over real thumbnails, made in a minute or two.

    fill(root, 240_000)                                  from a test or a bench
    python -m tests.review_store FOLDER --frames 240000  from a shell

A few hundred videos with shots; every column that the measuring steps write, with values that go
together; boxes, pairs, and the decisions that the real judge makes of all that. The pictures are
some thousands and are shared by the rows; a row's picture agrees with the kind of its frame.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.engine.measure import fingerprints
from curation.errors import WeightsMissing
from curation.outputs import decided, rows_of
from curation.params import ExtractParams, RankParams, SortParams
from curation.registry import make_steps
from curation.store.pairs import PairTable
from curation.store.signals import SignalTable, quoted, table_of
from curation.store.sources import SourceTable
from curation.store.videos import info_to_json
from curation.studio import Studio
from curation.video.probe import probe
from tests import review_pictures as pictures_of
from tests.unit.decide.columns import catalogue

Columns = dict[str, npt.NDArray[Any]]
PER_VIDEO, PER_SHOT, STEP_S = 800, 20, 0.5
PEOPLE = 12
FILES_UP_TO = 5_000
"""Frames up to which ranked/, datastore.json and the report are written too."""
KINDS = ("close", "far", "", "")
"""What the pictures of the four kinds of `catalogue` show: face, upper body, full body, nobody."""
INSERT_FRAME = (
    "INSERT INTO frame (id, video_id, pts, time_s, ordinal, file, width, height, reason, sharpness,"
    " luma_mean, luma_std, thumb_offset, thumb_bytes, sampled)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
)
INSERT_BOX = "INSERT INTO box VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
POSE_POINTS = 33


def fill(
    root: Path, frames: int, pictures: int = 3000, seed: int = 7, videos: int = 0
) -> Studio:
    """Fill a new datastore with rows and return it open.

    Args:
        frames: rows of the catalogue.
        pictures: different pictures, best a multiple of 40; rows share them.
        videos: how many videos; 0 for one in 800 frames.
    """
    studio = Studio(root)
    rng = np.random.default_rng(seed)
    n_videos = videos or max(-(-frames // PER_VIDEO), min(4, -(-frames // PER_SHOT)))
    columns = _columns(n_videos, -(-frames // n_videos), frames, rng)
    shared = _Pictures(studio, pictures)
    scene = _scenes(columns, pictures, rng)
    _put_videos(studio, columns)
    _put_frames(studio, columns, shared, scene)
    columns |= _blobs(columns, scene, rng)
    _put_signals(studio, columns)
    with studio.catalogue.transaction() as db:
        db.executemany(INSERT_BOX, _boxes(columns))
    _put_pairs(studio, columns, rng)
    for verb, params in (("extract", ExtractParams(fps=1 / STEP_S)), ("sort", SortParams())):
        studio.catalogue.remember(f"params.{verb}", params.model_dump(mode="json"))
    if frames <= FILES_UP_TO:
        for _ in studio.rank():
            pass
        return studio
    params = RankParams()
    studio.catalogue.remember("params.rank", params.model_dump(mode="json"))
    measures, decisions = decided(studio.catalogue, params)
    studio.decisions.replace(rows_of(measures.columns, decisions))
    return studio


class _Pictures:
    """The JPEGs of a datastore: full frames as files, thumbnails in one pack that all share."""

    def __init__(self, studio: Studio, count: int) -> None:
        folder = studio.root / "videos_folder_1" / "output_images_1"
        folder.mkdir(parents=True, exist_ok=True)
        self.files: list[str] = []
        self.thumbs: list[bytes] = []
        self.luma: list[float] = []
        for first in range(0, count, pictures_of.PER_SCENE):
            face = KINDS[first // pictures_of.PER_SCENE % len(KINDS)]
            for made in pictures_of.make(first, min(pictures_of.PER_SCENE, count - first), face):
                path = folder / f"picture_{len(self.files):05d}.jpg"
                path.write_bytes(made.full)
                self.files.append(path.relative_to(studio.root).as_posix())
                self.thumbs.append(made.thumb)
                self.luma.append(made.luma)


def _columns(n_videos: int, per_video: int, frames: int, rng: np.random.Generator) -> Columns:
    """Return what the steps measure, as columns of one length; blobs come later."""
    made = {name: values[:frames] for name, values in catalogue(n_videos, per_video).items()}
    n = frames
    made["at"] = np.tile(np.arange(per_video), n_videos)[:n]
    face, body = np.isfinite(made["face_x0"]), np.isfinite(made["pose_x0"])
    nobody = made["n_faces"] == 0
    made["kind"] = np.select(
        [nobody, made["face_height_frac"] > 0.3, made["vis_ankle"] > 0.5], [3, 0, 2], 1
    )
    slow = _drift(made, rng)

    def of_face(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(face, values, np.nan)

    turn = 35 * slow
    made |= {
        "eye_open": of_face(np.clip(0.85 + 0.1 * slow - (rng.random(n) < 0.07) * 0.75, 0, 1)),
        "mouth_open": of_face(np.clip(rng.exponential(0.12, n), 0, 1)),
        "smile": of_face(np.clip(0.3 + 0.3 * slow + rng.normal(0, 0.1, n), 0, 1)),
        "yaw_deg": of_face(turn + rng.normal(0, 4, n)),
        "pitch_deg": of_face(8 * slow[::-1] + rng.normal(0, 4, n)),
        "roll_deg": of_face(rng.normal(0, 6, n)),
        "eye_aspect": of_face(np.clip(rng.normal(0.28, 0.05, n), 0, 1)),
        "mouth_aspect": of_face(np.clip(rng.normal(0.1, 0.05, n), 0, 1)),
        "face_inside": of_face(np.where(rng.random(n) < 0.04, 0.8, 1.0)),
        "frontal": np.where(body, np.cos(np.radians(turn)), np.nan),
        "torso_share": np.where(body, np.clip(rng.normal(0.3, 0.05, n), 0, 1), np.nan),
        "head_torsos": np.where(body, rng.normal(0.6, 0.05, n), np.nan),
        "head_rise": np.where(body, rng.normal(0.9, 0.05, n), np.nan),
        "other_body_ratio": np.where(nobody, np.nan, 0.0),
        "identity_px": of_face(made["face_y1"] - made["face_y0"]),
        "focus_px": of_face(np.minimum(made["face_x1"] - made["face_x0"],
                                       made["face_y1"] - made["face_y0"])),
        "focus_across_px": made["focus_blur_px"] * 0.8,
        "focus_motion_deg": np.where(made["focus_blur_px"] > 1.5, rng.uniform(0, 180, n), np.nan),
        "focus_gap": of_face(rng.normal(-0.4, 0.5, n)),
        "face_luma": of_face(np.clip(made["luma_mean"] + rng.normal(10, 12, n), 0, 255)),
        "face_contrast": of_face(np.clip(rng.normal(40, 10, n), 0, 128)),
        "face_clip_low": of_face(rng.exponential(0.01, n)),
        "face_clip_high": of_face(rng.exponential(0.02, n)),
        "face_evenness": of_face(np.clip(1 - rng.exponential(0.15, n), 0, 1)),
        "joints_seen": np.where(body, 2.0**33 - 1, np.nan),
        "clip_low": rng.exponential(0.01, n), "clip_high": rng.exponential(0.01, n),
        "entropy": np.clip(rng.normal(7, 0.4, n), 0, 8), "luma_std": rng.normal(50, 8, n),
    }
    made["luma_mean"] = np.clip(made["luma_mean"], 0, 255)
    made["false_p"] = of_face(np.clip(made["false_p"], 0.001, 0.999))
    made["false_logit"] = np.log(made["false_p"] / (1 - made["false_p"]))
    blurred = np.select([made["focus_blur_px"] < 1, made["focus_blur_px"] < 1.5],
                        ["sharp", "defocus"], "motion")
    made["focus_kind"] = np.where(face, blurred, None)
    made["pixels"] = rng.integers(-(2**62), 2**62, n)
    return made


def _drift(columns: Columns, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return (n,) about -1..1 that wanders slowly through each shot."""
    phase, speed = rng.uniform(0, 6.3, 50_000), rng.uniform(0.1, 0.6, 50_000)
    shot = (columns["video"] * 97 + columns["shot"]) % len(phase)
    return np.sin(phase[shot] + speed[shot] * (columns["at"] % PER_SHOT))


def _scenes(columns: Columns, pictures: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return (n,) the scene that each row shows: one a shot, of the row's kind."""
    n_scenes = max(pictures // pictures_of.PER_SCENE // len(KINDS), 1)
    drawn = rng.integers(n_scenes, size=50_000)
    shot = (columns["video"] * 97 + columns["shot"]) % len(drawn)
    return np.asarray(drawn[shot] * len(KINDS) + columns["kind"], np.int64) % (
        max(pictures // pictures_of.PER_SCENE, 1)
    )


def _put_videos(studio: Studio, columns: Columns) -> None:
    """Store videos, their files and their shots; two clips stand under all the names."""
    folder = studio.root / "videos_folder_1"
    number, counts = np.unique(columns["video"], return_counts=True)
    length_s = float(counts.max() * STEP_S) + 1
    clips = []
    for i, source in enumerate(pictures_of.sources()):
        clips.append(studio.root / f"looped_{i + 1}{source.suffix}")
        pictures_of.looped(source, clips[-1], length_s)
    infos = [probe(path) for path in clips]
    SourceTable(studio.catalogue).add_folder(folder, 1)
    rows, shots, runs, files = [], [], [], []
    for video, count in zip(number.tolist(), counts.tolist(), strict=True):
        info = replace(infos[video % 2], key=f"{video:032x}", duration_s=count * STEP_S)
        name = f"holiday_{video:03d}.mp4"
        os.link(clips[video % 2], folder / name)
        stat = (folder / name).stat()
        path = f"videos_folder_1/{name}"
        rows.append((video, info.key, name, path, 1, video, info.duration_s, info_to_json(info)))
        runs.append((video, count))
        files.append((path, 1, video, stat.st_size, stat.st_mtime_ns, video))
        base = float(info.time_base)
        for shot in range(-(-count // PER_SHOT)):
            start, end = shot * PER_SHOT * STEP_S, min((shot + 1) * PER_SHOT, count) * STEP_S
            shots.append((video, shot, round(start / base), round(end / base), start, end))
    for clip in clips:
        clip.unlink()
    columns["pts"] = np.array(
        [0, *(round(t / float(infos[v % 2].time_base))
              for v, t in zip(columns["video"].tolist(), columns["time_s"].tolist(), strict=True))]
    )[1:]
    with studio.catalogue.transaction() as db:
        db.executemany("INSERT INTO video (id, key, name, path, folder_no, video_no, duration_s,"
                       " info) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany("INSERT INTO source_file (path, folder_no, video_no, size_bytes, mtime_ns,"
                       " video_id) VALUES (?, ?, ?, ?, ?, ?)", files)
        db.executemany("INSERT INTO extraction (video_id, fp, params, done, chunks, time_s,"
                       " decoded, errors) VALUES (?, 'made', '{}', 1, 1, 0, ?, 0)", runs)
        db.executemany("INSERT INTO shot VALUES (?, ?, ?, ?, ?, ?)", shots)


def _put_frames(
    studio: Studio, columns: Columns, shared: _Pictures, scene: npt.NDArray[np.int64]
) -> None:
    """Store the frame rows, and one thumbnail pack that all videos link to."""
    packs = studio.packs
    first = int(columns["video"][0])
    packs.cut(first)
    offsets = packs.append(first, shared.thumbs)
    pack = studio.videos.pack_path(first)
    for video in np.unique(columns["video"])[1:].tolist():
        os.link(pack, studio.videos.pack_path(video))
    step = columns["at"] % PER_SHOT * pictures_of.PER_SCENE // PER_SHOT
    shown = (scene * pictures_of.PER_SCENE + step) % len(shared.files)
    columns["shown"] = shown
    sizes = [len(thumb) for thumb in shared.thumbs]
    width, height = pictures_of.FULL_WH
    ordinal = (columns["time_s"] * 25).astype(np.int64)

    def rows() -> Iterator[tuple[Any, ...]]:
        for i, at in enumerate(shown.tolist()):
            reason = columns["extract_reason"][i]
            yield (
                int(columns["frame_id"][i]), int(columns["video"][i]), int(columns["pts"][i]),
                float(columns["time_s"][i]), int(ordinal[i]),
                None if reason else shared.files[at], width, height, reason,
                float(columns["sharpness"][i]), shared.luma[at], float(columns["luma_std"][i]),
                offsets[at], sizes[at],
            )

    with studio.catalogue.transaction() as db:
        db.executemany(INSERT_FRAME, rows())


def _blobs(columns: Columns, scene: npt.NDArray[np.int64], rng: np.random.Generator) -> Columns:
    """Return the vectors: alike within a shot, related within a scene or a person."""
    n = len(scene)
    shot = columns["video"] * 97 + columns["shot"]
    person = np.where(columns["kind"] < 3, scene % PEOPLE, -1)
    columns["who"] = person
    face, body = columns["kind"] < 2, columns["kind"] < 3

    def vectors(size: int, keep: npt.NDArray[np.bool_], *layers: tuple[Any, float]) -> Any:
        total = rng.normal(0, 0.08, (n, size)).astype(np.float32)
        for group, weight in layers:
            table = rng.normal(0, 1, (4096, size)).astype(np.float32)
            total += weight * table[group % 4096]
        total /= np.linalg.norm(total, axis=1, keepdims=True)
        packed = total.astype("<f2")
        return np.array([row.tobytes() if known else None
                         for row, known in zip(packed, keep.tolist(), strict=True)], object)

    everywhere = np.ones(n, np.bool_)
    poses = rng.normal(0, 0.8, (64, POSE_POINTS * 2)) + np.tile(
        np.linspace(-1, 2, POSE_POINTS)[:, None] * (0, 1), 1
    ).ravel()
    pose = (poses[shot % 64] + rng.normal(0, 0.03, (n, POSE_POINTS * 2))).astype("<f2")
    return {
        "appearance": vectors(96, everywhere, (scene, 0.6), (shot, 0.8), (columns["at"] // 3, 0.2)),
        "scene": vectors(96, everywhere, (scene, 0.8), (shot, 0.6)),
        "identity": vectors(128, face, (person + 1, 1.0)),
        "face_code": vectors(64, face, (person + 1, 0.8), (shot, 0.5)),
        "expression": vectors(52, face, (shot, 0.6), (columns["at"] // 2, 0.6)),
        "pose_shape": np.array([row.tobytes() if known else None
                                for row, known in zip(pose, body.tolist(), strict=True)], object),
    }


def _put_signals(studio: Studio, columns: Columns) -> None:
    """Store the columns under the real steps, so that they count as measured."""
    steps = make_steps(SortParams())
    table = SignalTable(studio.catalogue)
    try:
        keys = fingerprints(steps)
    except WeightsMissing:
        keys = dict.fromkeys((step.name for step in steps), "made")
    stored = [i for i, reason in enumerate(columns["extract_reason"].tolist()) if reason is None]
    ids = columns["frame_id"][stored].tolist()
    errors = [text and text.partition(": ")[2] for text in columns["error"][stored].tolist()]
    for step in steps:
        run = table.register(step, keys[step.name])
        values = [_listed(columns, name, kind, stored) for name, kind in step.produces.items()]
        named = "".join(f", {quoted(name)}" for name in step.produces)
        wrong = errors if step.name == "faces" else [None] * len(ids)
        with studio.catalogue.transaction() as db:
            db.executemany(
                f"INSERT INTO {table_of(step.name)} (frame_id, run, error{named})"
                f" VALUES (?, {run}, ?{', ?' * len(values)})",
                zip(ids, wrong, *values, strict=True),
            )


def _listed(columns: Columns, name: str, kind: type, stored: Sequence[int]) -> list[Any]:
    """Return a column as SQLite takes it; a number that is not one becomes NULL there."""
    if name not in columns:
        return [None] * len(stored)
    values = columns[name][stored]
    if kind is int and values.dtype.kind == "f":
        return [None if value != value else int(value) for value in values.tolist()]
    return list(values.tolist())


def _boxes(columns: Columns) -> Iterator[tuple[Any, ...]]:
    """Yield faces with five points, people, and poses with 33, where the columns have them."""
    eyes = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.78), (0.65, 0.78)], "<f4")
    rng = np.random.default_rng(1)
    body = np.stack([rng.uniform(0.2, 0.8, POSE_POINTS), np.linspace(0.02, 0.98, POSE_POINTS)], 1)
    corners = {
        kind: np.stack([columns[f"{kind}_{side}"] for side in ("x0", "y0", "x1", "y1")], 1)
        for kind in ("face", "person", "pose")
    }
    ids = columns["frame_id"].tolist()
    for i, frame_id in enumerate(ids):
        if columns["extract_reason"][i] is not None:
            continue
        for kind, step, label in (("face", "faces", "face"), ("person", "people", "person"),
                                  ("pose", "pose", "person")):
            box = corners[kind][i]
            if box[0] != box[0]:
                continue
            points, channels = None, None
            if kind == "face":
                points, channels = (box[:2] + eyes * (box[2:] - box[:2])).astype("<f4"), 2
            elif kind == "pose":
                placed = box[:2] + body * (box[2:] - box[:2])
                points, channels = np.c_[placed, np.full(POSE_POINTS, 0.95)].astype("<f4"), 3
            extra = '{"second": 0.9}' if kind == "face" else None
            yield (frame_id, step, 0, label, *map(float, box), 0.9,
                   None if points is None else points.tobytes(), channels, extra)


def _put_pairs(studio: Studio, columns: Columns, rng: np.random.Generator) -> None:
    """Store what matching would say of some neighbours in a shot."""
    same = (columns["video"][1:] == columns["video"][:-1]) & (
        columns["shot"][1:] == columns["shot"][:-1]
    )
    chosen = np.flatnonzero(same & (rng.random(len(same)) < 0.02))
    cover = np.clip(rng.normal(0.8, 0.15, len(chosen)), 0, 1)
    ids = columns["frame_id"]
    PairTable(studio.catalogue).put(
        ((int(ids[i]), int(ids[i + 1]), int(200 * c), float(c))
         for i, c in zip(chosen.tolist(), cover.tolist(), strict=True)), "made",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Fill a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args(argv)
    studio = fill(args.folder, args.frames, args.pictures, args.seed)
    print(studio.decisions.tally())
    studio.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
