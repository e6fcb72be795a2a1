"""The card for buckets and web folders: keys by name, no secrets, only what was looked at."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.errors import CurationError
from curation.places import keys
from curation.ui import buckets, markup
from curation.ui.buckets import COPY, LEAVE, NOBODY
from curation.ui.desk import Desk
from curation.ui.pulse import Pulse
from curation.web import place_check
from curation.web.jobs import command_of
from curation.web.site import Settings, Site
from tests import videos
from tests.place_servers import Cloud, cloud

EVIL = "<img src=x onerror=alert(1)>{{x}}${alert(2)}"
PLACE = "gs://private-bucket/film"
KEY = "studio-key.json"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A server of Google's protocol that the studio's children ask, and its films."""
    with cloud() as made:
        for name in (keys.VARIABLE, keys.LISTED):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", made.url)
        made.put("private-bucket/film/a.mp4", videos.clip("cfr25").path.read_bytes())
        made.put("private-bucket/film/notes.txt", b"hello")
        yield made


@pytest.fixture
def key(server: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    made = server.key_file(tmp_path / "elsewhere" / KEY)
    monkeypatch.setenv(keys.LISTED, str(made))
    return made


@pytest.fixture
def desk(datastore: Path) -> Iterator[Desk]:
    site = Site(Settings(datastore))
    yield Desk(site)
    for helper in (site.trials, site.prober, site.review):
        helper.close()


@pytest.fixture
def card(desk: Desk) -> buckets.BucketDesk:
    return card_of(desk)


def card_of(desk: Desk) -> buckets.BucketDesk:
    with buckets.gr.Blocks():
        return buckets.BucketDesk(desk, buckets.build(desk))


def run_job(desk: Desk) -> subprocess.CompletedProcess[str]:
    """Run the newest job as the queue does, its output in its log."""
    (job, *_) = desk.site.jobs.table.recent()
    done = subprocess.run(command_of(job, desk.studio.root), capture_output=True, text=True,
                          check=False, cwd=keys.PROGRAM)  # fmt: skip
    log = desk.site.jobs.table.log_path(job.id)
    log.parent.mkdir(exist_ok=True)
    log.write_text(done.stdout + done.stderr)
    return done


def test_check_first_then_add_and_no_key_is_kept_or_shown(
    desk: Desk, card: buckets.BucketDesk, server: Cloud, key: Path
) -> None:
    server.put(f"private-bucket/film/{EVIL}.mp4", videos.clip("b_frames").path.read_bytes())
    assert "Check the address first" in card.start(PLACE, KEY, COPY)
    notice, table, button = card.look(f"  {PLACE} ", KEY)
    assert (notice, button["interactive"], button["value"]) == ("", True, "Add 2 videos")
    assert not card.button(f"{PLACE}x", KEY)["interactive"]
    again = PLACE.replace("gs:", " GS:")
    assert card.button(again, KEY) == button, "typed back, it need not be looked at again"
    assert "they fit" in table and "1 file left out" in table
    assert "<img" not in table and "{{" not in table and "&lt;img" in table
    assert card.start(PLACE, str(key), COPY).count("Check the address first") == 1
    assert card.start(PLACE, KEY, COPY) == ""
    (job,) = desk.site.jobs.table.recent()
    assert (job.verb, job.argv) == ("add", (PLACE, f"--key-name={KEY}"))
    assert "does just that" in card.start(PLACE, KEY, COPY)
    assert run_job(desk).returncode == 0

    job = desk.site.jobs.table.get(job.id)
    assert job.summary and markup.outcome(job.summary) == "2 videos copied."
    notes = {row["name"]: row["notes"][-1] for row in desk.videos()}
    assert notes["a.mp4"] == f"From a.mp4, {PLACE}/a.mp4"
    page = markup.video_table(desk.videos()) + str(card.job()) + notice + table
    assert f"{PLACE}/a.mp4" in page and "<img src=x" not in page
    stored = b"".join(p.read_bytes() for p in desk.studio.root.rglob("*") if p.is_file())
    secret = json.loads(key.read_text())["private_key"].splitlines()[3]
    assert server.tokens
    for told in (page, stored.decode("latin-1")):
        assert secret not in told and "ya29" not in told and str(key.parent) not in told

    _, table, button = card.look(PLACE, KEY)
    assert "2 here already" in table and "is here" in table.lower()
    assert button["interactive"] is False
    assert "Check the address first" in card.start(PLACE, KEY, COPY)


@pytest.mark.parametrize(
    "typed",
    [
        "https://host.example/film/?X-Amz-Signature=hush",
        "gs://bucket/film?token=hush",
        "https://host.example/film/?v=hush",
        "https://host.example/film/#hush",
        "https://host.example/hdntl=exp=1~hmac=hush/film/",
        "https://somebody:hush@host.example/film/",
        '{"private_key": "-----BEGIN PRIVATE KEY-----hush"}',
        "gs://bucket/a\ngs://bucket/hush",
        "--key=hush",
        "file:///hush",
        "hush",
        "gs://" + "hush" * 500,
        "",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(
    typed: str, desk: Desk, card: buckets.BucketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr(place_check, "look", never)
    notice, table, button = card.look(typed, NOBODY)
    assert "notice bad" in notice and "hush" not in notice + table
    assert button["interactive"] is False
    assert "hush" not in str(desk.site.trail.table.listing(10))


def test_only_keys_that_the_operator_named_are_used(
    desk: Desk, card: buckets.BucketDesk, server: Cloud, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (str(key), "/etc/passwd", "../elsewhere/" + KEY, "other.json"):
        assert "no key that may be chosen" in card.look(PLACE, name)[0]
    card.look(PLACE, KEY)
    monkeypatch.setenv(keys.LISTED, "")  # taken back: neither a new job nor an old one has it
    assert "no key that may be chosen" in card.start(PLACE, KEY, COPY)
    desk.site.jobs.add("add", [PLACE, f"--key-name={KEY}"])
    server.tokens.clear()
    assert "no key that may be chosen" in run_job(desk).stderr
    assert not server.tokens


def test_without_a_key_nobody_asks_even_if_the_studio_has_one(
    desk: Desk, card: buckets.BucketDesk, server: Cloud, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(keys.VARIABLE, str(key))
    server.put("public-bucket/a.mp4", videos.clip("cfr25").path.read_bytes())
    card.look("gs://public-bucket", NOBODY)
    assert card.start("gs://public-bucket", NOBODY, LEAVE) == ""
    assert desk.site.jobs.table.recent()[0].argv == ("gs://public-bucket", "--no-key", "--no-copy")
    assert run_job(desk).returncode == 0
    assert [row["name"] for row in desk.videos()] == ["a.remote"]
    assert not server.tokens  # also not when the pointer was looked at
    assert "needs a key" in card.look("gdrive://folder-id", NOBODY)[0]


def test_a_folder_on_the_web_is_asked_at_public_addresses_only(
    card: buckets.BucketDesk, server: Cloud
) -> None:
    server.put("/film/", b"", is_folder=True)
    port = server.url.rpartition(":")[2]
    for url in (f"{server.url}/film/", f"http://localhost:{port}/film/", "https://10.0.0.1/"):
        notice, _, button = card.look(url, NOBODY)
        assert "not a public" in notice and not button["interactive"], notice
    assert not server.asked


def test_what_does_not_fit_is_not_begun(
    datastore: Path, server: Cloud, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(Site(Settings(datastore, quota_bytes=1000)))
    card = card_of(desk)
    _, table, _ = card.look(PLACE, KEY)
    assert "may hold" in table and "CURATION_QUOTA_GB" in card.start(PLACE, KEY, COPY)
    # Left there, the videos need a key that later steps find.
    assert f"Start the studio with {keys.VARIABLE}" in card.start(PLACE, KEY, LEAVE)
    assert desk.site.jobs.table.recent() == []
    monkeypatch.setenv(keys.VARIABLE, str(key))
    assert card.start(PLACE, KEY, LEAVE) == ""
    assert desk.site.jobs.table.recent()[0].argv == (PLACE, f"--key-name={KEY}", "--no-copy")
    roomy = card_of(Desk(Site(Settings(datastore))))
    assert roomy.no_room(1000) == "" and "are free" in roomy.no_room(1 << 60)


def test_a_key_that_may_not_be_used_stops_the_server(
    server: Cloud, datastore: Path, tmp_path: Path
) -> None:
    datastore.mkdir(exist_ok=True)
    inside = server.key_file(datastore / "inside.json")
    (tmp_path / "other").mkdir()
    one, two = (server.key_file(folder / "key.json") for folder in (tmp_path, tmp_path / "other"))
    for named in (str(inside), str(tmp_path / "none"), f"{one}:{two}"):
        with pytest.raises(CurationError, match=keys.LISTED):
            Settings.from_environment(datastore, (), {keys.LISTED: named})
    Settings.from_environment(datastore, (), {keys.LISTED: str(one), keys.VARIABLE: str(one)})
    assert list(keys.offered({keys.LISTED: str(one), keys.VARIABLE: str(one)})) == ["key.json"]
    (tmp_path / "empty").touch()
    assert keys.offered({keys.VARIABLE: str(tmp_path / "empty")}) == {}


def test_a_look_has_an_end(datastore: Path, server: Cloud) -> None:
    with pytest.raises(CurationError, match="takes longer"):
        place_check.look(datastore, [PLACE, "--no-key"], 0.05)
    with pytest.raises(CurationError, match="no place is named"):
        place_check.look(datastore, [])


def test_other_words_need_another_look(desk: Desk) -> None:
    with buckets.gr.Blocks() as demo:
        card = buckets.build(desk)
        pulse = Pulse(demo, buckets.gr.Timer(), buckets.gr.Textbox())
        buckets.wire(desk, card, pulse, list, [])
    triggers = {target for fn in demo.fns.values() for target in fn.targets}
    for part in (card.box, card.key):
        assert (part._id, "input") in triggers
