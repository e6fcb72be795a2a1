"""When a person can be seen in the clips of bench.peer_picks, by eye on contact sheets.

A person counts when it is a real one (not drawn, not rendered, not on a screen in the picture) and
the head is in the picture and not behind something. Legs, hands and damaged pictures do not count.
Seconds are those of OpenCV's frame numbers over its frame rate.
"""

from __future__ import annotations

import csv
from pathlib import Path

Spans = tuple[tuple[float, float], ...]
END = 1e9

PEOPLE: dict[str, Spans] = {
    "a.mp4": (),  # words on a plain ground
    "b.mp4": (),  # the earth at night
    "world.mp4": (),  # the same, longer
    "bikes.mp4": ((1.18, 1.80), (3.02, 3.26), (4.12, 5.46)),  # legs alone from 7.5 to 8.6
    "carphone_pristine.mp4": ((0, END),),
    "face_recognition_short_hamilton_clip.mp4": ((0, 1.5), (2.72, END)),  # half a face between
    "personfromvid_test_video.mp4": ((0, 15.8),),  # she leaves
    "katna_pos_video.mp4": (),  # rendered
    "PySceneDetect_goldeneye-vfr-drop3.mp4": ((8.55, END),),  # a drawing on a screen before
    "PySceneDetect_issue-195-aspect-ratio.mp4": ((6.8, 12.04),),  # hands, bottles
    "PySceneDetect_fades.mp4": (),
    "PySceneDetect_counter.mp4": (),
    "mmaction2_test.mp4": (),  # legs beside a pool
    "mmaction2_demo.mp4": ((0, 6.6),),  # then a whip pan and damage
    "mmaction2_test_video_structuralize.mp4": ((0, 9.4),),  # then a whip pan
}
"""Clips of the labelled set that are not named here show a person from first to last."""


def spans(clip: Path, labels: Path) -> Spans | None:
    """Return when a person can be seen in a clip; None for a clip that nobody has looked at.

    Args:
        labels: LABELS.csv of the labelled clips; it need not be there.
    """
    if clip.name in PEOPLE:
        return PEOPLE[clip.name]
    if labels.is_file():
        with labels.open() as file:
            if clip.name in {row["file"] for row in csv.DictReader(file)}:
                return ((0, END),)
    return None


def shows_person(at_s: float, seen: Spans) -> bool:
    """Return whether a person can be seen at a time."""
    return any(first <= at_s <= last for first, last in seen)
