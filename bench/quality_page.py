"""Write the tables of docs/quality.md and of the README from bench/results/quality.json.

    python -m bench.quality_page
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.pages import DOCS, rewrite, table
from bench.report import RESULTS

README = DOCS.parent / "README.md"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A metric in plain words.

    Attributes:
        metric: as it is in the file.
        percent: a share; else a number as it is.
        readme: it is in the README too.
    """

    metric: str
    words: str
    percent: bool = True
    readme: bool = False


LINES = (
    Line("pools: singles in an accepted pool", "one person: in a pool that is right", readme=True),
    Line("pools: several people flagged", "several people: set aside"),
    Line("pools: empty accepted", "pictures without people that are let in (less is better)",
         readme=True),
    Line("falseface: false rejected at 2 % real loss",
         "statues, paintings, animals, things taken for a face: rejected, at 2 % of real ones lost",
         readme=True),
    Line("falseface: CGI and digital art rejected at 2 %", "of these, CGI and digital art",
         readme=True),
    Line("tracks: fakes not kept, of those with a vote",
         "photographs and posters that a camera moves over: not kept"),
    Line("focus: combined: Spearman over all", "focus of faces: rank correlation with true blur",
         percent=False),
    Line("motion: combined, as decoded: frame beats mean of 3",
         "a frame is ranked above its own motion blur of 3 frames, in compressed clips",
         readme=True),
    Line("duplicates: edits: recall at FPR <= 1e-4, crops included",
         "edited copies of a picture found, at 1 false alarm in 10,000"),
    Line("duplicates: video: different poses > 1.6 s on a tripod kept",
         "other poses of a person before a still camera: kept", readme=True),
    Line("shots: F1 of cuts, +-1 picture", "hard cuts: F1, to the frame", percent=False),
    Line("quota: studio, diversity 0.1: quality percentile",
         "quality of spread picks: percentile among all frames", percent=False),
)  # fmt: skip


def read() -> dict[str, Result]:
    """Return the rows of the file by their metric."""
    return {row["metric"]: row for row in json.loads((RESULTS / "quality.json").read_text())}


def reached(row: Result, what: str = "goal") -> bool:
    """Return whether a row with a goal, or a gate, reaches it."""
    good = row["value"] >= row[what] if row["higher_is_better"] else row["value"] <= row[what]
    return bool(good)


def number(value: float | None, percent: bool) -> str:
    """Return a number in three or four digits, or nothing."""
    if value is None:
        return ""
    if percent:
        return f"{100 * value:.1f} %".replace(".0 %", " %")
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"


def _ours(row: Result, percent: bool) -> str:
    text = number(row["value"], percent)
    return text if row["goal"] is None or reached(row) else f"**{text}**"


def compact(rows: Mapping[str, Result]) -> str:
    """Return the table of docs/quality.md."""
    found = []
    for line in LINES:
        row = rows[line.metric]
        span = row["interval"]
        between = " to ".join(number(end, line.percent) for end in span) if span else ""
        found.append([line.words, _ours(row, line.percent), number(row["gate"], line.percent),
                      number(row["goal"], line.percent), f"{row['n']:,}", between])  # fmt: skip
    return table(("what", "ours", "gate", "goal", "n", "95 % interval"), found)


def short(rows: Mapping[str, Result]) -> str:
    """Return the table of the README."""
    found = [[line.words, _ours(rows[line.metric], line.percent),
              number(rows[line.metric]["goal"], line.percent), str(rows[line.metric]["n"])]
             for line in LINES if line.readme]  # fmt: skip
    return table(("on labelled data", "ours", "goal", "n"), found)


def gaps(rows: Mapping[str, Result]) -> str:
    """Return every row that misses its goal, none left out."""
    aimed = [row for row in rows.values() if row["goal"] is not None]
    missed = [row for row in aimed if not reached(row)]
    gated = [row for row in rows.values() if row["gate"] is not None]
    held = sum(reached(row, "gate") for row in gated)
    head = (
        f"{len(rows)} rows are measured. {len(gated)} have a gate, and {held} hold it. "
        f"{len(aimed)} have a goal, and {len(aimed) - len(missed)} reach it. All others:"
    )
    lines = [[f"`{row['metric']}`", f"{row['value']:.4g}", f"{row['goal']:.4g}", f"{row['n']:,}"]
             for row in missed]  # fmt: skip
    return f"{head}\n\n" + table(("row", "ours", "goal", "n"), lines)


def blocks(rows: Mapping[str, Result]) -> Sequence[tuple[Path, str, str]]:
    """Return (page, name, text) of every block that is made from the file."""
    page = DOCS / "quality.md"
    return ((page, "quality", compact(rows)), (page, "gaps", gaps(rows)),
            (README, "quality", short(rows)))  # fmt: skip


def main() -> int:
    """Write them."""
    for page, name, text in blocks(read()):
        print(f"{page.name}, {name}: {'changed' if rewrite(page, name, text) else 'as it was'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
