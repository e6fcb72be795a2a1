"""Files that a stranger might drop into the studio, made at test time."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests import videos


def playlist(path: Path, secret: Path) -> Path:
    """Write an HLS playlist that names another file."""
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )
    return path


def concat(path: Path, secret: Path) -> Path:
    """Write a script that makes FFmpeg play its neighbour."""
    path.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    return path


def session(path: Path, secret: Path) -> Path:
    """Write a session description, which would open a port."""
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        f"a=rtpmap:96 H264/90000\na=x:{secret}\n"
    )
    return path


def dash(path: Path, secret: Path) -> Path:
    """Write a DASH manifest that names another file."""
    path.write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" '
        f'codecs="avc1.42c01e"><BaseURL>file://{secret}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    )
    return path


def references(path: Path, secret: Path) -> Path:
    """Write a QuickTime movie without pictures of its own: its data lie in another file."""
    data = videos.clip("cfr25").path.read_bytes()
    at = data.index(b"dref")
    name = str(secret).encode()
    # alis: version, type 2 absolute path, length; see Inside Macintosh, Files, Alias Manager.
    alias = bytes(150) + struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) % 2)
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    made = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    old_size = struct.unpack(">I", data[at - 4 : at])[0]
    moov = data.index(b"moov")
    out = bytearray(data[: at - 4] + made + data[at - 4 + old_size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = out.index(box, moov - 4) - 4
        size = struct.unpack(">I", out[place : place + 4])[0] + len(made) - old_size
        out[place : place + 4] = struct.pack(">I", size)
    mdat = out.index(b"mdat")
    length = struct.unpack(">I", out[mdat - 4 : mdat])[0]
    out[mdat + 4 : mdat - 4 + length] = bytes(length - 8)
    path.write_bytes(bytes(out))
    return path


def huge(path: Path, side_px: int = 9000, n: int = 3, told_px: int | None = None) -> Path:
    """Write some kilobytes that become pictures of side_px x side_px: PNG in QuickTime.

    Args:
        told_px: what the container says of their size; the truth when None.
    """
    with av.open(str(path), "w", format="mov") as container:
        stream: Any = container.add_stream("png", rate=25)
        stream.width = stream.height = side_px
        stream.pix_fmt = "gray"
        for i in range(n):
            picture = np.full((side_px, side_px), 90 + 20 * i, np.uint8)
            picture[: side_px // 2, : side_px // 2] = 200
            frame = av.VideoFrame.from_ndarray(picture, "gray")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if told_px is not None:
        data = bytearray(path.read_bytes())
        at = data.index(b"png ", data.index(b"stsd"))
        data[at + 28 : at + 32] = struct.pack(">HH", told_px, told_px)
        path.write_bytes(bytes(data))
    return path


def patched(path: Path, box: bytes, skip: int, value: bytes, source: str = "cfr25") -> Path:
    """Copy a good MP4 with some bytes of a box changed.

    Args:
        skip: bytes after the box's name.
    """
    data = bytearray(videos.clip(source).path.read_bytes())
    at = data.index(box) + 4 + skip
    data[at : at + len(value)] = value
    path.write_bytes(bytes(data))
    return path


def promises(path: Path) -> Path:
    """Write an MP4 of some kilobytes that claims two thousand million pictures of one byte."""
    many = struct.pack(">I", 0x7FFFFFF0)
    data = bytearray(videos.clip("cfr25").path.read_bytes())
    stsz = data.index(b"stsz")
    data[stsz + 8 : stsz + 16] = struct.pack(">I", 1) + many
    stts = data.index(b"stts")
    data[stts + 12 : stts + 16] = many
    stsc = data.index(b"stsc")
    data[stsc + 16 : stsc + 20] = many
    path.write_bytes(bytes(data))
    return path


def not_numbers(path: Path) -> Path:
    """Write a Matroska file whose duration is no number."""
    data = bytearray(videos.clip("mkv_5s").path.read_bytes())
    at = data.index(b"\x44\x89")
    size = data[at + 2] & 0x7F
    data[at + 3 : at + 3 + size] = struct.pack(">d" if size == 8 else ">f", float("nan"))
    path.write_bytes(bytes(data))
    return path
