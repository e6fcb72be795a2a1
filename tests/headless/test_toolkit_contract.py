"""Every toolkit verb keeps what all promise: dry runs, second runs, undo, and kill -9.

A verb that `VERBS` names and `CASES` does not is a failure: a new verb needs a line there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import main
from curation.cli import toolkit
from curation.store.catalogue import OUR_FOLDER
from curation.toolkit.verbs import VERBS
from tests.headless.runs import ROOT
from tests.headless.toolkit_cases import CASES, LOCAL, Case, contents, served, snapshot

KILLS = 6


@pytest.fixture
def case(verb: str, request: pytest.FixtureRequest) -> Case:
    found = CASES[verb]
    for name in found.needs:
        request.getfixturevalue(name)
    return found


@pytest.fixture
def work(
    case: Case,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A prepared work dir, and a web server for what fetches."""
    monkeypatch.setattr(toolkit, "context", partial(toolkit.context, extra=LOCAL))
    root = tmp_path / "set"
    clips = request.getfixturevalue("sample_clips") if "sample_clips" in case.needs else []
    case.fill(root, *clips[1:])
    with served() as server:
        for name, text in case.files.items():
            (root / name).write_text(text.replace("{server}", server))
        for words in case.before:
            assert main([*words, "-d", str(root)]) == 0
        yield root


def words(case: Case, root: Path) -> list[str]:
    """Return the words after the verb; files of the case lie in the work dir."""
    return [str(root / word) if word in case.files else word for word in case.argv]


def told(capsys: Any, *line: str) -> dict[str, Any]:
    """Run a command that must succeed and print one JSON object, and nothing else."""
    capsys.readouterr()
    code = main([*line, "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_every_verb_is_put_to_the_test() -> None:
    # Verbs over FOLDER..., of curation.cull, have tests of their own.
    ours = {word for word, where in VERBS.items() if where.startswith("curation.toolkit.")}
    assert set(CASES) == ours


@pytest.mark.parametrize("verb", CASES)
def test_dry_run_second_run_and_undo(verb: str, case: Case, work: Path, capsys: Any) -> None:
    line = (verb, *words(case, work), "-d", str(work))
    before = snapshot(work)
    known = (work / OUR_FOLDER).exists()
    would = told(capsys, *line, "--dry-run")
    assert snapshot(work) == before
    assert (work / OUR_FOLDER).exists() == known
    assert bool(would.get("would")) == case.changes
    assert not would["failed_items"]

    first = told(capsys, *line)
    after = snapshot(work)
    assert first["failed_items"] == []
    assert (after != before) == case.changes
    if case.changes and case.countable:
        assert first["done"] == len(would["would"])

    second = told(capsys, *line)
    assert snapshot(work) == after, "a second run must do nothing"
    assert second.get("run") is None
    assert second.get("done", 0) == 0
    assert not told(capsys, *line, "--dry-run").get("would")

    if not case.changes:
        return
    number = str(min(first["runs"]) if verb == "run" else first["run"])
    undone = told(capsys, "undo", "--to", number, "-d", str(work))
    assert undone["failed_items"] == []
    assert snapshot(work) == before, "undo must restore names, bytes, times and permissions"

    assert told(capsys, *line)["failed_items"] == []
    again = contents(work)
    assert again == {name: (work / name).read_bytes() for name in again}
    assert set(again) == {name for name, (_, rest) in after.items() if rest != "folder"}


@pytest.mark.parametrize("verb", [verb for verb, case in CASES.items() if case.changes])
def test_kill_9_leaves_old_or_new(verb: str, case: Case, work: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    job = {"verb": verb, "argv": words(case, work), "start": str(work), "out": str(out)}
    (out / "job.json").write_text(json.dumps({**job, "kills": KILLS, "extra": LOCAL}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.headless.toolkit_killing", str(out / "job.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = out / "said.txt"
    assert done.returncode == 0, done.stderr + (said.read_text() if said.exists() else "")
    answer = json.loads((out / "answer.json").read_text())
    kills = len(answer["moments"])
    assert answer["codes"] == [0, *[-9, 0] * kills], said.read_text()
    assert kills == KILLS or answer["ops"] < 3

    start, old, new = snapshot(work), contents(work), contents(out / "calm")
    known = {*old.values(), *new.values()}
    for i in range(kills):
        left = out / f"{i}-killed"
        for name, data in contents(left).items():
            good = {old.get(name), new.get(name)}
            if verb == "run":  # between two steps, names are those of neither end
                good |= {data} if name.endswith(".json") and json.loads(data) else known
            assert data in good, f"{name} is neither old nor new"
        everywhere = {p.read_bytes() for p in left.rglob("*") if p.is_file()}
        missing = [n for n, data in old.items() if data not in everywhere]
        assert not missing, f"lost: {missing}"
        assert contents(out / f"{i}-again") == new, "the same command, typed again, ends the work"

    place = out / "work" / work.name  # killed in the end, and gone on with
    runs = len(case.before) + 1
    assert main(["undo", "--to", str(runs), "-d", str(place)]) == 0
    assert snapshot(place) == start
    shutil.rmtree(out)
