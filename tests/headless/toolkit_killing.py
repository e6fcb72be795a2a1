"""kill -9 at chosen moments of a toolkit verb: what the work dir holds then, and after a new try.

    python -m tests.headless.toolkit_killing JOB.json

JOB: {"verb", "argv", "start": prepared work dir, "out": folder, "kills": how many moments, "extra":
what Context.extra holds, for fetch from a server of the test's own}. Made in `out`: calm (never
killed), K-killed (as the dead process left it), K-again (the same command once more). The verb runs
in a forked child that kills itself with SIGKILL just before or after a change of the disk; nothing
else about it is other than in life.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from curation.cli import toolkit
from curation.toolkit.files import Files
from curation.toolkit.verbs import find


def forked(work: Callable[[], int]) -> int:
    """Do work in a child process; return its exit code, or minus the signal that ended it."""
    pid = os.fork()
    if not pid:
        code = 99
        try:
            code = work()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def counted(note: Path, kill_at: int, after: bool) -> None:
    """Make this process kill itself at its nth change of the disk; note how many there were."""
    do = Files.do
    count = 0

    def doing(self: Files, op: object, ring: bool = False) -> None:
        nonlocal count
        count += 1
        if count == kill_at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        do(self, op, ring)  # type: ignore[arg-type]
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        note.write_text(str(count))

    Files.do = doing  # type: ignore[method-assign]


def allow(extra: object) -> None:
    """Put something into the context of every verb of this process."""
    toolkit.context = partial(toolkit.context, extra=extra)


def verb(name: str, argv: list[str], place: Path, said: Path) -> int:
    """Run a verb with everything that it prints going to a file."""
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        return toolkit.main(name, [*argv, "-d", str(place)])


def killed(job: dict[str, object], out: Path) -> dict[str, object]:
    """Do the job; return exit codes and the moments."""
    name, argv, start = str(job["verb"]), list(job["argv"]), Path(str(job["start"]))  # type: ignore[call-overload]
    note, said = out / "count", out / "said.txt"
    find(name)
    allow(job.get("extra") or {})
    place = out / "work" / start.name

    def fresh() -> None:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(start, place, symlinks=True)

    def calmly(n: int = 0, after: bool = False) -> int:
        counted(note, n, after)
        return verb(name, argv, place, said)

    fresh()
    codes: list[int] = [forked(calmly)]
    shutil.copytree(place, out / "calm", symlinks=True)
    ops = int(note.read_text()) if note.exists() else 0
    wanted = {1, (ops + 1) // 2, ops} if ops else set()
    moments = [(n, after) for n in sorted(wanted) for after in (False, True)]
    moments = moments[: int(job["kills"])] if ops else []  # type: ignore[call-overload]
    for i, (n, after) in enumerate(moments):
        fresh()
        codes.append(forked(lambda n=n, after=after: calmly(n, after)))  # type: ignore[misc]
        shutil.copytree(place, out / f"{i}-killed", symlinks=True)
        codes.append(forked(calmly))
        shutil.copytree(place, out / f"{i}-again", symlinks=True)
    return {"codes": codes, "moments": moments, "ops": ops}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text())
    into = Path(given["out"])
    answer = killed(given, into)
    (into / "answer.json").write_text(json.dumps(answer))
