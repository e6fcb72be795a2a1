"""The Toolkit tab: folders by name only, looked at before it is done, taken back to the byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.cli import toolkit as command
from curation.errors import CurationError, InputError
from curation.store.jobs import Job
from curation.toolkit.verbs import VERBS
from curation.ui import toolkit_markup
from curation.web.site import Settings, Site
from curation.web.toolkit_changes import Item, Page
from curation.web.toolkit_places import Places
from tests.unit.toolkit.trees import picture, tree
from tests.web.conftest import serving, site_of
from tests.web.following import settled
from tests.web.test_pages import EVIL

gr = pytest.importorskip("gradio")

from curation.ui import toolkit, toolkit_fields  # noqa: E402
from curation.ui.desk import Desk  # noqa: E402
from curation.ui.toolkit_wiring import ToolkitWiring  # noqa: E402

WORDS = [word for word, where in VERBS.items() if not where.startswith(toolkit_fields.CULLING)]
HIDDEN = {
    ("detect", "model"), ("extract-faces", "points"), ("cluster", "weights"),
    ("cluster", "clip_model"), ("review-apply", "marks"), ("run", "allow_exec"),
}  # fmt: skip
"""Settings of verbs that no browser chooses: files of the machine, and what only they need."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A work folder below an input folder, with two folders of pictures."""
    root = tmp_path / "data" / "project"
    for i in range(3):
        picture(root / "camera" / f"{i}.jpg", i, (64, 48), source="mine")
        picture(root / "old phone [1]" / f"{i}.jpg", 10 + i, (48, 64))
    return root


@pytest.fixture
def kit(project: Path, datastore: Path) -> Iterator[TestClient]:
    with serving(Settings(datastore, (project.parent,))) as made:
        yield made


@pytest.fixture
def wiring(kit: TestClient) -> ToolkitWiring:
    desk = Desk(site_of(kit))
    with gr.Blocks(analytics_enabled=False):
        return ToolkitWiring(desk, toolkit.build(desk), list, [])


def sent(wiring: ToolkitWiring, verb: str, sources: Sequence[str], to: str, **own: Any) -> list:
    """Return what a browser sends with every setting at its default but these."""
    values: list[Any] = []
    for word, one in wiring.tab.controls.items():
        values += one.values(own if word == verb else {})
    return ["data/project", verb, list(sources), to, False, *values]


def ran(site: Site) -> Job:
    """Wait for the job that was queued last."""
    return settled(site.jobs, site.jobs.table.recent(1)[0].id)


# -- folders ---------------------------------------------------------------------------------------


def test_only_folders_below_the_input_folders_are_offered(tmp_path: Path) -> None:
    top, other = tmp_path / "a" / "data", tmp_path / "b" / "data"
    for folder in (top / "one" / "two", top / ".hidden", top / "store", other, top / "x,y"):
        folder.mkdir(parents=True)
    (top / "store" / "catalog.sqlite").write_bytes(b"")
    (tmp_path / "secret").mkdir()
    (top / "link").symlink_to(tmp_path / "secret")
    places = Places((top, other), tmp_path / "a" / "data" / "own")
    names = places.offered()
    assert set(names) == {"data", "data/one", "data/one/two", "data (2)"}
    assert places.find("data (2)") == other
    assert places.holds(top / "one")
    assert not places.holds(top / "link")
    assert not places.holds(tmp_path)
    for word in ("", None, "data/store", str(top), "../data", "data/one/.."):
        with pytest.raises(InputError):
            places.find(word)


def test_a_client_chooses_by_name_and_names_new_folders_plainly(project: Path) -> None:
    places = Places((project.parent,), project / "own")
    assert [folder.name for folder in places.folders(project)] == ["camera", "old phone [1]"]
    assert places.sources(project, ["old phone [1]", "camera"]) == "old phone [1],camera"
    for name in ("..", str(project), "/etc", "camera/..", "nothing", ".curation"):
        with pytest.raises(InputError):
            places.sources(project, [name])
    (project / "out").symlink_to(project.parent.parent)
    for name in ("faces", "faces/best", "Gesichter ä [2]", "camera"):
        assert places.target(project, f" {name} ") == name
    for name in ("", "..", "a/../../b", "/tmp/x", ".curation", "a,b", "-d", "x\ny", "out", "a//b"):
        with pytest.raises(InputError):
            places.target(project, name)


