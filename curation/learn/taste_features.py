"""What a taste is learned on: the measures of frames as one table of plain numbers.

Columns of a catalogue become p features of spread about 1: the declared score and its parts,
technical measures, the pool, principal components of how frames look, and pose terms of each
pool. A `Basis` says how, and goes with a scorer to other datastores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.decide import rank
from curation.decide.columns import Columns
from curation.decide.pools import PICK_POOLS, among
from curation.decide.prepared import Prepared
from curation.learn.taste_model import DECLARED, LEVEL, LOOK, MEASURE, POSE, Prior
from curation.params import RankParams

Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32]

COMPONENTS = 24
SAMPLE = 20_000
"""Frames that centres and components are taken from; of more, evenly spread ones."""
LARGEST = 4.0
"""No feature is further from its middle: one broken measure must not carry a rating."""
MAGNITUDES = ("yaw_deg", "pitch_deg", "roll_deg")
LOGS = ("face_height_frac", "face_area_frac", "sharpness", "focus_px")
MEASURES = (
    "focus_s", "focus_blur_px", "focus_gap", "focus_body", "focus_px", "sharpness",
    "eye_open", "mouth_open", "smile", *MAGNITUDES,
    "face_height_frac", "face_area_frac", "face_inside", "face_score", "false_p",
    "luma_mean", "luma_std", "clip_low", "clip_high", "entropy",
    "face_luma", "face_contrast", "face_clip_high", "face_evenness",
    "other_height_ratio", "torso_share",
)
NET = "taste_net"
"""What a fine-tuned network says, where one is promoted: the step's column."""
TERMS = ("seen", "frontal", "crop_area")


@dataclass(frozen=True, slots=True)
class Basis:
    """How columns become features.

    Attributes:
        names: of the r plain numbers, as `raw` names them.
        centre, spread: (r,) of each.
        look_mean: (d,) of the look vectors; d is 0 where none were measured.
        look_axes: (k, d) principal axes, each divided by its spread.
    """

    names: tuple[str, ...]
    centre: Floats
    spread: Floats
    look_mean: Floats
    look_axes: Floats

    @property
    def kinds(self) -> tuple[int, ...]:
        """Return the kind of each of the p features, see taste_model."""
        special = {"declared": DECLARED, NET: LEVEL}
        plain = [special.get(name, MEASURE) for name in self._plain()]
        return (
            *plain, *[LOOK] * len(self.look_axes), LEVEL, *[LEVEL] * len(PICK_POOLS),
            *[POSE] * (len(PICK_POOLS) * len(TERMS)),
        )

    @property
    def prior(self) -> Prior:
        """Return what is believed of the features before any rating."""
        kinds = self.kinds
        variance = 1 / np.maximum(np.sum(self.look_axes**2, axis=1), 1e-9)  # see `look_axes`
        own = np.ones(len(kinds))
        own[np.asarray(kinds) == LOOK] = variance / variance.mean() if len(variance) else variance
        return Prior(kinds, tuple(own.tolist()))

    @property
    def features(self) -> tuple[str, ...]:
        """Return the name of each of the p features."""
        return (
            *self._plain(), *(f"look_{i + 1}" for i in range(len(self.look_axes))), "all",
            *PICK_POOLS, *(f"{pool}_{term}" for pool in PICK_POOLS for term in TERMS),
        )

    def _plain(self) -> tuple[str, ...]:
        return self.names[: len(self.names) - len(TERMS)]

    def table(self, raw: Raw) -> Table:
        """Return (n, p) float32; a missing number is taken to be the middle one."""
        known = np.column_stack([raw.numbers.get(name, np.full(raw.n, np.nan))
                                 for name in self.names])
        z = np.clip((known - self.centre) / self.spread, -LARGEST, LARGEST)
        z[~np.isfinite(z)] = 0.0
        plain, terms = z[:, : -len(TERMS)], z[:, -len(TERMS):]
        inside = np.column_stack([raw.pool == i for i in range(len(PICK_POOLS))]).astype(float)
        posed = (inside[:, :, None] * terms[:, None, :]).reshape(raw.n, -1)
        return np.concatenate(
            [plain, self._looks(raw), np.ones((raw.n, 1)), inside, posed], 1, dtype=np.float32,
            casting="same_kind",
        )

    def _looks(self, raw: Raw) -> Table:
        found = np.zeros((raw.n, len(self.look_axes)), np.float32)
        if raw.look.shape[1] == len(self.look_mean) and len(self.look_axes):
            mean, axes = self.look_mean.astype(np.float32), self.look_axes.astype(np.float32)
            found[raw.has_look] = np.clip(
                (raw.look[raw.has_look] - mean) @ axes.T, -LARGEST, LARGEST)
        return found


