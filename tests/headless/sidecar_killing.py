"""kill -9 before every single step that changing sidecars takes on the disk.

    python -m tests.headless.sidecar_killing START OUT

START holds pictures, some with sidecars. Ratings are written into a copy of it in a forked child,
which kills itself just before its nth step (a rename, link, removal, change of mode or time, a file
opened to be written: Python's audit events). Printed, as JSON: how many steps there were, and each
moment after which a sidecar was neither its old nor its new bytes, or the next run did not end what
was begun, or undo did not bring back the old bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from curation.cli import toolkit
from curation.cull.sidecars import Desk
from curation.photos import xmp
from curation.toolkit.files import Files
from curation.toolkit.plan import Plan
from tests.headless.toolkit_killing import forked

STEPS = {"os.rename", "os.link", "os.remove", "os.chmod", "os.utime", "os.mkdir", "os.rmdir"}
RATING = 5


def sidecars(root: Path) -> dict[str, bytes]:
    """Return all sidecars."""
    return {path.name: path.read_bytes() for path in sorted(root.glob("*.xmp"))}


def rate(root: Path) -> int:
    """Write the ratings; return how many things failed."""
    with toolkit.context("stars", root) as ctx:
        desk, plan = Desk(), Plan(ctx.workdir)
        for picture in sorted(root.glob("*.jpg")):
            for place in desk.places([picture]):
                write = place.write(lambda data: xmp.with_rating(data, RATING), "test")
                plan.add(*([] if write is None else [write]))
        summary: Any = list(ctx.carry_out(plan))[-1].summary
        return len(summary["failed_items"])


def undo(root: Path) -> int:
    """Take everything back; return how many things could not be."""
    with toolkit.context("stars", root) as ctx:
        files = Files(ctx.catalogue)
        runs = [run["id"] for run in files.journal.runs()]
        return sum(len(files.undo(run)) for run in runs)


def counting(work: Any, kill_at: int, note: Path) -> int:
    """Do work, killed before its nth step; note how many there were."""
    count = 0

    def heard(event: str, args: Any) -> None:
        nonlocal count
        opened = event == "open" and isinstance(args[2], int) and args[2] & (
            os.O_WRONLY | os.O_RDWR
        )  # fmt: skip
        if event in STEPS or opened:
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heard)
    failed = int(work())
    steps = count
    note.write_text(str(steps))
    return failed


def main(start: Path, out: Path) -> dict[str, Any]:
    """Kill at every step."""
    root, note = out / "work", out / "steps"

    def fresh() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(start, root)

    fresh()
    old = sidecars(root)
    codes = [forked(partial(counting, partial(rate, root), 0, note))]
    steps, new = int(note.read_text()), sidecars(root)
    torn: list[str] = []
    for n in range(1, steps + 1):
        fresh()
        codes.append(forked(partial(counting, partial(rate, root), n, note)))
        now = sidecars(root)
        torn += [
            f"{n}: {name}" for name in old.keys() | new.keys()
            if now.get(name) not in (old.get(name), new.get(name))
        ]  # fmt: skip
        torn += [f"{n}: the next run"] * bool(forked(partial(rate, root)))
        torn += [f"{n}: after the next run"] * (sidecars(root) != new)
        torn += [f"{n}: undo"] * bool(forked(partial(undo, root)))
        torn += [f"{n}: after undo"] * (sidecars(root) != old)
    return {"steps": steps, "killed": codes.count(-signal.SIGKILL), "torn": torn,
            "changed": sum(old.get(name) != data for name, data in new.items())}  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
