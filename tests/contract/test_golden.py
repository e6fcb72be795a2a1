"""Every step on fixed pictures: its promise, company does not matter, and the numbers stay.

`python -m tests.contract.test_golden STEP ...` writes the golden files of steps anew.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from curation.engine.batch import load_rgb, run_batch
from curation.params import MeasureParams
from curation.records import Frame, Measured
from curation.registry import BUILTIN, make_steps
from curation.steps.base import Item, RgbImage, Step

GOLDEN = Path(__file__).parents[1] / "golden"
REL, ABS = 0.02, 0.02
"""Networks differ in the last digits between processors."""
ULP = 2e-3
"""One step of a float16 under 2: a batch of another size may round the other way."""
SHOWN = 8


def pictures() -> dict[str, RgbImage]:
    """Return two real pictures from ultralytics' package and two made ones."""
    spec = find_spec("ultralytics")
    if spec is None or spec.origin is None:
        pytest.skip("needs the stills of the ultralytics package")
    assets = Path(spec.origin).parent / "assets"
    y, x = np.mgrid[0:240, 0:320]
    waves = np.stack([x % 256, y % 256, (x * y // 64) % 256], axis=2).astype(np.uint8)
    return {
        "zidane": load_rgb(assets / "zidane.jpg"),
        "bus": load_rgb(assets / "bus.jpg"),
        "waves": waves,
        "blank": np.full((120, 160, 3), 128, np.uint8),
    }


def items() -> list[Item]:
    found = pictures()
    return [
        Item(Frame(i, name, 1, i, 0.0, Path(name), rgb.shape[1], rgb.shape[0]), rgb)
        for i, (name, rgb) in enumerate(found.items())
    ]


def measure(steps: Sequence[Step], batch: Sequence[Item]) -> dict[str, dict[str, Measured]]:
    """Return measurements by step and picture."""
    names = {item.frame.id: item.frame.key for item in batch}
    found: dict[str, dict[str, Measured]] = {step.name: {} for step in steps}
    for result in run_batch(steps, batch):
        assert result.measured is not None, f"{result.step}: {result.error}"
        found[result.step][names[result.frame_id]] = result.measured
    return found


def plain(measured: Measured) -> dict[str, Any]:
    """Return what a golden file holds of a measurement."""
    signals: dict[str, Any] = {}
    for k, v in measured.signals.items():
        if isinstance(v, bytes):
            numbers = vector(v)
            signals[k] = {"of": len(numbers), "first": np.round(numbers[:SHOWN], 3).tolist()}
        else:
            signals[k] = round(v, 5) if isinstance(v, float) else v
    if measured.boxes is not None:
        signals["boxes"] = np.round(measured.boxes.xyxy_px).astype(int).tolist()
    return signals


def vector(blob: bytes) -> npt.NDArray[np.float64]:
    """Return the numbers of a blob: deflated grey levels, else float16."""
    try:
        return np.frombuffer(zlib.decompress(blob), np.uint8).astype(np.float64)
    except zlib.error:
        return np.frombuffer(blob, "<f2").astype(np.float64)


@pytest.fixture(scope="module")
def steps(weights_dir: Path) -> Any:
    made = make_steps(MeasureParams())
    for step in made:
        step.setup()
    yield made
    for step in made:
        step.close()


@pytest.fixture(scope="module")
def measured(steps: list[Step]) -> dict[str, dict[str, Measured]]:
    return measure(steps, items())


@pytest.mark.parametrize("name", list(BUILTIN))
def test_numbers_stay_while_the_version_stays(
    name: str, steps: list[Step], measured: dict[str, dict[str, Measured]]
) -> None:
    step = next(step for step in steps if step.name == name)
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    assert golden["version"] == step.version, "write the golden files anew and look at the change"
    for picture, values in golden["values"].items():
        found = plain(measured[name][picture])
        assert found.keys() == values.keys()
        for key, value in values.items():
            told = f"{name}.{key} of {picture} moved: bump `version` of the step"
            if key == "boxes":
                assert len(found[key]) == len(value), told
                np.testing.assert_allclose(found[key], value, atol=4, err_msg=told)
            elif isinstance(value, dict):
                assert found[key]["of"] == value["of"], told
                levels = all(float(number).is_integer() for number in value["first"])
                np.testing.assert_allclose(
                    found[key]["first"], value["first"], rtol=REL, atol=1 if levels else ABS,
                    err_msg=told,
                )  # fmt: skip
            elif isinstance(value, float):
                pixels = key.endswith(("_x0", "_y0", "_x1", "_y1", "_px", "_deg"))
                limit = 2.0 if pixels else ABS
                assert found[key] == pytest.approx(value, rel=REL, abs=limit), told
            else:
                assert found[key] == value, told


def test_a_picture_measures_the_same_alone_and_in_company(
    steps: list[Step], measured: dict[str, dict[str, Measured]]
) -> None:
    for item in items():
        alone = measure(steps, [item])
        for step in steps:
            name = item.frame.key
            one, among = alone[step.name][name].signals, measured[step.name][name].signals
            assert one.keys() == among.keys()
            for key, value in among.items():
                told = f"{step.name}.{key} of {name}"
                got = one[key]
                if isinstance(value, bytes) and isinstance(got, bytes):
                    np.testing.assert_allclose(vector(got), vector(value), atol=ULP, err_msg=told)
                else:
                    assert got == value, told


def write_golden(names: Sequence[str]) -> None:
    """Write the golden files of the named steps. Not of all: networks' last digits are those of
    the machine, and would be seen as changes of steps that nobody changed."""
    made = make_steps(MeasureParams(), names)
    for step in made:
        step.setup()
    found = measure(made, items())
    for step in made:
        if step.name not in names:
            continue
        values = {name: plain(one) for name, one in found[step.name].items()}
        text = json.dumps({"version": step.version, "values": values}, indent=1, sort_keys=True)
        (GOLDEN / f"{step.name}.json").write_text(text + "\n")
        step.close()


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("name the steps: python -m tests.contract.test_golden STEP ...")
    write_golden(sys.argv[1:])
