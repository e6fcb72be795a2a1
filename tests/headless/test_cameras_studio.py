"""Bars, streams and chapters from the file to the decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import simplejpeg

from curation.decide.gates import best_crop, image_share
from curation.engine.batch import load_rgb, run_batch, run_frames
from curation.params import ExtractParams, GateParams, MeasureParams
from curation.records import Boxes, Frame, Measured, Progress
from curation.registry import make_steps
from curation.steps.base import Item, Step
from curation.steps.quality import Exposure
from curation.store.columns import load
from curation.store.signals import SignalTable
from curation.studio import Studio
from tests import videos
from tests.cameras import PARTS, camera


class Corner(Step):
    """Find where the picture it is given begins and ends; needs what it found itself before."""

    name, version, detects = "corner", "1", True
    produces: ClassVar = {"corner_x0": float, "corner_y1": float, "wide": int}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        found = []
        for item in items:
            h, w = item.rgb.shape[:2]
            points = np.array([[[1, 2, 0.5]]], np.float32)
            boxes = Boxes(np.array([[0, 0, w, h]], np.float32), np.ones(1, np.float32), ("all",),
                          points)
            found.append(Measured({"corner_x0": 0.0, "corner_y1": float(h), "wide": w}, boxes))
        return found


class Again(Step):
    """Say where the picture begins for one who is given the corner."""

    name, version, needs = "again", "1", ("corner",)
    produces: ClassVar = {"given_left": float, "given_top": float}

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        found = []
        for item in items:
            boxes = item.given["corner"].boxes
            assert boxes is not None
            left, top = boxes.xyxy_px[0, :2].tolist()
            found.append(Measured({"given_left": left, "given_top": top}))
        return found


def stored(path: Path, rgb: Any, area: tuple[int, int, int, int] | None) -> Frame:
    path.write_bytes(simplejpeg.encode_jpeg(rgb, 95, "RGB", colorsubsampling="444"))
    return Frame(1, "k:0", 1, 0, 0.0, path, rgb.shape[1], rgb.shape[0], area)


def ended(beats: Any) -> Progress:
    return list(beats)[-1]


def numbers(studio: Studio) -> list[int]:
    return [videos.read_number(load_rgb(frame.path)) for frame in studio.videos.frames()]


def test_steps_see_the_picture_and_places_are_of_the_frame(tmp_path: Path) -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[24:156, 40:300] = 200
    frame = stored(tmp_path / "a.jpg", rgb, (40, 24, 300, 156))
    steps = [Corner(), Exposure()]
    wanted = {1: ("corner", "exposure")}
    corner, exposure = run_frames(steps, [frame], {}, wanted)
    assert corner.measured is not None and corner.measured.boxes is not None
    assert corner.measured.signals == {"corner_x0": 40.0, "corner_y1": 156.0, "wide": 260}
    assert corner.measured.boxes.xyxy_px.tolist() == [[40, 24, 300, 156]]
    assert corner.measured.boxes.keypoints is not None
    assert corner.measured.boxes.keypoints.tolist() == [[[41, 26, 0.5]]]
    assert exposure.measured is not None
    assert float(str(exposure.measured.signals["luma_mean"])) == pytest.approx(200, abs=1)
    # What is given is of the frame, and is seen in the picture.
    given = {1: {"corner": corner.measured}}
    again = run_frames([Again()], [frame], given, {1: ("again",)})[0]
    assert again.measured is not None
    assert again.measured.signals == {"given_left": 0.0, "given_top": 0.0}


def test_a_face_is_as_large_with_bars_as_without(tmp_path: Path, weights_dir: Path) -> None:
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package")
    real = load_rgb(Path(spec.origin).parent / "assets" / "zidane.jpg")[:, :960]
    bars = np.zeros((real.shape[0] + 208, real.shape[1], 3), np.uint8)
    bars[104:-104] = real
    frame = stored(tmp_path / "z.jpg", bars, (0, 104, 960, 104 + real.shape[0]))
    names = ("faces", "people", "pose", "subject", "focus")
    steps = make_steps(MeasureParams(), names)
    for step in steps:
        step.setup()
    plain = Item(frame, np.ascontiguousarray(load_rgb(frame.path)[104:-104]))
    without = {r.step: r.measured for r in run_batch(steps, [plain])}
    found = {r.step: r.measured for r in run_frames(steps, [frame], {}, {1: names})}
    whole = Item(frame, load_rgb(frame.path))
    counted = {r.step: r.measured for r in run_batch(steps, [whole])}
    for step in steps:
        step.close()
    one, other, bad = (dict(x["subject"].signals) for x in (without, found, counted))  # type: ignore[union-attr]
    for name, value in one.items():
        down = 104 if name.endswith(("_y0", "_y1")) and value is not None else 0
        assert other[name] == (value if not down else value + down), name
    assert other["face_area_frac"] > 1.25 * bad["face_area_frac"]
    assert found["focus"] == without["focus"]


def test_gates_know_no_bars() -> None:
    person = {"person_x0": 500.0, "person_y0": 140.0, "person_x1": 900.0, "person_y1": 940.0,
              "pose_x0": 500.0, "pose_y0": 140.0, "pose_x1": 900.0, "pose_y1": 940.0}
    frame = {"width": 1920.0, "height": 1080.0, "frame_id": 1}
    area = {"active_x0": 0.0, "active_y0": 140.0, "active_x1": 1920.0, "active_y1": 940.0}
    plain = {**{k: v - 140 if "_y" in k else v for k, v in person.items()},
             "width": 1920.0, "height": 800.0, "frame_id": 1}

    def columns(values: dict[str, float]) -> dict[str, Any]:
        return {name: np.array([value]) for name, value in values.items()}

    boxed, cut, blind = (columns(v) for v in (person | frame | area, plain, person | frame))
    one, other = best_crop(boxed, GateParams()), best_crop(cut, GateParams())
    for field in ("area", "height", "short_px", "kept", "margin"):
        assert getattr(one, field) == pytest.approx(getattr(other, field)), field
    assert image_share(boxed) == pytest.approx(image_share(cut))
    assert image_share(boxed) > 1.3 * image_share(blind)
    assert best_crop(blind, GateParams()).height < one.height


def test_bars_are_known_to_frames_and_measures_until_they_are_kept(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    path = camera("letterbox").path
    how = {"mode": "every", "every": 9, "workers": 1}
    assert not ended(studio.extract([path], ExtractParams(**how))).summary["failed_items"]  # type: ignore[index]
    frames = list(studio.videos.frames())
    assert {f.active_xyxy_px for f in frames} == {(0, 25, 320, 155)}
    columns = load(studio.catalogue)
    assert set(columns["active_y0"]) == {25.0} and set(columns["active_y1"]) == {155.0}
    assert columns["active_frac"] == pytest.approx(130 / 180)
    listed = studio.videos.listing()[0]
    assert listed["active_xyxy_px"] == [0, 25, 320, 155] and listed["stream"] == 1

    step, table = Exposure(), SignalTable(studio.catalogue)
    runs = {"exposure": table.register(step, "fp")}

    def measured() -> float:
        todo = table.pending(runs)
        wanted = dict(todo)
        results = run_frames([step], list(studio.videos.frames(list(wanted))), {}, wanted)
        table.put(results, runs, [step])
        assert not table.pending(runs)
        return float(np.nanmean(load(studio.catalogue)["luma_mean"]))

    without = measured()
    assert not list(table.pending(runs))
    ended(studio.extract([path], ExtractParams(**how, bars="keep")))
    assert {f.active_xyxy_px for f in studio.videos.frames()} == {None}
    assert np.isnan(load(studio.catalogue)["active_frac"]).all()
    assert len(table.pending(runs)) == len(frames), "measured with other pictures in mind"
    assert measured() == pytest.approx(without * 130 / 180, rel=0.03)
    ended(studio.extract([path], ExtractParams(**how)))
    assert len(table.pending(runs)) == len(frames)
    assert measured() == pytest.approx(without)
    studio.close()


def test_another_stream_is_a_video_of_its_own_in_place_of_the_first(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    path = camera("two_streams").path
    how = {"mode": "every", "every": 10, "workers": 1}

    def run(stream: int) -> Progress:
        return ended(studio.extract([path], ExtractParams(**how, stream=stream)))

    assert not run(0).summary["failed_items"]  # type: ignore[index]
    assert numbers(studio) == [0, 10, 20]
    refused = run(3).summary["failed_items"]  # type: ignore[index]
    assert "no picture stream 3, only 2" in json.dumps(refused)
    assert not run(2).summary["failed_items"]  # type: ignore[index]
    assert numbers(studio) == [100, 110, 120]
    names = {frame.path.name for frame in studio.videos.frames()}
    assert all("two_streams_stream2_f" in name for name in names)
    assert run(2).summary["extracted"] == 0  # type: ignore[index]
    # Its frames are others than the first one's, so that what was marked there stays theirs.
    key = {frame.key for frame in studio.videos.frames()}
    assert not run(0).summary["failed_items"]  # type: ignore[index]
    assert numbers(studio) == [0, 10, 20]
    assert not key & {frame.key for frame in studio.videos.frames()}
    assert run(1).summary["extracted"] == 0  # type: ignore[index]
    studio.close()


def test_a_chapter_is_extracted_and_a_missing_one_costs_its_video_only(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    paths = [camera("chapters").path, camera("late").path]
    params = ExtractParams(mode="every", every=5, workers=1, chapter=2)
    summary = ended(studio.extract(paths, params)).summary
    assert numbers(studio) == [20, 25, 30, 35]
    assert summary is not None
    assert "no chapter 2, it has none" in json.dumps(summary["failed_items"])
    kept = [video["chapters"] for video in studio.videos.listing() if video["chapters"]]
    assert [[c["title"] for c in chapters] for chapters in kept] == [[p[2] for p in PARTS]]
    studio.close()
