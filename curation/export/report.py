"""report.html: what was picked, why, and what came close."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.export.tables import replacing
from curation.words import count

Row = Mapping[str, Any]
Thumb = Callable[[int], bytes | None]

STYLE = Path(__file__).with_name("report.css")
PAGE_SHOWN = 400
"""Picks of a pool that the page shows: a browser takes no page of a million pictures."""
SCORE_PARTS = ("focus", "pose", "face", "exposure", "taste")


def clock(time_s: float) -> str:
    """Return a time as h:mm:ss.mmm, for people."""
    minutes, seconds = divmod(max(0.0, time_s), 60)
    hours, minutes = divmod(int(minutes), 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{seconds:06.3f}"


def write_report(
    path: Path,
    title: str,
    picks: Mapping[str, Sequence[Row]],
    rejects: Sequence[tuple[str, str, int, Sequence[Row]]],
    thumb: Thumb,
) -> None:
    """Write the report of a run as one HTML file that needs nothing else.

    Args:
        picks: pool -> picked frames, best first; of many the first PAGE_SHOWN are shown.
        rejects: (reason code, what it means, number of frames, closest misses).
    """
    total = sum(len(rows) for rows in picks.values())
    lost = sum(number for _, _, number, _ in rejects)
    with replacing(path) as file:
        file.write(
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width,initial-scale=1'>"
            f"<title>{html.escape(title)}</title><style>{STYLE.read_text()}</style>"
            f"<h1>{html.escape(title)}</h1><p>{count(total, 'frame')} picked, "
            f"{lost} not; each says why.</p>"
        )
        for pool, rows in picks.items():
            said = counted(rows, PAGE_SHOWN)
            file.write(f"<h2>{html.escape(pool)} <small>{said}</small></h2><div class=grid>")
            for row in rows[:PAGE_SHOWN]:
                file.write(
                    _figure(row, thumb, f"<b>{row['rank']}</b> {scored(row)}", bars=True)
                )
            file.write("</div>")
        file.write("<h2>Not picked</h2><table>")
        for code, meaning, number, _ in rejects:
            file.write(
                f"<tr><td><a href='#{code}'>{code}</a><td class=n>{number}"
                f"<td class=dim>{html.escape(meaning)}"
            )
        file.write("</table>")
        for code, meaning, number, rows in rejects:
            if not rows:
                continue
            file.write(
                f"<h3 id='{code}'>{code} <small>{number}; closest misses; "
                f"{html.escape(meaning)}</small></h3><div class=grid>"
            )
            for row in rows:
                file.write(_figure(row, thumb, html.escape(row["pool"]), bars=False))
            file.write("</div>")
        file.write("</html>\n")


def counted(rows: Sequence[Row], most: int) -> str:
    """Return how many picks there are, and how many of them are shown."""
    if len(rows) <= most:
        return f"{len(rows)}"
    return f"{len(rows):,}, the best {most} here; all are in ranked.csv"


def scored(row: Row) -> str:
    """Return a pick's score; a frame that a person picked may have none."""
    return "by hand" if row["score"] is None else f"{row['score']:.3f}"


def _figure(row: Row, thumb: Thumb, head: str, bars: bool) -> str:
    jpeg = thumb(row["frame_id"])
    picture = ""
    if jpeg is not None:
        data = base64.b64encode(jpeg).decode()
        alt = html.escape(f"{row['video']} at {clock(row['time_s'])}", quote=True)
        picture = f"<img loading=lazy alt='{alt}' src='data:image/jpeg;base64,{data}'>"
    meters = "".join(
        f"<div class=bar>{name}<i><i style='width:{100 * value:.0f}%'></i></i>{value:.2f}</div>"
        for name in SCORE_PARTS
        if bars and (value := row["parts"].get(name)) is not None
    )
    return (
        f"<figure>{picture}<figcaption>{head}<br>{html.escape(row['video'])} "
        f"<span class=dim>{clock(row['time_s'])}</span>{meters}"
        f"<div class=dim>{html.escape(row['detail'])}</div></figcaption></figure>"
    )
