"""A page of docs/ as a person types it: its commands, out of the page itself, as they stand.

    for line in lines("culling.md"):
        told = run(folder, line)

`python` is this interpreter; scripts and examples are those of the checkout. A line may end with
`# exit code 3`, and begin with `NAME=value`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```", re.S | re.M)
EXIT = re.compile(r"# exit code (\d+)")
SETTING = re.compile(r"[A-Z_]+=")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return (kind, text) of what is to be done: one sh line, or one yaml file."""
    found: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        lines = text.strip().splitlines()
        found += [("sh", line) for line in lines] if kind == "sh" else [("yaml", text)]
    return found


def lines(page: str) -> list[str]:
    """Return the commands of a page."""
    return [text for kind, text in blocks(page) if kind == "sh"]


def words_of(line: str) -> tuple[list[str], dict[str, str]]:
    """Return the command of a line as this machine runs it, and its surroundings."""
    words = shlex.split(line, comments=True)
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    while SETTING.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        surroundings[name] = value
    assert words[0] == "python", line
    if words[1] == "-m":
        assert words[2] == "curation", line
    else:
        words[1] = str(ROOT / words[1])
    return [sys.executable, *words[1:]], surroundings


def run(here: Path, line: str) -> str:
    """Run a line of a page; return what it printed."""
    words, surroundings = words_of(line)
    done = subprocess.run(
        words, cwd=here, env=surroundings, capture_output=True, text=True, check=False
    )
    wanted = EXIT.search(line)
    code = int(wanted[1]) if wanted else 0
    assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout
