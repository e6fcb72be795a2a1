"""What a video file is: identity, size, times, colours, or the reason why it cannot be used."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from curation.errors import NoSuchStream, VideoUnreadable
from curation.places import pointer
from curation.records import Chapter, PictureStream, VideoInfo
from curation.video.index import PacketIndex, build_index, packets
from curation.video.picture import display_size, look_of, shown_box
from curation.video.pulse import beat
from curation.video.side import peak_nits, turn_of
from curation.video.survey import Survey, survey

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,mxf,h264,"
    "hevc,ivf,dv"
)
"""Demuxers that read one file and nothing else; playlists (hls, concat, dash) are left out."""

PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film",
             9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}
TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear",
             11: "iec61966-2-4", 12: "bt1361", 13: "srgb", 14: "bt2020-10", 15: "bt2020-12",
             16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}
MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
            8: "ycgco", 9: "bt2020nc", 10: "bt2020c"}
HDR = {"smpte2084": "pq", "arib-std-b67": "hlg"}
PROGRESSIVE = (0, 1)
MOST_PIXELS = 1 << 26
"""Pixels that a picture may have: 8,192 x 8,192, twice an 8K picture. A header of some
bytes can ask for sixty times as much, and a few kilobytes can fill it."""
SMALLEST_PX = 8
LOOKS = 3
MOST_CHAPTERS, LONGEST_TITLE = 1000, 200


def content_key(path: Path) -> str:
    """Return 32 hex digits that name the file's content, wherever the file lies.

    Raises:
        VideoUnreadable: when the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        left = pointer.size_bytes(path)
        with pointer.stream(path) as file:
            while block := file.read(1 << 20):
                beat()
                digest.update(block)
                left -= len(block)
                if left < 0:  # reading after somebody who goes on writing has no end
                    raise VideoUnreadable(
                        f"{path}: grows while it is read", "wait until it is whole, then again"
                    )
    except OSError as error:
        raise VideoUnreadable(f"{path}: {error.strerror or error}") from error
    return digest.hexdigest()


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open a video file with PyAV so that it can reach no other file and no network.

    A playlist renamed to .mp4 would otherwise make FFmpeg read whatever files it names.

    Raises:
        VideoUnreadable: naming the file and the reason.
    """
    import av
    import av.error

    path = Path(path)
    if not path.exists():
        raise VideoUnreadable(f"{path}: there is no such file")
    if not path.is_file():
        raise VideoUnreadable(f"{path}: is not a regular file")
    with contextlib.ExitStack() as stack:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        source: Any = f"file:{path.absolute()}"
        try:
            if pointer.is_pointer(path):  # its bytes come from us, so FFmpeg opens nothing itself
                options["protocol_whitelist"] = "none"
                source = stack.enter_context(pointer.stream(path))
            container = stack.enter_context(
                av.open(source, "r", container_options=options, metadata_errors="replace")
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoUnreadable(f"{path}: {_why_unopened(path, error)}") from error
        yield container


def _why_unopened(path: Path, error: Exception) -> str:
    """Say in a user's words why a file is no video."""
    if isinstance(error, PermissionError):
        return "may not be read: permission denied"
    try:
        with pointer.stream(path) as file:
            head = file.read(4096)
    except OSError as failed:
        return f"cannot be read: {failed.strerror or failed}"
    if not head:
        return "is empty (0 bytes)"
    if _is_text(head):
        return "is text, not a video"
    if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
        return "has no index (moov): the recording or the copy stopped early"
    return "is not a video, or of a kind that is not supported"


def _is_text(head: bytes) -> bool:
    """Return whether the first bytes of a file are plain text."""
    if b"\0" in head:
        return False
    with contextlib.suppress(UnicodeDecodeError):
        head[: len(head) - 4 if len(head) == 4096 else None].decode("utf-8")
        return True
    return False


def picture_streams(container: Any) -> tuple[list[Any], Any]:
    """Return (the picture streams of a file, the one to use); cover art does not count."""
    from av.stream import Disposition

    streams = [
        stream
        for stream in container.streams.video
        if not Disposition.attached_pic & stream.disposition
    ]
    best = container.streams.best("video") if streams else None
    return streams, best if best in streams or not streams else streams[0]


