"""Footage, a local run over it, and the parts of two shards: made once, copied by tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from curation.cluster import WorkPlan, gather, work
from curation.params import ExtractParams, SortParams, WorkParams
from curation.records import Progress
from curation.studio import Studio
from tests import videos
from tests.hostile import bombs

FPS = 4.0
PARAMS = WorkParams(fps=FPS)
PATIENT_RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # behind others it would wait for ever
    "RAY_worker_register_timeout_seconds": "1200",
    "RAY_health_check_timeout_ms": "1200000",  # a dead node answers at once: nobody is there
    "RAY_gcs_server_port_wait_time_s": "1200",
}
"""What keeps Ray from taking a busy machine for a broken one."""


def summary_of(beats: Iterator[Progress]) -> dict[str, Any]:
    """Run a verb to its end; return its summary, with `failed` as file name -> reason."""
    *_, last = beats
    told = dict(last.summary or {})
    told["failed"] = {Path(row["item"]).name: row["reason"] for row in told["failed_items"]}
    return told


def run_work(paths: Sequence[Path], parts: Path | str, params: WorkParams = PARAMS,
             **plan: Any) -> dict[str, Any]:
    return summary_of(work(paths, params, WorkPlan(str(parts), **plan)))


def run_gather(parts: Path | str, datastore: Path, *paths: Path, chosen: Sequence[str] = ()
               ) -> dict[str, Any]:
    studio = Studio(datastore)
    try:
        return summary_of(gather(studio, str(parts), paths, chosen))
    finally:
        studio.close()


def run_local(datastore: Path, *paths: Path) -> dict[str, Any]:
    studio = Studio(datastore)
    try:
        return summary_of(studio.extract(paths, ExtractParams(fps=FPS)))
    finally:
        studio.close()


def run_sort(datastore: Path) -> dict[str, Any]:
    studio = Studio(datastore)
    try:
        return summary_of(studio.sort(SortParams()))
    finally:
        studio.close()


@contextmanager
def little_memory() -> Iterator[None]:
    """Give workers so little memory that a bomb of some kilobytes is one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURATION_DECODER_MB", "300")
        yield


@pytest.fixture(autouse=True)
def little() -> Iterator[None]:
    """Each test here, and none elsewhere."""
    with little_memory():
        yield


@pytest.fixture
def patient_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PATIENT_RAY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory, sample_clips: list[Path]) -> Path:
    """Two real clips, one of uneven times, a damaged one, a copy in a folder, a letter, a bomb."""
    folder = tmp_path_factory.mktemp("videos", numbered=False)
    for clip in sample_clips:
        shutil.copy(clip, folder / clip.name)
    shutil.copy(videos.clip("vfr").path, folder / "clip10.mp4")
    shutil.copy(videos.damaged("flipped"), folder / "clip2.mp4")
    (folder / "more").mkdir()
    shutil.copy(videos.clip("vfr").path, folder / "more" / "again.mp4")
    bombs.huge(folder / "poison.mov", 8000, 1)
    (folder / "letter.mp4").write_text("This is a letter, not a video.\n" * 40)
    return folder


@pytest.fixture(scope="session")
def local(footage: Path, tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Path:
    """A datastore that this machine filled alone."""
    datastore = tmp_path_factory.mktemp("local", numbered=False) / "datastore"
    with little_memory():
        run_local(datastore, footage)
        run_sort(datastore)
    return datastore


@pytest.fixture(scope="session")
def made(footage: Path, tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Path:
    """The parts that two machines made of the same footage, each its half."""
    folder = tmp_path_factory.mktemp("made", numbered=False)
    for shard in ((1, 2), (2, 2)):
        with little_memory():
            told = run_work([footage], folder / "parts", shard=shard, scratch=folder / "scratch")
        assert told["of"] == 7
    assert list((folder / "scratch").iterdir()) == []
    return folder / "parts"


@pytest.fixture
def parts(made: Path, tmp_path: Path) -> Path:
    """A copy of the parts, to spoil."""
    shutil.copytree(made, tmp_path / "parts")
    return tmp_path / "parts"


@pytest.fixture
def part_of(parts: Path) -> Any:
    """Return the file of a video's part, by the name of the video."""
    from curation.engine.parts import read_manifest

    def find(name: str) -> Path:
        for path in sorted(parts.glob("*/*.zip")):
            with path.open("rb") as file:
                if read_manifest(file).name == name:
                    return path
        raise AssertionError(f"no part of {name} in {parts}")

    return find
