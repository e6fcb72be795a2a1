"""The three scripts over the labelled clips: do all run through, and is the main pool right?

python -m bench.bench_videos [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.report import Row, write

ROOT = Path(__file__).parents[1]
CLIPS = ROOT.parent / "shared" / "bench" / "videos"
POOLS = {"face", "upper_body", "full_body"}
RUNS = (
    ("01_extract.py", [str(CLIPS / "clips")]),
    ("02_sort.py", []),
    ("03_score_and_rank.py", []),
)


def label(text: str) -> set[str]:
    """Return the pools that count as right for a clip."""
    names = {"multi": "review_multi_person", "none": "no_person"}
    return {names.get(name, name) for name in text.split("|")}


def main() -> int:
    """Run, compare with the labels, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="datastore to use and leave behind")
    options = parser.parse_args()
    if not CLIPS.is_dir():
        print(f"needs the labelled clips in {CLIPS}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        datastore = options.keep or Path(scratch) / "datastore"
        failed = 0
        for script, words in RUNS:
            done = subprocess.run(
                [sys.executable, script, *words, "--datastore", str(datastore), "--json"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode:
                return done.returncode
            failed += len(json.loads(done.stdout)["failed_items"])
        found = json.loads((datastore / "datastore.json").read_text())
    return write("videos", list(rows(found, failed)))


def rows(found: dict[str, list[dict[str, object]]], failed: int) -> list[Row]:
    """Return the metrics of a run."""
    names = {video["id"]: video["name"] for video in found["videos"]}
    pools: dict[object, Counter[object]] = {name: Counter() for name in names.values()}
    picks: Counter[object] = Counter()
    for frame in found["frames"]:
        pools[names[frame["video"]]][frame["pool"]] += 1
        picks[frame["pool"]] += frame["verdict"] == "picked"
    with (CLIPS / "LABELS.csv").open() as file:
        labels = {row["file"]: row for row in csv.DictReader(file)}
    judged = {n: r for n, r in labels.items() if r["main_pool"] != "mixed"}
    right = 0
    for name, row in sorted(judged.items()):
        wanted = label(row["main_pool"])
        if row["n_people(2=several)"] == "2":
            wanted.add("review_multi_person")
        if "no_person" in wanted:
            wanted.add("none")  # black and blank frames are in no pool at all
        main_pool = pools[name].most_common(1)[0][0] if pools.get(name) else None
        right += main_pool in wanted
        if main_pool not in wanted:
            print(f"  {name}: {dict(pools.get(name, {}))}, labelled {sorted(wanted)}")
    reasoned = sum(1 for frame in found["frames"] if frame["reason"] and frame["detail"])
    return [
        Row("clips run through", len(found["videos"]), 31, 31, True, len(labels)),
        Row("items failed", failed, 0, 0, False, len(labels)),
        Row("clips whose main pool is right", right / len(judged), 0.85, 0.95, True, len(judged)),
        Row(
            "frames with a reason",
            reasoned / len(found["frames"]),
            1,
            1,
            True,
            len(found["frames"]),
        ),
        *(
            Row(f"picked into {pool}", picks[pool], None, None, True, len(found["frames"]))
            for pool in sorted(POOLS)
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
