"""Reading .onnx files without a package for them: the graph of a network and its numbers.

Only what networks of the manifest use is known. The format is protocol buffers: tagged fields,
see onnx/onnx.proto (ONNX 1.x) and protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import WeightsMissing

Array = npt.NDArray[Any]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
DTYPES: dict[int, type[np.generic]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64,
}  # fmt: skip
MODEL_GRAPH, GRAPH_NODE, GRAPH_TENSOR, GRAPH_INPUT, GRAPH_OUTPUT = 7, 1, 5, 11, 12


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: names of its tensors, and its settings by name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """A network.

    Attributes:
        nodes: in an order in which they can run.
        numbers: tensors that the file holds, by name; weights in blocks of 8 bits as float32.
        input: name of the one tensor that is given.
        outputs: names of the answers.
    """

    nodes: tuple[Node, ...]
    numbers: dict[str, Array]
    input: str
    outputs: tuple[str, ...]

    def source(self, name: str, ops: tuple[str, ...] = ("Reshape", "Transpose", "Sigmoid")) -> str:
        """Return the tensor that an answer is made from by operations of these kinds alone."""
        for node in self.nodes:
            if name in node.outputs:
                return self.source(node.inputs[0], ops) if node.op in ops else name
        return name


def read(path: Path) -> Graph:
    """Return the network in a file.

    Raises:
        WeightsMissing: the file holds none that can be read.
    """
    try:
        return _graph(memoryview(path.read_bytes()))
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise WeightsMissing(
            f"{path} does not hold a network: {error}", "python -m curation weights fetch"
        ) from error


def _graph(data: memoryview) -> Graph:
    nodes: list[Node] = []
    numbers: dict[str, Array] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    graphs = [part for kind, _, part in _fields(data) if kind == MODEL_GRAPH]
    if not graphs:
        raise ValueError("there is no graph in it")
    for kind, _, part in _fields(graphs[0]):
        if kind == GRAPH_TENSOR:
            name, array = _tensor(part)
            numbers[name] = array
        elif kind == GRAPH_NODE:
            nodes.append(_node(part))
        elif kind in (GRAPH_INPUT, GRAPH_OUTPUT):
            name = next(_text(p) for k, _, p in _fields(part) if k == 1)
            (inputs if kind == GRAPH_INPUT else outputs).append(name)
    left = _settled(nodes, numbers)
    used = {name for node in left for name in node.inputs}
    # Old files list their weights among the inputs.
    given = [name for name in inputs if name in used and name not in numbers]
    if len(given) != 1:
        raise ValueError(f"it wants {len(given)} pictures")
    return Graph(left, numbers, given[0], tuple(outputs))


def _settled(nodes: list[Node], numbers: dict[str, Array]) -> tuple[Node, ...]:
    """Return the nodes that need the picture; what the others make is added to the numbers."""
    left = []
    for node in nodes:
        if node.op == "Constant":
            numbers[node.outputs[0]] = np.asarray(node.settings["value"])
        elif node.op == "DequantizeLinear" and node.inputs[0] in numbers:
            numbers[node.outputs[0]] = _dequantised(node, [numbers[n] for n in node.inputs])
        elif node.op == "Reshape" and node.inputs[0] in numbers:
            shape = [int(n) for n in numbers[node.inputs[1]]]
            numbers[node.outputs[0]] = numbers[node.inputs[0]].reshape(shape)
        else:
            left.append(node)
    return tuple(left)


def _dequantised(node: Node, given: list[Array]) -> Array:
    """Return (x - zero) * scale, scale and zero being one number, one a row, or one a block."""
    x, scale, zero = given[0], given[1], given[2] if len(given) > 2 else np.zeros_like(given[1])
    axis, block = int(node.settings.get("axis", 1)), int(node.settings.get("block_size", 0))
    if block:
        scale, zero = (
            np.repeat(part, block, axis).take(range(x.shape[axis]), axis) for part in (scale, zero)
        )
    elif scale.ndim == 1 and scale.size > 1:
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((x.astype(np.float32) - zero.astype(np.float32)) * scale, np.float32)


def _node(data: memoryview) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    settings: dict[str, Any] = {}
    op = ""
    for kind, _, part in _fields(data):
        if kind in (1, 2):
            (inputs if kind == 1 else outputs).append(_text(part))
        elif kind == 4:
            op = _text(part)
        elif kind == 5:
            name, value = _setting(part)
            settings[name] = value
    return Node(op, tuple(inputs), tuple(outputs), settings)


def _setting(data: memoryview) -> tuple[str, Any]:
    name, value, listed = "", None, []
    for kind, wire, part in _fields(data):
        if kind == 1:
            name = _text(part)
        elif kind == 2:
            value = struct.unpack("<f", part)[0]
        elif kind == 3:
            value = _signed(part)
        elif kind == 4:
            value = _text(part)
        elif kind == 5:
            value = _tensor(part)[1]
        elif kind == 7:
            listed += [v for (v,) in struct.iter_unpack("<f", part)]
        elif kind == 8:
            listed += _ints(wire, part)
    return name, listed or value


def _tensor(data: memoryview) -> tuple[str, Array]:
    dims: list[int] = []
    few: list[int] = []
    name, dtype, raw, floats = "", 1, b"", b""
    for kind, wire, part in _fields(data):
        if kind == 1:
            dims += _ints(wire, part)
        elif kind == 2:
            dtype = int(part)
        elif kind == 4:
            floats += bytes(part)
        elif kind in (5, 7):
            few += _ints(wire, part)
        elif kind == 8:
            name = _text(part)
        elif kind == 9:
            raw = bytes(part)
    array = np.frombuffer(raw or floats, DTYPES[dtype]) if raw or floats else np.array(
        few, DTYPES[dtype]
    )
    return name, array.reshape(dims)


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield (field number, wire type, value): an int, or the bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == VARINT:
            value: Any
            value, at = _varint(data, at)
        else:
            if wire == BYTES:
                size, at = _varint(data, at)
            elif wire in (FIXED32, FIXED64):
                size = 4 if wire == FIXED32 else 8
            else:
                raise ValueError(f"field of unknown kind {wire}")
            value, at = data[at : at + size], at + size
        yield key >> 3, wire, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _ints(wire: int, part: Any) -> list[int]:
    if wire == VARINT:
        return [_signed(part)]
    found, at = [], 0
    while at < len(part):
        value, at = _varint(part, at)
        found.append(_signed(value))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(part: Any) -> str:
    return bytes(part).decode()
