"""A program in a race, and what one turn of it costs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Cost:
    """What one turn took.

    Attributes:
        cpu_s: user and system seconds that count.
        rss_mb: most memory that its largest process held.
        told: what the contender printed as JSON on its last line, if it did.
        stills: pictures that it left in its folder.
    """

    cpu_s: float
    rss_mb: float
    told: dict[str, float]
    stills: int


@dataclass(frozen=True)
class Contender:
    """A program in the race: what to type for a file and an empty folder.

    Attributes:
        own: it prints {"cpu_s": ...} of what counts; else all of its process does.
        ours: it is our worker, whose memory has gates.
        around: what its environment has more.
        about: what it does, in some words.
    """

    command: Callable[[Path, Path], list[str]]
    own: bool = False
    ours: bool = False
    around: Mapping[str, str] = field(default_factory=dict)
    about: str = ""


def run(contender: Contender, path: Path) -> Cost:
    """Give a contender one turn.

    Raises:
        SystemExit: with the last of what it said, when it fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        said, sighed = Path(scratch) / "said", Path(scratch) / "sighed"
        with said.open("w") as stdout, sighed.open("w") as stderr:
            child = subprocess.Popen(
                contender.command(path, out), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout,
                stderr=stderr, env={**os.environ, **contender.around},
            )  # fmt: skip
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            last = (said.read_text() + sighed.read_text())[-2000:]
            raise SystemExit(
                f"{' '.join(map(str, child.args))} ended with {child.returncode}:\n{last}"  # type: ignore[arg-type]
            )
        lines = said.read_text().splitlines()
        stills = sum(1 for file in out.rglob("*") if file.suffix.lower() in PICTURES)
    told = json.loads(lines[-1]) if contender.own else {}
    cpu_s = told["cpu_s"] if contender.own else used.ru_utime + used.ru_stime
    return Cost(cpu_s, used.ru_maxrss / 1024, told, stills)
