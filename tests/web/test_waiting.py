"""An answer that nobody waits for is let go, and no thread is held meanwhile."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from curation.errors import CurationError
from curation.web.waiting import waited


class Page:
    """A request whose page hangs up after being asked a few times."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    async def is_disconnected(self) -> bool:
        self.patience -= 1
        return self.patience < 0


def ask(answer: Future[Any], patience: int = 10**9) -> Any:
    # In a thread of its own: the browser's driver may have left a loop running in this one.
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, waited(Page(patience), answer)).result()  # type: ignore[arg-type]


def test_an_answer_comes_through() -> None:
    answer: Future[Any] = Future()
    answer.set_result({"lines": []})
    assert ask(answer) == {"lines": []}


def test_what_went_wrong_is_raised() -> None:
    answer: Future[Any] = Future()
    answer.set_exception(CurationError("nothing is measured"))
    with pytest.raises(CurationError, match="nothing is measured"):
        ask(answer)


def test_a_page_that_hangs_up_takes_its_question_from_the_queue() -> None:
    answer: Future[Any] = Future()
    assert ask(answer, patience=1) is None
    assert answer.cancelled()


def test_work_that_has_begun_goes_on_without_complaint() -> None:
    answer: Future[Any] = Future()
    answer.set_running_or_notify_cancel()
    assert ask(answer, patience=0) is None
    answer.set_exception(CurationError("too late"))
