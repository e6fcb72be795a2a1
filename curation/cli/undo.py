"""`python -m curation undo`: put files back as they were before a toolkit verb."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from curation.cli.command import DONE, ITEMS_FAILED, add_common, ran, say
from curation.cli.toolkit_job import watched
from curation.errors import InputError, ParamError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.toolkit.files import NOT_OURS, Files
from curation.toolkit.workdir import WorkDir
from curation.words import count, size


def main(argv: Sequence[str]) -> int:
    """Undo; return 0 done, 1 error, 2 usage, 3 when a file changed since had to stay."""
    parser = argparse.ArgumentParser(
        prog="python -m curation undo",
        description="Put files back as they were before the latest toolkit verb: bytes, names and "
        "times. Typed again, it takes back the one before. A file that somebody changed since is "
        "left as it is.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER",
        help="folder in which a verb was run; default is the current one",
    )  # fmt: skip
    parser.add_argument(
        "-d", "--working-dir", type=Path, metavar="DIR", help="the same, as the other verbs have it"
    )
    parser.add_argument("--list", action="store_true", help="list what was done, newest first")
    parser.add_argument("--to", type=int, metavar="N", help="take back run N and all after it")
    parser.add_argument(
        "--forget",
        action="store_true",
        help="give the disk space of kept files back; nothing done so far can be undone then",
    )
    add_common(parser, datastore=False)
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--datastore", type=Path, help=argparse.SUPPRESS)
    return ran(parser, argv, _run)


def _run(options: argparse.Namespace) -> int:
    if None not in (options.folder, options.working_dir):
        raise ParamError("name one folder, as FOLDER or with -d")
    options.working_dir = options.folder or options.working_dir or Path()
    ask = _listed if options.list else _forgotten if options.forget else _undone
    with watched(options) as show:
        answer = ask(options)
        show(answer)
    say(options, answer, answer["lines"])
    return ITEMS_FAILED if answer.get("failed_items") else DONE


def catalogue_of(root: Path) -> Catalogue:
    """Return the catalogue of a work dir, which has one; InputError says where it may be."""
    workdir = WorkDir(root)
    # Opening makes an absent catalogue, which a question must not do.
    if (workdir.ours / FILE_NAME).is_file():
        return Catalogue(workdir.ours)
    if (workdir.root / FILE_NAME).is_file():
        raise InputError(
            f"{workdir.root} is a datastore",
            f"python -m curation unapply --datastore {shlex.quote(str(root))}",
        )
    # Of several FOLDERs the first has the journal; and what lies in one may have been named.
    above = [path for path in workdir.root.parents if (path / OUR_FOLDER / FILE_NAME).is_file()]
    where = shlex.quote(str(above[0])) if above else "FOLDER, the first that was named then"
    raise InputError(
        f"no verb has changed anything in {workdir.root}", f"python -m curation undo {where}"
    )


def _listed(options: argparse.Namespace) -> dict[str, Any]:
    with closing(catalogue_of(options.working_dir)) as catalogue:
        runs = Files(catalogue).journal.runs()
    lines = []
    for run in runs:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run["begun_s"]))
        files = ", ".join(f"{count} {kind}" for kind, count in sorted(run["files"].items()))
        words = shlex.join([run["verb"], *run["argv"]])
        lines.append(f"{run['id']:4}  {when}  {run['state']:7}  {words}  ({files})")
    return {"runs": runs, "lines": lines or ["nothing was done yet"]}


@contextmanager
def _writing(root: Path) -> Iterator[Files]:
    """Open a work dir's files to change them; what a killed run left half done is mended first."""
    with closing(catalogue_of(root)) as catalogue, catalogue.writing("undo"):
        files = Files(catalogue)
        files.recover()
        yield files


def _forgotten(options: argparse.Namespace) -> dict[str, Any]:
    with _writing(options.working_dir) as files:
        runs, freed = files.forget()
    line = f"{count(runs, 'run')} forgotten, {size(freed)} free again"
    return {"verb": "undo", "forgotten": runs, "freed_bytes": freed, "lines": [line]}


def _undone(options: argparse.Namespace) -> dict[str, Any]:
    with _writing(options.working_dir) as files:
        runs = {run["id"]: run for run in files.journal.runs()}
        left: list[tuple[str, str]] = []
        lines: list[str] = []
        numbers = files.journal.to_undo(options.to)
        for number in numbers:
            left += files.undo(number)
            lines.append(f"taken back: {runs[number]['verb']} (run {number})")
    lines += [f"left as it is: {path}: {reason}" for path, reason in left]
    if any(NOT_OURS in reason for _, reason in left):
        place = shlex.quote(str(files.catalogue.root.parent))
        lines.append(f"hint: if this folder is your own, copied or restored, look at what it would "
                     f"do outside of itself: python -m curation trust {place} --dry-run")
    items = [{"item": path, "reason": reason} for path, reason in left]
    return {"verb": "undo", "runs": numbers, "failed_items": items, "lines": lines}
