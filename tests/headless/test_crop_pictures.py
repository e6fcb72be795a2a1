"""Crops of real pictures: against the crop in the middle, which everybody has for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.decide import crops
from curation.decide.crop_ratio import shape
from curation.decide.crop_scene import QUESTION, Scene, scene_of
from curation.decide.crop_score import Scorer
from curation.photos.decode import load_upright

pytestmark = pytest.mark.slow

RATIOS = ("1:1", "4:5", "2:3", "16:9")
EVERY = 6


@pytest.fixture(scope="module")
def scenes(shared_bench: Path, weights_dir: Path) -> list[Scene]:
    from curation.steps.scene import SceneLooker

    looker = SceneLooker()
    found = []
    for path in sorted((shared_bench / "pose_pools" / "img").glob("*.jpg"))[::EVERY]:
        rgb = load_upright(path)
        told = looker.look(rgb, (1.0, 1.0), [QUESTION])[QUESTION]
        found.append(scene_of((rgb.shape[1], rgb.shape[0]), told))
    looker.close()
    return found


def test_no_face_is_cut_and_heads_and_joints_seldom(scenes: list[Scene]) -> None:
    ours: list[tuple[bool, bool, bool]] = []
    middle: list[tuple[bool, bool, bool]] = []
    asked = 0
    for scene in scenes:
        for one in map(shape, RATIOS):
            k = one.most(scene.size_wh)
            w, h = k * one.w, k * one.h
            scorer = Scorer(scene, float(w * h))
            asked += 1
            x, y = (scene.size_wh[0] - w) // 2, (scene.size_wh[1] - h) // 2
            middle.append(faults(scorer, scene, (x, y, x + w, y + h)))
            made = crops.propose(scene, one)
            if isinstance(made, crops.Crop):
                x, y, w, h = made.px
                ours.append(faults(scorer, scene, (x, y, x + w, y + h)))
    assert len(ours) > 0.9 * asked
    by_us, by_middle = np.mean(ours, axis=0), np.mean(middle, axis=0)
    assert by_us[0] == 0 and by_middle[0] > 0.2
    assert by_us[1] <= 0.02 and by_middle[1] > 0.1
    assert by_us[2] <= 0.06 and by_middle[2] > 0.08


def faults(
    scorer: Scorer, scene: Scene, box: tuple[int, int, int, int]
) -> tuple[bool, bool, bool]:
    """Return whether a crop cuts a face, half a head, a joint."""
    windows = np.array([box])
    parts = scorer(windows.astype(np.float64)).of
    return (
        bool(crops.cuts_a_face(windows, scene)[0]),
        bool(-parts.get("heads", np.zeros(1))[0] > 0.5),
        bool(-parts.get("limbs", np.zeros(1))[0] > 0.7),
    )
