"""Files that are not what they seem: nothing but the file itself is ever read, no size believed."""

from __future__ import annotations

import io
import os
import socket
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import av.error
import pytest

from curation.errors import VideoUnreadable
from curation.sources import is_text, unnameable, videos_in
from curation.video import index, probe, pulse
from tests import videos
from tests.hostile import bombs

ALLOWED = {
    "allowed_extensions": "ALL", "allowed_segment_extensions": "ALL", "extension_picky": "0",
    "safe": "0", "enable_drefs": "1", "use_absolute_path": "1",
    "protocol_whitelist": "file,crypto,data",
}  # fmt: skip


def shapes(path: Path, options: dict[str, str] | None = None) -> list[tuple[int, int]]:
    """Return the sizes of the first pictures that FFmpeg gives without our guard."""
    with av.open(str(path), options=options or {}) as container:
        frames = container.decode(video=0)
        return [(frame.width, frame.height) for _, frame in zip(range(2), frames, strict=False)]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return somebody else's video."""
    path = tmp_path / "secret.ts"
    path.write_bytes(videos.clip("ts").path.read_bytes())
    return path


@pytest.mark.parametrize(
    ("make", "name"), [(bombs.concat, "holiday.mp4"), (bombs.playlist, "holiday.m3u8")]
)
def test_a_list_dressed_as_a_video_reads_no_other_file(
    tmp_path: Path, secret: Path, make: Callable[[Path, Path], Path], name: str
) -> None:
    attack = make(tmp_path / name, secret)
    # Without the guard the other file's pictures come out: of a script at once, of a playlist
    # where its reader is told to be generous, as older ones are by themselves.
    assert shapes(attack, None if make is bombs.concat else ALLOWED) == [(320, 180)] * 2
    dressed = tmp_path / "dressed.mp4"
    dressed.write_bytes(attack.read_bytes())
    for path in (attack, dressed):
        with pytest.raises(VideoUnreadable, match="is text, not a video"):
            probe.probe(path)


def test_the_guard_is_what_refuses_a_list(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = bombs.concat(tmp_path / "holiday.mp4", secret)
    monkeypatch.setattr(probe, "FORMATS", probe.FORMATS + ",concat")
    assert probe.probe(attack).width == 320


def test_a_movie_whose_pictures_lie_in_another_file_shows_none(tmp_path: Path) -> None:
    other = tmp_path / "secret.mp4"
    other.write_bytes(videos.clip("cfr25").path.read_bytes())
    attack = bombs.references(tmp_path / "holiday.mov", other)
    try:
        followed = shapes(attack, ALLOWED)
    except av.error.FFmpegError:
        followed = []
    assert followed, "the attack does not work: FFmpeg follows its reference nowhere"
    with pytest.raises(VideoUnreadable):
        probe.probe(attack)


@pytest.mark.parametrize("make", [bombs.session, bombs.dash])
def test_descriptions_of_streams_are_refused(
    tmp_path: Path, secret: Path, make: Callable[[Path, Path], Path]
) -> None:
    with pytest.raises(VideoUnreadable, match="is text, not a video"):
        probe.probe(make(tmp_path / "holiday.mp4", secret))


def test_a_name_that_is_an_address_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                             ) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    monkeypatch.chdir(tmp_path)
    for name in (f"http://127.0.0.1:{port}/x.mp4", f"tcp:127.0.0.1:{port}", "concat:a|b",
                 "subfile,,start,0,end,0,,:x.mp4", "-i.mp4", "data:video/mp4,x", "pipe:0"):
        with pytest.raises(VideoUnreadable, match="there is no such file"):
            probe.probe(Path(name))
        good = tmp_path / name.replace("/", "_")
        good.write_bytes(videos.clip("cfr25").path.read_bytes())
        assert probe.probe(Path(good.name)).n_frames == 60
    server.settimeout(0.05)
    with pytest.raises(TimeoutError):
        server.accept()


def test_a_few_kilobytes_do_not_become_a_picture_of_any_size(tmp_path: Path) -> None:
    bomb = bombs.huge(tmp_path / "bomb.mov", n=1)
    assert bomb.stat().st_size < 200_000
    assert shapes(bomb) == [(9000, 9000)]  # what it does without the guard
    with pytest.raises(VideoUnreadable, match="claims pictures of 9,000 x 9,000"):
        probe.probe(bomb)


def test_a_header_that_tells_a_smaller_size_than_its_pictures_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = bombs.huge(tmp_path / "bomb.mov", 1200, told_px=64)
    assert probe.probe(bomb).width == 1200
    monkeypatch.setattr(probe, "MOST_PIXELS", 1 << 20)
    with pytest.raises(VideoUnreadable, match="claims pictures of 1,200 x 1,200"):
        probe.probe(bomb)


