"""What the documents say is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from bench.chart import bars
from curation.store.catalogue import Catalogue

ROOT = Path(__file__).parents[2]


def test_the_step_in_the_tutorial_and_its_test_run(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "add-a-step.md").read_text()
    step, test = (dedent(code) for code in re.findall(r"^ *```python\n(.*?)```", text, re.S | re.M))
    module = ModuleType("curation.steps.colour")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(step, "colour.py", "exec"), module.__dict__)
    names: dict[str, Any] = {"__name__": "test_colour"}
    exec(compile(test, "test_colour.py", "exec"), names)
    names["test_red_is_colourful_and_grey_is_not"]()


def test_the_step_in_the_tutorial_is_as_lint_wants_it(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "add-a-step.md").read_text()
    codes = re.findall(r"^ *```python\n(.*?)```", text, re.S | re.M)
    places = ("curation/steps/colour.py", "tests/unit/test_colour.py")
    for code, place in zip(codes, places, strict=True):
        # Not the order of imports: ruff looks which files are there, and colour.py is not.
        words = ["-m", "ruff", "check", "--no-cache", "--ignore=I001", "--stdin-filename",
                 str(ROOT / place), "-"]
        done = subprocess.run([sys.executable, *words], input=dedent(code), cwd=ROOT,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_every_table_is_described(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "store.md").read_text()
    rows = Catalogue(tmp_path).db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    for row in rows:
        assert f"| `{row['name']}` |" in text, row["name"]


def test_paths_in_documents_exist() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for name in re.findall(
            r"`((?:curation|tests|bench|docs|weights|recipes|train)/[\w/.-]+)`",
            document.read_text(),
        ):
            assert (ROOT / name).exists(), f"{document.name} speaks of {name}"


def links(page: Path) -> set[Path]:
    """Return the files of ours that a document links or shows."""
    named = re.findall(r"]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    return {(page.parent / name).resolve() for name in named}


def test_a_reader_gets_to_every_page_and_every_picture_is_shown() -> None:
    """From the README and CONTRIBUTING by links alone; nothing they name is missing."""
    seen, ahead = set(), [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    while ahead:
        page = ahead.pop()
        seen.add(page)
        for found in links(page):
            assert found.exists(), f"{page.name} links {found}, which is not there"
            some = {found} if found.is_file() else set(found.glob("*.md"))
            ahead += [page for page in some - seen if page.suffix == ".md"]
            seen |= some
    there = {*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs" / "pictures").iterdir()}
    assert not sorted(there - seen)


def test_the_speed_chart_is_of_the_results() -> None:
    drawn = (ROOT / "docs" / "pictures" / "speed.svg").read_text()
    said = re.findall(r"<!-- (\d+\.\d\d) -->", drawn)  # matplotlib tells each text it draws
    kinds = bars(json.loads((ROOT / "bench" / "results" / "speed.json").read_text()))
    told = [f"{bar.value:.2f}" for found in kinds.values() for bar in found.values()]
    assert sorted(said) == sorted(told), "python -m bench.chart draws it anew"


def test_the_readme_is_short_and_its_pictures_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    pictures = [ROOT / name for name in re.findall(r"!\[[^]]*]\(([^)]+)\)", text)]
    assert pictures and all(path.is_file() for path in pictures)
    (moving,) = (path for path in pictures if path.suffix == ".webp")
    assert moving.stat().st_size <= 2.5e6
    with Image.open(moving) as film:
        assert film.n_frames > 20
        shown_ms = 0.0
        for i in range(film.n_frames):
            film.seek(i)
            film.load()
            shown_ms += film.info["duration"]
    assert 6000 <= shown_ms <= 10_000
