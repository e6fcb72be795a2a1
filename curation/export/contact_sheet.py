"""contact_sheet.jpg: the best picks of all pools, in rows of one height."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.export.report import Row, Thumb, clock, counted, scored

if TYPE_CHECKING:
    from PIL import Image, ImageFont

SHOWN = 120
"""Picks of a pool on the sheet: a JPEG has no more than 65,500 rows."""
WIDTH_PX, ROW_PX, GAP_PX = 1440, 240, 8
NARROWEST_PX, WIDEST_PX = 132, 426
"""Of a cell: a caption needs room, and a panorama leaves some to others."""
HEAD_PX, CAPTION_PX, FONT_PX = 34, 42, 13
BACK, WHITE, GOLD, DIM = (24, 25, 28), (240, 240, 240), (255, 214, 102), (170, 174, 180)


@dataclass(frozen=True)
class _Cell:
    row: Row
    picture: Image.Image
    wide: int


def write_contact_sheet(path: Path, picks: Mapping[str, Sequence[Row]], thumb: Thumb) -> None:
    """Write the best picks of all pools as one JPEG, with rank, score and time under each.

    All pictures are as high as their row, so that tall ones are as large as wide ones.

    Args:
        picks: pool -> picked frames, best first; of many the first SHOWN are shown.
        thumb: frame id -> JPEG, None where there is none.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(FONT_PX)
    rows: list[tuple[str, list[_Cell]]] = []
    for pool, best in picks.items():
        title = f"{pool}  ({counted(best, SHOWN)})"
        for cells in _rows([_cell(row, thumb(row["frame_id"])) for row in best[:SHOWN]]):
            rows.append((title, cells))
            title = ""
    height = sum((HEAD_PX if title else 0) + ROW_PX + CAPTION_PX for title, _ in rows)
    sheet = Image.new("RGB", (WIDTH_PX, max(height, HEAD_PX)), BACK)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for title, cells in rows:
        if title:
            draw.text((GAP_PX, top + 10), title, WHITE, font)
            top += HEAD_PX
        left = GAP_PX
        for cell in cells:
            picture = cell.picture
            sheet.paste(picture, (left, top + ROW_PX - picture.height))
            row, time = cell.row, clock(cell.row["time_s"])
            draw.text((left, top + ROW_PX + 3), f"{row['rank']}  {scored(row)}", GOLD, font)
            line = _fitting(row["video"], f" {time}", cell.wide, font)
            draw.text((left, top + ROW_PX + 20), line, DIM, font)
            left += cell.wide + GAP_PX
        top += ROW_PX + CAPTION_PX
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # never through a link
    sheet.save(part, "JPEG", quality=88)
    part.replace(path)


def _cell(row: Row, jpeg: bytes | None) -> _Cell:
    """Return a picture as high as a row, or less high where it would be too wide."""
    from PIL import Image

    if jpeg is None:
        return _Cell(row, Image.new("RGB", (NARROWEST_PX, NARROWEST_PX), (60, 60, 64)),
                     NARROWEST_PX)
    thumb = Image.open(io.BytesIO(jpeg))
    scale = min(ROW_PX / thumb.height, WIDEST_PX / thumb.width)
    size = (max(1, round(thumb.width * scale)), max(1, round(thumb.height * scale)))
    picture = thumb.resize(size, Image.Resampling.LANCZOS)
    return _Cell(row, picture, max(NARROWEST_PX, picture.width))


def _rows(cells: Sequence[_Cell]) -> list[list[_Cell]]:
    """Return cells in rows that are as full as they can be, in their order."""
    rows: list[list[_Cell]] = []
    left = WIDTH_PX
    for cell in cells:
        if left + cell.wide + GAP_PX > WIDTH_PX:
            rows.append([])
            left = GAP_PX
        rows[-1].append(cell)
        left += cell.wide + GAP_PX
    return rows


def _fitting(
    name: str, tail: str, wide: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    """Return a name and its tail, with as much of the middle of the name as has room."""
    if font.getlength(name + tail) <= wide:
        return name + tail
    for kept in range(len(name) - 1, 1, -1):
        half = kept // 2
        line = f"{name[:kept - half]}\u2026{name[len(name) - half:]}{tail}"
        if font.getlength(line) <= wide:
            return line
    return tail.strip()
