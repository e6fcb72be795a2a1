"""`python -m curation explain` and `coverage`: why a frame stands where it stands; what lacks.

`explain A B` takes two pictures instead, and says how far they are from each other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.errors import CurationError, StoreError

FRAME_HELP = (
    "number of a frame, a file of its picture (stored, sorted or ranked), or VIDEO@SECONDS"
)


def main(argv: Sequence[str]) -> int:
    """Explain one frame, or two pictures; return 0 done, 1 error, 2 usage."""
    parser = _parser(
        "explain", "Say why a frame stands where it stands, and what it would have needed; of two "
        "pictures, how far they are from each other and which settings of group match them."
    )
    parser.add_argument("frame", metavar="FRAME", help=FRAME_HELP + "; or a picture file, with")
    parser.add_argument("other", metavar="PICTURE", nargs="?", help="a second picture file")
    return _run(parser, argv)


def main_coverage(argv: Sequence[str]) -> int:
    """Say what the picked frames hold and lack; exit codes as `main`."""
    return _run(_parser("coverage", "Say what the picked frames hold and what they lack."), argv)


def _parser(verb: str, about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m curation {verb}", description=about)
    parser.add_argument(
        "--datastore",
        type=Path,
        default=Path("datastore"),
        metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    try:
        answer = _ask(options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(answer, allow_nan=False))
    else:
        print("\n".join(answer["lines"]))
    return 0


def _ask(options: argparse.Namespace) -> dict[str, Any]:
    if getattr(options, "other", None) is not None:
        from curation.cull.explain_pair import explain_pair

        return explain_pair(options.frame, options.other)
    from curation.store.catalogue import FILE_NAME
    from curation.store.lookup import frame_named
    from curation.studio import Studio

    # Opening makes an absent datastore, which a question must not do.
    if not (options.datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{options.datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    studio = Studio(options.datastore)
    try:
        if "frame" not in options:
            return studio.coverage()
        return studio.explain(frame_named(studio.catalogue, options.frame))
    finally:
        studio.close()
