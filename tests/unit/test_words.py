"""Numbers as people say them, and that no summary says them otherwise."""

from __future__ import annotations

import pytest

from curation.cli import review, terminal, toolkit
from curation.ui import markup, toolkit_words
from curation.words import count, size


def test_one_is_told_as_one() -> None:
    assert [count(n, "frame") for n in (0, 1, 2, 1234)] == [
        "0 frames", "1 frame", "2 frames", "1,234 frames",
    ]  # fmt: skip
    assert count(1, "frame is", "frames are") == "1 frame is"
    assert count(3, "frame is", "frames are") == "3 frames are"


@pytest.mark.parametrize(
    ("n_bytes", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (553_322, "553 kB"), (1_040_000, "1.0 MB"),
     (512e6, "512 MB"), (3.44e9, "3.4 GB"), (1.2e12, "1.2 TB")],
)  # fmt: skip
def test_sizes_are_told_in_units(n_bytes: float, said: str) -> None:
    assert size(n_bytes) == said


def test_the_end_of_a_toolkit_verb_tells_no_raw_bytes() -> None:
    summary = {"verb": "apply", "in": "/x", "done": 7, "skipped": 0, "bytes": 553_322,
               "freed_bytes": 2_500_000, "files": 7}  # fmt: skip
    lines = toolkit.told(summary)
    assert "  size: 553 kB" in lines and "  freed: 2.5 MB" in lines and "  files: 7" in lines


def test_summaries_of_one_have_no_plural(capsys: pytest.CaptureFixture[str]) -> None:
    said = [review.sentence(
        {"pictures": 16, "folders": 1, "added": 0, "removed": 0, "failed": 0}
    )]  # fmt: skip
    assert said == ["16 pictures in 1 folder"]
    said += toolkit.told({"verb": "rename", "dry_run": True, "would": ["do it"]})
    said.append(toolkit_words.sentence(
        {"in_no_group": 0, "groups": 1, "photos": 1, "rejected": 0, "dry_run": False}
    ))  # fmt: skip
    said.append(toolkit_words.sentence({"verb": "rename", "dry_run": True, "would": ["do it"]}))
    said.append(markup.outcome({"verb": "sort", "measured": 1, "pools": {}}))
    terminal.print_summary(
        {"verb": "extract", "frames": 1, "videos": 1, "dropped": 0, "copies": 1, "files": 1,
         "measured": 1, "failed_items": ()}, ""
    )  # fmt: skip
    said.append(capsys.readouterr().out)
    for text in said:
        for fault in ("1 folders", "1 things", "1 groups", "1 photos", "1 frames", "1 files"):
            assert f" {fault}" not in f" {text}", text
