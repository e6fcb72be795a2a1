"""Synthetic columns: one good frame per pool to bend in tables, and whole catalogues for speed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]

INTS = ("frame_id", "video", "pts", "shot", "phash", "dhash", "pixels")
BOOLS = ("has_phash", "has_dhash", "has_pixels")
OBJECTS = ("extract_reason", "error", "triage", "false_cue", "pose_shape")

FACE: dict[str, Any] = {
    "width": 1280.0, "height": 720.0, "time_s": 0.0, "shot": 0, "video": 1, "pts": 0,
    "has_phash": True, "extract_reason": None, "error": None, "sharpness": 1.0,
    "luma_mean": 120.0, "luma_std": 50.0, "clip_low": 0.0, "clip_high": 0.0, "entropy": 7.0,
    "n_faces": 1.0, "n_people": 1.0, "n_poses": 1.0,
    "eye_open": 0.9, "mouth_open": 0.0, "yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0,
    "mesh": 1.0,
    "face_index": 0.0, "face_x0": 500.0, "face_y0": 150.0, "face_x1": 750.0, "face_y1": 470.0,
    "face_score": 0.92, "face_second": 0.9, "face_height_frac": 0.44, "face_area_frac": 0.087,
    "person_x0": 330.0, "person_y0": 60.0, "person_x1": 930.0, "person_y1": 720.0,
    "person_score": 0.9,
    "pose_index": 0.0, "pose_score": 0.95, "pose_agreement": 0.9,
    "pose_x0": 350.0, "pose_y0": 200.0, "pose_x1": 900.0, "pose_y1": 700.0,
    "vis_head": 1.0, "vis_shoulder": 1.0, "vis_hip": 0.0, "vis_knee": 0.0, "vis_ankle": 0.0,
    "vis_shoulder_both": 1.0, "vis_hip_both": 0.0, "vis_ankle_both": 0.0,
    "below_shoulder_faces": 0.4, "shoulder_hip_ratio": np.nan, "frontal": 0.95,
    "other_height_ratio": 0.0, "cut_head": 0.0, "cut_feet": 0.0, "cut_side": 0.0,
    "pose_shape": None,
    "focus_s": 0.6, "focus_px": 250.0, "focus_blur_px": 0.2, "focus_bg": -1.0, "focus_gap": 0.0,
    "focus_coherence": 0.1, "focus_body": 0.3,
    "false_p": 0.05, "false_cue": None,
}

UPPER_BODY: dict[str, Any] = FACE | {
    "face_y0": 80.0, "face_x0": 580.0, "face_x1": 690.0, "face_y1": 220.0,
    "face_height_frac": 0.19, "face_area_frac": 0.017, "focus_px": 110.0,
    "person_x0": 400.0, "person_y0": 40.0, "person_x1": 860.0, "person_y1": 720.0,
    "vis_hip": 1.0, "vis_hip_both": 1.0, "below_shoulder_faces": 3.0, "shoulder_hip_ratio": 0.7,
    "pose_x0": 420.0, "pose_y0": 90.0, "pose_x1": 850.0, "pose_y1": 700.0,
}

FULL_BODY: dict[str, Any] = UPPER_BODY | {
    "face_x0": 610.0, "face_y0": 40.0, "face_x1": 680.0, "face_y1": 130.0,
    "face_height_frac": 0.125, "face_area_frac": 0.0068, "focus_px": 70.0,
    "vis_knee": 1.0, "vis_ankle": 1.0, "vis_ankle_both": 1.0, "below_shoulder_faces": 6.0,
    "person_x0": 520.0, "person_y0": 20.0, "person_x1": 760.0, "person_y1": 710.0,
    "pose_x0": 540.0, "pose_y0": 50.0, "pose_x1": 740.0, "pose_y1": 700.0,
}

EMPTY: dict[str, Any] = FACE | {
    name: np.nan for name in FACE
    if name.startswith(("face_", "person_", "pose_", "vis_", "focus_", "cut_"))
} | {"pose_shape": None, "n_faces": 0.0, "n_people": 0.0, "n_poses": 0.0, "false_p": np.nan,
     "other_height_ratio": np.nan, "eye_open": np.nan, "yaw_deg": np.nan, "frontal": np.nan}


def frames(*rows: dict[str, Any]) -> Columns:
    """Return columns of these rows; frame_id counts from 1, hashes far apart unless given."""
    filled = []
    for i, row in enumerate(rows):
        apart = int(np.random.default_rng(i).integers(-(2**63), 2**63))
        filled.append({"frame_id": i + 1, "phash": apart, "dhash": apart, "pixels": apart} | row)
    return {name: column(name, [row[name] for row in filled]) for name in filled[0]} if rows else {
        name: column(name, []) for name in (*FACE, "frame_id", "phash", "dhash", "pixels")
    }


def column(name: str, values: list[Any]) -> npt.NDArray[Any]:
    """Return values as the store would."""
    if name in INTS:
        return np.array(values, np.int64)
    if name in BOOLS:
        return np.array(values, np.bool_)
    if name in OBJECTS:
        made = np.full(len(values), None, object)
        made[:] = values
        return made
    return np.array(values, np.float64)


def spread_out(base: dict[str, Any], n: int, *, video: int = 1, step_s: float = 10.0,
               per_shot: int = 1) -> list[dict[str, Any]]:
    """Return n copies of a frame along a video, far apart in time and look."""
    return [
        base | {
            "video": video, "time_s": i * step_s, "pts": i, "shot": i // per_shot,
            "focus_s": 0.7 - 0.01 * i, "focus_blur_px": 0.2 + 0.01 * i,
        } | _hash(1000 * video + i)
        for i in range(n)
    ]


def _hash(seed: int) -> dict[str, int]:
    value = int(np.random.default_rng(seed).integers(-(2**63), 2**63))
    return {"phash": value, "dhash": value, "pixels": value}


def take(columns: Columns, rows: npt.ArrayLike) -> Columns:
    """Return some rows, in this order."""
    at = np.asarray(rows, np.int64)
    return {name: values[at] for name, values in columns.items()}


def catalogue(n_videos: int, per_video: int, seed: int = 0) -> Columns:
    """Return a varied catalogue: all pools, rejects of all kinds, hashes that drift and jump."""
    rng = np.random.default_rng(seed)
    n = n_videos * per_video
    bases = (FACE, UPPER_BODY, FULL_BODY, EMPTY)
    video = np.repeat(np.arange(1, n_videos + 1), per_video)
    at = np.tile(np.arange(per_video), n_videos)
    shot = at // 20
    scene = rng.choice(4, (n_videos, per_video // 20 + 1), p=(0.4, 0.3, 0.2, 0.1))
    kind = scene[video - 1, shot]
    made: Columns = {}
    for name in FACE:
        if name in INTS or name in BOOLS or name in OBJECTS:
            continue
        values = np.array([base[name] for base in bases], np.float64)[kind]
        noise = rng.normal(0, 0.03, n) * np.abs(values)
        fixed = name.startswith(("n_", "cut_", "width", "height"))
        made[name] = values if fixed else values + noise
    for name in OBJECTS:
        made[name] = np.full(n, None, object)
    made["extract_reason"][rng.random(n) < 0.03] = "frozen"
    made["error"][rng.random(n) < 0.002] = "faces: broken"
    made["focus_s"] += rng.normal(0, 0.5, n)
    made["focus_blur_px"] = np.abs(made["focus_blur_px"] + rng.normal(0, 0.6, n))
    made["luma_mean"] += rng.normal(0, 30, n)
    made["false_p"] = np.clip(made["false_p"] + rng.exponential(0.1, n), 0, 1)
    made["other_height_ratio"] = np.where(rng.random(n) < 0.1, 0.6, 0.0)
    made["n_faces"] = np.where(made["other_height_ratio"] > 0, 2.0, made["n_faces"])
    flips = rng.random((n, 64)) < 0.02
    flips[at == 0] = True
    bits = np.logical_xor.accumulate(flips, axis=0)
    bits ^= (rng.random((n_videos, per_video // 20 + 1, 64)) < 0.5)[video - 1, shot]
    phash = np.packbits(bits, axis=1).view(np.int64).ravel()
    made |= {
        "frame_id": np.arange(1, n + 1), "video": video, "pts": at * 500, "time_s": at * 0.5,
        "shot": shot, "phash": phash, "dhash": phash, "pixels": phash,
        "has_phash": np.ones(n, np.bool_),
    }
    return made
