"""Any verb as a job of the studio: its beats go into the job's row as well.

`python -m curation VERB ... --datastore FOLDER --job N` is what the server starts. Verbs of
cli/verbs.py know the flag themselves; for the others it is taken away here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, TextIO, cast

from curation.cli.command import DONE, INTERRUPTED, ITEMS_FAILED

VERBS = ("remake", "train", "evaluate", "promote", "export", "report")


def split(argv: Sequence[str]) -> tuple[list[str], int | None]:
    """Return the words without `--job N`, and N; None where it is not there."""
    words = list(argv)
    if "--job" not in words[:-1]:
        return words, None
    at = words.index("--job")
    number = words[at + 1]
    return words[:at] + words[at + 2 :], int(number) if number.isdecimal() else None


class _Heard:
    """Stands for stderr, and remembers what was wrong."""

    def __init__(self, to: TextIO) -> None:
        self._to, self.wrong = to, ""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            head, found, said = line.partition("error: ")
            if found and (not head or head.endswith(": ")):  # argparse names the program first
                self.wrong = said
        return self._to.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


def run(argv: Sequence[str], number: int, main: Callable[[Sequence[str]], int]) -> int:
    """Run a verb whose words name its datastore, and record how it ended.

    Raises:
        CurationError: there is no such job.
    """
    from curation.cli import terminal
    from curation.store.catalogue import Catalogue
    from curation.store.jobs import CANCELLED, FAILED, JobTable, JobWatcher
    from curation.store.jobs import DONE as WELL
    from curation.store.jobs import INTERRUPTED as ENDED

    root = Path(argv[list(argv).index("--datastore") + 1])
    catalogue = Catalogue(root)
    try:
        watcher = JobWatcher(catalogue, number)
        terminal.ALSO.append(watcher.show)
        heard = _Heard(sys.stderr)
        try:
            with redirect_stderr(cast(TextIO, heard)):
                code = main(argv)
        finally:
            terminal.ALSO.remove(watcher.show)
        table = JobTable(catalogue)
        if code in (DONE, ITEMS_FAILED):
            table.settle(number, WELL)
        elif code == INTERRUPTED:
            asked = table.get(number).cancel
            table.settle(number, CANCELLED if asked else ENDED)
        else:
            table.settle(number, FAILED, heard.wrong or None)
        return code
    finally:
        catalogue.close()
