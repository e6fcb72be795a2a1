"""`python -m curation audit`: who changed what through the studio."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from curation.cli.verbs import DONE, FAILED
from curation.errors import CurationError
from curation.store.catalogue import FILE_NAME


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m curation audit",
        description="Say who marked, uploaded, started and deleted what through the studio, newest "
        "first. Names are those that people gave with the password.",
    )
    made.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="default %(default)s",
    )  # fmt: skip
    made.add_argument("--limit", type=int, default=50, help="rows; default %(default)s")
    made.add_argument("--action", default="", help="only this one: mark, upload, job, login ...")
    made.add_argument("--who", default="", help="only what this person did")
    made.add_argument("--json", action="store_true", help="print one JSON list on stdout")
    return made


def main(argv: Sequence[str]) -> int:
    """Print the rows; return 0, 1 when there is no datastore, 2 for a wrong word."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    from curation.store.audit import AuditTable
    from curation.store.catalogue import Catalogue

    try:
        if not (options.datastore / FILE_NAME).is_file():
            raise CurationError(
                f"{options.datastore} is no datastore", "name yours with --datastore FOLDER"
            )
        table = AuditTable(Catalogue(options.datastore))
        rows = table.listing(max(0, options.limit), None, options.action, options.who)
    except CurationError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps([row.to_dict() for row in rows], sort_keys=True))
        return DONE
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.made_s))
        told = json.dumps(dict(row.what), ensure_ascii=True)
        print(f"{when}  {row.who or '-':16}  {row.address or '-':15}  {row.action:14}  {told}")
    if not rows:
        print("nobody has changed anything yet", file=sys.stderr)
    return DONE
