"""Reference photos find one person in footage: real clips, real faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.cli.people import main
from curation.engine.batch import run_batch
from curation.errors import CurationError
from curation.learn.people_find import find_person
from curation.learn.people_seen import seen_in
from curation.params import ExtractParams, MeasureParams
from curation.people_params import FindPersonParams
from curation.photos.decode import load_upright
from curation.registry import make_steps
from curation.steps.base import Item
from curation.store.signals import SignalTable
from curation.studio import Studio
from tests.web.filled import deal

pytestmark = pytest.mark.usefixtures("weights_dir")

CLIPS = ("LivePortrait_d10.mp4", "LivePortrait_s32.mp4", "SadTalker_1.mp4")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory, shared_bench: Path) -> Path:
    """A datastore of three people, its faces measured for real; the rest is dealt."""
    clips = shared_bench / "videos" / "clips"
    root = tmp_path_factory.mktemp("people") / "datastore"
    studio = Studio(root)
    for _ in studio.extract([clips / name for name in CLIPS], ExtractParams(fps=1, workers=1)):
        pass
    deal(studio)
    steps = make_steps(MeasureParams(second_opinion=False), ("faces", "identity"))
    identity = next(step for step in steps if step.name == "identity")
    table = SignalTable(studio.catalogue)
    runs = {identity.name: table.register(identity, "measured")}
    for step in steps:
        step.setup()
    items = [Item(frame, load_upright(frame.path)) for frame in studio.videos.frames()]
    results = [r for item in items for r in run_batch(steps, [item]) if r.step == "identity"]
    for step in steps:
        step.close()
    table.put(results, runs, [identity])
    studio.close()
    return root


def photo(sets: Path, clip: str, second: float, to: Path) -> Path:
    """Write a picture of a clip from a moment that is no stored frame."""
    video = cv2.VideoCapture(str(sets / "videos" / "clips" / clip))
    video.set(cv2.CAP_PROP_POS_FRAMES, int(second * video.get(cv2.CAP_PROP_FPS)) + 3)
    good, bgr = video.read()
    video.release()
    assert good and cv2.imwrite(str(to), bgr)
    return to


def test_photos_find_their_person_and_nobody_else(
    footage: Path, shared_bench: Path, tmp_path: Path
) -> None:
    studio = Studio(footage)
    ours = [
        photo(shared_bench, CLIPS[1], at, tmp_path / f"{at}.jpg") for at in (1.2, 3.4)
    ]
    stranger = photo(shared_bench, CLIPS[0], 2.2, tmp_path / "stranger.jpg")
    empty = tmp_path / "wall.png"
    cv2.imwrite(str(empty), np.full((400, 400, 3), 128, np.uint8))
    asked = [*ours, empty, tmp_path / "nowhere.jpg", stranger]
    summary = list(find_person(studio.catalogue, asked, FindPersonParams()))[-1].summary
    assert summary is not None
    failed = {Path(item["item"]).name: item["reason"] for item in summary["failed_items"]}
    assert "somebody else" in failed["stranger.jpg"] and "no face" in failed["wall.png"]
    assert "no picture" in failed["nowhere.jpg"]
    assert summary["pictures"] == 2
    assert {row["video"] for row in summary["found"] if row["is_them"]} == {CLIPS[1]}
    likeness = [row["likeness"] for row in summary["found"]]
    assert likeness == sorted(likeness, reverse=True)
    assert summary["expected_strangers"] < 0.1 and 0 < summary["expected_missed"] < 0.1
    studio.close()


def test_what_is_found_can_be_named(
    footage: Path, shared_bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = photo(shared_bench, CLIPS[2], 2.2, tmp_path / "sam.jpg")
    where = ["--datastore", str(footage)]
    assert main(["find", str(picture), "--name", "Sam", *where]) == 0
    named = capsys.readouterr().out.splitlines()[-1]
    assert named.endswith(f"Sam now; next: python 03_score_and_rank.py --datastore {footage}")
    assert main(["find", str(picture), str(tmp_path / "none.jpg"), "--strict", *where]) == 3
    out = capsys.readouterr().out
    assert "Sam" in out and "below the threshold" in out
    studio = Studio(footage)
    seen = seen_in(studio.catalogue)
    sam = next(number for number, name in seen.names.items() if name == "Sam")
    names = studio.videos.names()
    assert {names[int(v)] for v in seen.video[seen.person == sam]} == {CLIPS[2]}
    studio.about_people().undo()
    studio.close()


def test_without_a_face_nothing_is_looked_for(footage: Path, tmp_path: Path) -> None:
    studio = Studio(footage)
    with pytest.raises(CurationError, match="no picture shows a face"):
        list(find_person(studio.catalogue, [tmp_path / "none.jpg"], FindPersonParams()))
    studio.close()
