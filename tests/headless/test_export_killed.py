"""What an export leaves when it is killed between files and their lines in the log."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curation.export.copying import PIECE_BYTES, copy, named, sum_of
from curation.export.formats.base import pretty
from curation.export.log import NAME, Log, Put
from curation.export.place import Place, Task
from curation.studio import Studio
from tests.headless import exports
from tests.headless.runs import ROOT

DIES = """
import os, signal, sys
from pathlib import Path
from curation.export import log
from curation.export.settings import ExportParams
from curation.studio import Studio
add, left = log.Log.add, [int(sys.argv[3])]
def dying(self, files):
    add(self, files[:left[0]])
    if len(files) > left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= len(files)
log.Log.add = dying
for _ in Studio(Path(sys.argv[1])).export("folders", Path(sys.argv[2]), ExportParams(what="all")):
    pass
"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return exports.filled(tmp_path_factory.mktemp("killed") / "ds", 160)


def dies(studio: Studio, out: Path, logged: int) -> subprocess.CompletedProcess[bytes]:
    """Export, killed when so many files are in the log and another lies there, in no line yet."""
    argv = [sys.executable, "-c", DIES, str(studio.root), str(out), str(logged)]
    return subprocess.run(argv, cwd=ROOT, check=False)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("logged", [0, 70])
def test_killed_before_the_log_nothing_is_lost_and_nothing_half(
    studio: Studio, tmp_path: Path, logged: int
) -> None:
    """Files that lie there whole but are in no line yet are known by their bytes."""
    out, whole = tmp_path / "o", tmp_path / "whole"
    done = dies(studio, out, logged)
    assert done.returncode == -signal.SIGKILL
    exports.export(studio, "folders", whole, what="all")
    wanted = exports.tree(whole)
    pictures = {path for path in out.rglob("*.jpg")}
    rows = [json.loads(line) for line in (out / NAME).read_text().splitlines()]
    assert len(pictures) > len(rows) == logged
    assert all(digest(out / row["file"]) == row["sha256"] for row in rows)
    for path in pictures:
        assert digest(path) == wanted[path.relative_to(out).as_posix()]
    told = exports.export(studio, "folders", out, what="all")
    assert told["kept"] == len(rows) and not told["failed_items"]
    assert exports.tree(out) == wanted and not list(out.rglob("*.part"))


def test_what_a_person_did_after_the_kill_stays(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "o"
    dies(studio, out, 70)
    logged = {json.loads(line)["file"] for line in (out / NAME).read_text().splitlines()}
    unlogged = next(p for p in sorted(out.rglob("*.jpg"))
                    if p.relative_to(out).as_posix() not in logged)  # fmt: skip
    mine = [out / min(logged), unlogged]
    for path in mine:
        path.write_bytes(b"painted over")
    told = exports.export(studio, "folders", out, what="all")
    assert {item["item"] for item in told["failed_items"]} >= {
        path.relative_to(out).as_posix() for path in mine
    }
    assert all(path.read_bytes() == b"painted over" for path in mine)


def test_copies_are_independent_and_what_the_sums_say(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "o"
    exports.export(studio, "folders", out, what="all")
    rows = exports.manifest(out)
    assert all(digest(out / row["file"]) == row["sha256"] for row in rows)
    assert all((out / row["file"]).stat().st_size == row["n_bytes"] for row in rows)
    assert all((out / row["file"]).stat().st_nlink == 1 for row in rows)
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=False)
    assert done.returncode == 0


def test_a_file_of_many_pieces_is_copied_whole(tmp_path: Path) -> None:
    data = os.urandom(3 * PIECE_BYTES + 7)
    (tmp_path / "a").write_bytes(data)
    with named(str(tmp_path / "b")) as out:
        told = copy(tmp_path / "a", out)
    assert (tmp_path / "b").read_bytes() == data
    assert told == sum_of(tmp_path / "b") == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.add([Put("a", "1", "x", 1, 1)])
    log.close()
    with (tmp_path / NAME).open("a") as file:
        file.write('{"file": "b", "fp"')
    with Place(tmp_path) as place:
        assert set(place.known) == {"a"}
        place.put(Task("c", "1", lambda: b"c"))
    with Place(tmp_path) as place:
        assert set(place.known) == {"a", "c"}


def test_what_was_put_when_somebody_stops_is_known_as_ours(tmp_path: Path) -> None:
    def stops() -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return b"last"

    made = [stops if n == 3 else lambda: b"some" for n in range(90)]
    with Place(tmp_path) as place, pytest.raises(KeyboardInterrupt):
        list(place.put_all([Task(f"{n}.txt", "1", make) for n, make in enumerate(made)]))
    with Place(tmp_path) as place:
        assert set(place.known) == {path.name for path in tmp_path.glob("*.txt")} != set()


def test_only_what_a_person_changed_goes_along(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        for file in ("a/copied.txt", "a/mine.txt"):
            place.put(Task(file, "1", lambda: b"made here"))
        os.utime(tmp_path / "a/copied.txt", ns=(0, 0))
        (tmp_path / "a/mine.txt").write_text("mine")  # of another length: times may be ticks
        place.follow({f"a/{name}": f"b/{name}" for name in ("copied.txt", "mine.txt")})
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")}
    assert files == {"a/copied.txt", "b/mine.txt"}


def test_pretty_is_what_json_writes() -> None:
    told = {"a": {"x": "1\n", "ü": "2"}, "b": {}, "c": [], "d": {"e": {"f": [1, None]}}, "g": "h\n",
            "i": {"j": 1.5, "k": True}, "l": [{"m": "n"}]}  # fmt: skip
    assert pretty(told).decode() == json.dumps(told, ensure_ascii=False, indent=1) + "\n"
