"""Everything the false-face head learns from, described once.

Each labelled face goes in as it is and as copies that are moved about, mirrored, made small,
soft, grey or badly compressed, real and false alike, so that low quality and the habits of one
detector are no cue. Real faces also go in redrawn (falseface_made), as false ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curation.steps.falseface_cues import Looker
from train.falseface_made import made
from train.falseface_views import Face, Image, labelled, people

COPIES = 2
MADE_WEIGHT = {"digital": 0.1, "cartoon": 0.02, "engraving": 0.02, "statue": 0.02}
"""What a redrawn face counts for, against one of the labelled, by its kind: there are many, and
alike. Digital painting is what the sets lack most."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Described faces.

    Attributes:
        found: (n, sum of PARTS) numbers, see falseface_cues.
        face: (n,) row of `faces` that a sample shows.
        kind: (n,) "plain", "copy", or the kind of redrawing.
        false, subtype, group, extra: (number of faces,) what is known of each face; see Face.
    """

    found: Floats
    face: npt.NDArray[np.int64]
    kind: npt.NDArray[np.str_]
    false: npt.NDArray[np.bool_]
    subtype: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    extra: npt.NDArray[np.bool_]

    @property
    def sample_false(self) -> npt.NDArray[np.bool_]:
        """Return for each sample whether it is false: redrawn ones are, whoever they show."""
        return np.asarray(self.false[self.face] | np.isin(self.kind, list(MADE_WEIGHT)))

    @property
    def sample_weight(self) -> Floats:
        """Return what each sample counts for."""
        return np.array([MADE_WEIGHT.get(kind, 1.0) for kind in self.kind.tolist()])

    @property
    def plain(self) -> npt.NDArray[np.int64]:
        """Return the sample that shows each face as it is."""
        rows = np.flatnonzero(self.kind == "plain")
        return np.asarray(rows[np.argsort(self.face[rows], kind="stable")])


def degrade(rgb: Image, rng: np.random.Generator) -> Image:
    """Return a picture made smaller, softer, noisier, greyer or compressed, by chance."""
    scale = rng.uniform(0.35, 1.0)
    out = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 1.6))
    if rng.random() < 0.4:
        out = np.clip(out + rng.normal(0, rng.uniform(2, 9), out.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.12:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    gain, lift = rng.uniform(0.7, 1.2), rng.uniform(-15, 15)
    out = np.clip(out.astype(np.float32) * gain + lift, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(30, 95))]
    _, data = cv2.imencode(".jpg", out[..., ::-1], quality)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    small = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def versions(face: Face, number: int) -> list[tuple[str, Image, Image]]:
    """Return (kind, face, surroundings) of everything one face teaches.

    Args:
        number: the face's own seed, so that one face's copies do not hang on another's.
    """
    found = [("plain", *face.views())]
    for copy in range(COPIES):
        rng = np.random.default_rng([number, copy])
        near, far = face.views(rng)
        if rng.random() < 0.5:
            near, far = near[:, ::-1], far[:, ::-1]
        state = int(rng.integers(1 << 30))
        # Both squares come from one frame, so they suffer the same.
        near, far = (degrade(rgb, np.random.default_rng(state)) for rgb in (near, far))
        found.append(("copy", near, far))
    if not face.false and not face.extra:
        for index, kind in enumerate(MADE_WEIGHT):
            rng = np.random.default_rng([number, 100 + index])
            near, far = face.views(rng)
            state = int(rng.integers(1 << 30))
            pair = [made(rgb, kind, np.random.default_rng(state)) for rgb in (near, far)]
            if rng.random() < 0.5:
                pair = [degrade(rgb, np.random.default_rng(state)) for rgb in pair]
            found.append((kind, pair[0], pair[1]))
    return found


def collect(sets: Path) -> Samples:
    """Describe every face that may be learned from; those to be tested on come first."""
    return describe([*labelled(sets), *people(sets)])


def describe(faces: Sequence[Face]) -> Samples:
    """Describe faces and their versions."""
    look = Looker()
    found: list[Floats] = []
    owner: list[int] = []
    kinds: list[str] = []
    for number, face in enumerate(faces):
        shown = versions(face, number)
        found.append(look([near for _, near, _ in shown], [far for _, _, far in shown]))
        owner += [number] * len(shown)
        kinds += [kind for kind, _, _ in shown]
    return Samples(
        np.concatenate(found),
        np.array(owner, np.int64),
        np.array(kinds),
        np.array([face.false for face in faces]),
        np.array([face.subtype for face in faces]),
        np.array([face.group for face in faces]),
        np.array([face.extra for face in faces]),
    )
