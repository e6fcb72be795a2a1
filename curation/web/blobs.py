"""Columns as one run of bytes that a browser reads without parsing: a header, then typed arrays.

uint32 (little endian) length of a JSON text, the text, zeros up to a multiple of 8, then the
columns one after the other, each starting at a multiple of 8. The header's "columns" say name,
type, offset from the first byte of the data, and length in bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

TYPES = {
    np.dtype(kind).newbyteorder("<"): name
    for kind, name in ((np.int32, "i32"), (np.uint32, "u32"), (np.uint16, "u16"), (np.uint8, "u8"),
                       (np.int8, "i8"), (np.float32, "f32"))
}
ALIGN = 8


def encode(header: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return a header and columns as bytes.

    Raises:
        KeyError: a column is of a type that the page does not know.
    """
    listed, parts, at = [], [], 0
    for name, values in columns.items():
        kind = values.dtype.newbyteorder("<")
        data = np.ascontiguousarray(values, kind).tobytes()
        listed.append({"name": name, "type": TYPES[kind], "offset": at, "bytes": len(data)})
        parts += [data, bytes(-len(data) % ALIGN)]
        at += len(data) + -len(data) % ALIGN
    text = json.dumps({**header, "columns": listed}, separators=(",", ":"), allow_nan=False)
    head = text.encode()
    start = len(head).to_bytes(4, "little") + head
    return b"".join([start, bytes(-len(start) % ALIGN), *parts])


def decode(blob: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return the header and the columns of what `encode` made."""
    length = int.from_bytes(blob[:4], "little")
    header: dict[str, Any] = json.loads(blob[4 : 4 + length])
    start = 4 + length + -(4 + length) % ALIGN
    kinds = {name: kind for kind, name in TYPES.items()}
    columns = {
        one["name"]: np.frombuffer(
            blob, kinds[one["type"]], one["bytes"] // kinds[one["type"]].itemsize,
            start + one["offset"],
        )
        for one in header["columns"]
    }
    return header, columns
