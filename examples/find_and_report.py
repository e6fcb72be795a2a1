"""From a video to a report in Python: extract, sort, rank, search, report.

    python examples/find_and_report.py VIDEO... --datastore FOLDER

Every verb is a generator of Progress: take beats until it ends; the last one has the summary.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation import ExtractParams, Progress, SearchParams, Studio


def finished(beats: Iterator[Progress]) -> dict[str, Any]:
    """Run a verb to its end and return its summary; say what fails on the way."""
    summary: dict[str, Any] = {}
    for beat in beats:
        if beat.failed:
            print("failed:", *beat.failed)
        if beat.summary is not None:
            summary = dict(beat.summary)
    return summary


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--datastore", type=Path, default=Path("datastore"))
    parser.add_argument("--fps", type=float, default=1.0)
    options = parser.parse_args()
    with Studio(options.datastore) as studio:
        stored = finished(studio.extract(options.videos, ExtractParams(fps=options.fps)))
        print(stored["frames"], "frames stored")
        finished(studio.sort())
        print("picked:", finished(studio.rank())["picked"])

        # A condition over what was measured, decided and marked.
        fronts = studio.frames_where("pool = 'face' and yaw between -20 and 20")
        print(len(fronts), "faces look at the camera")

        # The best of them, then the frames that look most like it.
        best = finished(studio.search(SearchParams(
            where="pool = 'face'", order="score", count=1,
        )))["frames"]
        if best:
            like = finished(studio.search(SearchParams(
                like=(str(best[0]["frame_id"]),), by="face", count=5,
            )))
            for frame in like["frames"]:
                print(f"{frame['distance']:.3f}", frame["video"], f"{frame['time_s']:.2f} s")

        print("open", finished(studio.report(options.datastore / "dataset_report.html"))["report"])


if __name__ == "__main__":
    main()
