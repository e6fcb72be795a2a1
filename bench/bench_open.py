"""What opening and writing out a large datastore costs; rows of bench_decide.

`python -m bench.bench_open [--datastore FOLDER] [--frames N]` prints them alone. Without a folder
one is filled (tests/review_store.py), which takes minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.report import Row

OPEN = """
import json, sys
from pathlib import Path
from curation.studio import Studio
studio = Studio(Path(sys.argv[1]))
measures = studio.measures()
page = studio.decisions.page(verdict="picked", order="rank", limit=100)
print(json.dumps({"frames": len(measures.columns["frame_id"]), "page": len(page)}))
"""
JSON = """
import json, resource, sys, time
from pathlib import Path
from curation.export.datastore_json import read_frames
from curation.outputs import write_datastore
from curation.studio import Studio
studio = Studio(Path(sys.argv[1]))
columns = studio.measures().columns
for name in columns:  # numbers and words, which the decision before it has read anyway
    _ = None if columns.kind(name) in ("even", "bytes") else columns[name]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
write_datastore(studio.catalogue, columns)
wrote = time.process_time()
n = sum(1 for _ in read_frames(studio.root / "datastore.json"))
read = time.process_time()
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
print(json.dumps({"frames": n, "wrote_ms": 1e3 * (wrote - start), "read_ms": 1e3 * (read - wrote),
                  "grown_mb": grown}))
"""
GATES = {"opened": (3000.0, 1000.0), "json": (20_000.0, 8000.0), "growth": (64.0, 16.0)}
"""Gate and goal: CPU ms until a ranked page is there, of datastore.json written and read, and MB
by which the peak of memory may grow meanwhile."""


def opened_ms(root: Path) -> tuple[float, int]:
    """Return the processor time of a process that opens a datastore up to a page; its frames."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = subprocess.run([sys.executable, "-c", OPEN, str(root)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1e3 * spent, int(json.loads(told.stdout)["frames"])


def open_rows(root: Path) -> list[Row]:
    """Return what opening costs without the files of columns, and with them."""
    shutil.rmtree(root / "cache" / "columns", ignore_errors=True)
    first, n = opened_ms(root)
    again = min(opened_ms(root)[0] for _ in range(3))
    return [
        Row(f"{n:,} frames: opened to a page, columns not yet in files, ms", first, None, None,
            False, n),
        Row(f"{n:,} frames: opened to a page, ms", again, *GATES["opened"], False, n),
    ]


def json_rows(root: Path) -> list[Row]:
    """Return what datastore.json costs, written and read, and how memory grows meanwhile.

    In a process of its own: the peak of this one has been higher.
    """
    told = json.loads(subprocess.run(
        [sys.executable, "-c", JSON, str(root)], check=True, capture_output=True).stdout)
    n, wrote, read = told["frames"], told["wrote_ms"], told["read_ms"]
    return [
        Row(f"{n:,} frames: datastore.json written, ms", wrote, None, None, False, n),
        Row(f"{n:,} frames: datastore.json read, ms", read, None, None, False, n),
        Row(f"{n:,} frames: datastore.json written and read, ms", wrote + read,
            *GATES["json"], False, n),
        Row(f"{n:,} frames: peak memory that datastore.json adds, MB", told["grown_mb"],
            *GATES["growth"], False, n),
    ]


def rows(root: Path | None, frames: int) -> list[Row]:
    """Return all rows, of a datastore that is there or of one that is filled for them."""
    if root is not None:
        return open_rows(root) + json_rows(root)
    from tests.review_store import fill

    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), frames)
        return open_rows(Path(folder)) + json_rows(Path(folder))


def options() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datastore", type=Path, help="a filled one; it is written to")
    parser.add_argument("--frames", type=int, default=240_000)
    return parser.parse_args()


def main() -> int:
    """Print the rows."""
    typed = options()
    for row in rows(typed.datastore, typed.frames):
        print(f"{row.metric:64} {row.value:10.4g} {row.gate} {row.goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
