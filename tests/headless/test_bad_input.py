"""Bad files beside a good one: the good one is done, each bad one is named with its reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import videos
from tests.headless.runs import ROOT, catalogue_rows, run, run_json


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    folder = tmp_path / "datastore" / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, folder / "good.mp4")
    for name in videos.BAD:
        suffix = ".mp4" if name.endswith(".m4a") else ""
        shutil.copy2(videos.bad(name), folder / f"{name}{suffix}")
    shutil.copy2(videos.damaged("truncated"), folder / "truncated.mp4")
    return tmp_path / "datastore"


def test_each_bad_file_is_named_and_the_good_ones_are_done(datastore: Path) -> None:
    summary = run_json("01_extract.py", datastore)
    named = {
        Path(item["item"]).name.removesuffix(".m4a.mp4").removesuffix(".mp4"): item["reason"]
        for item in summary["failed_items"]
    }
    for name, words in videos.BAD.items():
        reason = named[name.removesuffix(".m4a").removesuffix(".mp4")]
        assert words in reason.lower(), (name, reason)
        assert "Traceback" not in reason
    assert "good" not in named and "truncated" not in named
    frames = catalogue_rows(datastore)["frame"]
    assert len(frames) > 6
    folders = sorted(p.name for p in (datastore / "videos_folder_1").glob("output_images_*"))
    assert len(folders) == 2


def test_strict_tells_by_its_exit_code(datastore: Path) -> None:
    assert run("01_extract.py", datastore).returncode == 0
    done = run("01_extract.py", datastore, "--strict")
    assert done.returncode == 3
    assert "empty.mp4" in done.stdout


def test_a_second_run_does_nothing_twice(datastore: Path) -> None:
    first = run_json("01_extract.py", datastore)
    before = {p: p.stat().st_mtime_ns for p in datastore.rglob("*.jpg")}
    second = run_json("01_extract.py", datastore)
    assert second["extracted"] == 0
    assert second["frames"] == first["frames"]
    assert {p: p.stat().st_mtime_ns for p in datastore.rglob("*.jpg")} == before


def test_a_video_named_but_absent_is_an_item_that_failed(tmp_path: Path) -> None:
    good = videos.clip("cfr25").path
    done = run("01_extract.py", tmp_path / "d", good, tmp_path / "gone.mp4", "--json")
    summary = json.loads(done.stdout)
    assert [item["reason"] for item in summary["failed_items"]] == ["no such file"]
    assert summary["frames"] > 0


def test_a_video_put_right_is_taken_up_in_its_old_place(datastore: Path) -> None:
    run_json("01_extract.py", datastore)
    mended = datastore / "videos_folder_1" / "empty.mp4"
    shutil.copy2(videos.clip("cuts").path, mended)
    summary = run_json("01_extract.py", datastore)
    assert summary["extracted"] == 1
    assert str(mended) not in [item["item"] for item in summary["failed_items"]]


def test_names_that_hurt(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    names = ["-rf.mp4", "a b'\"$(x).mp4", "x" * 200 + ".mp4", "日本語.MP4", "<img src=x>.mp4"]
    clips = ["cfr25", "cuts", "vfr", "b_frames", "ntsc"]
    for name, clip in zip(names, clips, strict=True):
        shutil.copy2(videos.clip(clip).path, folder / name)
    summary = run_json("01_extract.py", tmp_path / "d")
    assert summary["failed_items"] == []
    assert (summary["videos"], summary["copies"]) == (len(names), 0)


def test_a_name_of_two_lines_is_told_in_one_and_copies_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "d" / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy2(videos.clip("cfr25").path, folder / "good.mp4")
    shutil.copy2(videos.clip("cfr25").path, folder / "good again.mp4")
    (folder / "line\nbreak\x1b[31m.mp4").write_bytes(b"")
    done = run("01_extract.py", tmp_path / "d")
    for told in (done.stdout, done.stderr):
        assert "line\\nbreak\\x1b[31m.mp4: is empty" in told and "\x1b" not in told
    assert "1 of 3 files are copies of other files" in done.stdout


def test_no_folder_to_write_to_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = run("01_extract.py", blocked / "datastore", videos.clip("cfr25").path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_stops_with_a_hint_and_goes_on_later(tmp_path: Path) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        done = run("01_extract.py", small / "d", videos.clip("cfr25").path)
        assert done.returncode == 1
        assert "MB free" in done.stderr and "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_paths_with_two_dots_are_the_files_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "far" / "clips").mkdir(parents=True)
    (tmp_path / "beside").symlink_to(tmp_path / "far" / "clips")
    shutil.copy2(videos.clip("cfr25").path, tmp_path / "far" / "good.mp4")
    # beside/.. is far, as for every other program, and not the folder that holds the link.
    words = ["../beside/../good.mp4", "--datastore", "../here/../datastore", "--json"]
    first, second = (
        subprocess.run(
            [sys.executable, str(ROOT / "01_extract.py"), *words],
            cwd=tmp_path / "here", capture_output=True, text=True, check=False,
        )
        for _ in range(2)
    )  # fmt: skip
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert json.loads(first.stdout)["frames"] == json.loads(second.stdout)["frames"] > 0
    assert json.loads(second.stdout)["extracted"] == 0
    assert (tmp_path / "datastore" / "catalog.sqlite").is_file()


def test_sorting_nothing_says_what_comes_first(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert run("01_extract.py", tmp_path / "datastore", tmp_path / "broken.mp4").returncode == 0
    done = run("02_sort.py", tmp_path / "datastore")
    assert done.returncode == 0, done.stderr
    assert "holds no frames yet" in done.stdout
    assert f"next: python 01_extract.py --datastore {tmp_path / 'datastore'}" in done.stdout
