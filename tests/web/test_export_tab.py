"""The Export tab: places by name only, looked at before it is written, zips and locks by id."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.cli.export import main as command
from curation.errors import CurationError, InputError
from curation.export.settings import ExportParams
from curation.store import exported
from curation.store.jobs import Job
from curation.studio import Studio
from curation.web.export_shelf import OWN, files_of, zipped
from curation.web.security import Rules
from curation.web.site import Settings, Site
from tests.headless import exports
from tests.web.conftest import serving, site_of
from tests.web.following import settled
from tests.web.test_pages import EVIL

gr = pytest.importorskip("gradio")

from curation.ui import export, export_markup, markup  # noqa: E402
from curation.ui.desk import Desk  # noqa: E402
from curation.ui.export_wiring import ExportWiring  # noqa: E402


@pytest.fixture(scope="module")
def store_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export") / "datastore"
    exports.filled(root).close()
    return root


@pytest.fixture
def root(store_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store_once, tmp_path / "datastore"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sets").mkdir(parents=True)
    return folder


@pytest.fixture
def client(root: Path, data: Path) -> Iterator[TestClient]:
    with serving(Settings(root, (data,))) as made:
        yield made


@pytest.fixture
def wiring(client: TestClient) -> ExportWiring:
    desk = Desk(site_of(client))
    with gr.Blocks(analytics_enabled=False):
        return ExportWiring(desk, export.build(desk), list, [])


def sent(wiring: ExportWiring, kind: str, place: str = OWN, folder: str = "", **own: Any) -> list:
    """Return what a browser sends with every setting at its default but these."""
    return [kind, place, folder, *wiring.tab.controls.values(own)]


def ran(site: Site) -> Job:
    """Wait for the job that was queued last."""
    return settled(site.jobs, site.jobs.table.recent(1)[0].id)


# -- settings --------------------------------------------------------------------------------------


def test_every_setting_has_a_control_but_the_one_that_names_a_folder(wiring: ExportWiring) -> None:
    names = [field.name for field in wiring.tab.controls.made.fields]
    assert set(ExportParams.model_fields) - set(names) == {"captions_from"}
    assert set(names) >= set(export.CHOSEN) | set(export.LISTS) | set(export.ONLY_FOR)


def test_the_settings_make_the_command_that_is_shown(
    wiring: ExportWiring, root: Path, data: Path
) -> None:
    line, button = wiring.tell(*sent(wiring, "kohya", pools="face,upper_body", repeats=3))
    assert line == (
        f"python -m curation export kohya --out={root}/exports/kohya --pools=face,upper_body "
        f"--repeats=3 --datastore {root}"
    )
    assert button["interactive"]
    line, _ = wiring.tell(*sent(wiring, "zip", "data/sets", "best of"))
    assert f"'--out={data}/sets/best of.zip'" in line
    line, button = wiring.tell(*sent(wiring, "csv", quality=700))
    assert "quality" in line and not button["interactive"]


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        (OWN, "../ranked"), (OWN, "/tmp/x"), (OWN, ".hidden"), (OWN, "a,b"), (OWN, "-d"),
        (OWN, "out"), ("/tmp", "x"), ("data/..", "x"), ("nowhere", "x"), ("data", "store/x"),
        ("data/sets", "link"), ("data/sets", "a/../../b"), (OWN, "x\ny"),
    ],
)  # fmt: skip
def test_no_path_is_taken_from_the_browser(
    wiring: ExportWiring, root: Path, data: Path, place: str, folder: str
) -> None:
    (data / "store").mkdir()
    (data / "store" / "catalog.sqlite").write_bytes(b"")
    (data / "sets" / "link").symlink_to(root)
    (root / "exports").mkdir()
    (root / "exports" / "out").symlink_to(data.parent)
    with pytest.raises(InputError):
        wiring.shelf.out(place, folder, "folders")
    said, *_ = wiring.start(*sent(wiring, "folders", place, folder))
    assert "notice" in said
    assert wiring.jobs.table.recent(1) == []


def test_a_format_that_is_none_is_refused(wiring: ExportWiring) -> None:
    for kind in ("", None, "--out=/tmp/x", "oil-painting"):
        said, *_ = wiring.start(*sent(wiring, kind))
        assert "Choose a format" in said


# -- what would be written -------------------------------------------------------------------------


def test_the_look_tells_numbers_tree_and_rows_and_writes_nothing(
    wiring: ExportWiring, root: Path
) -> None:
    before = exports.tree(root)
    html, wrong = wiring.look(*sent(wiring, "imagefolder", split="video"))
    assert wrong == ""
    assert "72 pictures" in html and "about 6.9 MB" in html and "train 60" in html
    assert "data/train/" in html and "metadata.jsonl" in html and "file_name" in html
    assert {k: v for k, v in exports.tree(root).items() if "sqlite" not in k} == {
        k: v for k, v in before.items() if "sqlite" not in k
    }
    assert not (root / "exports").exists()


def test_a_condition_that_cannot_be_read_is_told_at_its_place(wiring: ExportWiring) -> None:
    html, wrong = wiring.look(*sent(wiring, "folders", where="fokus_s > 0.2"))
    assert "fokus_s" in wrong and "focus_s" in wrong  # a near name is said
    assert "cannot be read" in html
    html, wrong = wiring.look(*sent(wiring, "folders", where="stars > 4"))
    assert wrong == "" and "no frame" in html


def test_who_lacks_consent_is_named_before_anything_is_written(
    wiring: ExportWiring, root: Path
) -> None:
    studio = Studio(root)
    shown = [frame for frame, person in exported.persons(studio.catalogue).items() if person == 0]
    studio.about_people("test").name_frames(shown, "Anna")
    studio.close()
    html, _ = wiring.look(*sent(wiring, "folders"))
    assert "No consent is noted of" in html and "Anna (" in html
    assert "would be refused" not in html
    html, _ = wiring.look(*sent(wiring, "folders", require_consent=True))
    assert "It would be refused" in html
    html, _ = wiring.look(*sent(wiring, "folders", require_consent=True, person="Anna"))
    assert "It would be refused: no consent is noted of Anna (" in html
    said, *_ = wiring.start(*sent(wiring, "folders", require_consent=True))
    assert said == ""
    job = ran(wiring.desk.site)
    assert job.state == "failed" and "no consent is noted of" in str(job.error)
    assert not (root / "exports" / "folders").exists()
    wiring.desk.studio.about_people("test").consent("Anna", "signed")
    html, _ = wiring.look(*sent(wiring, "folders", require_consent=True, person="Anna"))
    assert "No consent" not in html and "title='signed'" in html
    places, pools, people = wiring.lists()
    assert people["choices"] == [("Anna", "Anna")]
    assert places["choices"] == [OWN, "data", "data/sets"]
    assert ("Face", "face") in pools["choices"]


# -- what was written ------------------------------------------------------------------------------


def test_an_export_runs_as_a_job_and_is_fetched_by_its_id(
    wiring: ExportWiring, client: TestClient, root: Path, data: Path
) -> None:
    said, *_ = wiring.start(*sent(wiring, "kohya", "data/sets", "faces", pools="face"))
    assert said == ""
    said, *_ = wiring.start(*sent(wiring, "kohya"))
    assert "under way" in said
    job = ran(wiring.desk.site)
    assert job.state == "done", job.error
    out = data / "sets" / "faces"
    panel, _, cancel, *_ = wiring.glance()
    assert f"36 pictures in {out}: 36 written" in panel and not cancel["visible"]

    (one,) = client.get("/api/exports").json()
    assert one["name"] == "data/sets/faces" and one["format"] == "kohya" and one["pictures"] == 36
    assert str(out) not in json.dumps(one)
    reply = client.get(f"/api/exports/{one['id']}/zip")
    assert reply.headers["content-disposition"] == "attachment; filename*=utf-8''faces.zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as held:
        assert held.testzip() is None
        zipped_tree = {
            name.removeprefix("faces/"): hashlib.sha256(held.read(name)).hexdigest()
            for name in held.namelist()
        }
    assert zipped_tree == exports.tree(out)
    assert client.get(f"/api/exports/{one['id']}/lock").json()["format"] == "kohya"
    html = wiring.listed()
    assert f"api/exports/{one['id']}/zip" in html
    lock = out / "curation.lock.json"
    assert f"python -m curation replay {lock} --videos FOLDER --out again" in html
    rows = client.get("/api/audit", params={"action": "export downloaded"}).json()
    assert rows[0]["what"] == {"export": "data/sets/faces"}
    assert wiring.opened()[:2] == ["kohya", gr.update(choices=wiring.shelf.places(),
                                                      value="data/sets")]  # fmt: skip
    shutil.rmtree(out)
    assert client.get(f"/api/exports/{one['id']}/zip").status_code == 404


def test_what_a_command_exported_is_on_the_shelf_too(client: TestClient, root: Path) -> None:
    assert command(["csv", "--datastore", str(root)]) == 0
    assert command(["zip", "--datastore", str(root)]) == 0
    (root / "exports" / "other").mkdir()
    (root / "exports" / "other.zip").write_bytes(b"PK no zip of ours")
    (root / "exports" / "out").symlink_to(root)
    found = {one["name"]: one for one in client.get("/api/exports").json()}
    assert set(found) == {"csv", "zip.zip"}
    reply = client.get(f"/api/exports/{found['zip.zip']['id']}/zip")
    assert reply.content == (root / "exports" / "zip.zip").read_bytes()
    assert client.get(f"/api/exports/{found['zip.zip']['id']}/lock").status_code == 404
    assert client.get(f"/api/exports/{found['csv']['id']}/lock").status_code == 200


@pytest.mark.parametrize("path", [
    "/api/exports/1/zip", "/api/exports/..%2f..%2fcatalog.sqlite/zip", "/api/exports/1/lock",
    "/api/exports/%2fetc%2fpasswd/lock", "/api/exports//zip", "/dataset-report",
    "/api/exports/csv/zip",
])  # fmt: skip
def test_an_id_that_is_none_is_not_found(client: TestClient, root: Path, path: str) -> None:
    assert command(["csv", "--datastore", str(root)]) == 0
    assert client.get(path).status_code == 404


def test_only_files_of_the_export_leave_and_none_by_a_link(root: Path, tmp_path: Path) -> None:
    assert command(["folders", "--datastore", str(root)]) == 0
    out = root / "exports" / "folders"
    (tmp_path / "secret").write_text("secret")
    (out / "mine.txt").write_text("mine")
    (out / "link").symlink_to(tmp_path)
    (out / "leak.txt").symlink_to(tmp_path / "secret")
    with (out / "SHA256SUMS").open("a") as sums:
        for file in ("../../catalog.sqlite", "/etc/passwd", "link/secret", "leak.txt", "gone.jpg"):
            sums.write(f"{'0' * 64}  {file}\n")
    files = files_of(out)
    assert "../../catalog.sqlite" not in files and "/etc/passwd" not in files
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped(out, files)))) as held:
        names = set(held.namelist())
        told = held.read("folders/NOT-IN-THIS-ZIP.txt").decode()
    assert "folders/manifest.jsonl" in names and "folders/mine.txt" not in names
    assert not {"folders/leak.txt", "folders/link/secret", "folders/gone.jpg"} & names
    assert [line.split(":")[0] for line in told.splitlines()] == [
        "link/secret", "leak.txt", "gone.jpg"
    ]
    (out / "SHA256SUMS").unlink()
    with pytest.raises(CurationError, match="not written to its end"):
        files_of(out)


def test_everything_is_behind_the_guard(root: Path) -> None:
    rules = Rules(frozenset({"studio.lan"}), "correct horse")
    assert command(["csv", "--datastore", str(root)]) == 0
    with serving(Settings(root, rules=rules)) as locked:
        for path in ("/api/exports", "/api/exports/1/zip", "/api/exports/1/lock",
                     "/dataset-report"):  # fmt: skip
            assert locked.get(path).status_code == 401


# -- the report ------------------------------------------------------------------------------------


def test_the_report_is_made_by_a_job_and_opens_behind_its_policy(
    wiring: ExportWiring, client: TestClient
) -> None:
    assert client.get("/dataset-report").status_code == 404
    said, *_ = wiring.make_report("pool = 'face'")
    assert said == ""
    job = ran(wiring.desk.site)
    assert job.state == "done", job.error
    assert job.argv == ("--where=pool = 'face'",)
    reply = client.get("/dataset-report")
    assert reply.status_code == 200 and "pool = &#x27;face&#x27;" in reply.text
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "href='dataset-report'" in wiring.glance()[4]
    assert "The report tells of" in wiring.glance()[4]


def test_no_text_of_an_export_becomes_markup() -> None:
    told = {
        "pictures": 1, "bytes": 7, "splits": {EVIL: 1}, "lacking": {EVIL: 2}, "refused": True,
        "reasons": [[EVIL, 1]], "notes": [EVIL], "tree": [f"{EVIL}/{EVIL}", EVIL],
        "folders": {EVIL: 9}, "rows": {EVIL: EVIL},
        "people": [{"name": EVIL, "frames": 1, "note": EVIL}],
    }  # fmt: skip
    done = {"verb": "export", "out": EVIL, "notes": [EVIL], "splits": {EVIL: 1}}
    for html in (export_markup.look(told), export_markup.text(markup.outcome(done))):
        assert "<img src=x" not in html and "{{" not in html and "${" not in html
