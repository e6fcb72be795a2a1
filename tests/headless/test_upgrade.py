"""A datastore of an older version: nothing is extracted again, what is new is learnt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.engine.batch import run_frames
from curation.engine.looking import register
from curation.params import ExtractParams
from curation.records import Progress
from curation.steps.quality import Exposure
from curation.store.signals import SignalTable
from curation.studio import Studio
from tests import videos
from tests.cameras import camera

HOW = ExtractParams(mode="every", every=9, workers=1)
LATER = ("active_xyxy_px", "chapters", "mirrored", "peak_nits", "stream_no", "streams")
"""What records of videos lacked before getting footage in."""

OLD = "b23bce6a387ce2b2"
BEFORE = {
    "1f54dd00f9c30e9a": ExtractParams(exact=True),
    "133eeb9fb33be52d": ExtractParams(mode="every", every=9, start_s=1.5, workers=3),
    OLD: HOW,
}
"""Digests that the program of then wrote. A field that comes to ExtractParams is `later=True`, and
its default does what was done before it; else every video of everybody is extracted again. Then
all pictures were decoded: what `exact` asks for now, and what answers those who do not ask."""


def ended(beats: Any) -> tuple[dict[str, Any], list[Progress]]:
    seen = list(beats)
    assert seen[-1].summary is not None and not seen[-1].summary["failed_items"]
    return dict(seen[-1].summary), seen


def age(studio: Studio, fp: str, **changed: Any) -> None:
    """Make all records what the older program wrote."""
    with studio.catalogue.transaction() as db:
        for row in db.execute("SELECT id, info FROM video").fetchall():
            info = json.loads(row["info"])
            info = {key: value for key, value in info.items() if key not in LATER} | changed
            info["warnings"] = []
            db.execute("UPDATE video SET info = ? WHERE id = ?", (json.dumps(info), row["id"]))
        params = HOW.model_dump(mode="json", exclude={"chapter", "stream", "bars"})
        db.execute("UPDATE extraction SET fp = ?, params = ?", (fp, json.dumps(params)))


def measure(studio: Studio) -> dict[str, int]:
    """Measure whatever is not measured; return how many frames of each video that was."""
    step, table = Exposure(), SignalTable(studio.catalogue)
    runs = {"exposure": table.register(step, "fp")}
    wanted = dict(table.pending(runs))
    frames = list(studio.videos.frames(list(wanted)))
    table.put(run_frames([step], frames, {}, wanted), runs, [step])
    names = [studio.videos.names()[frame.video_id] for frame in frames]
    return {name: names.count(name) for name in names}


def stored(studio: Studio) -> list[tuple[int, str, int]]:
    return [(f.id, f.key, f.path.stat().st_mtime_ns) for f in studio.videos.frames()]


def facts(studio: Studio) -> dict[str, tuple[Any, int, int]]:
    return {
        row["name"]: (row["active_xyxy_px"], len(row["streams"]), len(row["chapters"]))
        for row in studio.videos.listing()
    }


def extracted(root: Path, paths: Sequence[Path]) -> Studio:
    studio = Studio(root)
    ended(studio.extract(paths, HOW))
    measure(studio)
    return studio


@pytest.mark.parametrize("digest", BEFORE)
def test_what_was_extracted_before_new_settings_came_still_counts(digest: str) -> None:
    assert BEFORE[digest].digest() == digest


def test_new_settings_that_are_used_ask_for_another_extraction() -> None:
    asked = [ExtractParams(), ExtractParams(chapter=1), ExtractParams(bars="keep")]
    assert len({params.digest() for params in asked}) == 3


def test_an_upgrade_extracts_nothing_again_and_learns_what_is_new(tmp_path: Path) -> None:
    paths = [camera("letterbox").path, camera("chapters").path]
    studio = extracted(tmp_path, paths)
    before, known = stored(studio), facts(studio)
    assert known[paths[0].name][0] is not None
    age(studio, OLD)
    assert {area for area, *_ in facts(studio).values()} == {None}

    summary, seen = ended(studio.extract(paths, HOW))
    assert summary["extracted"] == 0 and stored(studio) == before
    assert facts(studio) == known, "read again"
    assert any("bars" in text for text in studio.videos.info(1).warnings)
    assert any(beat.stage == "probe" for beat in seen)
    # Only where another part of the picture counts now is anything measured again.
    frames = [frame for frame in studio.videos.frames() if frame.video_id == 1]
    assert measure(studio) == {paths[0].name: len(frames)}
    _, seen = ended(studio.extract(paths, HOW))
    assert not any(beat.stage == "probe" for beat in seen), "and only once"
    assert measure(studio) == {}
    studio.close()


def test_stills_that_were_turned_wrongly_are_made_anew(tmp_path: Path) -> None:
    path = videos.clip("rotated90").path
    studio = extracted(tmp_path, [path])
    (size,) = {(f.width, f.height) for f in studio.videos.frames()}
    keys = [frame.key for frame in studio.videos.frames()]
    age(studio, OLD, rotation_deg=0, display_wh=size[::-1])
    with studio.catalogue.transaction() as db:
        db.execute("UPDATE frame SET width = ?, height = ?", size[::-1])
    summary, _ = ended(studio.extract([path], HOW))
    assert summary["extracted"] == 1
    assert [frame.key for frame in studio.videos.frames()] == keys
    assert {(f.width, f.height) for f in studio.videos.frames()} == {size}
    assert measure(studio) == {path.name: len(keys)}
    studio.close()


def test_a_half_extraction_goes_on_unless_the_rest_would_look_otherwise(tmp_path: Path) -> None:
    path = camera("letterbox").path
    studio = extracted(tmp_path, [path])
    for changed, left in (({}, True), ({"peak_nits": 400.0}, False)):
        age(studio, OLD, **changed)
        with studio.catalogue.transaction() as db:
            db.execute("UPDATE extraction SET done = 0")
        list(register(studio.catalogue, studio.sources.files(), 1))
        assert (studio.videos.extraction(1) is not None) is left
        assert len(studio.videos.info(1).streams) == 1
    studio.close()
