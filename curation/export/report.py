"""report.html and contact_sheet.jpg: what was picked, why, and what came close."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.export.tables import replacing

if TYPE_CHECKING:
    from PIL import Image

Row = Mapping[str, Any]
Thumb = Callable[[int], bytes | None]

STYLE = Path(__file__).with_name("report.css")
PAGE_SHOWN, SHEET_SHOWN = 400, 120
"""Picks of a pool that the page and the sheet show: a browser takes no page of a million pictures,
and a JPEG no more than 65,500 rows."""
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
    lost = sum(count for _, _, count, _ in rejects)
    with replacing(path) as file:
        file.write(
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width,initial-scale=1'>"
            f"<title>{html.escape(title)}</title><style>{STYLE.read_text()}</style>"
            f"<h1>{html.escape(title)}</h1><p>{total} frames picked, {lost} not; each says why.</p>"
        )
        for pool, rows in picks.items():
            said = _counted(rows, PAGE_SHOWN)
            file.write(f"<h2>{html.escape(pool)} <small>{said}</small></h2><div class=grid>")
            for row in rows[:PAGE_SHOWN]:
                file.write(
                    _figure(row, thumb, f"<b>{row['rank']}</b> {_score(row)}", bars=True)
                )
            file.write("</div>")
        file.write("<h2>Not picked</h2><table>")
        for code, meaning, count, _ in rejects:
            file.write(
                f"<tr><td><a href='#{code}'>{code}</a><td class=n>{count}"
                f"<td class=dim>{html.escape(meaning)}"
            )
        file.write("</table>")
        for code, meaning, count, rows in rejects:
            if not rows:
                continue
            file.write(
                f"<h3 id='{code}'>{code} <small>{count}; closest misses; "
                f"{html.escape(meaning)}</small></h3><div class=grid>"
            )
            for row in rows:
                file.write(_figure(row, thumb, html.escape(row["pool"]), bars=False))
            file.write("</div>")
        file.write("</html>\n")


def _counted(rows: Sequence[Row], most: int) -> str:
    """Return how many picks there are, and how many of them are shown."""
    if len(rows) <= most:
        return f"{len(rows)}"
    return f"{len(rows):,}, the best {most} here; all are in ranked.csv"


def _score(row: Row) -> str:
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


def write_contact_sheet(
    path: Path, picks: Mapping[str, Sequence[Row]], thumb: Thumb, columns: int = 6, cell: int = 240
) -> None:
    """Write the best picks of all pools as one JPEG, with rank, score and time under each."""
    from PIL import Image, ImageDraw, ImageFont

    font, title, dim = ImageFont.load_default(13), (240, 240, 240), (170, 174, 180)
    head, caption, gap = 34, 40, 4
    strips: list[tuple[str, list[tuple[Row, Image.Image]]]] = []
    for pool, rows in picks.items():
        shown = rows[:SHEET_SHOWN]
        for at in range(0, len(shown), columns):
            cells = [(row, _cell(thumb(row["frame_id"]), cell)) for row in shown[at : at + columns]]
            said = f"{pool}  ({_counted(rows, SHEET_SHOWN)})"
            strips.append((said if at == 0 else "", cells))
    tall = [max(picture.height for _, picture in cells) for _, cells in strips]
    height = sum(tall) + sum((head if text else 0) + caption for text, _ in strips)
    sheet = Image.new("RGB", (columns * cell, max(height, head)), (24, 25, 28))
    draw = ImageDraw.Draw(sheet)
    top = 0
    for (text, cells), rise in zip(strips, tall, strict=True):
        if text:
            draw.text((8, top + 10), text, title, font)
            top += head
        for i, (row, picture) in enumerate(cells):
            x = i * cell + gap
            sheet.paste(picture, (x, top + rise - picture.height))
            line = f"{row['rank']}  {_score(row)}"
            draw.text((x + 2, top + rise + 3), line, (255, 214, 102), font)
            line = f"{row['video'][:22]} {clock(row['time_s'])}"
            draw.text((x + 2, top + rise + 19), line, dim, font)
        top += rise + caption
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # never through a link
    sheet.save(part, "JPEG", quality=88)
    part.replace(path)


def _cell(jpeg: bytes | None, cell: int) -> Image.Image:
    from PIL import Image

    if jpeg is None:
        return Image.new("RGB", (cell - 8, 8), (60, 60, 64))
    picture = Image.open(io.BytesIO(jpeg))
    picture.thumbnail((cell - 8, cell - 8))
    return picture
