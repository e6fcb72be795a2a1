"""Long work that can be dropped: done in a fork of the helper, which ends when nobody wants it.

A decision about 240,000 frames cannot be stopped half way, and the helper's columns take long to
read again. A fork shares them as they are, answers through a pipe, and can be ended at any time.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import NoReturn

from curation.errors import CurationError

LOOK_AFTER_S = 0.02


class Superseded(CurationError):
    """Nobody wants the answer any more."""


def in_fork(work: Callable[[], bytes], unwanted: Callable[[], bool]) -> bytes:
    """Return what work returns, done in a fork of this process where there can be one.

    Args:
        work: pure computing; it must not touch a database connection.
        unwanted: asked again and again; True ends the fork.

    Raises:
        Superseded: it was ended.
        CurationError: what work raised, or that the fork died.
    """
    if sys.platform != "linux":
        return work()
    mine, theirs = Pipe(duplex=False)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        mine.close()
        _answer(theirs, work, parent)
    theirs.close()
    try:
        while not mine.poll(LOOK_AFTER_S):
            if unwanted():
                raise Superseded("a newer question took its place")
        good, answer = mine.recv_bytes(), mine.recv_bytes()
    except EOFError as error:
        raise CurationError("the process that decided has died", "try again") from error
    finally:
        mine.close()
        os.kill(child, signal.SIGKILL)  # not waited for yet, so the number is still its own
        os.waitpid(child, 0)
    if good != b"1":
        raise CurationError(answer.decode())
    return answer


def _answer(pipe: Connection, work: Callable[[], bytes], parent: int) -> NoReturn:
    """Do the work in the fork and leave without tidying what belongs to the parent."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the helper
        if os.getppid() == parent:
            try:
                good, answer = b"1", work()
            except Exception as error:
                said = error.message if isinstance(error, CurationError) else repr(error)
                good, answer = b"0", said.encode()
            pipe.send_bytes(good)
            pipe.send_bytes(answer)
    finally:
        os._exit(0)
