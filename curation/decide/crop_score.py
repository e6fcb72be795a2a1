"""How good a crop is, as a photographer would see it: parts between about -1 and 1, with weights.

Every function takes windows (n, 4), left, top, right, bottom in upright pixels, and answers (n,).
Rules of thumb behind them: room above a head that is neither cut nor lost (about a tenth of the
height for a figure, less the closer it is), room in the direction of a look, whole people where
they fit and else a cut through the middle of a thigh, the waist or the chest, never at a joint or
through a hand or a foot; and of all the rest, as much of what draws the eye as there can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.decide.crop_scene import LIMBS, SEEN, Body, Face, Floats, Scene, Thing

WEIGHTS = {
    "headroom": 1.0,
    "looking_room": 0.6,
    "body": 0.9,
    "limbs": 1.0,
    "heads": 0.8,
    "things": 0.7,
    "heat": 1.0,
    "edges": 0.25,
    "balance": 0.35,
    "size": 0.55,
}
"""How much each part counts; `explain` in the JSON shows the parts themselves."""
CLOSE = 0.42
"""Share of a crop's height from which a face is a close-up, whose hair may be cut."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What speaks for each of n crops; (n,) each, by name."""

    of: dict[str, Floats]

    @property
    def total(self) -> Floats:
        """Return the weighted sums."""
        return np.asarray(sum(WEIGHTS[name] * part for name, part in self.of.items()))


