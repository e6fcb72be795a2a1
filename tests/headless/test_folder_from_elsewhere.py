"""A folder that a stranger sent, with a catalogue in it that asks for things to be done."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import main
from curation.errors import CurationError
from curation.photos.content import content_id, content_id_of
from curation.store.catalogue import OUR_FOLDER, Catalogue
from curation.store.file_journal import FileJournal, Op
from curation.store.jobs import JobTable
from curation.web.jobs import FAILED, INTERRUPTED, JobManager
from tests.photos import photo

EVIL = b"echo evil"


@pytest.fixture
def came(tmp_path: Path) -> Path:
    """Return a folder that came from elsewhere."""
    made = tmp_path / "came"
    for i in range(2):
        photo(made / "raw" / f"{i}.png", i, (80, 60))
    return made


def select(came: Path, code: int = 0) -> None:
    words = ("--from", "raw", "--to", "good", "--min-side", "10")
    assert main(["select", "-d", str(came), *words]) == code


def sent(came: Path, ops: list[Op], ended: bool = False) -> None:
    """Put a journal into the folder as another machine would have written it."""
    catalogue = Catalogue(came / OUR_FOLDER)
    journal = FileJournal(catalogue)
    run = journal.begin("select", [])
    journal.group(run, ops)
    if ended:
        journal.end(run)
    elsewhere(catalogue)


def elsewhere(catalogue: Catalogue) -> None:
    """Make a catalogue one whose seal is another machine's."""
    for key in ("here.jobs", "here.runs"):
        if catalogue.recall(key):
            catalogue.remember(key, {**catalogue.recall(key), "seal": "0" * 32})
    catalogue.close()


def waiting(came: Path, name: str = "1-1") -> None:
    tmp = came / OUR_FOLDER / "tmp"
    tmp.mkdir(parents=True, exist_ok=True)
    (tmp / name).write_bytes(EVIL)


def test_what_it_says_was_half_done_is_not_done_elsewhere(came: Path, home: Path) -> None:
    waiting(came)
    put = Op("put", home / ".profile", after=content_id(EVIL), after_stat=(1, 0o644), temp="1-1")
    sent(came, [put])
    select(came)
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]
    assert len(list((came / "good").glob("*.png"))) == 2


@pytest.mark.parametrize("temp", ["../../../home/thesis.txt", ".."])
def test_no_file_of_a_person_is_fetched_into_it(came: Path, home: Path, temp: str) -> None:
    waiting(came)
    mine = content_id(b"mine")
    sent(came, [Op("put", came / "raw" / "x.txt", after=mine, after_stat=(1, 0o644), temp=temp)])
    select(came)
    assert (home / "thesis.txt").read_text() == "mine"
    assert not (came / "raw" / "x.txt").exists() and (came / OUR_FOLDER).is_dir()


def test_it_is_not_done_through_a_link_either(came: Path, home: Path) -> None:
    waiting(came)
    (came / "album").symlink_to(home)
    put = Op("put", came / "album" / ".profile", after=content_id(EVIL), temp="1-1")
    sent(came, [put])
    select(came)
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_undo_touches_nothing_outside_of_it(came: Path, home: Path, capsys: Any) -> None:
    thesis = home / "thesis.txt"
    put = Op("put", thesis, after=content_id(b"mine"), after_stat=(1, 0o644), temp="1-1")
    sent(came, [put, Op("mkdir", home / "empty")], ended=True)
    (home / "empty").mkdir()
    assert main(["undo", str(came)]) == 3
    assert "lies outside of" in capsys.readouterr().out
    assert thesis.read_text() == "mine" and (home / "empty").is_dir()


def test_undo_inside_of_it_is_as_before(came: Path) -> None:
    select(came)
    catalogue = Catalogue(came / OUR_FOLDER)
    elsewhere(catalogue)
    assert main(["undo", str(came)]) == 0
    assert not list(came.glob("good/*.png"))


def test_what_was_done_here_is_undone_outside_too(came: Path, home: Path) -> None:
    words = ("--from", "raw", "--to", str(home / "good"), "--min-side", "10")
    assert main(["select", "-d", str(came), *words]) == 0
    assert len(list((home / "good").glob("*.png"))) == 2
    assert main(["undo", str(came)]) == 0
    assert not (home / "good").exists()


def test_what_was_done_here_after_it_came_is_undone_outside_too(came: Path, home: Path) -> None:
    thesis = content_id_of(home / "thesis.txt")
    sent(came, [Op("put", home / "thesis.txt", after=thesis, temp="1-1")], ended=True)
    words = ("--from", "raw", "--to", str(home / "good"), "--min-side", "10")
    assert main(["select", "-d", str(came), *words]) == 0
    assert main(["undo", str(came)]) == 0 and not (home / "good").exists()
    assert main(["undo", str(came)]) == 3 and (home / "thesis.txt").is_file()


@pytest.mark.parametrize("name", ["", "tmp", "kept", "parked"])
def test_links_in_the_place_of_our_own_folders(
    came: Path, home: Path, name: str, capsys: Any
) -> None:
    link = came / OUR_FOLDER / name if name else came / OUR_FOLDER
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(home)
    select(came, 1)
    assert f"{link} is a link" in capsys.readouterr().err
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def planted(came: Path, home: Path) -> JobTable:
    """Return the jobs of a folder in which a shell command waits to be run."""
    ours = came / OUR_FOLDER
    table = JobTable(Catalogue(ours))
    (ours / "w.yaml").write_text(f"workflows: {{x: [{{exec: 'touch {home}/evil'}}]}}\n")
    table.add("run", ["x", str(ours / "w.yaml"), "--allow-exec", "-d", str(came)])
    return table


