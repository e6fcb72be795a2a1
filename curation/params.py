"""Every tunable, declared once: flag, YAML key, slider and cache key are this field."""

from __future__ import annotations

from typing import Literal

from curation.extract_params import ExtractParams as ExtractParams
from curation.extract_params import RunParams as RunParams
from curation.tunables import Params as Params
from curation.tunables import extra_of as extra_of
from curation.tunables import range_of as range_of
from curation.tunables import step_of as step_of
from curation.tunables import tunable as tunable


class FaceParams(Params):
    """Face detection."""

    face_size: int = tunable(
        640, "longer side that faces are searched at", ge=160, le=2560, unit="px"
    )
    face_score: float = tunable(0.7, "least YuNet score of a face", ge=0.1, le=1)
    second_opinion: bool = tunable(True, "ask CenterFace about each face as well")


class PeopleParams(Params):
    """Person detection."""

    person_score: float = tunable(0.25, "least score of a person box", ge=0.05, le=1)


class PoseParams(Params):
    """Body keypoints."""

    pose_engine: Literal["mediapipe", "ultralytics"] = tunable(
        "mediapipe", "33 keypoints by MediaPipe, or 17 by ultralytics (AGPL-3.0, opt-in)"
    )
    pose_confidence: float = tunable(0.3, "least confidence of a pose", ge=0.05, le=1)
    pose_people: int = tunable(4, "poses measured per frame, largest people first", ge=1, le=20)


class SubjectParams(Params):
    """Who the main subject is, and which of its keypoints count."""

    keypoint_visibility: float = tunable(
        0.5, "visibility from which a keypoint counts towards the pose box", ge=0, le=1
    )
    edge_margin: float = tunable(
        0.01, "share of the picture at its edge where keypoints do not count", ge=0, le=0.2
    )


class TriageParams(Params):
    """Which frames are left out before any detector looks."""

    triage: bool = tunable(
        True, "leave out clearly blurred frames and near copies before any detector looks"
    )
    triage_blur: float = tunable(
        2.0, "sharpness of the whole picture (variance of its Laplacian) under which it is blurred",
        ge=0, le=10_000,
    )  # fmt: skip
    triage_change: float = tunable(
        6.0,
        "largest change of any of 64 x 64 luma cells up to which a frame is a near copy of a "
        "sharper one of its shot",
        ge=0,
        le=255,
    )
    triage_s: float = tunable(
        1.0, "longest time in which a sharper frame stands for its near copies", ge=0, le=60,
        unit="s",
    )  # fmt: skip


class MeasureParams(
    FaceParams, PeopleParams, PoseParams, SubjectParams, TriageParams, RunParams
):
    """02: how frames are measured."""


class WorkParams(ExtractParams, MeasureParams):
    """What one machine of many does with a video: stills and measures, nothing of other videos."""


class PoolParams(Params):
    """Which pool a frame belongs to."""

    visibility: float = tunable(
        0.5, "visibility from which a joint is taken to be in the picture", ge=0, le=1, basic=True
    )
    face_close_up: float = tunable(
        0.22,
        "face height, as a share of the picture, from which head and shoulders are a face",
        ge=0.05,
        le=1,
        basic=True,
    )
    chest_share: float = tunable(
        0.62,
        "share of the torso in the picture up to which head and shoulders are a face",
        ge=0,
        le=2,
    )
    lone_face_area: float = tunable(
        0.20, "share of the picture that a face without a pose must fill", ge=0, le=1
    )
    second_person: float = tunable(
        0.25,
        "height of another person, as a share of the main one, that sends a frame to review",
        ge=0,
        le=1,
        basic=True,
    )
    pose_agreement: float = tunable(
        0.3,
        "overlap of a pose with a detected person or face under which it is invented",
        ge=0,
        le=1,
    )
    faceless_person: float = tunable(
        0.3, "least score of the person box that vouches for a pose without a face", ge=0, le=1
    )
    sure_second: float = tunable(
        0.8,
        "second detector's score from which a face counts in a picture without a person box",
        ge=0,
        le=1,
    )
    required_visibility: float = tunable(
        0.6, "mean visibility of the joints that a pool requires", ge=0, le=1
    )


