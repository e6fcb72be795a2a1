"""kill -9 at random moments, then the same command: nothing lost, nothing twice, nothing else."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from curation.store.catalogue import Catalogue
from curation.store.integrity import check
from curation.store.proxies import FACE, WHOLE, ProxyPacks
from curation.store.videos import VideoTable
from tests import videos
from tests.headless.runs import ROOT, assert_same, catalogue_rows, command, file_digests, run

KILLS, OF_MODELS = 20, 10
"""How often a script is killed, and one that has to load models before each."""
EXTRACT = ("--fps", "8", "--workers", "2")
SORT = ("--recipe", "recipes/small.yaml", "--workers", "2")
RANK = ("--recipe", "recipes/small.yaml")
PICKS = (*SORT, "--fps", "2", "--full-frames", "picks")
DIES = """
import os, signal, sys
from curation.cli.verbs import main
from curation.engine.extract import _Driver
from curation.store.proxies import ProxyPacks
# The first stage stores chunks, the second puts faces.
place, name = {"first": (_Driver, "_store"), "second": (ProxyPacks, "put")}[sys.argv.pop(1)]
do = getattr(place, name)
def do_and_die(*given):
    do(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, do_and_die)
sys.exit(main("extract"))
"""


def fill(datastore: Path, clips: Sequence[Path]) -> Path:
    folder = datastore / "videos_folder_1"
    folder.mkdir(parents=True)
    for clip in clips:
        shutil.copy2(clip, folder / clip.name)
    return datastore


def kill_and_finish(
    script: str, words: Sequence[str], start: Path, calm: Path, work: Path, seed: int,
    kills: int = KILLS,
) -> None:  # fmt: skip
    """Kill a running script so often at random moments; every end must equal the calm one.

    A run that ends before its kill is compared with the calm one and begun anew, and does not
    count; it tells how long runs take by now, for the calm one may have been on a busy machine.
    """
    begun = time.monotonic()
    done = run(script, calm, *words)
    assert done.returncode == 0, done.stderr
    length_s = time.monotonic() - begun
    rng = random.Random(seed)
    place = work / "disturbed" / calm.name  # reports carry the datastore's name
    shutil.copytree(start, place)
    hits = 0
    while hits < kills:
        begun = time.monotonic()
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
        length_s = time.monotonic() - begun
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
    kill_and_finish("02_sort.py", SORT, extracted, calm, tmp_path / "sort", 2, OF_MODELS)
    ranked = tmp_path / "ranked"
    shutil.copytree(calm, ranked)
    kill_and_finish("03_score_and_rank.py", RANK, calm, ranked, tmp_path / "rank", seed=3)


def small_pictures(datastore: Path) -> dict[str, list[object]]:
    """Return video:pts -> its small picture and its face; where they lie in a pack is no matter."""
    catalogue = Catalogue(datastore)
    packs = ProxyPacks(catalogue)
    found = {
        f"{frame.source.info.key}:{frame.pts}": [packs.read(frame.id, n) for n in (WHOLE, FACE)]
        for frame in VideoTable(catalogue).frames() if frame.source is not None
    }  # fmt: skip
    assert not [problem for problem in check(catalogue) if problem.is_bad]
    catalogue.close()
    return found


def dies(place: Path, when: str) -> None:
    """Run a pass that kills itself in its first stage or its second, as soon as some is stored."""
    words = ["-c", DIES, when, *PICKS, "--datastore", str(place)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(place.glob("videos_folder_*/output_images_*/*.jpg")), "nothing to let go of"


@pytest.mark.usefixtures("weights_dir")
def test_a_pass_that_keeps_picks_only_survives_kills(
    tmp_path: Path, sample_clips: list[Path]
) -> None:
    calm = fill(tmp_path / "calm" / "datastore", sample_clips)
    done = run("01_extract.py", calm, *PICKS)
    assert done.returncode == 0, done.stderr
    place = fill(tmp_path / "disturbed" / "datastore", sample_clips)
    dies(place, "first")
    dies(place, "second")
    done = run("01_extract.py", place, *PICKS)
    assert done.returncode == 0, done.stderr
    rows, other = catalogue_rows(calm), catalogue_rows(place)
    for name in rows.keys() - {"proxy"}:
        assert rows[name] == other[name], name
    files, others = (
        {name: d for name, d in file_digests(folder).items() if not name.startswith("proxies/")}
        for folder in (calm, place)
    )
    assert files == others and not [n for n in files if "/output_images_" in n]
    assert small_pictures(calm) == small_pictures(place)
