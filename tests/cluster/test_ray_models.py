"""Models on a Ray cluster: the rows of a local run; a frame that ends every worker costs itself."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.engine import ray_models
from curation.engine.measure import measure as measure_locally
from curation.errors import StoreError
from curation.params import SortParams
from curation.store.catalogue import Catalogue
from tests.cluster import deadly
from tests.cluster.conftest import run_sort, summary_of
from tests.headless.runs import assert_same, catalogue_rows

pytest.importorskip("ray.data", reason="needs pip install -r requirements-ray.txt")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("patient_ray")]
STEPS = ("pose", "appearance")
TABLES = ("signal_pose", "signal_appearance", "box")


@pytest.fixture
def emptied(local: Path, tmp_path: Path) -> Path:
    """A datastore whose poses and looks are still to be measured."""
    datastore = tmp_path / "far" / "datastore"
    shutil.copytree(local, datastore)
    db = sqlite3.connect(datastore / "catalog.sqlite")
    for step in STEPS:
        db.execute(f"DELETE FROM signal_{step}")
        db.execute("DELETE FROM box WHERE step = ?", (step,))
    db.commit()
    db.close()
    return datastore


def run(datastore: Path, **how: Any) -> dict[str, Any]:
    catalogue = Catalogue(datastore)
    failed = []
    try:
        with catalogue.writing("measure"):
            for beat in ray_models.measure(catalogue, SortParams(), STEPS, **how):
                failed += [beat.failed] if beat.failed else []
                told = beat.summary
        assert len(failed) == dict(told or {})["failed"]
        return dict(told or {})
    finally:
        catalogue.close()


def test_chosen_models_on_a_cluster_give_the_rows_of_a_local_run(
    local: Path, emptied: Path
) -> None:
    told = run(emptied)
    assert told["measured"] > 20 and told["failed"] == 0
    assert run_sort(emptied)["measured"] == 0
    assert_same(local, emptied)
    # Typed again, nothing is left to ask; no cluster is started.
    assert run(emptied, address="ray://nobody:1")["measured"] == 0


def test_a_frame_that_ends_every_worker_costs_itself(local: Path, emptied: Path) -> None:
    assert run(emptied, runner=deadly.Deadly)["failed"] == 1
    near, here = catalogue_rows(local), catalogue_rows(emptied)
    lost = {row[0] for name in STEPS for row in here[f"signal_{name}"] if row[2] is not None}
    assert len(lost) == 1
    for name in TABLES:
        assert len(here[name]) > 20
        assert [row for row in here[name] if row[0] not in lost] == [
            row for row in near[name] if row[0] not in lost
        ]
    db = sqlite3.connect(emptied / "catalog.sqlite")
    said = db.execute("SELECT frame_id, error FROM signal_pose WHERE error NOTNULL").fetchall()
    assert said == [(deadly.FRAME, "its worker process ended with code 9")]


def test_nodes_that_differ_are_refused(emptied: Path) -> None:
    with pytest.raises(StoreError, match="other versions or models: steps pose"):
        run(emptied, runner=deadly.Other)


def test_joined_batches_ask_the_same(emptied: Path) -> None:
    from curation.engine.measure import batches
    from curation.registry import make_steps
    from curation.store.signals import SignalTable

    catalogue = Catalogue(emptied)
    steps = make_steps(SortParams(), STEPS)
    table = SignalTable(catalogue)
    ids = [int(row[0]) for row in catalogue.db.execute("SELECT id FROM frame WHERE sampled = 1")]
    several = list(batches(catalogue, table, steps, dict.fromkeys(ids, STEPS)))
    one = ray_models.joined(several)
    assert [frame.id for frame in one.frames] == ids and len(several) > 2
    assert one.given.keys() == one.wanted.keys() == set(ids)
    catalogue.close()


def test_one_step_can_be_measured_here_too(local: Path, emptied: Path) -> None:
    catalogue = Catalogue(emptied)
    with catalogue.writing("measure"):
        told = summary_of(_with_items(measure_locally(catalogue, SortParams(), names=["pose"])))
    catalogue.close()
    assert told["measured"] > 20
    near, here = catalogue_rows(local), catalogue_rows(emptied)
    assert here["signal_pose"] == near["signal_pose"] and here["signal_appearance"] == []


def _with_items(beats: Iterator[Any]) -> Iterator[Any]:
    from dataclasses import replace

    for beat in beats:
        told = None if beat.summary is None else {**beat.summary, "failed_items": []}
        yield replace(beat, summary=told)
