"""kill -9 at random moments, then the same command: nothing lost, nothing twice, nothing else."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import videos
from tests.headless.runs import ROOT, assert_same, command, run

KILLS = 20
EXTRACT = ("--fps", "8", "--workers", "2")
SORT = ("--recipe", "recipes/small.yaml", "--workers", "2")
RANK = ("--recipe", "recipes/small.yaml")


def fill(datastore: Path, clips: Sequence[Path]) -> Path:
    folder = datastore / "videos_folder_1"
    folder.mkdir(parents=True)
    for clip in clips:
        shutil.copy2(clip, folder / clip.name)
    return datastore


def kill_and_finish(
    script: str, words: Sequence[str], start: Path, calm: Path, work: Path, seed: int
) -> None:
    """Kill a running script KILLS times at random moments; every end must equal the calm one.

    A run that ends before its kill is compared with the calm one and begun anew, and does not
    count, however often the machine is fast.
    """
    begun = time.monotonic()
    done = run(script, calm, *words)
    assert done.returncode == 0, done.stderr
    length_s = time.monotonic() - begun
    rng = random.Random(seed)
    place = work / "disturbed" / calm.name  # reports carry the datastore's name
    shutil.copytree(start, place)
    hits = 0
    while hits < KILLS:
        process = subprocess.Popen(
            command(script, place, *words),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = process.communicate(timeout=rng.uniform(0.05, 0.8) * length_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            hits += 1
            continue
        assert process.returncode == 0, said.decode()
        assert_same(calm, place)
        shutil.rmtree(place)
        shutil.copytree(start, place)
    done = run(script, place, *words)
    assert done.returncode == 0, done.stderr
    assert_same(calm, place)


def test_extraction_survives_kills(tmp_path: Path) -> None:
    clips = [
        videos.clip("long").path,
        videos.clip("cuts").path,
        videos.clip("vfr").path,
        videos.damaged("flipped"),
    ]
    start = fill(tmp_path / "start", clips)
    calm = fill(tmp_path / "calm", clips)
    kill_and_finish("01_extract.py", EXTRACT, start, calm, tmp_path, seed=1)


@pytest.mark.usefixtures("weights_dir")
def test_sorting_and_ranking_survive_kills(tmp_path: Path, sample_clips: list[Path]) -> None:
    extracted = fill(tmp_path / "extracted", sample_clips)
    assert run("01_extract.py", extracted, "--fps", "6").returncode == 0
    calm = tmp_path / "calm"
    shutil.copytree(extracted, calm)
    kill_and_finish("02_sort.py", SORT, extracted, calm, tmp_path / "sort", seed=2)
    ranked = tmp_path / "ranked"
    shutil.copytree(calm, ranked)
    kill_and_finish("03_score_and_rank.py", RANK, calm, ranked, tmp_path / "rank", seed=3)
