"""`python -m curation trust`: a person says that a folder that came is their own."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from curation.cli.command import DONE, add_common, ran, say
from curation.cli.undo import catalogue_of
from curation.store.file_journal import APPLIED, PENDING
from curation.toolkit.files import Files

MOST_SHOWN = 20


def main(argv: Sequence[str]) -> int:
    """Trust a folder; return 0 done, 1 error, 2 usage."""
    parser = argparse.ArgumentParser(
        prog="python -m curation trust",
        description="Say that the journal in FOLDER is your own, although the folder was copied, "
        "restored or came with a disk. Then `undo` may make, move, change and delete also what its "
        "journal names outside of FOLDER; all of that is listed here. Nothing else is allowed, and "
        "no file is touched. A copy of the folder has to be trusted anew.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder with .curation in it")
    parser.add_argument("--dry-run", action="store_true", help="only list what it would allow")
    add_common(parser, datastore=False)
    return ran(parser, argv, _run)


def _run(options: argparse.Namespace) -> int:
    with closing(catalogue_of(options.folder)) as catalogue, catalogue.writing("trust"):
        files = Files(catalogue)
        if not options.dry_run:
            # What was left half done outside is settled while nobody vouches for it: it stays so.
            files.recover()
        foreign = [run for run in files.journal.runs() if not files.journal.is_own(run["id"])]
        outside = {run["id"]: _outside(files, run["id"]) for run in foreign}
        if not options.dry_run:
            files.journal.trust()
    place = shlex.quote(str(options.folder))
    answer = {
        "verb": "trust", "folder": str(options.folder), "dry_run": options.dry_run,
        "runs": [{**run, "outside": outside[run["id"]]} for run in foreign],
        "lines": _lines(foreign, outside, options.dry_run, place),
    }  # fmt: skip
    say(options, answer, answer["lines"])
    return DONE


def _outside(files: Files, run: int) -> list[str]:
    """Return what undoing a run would touch outside of the folder, each path once."""
    found: dict[str, None] = {}
    for op in files.journal.ops(run, PENDING, APPLIED):
        if not files.is_inside(op):
            paths = (op.dst, op.src)
            found.update({str(path): None for path in paths if path is not None})
    return list(found)


def _lines(
    foreign: Sequence[dict[str, Any]], outside: dict[int, list[str]], dry: bool, place: str
) -> list[str]:
    if not foreign:
        return ["all that was done here was done on this machine: there is nothing to trust"]
    lines = []
    for run in foreign:
        names = outside[run["id"]]
        words = shlex.join([run["verb"], *run["argv"]])
        lines.append(f"run {run['id']}: {words}: {len(names)} paths outside of the folder")
        lines += [f"  {name}" for name in names[:MOST_SHOWN]]
        if len(names) > MOST_SHOWN:
            lines.append(f"  ... and {len(names) - MOST_SHOWN} more; --json has all")
    if dry:
        return [*lines, f"if that is right: python -m curation trust {place}"]
    return [*lines, f"trusted; to take back the latest: python -m curation undo {place}"]