class Scorer:
    """Scores crops of one picture.

    Args:
        largest_px: area of the largest crop of the shape, square pixels.
        faces: main faces that every window holds; all of them when None. Crops are placed by these.
    """

    def __init__(
        self, scene: Scene, largest_px: float, faces: tuple[Face, ...] | None = None
    ) -> None:
        self.scene = scene
        self.largest_px = largest_px
        self._sum = np.pad(np.cumsum(np.cumsum(scene.heat, axis=0), axis=1), ((1, 0), (1, 0)))
        self.faces = faces or scene.heads
        # What may be a face, and is none to be sure of, is a thing that had better stay whole.
        self._perhaps = [
            Thing(face.box, face.score, "face") for face in scene.faces if not face.is_likely
        ]
        self.bodies = scene.main_bodies

    def __call__(self, windows: Floats) -> Parts:
        """Return the parts of windows (n, 4)."""
        parts = {
            "heat": self.heat(windows),
            "edges": -self.edges(windows),
            "balance": -self.balance(windows),
            "size": _area(windows) / self.largest_px,
        }
        if self.faces:
            parts["headroom"] = -self.headroom(windows)
            parts["looking_room"] = -self.looking_room(windows)
            parts["heads"] = -self.heads(windows)
        if self.bodies:
            parts["body"] = self.body(windows)
            parts["limbs"] = -self.limbs(windows)
        if self.scene.things or self._perhaps:
            parts["things"] = self.things(windows)
        return Parts(parts)

    def heat(self, windows: Floats) -> Floats:
        """Return the share of what draws the eye that is inside."""
        return self._inside(windows)

    def edges(self, windows: Floats) -> Floats:
        """Return how much is cut through: heat along the cut sides, 1 as much as at the warmest.

        Sides that are those of the picture cut nothing.
        """
        wide, tall = self.scene.size_wh
        band = 0.02 * min(wide, tall)
        left, top, right, bottom = windows.T
        sides = (
            (left - band, top, left + band, bottom, left > 0),
            (right - band, top, right + band, bottom, right < wide),
            (left, top - band, right, top + band, top > 0),
            (left, bottom - band, right, bottom + band, bottom < tall),
        )
        cut = np.zeros(len(windows))
        for x0, y0, x1, y1, is_cut in sides:
            box = np.stack([x0, y0, x1, y1], axis=1)
            cut += np.where(is_cut, self._inside(box) * wide * tall / np.maximum(_area(box), 1), 0)
        # Twice the mean heat all along one side is a lot.
        return np.asarray(np.minimum(cut / 8, 1.0))

    def balance(self, windows: Floats) -> Floats:
        """Return how far what draws the eye is from the middle, or from the nearer third.

        Between the thirds nothing is lost; beyond them it grows to 1 at the side.
        """
        if self.faces or self.bodies:
            # People are placed by their own rules; the middle only decides between equals.
            boxes = [face.head for face in self.faces] or [body.box for body in self.bodies]
            off = np.abs((_middle(boxes) - windows[:, 0]) / _wide(windows) - 0.5) / 0.5
            return np.asarray(np.clip(off, 0, 1) ** 2)
        x, y = self._warm_middle()
        off_x = np.abs((x - windows[:, 0]) / _wide(windows) - 0.5)
        off_y = np.abs((y - windows[:, 1]) / _tall(windows) - 0.5)
        far = np.maximum(np.maximum(off_x, off_y) - 1 / 6, 0) * 3
        return np.asarray(np.clip(far, 0, 1) + 0.15 * (off_x + off_y))

    def headroom(self, windows: Floats) -> Floats:
        """Return how wrong the room above the highest head is, 0 right to 1 cut or lost."""
        tall = _tall(windows)
        highest = min(self.faces, key=lambda face: face.head[1])
        share = highest.height / tall
        # A figure has a tenth of room, a bust less, and a close-up may lose its hair.
        closer, rooms = [0.05, 0.2, CLOSE, 0.65], [0.11, 0.08, 0.0, -0.08]
        wanted = np.asarray(np.interp(share, closer, rooms), np.float64)
        # What the photographer cut cannot be given back.
        there = highest.head[1] / tall
        wanted = np.minimum(wanted, np.maximum(there, -0.5))
        room = (highest.head[1] - windows[:, 1]) / tall
        short, long = wanted - room, room - wanted
        # Of people far away the sky above is the picture.
        lost = np.clip((long - 0.03) / 0.35, 0, 1) * np.clip(share / 0.06, 0, 1)
        cut = np.clip(short / 0.1, 0, 1) * np.where(windows[:, 1] > 0, 1.0, 0.3)
        # Where the eyes are matters too: never in the lower half of a portrait.
        eyes = (highest.eyes_y - windows[:, 1]) / tall
        low = np.clip((eyes - 0.5) / 0.25, 0, 1) * (len(self.faces) == 1)
        return np.asarray(np.clip(np.maximum(cut, lost) + low, 0, 1.5))

    def looking_room(self, windows: Floats) -> Floats:
        """Return how wrong people stand between the sides, 0 right to 1 at the side.

        One who looks to a side stands off the middle, with the room before the face; a group
        stands in the middle.
        """
        wide = _wide(windows)
        if len(self.faces) == 1:
            face = self.faces[0]
            middle = (face.box[0] + face.box[2]) / 2
            wanted, slack = 0.5 - 0.15 * face.look, 0.06
        else:
            middle = _middle([face.head for face in self.faces])
            looks = float(np.mean([face.look for face in self.faces]))
            wanted, slack = 0.5 - 0.06 * looks, 0.05
        off = np.abs((middle - windows[:, 0]) / wide - wanted)
        # Heads need air at their sides too.
        left = min(face.head[0] for face in self.faces)
        right = max(face.head[2] for face in self.faces)
        air = np.minimum(left - windows[:, 0], windows[:, 2] - right) / wide
        tight = np.clip((0.04 - air) / 0.08, 0, 1)
        return np.asarray(np.clip((off - slack) / 0.3, 0, 1) + 0.5 * tight)

    def heads(self, windows: Floats) -> Floats:
        """Return how much of heads is cut off, hair and ears, weighed by their size."""
        lost, total = np.zeros(len(windows)), 0.0
        main = [(face, 1.0) for face in self.faces]
        others = [(face, 0.5) for face in self.scene.faces if face not in self.faces]
        for face, share in (*main, *others):
            weight = share * face.height
            total += weight
            lost += weight * self._head_lost(face, windows)
        return np.asarray(np.clip(4 * lost / max(total, 1e-9), 0, 1))

    def _head_lost(self, face: Face, windows: Floats) -> Floats:
        left, top, right, bottom = face.head
        wide, tall = self.scene.size_wh
        box = (max(left, 0), max(top, 0), min(right, wide), min(bottom, tall))
        inside = _shared(windows, box) / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
        # A close-up may lose its hair.
        close = np.clip((face.height / _tall(windows) - CLOSE) / 0.15, 0, 1)
        return np.asarray(np.where(inside > 0, 1 - inside, 0) * (1 - 0.8 * close))

    def body(self, windows: Floats) -> Floats:
        """Return how much of people is inside, whole ones with a little air counting more."""
        got, total = np.zeros(len(windows)), 0.0
        for body in self.bodies:
            weight = body.box[3] - body.box[1]
            total += weight
            inside = _shared(windows, body.box) / max(_area(np.array([body.box]))[0], 1e-9)
            left, _, right, bottom = body.box
            air = np.minimum.reduce([
                np.where(windows[:, 0] > 0, left - windows[:, 0], np.inf) / _wide(windows),
                np.where(windows[:, 2] < self.scene.size_wh[0], windows[:, 2] - right, np.inf)
                / _wide(windows),
                np.where(windows[:, 3] < self.scene.size_wh[1], windows[:, 3] - bottom, np.inf)
                / _tall(windows),
            ])  # fmt: skip
            whole = np.clip(air / 0.03, 0, 1) * (inside > 0.97)
            got += weight * (0.7 * inside + 0.3 * whole)
        return np.asarray(got / max(total, 1e-9))

    def limbs(self, windows: Floats) -> Floats:
        """Return how badly limbs of main people are cut: 1 is a cut at a joint."""
        worst = np.zeros(len(windows))
        for body in self.bodies:
            worst = np.maximum(worst, self._cuts(body, windows))
        return worst

    def _cuts(self, body: Body, windows: Floats) -> Floats:
        if body.joints is None:
            # Only a box is known: its lowest seventh is feet and ankles, if they are seen at all.
            tall = body.box[3] - body.box[1]
            left_out = (body.box[3] - windows[:, 3]) / max(tall, 1e-9)
            return np.asarray(np.where((left_out > 0.005) & (left_out < 0.15), 0.8, 0.0))
        wide, tall = self.scene.size_wh
        joints = body.joints
        x, y, seen = joints.T
        known = (seen >= SEEN) & (x >= 0) & (y >= 0) & (x <= wide) & (y <= tall)
        worst = np.zeros(len(windows))
        for one, other, at_ends, in_middle in LIMBS:
            if not (known[one] and known[other]):
                continue
            where = _leaves(windows, joints[one, :2], joints[other, :2])
            middle = 1 - np.abs(2 * where - 1)  # 0 at the joints, 1 between them
            bad = at_ends + (in_middle - at_ends) * np.clip(middle / 0.7, 0, 1)
            worst = np.maximum(worst, np.where(np.isnan(where), 0.0, bad))
        return worst

    def things(self, windows: Floats) -> Floats:
        """Return how much of animals and other things is inside, the whole one counting more."""
        got, total = np.zeros(len(windows)), 0.0
        for thing in (*self.scene.things, *self._perhaps):
            area = float(_area(np.array([thing.box]))[0])
            weight = thing.score * np.sqrt(area)
            total += weight
            inside = _shared(windows, thing.box) / max(area, 1e-9)
            got += weight * (0.7 * inside + 0.3 * (inside > 0.98))
        return np.asarray(got / max(total, 1e-9))

    # -- inside ---------------------------------------------------------------------------------

    def _inside(self, windows: Floats) -> Floats:
        """Return the heat in windows: an integral image, read between its places."""
        tall, wide = self.scene.heat.shape
        scale = np.array([wide / self.scene.size_wh[0], tall / self.scene.size_wh[1]])
        at = np.clip(windows * np.tile(scale, 2), 0, np.array([wide, tall, wide, tall]))
        x0, y0, x1, y1 = at.T
        one = self._at(x1, y1) - self._at(x0, y1) - self._at(x1, y0) + self._at(x0, y0)
        return np.asarray(one)

    def _at(self, x: Floats, y: Floats) -> Floats:
        rows, columns = self._sum.shape
        i = np.minimum(y.astype(np.int64), rows - 2)
        j = np.minimum(x.astype(np.int64), columns - 2)
        down, across = y - i, x - j
        table = self._sum
        upper = table[i, j] * (1 - across) + table[i, j + 1] * across
        lower = table[i + 1, j] * (1 - across) + table[i + 1, j + 1] * across
        return np.asarray(upper * (1 - down) + lower * down)

    def _warm_middle(self) -> tuple[float, float]:
        heat = self.scene.heat
        rows, columns = heat.shape
        x = float(heat.sum(axis=0) @ (np.arange(columns) + 0.5)) / columns
        y = float(heat.sum(axis=1) @ (np.arange(rows) + 0.5)) / rows
        return x * self.scene.size_wh[0], y * self.scene.size_wh[1]


