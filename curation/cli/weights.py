"""`python -m curation weights`: list, fetch and verify models and sample clips."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from curation import samples, weights
from curation.assets import Shelf
from curation.errors import CurationError

PROG = "python -m curation weights"
SHELVES = (weights.SHELF, samples.SHELF)


def main(argv: list[str]) -> int:
    """Run one command; return 0 done, 1 error, 2 usage."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    try:
        summary, code = options.run(options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        summary, code = {"ok": False, "error": error.message, "hint": error.hint}, 1
    if options.json:
        print(json.dumps(summary))
    return code


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser = argparse.ArgumentParser(prog=PROG, description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="list|fetch|verify")
    listing = verbs.add_parser("list", parents=[common], help="what there is, and what is here")
    listing.set_defaults(run=_list)
    fetch = verbs.add_parser("fetch", parents=[common], help="download what is missing")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="default: every model not opt-in")
    fetch.add_argument("--samples", action="store_true", help="fetch the sample clips")
    fetch.set_defaults(run=_fetch)
    verify = verbs.add_parser("verify", parents=[common], help="hash every file that is here")
    verify.set_defaults(run=_verify)
    return parser


def _list(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    rows = []
    for shelf in SHELVES:
        for asset in shelf.assets().values():
            try:
                where = str(shelf.path_of(asset.name))
            except CurationError:
                where = None
            rows.append(
                {
                    "name": asset.name,
                    "kind": shelf.section,
                    "path": where,
                    "bytes": asset.bytes,
                    "sha256": asset.sha256,
                    "source": asset.source,
                    "licence": asset.licence,
                    "licence_note": asset.licence_note,
                    "used_by": list(asset.used_by),
                    "opt_in": asset.opt_in,
                }
            )
    if not options.json:
        for row in rows:
            state = "here" if row["path"] else ("opt-in" if row["opt_in"] else "missing")
            print(
                f"{row['name']:<19}{state:<9}{row['bytes'] / 1e6:6.1f} MB  "
                f"{row['licence']:<14}{row['source']}  (for {', '.join(row['used_by'])})"
            )
    return {"ok": True, "assets": rows}, 0


def _wanted(options: argparse.Namespace) -> list[tuple[Shelf, list[str]]]:
    if options.names:
        by_shelf = [(s, [n for n in options.names if n in s.assets()]) for s in SHELVES]
        known = {name for _, names in by_shelf for name in names}
        for name in options.names:
            if name not in known:
                weights.SHELF.asset(name)
        if options.samples:
            by_shelf[1] = (samples.SHELF, samples.SHELF.default_names())
        return by_shelf
    if options.samples:
        return [(samples.SHELF, samples.SHELF.default_names())]
    return [(weights.SHELF, weights.SHELF.default_names())]


def _fetch(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    from curation.fetching import fetch

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    outcome: dict[str, str] = {}
    paths: dict[str, str] = {}
    for shelf, names in _wanted(options):
        for asset in map(shelf.asset, names):
            if asset.opt_in:
                say(f"{asset.name}: {asset.licence}. {asset.licence_note}.")
        outcome.update(fetch(shelf, names, say))
        paths.update({name: str(shelf.path_of(name)) for name in names})
    fetched = [name for name, how in outcome.items() if how == "fetched"]
    if not options.json:
        say(f"{len(fetched)} fetched, {len(outcome) - len(fetched)} were here already")
    return {"ok": True, "fetched": fetched, "paths": paths}, 0


def _verify(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    rows, bad = [], []
    for shelf in SHELVES:
        for asset in shelf.assets().values():
            state, path = shelf.verify(asset.name)
            rows.append({"name": asset.name, "state": state, "path": str(path) if path else None})
            needed = shelf is weights.SHELF and not asset.opt_in
            if state == "damaged" or (state == "missing" and needed):
                bad.append(asset.name)
            if not options.json:
                print(f"{asset.name:<19}{state:<9}{path or ''}")
    if bad and not options.json:
        print(f"to mend: {PROG} fetch {' '.join(bad)}", file=sys.stderr)
    return {"ok": not bad, "assets": rows, "to_fetch": bad}, int(bool(bad))
