"""Networks of .onnx files run by torch: the numbers of OpenCV's runner in a half of its time.

Measured on one core of a Zen 5 (AVX-512), against cv2.dnn of OpenCV 4.14, CPU ms: YuNet at
640 x 352 9.5 -> 6.7, CenterFace 11.1 -> 8.0 (5.7 in fours), SFace 28.4 -> 11.4 (8.3 in fours);
answers differ by under 1e-5. On a GPU, where there is one, they run in larger batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from curation.steps.embedding import in_parts, optimised
from curation.steps.onnx_file import Graph, Node, read

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = npt.NDArray[np.float32]

BATCH = {"cpu": 4, "cuda": 64}
"""Pictures at once; more are slower on one CPU core, because they no longer fit its cache."""


class OnnxNet:
    """A network of the manifest, ready to be asked.

    Args:
        path: an .onnx file.
        outputs: names of the tensors to answer, or a function that picks them from the graph.
        side_px: of a picture that it can take, to try it with.

    Raises:
        WeightsMissing: the file holds no network.
        StepUnavailable: it has an operation that is not known here.
    """

    def __init__(
        self,
        path: Path,
        outputs: Sequence[str] | Callable[[Graph], Sequence[str]],
        side_px: int,
    ) -> None:
        """Read the file and fuse what can be; on a GPU where there is one."""
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch = BATCH[self.device]
        if self.device == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # ten bits would be other numbers
        graph = read(path)
        names = outputs(graph) if callable(outputs) else outputs
        self._net: Any = optimised(_module(graph, names).eval(), side_px, self.device)

    def __call__(self, pictures: npt.NDArray[np.uint8]) -> list[Floats]:
        """Return each output for (n, h, w, 3) pictures, channels in the order it was trained in.

        Values go in as 0..255; at most `batch` pictures at once, see `in_parts`.
        """
        given = self._torch.from_numpy(pictures).to(self.device)
        with self._torch.inference_mode():
            found = self._net(given.permute(0, 3, 1, 2).float().contiguous())
        return [np.asarray(part.cpu().numpy(), np.float32) for part in found]

    def in_parts(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> list[Floats]:
        """Return each output for pictures of one size, asked for in parts of `batch`."""
        parts = [self(np.stack(part)) for part in in_parts(pictures, self.batch)]
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _module(graph: Graph, outputs: Sequence[str]) -> nn.Module:
    import torch
    from torch import nn

    needed, live = set(outputs), []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            needed |= set(node.inputs)
            live.append(node)
    live.reverse()

    class Network(nn.Module):  # type: ignore[misc]
        """Run the nodes one after the other; the trace makes one program of it."""

        def __init__(self) -> None:
            super().__init__()
            self.places: dict[str, str] = {}
            for i, name in enumerate(sorted(needed & set(graph.numbers))):
                self.places[name] = f"number_{i}"
                self.register_buffer(f"number_{i}", torch.tensor(graph.numbers[name]))

        def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
            made = {graph.input: pictures}
            for node in live:
                given = [
                    made[name] if name in made else getattr(self, self.places[name])
                    for name in node.inputs
                    if name
                ]
                made[node.outputs[0]] = _run(node, given)
            return tuple(made[name] for name in outputs)

    return Network()


def _run(node: Node, given: list[Any]) -> Any:
    """Return what an operation makes (onnx/docs/Operators.md)."""
    from torch.nn import functional

    from curation.errors import StepUnavailable

    if node.op in _SIMPLE:
        return _SIMPLE[node.op](functional, node.settings, *given)
    if node.op == "Conv":
        return _conv(functional, node.settings, *given)
    raise StepUnavailable(f"the network needs the operation {node.op}, which is not known here")


def _conv(f: Any, s: dict[str, Any], x: Any, weight: Any, bias: Any = None) -> Any:
    top, left, bottom, right = s.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        x, top, left = f.pad(x, (left, right, top, bottom)), 0, 0
    return f.conv2d(
        x, weight, bias, s.get("strides", [1, 1]), [top, left], s.get("dilations", [1, 1]),
        s.get("group", 1),
    )  # fmt: skip


def _gemm(f: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Return x @ weight.T + bias, of as many rows whatever the number of pictures.

    The order of a sum hangs on the number of rows; a picture's numbers must not hang on how many
    are beside it. The weights are read once for all rows, which is what takes the time.
    """
    rows = BATCH["cpu"]
    if x.is_cuda:
        return f.linear(x, weight, bias)
    return f.linear(x.repeat(rows, 1)[:rows], weight, bias)[: x.shape[0]]


_SIMPLE: dict[str, Callable[..., Any]] = {
    "Relu": lambda f, s, x: f.relu(x),
    "PRelu": lambda f, s, x, slope: f.prelu(x, slope.flatten()),
    "Sigmoid": lambda f, s, x: x.sigmoid(),
    "Add": lambda f, s, x, y: x + y,
    "Sub": lambda f, s, x, y: x - y,
    "Mul": lambda f, s, x, y: x * y,
    "Flatten": lambda f, s, x: x.flatten(1),
    "Dropout": lambda f, s, x, *_: x,
    "Resize": lambda f, s, x, *_: f.interpolate(x, scale_factor=2.0, mode="nearest"),
    "MaxPool": lambda f, s, x: f.max_pool2d(
        x, s["kernel_shape"], s["strides"], s.get("pads", (0, 0))[:2]
    ),
    "BatchNormalization": lambda f, s, x, weight, bias, mean, var: f.batch_norm(
        x, mean, var, weight, bias, eps=s.get("epsilon", 1e-5)
    ),
    "Gemm": lambda f, s, x, weight, bias: _gemm(
        f, x, weight if s.get("transB") else weight.t(), bias
    ),
    "ConvTranspose": lambda f, s, x, weight, bias=None: f.conv_transpose2d(
        x, weight, bias, s["strides"], s.get("pads", (0, 0))[:2], groups=s.get("group", 1)
    ),
}
