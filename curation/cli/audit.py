"""`python -m curation audit`: who changed what through the studio."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from curation.cli.command import DONE, add_common, check_datastore, ran, say

if TYPE_CHECKING:
    from curation.store.audit import Entry


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m curation audit",
        description="Say who marked, uploaded, started and deleted what through the studio, newest "
        "first. Names are those that people gave with the password.",
    )
    made.add_argument("--limit", type=int, default=50, help="rows; default %(default)s")
    made.add_argument("--action", default="", help="only this one: mark, upload, job, login ...")
    made.add_argument("--who", default="", help="only what this person did")
    add_common(made)
    return made


def main(argv: Sequence[str]) -> int:
    """Print the rows; return 0, 1 when there is no datastore, 2 for a wrong word."""
    return ran(parser(), argv, _run)


def _run(options: argparse.Namespace) -> int:
    from curation.store.audit import AuditTable
    from curation.store.catalogue import Catalogue

    check_datastore(options.datastore)
    table = AuditTable(Catalogue(options.datastore))
    rows = table.listing(max(0, options.limit), None, options.action, options.who)
    say(options, [row.to_dict() for row in rows], _lines(rows))
    if not rows and not options.json:
        print("nobody has changed anything yet", file=sys.stderr)
    return DONE


def _lines(rows: Sequence[Entry]) -> Iterator[str]:
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.made_s))
        told = json.dumps(dict(row.what), ensure_ascii=True)
        yield f"{when}  {row.who or '-':16}  {row.address or '-':15}  {row.action:14}  {told}"