class VerifyParams(RunParams):
    """Which frames are compared point by point: one picture, cropped or zoomed?"""

    verify: bool = tunable(
        True, "look for crops and zooms of one picture among frames of different shots"
    )
    matcher: Literal["sift", "loftr"] = tunable(
        "sift", "how pictures are compared; loftr needs a file of weights"
    )
    matcher_weights: str | None = tunable(
        None, "file of kornia's LoFTR weights", local=True
    )
    verify_look: float = tunable(
        0.6, "likeness of whole pictures from which they are compared", ge=0, le=1
    )
    verify_neighbours: int = tunable(
        4, "frames that each frame is compared with at most, likest first", ge=1, le=100
    )
    verify_pairs: int = tunable(
        3000, "pairs compared in one run at most, likest first", ge=0, le=10_000_000
    )


class SortParams(MeasureParams, VerifyParams, PoolParams):
    """02: measures and pools."""


class GateParams(Params):
    """What disqualifies a frame."""

    pose_area: float = tunable(
        0.30,
        "least share of the export crop (or image) that the pose fills",
        ge=0,
        le=1,
        basic=True,
    )
    pose_area_of: Literal["crop", "image"] = tunable(
        "crop",
        "measure the pose against the best export crop, or against the whole image",
        basic=True,
    )
    crop_height: float = tunable(
        0.45, "least height of the person, as a share of the export crop", ge=0, le=1
    )
    crop_margin: float = tunable(
        0.08, "room left around the person in the export crop, as a share of its box", ge=0, le=0.5
    )
    crop_keep: float = tunable(
        0.80, "least share of the person that the export crop must hold", ge=0, le=1
    )
    min_px: int = tunable(
        256, "least short side of the export crop", ge=16, le=4096, unit="px", basic=True
    )
    min_face_px: int = tunable(
        64, "least short side of a face that focus can be judged on", ge=16, le=1024, unit="px"
    )
    false_face: float = tunable(
        0.90,
        "probability from which a face is taken for a drawing, statue or poster",
        ge=0,
        le=1,
        basic=True,
    )
    false_face_review: float = tunable(
        0.35, "probability from which a face goes to review", ge=0, le=1
    )
    min_focus: float = tunable(
        -0.19, "least focus S of the face (sharp about 0.4, soft under 0)", ge=-4, le=2, basic=True
    )
    max_focus_gap: float = tunable(
        1.5, "how much sharper the background may be than the face, in units of S", ge=0, le=6
    )
    min_body_focus: float = tunable(
        -0.8, "least focus S of the torso when the face is too small to judge", ge=-4, le=2
    )
    min_brightness: float = tunable(20, "least mean luma", ge=0, le=255)
    max_brightness: float = tunable(240, "largest mean luma", ge=0, le=255)


class FaceConditionParams(Params):
    """What a face may do, and how it may be lit; faces too small to judge pass."""

    min_face_inside: float = tunable(
        0.85, "least share of the face that the picture's edge leaves", ge=0, le=1
    )
    min_eye_open: float = tunable(
        0.30, "least opening of the eyes (shut under 0.5, open from 0.7)", ge=0, le=1, basic=True
    )
    max_mouth_open: float = tunable(1.0, "largest opening of the mouth", ge=0, le=1, basic=True)
    min_smile: float = tunable(0.0, "least smile", ge=0, le=1)
    max_yaw: float = tunable(
        90,
        "largest turn of the head to a side (90 is a profile)",
        ge=0,
        le=90,
        unit="degrees",
        basic=True,
    )
    max_pitch: float = tunable(
        90, "largest turn of the head up or down", ge=0, le=90, unit="degrees"
    )
    max_roll: float = tunable(180, "largest tilt of the head", ge=0, le=180, unit="degrees")
    min_face_luma: float = tunable(20, "least mean luma of the face", ge=0, le=255)
    max_face_luma: float = tunable(245, "largest mean luma of the face", ge=0, le=255)
    max_face_blown: float = tunable(
        0.5, "largest share of the face that is as good as white", ge=0, le=1
    )
    min_face_evenness: float = tunable(
        0.0, "least likeness of the light on both halves of the face (1 is alike)", ge=0, le=1
    )


