"""detect: words, findings that add up, [] for what is not there, and OWLv2 for any words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.errors import ParamError, WeightsMissing
from curation.steps.objects import NAMES, coco_name, one_each
from curation.steps.openvocab import OpenVocabulary, check_folder
from tests.unit.toolkit.stills import still
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.tiny_owl import save_tiny_owlv2
from tests.unit.toolkit.trees import do, picture, sidecar_of, tree


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("chair", "chair"), ("Chairs", "chair"), ("PEOPLE", "person"), ("sofa", "couch"),
        ("cell-phone", "cell phone"), ("buses", "bus"), ("hot_dogs", "hot dog"),
        ("sheep", "sheep"), ("skis", "skis"), ("wine glasses", "wine glass"),
        ("microphone", None), ("man", None), ("", None),
    ],
)  # fmt: skip
def test_words_a_person_uses(word: str, name: str | None) -> None:
    assert coco_name(word) == name
    assert name is None or name in NAMES


def test_the_words_are_those_in_the_model_file(weights_dir: Path) -> None:
    import zipfile

    with zipfile.ZipFile(weights_dir / "object_detector.tflite") as model:
        lines = model.read("labels.txt").decode().split("\n")
    assert tuple(line for line in lines if line and line != "???") == NAMES


def test_second_boxes_on_one_thing_go_and_classes_do_not_meet() -> None:
    rows = {
        "a": [(0.5, 0, 0, 10.0, 10.0), (0.9, 1, 0, 10.0, 10.0), (0.3, 20, 0, 90.0, 5.0)],
        "b": [(0.4, 0.0, 0.0, 10.0, 10.0)],
        "c": [],
    }
    kept = one_each(rows, (50, 50))
    assert [row[0] for row in kept["a"]] == [0.9, 0.3]
    assert kept["a"][1] == (0.3, 20.0, 0.0, 50.0, 5.0)
    assert len(kept["b"]) == 1 and kept["c"] == []


@pytest.mark.usefixtures("weights_dir")
def test_findings_add_up_and_a_second_run_looks_at_nothing(tmp_path: Path) -> None:
    still("bus", tmp_path / "in" / "bus.jpg")
    shot = picture(tmp_path / "in" / "noise.png", 1, (320, 240), metrics={"blur": 3})
    (tmp_path / "in" / "broken.jpg").write_text("no picture")
    before = tree(tmp_path)
    said = do(tmp_path, "detect", dry_run=True, from_dirs="in", classes=("bus",))
    assert len(said["would"]) == 2 and tree(tmp_path) == before

    said = do(
        tmp_path, "detect", from_dirs="in", classes=("microphone", "People", "bus"), max_instances=9
    )
    assert said["found"] == {"people": 1, "bus": 1} and said["looked"] == 2
    failed = {item["item"]: item["reason"] for item in said["failed_items"]}
    assert set(failed) == {"class microphone", "in/broken.jpg"}
    assert "outside the 80 classes" in failed["class microphone"]
    found = sidecar_of(tmp_path / "in" / "bus.jpg")
    people = found["classes"]["people"]
    assert len(people) >= 3 and people == sorted(people, key=lambda one: -one["score"])
    (bus,) = found["classes"]["bus"]
    assert np.abs(np.array(bus["box"]) - (11, 206, 797, 740)).max() < 30
    assert found["decisions"]["detect"] == {"people": "coco", "bus": "coco"}
    assert sidecar_of(shot)["classes"] == {"people": [], "bus": []}
    assert sidecar_of(shot)["metrics"] == {"blur": 3}

    after = tree(tmp_path)
    (tmp_path / "in" / "broken.jpg").unlink()
    said = do(tmp_path, "detect", from_dirs="in", classes=("people", "bus"), max_instances=9)
    assert (said["done"], said["looked"]) == (0, 0)
    said = do(tmp_path, "detect", from_dirs="in", classes=("people",), threshold=0.7)
    assert said["looked"] == 0
    left = sidecar_of(tmp_path / "in" / "bus.jpg")["classes"]
    assert left["people"] == people[:1] and left["bus"] == [bus]

    do(tmp_path, "detect", from_dirs="in", clear=True, classes=("people",))
    left = sidecar_of(tmp_path / "in" / "bus.jpg")
    assert left["classes"] == {"bus": [bus]} and left["decisions"]["detect"] == {"bus": "coco"}
    do(tmp_path, "detect", from_dirs="in", clear=True)
    assert not (tmp_path / "in" / "bus.jpg.json").exists()
    assert sidecar_of(shot) == {"metrics": {"blur": 3}, "schema": 1}
    for _ in range(3):
        undo(tmp_path)
    now = tree(tmp_path)
    assert {name: now[name] for name in now} == {
        name: after[name] for name in after if name != "in/broken.jpg"
    }


def test_words_outside_the_vocabulary_are_told_with_what_is_near(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.jpg")
    with pytest.raises(ParamError, match=r"chairlift is outside .*near: chair"):
        do(tmp_path, "detect", from_dirs="in", classes=("chairlift",))
    with pytest.raises(ParamError, match="--classes is required"):
        do(tmp_path, "detect", from_dirs="in")
    with pytest.raises(ParamError, match="needs --model"):
        do(tmp_path, "detect", from_dirs="in", classes=("a",), engine="owlv2")


@pytest.fixture(scope="module")
def owl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="needs the extra open-vocabulary: transformers")
    return save_tiny_owlv2(tmp_path_factory.mktemp("owl"))


def test_owlv2_reads_its_boxes_as_the_library_does(owl: Path) -> None:
    import torch

    rgb = np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8)
    model = OpenVocabulary(owl)
    inputs = model._processor(text=[["a chair"]], images=rgb, return_tensors="pt")
    with torch.inference_mode():
        answer = model._model(**inputs)
    (theirs,) = model._processor.post_process_grounded_object_detection(
        answer, threshold=0.05, target_sizes=[(90, 160)]
    )
    rows = [
        (float(s), *(float(v) for v in box))
        for s, box in zip(theirs["scores"], theirs["boxes"], strict=True)
    ]
    wanted = one_each({"chair": rows}, (160, 90))["chair"]  # type: ignore[dict-item]
    found = model.find(rgb, ["chair"])["chair"]
    assert wanted
    np.testing.assert_allclose(np.array(found), np.array(wanted), atol=1e-3)
    together = model.find(rgb, ["dog", "chair", "very long name of a thing that nobody knows"])
    np.testing.assert_allclose(np.array(together["chair"]), np.array(found), atol=1e-3)
    model.close()


def test_detect_by_owlv2_takes_any_word(owl: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    picture(work / "in" / "a.png", 1, (96, 64))
    said = do(
        work, "detect", from_dirs="in", classes=("Microphone  Stand",), model=str(owl),
        threshold=0.05, max_instances=50,
    )  # fmt: skip
    assert said["model"].startswith("OWLv2") and not said["failed_items"]
    found = sidecar_of(work / "in" / "a.png")
    assert found["decisions"]["detect"] == {"microphone stand": "owlv2"}
    boxes = np.array([one["box"] for one in found["classes"]["microphone stand"]])
    assert len(boxes) and (boxes >= 0).all() and (boxes <= (96, 64, 96, 64)).all()
    said = do(
        work, "detect", from_dirs="in", classes=("microphone stand",), model=str(owl),
        threshold=0.05, max_instances=50,
    )  # fmt: skip
    assert (said["done"], said["looked"]) == (0, 0)


def test_folders_that_hold_no_owlv2_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="there is no folder"):
        check_folder(tmp_path / "no")
    folder = tmp_path / "m"
    folder.mkdir()
    with pytest.raises(WeightsMissing, match="no config"):
        check_folder(folder)
    (folder / "preprocessor_config.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"model_type": "owlvit"}))
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(WeightsMissing, match="safetensors"):
        check_folder(folder)
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(WeightsMissing, match="'owlvit', not owlv2"):
        check_folder(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "owlv2"}))
    with pytest.raises(WeightsMissing, match="cannot be loaded"):
        OpenVocabulary(folder)


@pytest.mark.usefixtures("weights_dir")
def test_a_picture_that_lies_on_its_side_gets_boxes_of_it_upright(tmp_path: Path) -> None:
    path = still("bus", tmp_path / "in" / "bus.jpg")
    with Image.open(path) as image:
        lying = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        lying.save(path, quality=95, exif=exif)
    do(tmp_path, "detect", from_dirs="in", classes=("bus",))
    (bus,) = sidecar_of(path)["classes"]["bus"]
    assert np.abs(np.array(bus["box"]) - (11, 206, 797, 740)).max() < 40