def test_the_datastore_is_no_folder_to_work_in(tmp_path: Path) -> None:
    own = tmp_path / "data" / "store"
    picture(own / "frames" / "1.jpg")
    picture(tmp_path / "data" / "top.jpg")
    places = Places((tmp_path / "data",), own)
    assert set(places.offered()) == {"data"}
    assert [folder.name for folder in places.folders(tmp_path / "data")] == ["."]
    assert places.sources(tmp_path / "data", ["."]) == "."
    with pytest.raises(InputError, match="datastore"):
        places.sources(tmp_path / "data", ["."], recursive=True)


def test_files_are_offered_by_name_and_links_are_not(project: Path, tmp_path: Path) -> None:
    places = Places((project.parent,), tmp_path / "own")
    (project / "list.txt").write_text("http://example.com/a.jpg\n")
    (project / "notes.md").write_text("no")
    (tmp_path / "secret.txt").write_text("secret")
    (project / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert places.files(project, (".txt",)) == ["list.txt"]
    assert places.file(project, "list.txt", (".txt",)) == project / "list.txt"
    for name in ("link.txt", "../secret.txt", str(tmp_path / "secret.txt"), "notes.md", ""):
        with pytest.raises(InputError):
            places.file(project, name, (".txt",))


# -- controls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_every_setting_has_a_control_or_a_reason_to_have_none(word: str) -> None:
    verb = toolkit_fields.verbs()[word]
    shown = {one.field.name for one in toolkit_fields.shown_of(verb.params)}
    left = set(verb.params.model_fields) - shown - set(toolkit_fields.SHARED)
    assert {(word, name) for name in left} == {pair for pair in HIDDEN if pair[0] == word}


def test_a_number_that_need_not_be_set(project: Path) -> None:
    places = Places((project.parent,), project / "own")
    shown = toolkit_fields.shown_of(toolkit_fields.verbs()["select"].params)
    by_name = {one.field.name: one for one in shown}
    side, blur = by_name["min_side"], by_name["min_blur"]
    assert (side.kind, toolkit_fields.written(side, None)) == (toolkit_fields.NUMBER, "")
    assert toolkit_fields.read(side, "", places, project) is None
    assert toolkit_fields.read(side, " 400 ", places, project) == 400
    assert toolkit_fields.read(blur, "0", places, project) == 0.0
    with pytest.raises(CurationError, match="not a whole number"):
        toolkit_fields.read(side, "4.5", places, project)


def moved(verb: Any) -> dict[str, Any]:
    """Return values other than the defaults of everything that has a control."""
    made: dict[str, Any] = {}
    for one in toolkit_fields.shown_of(verb.params):
        field = one.field
        if one.kind == toolkit_fields.PAIRS:
            made[field.name] = (("blur", 5.5), ("focus score", -0.25))
        elif one.kind == toolkit_fields.LIST:
            made[field.name] = ("a", "b c") if field.kind is str else (1, 2)
        elif one.kind in (toolkit_fields.TEXT, toolkit_fields.FILE, toolkit_fields.FOLDER):
            made[field.name] = "--looks like a 'flag' $x"
        elif field.kind is bool:
            made[field.name] = not field.default
        elif field.choices:
            made[field.name] = next(c for c in field.choices if c != field.default)
        else:
            low = field.low if field.low is not None else 1
            made[field.name] = field.kind(low if low != field.default else low + 1)
    return made


@pytest.mark.parametrize("word", WORDS)
def test_the_command_line_makes_just_these_settings(word: str, tmp_path: Path) -> None:
    verb = toolkit_fields.verbs()[word]
    shared = {"from_dirs": "camera,old phone [1]", "to": "out"}
    fields = {k: v for k, v in shared.items() if k in verb.params.model_fields}
    values = moved(verb)
    if word == "run":
        (tmp_path / "a.yaml").write_text("workflows: {}\n")
        values |= {"workflow": "prepare", "config": str(tmp_path / "a.yaml")}  # by their place
    params = verb.params(**fields, **values)
    argv = toolkit_fields.argv_of(verb, params)
    options = command.parser(verb).parse_args([*argv, "-d", "x", "--job", "3", "--datastore", "y"])
    assert command.given(verb, options)[0] == params


def test_what_is_typed_is_what_is_read(project: Path) -> None:
    places = Places((project.parent,), project / "own")
    pairs = next(
        one
        for one in toolkit_fields.shown_of(toolkit_fields.verbs()["select"].params)
        if one.field.name == "min_metric"
    )
    read = toolkit_fields.read(pairs, " blur 50, entropy = 6.5 ,", places, project)
    assert read == (("blur", 50.0), ("entropy", 6.5))
    assert toolkit_fields.written(pairs, read) == "blur 50, entropy 6.5"
    for wrong in ("blur", "50", "--move 3", "blur inf", "blur 5x"):
        with pytest.raises(CurationError, match="name and a number"):
            toolkit_fields.read(pairs, wrong, places, project)


# -- look, do, take back ---------------------------------------------------------------------------


def test_look_do_and_take_back(kit: TestClient, wiring: ToolkitWiring, project: Path) -> None:
    site, was = site_of(kit), tree(project)
    settings = sent(wiring, "frame", ["camera", "old phone [1]"], "small", width="32", height="32")
    do = wiring.starter(dry=False)
    assert "See what would happen first" in do(*settings)[0]
    assert site.jobs.table.recent() == []

    assert wiring.starter(dry=True)(*settings) == [""]
    dry = ran(site)
    assert (dry.state, dry.argv[-1]) == ("done", "--dry-run")
    assert tree(project) == was
    assert not (project / ".curation").exists()
    page = site.changes.page(dry, 0, 50)
    assert (page.total, page.showable, len(page.items)) == (6, 6, 6)
    first = page.items[0]
    assert (first.do, first.src, first.dst) == ("write", "camera/0.jpg", "small/0.jpg")
    assert "64 x 48 -> 32 x 32" in first.reason
    assert "32 x 32" in first.facts
    for side in ("before", "after"):
        reply = kit.get(f"/toolkit/{dry.id}/0/{side}")
        assert reply.headers["content-type"] == "image/jpeg"
        assert reply.content[:2] == b"\xff\xd8"
        tag = reply.headers["etag"]
        again = kit.get(f"/toolkit/{dry.id}/0/{side}", headers={"if-none-match": tag})
        assert again.status_code == 304

    other = sent(wiring, "frame", ["camera"], "small", width="32", height="32")
    assert "See what would happen first" in do(*other)[0]
    line, button, _ = wiring.tell(*settings)
    assert button["interactive"] is True
    assert line.startswith("python -m curation frame -d ")
    assert do(*settings) == [""]
    done = ran(site)
    assert done.state == "done"
    assert sorted(path.name for path in (project / "small").glob("*.jpg")) == [
        "0.jpg", "0_2.jpg", "1.jpg", "1_2.jpg", "2.jpg", "2_2.jpg",
    ]  # fmt: skip
    item = site.changes.page(done, 0, 1).items[0]
    assert (item.do, item.src, item.dst) == ("write", "camera/0.jpg", "small/0.jpg")
    assert kit.get(f"/toolkit/{done.id}/0/before").content != kit.get(
        f"/toolkit/{done.id}/0/after"
    ).content
    # What was done is not looked at any more: twice is not once.
    assert wiring.tell(*settings)[1]["interactive"] is False
    assert "What happened: 6 changes" in wiring.shown("data/project", "frame")[0]

    assert wiring.take_back("data/project") == [""]
    back = ran(site)
    assert (back.verb, back.state) == ("undo", "done")
    assert tree(project) == was
    assert "Taken back" in wiring.shown("data/project", "frame")[0]
    assert "taken back" in wiring.lists("data/project", "frame")[-2]
    assert wiring.opened()[1:3] == ["frame", ["camera", "old phone [1]"]]


def test_notes_show_what_changes_in_them(
    kit: TestClient, wiring: ToolkitWiring, project: Path
) -> None:
    site = site_of(kit)
    settings = sent(wiring, "annotate", ["camera"], "", license="cc0")
    wiring.starter(dry=True)(*settings)
    item = site.changes.page(ran(site), 0, 9).items[0]
    assert (item.do, item.src, list(item.edits)) == (
        "edit", "camera/0.jpg", ["license: none -> cc0"],
    )  # fmt: skip
    wiring.starter(dry=False)(*settings)
    done = ran(site)
    item = site.changes.page(done, 0, 9).items[0]
    assert list(item.edits) == ["license: none -> cc0"]
    assert kit.get(f"/toolkit/{done.id}/0/after").status_code == 200
    assert kit.get(f"/toolkit/{done.id}/0/before").status_code == 404


def test_what_was_replaced_and_moved_is_shown_as_it_was(
    kit: TestClient, wiring: ToolkitWiring, project: Path
) -> None:
    site = site_of(kit)
    settings = sent(wiring, "select", ["camera"], "kept", move=True)
    wiring.starter(dry=True)(*settings)
    assert [item.do for item in site.changes.page(ran(site), 0, 9).items] == ["move"] * 3
    wiring.starter(dry=False)(*settings)
    done = ran(site)
    item = site.changes.page(done, 0, 9).items[0]
    assert (item.do, item.src, item.dst) == ("move", "camera/0.jpg", "kept/0.jpg")
    assert item.reason == "all limits are met"
    assert kit.get(f"/toolkit/{done.id}/0/after").status_code == 200


def test_a_check_has_nothing_to_do_after_it(kit: TestClient, wiring: ToolkitWiring) -> None:
    site = site_of(kit)
    settings = sent(wiring, "validate", ["camera", "old phone [1]"], "")
    wiring.starter(dry=True)(*settings)
    assert ran(site).state == "done"
    _, do, check = wiring.tell(*settings)
    assert (do["visible"], check["value"]) == (False, "Check")
    assert "FAIL  one size" in wiring.shown("data/project", "validate")[0]
    assert "Not all checks passed" in wiring.glance("data/project", "validate")[0]


# -- pictures --------------------------------------------------------------------------------------


def dry_job(site: Site, place: Path, *steps: dict[str, Any]) -> int:
    """Return a job that says these steps."""
    job = site.jobs.table.add("select", ["-d", str(place), "--dry-run"])
    site.jobs.table.claim()
    site.jobs.table.catalogue.db.execute(
        "UPDATE job SET state = 'done', summary = ? WHERE id = ?",
        (json.dumps({"verb": "select", "steps": steps}), job),
    )
    return job


@pytest.fixture
def quiet(project: Path, datastore: Path) -> Iterator[TestClient]:
    """A server whose queue nobody serves."""
    made = serving(Settings(datastore, (project.parent,)))
    yield made
    site_of(made).stop()


def test_no_picture_from_outside(quiet: TestClient, project: Path, tmp_path: Path) -> None:
    site = site_of(quiet)
    picture(tmp_path / "secret" / "s.jpg")
    (project / "camera" / "link.jpg").symlink_to(tmp_path / "secret" / "s.jpg")
    (project / "camera" / "notes.txt").write_text("private")
    sources = ["camera/0.jpg", "../../secret/s.jpg", str(tmp_path / "secret" / "s.jpg"),
               "camera/link.jpg", "camera/notes.txt", "", "camera"]  # fmt: skip
    steps = [{"do": "copy", "src": name, "dst": "x/1.jpg"} for name in sources]
    job = dry_job(site, project, *steps)
    found = [quiet.get(f"/toolkit/{job}/{n}/after").status_code for n in range(8)]
    assert found == [200, 404, 404, 404, 404, 404, 404, 404]
    elsewhere = dry_job(site, tmp_path / "secret", {"do": "copy", "src": "s.jpg", "dst": "x"})
    assert quiet.get(f"/toolkit/{elsewhere}/0/after").status_code == 404
    other = site.jobs.table.add("sort", ["-d", str(project)])
    assert quiet.get(f"/toolkit/{other}/0/after").status_code == 404
    for path in ("9/0/after", f"{job}/-1/after", f"{job}/0/x", f"{10**30}/0/after", "a/0/after"):
        assert quiet.get(f"/toolkit/{path}").status_code in (404, 422)


def test_a_picture_that_cannot_be_read_is_said_to_be(quiet: TestClient, project: Path) -> None:
    (project / "camera" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (project / "camera" / "text.jpg").write_text("text")
    os.mkfifo(project / "camera" / "pipe.jpg")
    steps = [{"do": "copy", "src": f"camera/{n}.jpg", "dst": "x"} for n in ("bad", "text", "pipe")]
    job = dry_job(site_of(quiet), project, *steps)
    codes = [quiet.get(f"/toolkit/{job}/{n}/after").status_code for n in range(3)]
    assert codes == [415, 415, 404]


def test_no_text_becomes_markup(quiet: TestClient, project: Path) -> None:
    job = site_of(quiet).jobs.table.get(dry_job(site_of(quiet), project))
    item = Item(0, EVIL, EVIL, EVIL, EVIL, [EVIL], Path(EVIL), Path(EVIL), EVIL, EVIL)
    told = {EVIL: EVIL, "map": {EVIL: EVIL}, "lines": [EVIL]}
    run = {"id": 1, "verb": EVIL, "state": "done", "begun_s": 0.0, "files": 1}
    for html in (
        toolkit_markup.changes(job, Page([item], 0, 1, 1)),
        toolkit_markup.facts(told),
        toolkit_markup.history([run]),
    ):
        assert "<img src=x" not in html
        assert "{{" not in html
        assert "${" not in html
        assert "&lt;img" in html
