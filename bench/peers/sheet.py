"""One picture of what programs chose: a row a program, the same number of places a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

GROUND, INK, PALE, EMPTY, NOBODY = "#ffffff", "#1f2328", "#656d76", "#f0f2f4", "#cf222e"
BOX, GAP, BETWEEN, NAME, HEAD = (128, 76), 5, 22, 178, 34
QUALITY = 82


@dataclass(frozen=True)
class Cell:
    """A picture, and whether a person can be seen in it."""

    path: Path
    person: bool


def sheet(rows: Mapping[str, Mapping[str, Sequence[Cell]]], count: int, to: Path) -> None:
    """Draw programs x clips x `count` places and write the file.

    A place that a program left empty is grey; a line under a picture says that nobody is in it.
    """
    names = list(next(iter(rows.values())))
    block = count * (BOX[0] + GAP) - GAP
    width = NAME + len(names) * (block + BETWEEN)
    height = HEAD + len(rows) * (BOX[1] + 2 * GAP) + 24
    whole = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(whole)
    bold, plain = ImageFont.load_default(15), ImageFont.load_default(13)
    for place, name in enumerate(names):
        pen.text((NAME + place * (block + BETWEEN), 9), name, INK, bold)
    for line, (program, picks) in enumerate(rows.items()):
        top = HEAD + line * (BOX[1] + 2 * GAP)
        words = program.split(" ") if pen.textlength(program, bold) > NAME - 16 else [program]
        for number, word in enumerate(words):
            pen.text((8, top + 26 - 9 * (len(words) - 1) + 18 * number), word, INK, bold)
        for place, name in enumerate(names):
            left = NAME + place * (block + BETWEEN)
            for number in range(count):
                at = (left + number * (BOX[0] + GAP), top)
                found = picks.get(name, ())
                _cell(whole, pen, at, found[number] if number < len(found) else None)
    said = f"{count} pictures were asked for of each clip. Grey: none was picked. Red: nobody seen."
    pen.text((8, height - 21), said, PALE, plain)
    to.parent.mkdir(parents=True, exist_ok=True)
    whole.save(to, quality=QUALITY, optimize=True)


def _cell(
    whole: Image.Image, pen: ImageDraw.ImageDraw, at: tuple[int, int], cell: Cell | None
) -> None:
    left, top = at
    if cell is None:
        pen.rectangle((left, top, left + BOX[0] - 1, top + BOX[1] - 1), EMPTY)
        return
    with Image.open(cell.path) as picture:
        small = picture.convert("RGB")
        small.thumbnail(BOX, Image.Resampling.LANCZOS)
    across, down = (BOX[0] - small.width) // 2, (BOX[1] - small.height) // 2
    pen.rectangle((left, top, left + BOX[0] - 1, top + BOX[1] - 1), "#000000")
    whole.paste(small, (left + across, top + down))
    if not cell.person:
        pen.rectangle((left, top + BOX[1] + 1, left + BOX[0] - 1, top + BOX[1] + 3), NOBODY)
