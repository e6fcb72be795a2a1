"""Networks that are opened and closed give their memory back, as steps of a long run do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPENED = """
import gc, psutil, torch
from curation.steps.embedding import optimised

class Heavy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(8 << 20), requires_grad=False)
    def forward(self, x):
        return (x.flatten()[:1] * self.weight).max()

held = []
for turn in range(12):
    net = optimised(Heavy().eval(), 64, "cpu")
    assert float(net(torch.full((1, 3, 64, 64), 3.0))) == 3.0
    del net
    gc.collect()
    held.append(psutil.Process().memory_info().rss)
print((held[-1] - held[3]) / (4 * (8 << 20)))
"""
"""Prints by how many times its weights the process grew in eight openings."""


def test_a_network_that_is_closed_takes_its_weights_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", OPENED], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2, "it grew by weights that nobody uses"
