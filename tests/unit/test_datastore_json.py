"""datastore.json: what goes in comes out, line by line, and a broken one says what to type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.export.datastore_json import read_frames, signals
from curation.export.tables import write_datastore_json

ROW = {"key": "k:1", "video_key": "k", "pts": 1, "time_s": 0.04, "file": "a.jpg", "pool": "face",
       "verdict": "picked", "reason": "picked", "detail": "rank 1", "score": 0.5, "rank": 1}
VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.integers(-(2**80), 2**80)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(name=st.text(st.characters(codec=None)), facts=st.dictionaries(st.text(), VALUES),
       count=st.integers(0, 3))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, name: str, facts: dict[str, Any], count: int
) -> None:
    path = tmp_path_factory.mktemp("json") / "datastore.json"
    row = ROW | {"file": name, "detail": name}
    write_datastore_json(path, [{"name": name, "facts": facts}] * count, [(row, {"a": 1})] * count)
    whole = json.loads(path.read_text(encoding="utf-8"))
    assert whole["schema"] == 1
    assert len(whole["videos"]) == len(whole["frames"]) == count
    assert list(read_frames(path)) == whole["frames"]
    if count:
        assert whole["frames"][0]["path"] == whole["videos"][0]["name"] == name


def test_signals_leave_out_what_is_missing_and_what_is_no_number_or_text() -> None:
    texts, blobs = np.full(3, None, object), np.full(3, None, object)
    texts[1], blobs[0] = "rigid", b"\0\1"
    columns = {
        "frame_id": np.arange(3), "shot": np.array([0, 0, 1]), "cue": texts, "look": blobs,
        "focus": np.array([0.123456789, np.nan, np.inf]), "none": np.full(3, np.nan),
        "phash": np.array([-1, 255, 7]), "has_phash": np.array([True, True, False]),
    }
    assert list(signals(columns, np.array([0, 1, 2]))) == [
        {"shot": 0, "focus": 0.12346, "phash": "f" * 16},
        {"shot": 0, "cue": "rigid", "phash": "00000000000000ff"},
        {"shot": 1},
    ]
    assert list(signals({"frame_id": np.arange(2)}, np.array([0, 1]))) == [{}, {}]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": 9,\n"videos": [\n],\n', "\0",
                                  '{"schema": 1,\n"videos": [\n],\n"frames": [\n{"a": 1},\n{"b'])
def test_a_broken_file_says_what_to_type(tmp_path: Path, text: str) -> None:
    (tmp_path / "datastore.json").write_text(text)
    with pytest.raises(CurationError, match="cannot be read") as caught:
        list(read_frames(tmp_path / "datastore.json"))
    assert "03_score_and_rank.py" in (caught.value.hint or "")


def test_a_missing_file_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="cannot be read"):
        list(read_frames(tmp_path / "datastore.json"))
