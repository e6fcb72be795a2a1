"""Trying thresholds picks what ranking with them would pick, and writes nothing."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from curation.decide.meters import METERS
from curation.errors import CurationError, ParamError
from curation.params import RankParams
from curation.studio import Studio
from curation.web.helper import Try
from curation.web.trials import ALL, Trial, Trials, _histogram
from tests.web.conftest import site_of

TRIED = RankParams(
    min_focus=0.3,
    per_video=3,
    per_video_face=4,
    pose_area=0.1,
    false_face=0.6,
    false_face_review=0.6,
    min_px=16,
    min_face_px=16,
)


def picks(studio: Studio) -> list[tuple[int, str, int]]:
    rows = studio.decisions.page(verdict="picked")
    return sorted((row["frame_id"], row["pool"], row["rank"]) for row in rows)


def test_a_trial_equals_the_ranking(filled: Path) -> None:
    studio = Studio(filled)
    before = picks(studio)
    trial = Trials(filled).decide(TRIED.model_dump(mode="json"), ALL)
    assert picks(studio) == before, "a trial writes nothing"
    for _ in studio.rank(TRIED):
        pass
    after = picks(studio)
    assert sorted((r["frame_id"], r["pool"], r["rank"]) for r in trial.rows) == after
    assert after != before
    assert {row["frame_id"] for row in trial.rows if row["new"]} == (
        {frame_id for frame_id, _, _ in after} - {frame_id for frame_id, _, _ in before}
    )
    assert {row["frame_id"] for row in trial.dropped} == (
        {frame_id for frame_id, _, _ in before} - {frame_id for frame_id, _, _ in after}
    )
    assert sum(trial.picked.values()) == len(after)
    assert sum(trial.reasons.values()) + len(after) == studio.decisions.count()


def test_measures_are_read_again_only_when_they_change(filled: Path) -> None:
    trials = Trials(filled)
    trials.decide({}, "face")
    first = trials._columns
    trials.decide({"min_focus": 0.4}, "face")
    assert trials._columns is first
    studio = Studio(filled)
    studio.catalogue.db.execute("UPDATE frame SET sampled = 0 WHERE id = 1")
    trials.decide({}, "face")
    assert trials._columns is not first


def test_histograms_count_what_a_threshold_decides_about(filled: Path) -> None:
    trial = Trials(filled).decide({"min_focus": 0.2}, "upper_body")
    (focus,) = [h for h in trial.histograms if h.param == "min_focus"]
    assert focus.limit == 0.2
    assert sum(focus.counts) == focus.total >= focus.failing > 0
    assert focus.low < 0.2 < focus.high
    assert {h.param for h in trial.histograms} <= {meter.param for meter in METERS}
    assert "pose_area" in {h.param for h in trial.histograms}
    assert "pose_area" not in {h.param for h in Trials(filled).decide({}, "face").histograms}


def test_a_histogram_counts_a_value_at_its_threshold_as_the_ranking_does() -> None:
    meters = {meter.param: meter for meter in METERS}
    for param, failing in (("max_mouth_open", 0), ("min_eye_open", 1), ("false_face", 1)):
        assert _histogram(meters[param], np.array([0.2, 0.5]), 0.5).failing == failing


def test_the_helper_answers_from_its_own_process_and_survives_nonsense(
    client: TestClient,
) -> None:
    helper = site_of(client).trials
    answer = helper.ask(Try({}, ALL))
    assert isinstance(answer, Trial)
    with pytest.raises(ParamError, match=r"fps|top"):
        helper.ask(Try({"top": -1}, ALL))
    assert isinstance(helper.ask(Try({}, "face")), Trial)


def test_a_helper_that_died_idle_is_replaced(client: TestClient) -> None:
    helper = site_of(client).trials
    helper.ask(Try({}, ALL))
    (worker,) = helper._pool._workers
    worker.process.kill()
    worker.process.join()
    assert isinstance(helper.ask(Try({}, ALL)), Trial)


def test_a_helper_that_dies_over_a_question_says_so_and_is_replaced(client: TestClient) -> None:
    helper = site_of(client).trials
    helper.ask(Try({}, ALL))
    (worker,) = helper._pool._workers
    os.kill(worker.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as asking:
        answer = asking.submit(helper.ask, Try({}, ALL))
        while not worker.busy:
            time.sleep(0.01)
        worker.process.kill()
        with pytest.raises(CurationError, match="SIGKILL"):
            answer.result()
    assert isinstance(helper.ask(Try({}, ALL)), Trial)
