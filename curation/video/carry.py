"""What a worker must know to go on where a chunk ended: small, opaque, versioned."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from curation.errors import StoreError

VERSION = 1
MOST_STILL_BYTES, MOST_TARGETS_BYTES = 1 << 16, 1 << 28


@dataclass
class Carry:
    """The state at the end of a chunk.

    Attributes:
        task: digest of what changes an extraction; a carry of another task is refused.
        after_pts: pictures up to this one are done; None at the beginning.
        recent_pts: the last few sound pictures up to after_pts, which the cut meter must see again.
        scored_pts: the last picture whose number was given out.
        window: number of the last time window that gave or owes a still.
        last_still: 64 x 64 luma signature of the last stored still.
        decoded: sound pictures so far.
        damaged: packets lost and damaged pictures so far.
        targets: mode "shots": PTS of the stills to take, once all shots are known.
    """

    task: str
    after_pts: int | None = None
    recent_pts: list[int] = field(default_factory=list)
    scored_pts: int | None = None
    window: int | None = None
    last_still: npt.NDArray[np.uint8] | None = None
    decoded: int = 0
    damaged: int = 0
    targets: list[int] | None = None

    def pack(self) -> bytes:
        """Return the state as bytes."""
        values = asdict(self) | {"version": VERSION}
        if self.last_still is not None:
            raw = zlib.compress(self.last_still.tobytes(), 6)
            values["last_still"] = base64.b64encode(raw).decode()
        if self.targets is not None:
            steps = np.diff(np.array(self.targets, np.int64), prepend=0)
            values["targets"] = base64.b64encode(zlib.compress(steps.tobytes(), 6)).decode()
        return json.dumps(values, sort_keys=True).encode()

    @staticmethod
    def unpack(data: bytes, task: str) -> Carry:
        """Return the state that `pack` wrote.

        Raises:
            StoreError: when it is of another version, or belongs to another task.
        """
        try:
            return Carry._read(data, task)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
                zlib.error) as error:
            raise StoreError("the stored state of this extraction is damaged") from error

    @staticmethod
    def _read(data: bytes, task: str) -> Carry:
        values = json.loads(data)
        if values.pop("version") != VERSION or values["task"] != task:
            raise StoreError("this extraction was begun by another version or with other settings")
        if values["last_still"] is not None:
            raw = _inflated(values["last_still"], MOST_STILL_BYTES)
            side = int(len(raw) ** 0.5)
            values["last_still"] = np.frombuffer(raw, np.uint8).reshape(side, side)
        if values["targets"] is not None:
            raw = _inflated(values["targets"], MOST_TARGETS_BYTES)
            values["targets"] = np.cumsum(np.frombuffer(raw, np.int64)).tolist()
        made = Carry(**values)
        maybe = (made.after_pts, made.scored_pts, made.window)
        numbers = [made.decoded, made.damaged, *made.recent_pts]
        for number in (*numbers, *(one for one in maybe if one is not None)):
            # NaN is no number of a picture: nothing is after it, so nothing would be extracted.
            if type(number) is not int or not -(1 << 63) <= number < 1 << 63:
                raise ValueError(f"{number!r:.40} is no whole number")
        return made


def _inflated(text: str, most_bytes: int) -> bytes:
    """Return what was packed; ValueError when it is more than there can be."""
    worker = zlib.decompressobj()
    raw = worker.decompress(base64.b64decode(text), most_bytes)
    if not worker.eof:
        raise ValueError(f"more than {most_bytes} bytes are packed, or not all is there")
    return raw
