"""Do two pictures show the same picture, one cropped, zoomed or scaled? Points, then pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing
from curation.steps.base import RgbImage

WORK_PX = 640
"""Longer side at which pictures are compared; smaller ones are enlarged to half of it."""
POINTS = 1200
RATIO = 0.8
"""Nearest against second nearest (Lowe 2004, section 7.1)."""
REACH_PX = 3.0
LEAST_MATCHES = 8
LARGEST_ZOOM = 6.0
TILES = 12
LEAST_TEXTURE = 4.0
"""Standard deviation of luma from which a tile can be compared at all."""
SAME_TILE, SAME_SHARE = 0.8, 0.9
"""Correlation from which an aligned tile is the same, and share of the textured tiles that must
be. Of 410 crops the worst keeps all its tiles; a face that makes another face loses 12 %."""

Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Match:
    """How well one homography explains that two pictures are the same.

    Attributes:
        inliers: matches that it explains.
        cover: share of the smaller picture that the other one shows alike once it is aligned,
            blank parts included, 0..1.
    """

    inliers: int
    cover: float


NO_MATCH = Match(0, 0.0)


class Matcher(Protocol):
    """Compares pictures in two parts, so that what one picture needs is done once.

    Attributes:
        fp: fingerprint; changes when the answers would.
    """

    @property
    def fp(self) -> str:
        """Return the fingerprint."""

    def features(self, rgb: RgbImage) -> Any:
        """Return what `match` needs of one picture (h, w, 3) uint8."""

    def match(self, one: Any, other: Any) -> Match:
        """Compare the features of two pictures."""


@dataclass(frozen=True, slots=True)
class Points:
    """A small grey picture, where its points are, and what they look like (unit length)."""

    grey: Grey
    xy_px: Floats
    descriptors: Floats


class SiftMatcher:
    """SIFT points (Lowe 2004) with Hellinger distance (Arandjelovic and Zisserman 2012)."""

    def __init__(self) -> None:
        self._sift = cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=0.02)  # type: ignore[attr-defined]

    @property
    def fp(self) -> str:
        """Return the fingerprint: the version of the code and its numbers."""
        return f"sift-2-{WORK_PX}-{POINTS}"

    def features(self, rgb: RgbImage) -> Points:
        """Find points in a picture scaled to 640 pixels."""
        grey = small_grey(rgb)
        keypoints, found = self._sift.detectAndCompute(grey, None)
        if found is None or not len(keypoints):
            return Points(grey, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        share = found / np.maximum(found.sum(axis=1, keepdims=True), 1e-9)
        xy_px = np.array([keypoint.pt for keypoint in keypoints], np.float32)
        return Points(grey, xy_px, np.sqrt(share).astype(np.float32))

    def match(self, one: Points, other: Points) -> Match:
        """Pair points by the ratio test, best to best, and judge the pairs."""
        if len(one.xy_px) < 2 or len(other.xy_px) < 2:
            return NO_MATCH
        alike = one.descriptors @ other.descriptors.T
        rows = np.arange(len(alike))
        best = alike.argmax(axis=1)
        top = alike[rows, best].copy()
        returns = alike.argmax(axis=0)[best] == rows
        alike[rows, best] = -1.0
        # Squared distance of unit vectors is 2 - 2 * cosine.
        near = (1 - top) < RATIO**2 * (1 - alike.max(axis=1))
        pairs = np.flatnonzero(near & returns)
        return judge(one.grey, other.grey, one.xy_px[pairs], other.xy_px[best[pairs]])


class LoftrMatcher:
    """LoFTR through kornia (Sun et al. 2021), with weights that the user has.

    Args:
        path: a state dict of kornia.feature.LoFTR, bare or under "state_dict".

    Raises:
        WeightsMissing: the file is absent or holds something else.
    """

    def __init__(self, path: Path) -> None:
        """Read the weights; on a GPU where there is one."""
        import torch
        from kornia.feature import LoFTR

        self._torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        network = LoFTR(pretrained=None)
        try:
            self._digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            state = torch.load(path, map_location="cpu", weights_only=True)
            network.load_state_dict(state.get("state_dict", state), strict=True)
        except Exception as error:  # torch raises whatever the unpickler of a strange file does
            raise WeightsMissing(
                f"{path} does not hold LoFTR: {str(error).splitlines()[0]}",
                "give the file of kornia's LoFTR, or use the matcher sift",
            ) from error
        self._network = network.eval().to(self.device)

    @property
    def fp(self) -> str:
        """Return the fingerprint: the digest of the weights."""
        return f"loftr-2-{WORK_PX}-{self._digest}"

    def features(self, rgb: RgbImage) -> Grey:
        """Return the small grey picture, its sides multiples of eight."""
        grey = small_grey(rgb)
        h, w = (max(8, side // 8 * 8) for side in grey.shape)
        return np.ascontiguousarray(cv2.resize(grey, (w, h), interpolation=cv2.INTER_AREA))

    def match(self, one: Grey, other: Grey) -> Match:
        """Match two pictures densely and judge the pairs."""
        tensors = {
            f"image{i}": self._torch.from_numpy(grey)[None, None].float().to(self.device) / 255
            for i, grey in enumerate((one, other))
        }
        with self._torch.inference_mode():
            found = self._network(tensors)
        here, there = (found[f"keypoints{i}"].cpu().numpy() for i in (0, 1))
        return judge(one, other, here.astype(np.float32), there.astype(np.float32))


def make_matcher(name: str, weights: Path | None = None) -> Matcher:
    """Return a matcher by name.

    Args:
        name: "sift", or "loftr" with its weights.

    Raises:
        WeightsMissing: loftr without a usable file.
    """
    if name == "loftr":
        if weights is None:
            raise WeightsMissing(
                "the matcher loftr needs a file of weights",
                "name it with --matcher-weights FILE, or use --matcher sift",
            )
        return LoftrMatcher(weights)
    return SiftMatcher()


def small_grey(rgb: RgbImage) -> Grey:
    """Return luma with a longer side of at most 640 and at least 320 pixels."""
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    longer = max(grey.shape)
    scale = np.clip(1.0, WORK_PX / 2 / longer, WORK_PX / longer)
    if scale == 1:
        return np.asarray(grey, np.uint8)
    h, w = (max(1, round(side * float(scale))) for side in grey.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, (w, h), interpolation=how), np.uint8)


def judge(one: Grey, other: Grey, xy_px: Floats, other_xy_px: Floats) -> Match:
    """Return how well one homography explains matched points, and whether the pixels agree.

    A homography that mirrors, shears hard or zooms more than sixfold is no crop or zoom. Pictures
    that differ once they are aligned - the same room, another moment - do not match at all.

    Args:
        one, other: grey pictures.
        xy_px, other_xy_px: (k, 2) matched points in each.
    """
    if len(xy_px) < LEAST_MATCHES:
        return NO_MATCH
    cv2.setRNGSeed(0)
    homography, mask = cv2.findHomography(
        xy_px, other_xy_px, cv2.USAC_MAGSAC, REACH_PX, maxIters=2000, confidence=0.999
    )
    if homography is None or not _plausible(homography, one.shape):
        return NO_MATCH
    inside = mask.ravel() > 0
    if inside.sum() < LEAST_MATCHES:
        return NO_MATCH
    # Compared in the picture that the matches fill: the one that shows less of the scene.
    if _hull_share(xy_px[inside], one) >= _hull_share(other_xy_px[inside], other):
        same, cover = agreement(one, other, np.linalg.inv(homography))
    else:
        same, cover = agreement(other, one, homography)
    return Match(int(inside.sum()), cover) if same >= SAME_SHARE else NO_MATCH


def _plausible(homography: npt.NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    h, w = shape
    corners = np.array([[[0, 0], [w, 0], [w, h], [0, h]]], np.float64)
    moved = cv2.perspectiveTransform(corners, homography)[0]
    if not np.isfinite(moved).all() or not cv2.isContourConvex(moved.astype(np.float32)):
        return False
    area = float(cv2.contourArea(moved.astype(np.float32), oriented=True))
    zoom = np.sqrt(max(area, 0.0) / (w * h))
    if not 1 / LARGEST_ZOOM <= zoom <= LARGEST_ZOOM:
        return False
    sides = np.linalg.norm(np.roll(moved, -1, axis=0) - moved, axis=1) / (w, h, w, h)
    return bool(sides.max() <= 1.6 * sides.min())


def _hull_share(xy_px: Floats, grey: Grey) -> float:
    return float(cv2.contourArea(cv2.convexHull(xy_px))) / grey.size


def agreement(
    grey: Grey, other: Grey, to_grey: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Compare two pictures tile by tile once one is brought over the other.

    Args:
        grey: picture that is cut into 12 x 12 tiles.
        other: picture that is brought over it.
        to_grey: (3, 3) homography from the other one's pixels to this one's.

    Returns:
        the share of textured tiles in the overlap that look the same, and the share of all tiles
        that look the same or are blank in both.
    """
    h, w = grey.shape
    warped = cv2.warpPerspective(other, to_grey, (w, h))
    there = cv2.warpPerspective(np.ones_like(other), to_grey, (w, h), flags=cv2.INTER_NEAREST)
    one, two = (cv2.GaussianBlur(g.astype(np.float32), (0, 0), 2.0) for g in (grey, warped))
    same = textured = blank = 0
    for rows in np.array_split(np.arange(h), TILES):
        for columns in np.array_split(np.arange(w), TILES):
            if not len(rows) or not len(columns):
                continue
            window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            if there[window].mean() < 0.9:
                continue
            a, b = one[window] - one[window].mean(), two[window] - two[window].mean()
            spread_a, spread_b = float(np.sqrt((a * a).mean())), float(np.sqrt((b * b).mean()))
            if max(spread_a, spread_b) < LEAST_TEXTURE:
                blank += 1
                continue
            textured += 1
            same += float((a * b).mean()) >= SAME_TILE * max(spread_a * spread_b, 1e-6)
    return (same / textured if textured else 0.0), (same + blank) / TILES**2
