"""Workflows: read whole, run in order, gone on with, never a shell unless allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.cli.toolkit import main
from curation.cli.undo import main as undo
from tests.unit.toolkit.trees import picture, sidecar_of, tree

FILE = """
working_dir: set
annotate: {from: a, license: cc0}
rename: {from: good}
workflows:
  clean:
    - annotate: {source: mine}
    - select: {from: a, to: good, min_side: 30}
    - rename: {prefix: p_}
  move:
    - select: {from: a, to: good, move: true}
    - rename: {prefix: p_}
  listed:
    - annotate
    - exec: "ls a > listed.txt; echo hello"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for i in range(3):
        picture(tmp_path / "set" / "a" / f"x{i}.png", i)
    picture(tmp_path / "set" / "a" / "small.png", 9, (20, 20))
    path = tmp_path / "flow.yaml"
    path.write_text(FILE)
    return path


def run(file: Path, flow: str, *words: str, capsys: Any) -> tuple[int, dict[str, Any], str]:
    capsys.readouterr()
    code = main("run", [flow, str(file), "--json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_steps_run_in_order_with_what_they_inherit(file: Path, capsys: Any) -> None:
    root = file.parent / "set"
    before = tree(root)
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert code == 0
    assert summary["finished"]
    assert [step["verb"] for step in summary["steps"]] == ["annotate", "select", "rename"]
    assert sorted(path.name for path in (root / "good").glob("*.png")) == [
        "p_1.png", "p_2.png", "p_3.png",
    ]  # fmt: skip
    beside = sidecar_of(root / "good" / "p_1.png")
    assert (beside["source"], beside["license"]) == ("mine", "cc0")
    assert undo(["-d", str(root), "--to", str(min(summary["runs"]))]) == 0
    assert tree(root) == before


def test_a_second_run_does_nothing_and_news_are_noticed(file: Path, capsys: Any) -> None:
    root = file.parent / "set"
    run(file, "clean", capsys=capsys)
    before = tree(root)
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert code == 0
    assert tree(root) == before
    assert all(step["skipped_whole"] for step in summary["steps"])
    picture(root / "a" / "new.png", 44)
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert not any(step.get("skipped_whole") for step in summary["steps"][:2])
    assert len(list((root / "good").glob("*.png"))) >= 4


def test_a_dry_run_changes_nothing_and_says_what_it_cannot_know(file: Path, capsys: Any) -> None:
    before = tree(file.parent)
    code, summary, _ = run(file, "clean", "--dry-run", capsys=capsys)
    assert code == 0
    assert tree(file.parent) == before
    assert not (file.parent / "set" / ".curation").exists()
    assert [step["state"] for step in summary["steps"]][-1] == "not yet known"
    assert any(line.startswith("annotate: edit a/x0.png.json") for line in summary["would"])


def test_it_goes_on_where_it_stopped(file: Path, capsys: Any) -> None:
    root = file.parent / "set"
    (root / "good").write_text("in the way")
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert code == 1
    assert not summary["finished"]
    assert summary["steps"][-1]["verb"] == "select"
    assert any("stopped at step 2 (select)" in line for line in summary["lines"])
    (root / "good").unlink()
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert code == 0
    assert [step.get("skipped_whole", False) for step in summary["steps"]] == [True, False, False]
    # What is undone has to be done again, however it was noted.
    assert undo(["-d", str(root), "--to", "1"]) == 0
    code, summary, _ = run(file, "clean", capsys=capsys)
    assert [step.get("skipped_whole", False) for step in summary["steps"]] == [False] * 3
    assert len(list((root / "good").glob("p_*.png"))) == 3


def test_pictures_that_moved_on_are_not_missed(file: Path, capsys: Any) -> None:
    root = file.parent / "set"
    assert run(file, "move", capsys=capsys)[0] == 0
    before = tree(root)
    assert run(file, "move", capsys=capsys)[0] == 0
    assert run(file, "move", "--restart", capsys=capsys)[0] == 0
    assert tree(root) == before


def test_a_shell_is_used_only_when_allowed_on_the_command_line(file: Path, capsys: Any) -> None:
    root = file.parent / "set"
    before = tree(root)
    code, _, said = run(file, "listed", capsys=capsys)
    assert code == 2
    assert "--allow-exec" in said
    assert tree(root) == before
    file.write_text(FILE + "run: {allow_exec: true}\n")
    assert run(file, "listed", capsys=capsys)[0] == 2
    code, summary, _ = run(file, "listed", "--dry-run", capsys=capsys)
    assert code == 0
    assert not (root / "listed.txt").exists()
    code, summary, _ = run(file, "listed", "--allow-exec", capsys=capsys)
    assert code == 0
    assert summary["steps"][1]["output"] == ["hello"]
    assert "small.png" in (root / "listed.txt").read_text()


def test_a_command_that_fails_stops_the_workflow(file: Path, capsys: Any) -> None:
    file.write_text(
        "working_dir: set\nworkflows:\n  x:\n    - exec: 'echo no; exit 7'\n"
        "    - annotate: {from: a, source: s}\n"
    )
    code, summary, _ = run(file, "x", "--allow-exec", capsys=capsys)
    assert code == 1
    assert len(summary["steps"]) == 1
    assert summary["steps"][0]["reason"] == "the command gave 7: no"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[nosuch]", "there is no verb 'nosuch'"),
        ("[upscale]", "there is no verb 'upscale'"),
        ("[{run: {workflow: x}}]", "cannot run workflows"),
        ("[{rename: {from: a, prefx: p}}]", "unknown key 'prefx'"),
        ("[{select: {from: a}}]", "--to is required"),
        ("[{select: {from: a, to: b, min_side: huge}}]", "min-side = 'huge'"),
        ("[{select: , from: a}]", "one verb with its settings"),
        ("[{exec: [ls]}]", "exec takes a command"),
        ("[{annotate: {source: s, inherit: false}}]", "--from is required"),
        ("[{annotate: {inherit: maybe}}]", "inherit is true or false"),
        ("[{annotate: {workers: many}}]", "workers: 'many' cannot be used"),
        ("[]", "must be a list of steps"),
        ("select", "must be a list of steps"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(
    file: Path, steps: str, said: str, capsys: Any
) -> None:
    file.write_text(
        f"working_dir: set\nannotate: {{from: a, license: x}}\nworkflows:\n  x: {steps}\n"
    )
    before = tree(file.parent)
    code, _, error = run(file, "x", capsys=capsys)
    assert code == 2
    assert said in error, error
    assert tree(file.parent) == before


def test_names_of_workflows(file: Path, capsys: Any) -> None:
    code, _, error = run(file, "clear", capsys=capsys)
    assert code == 2
    assert "clean, move, listed" in error
    file.write_text("working_dir: set\nworkflows: {select: [annotate]}\n")
    assert "has a verb's name" in run(file, "select", capsys=capsys)[2]
    file.write_text("working_dir: set\nanalyze: {from: a}\n")
    assert "has no workflows" in run(file, "x", capsys=capsys)[2]
    assert "cannot read" in run(file.with_name("none.yaml"), "x", capsys=capsys)[2]
