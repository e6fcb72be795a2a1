"""`python -m curation doctor`: looks at this machine and says what to type.

With folders it hands over to the toolkit's verb of the same name, which looks at sidecars.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curation.cli import doctor_checks as checks_of
from curation.cli.command import DONE, FAILED, USAGE, one_line
from curation.cli.doctor_checks import Finding


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m curation doctor",
        description="Check Python, libraries, models, disk, permissions, port and GPU, and "
        "say what to type. With folders: check the sidecars of their pictures.",
        epilog="Exit code: 0 when nothing is in the way, 1 when something is.",
    )
    made.add_argument("folders", nargs="*", metavar="FOLDER", help="look at sidecars here instead")
    made.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where the studio will write; its catalogue is checked when there is one; "
        "default %(default)s",
    )  # fmt: skip
    made.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    made.add_argument("--port", type=int, default=7860, help="default %(default)s")
    made.add_argument("--quick", action="store_true", help="do not load the libraries")
    made.add_argument(
        "--bytes", action="store_true",
        help="read every still whole, too, and compare it with what extraction wrote",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    return made


def main(argv: Sequence[str]) -> int:
    """Check and say; return 0, 1 when something is in the way, 2 for a wrong word."""
    try:
        options, unknown = parser().parse_known_args(argv)
        if options.folders or (unknown and _has_verb()):
            return _of_folders(argv)
        if unknown:
            parser().error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as leave:
        return int(leave.code or 0)
    findings: list[Finding] = []
    for found in look(options):
        findings.append(found)
        if not options.json:
            _print(found)
    bad = sum(found.state == "bad" for found in findings)
    warned = sum(found.state == "warn" for found in findings)
    if options.json:
        told: dict[str, Any] = {"ok": not bad, "bad": bad, "warn": warned}
        print(json.dumps(told | {"findings": [asdict(found) for found in findings]}))
    else:
        print(f"{len(findings)} looked at: {bad} in the way, {warned} to know of")
    return FAILED if bad else DONE


def _has_verb() -> bool:
    from curation.toolkit.verbs import VERBS

    return "doctor" in VERBS


def _of_folders(argv: Sequence[str]) -> int:
    if not _has_verb():
        print("error: this version cannot check the sidecars of folders", file=sys.stderr)
        print("hint: python -m curation doctor checks this machine", file=sys.stderr)
        return USAGE
    from curation.cli.toolkit import main as toolkit

    return toolkit("doctor", list(argv))


def _print(found: Finding) -> None:
    mark = {"ok": "ok  ", "warn": "note", "bad": "BAD "}[found.state]
    print(f"{mark}  {found.name:12} {one_line(found.said)}", flush=True)
    if found.next:
        print(f"{'':19}-> {found.next}", flush=True)


def look(options: argparse.Namespace) -> Iterator[Finding]:
    """Yield what is found, cheap things first; a check that stumbles is itself a finding."""
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("python", checks_of.python),
        ("machine", checks_of.machine),
        ("libraries", checks_of.libraries),
        ("models", checks_of.models),
        ("disk", lambda: checks_of.disk(options.datastore)),
        ("datastore", lambda: checks_of.datastore(options.datastore, options.bytes)),
        ("port", lambda: checks_of.port(options.host, options.port)),
        ("door", lambda: checks_of.door(os.environ)),
    ]
    if not options.quick:
        checks.append(("loading", checks_of.loading))
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # one bad look must not hide the others
            yield Finding(name, "bad", f"could not be looked at: {type(error).__name__}: {error}")
