"""Frames that no detector needs to look at: the rule, its rows, and that a moved limit asks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from curation.decide import decide
from curation.engine import triage as engine
from curation.engine.measure import measure
from curation.params import MeasureParams, RankParams, TriageParams
from curation.records import Value
from curation.steps.triage import Still, Triage, cells_of
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from tests.unit.pictures import scenery
from tests.unit.test_catalogue import FrameRow, add_frames, add_video

PLAIN = np.full((64, 64), 100, np.int16)


def still(at_s: float, sharpness: float | None = 50.0, change: float = 0.0, shot: int = 0) -> Still:
    cells = PLAIN.copy()
    cells[10, 20] += round(change)
    return Still(round(1000 * at_s), at_s, shot, sharpness, cells)


def sort_out(*stills: Still, **params: float) -> list[Mapping[str, Value]]:
    step = Triage(TriageParams(**params))  # type: ignore[arg-type]
    return [row.signals for row in step.sort_out(stills)]


def said(*stills: Still, **params: float) -> list[Value]:
    return [row["triage"] for row in sort_out(*stills, **params)]


def test_the_sharper_of_two_alike_is_looked_at() -> None:
    soft, sharp = sort_out(still(0.0, 40), still(0.5, 50))
    assert sharp["triage"] is None
    assert soft == {
        "triage": "near_copy", "triage_value": 0.0, "triage_limit": 6.0, "triage_pts": 500,
        "triage_at_s": 0.5,
    }  # fmt: skip
    assert said(still(0.0, 50), still(0.5, 50)) == [None, "near_copy"]


def test_one_cell_that_changed_is_another_picture() -> None:
    assert said(still(0.0), still(0.5, 40, change=7)) == [None, None]
    assert said(still(0.0), still(0.5, 40, change=-6)) == [None, "near_copy"]
    assert said(still(0.0), still(0.5, 40, change=7), triage_change=8.0) == [None, "near_copy"]


def test_neither_another_shot_nor_a_far_moment_is_a_copy() -> None:
    assert said(still(0.0), still(0.5, 40, shot=1)) == [None, None]
    assert said(still(0.0), still(1.2, 40)) == [None, None]
    assert said(still(0.0), still(1.2, 40), triage_s=2.0) == [None, "near_copy"]


def test_a_still_stretch_keeps_a_frame_of_each_second() -> None:
    many = [still(0.5 * i, 50 - i) for i in range(20)]
    kept = [one.time_s for one, word in zip(many, said(*many), strict=True) if word is None]
    assert kept == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 9.0]


def test_what_creeps_is_held_against_the_frame_that_is_kept() -> None:
    creeping = [still(0.1 * i, 50 - i, change=4 * i) for i in range(4)]
    assert said(*creeping) == [None, "near_copy", None, "near_copy"]


def test_blur_and_what_is_not_known() -> None:
    (row,) = sort_out(still(0.0, 1.5))
    assert (row["triage"], row["triage_value"], row["triage_limit"]) == ("blurred", 1.5, 2.0)
    assert said(still(0.0, 1.5), triage_blur=1.0) == [None]
    unknown = Still(500, 0.5, 0, 10.0, None)
    assert said(still(0.0), still(0.1, None), unknown) == [None, None, None]
    assert said(still(0.0, 0.0), still(0.5, 0.0), triage=False) == [None, None]


def test_cells_are_means_of_the_thumbnail() -> None:
    rgb = scenery(3, (320, 192))
    cells = cells_of(simplejpeg.encode_jpeg(rgb, 95))
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    assert cells is not None and np.abs(cells - grey.astype(np.int16)).max() <= 3
    assert cells_of(None) is None and cells_of(b"no picture") is None


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """Return a datastore of one video: two pictures, each stored twice, the second time softer."""
    made = Catalogue(tmp_path / "store")
    video_id = add_video(made)
    rows = []
    for i, seed in enumerate((1, 1, 2, 2)):
        rgb = scenery(seed, (320, 240))
        cv2.imwrite(str(made.root / f"{i}.jpg"), rgb[..., ::-1])
        pts = 15015 * i
        rows.append(FrameRow(pts, pts / 30000, i, f"{i}.jpg", 320, 240, None, 50.0 - i, 90.0, 20.0,
                             simplejpeg.encode_jpeg(rgb, 90)))  # fmt: skip
    add_frames(made, video_id, rows)
    yield made
    made.close()


def measured(catalogue: Catalogue, **params: float) -> dict[str, int]:
    """Return the summary of measuring."""
    given = MeasureParams(workers=1, **params)  # type: ignore[arg-type]
    return dict(list(measure(catalogue, given))[-1].summary or {})


def test_only_what_is_left_is_measured_and_a_moved_limit_asks_again(
    catalogue: Catalogue, weights_dir: Path
) -> None:
    assert measured(catalogue) == {"measured": 2, "failed": 0, "left_out": 2}
    columns = load(catalogue)
    known = np.isfinite(columns["n_faces"]).tolist()
    assert known == [True, False, True, False]
    found = decide(columns, RankParams())
    assert found.reason.tolist()[1::2] == ["near_copy", "near_copy"]
    assert found.detail[3].startswith("near copy of the sharper frame at 1.00 s (change 0.0 <= 6.0")
    assert found.pool.tolist()[1] == "none"

    assert measured(catalogue) == {"measured": 0, "failed": 0, "left_out": 2}
    assert measured(catalogue, triage_s=0.25) == {"measured": 2, "failed": 0, "left_out": 0}
    assert np.isfinite(load(catalogue)["n_faces"]).all()
    # What was measured in between stays, and is left out all the same.
    assert measured(catalogue) == {"measured": 0, "failed": 0, "left_out": 2}
    assert decide(load(catalogue), RankParams()).reason.tolist()[1::2] == ["near_copy"] * 2


def test_a_copy_whose_keeper_is_gone_is_asked_again(catalogue: Catalogue) -> None:
    params = MeasureParams(workers=1)
    beats = list(engine.left_out(catalogue, params))
    assert beats and beats[-1].stage == "triage"
    assert list(engine.left_out(catalogue, params)) == []
    with catalogue.transaction() as db:
        db.execute("UPDATE frame SET sampled = 0 WHERE pts = 0")
    assert list(engine.left_out(catalogue, params))
    assert load(catalogue)["triage"].tolist() == [None, None, "near_copy"]
