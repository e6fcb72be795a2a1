"""The three scripts over real clips: right pools, a reason for every frame, same bytes again."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curation.decide.reasons import REASONS
from tests.headless.runs import ROOT, file_digests, run, run_json

RECIPE = ("--recipe", "recipes/small.yaml")


@pytest.fixture(scope="module")
def ranked(
    tmp_path_factory: pytest.TempPathFactory, weights_dir: Path, sample_clips: list[Path]
) -> Path:
    datastore = tmp_path_factory.mktemp("pipeline") / "datastore"
    run_json("01_extract.py", datastore, *sample_clips, *RECIPE)
    run_json("02_sort.py", datastore, *RECIPE)
    run_json("03_score_and_rank.py", datastore, *RECIPE)
    return datastore


def frames(datastore: Path) -> list[dict[str, object]]:
    found = json.loads((datastore / "datastore.json").read_text())
    assert found["schema"] == 1
    listed: list[dict[str, object]] = found["frames"]
    return listed


def test_every_frame_is_picked_or_has_one_reason_of_the_closed_set(ranked: Path) -> None:
    for frame in frames(ranked):
        assert frame["verdict"] in ("picked", "rejected", "review")
        assert frame["detail"]
        if frame["verdict"] != "picked":
            assert frame["reason"] in REASONS
            assert frame["rank"] is None


def test_the_man_on_the_phone_is_a_face_and_lamp_posts_are_nothing(ranked: Path) -> None:
    picks = [frame for frame in frames(ranked) if frame["verdict"] == "picked"]
    carphone = [f for f in picks if "carphone" in str(f["path"])]
    videos = {
        v["id"]: v["name"] for v in json.loads((ranked / "datastore.json").read_text())["videos"]
    }
    carphone = [f for f in picks if videos[f["video"]].startswith("carphone")]
    assert carphone and {f["pool"] for f in carphone} == {"face"}
    for frame in picks:
        signals = frame["signals"]
        assert isinstance(signals, dict)
        assert signals.get("n_faces", 0) or signals.get("n_people", 0)


def test_ranks_are_complete_and_ordered_by_score(ranked: Path) -> None:
    with (ranked / "ranked.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for pool in {row["pool"] for row in rows}:
        mine = [row for row in rows if row["pool"] == pool]
        assert [int(row["rank"]) for row in mine] == list(range(1, len(mine) + 1))
        scores = [float(row["score"]) for row in mine]
        assert scores == sorted(scores, reverse=True)
        files = sorted(p.name for p in (ranked / "ranked" / pool).iterdir())
        assert [int(name[:4]) for name in files] == list(range(1, len(mine) + 1))


def test_views_are_links_to_the_stored_frames(ranked: Path) -> None:
    for frame in frames(ranked):
        if frame["path"] is not None and frame["verdict"] == "picked":
            assert (ranked / str(frame["path"])).stat().st_nlink >= 3


def test_the_same_command_again_writes_the_same_bytes(ranked: Path) -> None:
    before = file_digests(ranked)
    assert run_json("02_sort.py", ranked, *RECIPE)["measured"] == 0
    run_json("03_score_and_rank.py", ranked, *RECIPE)
    assert file_digests(ranked) == before


def test_a_moved_threshold_moves_picks_and_nothing_is_measured_again(ranked: Path) -> None:
    loose = run_json("03_score_and_rank.py", ranked, *RECIPE)
    strict = run_json("03_score_and_rank.py", ranked, *RECIPE, "--min-face-px", "1000")
    assert strict["picked"].get("face", 0) == 0 < loose["picked"]["face"]
    assert strict["reasons"]["face_too_small"] > 0
    assert run_json("02_sort.py", ranked, *RECIPE)["measured"] == 0
    # Nothing is remembered from the run before, and what differs from it is said.
    assert strict["changed"] == {"min_face_px": {"now": 1000, "before": 40}}
    again = run("03_score_and_rank.py", ranked, *RECIPE).stdout
    assert "ranked with min_face_px 40 (last time 1000)" in again
    assert "last time" not in run("03_score_and_rank.py", ranked, *RECIPE).stdout


def test_a_missing_weight_stops_before_the_first_frame(ranked: Path, tmp_path: Path) -> None:
    for name in ("curation", "recipes"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy2(ROOT / "02_sort.py", tmp_path)
    (tmp_path / "weights").mkdir()
    shutil.copy2(ROOT / "weights" / "manifest.toml", tmp_path / "weights")
    env = {k: v for k, v in os.environ.items() if k != "CURATION_WEIGHTS"}
    done = subprocess.run(
        [sys.executable, "02_sort.py", "--datastore", str(ranked), "--face-score", "0.71"],
        cwd=tmp_path,
        env={**env, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "python -m curation weights fetch" in done.stderr
    assert "Traceback" not in done.stderr
