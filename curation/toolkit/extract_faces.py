"""extract-faces: aligned face pictures as in FFHQ, by one of four engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import ImageUnreadable, ParamError
from curation.params import tunable
from curation.toolkit import crops, finding, pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import Made, Plan, Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb
from curation.toolkit.workdir import Pic

if TYPE_CHECKING:
    from curation.steps.facesquare import Square

EngineName = Literal["mediapipe", "yunet", "centerface", "dlib"]
REVISION = 1
"""Raise it when the same engine would give other faces."""
LEAST_SCORE = {"mediapipe": 0.7, "yunet": 0.7, "centerface": 0.5, "dlib": 0.5}
NOT_CARRIED = ("classes", "faces")
"""Boxes of the source say nothing in a turned crop."""
SHARP_PX = 64


class ExtractFacesParams(FromToParams):
    """Which faces are taken, and how they are cut."""

    engine: EngineName = tunable(
        "mediapipe",
        "YuNet confirmed by MediaPipe's mesh, YuNet, CenterFace, or dlib (its package is an extra)",
        short="-e",
        basic=True,
    )
    max_faces: int = tunable(
        1, "faces of a picture, the most prominent first", ge=1, le=100, short="-m", basic=True
    )
    max_size: int | None = tunable(
        None, "side of larger faces is reduced to this; smaller ones are never enlarged",
        ge=16, le=8192, unit="px", short="-M", basic=True,
    )  # fmt: skip
    padding: bool = tunable(
        True, "mirror and blur what a crop lacks at the picture's edge; else it is black"
    )
    skip_partial: bool = tunable(
        False, "leave out faces whose crop reaches beyond the picture", basic=True
    )
    min_score: float | None = tunable(
        None, "least score of a face; empty is 0.7 of mediapipe and yunet, else 0.5", ge=0, le=1
    )
    min_size: int = tunable(
        0, "least shorter side of a face", ge=0, le=8192, unit="px", basic=True
    )
    min_sharpness: float | None = tunable(
        None, "least sharpness S of the face at 64 px (sharp over 0.5, soft under 0)", ge=-6, le=3
    )
    search_size: int = tunable(
        640, "longer side that yunet and mediapipe search at; more finds smaller faces",
        ge=160, le=2560, unit="px",
    )  # fmt: skip
    points: str = tunable(
        "", "dlib's shape predictor file of 68 points; without it MediaPipe's mesh places them",
        local=True,
    )  # fmt: skip
    format: crops.Ending = tunable("jpg", "format of the crops", short="-F")
    quality: int = tunable(95, "quality of JPEG and WebP", ge=1, le=100, short="-q")


@dataclass(frozen=True, slots=True)
class _Face:
    """One crop to be made.

    Attributes:
        seen: score, box and points in the picture, and sharpness.
    """

    name: str
    pic: Pic
    sidecar: Mapping[str, Any]
    size_wh: tuple[int, int]
    square: Square
    out_px: int
    seen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Looker:
    finder: Any
    name: str

    def look(
        self, rgb: Any, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return the faces, in pixels of the picture, with how sharp each is."""
        sx, sy = scale_xy
        found = [
            {
                "score": round(face.score, 4),
                "box": [round(v * s, 1) for v, s in zip(face.box, (sx, sy) * 2, strict=True)],
                "points": np.round(face.points * (sx, sy), 1).tolist(),
                "sharpness": _sharpness(rgb, np.array(face.box)),
            }
            for face in self.finder.find(rgb)
        ]
        return {self.name: found}

    def close(self) -> None:
        """Let go of the models."""
        self.finder.close()


def _sharpness(rgb: Any, box: npt.NDArray[np.float64]) -> float | None:
    """Return S of a face at 64 px, None for one that is cut or tiny; see steps.focus_features."""
    from curation.steps.focus_features import face_square as focus_square
    from curation.steps.focus_features import grey_crop, sharpness

    square = focus_square(box)
    side = float(square[2] - square[0])
    grey = grey_crop(rgb, square, SHARP_PX / side) if side >= 2 else None
    return None if grey is None else round(sharpness(grey), 3)


def open_looker(engine: EngineName, search_px: int, points: Path | None) -> finding.Looker:
    """Return an engine, in a worker."""
    from curation.steps.facefinders import open_finder

    return _Looker(open_finder(engine, search_px, points), f"faces.{engine}")


def run(ctx: Context, params: ExtractFacesParams) -> Beats:
    """Cut faces out; the summary has `faces`, what was `left_out` and why, and `without`."""
    to, plan = ctx.target(params.to), ctx.plan()
    pics = finding.sources(ctx, params.from_dirs, to)
    points = _points_file(ctx, params)
    name = f"faces.{params.engine}"
    answers = yield from finding.ask(
        ctx, plan, pics, [name], _fp(params, points),
        partial(open_looker, params.engine, params.search_size, points),
    )  # fmt: skip
    left_out = dict.fromkeys(("weak", "small", "soft", "partial", "too_many"), 0)
    faces: list[_Face] = []
    without = 0
    for pic, sidecar in ctx.sidecars(pics, plan):
        if pic.path not in answers.of:
            continue
        answer = answers.of[pic.path][name]
        without += not answer["found"]
        faces += _faces(pic, sidecar, answer, params, left_out)
    _fill(ctx, plan, params, to, faces)
    yield from ctx.carry_out(
        plan, pictures=len(pics), engine=params.engine, faces=len(faces), without=without,
        left_out={why: n for why, n in left_out.items() if n},
    )  # fmt: skip


