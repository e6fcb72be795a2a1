"""A Ray cluster of two nodes: one is killed, one video is poison, and nothing else is missing."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
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
TRIES = 5


@pytest.fixture
def cluster(patient_ray: None, little: None) -> Iterator[Any]:
    """A head and one more node, one core each, on this machine."""
    made = started()
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def started() -> Any:
    """Return a cluster; Ray gives each node 30 s to start, which is little on a busy machine."""
    from ray.cluster_utils import Cluster

    for left in range(TRIES - 1, -1, -1):
        made = Cluster()
        try:
            made.add_node(num_cpus=1, include_dashboard=False)
            made.add_node(num_cpus=1)
            return made
        except Exception:  # what it says of its own processes that are late
            with suppress(Exception):
                made.shutdown()
            if not left:
                raise
    raise AssertionError("unreachable")


def kill_at_work(
    cluster: Any, node: Any, scratch: Path, over: threading.Event, killed: list[str]
) -> None:
    """Kill a node as soon as it is at work, unless the run is over before."""
    while not over.wait(0.05):
        if list(scratch.glob("*/catalog.sqlite")) or (scratch / "through").exists():
            try:
                cluster.remove_node(node, allow_graceful=False)
                killed.append(node.node_id)
            finally:
                (scratch / "killed").touch()  # others wait for it
            return


def test_a_lost_node_and_a_poison_video_cost_what_they_must(
    cluster: Any, footage: Path, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, scratch, killed = tmp_path / "parts", tmp_path / "scratch", list[str]()
    (node,) = (n for n in cluster.list_all_nodes() if not n.is_head())
    scratch.mkdir()
    (scratch / "doomed").write_text(node.node_id)
    monkeypatch.setattr(ray_engine, "produce_remotely", deadly.work_or_wait)
    over = threading.Event()
    killer = threading.Thread(target=kill_at_work, args=(cluster, node, scratch, over, killed))
    killer.start()
    try:
        told = run_work([footage], parts, engine="ray", scratch=scratch)
    finally:
        over.set()
        killer.join()
    assert killed
    while len([n for n in ray.nodes() if n["Alive"]]) > 1:  # word of it comes when it comes
        time.sleep(0.1)
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
