"""Crops of one picture in different videos are found once, stored, and not asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.engine.batch import load_rgb
from curation.engine.candidates import candidates
from curation.engine.verify import together, verify
from curation.params import VerifyParams
from curation.records import Boxes, Measured, Progress, Result
from curation.steps.appearance import Appearance
from curation.steps.base import Item
from curation.steps.hashes import Hashes
from curation.store.catalogue import Catalogue
from curation.store.columns import load
from curation.store.pairs import PairTable
from curation.store.signals import SignalTable
from curation.store.videos import VideoTable
from tests.unit.pictures import Rgb, crop, scenery
from tests.unit.test_catalogue import add_frames, add_video, row

PARAMS = VerifyParams(workers=1)


@pytest.fixture(scope="module")
def steps(weights_dir: Path) -> tuple[Hashes, Appearance]:
    made = (Hashes(), Appearance())
    for step in made:
        step.setup()
    return made


def store(
    root: Path, videos: Sequence[Sequence[Rgb]], steps: tuple[Hashes, Appearance]
) -> Catalogue:
    """Make a datastore with these stored pictures, one shot a video, measured."""
    catalogue = Catalogue(root)
    for number, pictures in enumerate(videos):
        video_id = add_video(catalogue, f"{number}.mp4", f"{number:032x}")
        for at, rgb in enumerate(pictures):
            cv2.imwrite(str(root / f"{number}_{at}.jpg"), rgb[..., ::-1])
        rows = [row(1001 * at, f"{number}_{at}.jpg") for at in range(len(pictures))]
        add_frames(catalogue, video_id, rows)
    table = SignalTable(catalogue)
    runs = {step.name: table.register(step, "fp") for step in steps}
    nobody = {"subject": Measured({"pose_index": None}), "pose": Measured({}, Boxes.empty())}
    for frame in VideoTable(catalogue).frames():
        item = Item(frame, load_rgb(frame.path), dict(nobody))
        results = [Result(frame.id, step.name, step([item])[0]) for step in steps]
        table.put(results, runs, steps)
    return catalogue


def summary(beats: Sequence[Progress]) -> dict[str, int]:
    found = beats[-1].summary
    assert found is not None
    return dict(found)


def test_a_crop_in_another_video_is_found_and_asked_for_once(
    tmp_path: Path, steps: tuple[Hashes, Appearance]
) -> None:
    picture = scenery(1)
    videos = [[picture, scenery(2)], [crop(picture, 0.8, 0.1, 0.2)], [scenery(3)]]
    catalogue = store(tmp_path, videos, steps)
    names = {frame.path.stem: frame.id for frame in VideoTable(catalogue).frames()}
    params = PARAMS.model_copy(update={"verify_look": 0.3})
    first = list(verify(catalogue, params))
    assert summary(first)["matched"] == 1
    pairs = PairTable(catalogue).load()
    good = pairs["inliers"] >= 30
    assert set(zip(pairs["a"][good], pairs["b"][good], strict=True)) == {
        (names["0_0"], names["1_0"])
    }
    assert pairs["cover"][good][0] > 0.9
    again = list(verify(catalogue, params))
    assert summary(again) == {"compared": 0, "matched": 0}


def test_a_stopped_run_goes_on_where_it_was(
    tmp_path: Path, steps: tuple[Hashes, Appearance]
) -> None:
    pictures = [scenery(seed) for seed in range(10)]
    videos = [pictures, [crop(rgb, 0.85, 0.9, 0.1) for rgb in pictures]]
    catalogue, unbroken = (store(tmp_path / name, videos, steps) for name in ("a", "b"))
    run = verify(catalogue, PARAMS)
    for beat in run:
        if beat.done:
            break
    run.close()  # type: ignore[attr-defined]
    stored = len(PairTable(catalogue).load()["a"])
    assert stored > 0
    rest = summary(list(verify(catalogue, PARAMS)))
    pairs = PairTable(catalogue).load()
    assert len(pairs["a"]) == stored + rest["compared"]
    list(verify(unbroken, PARAMS))
    wanted = PairTable(unbroken).load()
    assert all(np.array_equal(pairs[name], wanted[name]) for name in wanted)
    good = wanted["inliers"] >= 30
    assert good.sum() >= 8
    assert (wanted["b"][good] - wanted["a"][good] == len(pictures)).all()


def test_a_missing_picture_is_told_and_costs_only_its_pairs(
    tmp_path: Path, steps: tuple[Hashes, Appearance]
) -> None:
    pictures = [scenery(seed) for seed in range(3)]
    catalogue = store(
        tmp_path, [pictures, [crop(rgb, 0.85, 0.9, 0.1) for rgb in pictures]], steps
    )
    (tmp_path / "1_2.jpg").unlink()
    beats = list(verify(catalogue, PARAMS))
    failed = [beat.failed for beat in beats if beat.failed]
    assert failed and all("1_2.jpg" in item for item, _ in failed)
    assert summary(beats)["matched"] == 2


def test_it_can_be_switched_off(tmp_path: Path, steps: tuple[Hashes, Appearance]) -> None:
    catalogue = store(tmp_path, [[scenery(1)], [crop(scenery(1), 0.8)]], steps)
    assert list(verify(catalogue, PARAMS.model_copy(update={"verify": False}))) == []
    assert list(verify(catalogue, PARAMS.model_copy(update={"verify_pairs": 0}))) == []
    assert len(PairTable(catalogue).load()["a"]) == 0


def test_shots_are_left_to_pose_and_time_and_hashes_that_agree_are_done(
    tmp_path: Path, steps: tuple[Hashes, Appearance]
) -> None:
    picture = scenery(1)
    catalogue = store(
        tmp_path, [[picture, crop(picture, 0.85, 0.9, 0.1)], [picture]], steps
    )
    assert candidates(load(catalogue), PARAMS).tolist() == [[1, 2]]


def test_each_frame_has_few_candidates_likest_first() -> None:
    rng = np.random.default_rng(0)
    n, k = 700, 3
    scenes = rng.normal(0, 1, (20, 96))[rng.integers(0, 20, n)] + rng.normal(0, 0.3, (n, 96))
    scenes /= np.linalg.norm(scenes, axis=1, keepdims=True)
    halves = scenes.astype("<f2")
    blobs = np.full(n, None, object)
    blobs[:] = [half.tobytes() for half in halves]
    blobs[::50] = None
    columns = {
        "video": np.arange(n) // 7, "shot": np.zeros(n, np.int64), "scene": blobs,
        "phash": rng.integers(-(2**63), 2**63, n), "has_phash": np.ones(n, bool),
        "extract_reason": np.full(n, None, object),
    }
    found = candidates(columns, PARAMS.model_copy(update={"verify_neighbours": k}))
    likeness = (halves.astype(np.float32)[found[:, 0]] * halves.astype(np.float32)[found[:, 1]])
    sums = likeness.sum(axis=1)
    assert (np.diff(sums) <= 1e-4).all() and sums.min() >= 0.6 - 1e-4
    assert (columns["video"][found[:, 0]] != columns["video"][found[:, 1]]).all()
    assert not np.isin(found, np.arange(0, n, 50)).any()
    brute = halves.astype(np.float32) @ halves.astype(np.float32).T
    brute[columns["video"][:, None] == columns["video"][None, :]] = -1
    brute[:, ::50] = brute[::50] = -1
    wanted = {
        tuple(sorted((i, int(j)))) for i in range(n) for j in np.argsort(-brute[i])[:k]
        if brute[i, j] >= 0.6
    }
    assert {tuple(pair) for pair in found.tolist()} == wanted


def test_without_vectors_there_is_nothing_to_compare() -> None:
    columns = {
        "video": np.arange(3), "shot": np.zeros(3, np.int64), "phash": np.zeros(3, np.int64),
        "has_phash": np.ones(3, bool), "extract_reason": np.full(3, None, object),
    }
    assert candidates(columns, PARAMS).shape == (0, 2)


def test_pictures_of_pairs_meet_soon_again() -> None:
    """A ring of pictures, each like its two neighbours and the next ones, in a random order."""
    n, rng = 500, np.random.default_rng(0)
    name = rng.permutation(n).tolist()
    pairs = [
        (min(name[i], name[j % n]), max(name[i], name[j % n]))
        for i in range(n) for j in (i + 1, i + 2)
    ]  # fmt: skip
    ordered = together(sorted(pairs))
    assert sorted(ordered) == sorted(pairs)
    kept: dict[int, None] = {}
    found = 0
    for picture in (one for pair in ordered for one in pair):
        found += picture not in kept
        kept.pop(picture, None)
        kept[picture] = None
        if len(kept) > 16:
            del kept[next(iter(kept))]
    assert found == n, "a picture was let go and had to be found again"
    assert together([]) == []