def picture_stream(container: Any, path: Path, number: int = 0) -> Any:
    """Return the stream that holds the video, with its decoder set to one thread.

    Args:
        number: which of the picture streams, from 1; 0 for the best.

    Raises:
        VideoUnreadable: when there is only sound (cover art does not count), or no decoder.
        NoSuchStream: when there are fewer streams.
    """
    streams, stream = picture_streams(container)
    if not streams:
        if container.streams.audio:
            raise VideoUnreadable(f"{path}: holds sound only, no picture")
        raise VideoUnreadable(f"{path}: holds no picture stream")
    if number > len(streams):
        raise NoSuchStream(
            f"{path}: has no picture stream {number}, only {len(streams)}", "--stream 1"
        )
    stream = streams[number - 1] if number else stream
    if stream.codec_context is None:
        raise VideoUnreadable(f"{path}: its picture codec is unknown here")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MOST_PIXELS:
        raise VideoUnreadable(
            f"{path}: claims pictures of {width:,} x {height:,}, more than {MOST_PIXELS:,} pixels"
        )
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    # The header may be modest and a picture further on not.
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def stream_key(key: str, number: int) -> str:
    """Return 32 hex digits that name one of the picture streams of a file with a content key."""
    return hashlib.blake2b(f"{key}:stream {number}".encode(), digest_size=16).hexdigest()


def probe(path: Path, key: str | None = None, number: int = 0) -> VideoInfo:
    """Return what a file holds, from its header, its packet times and a few decoded pictures.

    Args:
        key: the file's content key where it is known; else the file is read to make it.
        number: which of the picture streams, from 1; 0 for the best. Another than the best is a
            video of its own, with a key of its own.

    Raises:
        VideoUnreadable: naming the file and the reason.
    """
    path = Path(path)
    with open_container(path) as container:
        index = build_index(container, picture_stream(container, path, number))
    if len(index.pts) == 0:
        raise VideoUnreadable(f"{path}: holds no picture: its video stream is empty")
    with open_container(path) as container:
        stream = picture_stream(container, path, number)
        first = _first_picture(container, stream)
        if first is None:
            raise VideoUnreadable(f"{path}: none of its {len(index.pts)} pictures can be decoded")
        woven = first.interlaced_frame or _later_woven(container, stream, index)
        info = _describe(path, container, stream, index, first, woven, key or content_key(path))
    with open_container(path) as container:
        stream = picture_stream(container, path, number)
        found = survey(container, stream, index, info.color_range == "full")
    return _surveyed(info, found)


def _surveyed(info: VideoInfo, found: Survey) -> VideoInfo:
    """Add to a record what is the same all over the video."""
    warnings = list(info.warnings)
    look, coded_wh = look_of(info), (info.width, info.height)
    active = None if found.active is None else shown_box(found.active, coded_wh, look)
    if active is not None:
        wide, tall = active[2] - active[0], active[3] - active[1]
        warnings.append(
            f"black bars are burnt in: {wide} x {tall} of {info.display_wh[0]} x"
            f" {info.display_wh[1]} is picture; measures leave the bars out (--bars keep: not)"
        )
    corners = []
    for right, low in found.marks:
        x, y = (info.width - 2) * right, (info.height - 2) * low
        box = shown_box((x, y, x + 2, y + 2), coded_wh, look)
        side = "right" if box[0] > info.display_wh[0] / 2 else "left"
        corners.append(f"{'bottom' if box[1] > info.display_wh[1] / 2 else 'top'} {side}")
    if corners:
        where = " and ".join(sorted(corners))
        warnings.append(f"a mark that never moves, as a broadcaster's, is in the {where} corner")
    return replace(info, active_xyxy_px=active, warnings=tuple(warnings))


def _first_picture(container: Any, stream: Any) -> Any:
    """Return the first sound picture, else the first at all, else None."""
    import av.error

    damaged = None
    for packet in packets(container, stream):
        try:
            frames = stream.codec_context.decode(packet if packet.size else None)
        except (av.error.FFmpegError, EOFError) as error:
            if isinstance(error, MemoryError):
                raise
            continue
        for frame in frames:
            if not frame.is_corrupt and min(frame.width, frame.height) >= SMALLEST_PX:
                return frame
            damaged = damaged or frame
    return damaged


