"""Faces over time: posters, paintings and screens against people, and who is who.

Time is judged alone here, without the look of a face: the heads that judge looks were trained on
stills of these sources. All frames are those that the studio stores by default, two a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.quality.track_clips import MIXED_CLIPS, Clip, Piece, collect, pieces
from bench.report import Row, bootstrap
from curation.decide.columns import Columns
from curation.decide.falseface import odds
from curation.decide.tracks import follow
from curation.params import RankParams, TrackParams
from train.flatness import out_of_fold

Floats = npt.NDArray[np.float64]
SPLIT = "folds by face; time alone, 2 stored frames a second"
SAMPLE = "as shipped, 2 stored frames a second"
TWO_IN_PICTURE = ("LivePortrait_d20.mp4", "mmaction2_test.avi")
"""Clips in which now and then another face is the largest."""


def rows(sets: Path) -> list[Row]:
    """Return the metrics."""
    clips = list(collect(sets))
    return [*_liveness(pieces(clips, sets)), *_people(clips)]


def _liveness(found: Sequence[Piece]) -> list[Row]:
    false = np.array([piece.false for piece in found])
    groups = np.array([piece.group for piece in found])
    part = np.array([piece.part for piece in found])
    source = np.array([piece.source for piece in found])
    logit = out_of_fold(found)
    p = decided(logit)
    labelled = (source == "shared") | ((source == "clip") & (part == "window"))
    large = source != "small"
    limits = RankParams()
    sets = (
        ("labelled clips", labelled, 0.98),
        ("and made fakes, all windows and whole clips", large, 0.98),
        ("and small, hard compressed copies", source != "", None),
    )
    made = []
    for name, mine, gate in sets:
        rows_ = np.flatnonzero(mine & np.isfinite(logit))
        made.append(Row(
            f"AUC, {name}", _auc(false[rows_], logit[rows_]), gate, 0.995, True, len(rows_),
            bootstrap(_auc, false[rows_], logit[rows_], groups=groups[rows_]), SPLIT,
        ))
    for name, mine, gate in sets:
        real = mine & ~false
        made.append(Row(
            f"real tracks lost, {name}", float((p[real] >= limits.false_face).sum()),
            None if gate is None else 1, 0, False, int(real.sum()), None, SPLIT,
        ))
    real = ~false
    made.append(Row(
        "real tracks sent to review", float((p[real] >= limits.false_face_review).sum()),
        None, 0, False, int(real.sum()), None, SPLIT,
    ))
    fake = false & np.isfinite(logit)
    made += [
        Row(f"fakes {name}, of those with a vote", float((p[fake] >= limit).mean()), gate, goal,
            True, int(fake.sum()), None, f"p >= {limit}; {SPLIT}")
        for name, limit, gate, goal in (
            ("not kept", limits.false_face_review, 0.7, 0.97),
            ("rejected by time alone", limits.false_face, None, None),
        )
    ]
    at_loss = np.quantile(logit[~false & large & np.isfinite(logit)], 0.98)
    made.append(Row(
        "fakes rejected at 2 % real loss", float((logit[fake] > at_loss).mean()), None, 0.97, True,
        int(fake.sum()), None, SPLIT,
    ))
    made.append(Row(
        "fakes on which time has a vote", float(np.isfinite(logit[false]).mean()), None, 1.0, True,
        int(false.sum()), None, SAMPLE,
    ))
    return made


def decided(logit: Floats) -> Floats:
    """Return (n,) probabilities as the studio has them for faces whose look says nothing."""
    drawn, photographed = odds(np.full(len(logit), np.nan), logit, TrackParams().poster_share)
    return np.asarray((drawn + photographed) / (1 + drawn + photographed))


def _people(clips: Sequence[Clip]) -> list[Row]:
    """Return how well people are followed and told apart in clips of one person each."""
    alone = [
        clip for clip in clips
        if clip.source == "clip" and clip.name not in (*MIXED_CLIPS, *TWO_IN_PICTURE)
        and len(clip.columns["frame_id"])
    ]
    together, clip_no = joined(alone)
    found = follow(together, TrackParams())
    seen = found.track >= 0
    main = np.array([
        np.bincount(found.track[seen & (clip_no == number)]).max()
        / (seen & (clip_no == number)).sum()
        for number in range(len(alone))
    ])
    known = found.person >= 0
    people = [np.unique(found.person[known & (clip_no == number)]) for number in range(len(alone))]
    mixed = np.array([
        len(np.unique(clip_no[found.person == who])) for who in np.unique(found.person[known])
    ])
    return [
        Row("frames of a person in its longest track", float(main.mean()), 0.9, 1.0, True,
            len(alone), bootstrap(lambda x: float(x.mean()), main), SAMPLE),
        Row("people per clip of one person", float(np.mean([len(who) for who in people])), 1.3,
            1.0, False, len(alone), None, SAMPLE),
        Row("people that are two", float((mixed > 1).sum()), 0, 0, False, len(mixed), None, SAMPLE),
    ]


def joined(clips: Sequence[Clip]) -> tuple[Columns, npt.NDArray[np.int64]]:
    """Return the frames of several clips as videos of one catalogue, and each frame's clip."""
    number = np.repeat(np.arange(len(clips)), [len(clip.columns["frame_id"]) for clip in clips])
    names = ("time_s", "shot", "identity", "identity_px", "face_x0", "face_y0", "face_x1",
             "face_y1")
    data = {name: np.concatenate([clip.columns[name] for clip in clips]) for name in names}
    return Columns({**data, "frame_id": np.arange(len(number)) + 1, "video": number}), number


def _auc(false: npt.ArrayLike, logit: npt.ArrayLike) -> float:
    y = np.asarray(false, np.bool_)
    return float(roc_auc_score(y, logit)) if 0 < y.sum() < len(y) else float("nan")
