"""Why a frame is where it is: a closed set of codes, one line each, in the order they apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["picked", "rejected", "review"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One way for a frame to end.

    Attributes:
        code: what is stored and filtered by.
        verdict: where a frame with this reason goes.
        template: str.format text of the detail; its fields are the numbers and limits.
        advice: what a user can do who wants such frames back.
        limits: tunables that decide about it; the studio puts their sliders beside the count.
    """

    code: str
    verdict: Verdict
    template: str
    advice: str
    limits: tuple[str, ...] = ()


_IN_ORDER = (
    # Extraction: these frames are rows, not files.
    Reason("black", "rejected", "black frame", "lower black_level and extract again"),
    Reason("blank", "rejected", "one flat colour", "lower blank_spread and extract again"),
    Reason(
        "frozen", "rejected", "repeats the frame before",
        "lower frozen_change and extract again",
    ),
    Reason(
        "not_sampled", "rejected", "left out by the sampling mode",
        "extract with more windows a second",
    ),
    # Before any detector looks, see steps/triage.py.
    Reason(
        "blurred", "rejected", "whole picture blurred: sharpness {value:.1f} < {limit:.1f}",
        "lower triage_blur and sort again",
    ),
    Reason(
        "near_copy", "rejected",
        "near copy of the sharper frame at {at:.2f} s (change {value:.1f} <= {limit:.1f})",
        "lower triage_change or triage_s and sort again",
    ),
    Reason("measure_failed", "rejected", "{error}", "repair the file, then sort again"),
    Reason("not_measured", "rejected", "no measurement yet", "run 02_sort.py"),
    # Who is in the picture.
    Reason(
        "false_face", "rejected", "false_p {value:.2f} >= {limit:.2f}{cue}",
        "raise false_face, or mark real people the filter takes for pictures",
        ("false_face",),
    ),
    Reason(
        "no_person", "rejected", "{what}",
        "lower sure_second, or face_score or person_score and sort again",
    ),
    Reason(
        "pose_invented", "rejected", "{what} {value:.2f} < {limit:.2f}, no face",
        "lower pose_agreement, faceless_person or required_visibility",
        ("pose_agreement", "faceless_person", "required_visibility"),
    ),
    Reason(
        "multi_person", "review",
        "another person counts {value:.2f} >= {limit:.2f} of the main one",
        "raise second_person, or crop the frame in review", ("second_person",),
    ),
    Reason(
        "cut_off", "rejected", "{what}",
        "nothing: the picture's edge cuts the person",
    ),
    Reason(
        "pool_unclear", "review", "{what}",
        "lower face_close_up or visibility, or choose the pool in review",
        ("face_close_up", "chest_share", "visibility"),
    ),
    # The picture as a whole.
    Reason(
        "too_dark", "rejected", "brightness {value:.1f} < {limit:.1f}",
        "lower min_brightness", ("min_brightness",),
    ),
    Reason(
        "too_bright", "rejected", "brightness {value:.1f} > {limit:.1f}",
        "raise max_brightness", ("max_brightness",),
    ),
    # The body in the export crop.
    Reason(
        "crop_fit", "rejected", "{value:.2f} of the person fits the best crop < {limit:.2f}",
        "lower crop_keep, or measure pose_area of the image", ("crop_keep",),
    ),
    Reason(
        "crop_px", "rejected", "export crop {value:.0f} px < {limit:.0f} px ({crop})",
        "lower min_px", ("min_px",),
    ),
    Reason(
        "pose_area", "rejected", "pose_area {value:.2f} < {limit:.2f} of the {crop}",
        "lower pose_area", ("pose_area",),
    ),
    Reason(
        "crop_height", "rejected", "person height {value:.2f} < {limit:.2f} of the {crop}",
        "lower crop_height", ("crop_height",),
    ),
    # What the face does.
    Reason(
        "face_cut", "rejected", "{value:.2f} of the face is in the picture < {limit:.2f}",
        "lower min_face_inside", ("min_face_inside",),
    ),
    Reason(
        "eyes_shut", "rejected", "eyes open {value:.2f} < {limit:.2f}",
        "lower min_eye_open", ("min_eye_open",),
    ),
    Reason(
        "mouth_open", "rejected", "mouth open {value:.2f} > {limit:.2f}",
        "raise max_mouth_open", ("max_mouth_open",),
    ),
    Reason(
        "no_smile", "rejected", "smile {value:.2f} < {limit:.2f}",
        "lower min_smile", ("min_smile",),
    ),
    Reason(
        "turned_away", "rejected", "head turned by {value:.0f} degrees > {limit:.0f}",
        "raise max_yaw", ("max_yaw",),
    ),
    Reason(
        "head_up_or_down", "rejected", "head up or down by {value:.0f} degrees > {limit:.0f}",
        "raise max_pitch", ("max_pitch",),
    ),
    Reason(
        "head_tilted", "rejected", "head tilted by {value:.0f} degrees > {limit:.0f}",
        "raise max_roll", ("max_roll",),
    ),
    Reason(
        "face_dark", "rejected", "brightness of the face {value:.0f} < {limit:.0f}",
        "lower min_face_luma", ("min_face_luma",),
    ),
    Reason(
        "face_bright", "rejected", "brightness of the face {value:.0f} > {limit:.0f}",
        "raise max_face_luma", ("max_face_luma",),
    ),
    Reason(
        "face_blown", "rejected", "{value:.2f} of the face is blown out > {limit:.2f}",
        "raise max_face_blown", ("max_face_blown",),
    ),
    Reason(
        "face_uneven", "rejected", "halves of the face are lit alike {value:.2f} < {limit:.2f}",
        "lower min_face_evenness", ("min_face_evenness",),
    ),
    # Focus.
    Reason(
        "face_too_small", "rejected", "face {value:.0f} px < {limit:.0f} px",
        "lower min_face_px", ("min_face_px",),
    ),
    Reason(
        "focus_unknown", "rejected", "neither face nor torso to judge focus on",
        "look at the frame in review",
    ),
    Reason(
        "soft", "rejected", "focus {value:.2f} < {limit:.2f}",
        "lower min_focus", ("min_focus",),
    ),
    Reason(
        "background_sharper", "rejected", "background sharper by {value:.2f} > {limit:.2f}",
        "raise max_focus_gap", ("max_focus_gap",),
    ),
    Reason(
        "body_soft", "rejected", "torso focus {value:.2f} < {limit:.2f} (face {face})",
        "lower min_body_focus", ("min_body_focus",),
    ),
    # A person has to look; only frames that pass everything else are worth the look.
    Reason(
        "false_face_unsure", "review", "false_p {value:.2f} >= {limit:.2f}{cue}",
        "raise false_face_review, or decide in review", ("false_face_review",),
    ),
    Reason(
        "other_person", "rejected", "shows {who}, not {wanted}",
        "name this person in --person as well, or leave it out",
    ),
    # Repeats: the frame named is better and is the centre of its group.
    Reason(
        "duplicate_exact", "rejected", "same pixels as {keeper}",
        "nothing: the other frame stands for it",
    ),
    Reason(
        "duplicate_burst", "rejected", "same burst as {keeper} ({value:.2f} s, {bits} apart)",
        "lower burst_s or burst_hash", ("burst_s", "burst_hash"),
    ),
    Reason(
        "duplicate_near", "rejected", "same picture as {keeper} ({value} bits <= {limit})",
        "lower near_hash", ("near_hash",),
    ),
    Reason(
        "duplicate_subject", "rejected",
        "same subject, pose and expression as {keeper} ({value:.1f} s apart)",
        "lower near_pose, near_expression or near_head, or raise near_look",
        ("near_pose", "near_expression", "near_head", "near_look"),
    ),
    Reason(
        "duplicate_crop", "rejected", "a crop or zoom of {keeper}",
        "raise same_inliers or same_cover", ("same_inliers", "same_cover"),
    ),
    # How many are wanted.
    Reason(
        "quota_gap", "rejected", "{value:.2f} s from a better pick < {limit:.2f} s ({taken})",
        "raise per_video", ("per_video", "per_video_face"),
    ),
    Reason(
        "quota_shot", "rejected", "shot already has {value} of {limit} ({taken})",
        "raise per_video", ("per_video", "per_video_face"),
    ),
    Reason(
        "quota_person", "rejected", "{who} already has {value} of {limit} ({taken})",
        "raise per_person", ("per_person",),
    ),
    Reason(
        "diversity", "rejected", "{value:.2f} like {pick} ({shared})",
        "lower diversity", ("diversity",),
    ),
    Reason(
        "quota_video", "rejected", "{taken}",
        "raise per_video or budget", ("per_video", "per_video_face", "budget"),
    ),
    Reason(
        "below_top", "rejected", "rank {value} of {pool} > top {limit}",
        "raise top", ("top",),
    ),
    # Between 02 and 03.
    Reason("not_ranked", "review", "sorted as {pool}, not ranked yet",
           "run 03_score_and_rank.py"),
    Reason("picked", "picked", "rank {rank} of {pool}: {parts}", "mark it rejected in review"),
    # Culling: what `group` says of photos; the rest of its rejects are the duplicates above.
    Reason("cull_best", "picked", "{why}", "mark another one of its group"),
    Reason("cull_kept", "picked", "{why}", "mark it rejected in review"),
    Reason("cull_tie", "review", "beside {keeper}: {why}", "pick or reject it in review"),
    Reason("cull_alone", "picked", "nothing here is like it",
           "group with a larger --threshold"),
    Reason("cull_near", "rejected", "like {keeper} ({value} <= {limit}): {why}",
           "group with a smaller --threshold, or press N: not a duplicate"),
    Reason("cull_burst", "rejected", "same burst as {keeper} ({value} <= {limit}): {why}",
           "group with a smaller --gap, or with --keep 2"),
    Reason("cull_exact", "rejected", "same picture as {keeper}: {why}",
           "nothing: the other file stands for it"),
    # A person's word, put over what the machine said when marks are applied.
    Reason("picked_by_hand", "picked", "picked by hand; the machine: {machine}",
           "clear the mark in review and apply"),
    Reason("rejected_by_hand", "rejected", "rejected by hand; the machine: {machine}",
           "clear the mark in review and apply"),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _IN_ORDER}
"""Every reason by code, in the order in which they apply: the first that fits is the reason."""

ORDER: tuple[str, ...] = tuple(REASONS)
