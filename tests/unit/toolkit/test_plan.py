"""Plans: skipped when done, never over others' files, undone exactly, ended after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ImageUnreadable, InputError
from curation.toolkit import doing
from curation.toolkit import sidecar as sc
from curation.toolkit.files import Files
from curation.toolkit.plan import Copy, Edit, Move, Plan, Remove, Write
from tests.unit.toolkit.trees import context, outcome, picture, sidecar_of, tree

ROOT = Path(__file__).parents[3]


def carry_out(root: Path, fill: Callable[[Plan], None], **kind: Any) -> Mapping[str, Any]:
    ctx = context(root, kind.pop("verb", "test"), **kind)
    try:
        plan = ctx.plan()
        fill(plan)
        return outcome(ctx.carry_out(plan))
    finally:
        ctx.catalogue.close()


def undo(root: Path, down_to: int | None = None) -> list[tuple[str, str]]:
    ctx = context(root)
    files = Files(ctx.catalogue)
    files.recover()
    left = [item for run in files.journal.to_undo(down_to) for item in files.undo(run)]
    ctx.catalogue.close()
    return left


@pytest.fixture
def root(tmp_path: Path) -> Path:
    picture(tmp_path / "a/x.jpg", 1, source="me")
    picture(tmp_path / "a/y.jpg", 2)
    picture(tmp_path / "b/x.jpg", 3)
    os.utime(tmp_path / "a/x.jpg", ns=(10**18 + 7, 10**18 + 7))
    return tmp_path


def everything(root: Path) -> Callable[[Plan], None]:
    def fill(plan: Plan) -> None:
        plan.add(
            Copy(root / "a/x.jpg", root / "new/deep/x.jpg", "why", {"license": "cc0"}),
            Move(root / "a/x.jpg", root / "moved/x.jpg", changes={"origin": "o"}),
            Edit(root / "a/y.jpg", {"metrics": {"blur": 1.5}}),
            Write(
                root / "made/w.jpg", lambda: b"new", sidecar={}, source=root / "b/x.jpg", fp="1"
            ),
            Write(root / "list.json", b"{}"),
        )

    return fill


def test_a_dry_run_says_all_and_changes_nothing(root: Path) -> None:
    before = tree(root)
    told = carry_out(root, everything(root), dry_run=True)
    assert told["would"][0] == "copy a/x.jpg -> new/deep/x.jpg: why"
    assert len(told["would"]) == 5
    assert tree(root) == before


def test_everything_is_done_once_and_undone_exactly(root: Path) -> None:
    before = tree(root)
    told = carry_out(root, everything(root))
    assert (told["done"], told["failed_items"]) == (5, [])
    assert (root / "new/deep/x.jpg").stat().st_mtime_ns == 10**18 + 7
    assert sidecar_of(root / "new/deep/x.jpg") == {
        "source": "me", "from_file": "a/x.jpg", "license": "cc0", "schema": 1,
    }  # fmt: skip
    assert sidecar_of(root / "moved/x.jpg") == {"source": "me", "origin": "o", "schema": 1}
    assert sidecar_of(root / "made/w.jpg")["from_file"] == "b/x.jpg"
    assert not (root / "a/x.jpg").exists() and not (root / "a/x.jpg.json").exists()
    assert undo(root) == []
    assert tree(root) == before
    with pytest.raises(InputError, match="nothing"):
        undo(root)


def test_a_second_run_does_nothing(root: Path) -> None:
    def fill(plan: Plan) -> None:
        everything(root)(plan)
        del plan.actions[1]

    carry_out(root, fill)
    before = tree(root)
    again = carry_out(root, fill)
    assert (again["done"], again["skipped"], again["run"]) == (0, 4, None)
    assert tree(root) == before
    assert carry_out(root, fill, dry_run=True)["would"] == []


def test_a_different_file_is_never_overwritten(root: Path) -> None:
    before = tree(root)
    told = carry_out(
        root,
        lambda plan: plan.add(
            Copy(root / "a/x.jpg", root / "b/x.jpg"),
            Move(root / "a/y.jpg", root / "b/x.jpg"),
            Write(root / "b/x.jpg", lambda: b"other", sidecar={}),
            Remove(root / "b/x.jpg"),
        ),
    )
    assert [item["item"] for item in told["failed_items"]] == ["a/x.jpg", "a/y.jpg", "b/x.jpg"]
    assert told["done"] == 0
    assert tree(root) == before


def test_what_a_verb_made_is_made_anew_unless_somebody_changed_it(root: Path) -> None:
    def fill(data: bytes, fp: str) -> Callable[[Plan], None]:
        return lambda plan: plan.add(Write(root / "w.jpg", lambda: data, sidecar={}, fp=fp))

    carry_out(root, fill(b"one", "1"))
    carry_out(root, fill(b"never made", "1"))
    assert (root / "w.jpg").read_bytes() == b"one"
    carry_out(root, fill(b"two", "2"))
    assert (root / "w.jpg").read_bytes() == b"two"
    assert carry_out(root, fill(b"3", "3"), verb="another")["failed_items"]
    (root / "w.jpg").write_bytes(b"retouched")
    assert carry_out(root, fill(b"3", "3"))["failed_items"]
    assert (root / "w.jpg").read_bytes() == b"retouched"
    left = undo(root)  # what was changed since stays; its sidecar goes back
    assert [path for path, _ in left] == [str(root / "w.jpg")]
    assert "changed since" in left[0][1]


def test_two_things_for_one_place_and_links_fail_alone(root: Path) -> None:
    (root / "link.jpg").symlink_to(root / "a/x.jpg")
    told = carry_out(
        root,
        lambda plan: plan.add(
            Write(root / "n.jpg", lambda: b"1", sidecar={}),
            Write(root / "n.jpg", lambda: b"2", sidecar={}),
            Write(root / "link.jpg", lambda: b"3", sidecar={}, replace=True),
            Move(root / "link.jpg", root / "elsewhere.jpg"),
            Edit(root / "b/x.jpg", {"source": "s"}),
        ),
    )
    assert told["done"] == 2 and len(told["failed_items"]) == 2
    assert (root / "n.jpg").read_bytes() == b"1"
    assert (root / "link.jpg").is_symlink()


def test_one_bad_item_never_stops_the_rest(root: Path) -> None:
    def bad() -> bytes:
        raise ImageUnreadable("it is cut short")

    (root / "a/y.jpg.json").write_text("{")
    told = carry_out(
        root,
        lambda plan: plan.add(
            Write(root / "1.jpg", bad, sidecar={}),
            Write(root / "2.jpg", lambda: (b"2", {"source": "made"}), sidecar={}),
            Copy(root / "a/y.jpg", root / "3.jpg"),
            Write(root / "4.jpg", lambda: bytes(1 // int("0")), sidecar={}),
            Copy(root / "gone.jpg", root / "5.jpg"),
        ),
    )
    assert told["done"] == 1 and len(told["failed_items"]) == 4
    assert told["failed_items"][0] == {"item": "1.jpg", "reason": "it is cut short"}
    assert sidecar_of(root / "2.jpg")["source"] == "made"
    assert (root / "a/y.jpg.json").read_text() == "{"
    assert not list((root / ".curation/tmp").iterdir())


def test_moves_that_change_places(root: Path) -> None:
    before = tree(root)
    a, b, c, d = (root / name for name in ("a/x.jpg", "a/y.jpg", "b/x.jpg", "b/new.jpg"))
    told = carry_out(root, lambda p: p.add(Move(a, b), Move(b, a), Move(c, d)))
    assert told["failed_items"] == []
    after = tree(root)
    assert after["a/y.jpg"] == before["a/x.jpg"] and after["a/x.jpg"] == before["a/y.jpg"]
    assert after["a/y.jpg.json"] == before["a/x.jpg.json"] and "a/x.jpg.json" not in after
    told = carry_out(root, lambda p: p.add(Move(a, d), Move(d, root / "b/z.jpg"), Move(b, a)))
    assert told["failed_items"] == []
    assert undo(root, 1) == []
    assert tree(root) == before


def test_undo_takes_back_one_run_after_the_other(root: Path) -> None:
    trees = [tree(root)]
    for n in range(3):
        carry_out(root, lambda p, n=n: p.add(Edit(root / "a/x.jpg", {"metrics": {"blur": n}})))
        trees.append(tree(root))
    undo(root)
    assert tree(root) == trees[2]
    undo(root, 1)
    assert tree(root) == trees[0]


def test_an_emptied_sidecar_goes_and_comes_back(root: Path) -> None:
    before = tree(root)
    carry_out(root, lambda plan: plan.add(Edit(root / "a/x.jpg", remove=["source"])))
    assert "a/x.jpg.json" not in tree(root)
    undo(root)
    assert tree(root) == before


def test_what_was_only_written_down_is_ended(root: Path) -> None:
    ctx = context(root)
    files = Files(ctx.catalogue)
    run = files.journal.begin("test", [])
    x, y = root / "a/x.jpg", root / "a/y.jpg"
    before = tree(root)
    ops = [files.put_copy(root / "n.jpg", x), *files.moves(x, root / "m.jpg"), files.removal(y)]
    files.journal.group(run, ops)
    files.do(ops[0])  # killed here
    later = Files(ctx.catalogue)
    assert later.recover() == 3
    assert later.recover() == 0
    after = tree(root)
    assert after["n.jpg"] == after["m.jpg"] == before["a/x.jpg"]
    assert "a/y.jpg" not in after and "a/x.jpg" not in after
    assert later.undo(run) == []
    assert tree(root) == before
    ctx.catalogue.close()


@pytest.mark.parametrize("done", range(7))
def test_a_ring_of_moves_is_ended_wherever_it_was_killed(root: Path, done: int) -> None:
    x, y = root / "a/x.jpg", root / "a/y.jpg"
    before = tree(root)
    ctx = context(root)
    runner = doing._Runner(ctx.plan(), ctx.catalogue, "rename", [])
    ops = doing._cycle(runner, [Move(x, y), Move(y, x)])
    run = runner.files.journal.begin("rename", [])
    runner.files.journal.group(run, ops)
    assert len(ops) == 6  # two pictures and a sidecar: all aside, then all to their places
    for op in ops[:done]:
        runner.files.do(op)
    runner.files.recover()
    after = tree(root)
    assert after["a/x.jpg"] == before["a/y.jpg"] and after["a/y.jpg"] == before["a/x.jpg"]
    assert after["a/y.jpg.json"] == before["a/x.jpg.json"] and "a/x.jpg.json" not in after
    assert runner.files.undo(run) == [] and tree(root) == before
    ctx.catalogue.close()


def test_a_killed_run_leaves_old_or_new_and_can_be_undone(tmp_path: Path) -> None:
    for n in range(400):
        picture(tmp_path / f"a/{n}.jpg", n, metrics={"blur": n})
    before = tree(tmp_path)
    argv = ["-d", str(tmp_path), "--from", "a", "--to", "out", "--move", "--min-blur", "20"]
    running = subprocess.Popen([sys.executable, "-m", "curation", "select", *argv], cwd=ROOT)
    while not (tmp_path / "out/30.jpg").exists() and running.poll() is None:
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL)
    running.wait()
    originals = {Path(name).name: data for name, (data, _) in before.items()}
    for name, (data, _) in tree(tmp_path).items():
        if name.endswith(".jpg"):
            assert data == originals[Path(name).name]
        elif name.endswith(".json"):
            assert sc.load(tmp_path / name)
    assert undo(tmp_path) == []
    assert tree(tmp_path) == before
