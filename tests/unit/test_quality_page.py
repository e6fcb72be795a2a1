"""The tables of quality agree with the results that they are written from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import quality_page
from bench.pages import put, table
from bench.report import RESULTS

QUALITY = quality_page.blocks(quality_page.read())


@pytest.mark.parametrize(("page", "name", "text"), QUALITY, ids=lambda value: str(value)[-30:])
def test_quality_tables_agree_with_the_results(page: Path, name: str, text: str) -> None:
    found = page.read_text()
    assert put(found, name, text) == found, "python -m bench.quality_page"


def test_the_table_of_quality_is_compact_and_shows_gaps() -> None:
    compact, short = QUALITY[0][2], QUALITY[2][2]
    assert len(compact.splitlines()) <= 2 + 12
    assert len(short.splitlines()) == 2 + 6
    assert "**" in compact and "**" in short


def test_no_missed_goal_is_left_out() -> None:
    everything = json.loads((RESULTS / "quality.json").read_text())
    missed = [row["metric"] for row in everything if row["goal"] is not None and (
        row["value"] < row["goal"] if row["higher_is_better"] else row["value"] > row["goal"])]
    assert missed
    for metric in missed:
        assert f"| `{metric}` |" in QUALITY[1][2]


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="once each"):
        put("nothing here", "facts", "text")
    assert put("a\n<!-- x -->\nold\n<!-- /x -->\nb", "x", "new\n") == (
        "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    )
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
