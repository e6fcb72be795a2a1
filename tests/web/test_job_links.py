"""The links of a job hold passes: nobody else reads them, and nothing keeps them."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from curation.errors import CurationError
from curation.store.catalogue import FILE_NAME
from curation.web.job_links import CUT
from curation.web.jobs import JobManager, command_of
from curation.web.site import Settings
from tests.web.conftest import serving, site_of
from tests.web.following import settled, until

SECRET = "p4ssForOneVisit"
LINK = f"http://127.0.0.1:9/v.mp4?id=3&hdnts=exp~hmac={SECRET}"
PLAIN = "http://127.0.0.1:9/w.mp4?id=4"


@pytest.fixture
def manager(datastore: Path) -> Iterator[JobManager]:
    made = JobManager(datastore)
    yield made
    made.stop()


def everything(root: Path) -> bytes:
    """Return every byte of a datastore; read here, the catalogue's locks would end with that."""
    files = [str(path) for path in root.rglob("*") if path.is_file()]
    return subprocess.run(["cat", *files], capture_output=True, check=False).stdout


def test_links_are_in_no_command_and_no_row(manager: JobManager, datastore: Path) -> None:
    number = manager.add("download", ["--max-gb=1.0"], [LINK, PLAIN])
    job = manager.table.get(number)
    assert job.argv == (f"http://127.0.0.1:9/v.mp4?id=3{CUT}", PLAIN, "--max-gb=1.0")
    file = datastore / "logs" / f"job-{number}.links"
    assert file.read_text().splitlines() == [LINK, PLAIN]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    command = command_of(job, datastore)
    assert ["--links-file", str(file), "--max-gb=1.0"] == command[4:7]
    assert "://" not in " ".join(command)
    assert everything(datastore).count(SECRET.encode()) == 1, "it is kept elsewhere too"
    manager.cancel(number)
    assert not file.exists() and SECRET.encode() not in everything(datastore)


def test_a_job_that_ran_leaves_no_link(manager: JobManager, datastore: Path) -> None:
    number = manager.add("download", [], [LINK])
    shown: list[str] = []
    manager.start()

    def over() -> bool:
        for child in psutil.Process().children(recursive=True):
            try:
                shown.extend(child.cmdline())
            except psutil.Error:
                continue
        return not manager.table.get(number).is_open

    until(over, "the end of the job")
    job = settled(manager, number)
    assert "not a public address" in str(job.failed), (job.failed, job.error)
    assert any(f"job-{number}.links" in word for word in shown) and SECRET not in str(shown)
    until(lambda: SECRET.encode() not in everything(datastore), "its links to be deleted")
    again = manager.resume(number)  # this server still knows them
    assert again.argv == job.argv
    settled(manager, again.id)


def test_after_a_restart_links_with_secrets_are_asked_for_again(datastore: Path) -> None:
    first = JobManager(datastore)
    secret, plain = first.add("download", [], [LINK]), first.add("download", [], [PLAIN])
    left = first.table.links_path(secret)
    for number in (secret, plain):
        first.table.cancel(number)  # by another server: this one has not seen it
    assert left.exists()
    second = JobManager(datastore)
    second.start()
    until(lambda: not left.exists(), "what an earlier server left to be deleted")
    second.stop()
    with pytest.raises(CurationError, match="paste the links again"):
        second.resume(secret)
    assert second.table.get(second.resume(plain).id).argv == (PLAIN,)


def test_a_job_whose_links_are_gone_says_so(manager: JobManager) -> None:
    number = manager.add("download", [], [LINK])
    manager.table.links_path(number).unlink()
    manager.start()
    until(lambda: not manager.table.get(number).is_open, "its end")
    job = manager.table.get(number)
    assert job.state == "failed" and "paste the links again" in str(job.error)


def test_a_link_file_of_a_row_that_never_was_is_deleted(manager: JobManager) -> None:
    manager._links.write(77, [LINK])
    path = manager.table.links_path(77)
    manager._links.drop_ended()
    assert path.exists(), "its row may be on its way"
    os.utime(path, (time.time() - 999,) * 2)
    manager._links.drop_ended()
    assert not path.exists()


def test_no_route_shows_a_link(datastore: Path) -> None:
    with serving(Settings(datastore)) as client:
        number = site_of(client).jobs.add("download", [], [LINK])
        for path in ("/api/jobs", f"/api/jobs/{number}", "/api/audit", "/audit"):
            reply: object = client.get(path).text
            assert "v.mp4" in str(reply) and SECRET not in str(reply), path


def test_a_new_catalogue_is_for_nobody_else(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        manager = JobManager(tmp_path / "new")
        manager.add("rank", [])
        files = [tmp_path / "new" / f"{FILE_NAME}{end}" for end in ("", "-wal", "-shm")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    finally:
        os.umask(old)
