"""Export of 10,000 frames against a plain copy of the same files, in turns on one disk.

    python -m bench.bench_export            writes nothing but a table
    make bench-taste                        collects rows() into bench/results/taste.json

Both write into fresh folders, one after the other, some rounds; the ratio is that of wall times
of a round, the median of rounds. The folders go at the end: ext4 gives no inode again that was
freed in the last minutes, and looks for another past all of them, so that what follows the removal
of 12,000 files pays for it (seen by perf: `recently_deleted`, up to three times the whole; so rest
some minutes after removing much). What the copy leaves out and the export does: choosing and naming
frames, captions, manifest, lock, and the SHA-256 of each file: the one that was taken when the
still was written, as long as nobody touched it.

Memory that a virtual machine never used costs more at its first touch than a copy: where much of
it is free, `cp` takes three times as long and the ratio is near 1. Fill it beforehand.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Row

FRAMES, PICTURES, ROUNDS = 10_000, 400, 5
GOAL = 1.3


def rows(frames: int = FRAMES, rounds: int = ROUNDS) -> list[Row]:
    """Return the rows of this bench; a round copies and exports in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
        return _measured(Path(folder), frames, rounds)


def _measured(root: Path, frames: int, rounds: int) -> list[Row]:
    from curation.export.settings import ExportParams
    from curation.studio import Studio
    from tests.review_store import fill

    studio: Studio = fill(root / "datastore", frames * 5 // 4, pictures=PICTURES)
    _own_files(studio)
    params = ExportParams(what="all", caption="")
    plan_files = _files(studio, params)
    ratios, cpu_ratios = [], []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)
        spent: dict[bool, tuple[float, float]] = {}
        for is_copy in order:
            out = root / f"out-{number}-{is_copy}"
            os.sync()
            begun, cpu = time.perf_counter(), _cpu_s()
            if is_copy:
                _copy(plan_files, out)
            else:
                for _ in studio.export("folders", out, params):
                    pass
            spent[is_copy] = time.perf_counter() - begun, _cpu_s() - cpu
        ratios.append(spent[False][0] / spent[True][0])
        cpu_ratios.append(spent[False][1] / spent[True][1])
        print(f"copy {spent[True][0]:.2f} s ({spent[True][1]:.2f} s CPU), export "
              f"{spent[False][0]:.2f} s ({spent[False][1]:.2f} s CPU)", file=sys.stderr)
    studio.close()
    n = len(plan_files)
    said = f"{n} files of {sum(f.stat().st_size for f in plan_files[:200]) // 200 >> 10} KB" if (
        plan_files[0].exists()) else f"{n} files"
    middle = sorted(ratios)[len(ratios) // 2]
    return [
        Row("export of frames as they are / cp of the same files, wall", middle, GOAL, GOAL, False,
            n, (min(ratios), max(ratios)), f"median of {rounds} rounds in turns; {said}"),
        Row("the same, CPU seconds", sorted(cpu_ratios)[len(ratios) // 2], None, None, False, n,
            (min(cpu_ratios), max(cpu_ratios)), "export hashes every file; cp does not"),
    ]  # fmt: skip


def _own_files(studio: object) -> None:
    """Give every frame a file of its own, as extraction does: rows of the store share pictures."""
    from curation.store import still_sums
    from curation.video.still import save

    catalogue = studio.catalogue  # type: ignore[attr-defined]
    with catalogue.transaction() as db:
        found = db.execute(
            "SELECT id, file FROM frame WHERE file IS NOT NULL AND sampled = 1"
        ).fetchall()
        for row in found:
            source = catalogue.absolute(row["file"])
            target = source.with_name(f"own_{row['id']:06d}.jpg")
            written = save(source.read_bytes(), target)
            still_sums.record(db, [(row["id"], written)])
            db.execute(
                "UPDATE frame SET file = ? WHERE id = ?", (catalogue.relative(target), row["id"])
            )


def _files(studio: object, params: object) -> list[Path]:
    from curation.export.plan import build

    plan = build(studio.catalogue, params)  # type: ignore[attr-defined,arg-type]
    return [item.source for item in plan.items]


def _copy(files: list[Path], out: Path) -> None:
    """Copy as `cp` does, one process for all."""
    out.mkdir()
    listed = b"\0".join(os.fsencode(path) for path in files)
    subprocess.run(["xargs", "-0", "cp", "-t", str(out)], input=listed, check=True)


def _cpu_s() -> float:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    for row in rows(options.frames, options.rounds):
        print(f"{row.metric}: {row.value:.2f} (goal {row.goal}, n {row.n}, {row.interval})")


if __name__ == "__main__":
    main()
