"""The race of analyze and dedup runs, small: what it asks of our own code is still there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_toolkit, peers
from bench.bench_cull_search import peer_rows
from bench.peers.places import NoPeer


def test_pictures_are_measured_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_toolkit, "CAMERA_WH", (1600, 1200))
    rows = {row.metric: row for row in bench_toolkit.analyze_rows(
        bench_toolkit.photos(tmp_path, 4), imagededup())}  # fmt: skip
    assert rows["imagehash / analyze: phash"].value > 0
    assert rows["pairs of pictures only one of them finds"].value == 0
    assert rows["analyze phash: ms a picture"].n == 6


def test_hashes_are_compared_by_all() -> None:
    rows = bench_toolkit.dedup_rows(300, 30, imagededup())
    assert rows and all(row.value >= 0 for row in rows)


def test_pairs_of_a_library_are_those_of_imagededup(monkeypatch: pytest.MonkeyPatch) -> None:
    imagededup()
    monkeypatch.setattr("bench.bench_cull_search.PEER_N", 200)
    assert [row.value for row in peer_rows() if row.metric.startswith("pairs")] == [0]


def imagededup() -> object:
    try:
        return peers.imagededup()
    except NoPeer as why:
        pytest.skip(str(why))