def test_a_picture_further_on_is_no_larger_than_the_header_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = bombs.huge(tmp_path / "bomb.mov", 900)
    # The decoder's own limit, under the eyes of a check that sees nothing wrong yet.
    monkeypatch.setattr(probe, "MOST_PIXELS", 900 * 900)
    with probe.open_container(bomb) as container:
        stream = probe.picture_stream(container, bomb)
        stream.codec_context.options = {"max_pixels": str(900 * 900 - 1)}
        with pytest.raises(av.error.FFmpegError):
            list(container.decode(stream))
    with probe.open_container(bomb) as container:
        stream = probe.picture_stream(container, bomb)
        assert stream.codec_context.options == {"max_pixels": "810000"}


def test_headers_of_65535_by_65535(tmp_path: Path) -> None:
    lies = bombs.patched(tmp_path / "lies.mp4", b"avc1", 24, b"\xff" * 4)
    assert probe.probe(lies).display_wh == (320, 180)  # the pictures themselves are honest
    true = bombs.huge(tmp_path / "true.mov", 500, told_px=65535)
    data = bytearray(true.read_bytes())
    at = data.index(b"IHDR")
    while at > 0:
        data[at + 4 : at + 12] = struct.pack(">II", 65535, 65535)
        at = data.find(b"IHDR", at + 4)
    true.write_bytes(bytes(data))
    with pytest.raises(VideoUnreadable):
        probe.probe(true)


def test_packets_without_end_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_PACKETS", 50)
    with pytest.raises(VideoUnreadable, match="claims more than 50 pictures"):
        probe.probe(videos.clip("cfr25").path)


def test_promises_cost_nothing(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable):
        probe.probe(bombs.promises(tmp_path / "promises.mp4"))


@pytest.mark.parametrize(
    ("box", "skip", "value"),
    [
        (b"tkhd", 40, bytes(36)),  # a matrix that turns by no angle
        (b"tkhd", 40, b"\x80" + bytes(35)),
        (b"mdhd", 12, bytes(4)),  # no ticks a second
        (b"mdhd", 12, b"\xff" * 8),
        (b"mvhd", 12, bytes(8)),
        (b"stts", 8, b"\xff" * 8),
        (b"stss", 4, b"\xff" * 4),
        (b"ctts", 4, b"\x7f" * 4),
    ],
)
def test_numbers_that_are_none(tmp_path: Path, box: bytes, skip: int, value: bytes) -> None:
    path = bombs.patched(tmp_path / "odd.mp4", box, skip, value, "b_frames")
    try:
        info = probe.probe(path)
    except VideoUnreadable:
        return
    assert info.duration_s >= 0 and info.rotation_deg in (0, 90, 180, 270)


def test_a_duration_that_is_no_number(tmp_path: Path) -> None:
    assert probe.probe(bombs.not_numbers(tmp_path / "nan.mkv")).duration_s == pytest.approx(2.4)


def test_a_file_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "growing.mp4"
    path.write_bytes(bytes(1 << 21))
    grown = []

    def grow() -> None:
        if len(grown) < 200:
            with path.open("ab") as file:
                grown.append(file.write(bytes(1 << 21)))

    pulse.listen(grow)
    try:
        with pytest.raises(VideoUnreadable, match="grows while it is read"):
            probe.content_key(path)
    finally:
        pulse.listen(lambda: None)
    assert len(grown) < 10


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("pipe", "zero", "folder"):
        with pytest.raises(VideoUnreadable, match="is not a regular file"):
            probe.probe(tmp_path / f"{name}.mp4")
    with pytest.raises(VideoUnreadable):
        probe.probe(tmp_path / "loop.mp4")
    assert videos_in(tmp_path) == []


def test_archives_are_no_videos_and_are_never_opened(tmp_path: Path) -> None:
    zeros = bytes(1 << 24)
    with zipfile.ZipFile(tmp_path / "bomb.mp4", "w", zipfile.ZIP_DEFLATED) as box:
        for i in range(8):
            box.writestr(f"../../{i}", zeros)
    with tarfile.open(tmp_path / "bomb.mkv", "w:gz") as tar:
        entry = tarfile.TarInfo("/etc/escaped")
        entry.size = len(zeros)
        tar.addfile(entry, io.BytesIO(zeros))
    for path in tmp_path.iterdir():
        with pytest.raises(VideoUnreadable, match="is not a video"):
            probe.probe(path)
    assert len(list(tmp_path.iterdir())) == 2
    # No room takes strangers' archives: one opens wheels whose digest it knows, one the parts that
    # our own workers wrote, stored and not packed, so that none is larger than its file. Exports
    # are written as archives, and a replay reads the one that it has just written.
    root = Path(probe.__file__).parents[1]
    words = ("import zipfile", "import tarfile", "unpack_archive", "import gzip", "import bz2")
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(word in path.read_text() for word in words)
    }
    assert users <= {"fetching.py", "engine/parts.py", "web/export_shelf.py", "export/replay.py",
                     "export/formats/zipped.py", "export/formats/webdataset.py"}


def test_names_that_are_no_text_are_told_and_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "videos_folder_1"
    folder.mkdir()
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.mp4"))
    odd.write_bytes(b"x")
    assert not is_text(odd)
    assert videos_in(folder) == []
    assert unnameable(tmp_path, ()) == [odd]
