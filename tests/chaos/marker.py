"""A browser that marks, as the review page does: ops with ids, sent until they are answered.

Of frames that are its own it knows what must be said of them at the end; those that it shares with
the other browser are marked for the quarrel.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.diary import Diary
from tests.chaos.house import House

BROWSERS = 2
FIELDS = {"flag": (-1, 0, 1), "stars": (0, 1, 2, 3, 4, 5), "label": (0, 1, 2, 3, 4, 5),
          "note": ("", "a", "rain on the lens")}  # fmt: skip
DEFAULTS: dict[str, Any] = {"flag": 0, "stars": 0, "label": 0, "note": ""}
Key = tuple[int, str]


@dataclass(slots=True)
class Done:
    """An op that changed something: what its frames had before, where that is known."""

    kind: str
    value: Any
    before: dict[int, Any] | None


@dataclass(slots=True)
class Marker:
    """One browser; `number` tells the two apart."""

    house: House
    diary: Diary
    number: int
    rng: random.Random
    values: dict[Key, Any] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    undone: list[Done] = field(default_factory=list)
    last_s: float = 0.0

    @property
    def client(self) -> str:
        return f"browser-{self.number}"

    def live(self, stop: threading.Event) -> None:
        """Mark until told to stop; the op that is under way is answered before."""
        while not stop.wait(self.rng.uniform(0.05, 0.5)):
            ids = [row["id"] for row in self.house.rows("SELECT id FROM frame WHERE sampled = 1")]
            if not ids:
                stop.wait(1)
                continue
            with self.house.client() as line:
                what = self.rng.random()
                if what < 0.12 and self.done:
                    self._step(line, "undo", self.done, self.undone)
                elif what < 0.18 and self.undone:
                    self._step(line, "redo", self.undone, self.done)
                elif what < 0.3:
                    self._look(line, self.rng.choice(ids))
                else:
                    self._mark(line, ids)

    def _mark(self, line: httpx.Client, ids: list[int]) -> None:
        shared = self.rng.random() < 0.4
        mine = [i for i in ids if i % (BROWSERS + 1) == (BROWSERS if shared else self.number)]
        if not mine:
            return
        frames = sorted(self.rng.sample(mine, min(len(mine), self.rng.randint(1, 40))))
        kind = self.rng.choice(list(FIELDS))
        value = self.rng.choice(FIELDS[kind])
        op = {"id": uuid.uuid4().hex, "kind": kind, "value": value, "frames": frames}
        said = self._ask(line, "ops", {"client": self.client, "who": self.client, "ops": [op]})
        if said is None:
            self.diary.fail(f"{self.client}: an op on frames that exist was refused")
            return
        outcome = said["results"][0]
        self.answered[op["id"]] = outcome["revision"]
        before = None if shared else {f: self.values.get((f, kind), DEFAULTS[kind]) for f in frames}
        if before is not None:
            moved = sum(was != value for was in before.values())
            if moved != outcome["changed"]:
                self.diary.fail(
                    f"{self.client}: {kind}={value!r} changed {outcome['changed']} of its own "
                    f"frames, it should be {moved}"
                )
            self.values |= {(f, kind): value for f in frames}
        if outcome["changed"]:
            self.done.append(Done(kind, value, before))
            self.undone.clear()
        self.diary.count("ops answered")

    def _step(self, line: httpx.Client, what: str, here: list[Done], there: list[Done]) -> None:
        said = self._ask(line, what, {"client": self.client, "id": uuid.uuid4().hex})
        if said is None:
            self.diary.fail(f"{self.client}: nothing to {what}, though {len(here)} ops wait for it")
            return
        op = here.pop()
        there.append(op)
        if op.before is not None:
            new = op.before if what == "undo" else dict.fromkeys(op.before, op.value)
            self.values |= {(f, op.kind): value for f, value in new.items()}
        self.diary.count(f"{what} answered")

    def _look(self, line: httpx.Client, frame_id: int) -> None:
        """Ask for a picture and for what the other did, as a page does all the time."""
        for path in (f"/thumb/{frame_id}", f"/frame/{frame_id}", "/api/review/marks?since=0"):
            try:
                status = line.get(path).status_code
            except httpx.HTTPError:
                self.diary.count("looks cut off")
                return
            self.diary.count(f"look {status}")

    def _ask(self, line: httpx.Client, what: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Send until there is an answer; None when it was refused."""
        while True:
            try:
                answer = line.post(f"/api/review/{what}", json=body)
            except httpx.HTTPError:
                self.diary.count("ops cut off")
                time.sleep(0.5)
                continue
            if answer.status_code == 200:
                self.last_s = time.monotonic()
                found: dict[str, Any] = answer.json()
                return found
            self.diary.count(f"ops {answer.status_code}")
            if answer.status_code in (409, 422):
                self.diary.note(f"{self.client}: {what} {answer.status_code} {answer.text[:200]}")
                return None
            if answer.status_code < 500 and answer.status_code != 429:
                self.diary.fail(f"{self.client}: {what} answered {answer.status_code}")
                return None
            time.sleep(0.5)