class DedupParams(Params):
    """Which frames repeat another one."""

    burst_s: float = tunable(
        0.4, "two kept frames of a shot are at least this far apart", ge=0, le=10, unit="s"
    )
    burst_hash: int = tunable(
        6, "pHash bits within which frames of one shot are one burst", ge=0, le=32, basic=True
    )
    near_hash: int = tunable(
        8,
        "pHash bits within which frames of any two videos are the same picture",
        ge=0,
        le=32,
        basic=True,
    )
    near_look: float = tunable(
        0.90,
        "likeness of subjects from which they may repeat each other, where a video has too few "
        "shots to learn it from",
        ge=0,
        le=1,
    )
    near_pose: float = tunable(
        0.08, "movement of joints, as a share of the figure, from which a pose is another", ge=0,
        le=1, basic=True,
    )
    near_expression: float = tunable(
        0.12, "root mean square change of 52 blendshapes from which an expression is another",
        ge=0, le=1, basic=True,
    )
    near_head: float = tunable(
        8, "turn of the head from which a pose is another", ge=0, le=180, unit="degrees"
    )
    same_inliers: int = tunable(
        30, "matched points that make two frames one picture, cropped or zoomed", ge=8, le=1000
    )
    same_cover: float = tunable(
        0.35, "share of the smaller picture that matched points must span", ge=0, le=1
    )


class TrackParams(Params):
    """Which frames show the same person."""

    same_person: float = tunable(
        0.42, "likeness of two faces (SFace cosine) from which they are one person", ge=0, le=1
    )
    own_threshold: bool = tunable(
        True, "move same_person to what the footage's own tracks and your words about people say, "
        "as far as they say enough",
    )
    track_gap_s: float = tunable(
        3.0, "longest time in which a person may go unseen where they stood", ge=0, le=60, unit="s"
    )
    person: str = tunable(
        "", "names of people, with commas between: only frames that show one of them are picked",
        basic=True, later=True,
    )
    poster_share: float = tunable(
        0.1,
        "share of faces that are printed or shown photographs, to begin with: how far a face that "
        "never lives is taken for one; 0 leaves time out",
        ge=0,
        le=1,
    )


class QuotaParams(Params):
    """How many are picked, and how they spread over time."""

    per_video: int = tunable(6, "picks per video and body pool", ge=1, le=10_000, basic=True)
    per_video_face: int = tunable(
        12, "picks per video in the face pool", ge=1, le=10_000, basic=True
    )
    top: int = tunable(60, "picks per pool", ge=1, le=100_000, basic=True)
    per_person: int = tunable(
        0, "picks per person and pool, over all videos; 0 is no limit", ge=0, le=10_000, basic=True
    )
    budget: float = tunable(
        1.0,
        "places that the videos of a pool share by the root of their usable seconds, in tops; "
        "0 leaves each video its whole quota",
        ge=0,
        le=100,
    )
    diversity: float = tunable(
        0.1,
        "how much variety of look, pose and expression counts against the score in picking",
        ge=0,
        le=1,
        basic=True,
    )


class ScoreParams(Params):
    """What makes a frame better than another of its pool."""

    weight_focus: float = tunable(0.40, "weight of focus", ge=0, le=1, basic=True)
    weight_pose: float = tunable(0.25, "weight of pose", ge=0, le=1, basic=True)
    weight_face: float = tunable(
        0.25, "weight of the face: open eyes, turned to the camera, size", ge=0, le=1, basic=True
    )
    weight_exposure: float = tunable(0.10, "weight of exposure", ge=0, le=1, basic=True)
    weight_taste: float = tunable(
        0.80, "weight of your taste, learned from ratings; without ratings it counts for nothing",
        ge=0, le=1, basic=True, later=True,
    )


class RankParams(
    PoolParams,
    TrackParams,
    GateParams,
    FaceConditionParams,
    DedupParams,
    QuotaParams,
    ScoreParams,
):
    """03: every decision over stored measures."""