def _points_file(ctx: Context, params: ExtractFacesParams) -> Path | None:
    if not params.points:
        return None
    path = ctx.workdir.root / params.points
    if params.engine != "dlib":
        raise ParamError("--points is for --engine dlib", "leave it out")
    if not path.is_file():
        raise ParamError(f"there is no file {path}", "leave --points out to use MediaPipe's mesh")
    return path


def _fp(params: ExtractFacesParams, points: Path | None) -> str:
    from curation import weights
    from curation.steps.facefinders import WEIGHTS

    used = () if points else WEIGHTS[params.engine]
    for weight in used:
        weights.path_of(weight)  # told at once, not once a picture
    parts = [weights.digest_of(weight)[:8] for weight in used]
    if points is not None:
        stat = points.stat()
        parts.append(f"{stat.st_size}-{stat.st_mtime_ns}")
    searched = params.search_size if params.engine in ("yunet", "mediapipe") else 0
    return ":".join([params.engine, str(REVISION), str(searched), *parts])


def _faces(
    pic: Pic,
    sidecar: Mapping[str, Any],
    answer: Mapping[str, Any],
    params: ExtractFacesParams,
    left_out: dict[str, int],
) -> list[_Face]:
    """Return the faces of a picture that are taken, the most prominent first."""
    from curation.steps.facesquare import face_square
    from curation.steps.geometry import prominence

    found, size = answer["found"], (int(answer["size_wh"][0]), int(answer["size_wh"][1]))
    if not found:
        return []
    boxes = np.array([face["box"] for face in found], np.float64)
    scores = np.array([face["score"] for face in found], np.float64)
    order = np.argsort(-prominence(boxes, scores, size), kind="stable")
    good: list[tuple[Mapping[str, Any], Square]] = []
    for face in (found[int(i)] for i in order):
        square = face_square(np.array(face["points"], np.float64))
        why = _unfit(face, square, size, params)
        if why or square is None:
            left_out[why] += 1
        else:
            good.append((face, square))
    left_out["too_many"] += max(0, len(good) - params.max_faces)
    good = good[: params.max_faces]
    return [
        _Face(
            crops.numbered(pic.path.stem, number, len(good), params.format),
            pic,
            sidecar,
            size,
            square,
            max(1, min(int(square.side_px), params.max_size or int(square.side_px))),
            face,
        )
        for number, (face, square) in enumerate(good, start=1)
    ]


def _unfit(
    face: Mapping[str, Any],
    square: Square | None,
    size_wh: tuple[int, int],
    params: ExtractFacesParams,
) -> str:
    """Return which gate keeps a face out, "" when none does."""
    x0, y0, x1, y1 = face["box"]
    least = LEAST_SCORE[params.engine] if params.min_score is None else params.min_score
    if face["score"] < least:
        return "weak"
    if square is None or min(x1 - x0, y1 - y0) < params.min_size:
        return "small"
    sharp = face["sharpness"]
    if params.min_sharpness is not None and (sharp is None or sharp < params.min_sharpness):
        return "soft"
    return "partial" if params.skip_partial and square.outside_px(size_wh) > 0.5 else ""


def _fill(
    ctx: Context, plan: Plan, params: ExtractFacesParams, to: Path, faces: Sequence[_Face]
) -> None:
    from curation.photos.decode import load_upright

    names = ctx.workdir.names(to, [(face.name, face.pic.path) for face in faces])
    recent = crops.Recent(load_upright)
    for face, name in zip(faces, names, strict=True):
        score, shown = face.seen["score"], ctx.workdir.shown(face.pic.path)
        plan.add(
            Write(
                to / name,
                make=partial(_cut, recent, face, params),
                sidecar=_beside(face, params),
                source=face.pic.path,
                fp=pixels.fp(params, face.pic, face.sidecar, face.seen),
                reason=f"face {score:.2f}, {face.out_px} px, of {shown}",
            )
        )


def _beside(face: _Face, params: ExtractFacesParams) -> sc.Sidecar:
    """Return the sidecar of a crop: what is known of the source, and the face in its own pixels."""
    made = {k: v for k, v in sc.carry(face.sidecar, "crop").items() if k not in NOT_CARRIED}
    x0, y0, x1, y1 = face.seen["box"]
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    there = np.clip(face.square.to_crop(corners, face.out_px), 0, face.out_px)
    box = [round(v) for v in (*there.min(axis=0).tolist(), *there.max(axis=0).tolist())]
    points = face.square.to_crop(np.array(face.seen["points"]), face.out_px)
    item = {
        "score": face.seen["score"],
        "box": box,
        "points": np.round(points, 1).tolist(),
        "sharpness": face.seen["sharpness"],
        "engine": params.engine,
    }
    made["faces"] = [{k: v for k, v in item.items() if v is not None}]
    made["crop"] = {
        "box": [round(v) for v in face.seen["box"]],
        "square": np.round(face.square.corners(), 1).tolist(),
    }
    return made


def _cut(recent: crops.Recent[Any], face: _Face, params: ExtractFacesParams) -> Made:
    from curation.steps.facesquare import render

    rgb = recent.of(face.pic.path)
    if (rgb.shape[1], rgb.shape[0]) != face.size_wh:
        raise ImageUnreadable(f"{face.pic.path} changed while it was being cut; run this again")
    made = render(rgb, face.square, face.out_px, params.padding)
    return crops.encoded(made, params.format, params.quality)


VERB = Verb("extract-faces", ExtractFacesParams, run, "Cut out aligned faces.")
