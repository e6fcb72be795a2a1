"""The report on a set of frames: its numbers are those of the catalogue, its page needs nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from curation.cli import search as cli
from curation.dataset import dataset_facts, write_report
from curation.errors import CurationError
from curation.export import dataset_report
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio
from tests.review_store import fill


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report") / "data & <store>"
    fill(made, 1000, pictures=80).close()
    return made


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    opened = Studio(root)
    yield opened
    opened.close()


class Page(HTMLParser):
    """Tags that are opened and closed, ids, and what refers to something."""

    void = frozenset({"meta", "img", "br", "rect", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.images = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.void:
            self.open.append(tag)
        known = dict(attrs)
        assert not {name for name in known if name.startswith("on")} and "style" not in known
        assert tag not in ("script", "link", "iframe", "form", "object")
        self.ids += [known["id"] or ""] if "id" in known else []
        self.refers += [known[name] or "" for name in ("src", "href") if name in known]
        if tag == "img":
            self.images += 1
            assert known["alt"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.void
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_its_numbers_are_those_of_the_catalogue(studio: Studio) -> None:
    facts = dataset_facts(studio.catalogue)
    picked = studio.decisions.page(verdict="picked")
    assert sum(map(len, facts.picks.values())) == len(picked)
    for pool, numbers in facts.picks.items():
        own = sorted((r for r in picked if r["pool"] == pool), key=lambda row: row["rank"])
        assert numbers == [row["frame_id"] for row in own]
    told = {one["code"]: one["count"] for one in facts.refused}
    assert told == studio.decisions.tally()["reason"]
    assert sum(len(video["picks"]) for video in facts.videos) == len(picked)
    held = {axis["name"]: axis for axis in studio.coverage()["axes"]}
    for axis in facts.axes:
        assert axis["bins"] == [
            (one["name"], one["picked"], one["available"]) for one in held[axis["name"]]["bins"]
        ]
    for name, columns, rows in facts.crossed:
        first = name.partition(" and ")[0]
        single = {n: own for n, own, _ in next(a["bins"] for a in facts.axes if a["name"] == first)}
        for kind, cells in rows:
            assert len(cells) == len(columns)
            assert sum(own for own, _ in cells) <= single[kind]
    keepers = [row["keeper"] for row in studio.decisions.page() if row["keeper"]
               and row["reason"].startswith("duplicate")]
    most = max(np.unique(keepers, return_counts=True)[1]) if keepers else 0
    assert (facts.repeats[0]["count"] if facts.repeats else 0) == most


def test_the_page_needs_nothing_and_is_well_made(studio: Studio, tmp_path: Path) -> None:
    beats = list(studio.report(tmp_path / "out" / "report.html"))
    told = beats[-1].summary or {}
    text = (tmp_path / "out" / "report.html").read_text()
    assert told["bytes"] == len(text.encode()) < 5_000_000
    page = Page(text)
    assert page.open == [] and len(set(page.ids)) == len(page.ids) and page.images > 20
    for target in page.refers:
        assert target.startswith("data:image/jpeg;base64,") or target[1:] in page.ids
    assert "data &amp; &lt;store&gt;" in text and "<store>" not in text
    style = re.search(r"<style>(.*)</style>", text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text and "default-src 'none'" in text
    assert "http://" not in text and "https://" not in text
    first = told["report"], text
    list(studio.report(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_text() == first[1]


def test_of_a_condition_and_by_hand(studio: Studio, root: Path) -> None:
    rejected = studio.decisions.page(verdict="picked")[0]["frame_id"]
    turned = studio.frames_where("yaw > 15 and pool = face")
    facts = dataset_facts(studio.catalogue, "yaw > 15 and pool = face")
    assert sorted(n for numbers in facts.picks.values() for n in numbers) == sorted(turned)
    assert "yaw > 15" in facts.about and facts.refused == []
    op = Op("report-reject-1", "flag", -1, np.array([rejected]))
    MarkOps(studio.catalogue).apply("test", "Ann", [op])
    for _ in studio.apply():
        pass
    facts = dataset_facts(studio.catalogue)
    assert rejected not in [n for numbers in facts.picks.values() for n in numbers]
    assert "rejected_by_hand" in {one["code"] for one in facts.refused}
    for _ in studio.unapply():
        pass


def test_what_is_thin_and_what_to_film(studio: Studio) -> None:
    facts = dataset_facts(studio.catalogue)
    bins = {one[0]: one for axis in facts.axes for one in axis["bins"]}
    for line in facts.film:
        name = line.partition(" (")[0]
        assert name not in bins or bins[name][2] == 0
    for line, number, advice in facts.look:
        assert number in facts.frames and ": " in advice
        assert bins[line.partition(":")[0]][1] == 0
    for line in facts.thin:
        assert bins[line.partition(":")[0]][1] > 0


def test_pictures_have_a_limit(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(studio.catalogue, tmp_path / "full.html")
    monkeypatch.setattr(dataset_report, "MOST_PICTURE_BYTES", 40_000)
    write_report(studio.catalogue, tmp_path / "few.html")
    few, full = ((tmp_path / f"{name}.html").read_text() for name in ("few", "full"))
    assert 0 < few.count("<img") < full.count("<img") and "no picture here" in few


def test_what_cannot_be_reported_is_told(
    tmp_path: Path, studio: Studio, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CurationError, match="is a folder"):
        list(studio.report(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(CurationError, match="cannot be written"):
        list(studio.report(tmp_path / "file" / "report.html"))
    empty = Studio(tmp_path / "empty")
    with pytest.raises(CurationError, match="not ranked yet"):
        list(empty.report(tmp_path / "none.html"))
    empty.close()
    where = ["--datastore", str(root), "--out", str(tmp_path / "r.html")]
    assert cli.main_report([*where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(tmp_path / "r.html")
    assert cli.main_report([*where, "--where", "nonsense > 1"]) == 1
    assert "no column 'nonsense'" in capsys.readouterr().err
