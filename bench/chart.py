"""Draw results/speed.json as the README's chart.

    python -m bench.chart        # -> docs/pictures/speed.svg

A panel for each kind of footage, a bar for each program: CPU seconds as a multiple of what ffmpeg
takes to decode the file and throw it away. The card has a ground of its own, so it reads on light
and dark pages; letters are outlines, so it needs no font.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bench_speed import LIMIT
from bench.footage import KINDS
from bench.report import RESULTS

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
GROUND, INK, PALE = "#ffffff", "#1f2328", "#656d76"
OURS, LOOK, THEIRS = "#0969da", "#9cc9f5", "#a8b0b8"
TITLES = {
    "h264_1080p_10": "H.264 1080p, 10 Mb/s",
    "h264_1080p_1.5": "H.264 1080p, 1.5 Mb/s",
    "hevc_1080p_4": "HEVC 1080p, 4 Mb/s",
    "vp9_1080p_6": "VP9 1080p, 6 Mb/s",
    "h264_2160p_27": "H.264 2160p, 27 Mb/s",
}
NAMES = {"default": "ours", "exact": "ours, --exact"}


@dataclass(frozen=True)
class Bar:
    """One program on one kind of footage.

    Attributes:
        value, low, high: median, least and most of its multiples of the limit.
        whole: the multiple with the look at a new file; None for others' programs.
    """

    value: float
    low: float
    high: float
    whole: float | None = None


def bars(rows: list[dict[str, Any]]) -> dict[str, dict[str, Bar]]:
    """Return the bars of each kind by program, in the order of the result.

    Args:
        rows: what bench_speed wrote.

    Raises:
        SystemExit: when there is no ratio in it.
    """
    by_name = {row["metric"]: row for row in rows}
    found: dict[str, dict[str, Bar]] = {}
    for kind in TITLES:
        for metric, row in by_name.items():
            name, _, rest = metric.partition(f" / {LIMIT}, ")
            if rest != kind or name.endswith(" and the look"):
                continue
            low, high = row["interval"]
            look = by_name.get(f"{name} and the look / {LIMIT}, {kind}")
            whole = look["value"] if look else None
            found.setdefault(kind, {})[name] = Bar(row["value"], low, high, whole)
    if not found:
        raise SystemExit("results/speed.json has no ratios: python -m bench.bench_speed")
    return found


def draw(kinds: dict[str, dict[str, Bar]], below: str) -> Any:
    """Return the figure.

    Args:
        kinds: what `bars` returned.
        below: the line under the panels.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({
        "font.family": "DejaVu Sans", "font.size": 10, "svg.fonttype": "path",
        "svg.hashsalt": "speed", "text.color": INK, "axes.labelcolor": INK,
    })  # fmt: skip
    from matplotlib import pyplot as plt

    names = sorted(next(iter(kinds.values())), key=lambda name: name not in NAMES)
    names.sort(key=lambda name: (name not in NAMES, name == "exact"))
    # 4 panels or more stand in two lines: letters must be legible at a README's width
    columns = len(kinds) if len(kinds) < 4 else (len(kinds) + 1) // 2
    lines = -(-len(kinds) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(10, 0.9 + lines * (0.75 + 0.27 * len(names))), squeeze=False,
        sharey=True, facecolor=GROUND,
    )  # fmt: skip
    panels = list(axes.flat)
    for panel, (kind, found) in zip(panels, kinds.items(), strict=False):
        _panel(panel, TITLES[kind], names, found)
    for panel in panels[len(kinds) :]:
        panel.set_visible(False)
    for line in axes:
        line[0].set_yticks(range(len(names)), [NAMES.get(name, name) for name in names])
    for label in (label for line in axes for label in line[0].get_yticklabels()):
        label.set_color(INK)
        label.set_fontweight("bold" if label.get_text().startswith("ours") else "normal")
    figure.suptitle(
        "CPU time to take stills from a video; 1 = ffmpeg decoding it to nothing. Less is better",
        x=0.012, ha="left", fontsize=11, fontweight="bold",
    )  # fmt: skip
    figure.text(0.012, 0.012, below, ha="left", va="bottom", fontsize=8, color=PALE)
    figure.tight_layout(rect=(0, 0.035, 1, 0.99))
    return figure


def _panel(panel: Any, title: str, names: list[str], found: dict[str, Bar]) -> None:
    """Draw the bars of one kind of footage."""
    most = max(max(bar.high, bar.whole or 0) for bar in found.values())
    for place, name in enumerate(names):
        bar = found.get(name)
        if bar is None:
            continue
        if bar.whole is not None:
            panel.barh(place, bar.whole, 0.66, color=LOOK)
        panel.barh(place, bar.value, 0.66, color=OURS if name in NAMES else THEIRS)
        panel.plot((bar.low, bar.high), (place, place), color=INK, linewidth=1.2)
        panel.text(max(bar.high, bar.whole or 0) + 0.02 * most, place, f"{bar.value:.2f}",
                   va="center", fontsize=9)  # fmt: skip
    panel.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    panel.set_title(title, loc="left", fontsize=10, color=INK)
    panel.set_xlim(0, most * 1.16)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_facecolor(GROUND)
    panel.tick_params(length=0, labelcolor=PALE)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(PALE)


def main() -> int:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PICTURES, help="folder")
    options = parser.parse_args()
    kinds = bars(json.loads((RESULTS / "speed.json").read_text()))
    assert set(kinds) <= set(KINDS)
    machine = json.loads((RESULTS / "speed_machine.json").read_text())
    ffmpeg = machine["ffmpeg"].split("-")[0]
    below = (
        "Bars: medians of turns, lines: least to most. Pale: with the look at a new file "
        f"(hash, packet times, bars).  {machine['machine']}, ffmpeg {ffmpeg}"
    )
    figure = draw(kinds, below)
    options.to.mkdir(parents=True, exist_ok=True)
    path = options.to / "speed.svg"
    figure.savefig(path, metadata={"Date": None}, facecolor=GROUND)
    print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
