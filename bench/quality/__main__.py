"""Every quality metric of the studio by one command: bench/results/quality.json.

python -m bench.quality [NAME ...] [--sets FOLDER]

Without names all modules run and the results file is written whole; with names only those run,
and their rows replace the older ones of the same module.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from bench.report import RESULTS, Row, write
from bench.sets import SETS

MODULES = (
    "focus",
    "motion",
    "falseface",
    "tracks",
    "pools",
    "duplicates",
    "quota",
    "film",
    "shots",
    "cost",
)


def main() -> int:
    """Measure, report, and return 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", choices=[*MODULES, []], help="default: all")
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the labelled sets")
    options = parser.parse_args()
    if not options.sets.is_dir():
        print(f"needs the labelled sets in {options.sets}", file=sys.stderr)
        return 1
    wanted = options.names or MODULES
    measured = {}
    for name in wanted:
        begun = time.monotonic()
        measured[name] = import_module(f"bench.quality.{name}").rows(options.sets)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    known = {**(_earlier() if options.names else {}), **measured}
    rows = [
        Row(**{**row.__dict__, "metric": f"{name}: {row.metric}"})
        for name in MODULES
        for row in known.get(name, [])
    ]
    return write("quality", rows)


def _earlier() -> dict[str, list[Row]]:
    """Return the rows of the last run by module."""
    path = RESULTS / "quality.json"
    found: dict[str, list[Row]] = {}
    for fields in json.loads(path.read_text()) if path.is_file() else []:
        name, _, metric = fields["metric"].partition(": ")
        found.setdefault(name, []).append(Row(**{**fields, "metric": metric}))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
