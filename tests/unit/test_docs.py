"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from curation.engine.batch import run_batch
from curation.records import Frame
from curation.steps.base import Item
from curation.store.catalogue import Catalogue

ROOT = Path(__file__).parents[2]


def test_the_step_in_the_tutorial_runs() -> None:
    text = (ROOT / "docs" / "add-a-step.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    names: dict[str, object] = {"__name__": "tutorial"}
    exec(compile(code, "add-a-step.md", "exec"), names)
    step = names["Colour"]()  # type: ignore[operator]
    step.setup()
    frame = Frame(1, "k:0", 1, 0, 0.0, Path("x.jpg"), 8, 8)
    red = np.zeros((600, 800, 3), np.uint8)
    red[..., 0] = 255
    grey = np.full((40, 40, 3), 90, np.uint8)
    results = run_batch([step], [Item(frame, red), Item(frame, grey)])
    values = [r.measured.signals["chroma"] for r in results if r.measured]
    assert values == [1.0, 0.0]


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