def _leaves(windows: Floats, one: Floats, other: Floats) -> Floats:
    """Return where on a line between joints a window's side is; NaN where none is.

    Liang and Barsky 1984, line clipping; lines wholly outside are no cut.
    """
    way = other - one
    enter, leave = np.zeros(len(windows)), np.ones(len(windows))
    outside = np.zeros(len(windows), bool)
    for axis in (0, 1):
        low, high = windows[:, axis] - one[axis], windows[:, axis + 2] - one[axis]
        if way[axis] == 0:
            outside |= (low > 0) | (high < 0)
            continue
        first, last = sorted((low / way[axis], high / way[axis]), key=lambda t: float(t[0]))
        enter, leave = np.maximum(enter, first), np.minimum(leave, last)
    outside |= enter > leave
    cut = np.where(enter > 0, enter, np.where(leave < 1, leave, np.nan))
    return np.asarray(np.where(outside, np.nan, cut))


def _wide(windows: Floats) -> Floats:
    return np.asarray(windows[:, 2] - windows[:, 0])


def _tall(windows: Floats) -> Floats:
    return np.asarray(windows[:, 3] - windows[:, 1])


def _area(windows: Floats) -> Floats:
    return np.asarray(_wide(windows) * _tall(windows))


def _shared(windows: Floats, box: tuple[float, float, float, float]) -> Floats:
    wide = np.minimum(windows[:, 2], box[2]) - np.maximum(windows[:, 0], box[0])
    tall = np.minimum(windows[:, 3], box[3]) - np.maximum(windows[:, 1], box[1])
    return np.asarray(np.maximum(wide, 0) * np.maximum(tall, 0))


def _middle(boxes: list[tuple[float, float, float, float]]) -> float:
    return (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2
