"""What a still was when it was written: an export relies on it, the doctor holds the disk to it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from curation.cli import doctor_checks
from curation.export import copying
from curation.export.place import NotOurs, Place, Task
from curation.params import ExtractParams
from curation.records import FileSum
from curation.store import still_sums
from curation.store.integrity import check
from curation.store.still_sums import of_file
from curation.studio import Studio
from tests.headless import exports


@pytest.fixture
def extracted(tmp_path: Path, sample_clips: list[Path]) -> Studio:
    studio = Studio(tmp_path / "datastore")
    list(studio.extract([sample_clips[0]], ExtractParams(fps=1.0)))
    return studio


def rot(path: Path) -> None:
    """Change a byte in the middle, and nothing that a file system would tell."""
    told = path.stat()
    with path.open("r+b") as file:
        file.seek(told.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


def test_extraction_notes_what_it_wrote(extracted: Studio) -> None:
    frames = list(extracted.videos.frames())
    known = still_sums.known(extracted.catalogue, [frame.id for frame in frames])
    assert len(frames) > 3
    assert known == {frame.id: of_file(frame.path) for frame in frames}


def test_a_disk_that_forgets_is_found(extracted: Studio) -> None:
    frames = list(extracted.videos.frames())
    rot(frames[0].path)
    frames[1].path.write_bytes(frames[2].path.read_bytes())  # written by somebody: their business
    assert not list(check(extracted.catalogue))
    (found,) = check(extracted.catalogue, every_byte=True)
    assert found.is_bad and found.count == 1 and frames[0].path.name in found.what
    extracted.close()
    told = list(doctor_checks.datastore(extracted.root, every_byte=True))
    (bad,) = [one for one in told if one.state == "bad"]
    assert "changed on the disk" in bad.said and "curation remake --all" in bad.next
    # What it says to type mends it.
    frames[0].path.unlink()
    studio = Studio(extracted.root)
    list(studio.remake(every=True))
    assert not list(check(studio.catalogue, every_byte=True))
    assert of_file(frames[0].path).sha256 == still_sums.known(
        studio.catalogue, [frames[0].id]
    )[frames[0].id].sha256


def test_a_pipe_in_place_of_a_still_is_not_waited_for(extracted: Studio) -> None:
    still = next(iter(extracted.videos.frames())).path
    still.unlink()
    os.mkfifo(still)
    (found,) = check(extracted.catalogue, every_byte=True)
    assert found.is_bad and found.count == 1 and "without their picture" in found.what
    list(extracted.remake(every=True))
    assert still.is_file()
    assert not list(check(extracted.catalogue, every_byte=True))


def test_an_export_tells_what_the_disk_forgot(tmp_path: Path) -> None:
    """Its sums are those of extraction, unless somebody wrote the picture anew."""
    studio = exports.filled(tmp_path / "datastore", 40)
    frames = list(studio.videos.frames())
    files = sorted({frame.path for frame in frames})
    with studio.catalogue.transaction() as db:
        still_sums.record(db, [(frame.id, of_file(frame.path)) for frame in frames])
    rot(files[0])
    files[1].write_bytes(files[1].read_bytes() + b"\0\xff\xd9")
    out = tmp_path / "out"
    exports.export(studio, "folders", out, what="all")
    rows = {row["frame"]: row for row in exports.manifest(out)}
    wrong = set()
    for frame in frames:
        row = rows.get(frame.key)
        if row is not None:
            there = (out / row["file"]).read_bytes()
            assert there == frame.path.read_bytes()
            if hashlib.sha256(there).hexdigest() != row["sha256"]:
                wrong.add(frame.path)
    assert wrong == {files[0]}


def test_rows_of_a_stranger_are_passed_over(tmp_path: Path) -> None:
    studio = exports.filled(tmp_path / "datastore", 40)
    ids = [frame.id for frame in studio.videos.frames()]
    with studio.catalogue.transaction() as db:
        for n, row in enumerate(((b"short", 1, 1), ("x" * 32, 1, 1), (b"x" * 32, "1 MB", 1),
                                 (b"x" * 32, 1, "now"))):  # fmt: skip
            db.execute("INSERT INTO still_sum VALUES (?, ?, ?, ?)", (ids[n], *row))
    assert still_sums.known(studio.catalogue, ids) == {}
    told = exports.export(studio, "folders", tmp_path / "out", what="all")
    assert told["pictures"] and not told["failed_items"]
    assert not [one for one in check(studio.catalogue, every_byte=True) if "changed" in one.what]


@pytest.mark.parametrize("nameless", [True, False])
def test_a_known_file_is_copied_whole_by_the_system(
    tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr(copying, "can_be_nameless", lambda folder: False)
    source = tmp_path / "a"
    source.write_bytes(os.urandom(3 * copying.PIECE_BYTES + 7))
    told = of_file(source)
    with Place(tmp_path / "out") as place:
        for file, known in (("same", told), ("other", FileSum(b"x" * 32, 3, told.mtime_ns))):
            put = place.put(Task(file, "1", source=str(source), known=known))
            assert (put.sha256, put.n_bytes) == (told.sha256.hex(), told.n_bytes)
            there = tmp_path / "out" / file
            assert there.read_bytes() == source.read_bytes()
            assert there.stat().st_mtime_ns == put.mtime_ns
            assert place.is_untouched(put)
        # Of ours, and made from something else now: it is replaced, whole.
        assert place.put(Task("same", "2", lambda: b"new")).n_bytes == 3
        assert (tmp_path / "out" / "same").read_bytes() == b"new"
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_file_goes_from_one_file_system_to_another(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system here")
    source = other / f"curation-test-{os.getpid()}"
    try:
        source.write_bytes(os.urandom(copying.PIECE_BYTES))
        with Place(tmp_path) as place:
            put = place.put(Task("a", "1", source=str(source), known=of_file(source)))
        assert (tmp_path / "a").read_bytes() == source.read_bytes()
        assert put.sha256 == of_file(source).sha256.hex()
    finally:
        source.unlink(missing_ok=True)


def test_what_somebody_lays_there_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def make() -> bytes:
        (tmp_path / "a").write_text("mine")
        return b"ours"

    with Place(tmp_path) as place, pytest.raises(NotOurs):
        if not copying.can_be_nameless(tmp_path):
            pytest.skip("this file system knows no file without a name")
        place.put(Task("a", "1", make))
    assert (tmp_path / "a").read_text() == "mine"
