"""A sidecar is its old bytes or its new ones, whenever the power goes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.cull.xmp_shapes import EDITED, SHAPES

ROOT = Path(__file__).parents[2]


def test_killed_before_any_step_a_sidecar_is_old_or_new(tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.mkdir()
    for name in ("a", "b", "c"):
        (start / f"{name}.jpg").write_bytes(b"not looked into")
    (start / "a.jpg.xmp").write_text(EDITED)
    (start / "b.jpg.xmp").write_bytes(SHAPES["xpacket"].data)
    done = subprocess.run(
        [sys.executable, "-m", "tests.headless.sidecar_killing", str(start), str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["torn"] == []
    assert told["changed"] == 3
    assert told["killed"] == told["steps"] > 15
