"""docs/tutorial-lora.md, command by command: two phone videos become a set of one person."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.tutorial import lines, run

COUNT = re.compile(r"(\d+) pictures in ")


def pictures(kohya: Path) -> dict[str, str]:
    """Return the frames of an export and their files."""
    rows = (kohya / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["frame"]: row["file"] for row in map(json.loads, rows)}


def check(here: Path, line: str, told: str, counts: list[int]) -> None:
    """Hold what a line of the page printed and left against what the page says."""
    words = shlex.split(line)[3:]
    if words[:1] == ["people"] and len(words) == 1:
        who = next(row for row in told.splitlines() if row.split()[:1] == ["0"])
        assert (here / who.split()[-1]).is_file(), "a picture to know them by"
    elif words[:1] == ["rank"]:
        assert "what lets more in" in told and "lower burst_s or burst_hash" in told
        assert (here / "datastore" / "contact_sheet.jpg").is_file()
    elif words[:1] == ["coverage"]:
        assert "what the picks lack:" in told and "nothing of person 1" not in told
    elif words[:1] == ["explain"]:
        assert "what it would have needed:" in told and "took its place:" in told
    elif "--preview" in words:
        assert not (here / "ben").exists()
        assert re.search(r"note: \d+ pictures, not 30: python -m curation coverage", told)
    elif words[:1] == ["export"]:
        found = pictures(here / "ben")
        assert COUNT.search(told) and len(found) <= 30
        counts.append(len(found))


@pytest.mark.usefixtures("weights_dir", "sample_clips")
def test_the_tutorial(tmp_path: Path) -> None:
    counts: list[int] = []
    before: dict[str, str] = {}
    refused = ""
    for line in lines("tutorial-lora.md"):
        told = run(tmp_path, line)
        check(tmp_path, line, told, counts)
        if "extract" in line:
            assert "of 2 videos" in told
        if " rate " in line:
            before = pictures(tmp_path / "ben")
            video, _, at_s = shlex.split(line)[4].partition("@")
            stem = f"{Path(video).stem}_{at_s}"
            refused = next(frame for frame, file in before.items() if stem in file)
    ben = tmp_path / "ben"
    after = pictures(ben)
    assert refused not in after and len(after) >= len(before) - 1
    assert counts[0] >= 15, counts
    assert not [file for file in before.values() if file not in after.values()
                and (ben / file).exists()]  # fmt: skip
    for file in after.values():
        with Image.open(ben / file) as picture:
            assert picture.height > picture.width, "upright, though it was stored lying"
        assert (ben / file).with_suffix(".txt").read_text().startswith("Ben, ")
    config = (ben / "train.toml").read_text()
    assert max(map(int, re.findall(r"num_repeats = (\d+)", config))) <= 4