def settled(table: JobTable, job: int) -> Any:
    while table.get(job).is_open:
        time.sleep(0.05)
    return table.get(job)


def test_no_job_that_waits_in_it_is_run(came: Path, home: Path) -> None:
    table = planted(came, home)
    words = ["-d", str(came), "--from", "raw", "--to", "good", "--min-side", "10"]
    table.add("select", words)
    elsewhere(table.catalogue)
    manager = JobManager(came / OUR_FOLDER)
    manager.start()
    try:
        for number in (1, 2):
            job = table.get(number)
            assert job.state == INTERRUPTED and "another machine" in str(job.error)
        # Somebody reads the words and means them: the harmless one runs, the other never does.
        assert settled(table, manager.resume(2).id).state == "done"
        shell = settled(table, manager.resume(1).id)
        assert shell.state == FAILED and "not run from the studio" in str(shell.error)
    finally:
        manager.stop()
    assert not (home / "evil").exists()


@pytest.mark.parametrize("word", ["--allow-exec", "--allow", "--al", "--a"])
def test_no_studio_runs_shell_commands(came: Path, home: Path, word: str) -> None:
    table = planted(came, home)
    table.catalogue.db.execute("UPDATE job SET argv = replace(argv, '--allow-exec', ?)", (word,))
    manager = JobManager(came / OUR_FOLDER)
    manager.start()
    try:
        assert settled(table, 1).state == FAILED
    finally:
        manager.stop()
    assert not (home / "evil").exists()


def test_a_log_is_private_and_no_link_is_written_through(came: Path, home: Path) -> None:
    ours = came / OUR_FOLDER
    table = JobTable(Catalogue(ours))
    (ours / "logs").mkdir()
    (ours / "logs" / "job-1.log").symlink_to(home / "thesis.txt")
    for _ in range(2):
        table.add("analyze", ["-d", str(came), "--from", "none"])
    manager = JobManager(ours)
    assert manager.log_tail(1) == "", "no other file is shown as a log"
    manager.start()
    try:
        assert settled(table, 1).state == FAILED and settled(table, 2).state == FAILED
    finally:
        manager.stop()
    assert (home / "thesis.txt").read_text() == "mine"
    assert "there is no folder" in manager.log_tail(2)
    assert (ours / "logs" / "job-2.log").stat().st_mode & 0o777 == 0o600


def came_back(came: Path, home: Path) -> Path:
    """Return a folder of one's own, restored: files of it were moved outside of it before."""
    words = ("--from", "raw", "--to", str(home / "good"), "--min-side", "10", "--move")
    assert main(["select", "-d", str(came), *words]) == 0
    restored = came.with_name("restored")
    shutil.copytree(came, restored)
    shutil.rmtree(came)
    return restored.rename(came)


def test_a_person_says_that_a_restored_folder_is_their_own(
    came: Path, home: Path, capsys: Any
) -> None:
    came_back(came, home)
    good = sorted((home / "good").glob("*.png"))
    assert len(good) == 2 and not list((came / "raw").glob("*.png"))
    assert main(["undo", str(came)]) == 3
    told = capsys.readouterr().out
    assert f"python -m curation trust {came} --dry-run" in told
    for _ in range(2):  # to look at it allows nothing
        assert main(["trust", str(came), "--dry-run"]) == 0
        told = capsys.readouterr().out
        assert all(str(path) in told for path in good)
        assert main(["undo", str(came)]) == 3
    capsys.readouterr()
    assert main(["trust", str(came)]) == 0
    assert sorted((home / "good").glob("*.png")) == good, "it touches no file itself"
    assert main(["undo", str(came)]) == 0
    assert len(list((came / "raw").glob("*.png"))) == 2 and not (home / "good").exists()
    capsys.readouterr()
    assert main(["trust", str(came)]) == 0
    assert "nothing to trust" in capsys.readouterr().out


def test_trust_is_of_this_folder_and_no_copy_of_it(came: Path, home: Path) -> None:
    came_back(came, home)
    assert main(["trust", str(came)]) == 0
    copy = Path(shutil.copytree(came, came.with_name("copy")))
    assert main(["undo", str(copy)]) == 3
    assert len(list((home / "good").glob("*.png"))) == 2


def test_trust_does_nothing_that_was_left_half_done(came: Path, home: Path) -> None:
    waiting(came)
    put = Op("put", home / ".profile", after=content_id(EVIL), after_stat=(1, 0o644), temp="1-1")
    sent(came, [put])
    assert main(["trust", str(came)]) == 0
    select(came)
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_trust_is_no_verb_of_the_studio(came: Path) -> None:
    with pytest.raises(CurationError, match="not a verb of the studio"):
        JobManager(came / OUR_FOLDER).add("trust", [str(came)])


def test_trust_makes_nothing_where_nothing_is(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "plain").mkdir()
    assert main(["trust", str(tmp_path / "plain")]) == 1
    assert "no verb has changed anything" in capsys.readouterr().err
    assert not list((tmp_path / "plain").iterdir())