def _later_woven(container: Any, stream: Any, index: PacketIndex) -> bool:
    """Return whether a picture further on is interlaced: titles may be progressive before it."""
    import av.error

    if not index.timed or len(index.keyframe_pts) < LOOKS:
        return False
    places = [len(index.keyframe_pts) * i // LOOKS for i in range(1, LOOKS)]
    for place in places:
        with contextlib.suppress(av.error.FFmpegError, EOFError):
            container.seek(int(index.keyframe_pts[place]), stream=stream)
            frame = _first_picture(container, stream)
            if frame is not None and frame.interlaced_frame:
                return True
    return False


def _describe(
    path: Path, container: Any, stream: Any, index: PacketIndex, first: Any, woven: bool, key: str
) -> VideoInfo:
    """Put what was found into a record."""
    context = stream.codec_context
    rotation, mirrored = turn_of(first)
    streams, best = picture_streams(container)
    number = streams.index(stream) + 1
    sar = Fraction(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1)
    sar = sar if Fraction(1, 8) <= sar <= 8 else Fraction(1)
    transfer = TRANSFERS.get(first.color_trc, TRANSFERS.get(context.color_trc, ""))
    full = first.color_range == 2 or first.format.name.startswith("yuvj")
    rate = stream.average_rate or stream.guessed_rate
    n = len(index.pts)
    return VideoInfo(
        path=path,
        key=key if stream == best else stream_key(key, number),
        size_bytes=pointer.size_bytes(path),
        container=container.format.name,
        codec=context.name,
        width=first.width,
        height=first.height,
        display_wh=display_size(first.width, first.height, sar, rotation),
        rotation_deg=rotation,
        sar=sar,
        fps=Fraction(rate) if rate else None,
        time_base=index.time_base,
        start_pts=index.start_pts,
        duration_s=index.duration_s,
        n_frames=n,
        pixel_format=first.format.name,
        color_transfer=transfer,
        color_primaries=PRIMARIES.get(first.color_primaries, ""),
        color_space=MATRICES.get(first.colorspace, ""),
        color_range="full" if full else "limited",
        hdr=HDR.get(transfer, ""),
        interlaced=woven or context.field_order not in PROGRESSIVE,
        variable_rate=index.variable_rate(),
        n_video_streams=len(container.streams.video),
        has_audio=bool(container.streams.audio),
        warnings=tuple(_warnings(stream, index, streams)),
        mirrored=mirrored,
        peak_nits=peak_nits(first) if HDR.get(transfer) == "pq" else None,
        stream_no=number,
        streams=tuple(_listed(no, one, one == best) for no, one in enumerate(streams, 1)),
        chapters=tuple(_chapters(container, index)),
    )


def _listed(number: int, stream: Any, best: bool) -> PictureStream:
    """Return what is told of one picture stream."""
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    title = stream.metadata.get("title") or stream.metadata.get("handler_name") or ""
    return PictureStream(
        number,
        "unknown" if context is None else context.name,
        0 if context is None else context.width,
        0 if context is None else context.height,
        Fraction(rate) if rate else None,
        "" if title == "VideoHandler" else title[:LONGEST_TITLE],
        best,
    )


def _chapters(container: Any, index: PacketIndex) -> Iterator[Chapter]:
    """Yield the chapters that lie in the video, in their order, in seconds from its beginning."""
    start_s = float(index.start_pts * index.time_base)
    found = []
    for told in container.chapters()[:MOST_CHAPTERS]:
        base = told["time_base"] or Fraction(0)
        begin = max(float(told["start"] * base) - start_s, 0.0)
        end = min(float(told["end"] * base) - start_s, index.duration_s)
        if end > begin:
            title = told["metadata"].get("title", "")[:LONGEST_TITLE]
            found.append(Chapter(title, round(begin, 6), round(end, 6)))
    yield from sorted(found, key=lambda chapter: (chapter.start_s, chapter.end_s))


def _warnings(stream: Any, index: PacketIndex, streams: list[Any]) -> Iterator[str]:
    """Name what a user should know about a file that is usable all the same."""
    if not index.timed:
        yield "the file tells no picture times: they are counted from its rate in decode order"
    if len(streams) > 1:
        sizes = ", ".join(
            f"{no}: {one.codec_context.width} x {one.codec_context.height}"
            for no, one in enumerate(streams, 1)
            if one.codec_context is not None
        )
        used = streams.index(stream) + 1
        yield f"of {len(streams)} picture streams ({sizes}) number {used} is used; see --stream"
    promised = stream.duration * index.time_base if stream.duration else None
    if promised and index.duration_s < 0.9 * float(promised):
        told = float(promised)
        yield f"the file ends early: {index.duration_s:.1f} s of {told:.1f} s are there"
