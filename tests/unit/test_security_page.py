"""docs/security.md: no promise without a guard that is there and a test that is there."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

import pytest

from curation.export.tables import FORMULA_STARTS, write_ranked_csv

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)`: ((?:`test_\w+`(?:, )?)+)")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| promise |")
]


@cache
def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_a_promise_has_a_guard_and_a_test(row: list[str]) -> None:
    assert len(row) == 3, row
    promise, guard, told = row
    assert promise and guard
    found = NAMED.findall(told)
    assert found, f"no test of: {promise}"
    assert NAMED.sub("", told).strip(" ;") == "", f"more than tests: {told}"
    for name, tests in found:
        path = ROOT / name
        assert path.is_file(), name
        missing = set(re.findall(r"`(test_\w+)`", tests)) - names_in(path)
        assert not missing, f"{name} has no {missing}"
    for file, word in re.findall(r"`([\w/]+\.py)(?:: (\w+))?`", guard):
        source = ROOT / "curation" / file
        assert source.is_file(), file
        assert word in source.read_text(), f"{file} has no {word}"


def test_the_page_has_its_promises() -> None:
    assert len(ROWS) > 45


def test_every_test_of_an_attack_has_a_promise() -> None:
    """What is proven by an attack is also said."""
    text = PAGE.read_text()
    for name in ("web/test_attacks.py", "web/test_login.py"):
        lacking = [
            test for test in names_in(ROOT / "tests" / name)
            if test.startswith("test_") and test not in text
        ]  # fmt: skip
        assert len(lacking) <= 8, lacking


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_is_a_formula(start: str, tmp_path: Path) -> None:
    evil = f"{start}HYPERLINK('http://x')"
    row = {
        "pool": evil, "rank": 1, "score": 0.5, "video": evil, "time_s": 1.0, "pts": 1,
        "key": evil, "file": evil, "detail": evil, "parts": {},
    }  # fmt: skip
    inside = {**row, "video": f"holiday;{evil}", "detail": f"x\r{evil}\n{evil}"}
    write_ranked_csv(tmp_path / "ranked.csv", [row, inside], [])
    with (tmp_path / "ranked.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 3, "a text made a row of its own"
    assert sum("HYPERLINK" in cell for cell in rows[1]) == 5
    for cell in (*rows[1], *rows[2]):
        for part in cell.split(";"):  # as some spreadsheets part a line
            assert not part.startswith(FORMULA_STARTS)
