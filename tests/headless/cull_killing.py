"""kill -9 at every step of apply, arrange and undo: nothing is lost, and undo gives the exact tree.

    python -m tests.headless.cull_killing JOB.json

JOB: {"verb", "argv", "place": folder that `group` has looked at, "also": other folders to look at}.
The verb runs in a forked child that kills itself with SIGKILL just before or after a change of the
disk. After each kill: every content is there; then undo gives the exact tree, or the verb is typed
again, ends what was begun, and undo gives the exact tree. Undo is killed at each of its steps too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from curation.cli import toolkit, undo
from curation.toolkit import files as changing
from curation.toolkit.files import Files
from tests.headless.cull_trees import files, tree


def forked(work: Callable[[], int]) -> int:
    """Do work in a silent child process; return its exit code, or minus the signal."""
    pid = os.fork()
    if not pid:
        code = 99
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dying(place: Any, name: str, note: Path, at: int, after: bool) -> None:
    """Make this process kill itself at the nth call of a function; note how many there were."""
    do = getattr(place, name)
    count = 0

    def doing(*args: Any, **kind: Any) -> Any:
        nonlocal count
        count += 1
        if count == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return do(*args, **kind)
        finally:
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            note.write_text(str(count))

    setattr(place, name, doing)


class Killing:
    """One verb over one folder, killed again and again."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.verb, self.argv = job["verb"], job["argv"]
        self.roots = [Path(job["place"]), *map(Path, job["also"])]
        self.note = self.roots[0].parent / "count"
        self.kills = 0

    def trees(self, **kind: Any) -> list[Any]:
        """Return what the folders hold."""
        return [tree(root, **kind) for root in self.roots]

    def contents(self) -> list[bytes]:
        """Return the bytes of every file."""
        return sorted(data for root in self.roots for data in files(root))

    def work(self, *dies: Any) -> int:
        """Do the verb, dying where it is said."""
        if dies:
            dying(dies[0], dies[1], self.note, dies[2], dies[3])
        return toolkit.main(self.verb, self.argv)

    def back(self, *dies: Any) -> int:
        """Undo, dying where it is said."""
        if dies:
            dying(dies[0], dies[1], self.note, dies[2], dies[3])
        return undo.main([str(self.roots[0])])

    def steps(self, work: Callable[..., int], place: Any, name: str) -> int:
        """Return how often a function is called when nobody dies."""
        self.note.write_text("0")
        assert forked(partial(work, place, name, 0, False)) == 0
        return int(self.note.read_text())

    def run(self, points: list[tuple[Any, str]]) -> dict[str, Any]:
        """Kill everywhere; return how often."""
        before, held = self.trees(), self.contents()
        steps = [self.steps(self.work, *points[0])]
        calm = self.trees(folder_times=False)
        assert calm != self.trees_of(before), "nothing was moved"
        backs = self.steps(self.back, Files, "_take_back")
        assert self.trees() == before, told(before, self.trees())
        for place, name in points[1:]:
            steps.append(self.steps(self.work, place, name))
            assert forked(self.back) == 0 and self.trees() == before
        for (place, name), count in zip(points, steps, strict=True):
            for n in range(1, count + 1):
                for after in (False, True):
                    self.kill(place, name, n, after, before, calm, held)
        for n in range(1, backs + 1):
            for after in (False, True):
                assert forked(self.work) == 0
                assert forked(partial(self.back, Files, "_take_back", n, after)) == -9
                assert lost(held, self.contents()) == []
                assert forked(self.back) == 0
                assert self.trees() == before, (n, after, told(before, self.trees()))
                self.kills += 1
        return {"steps": steps, "undo_steps": backs, "kills": self.kills}

    def trees_of(self, before: list[Any]) -> list[Any]:
        """Return trees without the times of folders."""
        return [
            {k: (m, "folder") if isinstance(h, int) else (m, h) for k, (m, h) in found.items()}
            for found in before
        ]

    def kill(self, place: Any, name: str, n: int, after: bool, before: Any, calm: Any,
             held: list[bytes]) -> None:  # fmt: skip
        """Kill the verb once, then go on or back."""
        where = (name, n, after)
        code = forked(partial(self.work, place, name, n, after))
        assert code == -9, (code, where)
        assert lost(held, self.contents()) == [], where
        self.kills += 1
        if (n + after) % 2:
            assert forked(self.work) == 0, where
            assert self.trees(folder_times=False) == calm, where
        while True:
            code = forked(self.back)
            if code:  # one: nothing is left to undo
                break
        assert self.trees() == before, (where, told(before, self.trees()))


def lost(held: list[bytes], now: list[bytes]) -> list[bytes]:
    """Return contents that are there no more; while a copy is made, one may be there twice."""
    left = list(now)
    gone = []
    for data in held:
        if data in left:
            left.remove(data)
        else:
            gone.append(data[:40])
    return gone


def told(before: list[Any], now: list[Any]) -> list[str]:
    """Return the names that differ."""
    return [
        f"{k}: {str(a.get(k))[:90]} -> {str(b.get(k))[:90]}"
        for a, b in zip(before, now, strict=True)
        for k in sorted({**a, **b})
        if a.get(k) != b.get(k)
    ]


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    wanted: list[tuple[Any, str]] = [(Files, "do")]
    if given.get("other_disk"):
        wanted += [(changing, "copy_checked"), (changing, "sync_folder"), (changing, "rename_new")]
    with redirect_stdout(StringIO()):  # all that is imported now need not be, a hundred times
        toolkit.main(given["verb"], [*given["argv"], "--dry-run"])
    answer = Killing(given).run(wanted)
    Path(given["answer"]).write_text(json.dumps(answer))
