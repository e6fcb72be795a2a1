"""A Ray cluster of two nodes: one is killed, one video is poison, and nothing else is missing."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.engine import ray_engine
from curation.engine.part_store import open_store
from curation.engine.parts import POISON, WHOLE, Settings
from curation.engine.shards import Job, Shelf
from curation.errors import StoreError
from tests.cluster import deadly
from tests.cluster.conftest import PARAMS, run_gather, run_sort, run_work, summary_of
from tests.headless.runs import assert_same

ray = pytest.importorskip("ray", reason="needs pip install -r requirements-ray.txt")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, little: None) -> Iterator[Any]:
    """A head and one more node, one core each, on this machine."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # on a busy machine it would wait for ever
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def kill_when_busy(cluster: Any, scratch: Path, killed: list[str]) -> None:
    """Kill the second node as soon as both are at work."""
    (node,) = (n for n in cluster.list_all_nodes() if not n.is_head())
    until = time.monotonic() + 1200
    while time.monotonic() < until:
        if len(list(scratch.glob("*/catalog.sqlite"))) >= 2:
            time.sleep(3)
            cluster.remove_node(node, allow_graceful=False)
            killed.append(node.node_id)
            return
        time.sleep(0.1)


def test_a_lost_node_and_a_poison_video_cost_what_they_must(
    cluster: Any, footage: Path, local: Path, tmp_path: Path
) -> None:
    parts, scratch, killed = tmp_path / "parts", tmp_path / "scratch", list[str]()
    killer = threading.Thread(target=kill_when_busy, args=(cluster, scratch, killed))
    killer.start()
    told = run_work([footage], parts, engine="ray", scratch=scratch)
    killer.join()
    assert killed and len([n for n in ray.nodes() if n["Alive"]]) == 1
    assert told["failed"].keys() == {"letter.mp4", "poison.mov"}
    assert told["failed"]["poison.mov"].startswith("quarantined: it needs more than 300 MB")
    far = tmp_path / "far" / "datastore"
    gathered = run_gather(parts, far, footage)
    assert gathered["failed"].keys() == told["failed"].keys() and not gathered["missing"]
    run_sort(far)
    assert_same(local, far)
    # Typed again, nothing is left but what is tried each time.
    again = run_work([footage], parts, engine="ray", scratch=scratch)
    assert again["parts"] == 1 and again["failed"].keys() == {"letter.mp4"}


def test_who_ends_whole_workers_is_tried_once_more_then_quarantined(
    cluster: Any, footage: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("deadly.mp4", "once.mp4", "good.mp4"):
        shutil.copy(footage / "clip10.mp4", folder / name)
        with (folder / name).open("ab") as file:
            file.write(name.encode())  # so that each is a video of its own
    jobs = [Job.of(path, path.name) for path in sorted(folder.iterdir())]
    settings, scratch = Settings.here(PARAMS), tmp_path / "scratch"
    scratch.mkdir()
    shelf = Shelf(open_store(str(tmp_path / "parts")), settings, scratch)
    beats = ray_engine.work(jobs, shelf, "", scratch, task=deadly.work_or_die)
    *_, last = beats
    told = dict(last.summary or {})
    assert told["failed"].keys() == {"deadly.mp4"}
    assert told["failed"]["deadly.mp4"].startswith("quarantined: WorkerCrashedError")
    assert shelf.parts[f"file-{jobs[0].alias}"] == POISON
    again = Shelf(open_store(str(tmp_path / "parts")), settings, scratch)
    assert sorted(again.parts.values()) == [WHOLE, WHOLE, POISON]
    assert all(again.is_done(job) for job in jobs)
    assert [again.is_done(job, retry_quarantined=True) for job in jobs] == [False, True, True]
    gathered = run_gather(tmp_path / "parts", tmp_path / "far", folder)
    assert gathered["failed"].keys() == {"deadly.mp4"} and gathered["parts"] == 3


def test_a_node_that_does_not_see_the_videos_blames_none(cluster: Any, tmp_path: Path) -> None:
    job = Job(tmp_path / "gone.mp4", "gone.mp4", 10, 10)
    settings = Settings.here(PARAMS)
    shelf = Shelf(open_store(str(tmp_path / "parts")), settings, tmp_path)
    *_, last = ray_engine.work([job], shelf, "", tmp_path)
    assert "does not see" in dict(last.summary or {})["failed"]["gone.mp4"]
    assert shelf.parts == {}


def test_nodes_of_another_version_are_refused(cluster: Any, footage: Path, tmp_path: Path) -> None:
    settings = Settings.here(PARAMS)
    facts = {**settings.facts, "software": {**settings.facts["software"], "numpy": "1.0"}}
    shelf = Shelf(open_store(str(tmp_path / "parts")), Settings(PARAMS, facts), tmp_path)
    job = Job.of(footage / "clip10.mp4", "clip10.mp4")
    with pytest.raises(StoreError, match="other versions or models: software numpy"):
        summary_of(ray_engine.work([job], shelf, "", tmp_path))
