"""`python -m curation weights` and `samples`: list, fetch and verify models and sample clips."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from curation import samples, weights
from curation.assets import Shelf
from curation.cli.command import add_common
from curation.errors import CurationError
from curation.fetching import fetch

PROG = "python -m curation weights"
ABOUT = "Model files and sample clips: which there are, which are here, and bringing the rest."

Summary = tuple[dict[str, Any], int]


@dataclass(frozen=True)
class Shelves:
    """What the commands work on: the models, and the sample clips beside them."""

    models: Shelf
    clips: Shelf

    def __iter__(self) -> Iterator[Shelf]:
        return iter((self.models, self.clips))


OURS = Shelves(weights.SHELF, samples.SHELF)


def main(argv: Sequence[str], shelves: Shelves = OURS) -> int:
    """Run one command; return 0 done, 1 error, 2 usage."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    run: Callable[[argparse.Namespace, Shelves], Summary] = options.run
    try:
        summary, code = run(options, shelves)
    except CurationError as error:
        if options.debug:
            raise
        _say(f"{error.message}\n{error.hint}".rstrip())
        summary, code = {"ok": False, "error": error.message, "hint": error.hint}, 1
    if options.json:
        print(json.dumps(summary))
    return code


def main_samples(argv: Sequence[str], shelves: Shelves = OURS) -> int:
    """Fetch the sample clips and print where they are; exit codes as `main`."""
    return main(["fetch", "--samples", *argv], shelves)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    add_common(common, datastore=False)
    parser = argparse.ArgumentParser(prog=PROG, description=ABOUT)
    verbs = parser.add_subparsers(required=True, metavar="list|fetch|verify")
    listing = verbs.add_parser("list", parents=[common], help="what there is, and what is here")
    listing.set_defaults(run=_list)
    fetching = verbs.add_parser("fetch", parents=[common], help="download what is missing")
    fetching.add_argument("names", nargs="*", metavar="NAME", help="default: all but opt-in ones")
    fetching.add_argument("--samples", action="store_true", help="fetch the sample clips")
    fetching.set_defaults(run=_fetch)
    verify = verbs.add_parser("verify", parents=[common], help="hash every file that is here")
    verify.set_defaults(run=_verify)
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _list(options: argparse.Namespace, shelves: Shelves) -> Summary:
    rows: list[dict[str, Any]] = []
    for shelf in shelves:
        for asset in shelf.assets().values():
            try:
                path = str(shelf.path_of(asset.name))
            except CurationError:
                path = None
            row = {
                "name": asset.name,
                "kind": shelf.section,
                "path": path,
                "bytes": asset.bytes,
                "sha256": asset.sha256,
                "source": asset.source,
                "licence": asset.licence,
                "licence_note": asset.licence_note,
                "used_by": list(asset.used_by),
                "opt_in": asset.opt_in,
            }
            rows.append(row)
            if not options.json:
                state = "here" if path else ("opt-in" if asset.opt_in else "missing")
                print(
                    f"{asset.name:<19}{state:<9}{asset.bytes / 1e6:6.1f} MB  "
                    f"{asset.licence:<14}{asset.source}  (for {', '.join(asset.used_by)})"
                )
    return {"ok": True, "assets": rows}, 0


def _wanted(options: argparse.Namespace, shelves: Shelves) -> list[tuple[Shelf, list[str]]]:
    clips = shelves.clips.default_names() if options.samples else []
    if not options.names:
        return [
            (shelves.models, [] if options.samples else shelves.models.default_names()),
            (shelves.clips, clips),
        ]
    clips += [n for n in options.names if n in shelves.clips.assets() and n not in clips]
    models = [n for n in options.names if n not in shelves.clips.assets()]
    return [(shelves.models, models), (shelves.clips, clips)]


def _fetch(options: argparse.Namespace, shelves: Shelves) -> Summary:
    wanted = _wanted(options, shelves)
    for shelf, names in wanted:
        for asset in map(shelf.asset, names):
            if asset.opt_in:
                _say(f"{asset.name}: {asset.licence}. {asset.licence_note}.")
    outcome: dict[str, str] = {}
    paths: dict[str, str] = {}
    for shelf, names in wanted:
        outcome.update(fetch(shelf, names, _say))
        paths.update({name: str(shelf.path_of(name)) for name in names})
    fetched = [name for name, how in outcome.items() if how == "fetched"]
    _say(f"{len(fetched)} fetched, {len(outcome) - len(fetched)} were here already")
    return {"ok": True, "fetched": fetched, "paths": paths}, 0


def _verify(options: argparse.Namespace, shelves: Shelves) -> Summary:
    rows: list[dict[str, Any]] = []
    to_fetch = []
    for shelf in shelves:
        for asset in shelf.assets().values():
            state, path = shelf.verify(asset.name)
            rows.append({"name": asset.name, "state": state, "path": str(path) if path else None})
            needed = shelf is shelves.models and not asset.opt_in
            if state == "damaged" or (state == "missing" and needed):
                to_fetch.append(asset.name)
            if not options.json:
                print(f"{asset.name:<19}{state:<9}{path or ''}")
    if to_fetch:
        _say(f"to mend: {PROG} fetch {' '.join(to_fetch)}")
    return {"ok": not to_fetch, "assets": rows, "to_fetch": to_fetch}, int(bool(to_fetch))
