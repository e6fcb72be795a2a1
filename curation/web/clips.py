"""The seconds of a video around a frame, as a small file that browsers play.

It is a stranger's video: it is read in the helper's process, within limits of memory, output
(here) and time (`helper.CLIP_S`), never in the server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from curation.engine.limits import FILE_BYTES, Limits, held, memory_bytes
from curation.errors import CurationError
from curation.records import VideoInfo
from curation.store.catalogue import Catalogue
from curation.store.pictures import PictureTable
from curation.store.videos import VideoTable
from curation.web.helper import Clip

AROUND_S = 2.0
LONGER_PX = 720
MOST_FRAMES = 600
KEPT_CLIPS = 400
TICKS_PER_S = 90_000


def clips_folder(root: Path) -> Path:
    """Return where the clips of a datastore lie."""
    return root / "cache" / "clips"


def clip_file(frame_id: int, revision: str) -> str:
    """Return the name of a clip's file; `revision` is that of the frame's picture."""
    return f"clip-{frame_id}-{revision}.mp4"


def cut(catalogue: Catalogue, asked: Clip) -> str:
    """Write the clip of a frame; return the file's name.

    Raises:
        CurationError: there is no such frame, or its video is gone, cannot be read, or takes more
            memory than any video may.
    """
    import av  # noqa: F401  # here, so that it is no part of what the video costs

    from curation.store.review_table import source_of
    from curation.web.review_pack import remove_older

    found = PictureTable(catalogue).find([asked.frame_id]).get(asked.frame_id)
    source = source_of(catalogue, asked.frame_id)
    if found is None or source is None:
        raise CurationError(f"there is no frame {asked.frame_id}")
    video_id, pts = source
    info = VideoTable(catalogue).info(video_id)
    if info.container == "pictures":
        raise CurationError("a picture has no seconds around it")
    if not info.path.is_file():
        raise CurationError(f"{info.path.name} is not where it was", "put it back to play it")
    path = clips_folder(catalogue.root) / clip_file(asked.frame_id, found.revision)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            with held(Limits(memory_bytes(), FILE_BYTES), None):
                encode(info, pts, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        remove_older(path.parent, "clip-", KEPT_CLIPS)
    return path.name


def encode(info: VideoInfo, pts: int, path: Path) -> None:
    """Write the seconds around a picture of a video as H.264 in MP4, upright, without sound.

    Raises:
        CurationError: nothing could be read there.
    """
    import av
    import av.error

    from curation.video.picture import look_of
    from curation.video.probe import open_container, picture_stream

    look = look_of(info)
    try:
        with (
            open_container(info.path) as source,
            av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as target,
        ):
            stream = picture_stream(source, info.path, info.stream_no)
            base = stream.time_base or Fraction(1, TICKS_PER_S)
            first, last = pts - int(AROUND_S / base), pts + int(AROUND_S / base)
            out: Any = None
            begun = 0
            for frame in islice(_between(source, stream, first, last), MOST_FRAMES):
                shown = _shown(frame, look)
                if out is None:
                    out = _stream(target, shown.width, shown.height)
                    begun = frame.pts
                shown.pts = round((frame.pts - begun) * base * TICKS_PER_S)
                shown.time_base = Fraction(1, TICKS_PER_S)
                target.mux(out.encode(shown))
            if out is None:
                raise CurationError(f"{info.path.name}: nothing can be read around this frame")
            target.mux(out.encode(None))
    except (av.error.FFmpegError, OSError) as error:
        raise CurationError(f"{info.path.name}: the clip could not be made: {error}") from error


def _between(source: Any, stream: Any, first: int, last: int) -> Iterator[Any]:
    """Yield the sound pictures between two PTS; damaged packets are skipped."""
    import av.error

    source.seek(first, stream=stream, backward=True)
    latest = None
    for packet in source.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if frame.pts is None or frame.pts < first or (latest is not None
                                                          and frame.pts <= latest):
                continue
            if frame.pts > last:
                return
            latest = frame.pts
            yield frame


def _shown(frame: Any, look: Any) -> Any:
    """Return a small upright 4:2:0 picture with square pixels and right colours."""
    import av

    from curation.video.picture import display_size, to_rgb

    if look.hdr or look.wide or look.rotation_deg or look.mirrored:
        frame = av.VideoFrame.from_ndarray(to_rgb(frame, look), format="rgb24")
        width, height = frame.width, frame.height
    else:
        width, height = display_size(frame.width, frame.height, look.sar, 0)
    scale = min(1.0, LONGER_PX / max(width, height))
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    return frame.reformat(width, height, "yuv420p", threads=1)


def _stream(target: Any, width: int, height: int) -> Any:
    out = target.add_stream("libx264", options={"preset": "veryfast", "crf": "26"})
    out.width, out.height, out.pix_fmt = width, height, "yuv420p"
    out.codec_context.time_base = Fraction(1, TICKS_PER_S)
    out.codec_context.thread_count = 1
    return out
