"""Leave the studio alone in a bad neighbourhood, and look at what is left of it.

    make chaos MINUTES=30            (scripts/chaos; python -m tests.chaos --help)

A real server over a small disk of its own. Two browsers mark, clips and bad files arrive by upload,
by copying and by link, jobs run; meanwhile processes are killed, the disk fills up and the clock
jumps. In the end peace is made, the three verbs run once more, and every good frame must be there
once, byte for byte as in a run where nothing went wrong; every answered mark must be kept; and the
catalogue must pass `python -m curation doctor`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos import mishaps, verdict
from tests.chaos.arrivals import Dropper, Linker, Sender
from tests.chaos.boss import Boss
from tests.chaos.clock import Clock
from tests.chaos.diary import Diary
from tests.chaos.footage import Good, make_good
from tests.chaos.house import LONGEST_S, ROOT, House
from tests.chaos.marker import BROWSERS, Marker
from tests.unit.ingest.strangers import serving

DISK_MB = 900
Life = Callable[[threading.Event], None]


def parser() -> argparse.ArgumentParser:
    """Return the words of the command."""
    how = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser("scripts/chaos", description=__doc__, formatter_class=how)
    made.add_argument("--minutes", type=float, default=30.0, help="default %(default)s")
    made.add_argument("--seed", type=int, default=None, help="default: of the clock")
    made.add_argument("--clips", type=int, default=None, help="good clips; default by the minutes")
    made.add_argument("--report", type=Path, default=ROOT / "bench" / "results" / "chaos.json")
    made.add_argument("--keep", action="store_true", help="keep the folder when the run is clean")
    return made


@contextmanager
def small_disk(folder: Path, diary: Diary) -> Iterator[Path | None]:
    """Yield a disk of DISK_MB of its own; None where this user may not mount one."""
    disk = folder / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "chaos", str(disk)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        diary.note("no disk of its own: this user may not mount one, so no disk will be full")
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


class Threads:
    """Lives that run at the same time; one that stumbles makes the run unclean."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def add(self, name: str, life: Life) -> None:
        """Begin one."""

        def run() -> None:
            try:
                life(self.stop)
            except Exception:
                self.diary.fail(f"{name} stumbled: {traceback.format_exc()[-900:]}")

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)

    def end(self, timeout_s: float) -> None:
        """Tell all to stop, and wait for what they have in hand."""
        self.stop.set()
        until = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self.diary.fail(f"{thread.name} did not come to an end in {timeout_s:.0f} s")


def run(options: argparse.Namespace, folder: Path, diary: Diary, facts: dict[str, Any]) -> None:
    """Do one run; what is wrong ends in the diary."""
    rng = random.Random(facts["seed"])
    count = options.clips or max(9, min(60, round(6 * options.minutes)))
    goods = make_good(ROOT / ".cache" / "chaos", count, ROOT / "samples")
    truth = verdict.calm_truth(goods, folder / "calm")
    diary.note(f"{len(goods)} good clips, {sum(map(len, truth.values()))} frames")
    clock = Clock(folder)
    with small_disk(folder, diary) as disk, serving() as stranger:
        datastore = (disk or folder) / "datastore"
        house = House(datastore, folder / "server.log", clock.env)
        markers = [Marker(house, diary, i, random.Random(rng.random())) for i in range(BROWSERS)]
        try:
            house.open()
            if not house.wait_healthy():
                diary.fail("the server did not start")
                return
            facts["started_after_s"] = round(time.monotonic() - facts["begun"], 1)
            troubles, lives = Threads(diary), Threads(diary)
            pace_s = options.minutes * 60 * 0.8 / len(goods) * 2
            _people(lives, house, diary, goods, stranger, markers, folder, rng, pace_s)
            seeds = [random.Random(rng.random()) for _ in range(3)]
            troubles.add("kill", lambda stop: mishaps.kill(house, diary, seeds[0], stop))
            troubles.add("jump", lambda stop: mishaps.jump(clock, diary, seeds[1], stop))
            if disk is not None:
                troubles.add("fill", lambda stop: mishaps.fill(disk, diary, seeds[2], stop))
            time.sleep(options.minutes * 60)
            troubles.end(LONGEST_S)
            diary.note(f"peace; the clock is {clock.offset_s:+,.0f} s off")
            _peace(house, lives, diary, facts, rng)
        finally:
            house.close()
            house.end_all()
        if house.log.is_file():
            facts["tracebacks"] = dict(verdict.tracebacks(house.log).most_common(40))
        _judge(truth, goods, markers, datastore, diary)
        if diary.wrong and disk is not None:
            shutil.copytree(datastore, folder / "datastore-after", dirs_exist_ok=True)


def _people(
    lives: Threads, house: House, diary: Diary, goods: list[Good], stranger: Any,
    markers: list[Marker], folder: Path, rng: random.Random, pace_s: float,
) -> None:  # fmt: skip
    scratch = folder / "bad"

    def one() -> random.Random:
        return random.Random(rng.random())

    for marker in markers:
        lives.add(marker.client, marker.live)
    lives.add("sender", Sender(house, diary, goods, scratch / "up", one(), pace_s).live)
    lives.add("dropper", Dropper(house, diary, goods, scratch / "down", one(), pace_s).live)
    lives.add("linker", Linker(house, diary, goods, stranger, one(), pace_s * 2).live)
    lives.add("boss", Boss(house, diary, one()).live)


def _peace(
    house: House, lives: Threads, diary: Diary, facts: dict[str, Any], rng: random.Random
) -> None:
    """Let everybody end what they began, stop and start the server once, run the three verbs."""
    if not house.wait_healthy():
        diary.fail("the server did not come back")
        return
    lives.end(LONGEST_S)
    facts["stopped_after_s"] = round(house.close(), 1)
    house.open()
    if not house.wait_healthy():
        diary.fail("the server did not come back after a stop")
        return
    Boss(house, diary, rng).at_last()
    facts["server_starts"] = house.starts


def _judge(
    truth: dict[str, Any], goods: list[Good], markers: list[Marker], datastore: Path, diary: Diary
) -> None:
    verdict.judge_frames(truth, goods, datastore, diary)
    verdict.judge_files(datastore, diary)
    verdict.judge_marks(markers, datastore, diary)
    verdict.judge_jobs(datastore, diary)
    verdict.judge_doctor(datastore, diary)


def main() -> int:
    """Run and report; return 0 when the run was clean."""
    options = parser().parse_args()
    begun = time.monotonic()
    seed = options.seed if options.seed is not None else int(time.time())
    facts: dict[str, Any] = {"minutes": options.minutes, "seed": seed, "begun": begun}
    diary = Diary()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        run(options, folder, diary, facts)
    except Exception:
        diary.fail(f"the run itself stumbled: {traceback.format_exc()[-2000:]}")
    facts["lasted_s"] = round(time.monotonic() - facts.pop("begun"), 1)
    report = {
        "clean": not diary.wrong, **facts, "cores": os.cpu_count(), "wrong": diary.wrong,
        "counts": dict(sorted(diary.counts.items())), "notes": diary.words,
    }  # fmt: skip
    options.report.parent.mkdir(parents=True, exist_ok=True)
    # Where this run's folder was tells nobody anything.
    text = json.dumps(report, indent=1).replace(f"{folder}/", "")
    options.report.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in report.items() if k != "notes"}, indent=1))
    if diary.wrong or options.keep:
        print(f"kept: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"chaos: {'clean' if not diary.wrong else 'NOT CLEAN'}; {options.report}")
    return 1 if diary.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
