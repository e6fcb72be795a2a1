"""The verbs of culling as they are typed, and what they said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import main

Cap = pytest.CaptureFixture[str]


def told(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> dict[str, Any]:
    """Type a command and return its JSON summary."""
    capsys.readouterr()
    done = main([*map(str, words), "--json"])
    out = capsys.readouterr()
    assert done == code, out.err
    found: dict[str, Any] = json.loads(out.out) if out.out else {"error": out.err}
    return found


def group(capsys: pytest.CaptureFixture[str], *words: str | Path) -> None:
    """Group, without reports: they are new files in the tree."""
    first = Path(words[0])
    told(capsys, "group", *words, "--report", first / ".curation" / "reports")
