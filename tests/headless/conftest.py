"""What several headless tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a person's own folder, beside the folder or datastore that came."""
    made = tmp_path / "home"
    made.mkdir()
    (made / "thesis.txt").write_text("mine")
    return made
