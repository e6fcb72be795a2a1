"""What goes wrong, on purpose: processes are killed, the disk fills up, the clock jumps."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from pathlib import Path

import psutil

from tests.chaos.clock import Clock
from tests.chaos.diary import Diary
from tests.chaos.house import House

DAY_S = 86_400.0
WORK_S = 8.0
RACE_BYTES = 4 << 20
JUMPS_S = (3.0, 61.0, 3600.0, DAY_S, 9 * DAY_S, 400 * DAY_S)


def _at_work(house: House, stop: threading.Event) -> bool:
    return house.is_healthy() and not stop.wait(WORK_S) and house.is_healthy()


def kill(house: House, diary: Diary, rng: random.Random, stop: threading.Event) -> None:
    """End a random process of the run every few seconds."""
    while not stop.wait(rng.uniform(2, 9)):
        alive = house.processes()
        kinds = ["worker"] * 4 + ["job"] * 3 + ["server"] * 2
        kind = rng.choice([kind for kind in kinds if alive[kind]] or ["none"])
        # A server that never comes up is asked nothing: let most die in the middle of work.
        early = kind == "server" and rng.random() < 0.8 and not _at_work(house, stop)
        if kind == "none" or early:
            continue
        victim = rng.choice(alive[kind])
        sign = signal.SIGKILL if kind == "worker" or rng.random() < 0.7 else signal.SIGTERM
        try:
            victim.send_signal(sign)
        except psutil.Error:
            continue
        diary.count(f"{kind} {sign.name}")


def fill(disk: Path, diary: Diary, rng: random.Random, stop: threading.Event) -> None:
    """Take all or nearly all room of the disk for some seconds, now and then."""
    ballast = disk / "ballast"
    while not stop.wait(rng.uniform(6, 20)):
        left = rng.choice((0, 0, 0, 5 << 20, 200 << 20))
        free = shutil.disk_usage(disk).free
        try:
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, free - max(left, RACE_BYTES)))
                if left < RACE_BYTES:  # others write meanwhile: the last bytes are taken by writing
                    os.lseek(file.fileno(), 0, os.SEEK_END)
                    while os.write(file.fileno(), bytes(4096)):
                        pass
        except OSError:
            diary.count("disk full" if left < RACE_BYTES else "disk could not be filled")
        else:
            diary.count("disk nearly full")
        try:
            stop.wait(rng.uniform(2, 8))
        finally:
            ballast.unlink(missing_ok=True)


def jump(clock: Clock, diary: Diary, rng: random.Random, stop: threading.Event) -> None:
    """Let the wall clock jump, forwards and back, by seconds and by months."""
    while not stop.wait(rng.uniform(5, 20)):
        to_s = 0.0 if rng.random() < 0.2 else rng.choice((-1, 1)) * rng.choice(JUMPS_S)
        clock.set(to_s)
        diary.count("clock jump")
