"""How much one task of a worker may cost: memory, processor, time without progress, file size.

A video is a stranger's program for our decoder. Whatever it makes the decoder do ends at one of
these limits, in a child process, and costs that video alone:

* memory and processor are limits of the operating system (RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE,
  setrlimit(2)), so that they hold in C code too, and when the driver itself hangs;
* time without progress is watched by the driver: the decoder gives a pulse for every packet that it
  has taken, and a worker without a pulse is ended.

None of them bounds honest work of any length: time is allowed for each picture that a file has.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.errors import CurationError

MEMORY_BYTES = 4 << 30
LEAST_MEMORY_BYTES = 1 << 30
MACHINE_SHARE = 0.8
DECODER_SETTING = "CURATION_DECODER_MB"
SILENCE_S = 300.0
FILE_BYTES = 1 << 30
STILLS_BYTES, STILLS_PER_BYTE = 4 << 30, 1000
BASE_S, PER_PICTURE_S, PER_MEGAPIXEL_S = 120.0, 0.25, 0.25
SLOWEST_BYTES_PER_S = 2e6
PICTURE_S, PICTURE_PER_MEGAPIXEL_S = 30.0, 5.0
CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class OverLimit(CurationError):
    """A task that was stopped because it would have cost more than any honest one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a task may cost; None is without a limit.

    Attributes:
        memory_bytes: address space on top of what the worker has when the task begins.
        file_bytes: largest file it may write.
        silence_s: longest time without a pulse.
        time_s: seconds of the processor that a task may take; by the clock it has some more.
    """

    memory_bytes: int | None = None
    file_bytes: int | None = None
    silence_s: float | None = None
    time_s: Callable[[Any], float] | None = None


def decoding(time_s: Callable[[Any], float]) -> Limits:
    """Return the limits of work on a video that a stranger may have made."""
    return Limits(decoder_bytes(), FILE_BYTES, SILENCE_S, time_s)


def measuring(time_s: Callable[[Any], float]) -> Limits:
    """Return the limits of work with models on pictures that were stored or found.

    A driver of a GPU reserves address space by the hundred gigabytes: beside one, memory is left
    to the system.
    """
    memory = None if any(Path("/dev").glob("nvidia[0-9]*")) else memory_bytes()
    return Limits(memory, FILE_BYTES, SILENCE_S, time_s)


def decoder_bytes() -> int:
    """Return what a decoder may take: what CURATION_DECODER_MB says, else `memory_bytes`.

    Who runs many workers on one machine says it. Models are no strangers and need what they need.
    """
    said = os.environ.get(DECODER_SETTING, "")
    return int(said) << 20 if said.isdecimal() and int(said) else memory_bytes()


def memory_bytes() -> int:
    """Return what a worker may take: 4 GiB, less on a small machine or in a small container."""
    there = MEMORY_BYTES
    with contextlib.suppress(OSError, ValueError):
        there = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MACHINE_SHARE)
    for path in CGROUPS:
        with contextlib.suppress(OSError, ValueError):
            there = min(there, int(int(path.read_text()) * MACHINE_SHARE))
    return max(LEAST_MEMORY_BYTES, min(MEMORY_BYTES, there))


def looking_s(size_bytes: int) -> float:
    """Return how long it may take to look at a file: to read it whole, and some pictures."""
    return BASE_S + size_bytes / SLOWEST_BYTES_PER_S


def extracting_s(pictures: int, width: int, height: int, size_bytes: int) -> float:
    """Return how long an extraction may take: some ten times what slow machines need."""
    each = PER_PICTURE_S + PER_MEGAPIXEL_S * width * height / 1e6
    return looking_s(size_bytes) + pictures * each


def pictures_s(sizes_wh: Iterable[tuple[int, int]]) -> float:
    """Return how long it may take to load models and to look at pictures with all of them."""
    return BASE_S + sum(PICTURE_S + PICTURE_PER_MEGAPIXEL_S * w * h / 1e6 for w, h in sizes_wh)


def files_s(sizes_bytes: Iterable[int]) -> float:
    """Return how long it may take to read picture files: a byte is a pixel or two at most."""
    return BASE_S + sum(
        PICTURE_S + (1 / SLOWEST_BYTES_PER_S + 2 * PICTURE_PER_MEGAPIXEL_S / 1e6) * size
        for size in sizes_bytes
    )


def stills_bytes(size_bytes: int) -> int:
    """Return how much may be written for a video of a size: a bomb is tiny and gives without end.

    4 GiB are allowed to any; beyond that a thousand times the file, which every picture of a
    strongly compressed film stays below.
    """
    return STILLS_BYTES + STILLS_PER_BYTE * size_bytes


# -- in the worker ---------------------------------------------------------------------------------

_beats: list[Any] = []


def share_pulse(counter: Any) -> None:
    """Take the memory that the driver watches: a shared unsigned number."""
    _beats[:] = [counter]


def pulse() -> None:
    """Tell the driver that the task goes on; cheap enough for every packet."""
    if _beats:
        _beats[0].value += 1


@contextmanager
def held(limits: Limits, seconds: float | None) -> Iterator[None]:
    """Run a block within limits of memory, file size and processor time.

    Only soft limits are set, and put back: another task of this process may have others. Whoever
    breaks the one on processor time is ended by SIGXCPU.

    Raises:
        OverLimit: when the block runs out of its memory, whichever library says so.
    """
    before = {what: resource.getrlimit(what) for what in _values(limits, seconds)}
    for what, value in _values(limits, seconds).items():
        _set(what, value, before[what][1])
    try:
        yield
    except Exception as error:
        if limits.memory_bytes is not None and _is_memory(error):
            raise OverLimit(
                f"it needs more than {limits.memory_bytes >> 20} MB of memory"
            ) from error
        raise
    finally:
        for what, (soft, hard) in before.items():
            _set(what, soft, hard)


def _values(limits: Limits, seconds: float | None) -> dict[int, int]:
    """Return what to set each limit of the system to."""
    values = {resource.RLIMIT_CORE: 0}
    if limits.memory_bytes is not None:
        values[resource.RLIMIT_AS] = _address_space() + limits.memory_bytes
    if limits.file_bytes is not None:
        values[resource.RLIMIT_FSIZE] = limits.file_bytes
    if seconds is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        values[resource.RLIMIT_CPU] = int(used.ru_utime + used.ru_stime + seconds) + 1
    return values


def _set(what: int, soft: int, hard: int) -> None:
    """Set a soft limit as far as this system lets us; macOS knows no limit of address space."""
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (soft, hard))


def _address_space() -> int:
    """Return how much address space this process has now, 0 where nobody tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return 0
    return pages * resource.getpagesize()


def _is_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, says that there is no memory."""
    while error is not None:
        if isinstance(error, MemoryError) or "nsufficient memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
