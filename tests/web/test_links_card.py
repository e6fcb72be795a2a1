"""The links card: what was looked at can be fetched, nothing else; texts of strangers are text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.ingest.links import Errand, LinkParams, download
from curation.outputs import write_datastore
from curation.store.columns import load
from curation.ui import links, markup
from curation.ui.desk import Desk
from curation.web.site import Settings, Site
from tests.unit.ingest.strangers import Stranger, serving
from tests.unit.ingest.test_links import PATIENT, film

ROOT = Path(__file__).parents[2]
EVIL = "<img src=x onerror=alert(1)>{{x}}${alert(2)}"


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(datastore: Path) -> Iterator[Desk]:
    site = Site(Settings(datastore))
    yield Desk(site)
    for helper in (site.trials, site.prober, site.review):
        helper.close()


@pytest.fixture
def card(desk: Desk) -> links.LinkDesk:
    with links.gr.Blocks():
        return links.LinkDesk(desk, links.build())


def values(card: links.LinkDesk) -> list[Any]:
    return card.card.controls.values()


def test_check_first_then_download(
    desk: Desk, card: links.LinkDesk, stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def errand_of(params: LinkParams) -> Errand:
        return Errand(params, PATIENT, stranger.open_to)

    page = f"<html><title>{EVIL.replace('<', '&lt;')}</title><video src='v.mp4'></video>"
    stranger.put("/v.mp4", film())
    url = stranger.put("/page.html", page.encode(), "text/html")
    assert "Check the links first" in card.start([url], *values(card))
    assert desk.site.jobs.table.recent() == []

    refused = card.look(url, *values(card))
    assert "not a public address" in refused[1] and not stranger.asked
    assert refused[2]["interactive"] is False and refused[3] == []

    monkeypatch.setattr(links, "errand_of", errand_of)
    notice, table, button, good = card.look(f"{url}\n{stranger.url}/gone", *values(card))
    assert notice == "" and good == [url] and button["value"] == "Download 1 video"
    assert "<img" not in table and "{{" not in table and "&lt;img" in table
    assert "licence: not stated" in table and "Cannot be fetched" in table
    card.start(["http://10.0.0.1/x", url, "--recipe=x"], *values(card))
    (job,) = desk.site.jobs.table.recent()
    assert (job.verb, job.argv) == ("download", (url,))
    assert "Job" in card.job()[0]
    card.cancel()
    assert desk.site.jobs.table.get(job.id).state == "cancelled"
    assert card.job()[2]["visible"]

    (summary,) = [b.summary for b in download(desk.studio.catalogue, [url], errand_of(LinkParams()))
                  if b.summary]  # fmt: skip
    assert markup.outcome({"verb": "download", **summary}) == "1 video fetched."
    (row,) = desk.videos()
    assert row["notes"][-1].startswith("From <img") and row["notes"][-1].endswith("not stated")
    assert "<img src=x" not in markup.video_table([row])
    write_datastore(desk.studio.catalogue, load(desk.studio.catalogue))
    told = json.loads((desk.studio.root / "datastore.json").read_text())
    assert told["videos"][0]["origin"]["url"] == url


def test_wrong_words_are_answered(card: links.LinkDesk) -> None:
    assert "no link" in card.look("  ", *values(card))[0]
    bad = values(card)
    bad[0] = 1e9
    assert "max-gb" in card.look("http://example.com/", *bad)[0]
    table = card.look("file:///etc/passwd ytsearch:cats --exec=x", *values(card))[1]
    assert len(re.findall("only http and https", table)) == 3


def test_the_command_line_asks_nothing_inside(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/a.mp4", film())
    words = [sys.executable, "-m", "curation", "download", url, "http://localhost/x", "file:///x",
             "--datastore", str(tmp_path / "d"), "--strict"]  # fmt: skip
    for more in ([], ["--check"]):
        typed = [*words, *more]
        done = subprocess.run(typed, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 3, done.stderr
        assert "127.0.0.1 is not a public address" in done.stdout
        assert "only http and https" in done.stdout and "Traceback" not in done.stderr
    assert not stranger.asked
    help_of = [sys.executable, "-X", "importtime", "-m", "curation", "download", "--help"]
    done = subprocess.run(help_of, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not re.search(r"\| +(yt_dlp|torch|gradio|mediapipe|fsspec|av|cv2)\n", done.stderr)
