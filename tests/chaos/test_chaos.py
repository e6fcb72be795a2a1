"""The harness itself, what it found once, and a very short run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.store.catalogue import Catalogue
from curation.store.integrity import check
from curation.store.jobs import JobTable
from curation.store.mark_ops import MarkOps, Op
from curation.web.helper import Probe
from curation.web.site import Settings
from tests import videos
from tests.chaos.clock import Clock
from tests.chaos.house import ROOT
from tests.dying_workers import dies_over
from tests.web.conftest import filled, filled_once, serving

__all__ = ["filled", "filled_once"]
DAY_S = 86_400.0


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def said(clock: Clock, words: str, *values: object) -> str:
    """Return what a Python process under the clock prints."""
    done = subprocess.run(
        [sys.executable, "-c", words, *map(str, values)], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, **clock.env, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_clock_jumps_for_its_processes_only(clock: Clock) -> None:
    clock.set(-DAY_S)
    before = time.time()
    now = float(said(clock, "import time; print(time.time())"))
    assert before <= now + DAY_S <= time.time()


def test_a_clock_that_is_set_makes_no_process_a_stranger(clock: Clock) -> None:
    process = subprocess.Popen(["sleep", "600"])
    try:
        ask = "import sys; from curation.store.jobs import begun_s as b; print(b(int(sys.argv[1])))"
        began = said(clock, ask, process.pid)
        clock.set(3 * DAY_S)
        ask = (
            "import sys; from curation.web.jobs import is_alive;"
            "print(is_alive(int(sys.argv[1]), float(sys.argv[2])))"
        )
        assert said(clock, ask, process.pid, began) == "True"
    finally:
        process.kill()
        process.wait()


def test_a_job_that_began_tomorrow_is_not_waited_for(clock: Clock, datastore: Path) -> None:
    """Its server was killed before it could start it, and then the clock was set right."""
    clock.set(DAY_S)
    said(
        clock,
        "import sys; from pathlib import Path; from curation.store.catalogue import Catalogue;"
        "from curation.store.jobs import JobTable; table = JobTable(Catalogue(Path(sys.argv[1])));"
        "table.add('rank', []); table.claim()",
        datastore,
    )
    from curation.web.jobs import JobManager

    manager = JobManager(datastore)
    manager._tick()
    assert JobTable(Catalogue(datastore)).get(1).state == "interrupted"


def test_an_upload_whose_reader_is_killed_once_is_looked_at_again(
    datastore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = videos.clip("cfr25").path.read_bytes()
    killed = dies_over(monkeypatch, lambda task: isinstance(task, Probe))
    with serving(Settings(datastore)) as client:
        upload = client.post("/api/uploads", json={"name": "a.mp4", "size": len(data)}).json()
        headers = {"Upload-Offset": "0"}
        told = client.put(f"/api/uploads/{upload['id']}", content=data, headers=headers)
    assert killed
    assert told.status_code == 200 and told.json()["video"]["name"] == "a.mp4"


def test_a_full_disk_does_not_call_the_catalogue_unusable(datastore: Path) -> None:
    """To move it away, as is said of a damaged one, would be to lose it."""
    Catalogue(datastore).close()
    words = (
        "import resource, signal, sys; from pathlib import Path;"
        "from curation.store.catalogue import Catalogue; from curation.errors import NoSpace\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: Catalogue(Path(sys.argv[1])).remember('a', 1)\n"
        "except NoSpace as error: print(error.message, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", words, datastore], cwd=ROOT, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert "make room" in done.stdout and "move it away" not in done.stdout


def test_a_file_that_was_still_being_copied_leaves_no_frame_twice(datastore: Path) -> None:
    whole = videos.clip("ts").path.read_bytes()
    target = datastore / "videos_folder_1" / "a.ts"
    target.parent.mkdir(parents=True)

    def extract() -> list[tuple[int, str]]:
        words = [sys.executable, "01_extract.py", "--fps", "5", "--datastore", datastore]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        catalogue = Catalogue(datastore)
        sql = "SELECT video_id, file FROM frame WHERE sampled = 1 ORDER BY pts"
        return [(row[0], row[1]) for row in catalogue.db.execute(sql)]

    target.write_bytes(whole[: len(whole) // 188 // 2 * 188])
    half = extract()
    assert half and {video for video, _ in half} == {1}
    pictures = {file: (datastore / file).read_bytes() for _, file in half}
    target.write_bytes(whole)
    found = extract()
    assert {video for video, _ in found} == {2} and len(found) > len(half)
    assert bad(datastore) == []
    assert pictures == {file: (datastore / file).read_bytes() for file in pictures}
    target.write_bytes(whole[: len(whole) // 188 // 2 * 188])  # and back again
    assert extract() == half
    assert bad(datastore) == []


# -- the check of catalogue against files ---------------------------------------------------------


def bad(root: Path) -> list[str]:
    catalogue = Catalogue(root)
    found = [problem.what for problem in check(catalogue) if problem.is_bad]
    catalogue.close()
    return found


def first(root: Path, sql: str) -> str:
    catalogue = Catalogue(root)
    value = catalogue.db.execute(sql).fetchone()[0]
    catalogue.close()
    return str(value)


def do(root: Path, sql: str) -> None:
    catalogue = Catalogue(root)
    catalogue.db.execute("PRAGMA foreign_keys = OFF")
    assert catalogue.db.execute(sql).rowcount
    catalogue.close()


def picture(root: Path) -> Path:
    return root / first(root, "SELECT file FROM frame WHERE file IS NOT NULL")


def cut_pack(root: Path) -> None:
    pack = next((root / "thumbs").glob("*.pack"))
    os.truncate(pack, pack.stat().st_size - 1)


def stray(root: Path) -> None:
    shutil.copy(picture(root), picture(root).with_name("stray.jpg"))


def mark(root: Path) -> None:
    import numpy as np

    frame = int(first(root, "SELECT id FROM frame"))
    MarkOps(Catalogue(root)).apply("one", "", [Op("a", "stars", 3, np.array([frame]))])
    assert bad(root) == []
    do(root, "UPDATE review SET stars = 4")


WAYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda d: picture(d).unlink(), "frames without their picture"),
    "cut": (lambda d: os.truncate(picture(d), 900), "pictures that are cut off"),
    "empty": (lambda d: os.truncate(picture(d), 0), "pictures that are cut off"),
    "stray": (stray, "no frame of it"),
    "pack": (cut_pack, "frames without their thumbnail"),
    "mark": (mark, "marks that no op has made"),
    "twice": (
        lambda d: do(d, "UPDATE frame SET file = (SELECT min(file) FROM frame)"),
        "two frames at once",
    ),
    "chunks": (lambda d: do(d, "UPDATE extraction SET chunks = chunks + 1"), "chunks"),
    "nowhere": (lambda d: do(d, "DELETE FROM video"), "rows that point nowhere"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_fit_together_is_named(way: str, filled: Path) -> None:
    assert bad(filled) == []
    spoil, words = WAYS[way]
    spoil(filled)
    assert any(words in said for said in bad(filled))


def test_the_doctor_tells_it(filled: Path) -> None:
    words = [sys.executable, "-m", "curation", "doctor", "--quick", "--json", "--datastore", filled]
    told = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=False).stdout)
    assert [f["state"] for f in told["findings"] if f["name"] == "integrity"] == ["ok"]
    picture(filled).unlink()
    told = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=False).stdout)
    assert [f["state"] for f in told["findings"] if f["name"] == "integrity"] == ["bad"]


@pytest.mark.slow
@pytest.mark.usefixtures("weights_dir")
def test_a_short_run_is_clean(tmp_path: Path) -> None:
    report = tmp_path / "chaos.json"
    words = [ROOT / "scripts" / "chaos", "--minutes", "0.4", "--clips", "4", "--report", report]
    env = {**os.environ, "VENV": str(Path(sys.executable).parents[1])}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    told = json.loads(report.read_text())
    assert told["clean"] and told["counts"]["good frames found"] > 0