@dataclass(frozen=True, slots=True)
class Raw:
    """What columns say of n frames, before it is brought to one scale.

    Attributes:
        numbers: by name, (n,) float64; NaN where nothing was measured.
        pool: (n,) position in PICK_POOLS, -1 for frames of none.
        look: (n, d) float32 vectors of how frames look.
        has_look: (n,) which have one.
        known: (n,) frames that were measured at all.
    """

    numbers: Mapping[str, Floats]
    pool: npt.NDArray[np.int8]
    look: npt.NDArray[np.float32]
    has_look: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Return the number of frames."""
        return len(self.pool)


def raw(data: Mapping[str, npt.NDArray[np.generic]] | Columns) -> Raw:
    """Return the numbers of all frames, in the order of the columns.

    Pools, crops and parts are those of the default settings: a scorer must mean the same
    wherever a slider stands.
    """
    given = Columns.of(data)
    params = RankParams()
    ready = Prepared(given)
    columns = ready.columns
    number = ready.pool(params)
    crop = ready.crop(params)
    parts = {name: part.values for name, part in ready.parts(params).items() if name in rank.PARTS}
    numbers: dict[str, Floats] = {"declared": rank.absolute_total(parts, params)}
    numbers |= {f"part_{name}": values for name, values in parts.items()}
    for name in MEASURES:
        values = columns.floats(name)
        values = np.abs(values) if name in MAGNITUDES else values
        numbers[name] = np.log(np.maximum(values, 1e-6)) if name in LOGS else values
    if NET in columns:
        numbers[NET] = columns.floats(NET)
    numbers |= _framing(columns)
    pool = np.full(columns.n, -1, np.int8)
    seen = np.full(columns.n, np.nan)
    for i, name in enumerate(PICK_POOLS):
        mine = among(number, name)
        pool[mine] = i
        joints = np.stack([columns.floats(f"vis_{joint}") for joint in rank.JOINTS[name]])
        seen = np.where(mine, _mean(joints), seen)
    numbers |= {"seen": seen, "frontal": columns.floats("frontal"), "crop_area": crop.area}
    look, has = columns.vectors("appearance")
    known = ready.extracted & np.isfinite(columns.floats("n_faces"))
    if not ready.in_order:
        back = np.empty(columns.n, np.int64)
        back[ready.order] = np.arange(columns.n)
        numbers = {name: values[back] for name, values in numbers.items()}
        pool, look, has, known = pool[back], look[back], has[back], known[back]
    return Raw(numbers, pool, look, has, known)


def basis_of(raw: Raw) -> Basis:
    """Return the scale and the principal components of a datastore's own frames."""
    rows = np.flatnonzero(raw.known & (raw.pool >= 0))
    rows = rows if len(rows) >= 2 else np.flatnonzero(raw.known)
    rows = rows[:: max(1, -(-len(rows) // SAMPLE))]
    # What a network says has a meaning only for the scorer that it belongs to.
    plain = [name for name in raw.numbers if name not in (*TERMS, NET)]
    names = (*plain, *TERMS)
    centre, spread = np.zeros(len(names)), np.ones(len(names))
    for i, name in enumerate(names):
        values = raw.numbers[name][rows]
        values = values[np.isfinite(values)]
        if len(values):
            centre[i] = values.mean()
            spread[i] = max(float(values.std()), 1e-3)
    return Basis(names, centre, spread, *_components(raw, rows))


def _components(raw: Raw, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    rows = rows[raw.has_look[rows]]
    if len(rows) < 2:
        return np.zeros(0), np.zeros((0, 0))
    vectors = raw.look[rows].astype(np.float64)
    mean = vectors.mean(0)
    values, axes = np.linalg.eigh(np.cov(vectors.T, bias=True))
    kept = np.argsort(values)[::-1][: min(COMPONENTS, len(rows) - 1)]
    kept = kept[values[kept] > 1e-9]
    axes = axes[:, kept].T
    # The sign of an axis is arbitrary; fixed, so that two machines agree.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    return mean, axes / np.sqrt(values[kept])[:, None]


def _framing(columns: Columns) -> dict[str, Floats]:
    """Return where face and person stand: from the middle, and the room over the head."""
    width, height = (np.maximum(columns.floats(name), 1) for name in ("width", "height"))

    def middle(kind: str, low: str, high: str, size: Floats) -> Floats:
        both = columns.floats(f"{kind}_{low}") + columns.floats(f"{kind}_{high}")
        return np.asarray(both / (2 * size))

    return {
        "face_x": np.abs(middle("face", "x0", "x1", width) - 0.5),
        "face_y": middle("face", "y0", "y1", height),
        "person_x": np.abs(middle("person", "x0", "x1", width) - 0.5),
        "head_room": columns.floats("face_y0") / height,
    }


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(0)
    total = np.where(known, values, 0).sum(0)
    none = np.full(values.shape[1], np.nan)
    return np.asarray(np.divide(total, count, out=none, where=count > 0))
