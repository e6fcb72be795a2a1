"""How footage comes in during a chaos run: uploads, files dropped into a folder, links."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.chaos.diary import Diary
from tests.chaos.footage import BAD, Good, make_bad
from tests.chaos.house import House
from tests.unit.ingest.strangers import Stranger

PIECE_BYTES = 20_000
TRIES = 12


@dataclass(slots=True)
class Sender:
    """Uploads files from a browser: in pieces, breaking off, going on, starting again."""

    house: House
    diary: Diary
    goods: Sequence[Good]
    scratch: Path
    rng: random.Random
    pace_s: float
    waiting: list[Good] = field(default_factory=list)

    def live(self, stop: threading.Event) -> None:
        """Send every good clip at some time, and bad ones between them."""
        self.waiting = [good for good in self.goods if good.way in ("upload", "twice")]
        self.rng.shuffle(self.waiting)
        number = 0
        while not stop.is_set() or self.waiting:
            if not stop.is_set() and (not self.waiting or self.rng.random() < 0.3):
                number += 1
                kind = self.rng.choice(list(BAD))
                bad = make_bad(self.scratch, kind, number, self.rng)
                self.diary.count(f"bad upload: {self.send(bad, is_good=False)}")
            else:
                good = self.waiting.pop()
                if not any(self.send(good.path, is_good=True) == "there" for _ in range(TRIES)):
                    self.diary.fail(f"upload of {good.path.name} failed {TRIES} times")
                self.diary.count("good clips uploaded")
            if not stop.is_set():
                stop.wait(self.rng.uniform(0.3, 1.7) * self.pace_s)

    def send(self, path: Path, is_good: bool) -> str:
        """Upload one file and return how it ended: there, refused, or lost (to begin again)."""
        data = path.read_bytes()
        with self.house.client() as line:
            begun = self._ask(line, "POST", "", json={"name": path.name, "size": len(data)})
            if begun.status_code != 201:
                return self._refused(begun, path, is_good)
            here, offset = begun.json()["id"], 0
            while True:
                if self.rng.random() < 0.08:
                    time.sleep(self.rng.uniform(0, 2))
                piece = data[offset : offset + self.rng.randint(1, 3) * PIECE_BYTES]
                answer = self._ask(line, "PUT", f"/{here}", content=piece, offset=offset)
                if answer.status_code == 200:
                    offset = answer.json()["offset"]
                    if answer.json().get("video"):
                        return "there"
                elif answer.status_code in (0, 409, 507):
                    time.sleep(0.4)
                    now = self._ask(line, "GET", f"/{here}")
                    if now.status_code != 200:
                        return self._refused(now, path, is_good)
                    if now.json().get("video"):
                        return "there"
                    offset = now.json()["offset"]
                else:
                    return self._refused(answer, path, is_good)

    def _refused(self, answer: httpx.Response, path: Path, is_good: bool) -> str:
        if answer.status_code == 404:
            self.diary.count("uploads begun again")
            return "lost"
        if is_good and answer.status_code != 429:
            self.diary.note(f"{path.name}: {answer.status_code} {answer.text[:200]}")
            self.diary.count(f"good upload refused {answer.status_code}")
        return f"refused {answer.status_code}"

    def _ask(self, line: httpx.Client, how: str, where: str, *, offset: int = -1,
             **what: object) -> httpx.Response:  # fmt: skip
        """Ask until there is an answer that is not about the disk, the rate or the server.

        A PUT that is cut off, or whose disk is full, is answered 0: where the file ends must be
        asked first.
        """
        headers = {} if offset < 0 else {"Upload-Offset": str(offset)}
        while True:
            try:
                answer = line.request(how, f"/api/uploads{where}", headers=headers, **what)  # type: ignore[arg-type]
            except httpx.HTTPError:
                self.diary.count("uploads cut off")
                answer = httpx.Response(0)
            if how == "PUT" and answer.status_code in (0, 500, 507):
                self.diary.count(f"piece {answer.status_code}")
                return httpx.Response(0)
            if answer.status_code not in (0, 429, 500, 503, 507):
                return answer
            self.diary.count(f"upload {how} {answer.status_code}")
            time.sleep(0.7)


@dataclass(slots=True)
class Dropper:
    """Copies files into a source folder, slowly and under their final names, as people do."""

    house: House
    diary: Diary
    goods: Sequence[Good]
    scratch: Path
    rng: random.Random
    pace_s: float

    def live(self, stop: threading.Event) -> None:
        """Copy every good clip at some time, and bad files between them."""
        waiting = [good for good in self.goods if good.way in ("drop", "twice")]
        number = 0
        while not stop.is_set() or waiting:
            if not stop.is_set() and (not waiting or self.rng.random() < 0.3):
                number += 1
                kind = self.rng.choice(list(BAD))
                self._copy(make_bad(self.scratch, kind, number, self.rng), stop)
                self.diary.count("bad files dropped")
            else:
                self._copy(waiting.pop().path, stop)
                self.diary.count("good clips dropped")
            if not stop.is_set():
                stop.wait(self.rng.uniform(0.3, 1.7) * self.pace_s)

    def _copy(self, path: Path, stop: threading.Event) -> None:
        data, target = path.read_bytes(), self.house.datastore / "videos_folder_2" / path.name
        while True:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    for at in range(0, len(data), 3 * PIECE_BYTES):
                        file.write(data[at : at + 3 * PIECE_BYTES])
                        file.flush()
                        if not stop.is_set():
                            time.sleep(self.rng.uniform(0, 0.3))
                return
            except OSError:
                self.diary.count("drops cut off by a full disk")
                time.sleep(1)


@dataclass(slots=True)
class Linker:
    """Fetches clips from a web server of this machine, each again until it is there."""

    house: House
    diary: Diary
    goods: Sequence[Good]
    stranger: Stranger
    rng: random.Random
    pace_s: float

    def live(self, stop: threading.Event) -> None:
        """Fetch; with the end near, what is still waiting is fetched at once."""
        waiting = [good for good in self.goods if good.way == "link"]
        for good in waiting:
            name = f"/{good.path.name.replace(' ', '-')}"
            url = self.stranger.put(name, good.path.read_bytes())
            self.stranger.how[name] = "slow" if self.rng.random() < 0.3 else ""
            for attempt in range(60):
                if attempt > 20 or stop.is_set():
                    self.stranger.how[name] = ""
                code = self.house.finish("-m", "tests.chaos.fetch_link", self.house.datastore, url,
                                         self.stranger.port)  # fmt: skip
                self.diary.count(f"link run ended {code}")
                if code == 0:
                    break
                time.sleep(1)
            else:
                self.diary.fail(f"{url} could not be fetched")
            if not stop.is_set():
                stop.wait(self.rng.uniform(0.3, 1.7) * self.pace_s)
