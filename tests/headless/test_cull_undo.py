"""apply and arrange move photos with all that is theirs, and undo gives back the exact tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import main
from tests.headless.cull_trees import company, few, files, old, pair, shoot, tree
from tests.headless.cull_typed import Cap, group, told
from tests.headless.runs import ROOT

OTHER_DISK = Path("/dev/shm")
TEMPORARY = Path(tempfile.gettempdir())
NOBODY = 65534
LITTLE_ROOM = """
import resource, signal, sys
from curation.__main__ import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
sys.exit(main(sys.argv[1:]))
"""
AS_NOBODY = f"""
import os, sys
from curation.__main__ import main
# Whatever is imported late is imported now: a plain user may not read root's Python.
assert main([*sys.argv[1:], "--dry-run"]) in (0, 3)
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


def reasons(summary: dict[str, Any]) -> dict[str, str]:
    """Return why items stayed, by file name."""
    return {Path(item["item"]).name: item["reason"] for item in summary["failed_items"]}


def test_losers_go_with_all_that_is_theirs_and_undo_brings_back_the_exact_tree(
    tmp_path: Path, capsys: Cap
) -> None:
    root = shoot(tmp_path / "lib")
    group(capsys, root)
    old(root)
    before = tree(root)
    dry = told(capsys, "apply", root, "--dry-run")
    assert tree(root) == before and len(dry["would"]) == 2
    assert "IMG_2.THM" in dry["would"][0]
    done = told(capsys, "apply", root)
    assert (done["photos"], done["files"], done["failed_items"]) == (2, 11, [])
    dupes = root / "_review_dupes"
    assert {p.name for p in (dupes / "day 1").iterdir()} == {
        "IMG_2.JPG", "IMG_2.JPG.xmp", "IMG_2_01.JPG.xmp", "IMG_2.xmp", "IMG_2.JPG.pp3",
        "IMG_2.JPG.dop", "IMG_2.wav", "IMG_2.THM", "IMG_2.JPG.json",
    }  # fmt: skip
    assert {p.name for p in (root / "day 1").iterdir()} == {
        "IMG_1.JPG", "IMG_1.JPG.xmp", "notes.txt",
    }  # fmt: skip
    again = told(capsys, "apply", root)
    assert (again["done"], again["failed_items"]) == (0, [])
    assert (again["moved_before"], again["gone"]) == (2, 0)
    # On another day, in another process.
    said = subprocess.run(
        [sys.executable, "-m", "curation", "undo", str(root)], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert tree(root) == before


def test_a_photo_of_several_files_goes_as_one(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 3)
    for name in ("IMG_2.CR2", "img_2.MOV", "IMG_2.CR2.xmp", "IMG_2.CR2.pp3", "IMG_2.AAE"):
        (root / name).write_bytes(name.encode())
    (root / "IMG_1.MOV").write_bytes(b"the keeper's")
    group(capsys, root)
    before = tree(old(root))
    # A RAW beside it would make it the keeper: the decision is what it is, both go or both stay.
    marked = json.loads((root / ".curation/reports/groups.json").read_text())
    members = marked["groups"][0]["members"]
    raw = next(m for m in members if m["path"].endswith("IMG_2.JPG"))
    other = next(m for m in members if m is not raw)
    raw["verdict"], other["verdict"] = "reject", "keep"
    marked["groups"][0]["members"] = [other, raw]
    (tmp_path / "turned.json").write_text(json.dumps(marked))
    done = told(capsys, "apply", root, "--groups", tmp_path / "turned.json")
    assert (done["photos"], done["files"]) == (1, 6)
    assert {p.name for p in root.glob("*.*") if p.is_file()} == {"IMG_1.JPG", "IMG_1.MOV"}
    assert main(["undo", str(root)]) == 0
    assert tree(root) == before


def test_a_sidecar_by_stem_stays_with_a_kept_picture_of_that_stem(
    tmp_path: Path, capsys: Cap
) -> None:
    root = tmp_path / "lib"
    pair(root, 3)
    shutil.copy(Path(ROOT / "docs" / "pictures" / "review-grid.png"), root / "img_2.png")
    for name in ("IMG_2.xmp", "IMG_2.wav", "IMG_2.JPG.xmp"):
        (root / name).write_text(name)
    group(capsys, root)
    assert told(capsys, "apply", root)["files"] == 2
    assert {p.name for p in (root / "_review_dupes").iterdir()} == {"IMG_2.JPG", "IMG_2.JPG.xmp"}
    assert (root / "IMG_2.xmp").exists() and (root / "IMG_2.wav").exists()


def test_what_lies_in_the_dupes_is_never_replaced(tmp_path: Path, capsys: Cap) -> None:
    root = few(tmp_path / "lib")
    there = root / "_review_dupes" / "day"
    there.mkdir(parents=True)
    (there / "img_2.jpg").write_bytes(b"a stranger, whose name differs by case alone")
    (there / "IMG_2-2.JPG.xmp").write_bytes(b"an orphan")
    group(capsys, root)
    before = tree(old(root))
    assert told(capsys, "apply", root)["photos"] == 1
    assert {p.name for p in there.iterdir()} == {
        "img_2.jpg", "IMG_2-2.JPG.xmp", "IMG_2-3.JPG", "IMG_2-3.JPG.xmp",
    }  # fmt: skip
    assert (there / "IMG_2-3.JPG.xmp").read_text() == "<rating/>"
    assert main(["undo", str(root)]) == 0 and tree(root) == before


def test_what_changed_since_the_groups_were_made_stays(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    for n, name in enumerate(("loser", "keeper", "gone", "no keeper", "rated"), start=1):
        pair(root / name, n)
    group(capsys, root)
    with (root / "loser/IMG_2.JPG").open("ab") as file:
        file.write(b"retouched")
    shutil.copy(root / "loser/IMG_1.JPG", root / "keeper/IMG_1.JPG")
    (root / "gone/IMG_2.JPG").unlink()
    (root / "no keeper/IMG_1.JPG").unlink()
    before = files(root)
    done = told(capsys, "apply", root)
    assert done["photos"] == 1 and done["gone"] == 1
    stays = {item["item"]: item["reason"] for item in done["failed_items"]}
    assert set(stays) == {"loser/IMG_2.JPG", "keeper/IMG_2.JPG", "no keeper/IMG_2.JPG"}
    assert "has changed since" in stays["loser/IMG_2.JPG"]
    assert "is gone or was changed" in stays["no keeper/IMG_2.JPG"]
    assert (root / "_review_dupes/rated/IMG_2.JPG").exists()
    assert files(root) == before


def test_links_stay_where_they_lead_and_one_file_under_two_names_is_never_lost(
    tmp_path: Path, capsys: Cap
) -> None:
    root = tmp_path / "lib"
    pair(root / "a", 1)
    (tmp_path / "sidecar.xmp").write_text("<elsewhere/>")
    (root / "a" / "IMG_2.JPG.xmp").symlink_to("../../sidecar.xmp")
    pair(root / "b", 2)
    (root / "b" / "IMG_2.JPG").unlink()
    (root / "b" / "IMG_2.JPG").hardlink_to(root / "b" / "IMG_1.JPG")
    group(capsys, root)
    before = tree(root)
    done = json.dumps(told(capsys, "apply", root)["failed_items"])
    assert "is a link" in done and "is the same file as" in done
    assert tree(root) == before


def test_a_folder_named_twice_by_a_link_loses_nothing(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root, 1)
    (root / "IMG_2.JPG").unlink()
    (tmp_path / "same").symlink_to(root)
    group(capsys, root, tmp_path / "same")
    before = tree(root)
    done = told(capsys, "apply", root, tmp_path / "same")
    assert done["photos"] == 0
    assert tree(root) == before


def test_dupes_that_lead_elsewhere_are_not_used(tmp_path: Path, capsys: Cap) -> None:
    root = few(tmp_path / "lib")
    (tmp_path / "elsewhere").mkdir()
    (root / "_review_dupes").symlink_to(tmp_path / "elsewhere")
    group(capsys, root)
    done = told(capsys, "apply", root)
    assert done["photos"] == 0 and "is a link" in str(reasons(done))
    assert list((tmp_path / "elsewhere").iterdir()) == []
    (root / "_review_dupes").unlink()
    (root / "_review_dupes").write_text("a file")
    assert "is a file" in str(reasons(told(capsys, "apply", root)))


def test_nothing_is_taken_from_a_reference_folder_within(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    pair(root / "album", 1, "IMG_1", "best")  # the smaller one is in the reference folder
    (root / "album" / "chosen").mkdir()
    (root / "album" / "best.JPG").rename(root / "album" / "chosen" / "best.JPG")
    group(capsys, root, "--reference", root / "album" / "chosen")
    done = told(capsys, "apply", root)
    assert done["photos"] == 1 and (root / "album/chosen/best.JPG").exists()
    assert (root / "_review_dupes/album/IMG_1.JPG").exists()
    main(["undo", str(root)])
    # Groups from elsewhere, that say otherwise.
    report = json.loads((root / ".curation/reports/groups.json").read_text())
    for member in report["groups"][0]["members"]:
        member["verdict"] = "reject" if "chosen" in member["path"] else "keep"
        member["facts"].pop("reference", None)
    report["groups"][0]["members"].sort(key=lambda m: m["verdict"])
    (tmp_path / "other.json").write_text(json.dumps(report))
    before = tree(root)
    words = ("--groups", tmp_path / "other.json", "--reference", root / "album/chosen")
    assert "reference" in str(reasons(told(capsys, "apply", root, *words)))
    assert tree(root) == before


def test_each_folder_keeps_its_own_losers_and_the_first_has_the_journal(
    tmp_path: Path, capsys: Cap
) -> None:
    one, two = few(tmp_path / "one"), tmp_path / "two"
    pair(two / "trip", 5)
    pair(two / "inner", 7)
    group(capsys, one, two, two / "inner")
    before = tree(old(one)), tree(old(two))
    only = told(capsys, "apply", one)
    assert (only["photos"], only["elsewhere"]) == (1, 2)
    both = told(capsys, "apply", one, two, two / "inner")
    assert both["photos"] == 2
    assert (two / "_review_dupes/trip/IMG_2.JPG").exists()
    assert (two / "_review_dupes/inner/IMG_2.JPG").exists()
    assert main(["undo", str(two)]) == 1
    assert "the first that was named" in capsys.readouterr().err
    assert main(["undo", str(one)]) == 0 and main(["undo", str(one)]) == 0
    assert (tree(one), tree(two)) == before


def test_undo_after_changes_by_hand_brings_back_what_can_be(tmp_path: Path, capsys: Cap) -> None:
    root = tmp_path / "lib"
    for n, name in enumerate(("edited", "deleted", "returned", "taken", "calm"), start=1):
        pair(root / name, n)
        (root / name / "IMG_2.JPG.xmp").write_text(f"<{name}/>")
    group(capsys, root)
    before = tree(old(root))
    assert told(capsys, "apply", root)["photos"] == 5
    dupes = root / "_review_dupes"
    (dupes / "edited/IMG_2.JPG.xmp").write_text("<rated by a person since/>")
    (dupes / "deleted/IMG_2.JPG").unlink()
    for name in ("IMG_2.JPG", "IMG_2.JPG.xmp"):
        (dupes / "returned" / name).rename(root / "returned" / name)
    (root / "taken/IMG_2.JPG").write_bytes(b"a new picture of that name")
    left = told(capsys, "undo", root, code=3)
    why = {Path(item["item"]).parent.name: item["reason"] for item in left["failed_items"]}
    assert set(why) == {"edited", "deleted", "taken"}
    now = tree(root, folder_times=False)
    for name in ("returned", "calm"):
        for file in ("IMG_1.JPG", "IMG_2.JPG", "IMG_2.JPG.xmp"):
            assert now[f"{name}/{file}"] == before[f"{name}/{file}"]
    assert (root / "taken/IMG_2.JPG").read_bytes() == b"a new picture of that name"
    assert (dupes / "edited/IMG_2.JPG").exists() and (dupes / "edited/IMG_2.JPG.xmp").exists()
    # The reason gone, the same command goes on.
    (root / "taken/IMG_2.JPG").unlink()
    told(capsys, "undo", root, code=3)
    assert tree(root)["taken/IMG_2.JPG"] == before["taken/IMG_2.JPG"]


def test_folder_times_are_not_put_back_where_somebody_else_changed_something(
    tmp_path: Path, capsys: Cap
) -> None:
    root = shoot(tmp_path / "lib")
    group(capsys, root)
    before = tree(old(root))
    told(capsys, "apply", root)
    time.sleep(0.1)  # times of folders go by the tick of the system's clock
    (root / "day 1" / "new.txt").write_text("somebody's")
    assert main(["undo", str(root)]) == 0
    now = tree(root)
    changed = now["day 1"][1]
    assert changed > before["day 1"][1] and now["day 2/ä 写真"] == before["day 2/ä 写真"]


@pytest.mark.skipif(
    not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == TEMPORARY.stat().st_dev,
    reason="there is no second disk",
)
def test_another_disk_is_copied_to_compared_and_undone(tmp_path: Path, capsys: Cap) -> None:
    root = shoot(tmp_path / "lib")
    group(capsys, root)
    before = tree(old(root))
    other = OTHER_DISK / f"cull-{os.getpid()}"
    try:
        done = told(capsys, "apply", root, "--to", other)
        assert (done["photos"], done["failed_items"]) == (2, [])
        assert (other / "day 1" / "IMG_2.JPG").stat().st_mtime_ns == before["day 1/IMG_2.JPG"][1][1]
        assert main(["undo", str(root)]) == 0
        assert tree(root) == before and not other.exists()
    finally:
        shutil.rmtree(other, ignore_errors=True)


@pytest.mark.skipif(
    not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == TEMPORARY.stat().st_dev,
    reason="there is no second disk",
)
def test_a_disk_that_takes_no_more_leaves_all_as_it_was(tmp_path: Path, capsys: Cap) -> None:
    root = few(tmp_path / "lib")
    with (root / "day" / "IMG_2.JPG").open("ab") as file:
        file.write(bytes(8 << 20))
    group(capsys, root)
    before = tree(old(root))
    other = OTHER_DISK / f"cull-{os.getpid()}"
    try:
        assert ran(LITTLE_ROOM, "apply", root, "--to", other, "--strict") in (1, 3)
        assert tree(root) == before
        assert not list(other.rglob("*.*"))
    finally:
        shutil.rmtree(other, ignore_errors=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_may_not_be_written_to_stops_nothing_else(
    tmp_path: Path, capsys: Cap
) -> None:
    root = shoot(tmp_path / "lib")
    group(capsys, root)  # all is read now: nobody may not start readers everywhere
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and TEMPORARY in path.parents:
            path.chmod(0o755)
    (root / "day 1").chmod(0o555)
    before = tree(root)
    assert ran(AS_NOBODY, "apply", root, "--strict") == 3
    assert (root / "_review_dupes/day 2/ä 写真/a [1].JPG").exists()
    assert (root / "day 1/IMG_2.JPG").exists() and (root / "day 1/IMG_2.wav").exists()
    assert main(["undo", str(root)]) == 0
    assert tree(root) == before


def ran(code: str, *words: str | Path) -> int:
    """Run Python with words in a process of its own, not a fork of one with threads; return its
    exit code."""
    argv = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode


@pytest.fixture
def other_disk() -> Iterator[Path | None]:
    found = None
    if OTHER_DISK.is_dir() and OTHER_DISK.stat().st_dev != TEMPORARY.stat().st_dev:
        found = OTHER_DISK / f"cull-kill-{os.getpid()}"
        found.mkdir()
    yield found
    if found is not None:
        shutil.rmtree(found)


@pytest.mark.parametrize("what", ["apply", "arrange", "another disk"])
def test_kill_9_at_any_step_loses_nothing(
    tmp_path: Path, capsys: Cap, what: str, other_disk: Path | None
) -> None:
    root = few(tmp_path / "lib")
    verb = "arrange" if what == "arrange" else "apply"
    if verb == "arrange":
        company(root / "day", "IMG_1")
    group(capsys, root)
    old(root)
    argv, also = [str(root)], []
    if what == "another disk":
        if other_disk is None:
            pytest.skip("there is no second disk")
        argv += ["--to", str(other_disk / "losers")]
        also = [str(other_disk)]
    answer = tmp_path / "answer.json"
    job = {"verb": verb, "argv": argv, "place": str(root), "also": also, "answer": str(answer),
           "other_disk": bool(also)}  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, "-m", "tests.headless.cull_killing", str(tmp_path / "job.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(answer.read_text())["kills"] >= 20
