"""What a ranking draws of many picks: a page and a sheet that can still be opened."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.export import contact_sheet, report


def _rows(n: int) -> list[dict[str, Any]]:
    return [
        {"frame_id": i, "rank": i, "score": 0.5, "video": "v.mp4", "time_s": 1.0, "parts": {},
         "detail": "", "pool": "face"}
        for i in range(1, n + 1)
    ]  # fmt: skip


def _jpeg(wide: int, tall: int) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (wide, tall), (90, 120, 60)).save(made, "JPEG")
    return made.getvalue()


def test_three_thousand_picks_are_a_sheet_of_the_best(tmp_path: Path) -> None:
    data = _jpeg(320, 180)
    path = tmp_path / "contact_sheet.jpg"
    many = {"face": _rows(3000), "full_body": _rows(7)}
    contact_sheet.write_contact_sheet(path, many, lambda _: data)
    few = tmp_path / "few.jpg"
    best = {"face": _rows(contact_sheet.SHOWN), "full_body": _rows(7)}
    contact_sheet.write_contact_sheet(few, best, lambda _: data)
    with Image.open(path) as sheet, Image.open(few) as all_of_them:
        sheet.load()
        assert sheet.size == all_of_them.size


def test_tall_pictures_are_as_large_on_the_sheet_as_wide_ones(tmp_path: Path) -> None:
    """A phone held upright gives pictures three times as high as those of a row were."""
    path = tmp_path / "contact_sheet.jpg"
    for wide, tall, least in ((180, 320, 9), (320, 180, 3), (320, 134, 3), (64, 320, 10)):
        data = _jpeg(wide, tall)
        contact_sheet.write_contact_sheet(path, {"face": _rows(12)}, lambda _, data=data: data)
        with Image.open(path) as sheet:
            pixels = np.asarray(sheet.convert("RGB")).astype(int)
        lit = (abs(pixels - (90, 120, 60)).max(axis=2) < 12)
        first = lit[: contact_sheet.HEAD_PX + contact_sheet.ROW_PX]
        # How much of the first row is picture, and how many pictures stand in it.
        rises = np.flatnonzero(np.diff(first.any(axis=0).astype(int)) == 1)
        assert len(rises) >= least, (wide, tall, rises)
        assert first.any(axis=1).sum() >= 0.7 * contact_sheet.ROW_PX, (wide, tall)


def test_a_caption_keeps_to_its_picture() -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(contact_sheet.FONT_PX)
    for name in ("a.mp4", "VID_20261122_101500 (1).mp4", "x" * 250 + ".mp4", "名前.mp4"):
        line = contact_sheet._fitting(name, " 1:02:03.456", 132, font)
        assert font.getlength(line) <= 132 and line.endswith("1:02:03.456")


def test_the_page_shows_the_best_and_counts_all(tmp_path: Path) -> None:
    path, seen = tmp_path / "report.html", []

    def thumb(frame_id: int) -> bytes:
        seen.append(frame_id)
        return b"jpeg"

    report.write_report(path, "many", {"face": _rows(1234)}, [], thumb)
    assert seen == list(range(1, report.PAGE_SHOWN + 1))
    text = path.read_text()
    assert text.count("<figure>") == report.PAGE_SHOWN
    assert "1,234 frames picked" in text and "1,234, the best 400 here" in text
