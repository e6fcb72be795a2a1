"""Extraction with `--full-frames picks`: frames are measured before their full pictures go.

Videos go through in groups: extracted, with JPEGs at full size for the while; measured from these,
so that every number is what it would be were they kept; then the JPEGs are let go of. A video is so
decoded once for both, and no worker holds a decoder and models at the same time. What a killed run
left is let go of by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curation.engine import remake as remaking
from curation.engine.extract import extract
from curation.engine.measure import fingerprints, measure
from curation.errors import CurationError
from curation.params import ExtractParams, MeasureParams
from curation.records import Progress, VideoInfo
from curation.registry import make_steps
from curation.store.catalogue import Catalogue
from curation.store.proxies import ProxyPacks
from curation.store.videos import VideoTable

SPOOL_BYTES = 4 << 30
"""Full-size JPEGs that may lie there for the while, by estimate."""
BYTES_PER_PIXEL = 0.2
STILLS_PER_S = 2.0
"""Guess for modes that do not say."""
SPOOLED = "one_pass.spooled"


def one_pass(
    catalogue: Catalogue, video_ids: Sequence[int], params: ExtractParams,
    measuring: MeasureParams | None,
) -> Iterator[Progress]:  # fmt: skip
    """Extract videos, and measure those of which only small pictures are kept.

    When models are missing, frames are extracted and 02 measures them: it decodes again.
    """
    if params.full_frames == "all":
        yield from _with_all(catalogue, video_ids, params)
        return
    if measuring is None or not video_ids:
        yield from extract(catalogue, video_ids, params)
        return
    try:
        fingerprints(make_steps(measuring))
    except CurationError as error:
        note = f"not measured yet, 02 will decode again: {error.message}"
        yield Progress("extract", note=note)
        yield from extract(catalogue, video_ids, params)
        return
    told: dict[str, Any] = {}
    let_go(catalogue, catalogue.recall(SPOOLED, []))
    for group in groups(catalogue, video_ids, params):
        spool = _estimate(VideoTable(catalogue).info(group[0]), params) <= SPOOL_BYTES
        if spool:
            catalogue.remember(SPOOLED, group)
        try:
            for beat in _through(catalogue, group, params, measuring, spool):
                if beat.summary is None:
                    yield beat
                else:
                    _add(told, beat.summary)
        finally:
            # Also when it was stopped: what is not measured is decoded again, and the disk is free.
            let_go(catalogue, group)
    yield Progress("extract", summary=told)


def _with_all(
    catalogue: Catalogue, video_ids: Sequence[int], params: ExtractParams
) -> Iterator[Progress]:
    """Extract videos, and make the full pictures that an earlier run did not keep."""
    told: dict[str, Any] = {}
    for beat in extract(catalogue, video_ids, params):
        if beat.summary is None:
            yield beat
        else:
            told = dict(beat.summary)
    small = ProxyPacks(catalogue).having(VideoTable(catalogue).frame_ids(video_ids))
    if small:
        for beat in remaking.remake(catalogue, small, params.workers):
            if beat.summary is None:
                yield beat
    yield Progress("extract", summary=told)


def _through(
    catalogue: Catalogue, group: Sequence[int], params: ExtractParams, measuring: MeasureParams,
    spool: bool,
) -> Iterator[Progress]:  # fmt: skip
    yield from extract(catalogue, group, params, spool)
    only = frozenset(VideoTable(catalogue).frame_ids(group))
    for beat in measure(catalogue, measuring, only=only):
        if beat.summary is None:
            yield beat
        else:
            said = {"measured": beat.summary["measured"], "unmeasured": beat.summary["failed"]}
            yield Progress("extract", summary=said)


def groups(
    catalogue: Catalogue, video_ids: Sequence[int], params: ExtractParams
) -> list[list[int]]:
    """Return videos in the groups in which they go through; one that is too large is alone."""
    table = VideoTable(catalogue)
    found: list[list[int]] = []
    room = 0.0
    for video_id in video_ids:
        size = _estimate(table.info(video_id), params)
        if not found or size > room:
            found.append([])
            room = SPOOL_BYTES
        found[-1].append(video_id)
        room -= size
    return found


def _estimate(info: VideoInfo, params: ExtractParams) -> float:
    """Return about how many bytes the JPEGs of a video take."""
    width, height = info.display_wh
    if params.mode == "every":
        stills = info.n_frames / params.every
    else:
        rate = params.fps if params.mode in ("sharpest", "fps") else STILLS_PER_S
        stills = min(info.duration_s * rate, float(info.n_frames))
    return stills * width * height * BYTES_PER_PIXEL


def let_go(catalogue: Catalogue, video_ids: Sequence[int]) -> None:
    """Remove the full-size JPEGs of videos of which only small pictures are kept."""
    remaking.let_go(catalogue, VideoTable(catalogue).frame_ids(video_ids))
    if catalogue.recall(SPOOLED, []):
        catalogue.remember(SPOOLED, [])


def _add(told: dict[str, Any], summary: Any) -> None:
    for name, value in summary.items():
        told[name] = told.get(name, 0) + value
