"""docs/culling.md, command by command, as a person types them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from curation.photos import xmp
from tests.burst_photos import shoot
from tests.headless.toolkit_cases import snapshot
from tests.tutorial import lines, run


@pytest.mark.usefixtures("weights_dir")
def test_the_tutorial(tmp_path: Path) -> None:
    walk = tmp_path / "walk"
    bursts = shoot(walk, bursts=3, shots=4, alone=2)
    loser, keeper = bursts[0][3], bursts[0][1]
    edited = xmp.with_values(None, {"dc:subject": ("lake", "summer")})
    loser.with_name(loser.name + ".xmp").write_bytes(edited)
    odd = bursts[1][0].with_name(bursts[1][0].name + ".xmp")
    odd.write_text("<ns0:xmpmeta xmlns:ns0='adobe:ns:meta/'/>")
    whole = keeper.read_bytes()
    (walk / "DSC_9999.JPG").write_bytes(whole[: len(whole) // 2])
    shutil.copy2(keeper, walk / "copy.JPG")
    start = snapshot(walk)
    said: dict[str, str] = {}
    applied = 0
    for line in lines("culling.md"):
        if line == "python -m curation group walk" and line in said:
            shoot(walk / "card2", bursts=1, shots=2, alone=1)
        before = snapshot(walk)
        said[line] = run(tmp_path, line)
        if "--dry-run" in line or " query " in line or " explain " in line or "doctor" in line:
            assert snapshot(walk) == before, line
        if line == "python -m curation apply walk":
            applied += 1
            moved = sorted(path.name for path in (walk / "_review_dupes").rglob("*.JPG"))
            assert loser.name in moved
            assert "copy.JPG" in moved or keeper.name in moved
            assert (walk / "_review_dupes" / (loser.name + ".xmp")).is_file()
        if line == "python -m curation stars walk -m 3" and (walk / "card2").exists():
            rated = {name for name in before if name.endswith(".xmp")}
            assert rated and {n: snapshot(walk).get(n) for n in rated} == {
                n: before[n] for n in rated
            }
            assert list((walk / "card2").glob("*.xmp"))
    assert applied == 2
    with (walk / "_review" / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["reason"] for row in rows)
    groups = json.loads((walk / "_review" / "groups.json").read_text())
    assert groups["schema"] == "curation.groups/1"
    assert "DSC_9999.JPG" in said["python -m curation group walk --mode burst"]
    assert odd.name in said["python -m curation doctor walk   # exit code 1"]
    merged = xmp.read(keeper.with_name(keeper.name + ".xmp"))
    assert set(merged.keywords) == {"lake", "summer"}
    assert merged.rating == 3
    squares = list((walk / "squares").rglob("*.jpg")) or list((walk / "squares").rglob("*.JPG"))
    assert squares
    run(tmp_path, "python -m curation undo walk --to 1")
    now = snapshot(walk)
    assert {name: now.get(name) for name in start} == start
