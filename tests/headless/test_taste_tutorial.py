"""docs/tutorial-taste.md, command by command, as a person types them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.tutorial import lines, run


def check(here: Path, line: str, told: str) -> None:
    """Hold what a line of the page printed and left against what the page says."""
    words = shlex.split(line)[3:]
    if words[:1] == ["people"]:
        said = {"name": "Anna is who", "consent": "consent: agreed on 1 May 2026"}
        assert (said[words[1]] if words[1:] else "(no name)") in told
    elif words[:1] == ["rate"]:
        assert "stars of" in told and "frames are rated" in told
    elif words[:2] == ["train", "--propose"]:
        assert "stars are expected" in told
    elif words[:1] == ["train"]:
        assert "scorer mine: learned from" in told
        assert (here / "datastore" / "scorers" / "mine.json").is_file()
    elif words[:1] == ["promote"]:
        assert "mine is in use" in told and "first 60 of face" in told
    elif words[:1] == ["search"]:
        assert "frames fit" in told and "Anna" in told
    elif words[:1] == ["export"]:
        out = here / words[words.index("--out") + 1]
        rows = [json.loads(row) for row in (out / "manifest.jsonl").read_text().splitlines()]
        assert rows, line
        assert f"{len(rows)} pictures in" in told
        assert (out / "curation.lock.json").is_file()
    elif words[:1] == ["report"]:
        assert (here / "datastore" / "dataset_report.html").is_file()
    elif words[:1] == ["replay"]:
        same = re.search(r"(\d+) of (\d+) files have the same bytes", told)
        assert same and same[1] == same[2] and int(same[1]) > 0, told


@pytest.mark.usefixtures("weights_dir", "sample_clips")
def test_the_tutorial(tmp_path: Path) -> None:
    for line in lines("tutorial-taste.md"):
        check(tmp_path, line, run(tmp_path, line))
    kohya = tmp_path / "anna-kohya"
    assert (kohya / "train.toml").is_file()
    assert list(kohya.rglob("*.txt")), "captions"
    assert (tmp_path / "anna-hf" / "README.md").is_file()
    assert (tmp_path / "anna-csv" / "data.csv").is_file()
