"""The race of bench_speed: what a contender costs, who takes part, what the chart reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.bench_speed import CONTENDERS, LIMIT, race, ratio_rows
from bench.chart import bars
from bench.contender import ROOT, Contender, run
from bench.peers import TIMED, Command
from tests.videos import clip


def loop(mode: str) -> Command:
    return lambda path, out: [
        sys.executable, "-m", "bench.peers.opencv_loop", mode, str(path), str(out)
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["first", "sharpest"])
def test_the_opencv_loop_takes_two_stills_a_second(mode: str) -> None:
    film = clip("cfr25")
    cost = run(Contender(loop(mode), own=True), film.path)
    seconds = len(film.pts) / 25
    assert cost.told["stills"] == cost.stills == pytest.approx(2 * seconds, abs=1)
    assert cost.cpu_s > 0 and cost.rss_mb > 10


def test_a_contender_that_fails_says_why() -> None:
    with pytest.raises(SystemExit, match="ended with 1"):
        run(Contender(loop("first"), own=True), Path("nowhere.mp4"))


def test_imports_are_not_counted_and_the_exit_code_stays(tmp_path: Path) -> None:
    (tmp_path / "peer.py").write_text(
        "import sys, time\n"
        "def burn(s):\n"
        "    end = time.process_time() + s\n"
        "    while time.process_time() < end: pass\n"
        "burn(0.5)\n"
        "def main():\n"
        "    burn(0.1)\n"
        "    return sys.exit(None if sys.argv[1:] == ['one', 'two'] else 3)\n"
    )
    path = {"PYTHONPATH": str(tmp_path)}
    words = [sys.executable, TIMED, "peer:main", "one"]
    told = run(Contender(lambda *_: [*words, "two"], own=True, around=path), tmp_path).told
    assert 0.1 <= told["cpu_s"] < 0.4 < told["imports_s"]
    with pytest.raises(SystemExit, match="ended with 3"):
        run(Contender(lambda *_: words, own=True, around=path), tmp_path)


def test_our_rows_are_what_the_chart_reads() -> None:
    names = [LIMIT, "default"]
    contenders = {name: CONTENDERS[name] for name in names}
    kind = "h264_1080p_10"
    rows = list(ratio_rows(kind, contenders, race(clip("cfr25").path, 2, contenders)))
    as_read = json.loads(json.dumps([vars(row) for row in rows]))
    bar = bars(as_read)[kind]["default"]
    assert bar.low <= bar.value <= bar.high
    assert bar.whole is not None and bar.whole > bar.value
    gates = {row.metric: row.gate for row in rows}
    assert gates[f"default / {LIMIT}, {kind}"] == 1.05
    assert gates[f"MB at most: default, {kind}"] == 250
    assert gates[f"MB at most: {LIMIT}, {kind}"] is None


@pytest.mark.parametrize("name", ["ours", "imagehash"])
def test_hashing_takes_part(name: str, tmp_path: Path) -> None:
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{seed}.jpg")
    words = [sys.executable, "-m", "bench.peers.hashes", name, str(tmp_path)]
    told = run(Contender(lambda *_: words, own=True), tmp_path).told
    assert (told["pictures"], told["unlike"]) == (3, 3) and told["cpu_s"] > 0


def test_the_race_itself_stays_small() -> None:
    """Linux counts the memory of who starts a process as that of the process."""
    words = "import sys; from bench.peers import hash_peers; hash_peers(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert not {"imagededup", "imagehash", "torch"} & set(done.stdout.split())
