"""MediaPipe is loaded without what it would draw and record with, which still works where asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from curation import weights

LOADED = """
import sys
from curation.steps.mptasks import Task

Task("pose_landmarker", "PoseLandmarker").close()
assert not {"matplotlib", "matplotlib.pyplot", "sounddevice"} & set(sys.modules)
from mediapipe.tasks.python.vision import drawing_utils
assert "matplotlib" not in sys.modules
drawing_utils.plt.figure(figsize=(1, 1))
import matplotlib.pyplot
assert drawing_utils.plt.Figure is matplotlib.pyplot.Figure
print("drawn")
"""

FIRST = """
import matplotlib, sys
from curation.steps.mptasks import put_off

with put_off("matplotlib", "matplotlib.pyplot"):
    import matplotlib.pyplot as plt
    assert "matplotlib.figure" not in sys.modules
assert plt.Figure is __import__("matplotlib.pyplot").pyplot.Figure
print("drawn")
"""


@pytest.mark.parametrize("code", [LOADED, FIRST])
def test_what_draws_waits_until_it_is_asked_for(
    code: str, tmp_path: Path, weights_dir: Path
) -> None:
    assert weights.path_of("pose_landmarker").is_file()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True,
        text=True, check=False, env={"MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "drawn\n"
