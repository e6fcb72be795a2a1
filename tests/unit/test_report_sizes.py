"""What a ranking draws of many picks: a page and a sheet that can still be opened."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from curation.export import report


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
    report.write_contact_sheet(path, {"face": _rows(3000), "full_body": _rows(7)}, lambda _: data)
    few = tmp_path / "few.jpg"
    best = {"face": _rows(report.SHEET_SHOWN), "full_body": _rows(7)}
    report.write_contact_sheet(few, best, lambda _: data)
    with Image.open(path) as sheet, Image.open(few) as all_of_them:
        sheet.load()
        assert sheet.size == all_of_them.size


def test_the_page_shows_the_best_and_counts_all(tmp_path: Path) -> None:
    path, seen = tmp_path / "report.html", []

    def thumb(frame_id: int) -> bytes:
        seen.append(frame_id)
        return b"jpeg"

    report.write_report(path, "many", {"face": _rows(1234)}, [], thumb)
    assert seen == list(range(1, report.PAGE_SHOWN + 1))
    text = path.read_text()
    assert text.count("<figure>") == report.PAGE_SHOWN
    assert "1234 frames picked" in text and "1,234, the best 400 here" in text
