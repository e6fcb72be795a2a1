"""Shards and gathering: what many machines did is what one would have done, row for row."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.engine.parts import Settings
from curation.engine.shards import Job, groups, share
from curation.errors import CurationError, ParamError, StoreError
from curation.store.catalogue import Catalogue
from curation.store.origins import Origin, OriginTable
from curation.store.part_rows import STAYS, travelling
from curation.studio import Studio
from tests.cluster.conftest import FPS, PARAMS, run_gather, run_local, run_sort, run_work
from tests.headless.runs import ROOT, assert_same, catalogue_rows, file_digests

WORK = ("--fps", str(FPS))


def test_two_shards_gathered_equal_a_local_run(
    footage: Path, local: Path, parts: Path, tmp_path: Path
) -> None:
    far = tmp_path / "far" / "datastore"
    told = run_gather(parts, far, footage)
    assert told["failed"].keys() == {"letter.mp4", "poison.mov"} and not told["missing"]
    assert told["failed"]["poison.mov"].startswith("quarantined: it needs more than 300 MB")
    assert told["failed"]["letter.mp4"] == f"{footage / 'letter.mp4'}: is text, not a video"
    sorted_now = run_sort(far)
    assert sorted_now["measured"] == 0
    assert_same(local, far)


def test_gathering_again_changes_nothing(footage: Path, parts: Path, tmp_path: Path) -> None:
    far = tmp_path / "datastore"
    first = run_gather(parts, far, footage)
    rows, files = catalogue_rows(far), file_digests(far)
    again = run_gather(parts, far, footage)
    assert (first["parts"], first["there"]) == (6, 0)
    assert (again["parts"], again["there"], again["stills"]) == (0, 6, 0)
    assert again["failed"] == first["failed"]
    assert catalogue_rows(far) == rows and file_digests(far) == files
    # Even if it were taken in a second time.
    db = sqlite3.connect(far / "catalog.sqlite")
    db.execute("DELETE FROM setting WHERE key GLOB 'part.*'")
    db.commit()
    db.close()
    assert run_gather(parts, far, footage)["parts"] == 6
    again_rows = catalogue_rows(far)
    where = [n for n in rows if again_rows[n] != rows[n]]
    assert where == ["frame"]  # thumbnails are appended once more, the frames point to them
    assert [r[:11] for r in again_rows["frame"]] == [r[:11] for r in rows["frame"]]


def test_local_extraction_finds_nothing_left_to_do(
    footage: Path, parts: Path, tmp_path: Path
) -> None:
    far = tmp_path / "datastore"
    run_gather(parts, far, footage)
    assert run_local(far, footage)["extracted"] == 0


def test_a_part_names_no_path_of_its_machine(footage: Path, parts: Path, tmp_path: Path) -> None:
    seen = set()
    for path in parts.rglob("*"):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                seen |= {name.partition("/")[0] for name in packed.namelist()}
        for word in (footage, footage.parent, Path.home()):
            assert os.fsencode(f"{word}/") not in data, (path, word)
    assert seen == {"manifest.json", "rows.sqlite", "thumbs.pack", "stills"}


def test_every_table_travels_or_stays(local: Path) -> None:
    catalogue = Catalogue(local)
    names = {r[0] for r in catalogue.db.execute("SELECT name FROM sqlite_master"
                                                " WHERE type = 'table'")}  # fmt: skip
    travel = set(travelling(catalogue.db))
    known = {n for n in names if n.startswith("signal_")}
    known |= {"extraction", "shot", "shot_score", "frame", "box"}
    assert travel == known, "say in store/part_rows.py whether a new table travels"
    assert names - travel - STAYS - {"step_run"} == set()
    catalogue.close()


def test_videos_are_found_by_content_where_times_differ(
    footage: Path, local: Path, parts: Path, tmp_path: Path
) -> None:
    copies = tmp_path / "elsewhere" / footage.name
    shutil.copytree(footage, copies)
    for path in copies.rglob("*.mp4"):
        os.utime(path, (1, 1))
    far = tmp_path / "datastore"
    told = run_gather(parts, far, copies)
    # What was no video may have been one that was still being copied.
    assert told["missing"] == [str(copies / "letter.mp4")] and told["parts"] == 5
    near, here = catalogue_rows(local), catalogue_rows(far)
    for name in near:
        if name.startswith("signal_") or name in ("box", "frame", "shot", "shot_score"):
            assert here[name] == near[name], name


def test_a_video_of_another_name_here_has_stills_of_that_name(
    footage: Path, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy2(footage / "clip10.mp4", folder / "again.mp4")  # alike in size, as more/again.mp4
    far, near = tmp_path / "far", tmp_path / "near"
    run_gather(made, far, folder)
    run_local(near, folder)
    stills = {name for name in file_digests(near) if name.endswith(".jpg")}
    assert stills and {n for n in file_digests(far) if n.endswith(".jpg")} == stills
    assert all("/again_f" in name for name in stills)


def test_parts_of_videos_that_lie_elsewhere_are_taken_in_too(
    footage: Path, local: Path, parts: Path, tmp_path: Path
) -> None:
    far = tmp_path / "datastore"
    told = run_gather(parts, far)
    assert told["elsewhere"] == 6 and told["parts"] == 6
    near, here = catalogue_rows(local), catalogue_rows(far)
    for name in ("shot", "shot_score", "extraction", "box"):
        assert here[name] == near[name]
    assert len(here["frame"]) == len(near["frame"])
    assert run_gather(parts, far)["there"] == 6
    # Named later, they get their places and nothing is taken in twice.
    told = run_gather(parts, far, footage)
    assert (told["parts"], told["elsewhere"]) == (1, 0)  # the letter, under its own name
    studio = Studio(far)
    assert {video["path"] for video in studio.videos.listing()} == {
        video["path"] for video in near_listing(local)
    }
    studio.close()


def near_listing(datastore: Path) -> list[dict[str, object]]:
    studio = Studio(datastore)
    listing = studio.videos.listing()
    studio.close()
    return listing


def test_parts_of_videos_that_are_not_named_are_left_alone(
    footage: Path, parts: Path, tmp_path: Path
) -> None:
    told = run_gather(parts, tmp_path / "datastore", footage / "bikes.mp4")
    assert (told["parts"], told["others"]) == (1, 4)  # the letter is no video


@pytest.mark.parametrize("how", ["cut", "flipped", "empty", "not a zip"])
def test_a_damaged_part_costs_itself_and_is_made_again(
    how: str, footage: Path, local: Path, parts: Path, tmp_path: Path,
    part_of: Callable[[str], Path],
) -> None:
    part = part_of("carphone_pristine.mp4")
    data = bytearray(part.read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        data = bytearray(b"" if how == "empty" else b"This is not a part.")
    part.write_bytes(data)
    far = tmp_path / "datastore"
    told = run_gather(parts, far, footage)
    assert told["failed"].keys() == {"letter.mp4", "poison.mov", "carphone_pristine.mp4"}
    assert "set aside" in told["failed"]["carphone_pristine.mp4"]
    assert not [n for n in file_digests(far) if "carphone" in n]
    assert run_gather(parts, far, footage)["missing"] == [str(footage / "carphone_pristine.mp4")]
    if how == "cut":
        again = run_work([footage], parts, scratch=tmp_path / "scratch")
        assert again["parts"] == 2  # and the letter, which is looked at again
        run_gather(parts, far, footage)
        run_sort(far)
        assert_same(local, far)


@pytest.mark.parametrize("name", ["../../evil.jpg", "stills/../../evil.jpg", "stills/a/b.jpg",
                                  "other.txt", "stills/.."])  # fmt: skip
def test_a_part_cannot_write_elsewhere(
    name: str, footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    with zipfile.ZipFile(part_of("bikes.mp4"), "a") as packed:
        packed.writestr(name, b"evil")
    told = run_gather(parts, tmp_path / "datastore", footage)
    assert "which no part does" in told["failed"]["bikes.mp4"]
    assert not list(tmp_path.rglob("evil*"))


def test_rows_that_would_run_something_are_refused(
    footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    part = part_of("bikes.mp4")
    with zipfile.ZipFile(part) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    rows = tmp_path / "rows"
    rows.write_bytes(members["rows.sqlite"])
    db = sqlite3.connect(rows)
    db.execute("CREATE VIEW innocent AS SELECT 1")
    db.close()
    members["rows.sqlite"] = rows.read_bytes()
    with zipfile.ZipFile(part, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    told = run_gather(parts, tmp_path / "datastore", footage)
    assert "more than rows" in told["failed"]["bikes.mp4"]


def test_unlike_settings_never_mix_silently(footage: Path, parts: Path, tmp_path: Path) -> None:
    (digest,) = (path.name for path in parts.iterdir())
    told = json.loads((parts / digest / "settings.json").read_text())
    told["facts"]["software"]["numpy"] = "1.0"
    other = Settings.read(told)
    assert other.digest != digest
    (parts / other.digest).mkdir()
    (parts / other.digest / "settings.json").write_text(json.dumps(told))
    with pytest.raises(CurationError, match="2 settings or versions"):
        run_gather(parts, tmp_path / "datastore", footage)
    assert run_gather(parts, tmp_path / "datastore", footage, chosen=[digest])["parts"] == 6
    with pytest.raises(CurationError, match="holds no parts abc"):
        run_gather(parts, tmp_path / "datastore", footage, chosen=["abc"])


def test_parts_of_another_version_are_refused(footage: Path, parts: Path, tmp_path: Path) -> None:
    (digest,) = (path.name for path in parts.iterdir())
    told = json.loads((parts / digest / "settings.json").read_text())
    told["facts"]["steps"]["faces"] = "0" * 16
    other = Settings.read(told)
    (parts / digest).rename(parts / other.digest)
    (parts / other.digest / "settings.json").write_text(json.dumps(told))
    with pytest.raises(StoreError, match="another version of this program: steps faces"):
        run_gather(parts, tmp_path / "datastore", footage)


def test_other_tunables_go_to_other_parts() -> None:
    here = Settings.here(PARAMS, installed=False)
    same = Settings.here(PARAMS.model_copy(update={"workers": 3}), installed=False)
    assert same.digest == here.digest
    for change in ({"fps": 3.0}, {"face_score": 0.5}, {"stream": 2}):
        other = Settings.here(PARAMS.model_copy(update=change), installed=False)
        assert other.digest != here.digest, change
    assert Settings.read(json.loads(json.dumps(here.to_dict()))).digest == here.digest


def test_what_is_there_is_not_made_again(footage: Path, parts: Path, tmp_path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in parts.rglob("*.zip") if ".failed" not in p.name}
    good = [p for p in footage.rglob("*.mp4") if p.name != "letter.mp4"]
    told = run_work(good, parts, scratch=tmp_path / "scratch")
    assert (told["parts"], told["skipped"]) == (0, 5)
    # A copy under a new name is looked at, recognised, and only its name is kept.
    shutil.copy(footage / "bikes.mp4", tmp_path / "wheels.mp4")
    told = run_work([tmp_path / "wheels.mp4"], parts, scratch=tmp_path / "scratch")
    assert (told["parts"], told["skipped"]) == (0, 1)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_killed_machine_loses_nothing(footage: Path, local: Path, tmp_path: Path) -> None:
    rng, parts = random.Random(4), tmp_path / "parts"
    words = [sys.executable, "-m", "curation", "work", str(footage), "--parts", str(parts),
             "--scratch", str(tmp_path / "scratch"), *WORK]  # fmt: skip
    for _ in range(4):
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(rng.uniform(2, 25))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    far = tmp_path / "far" / "datastore"
    told = run_gather(parts, far, footage)
    assert told["failed"].keys() == {"letter.mp4", "poison.mov"} and not told["missing"]
    run_sort(far)
    assert_same(local, far)


def test_a_gathering_that_was_stopped_goes_on(
    footage: Path, local: Path, parts: Path, tmp_path: Path
) -> None:
    far = tmp_path / "far" / "datastore"
    words = [sys.executable, "-m", "curation", "gather", str(parts), str(footage),
             "--datastore", str(far)]  # fmt: skip
    rng = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.5, 4))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"next: python 02_sort.py --datastore \S+\n", done.stdout)
    run_sort(far)
    assert_same(local, far)


def test_a_failed_part_gives_way_to_a_whole_one(
    footage: Path, parts: Path, tmp_path: Path, part_of: Callable[[str], Path]
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    clip = folder / "late.mp4"
    whole = (footage / "clip10.mp4").read_bytes()
    clip.write_bytes(whole[:5000] + bytes(len(whole) - 5000))  # still being copied
    scratch, fresh, far = tmp_path / "scratch", tmp_path / "fresh", tmp_path / "far"
    assert run_work([folder], fresh, scratch=scratch)["failed"].keys() == {"late.mp4"}
    assert run_gather(fresh, far, folder)["failed"].keys() == {"late.mp4"}
    clip.write_bytes(whole)
    assert run_work([folder], fresh, scratch=scratch)["parts"] == 1
    told = run_gather(fresh, far, folder)
    assert (told["parts"], told["failed"]) == (1, {})
    assert len(catalogue_rows(far)["video"]) == 1


def test_where_a_video_came_from_travels(footage: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "videos_folder_1").mkdir(parents=True)
    clip = here / "videos_folder_1" / "clip10.mp4"
    shutil.copy2(footage / "clip10.mp4", clip)
    catalogue = Catalogue(here)
    origin = Origin("link", "https://example.org/v/1", "site 1", "A ride", "CC BY", {"by": "x"}, 7)
    OriginTable(catalogue).put(clip, origin)
    catalogue.close()
    run_work([clip], tmp_path / "parts", scratch=tmp_path / "scratch")
    far = tmp_path / "far"
    run_gather(tmp_path / "parts", far)
    (row,) = near_listing(far)
    catalogue = Catalogue(far)
    assert OriginTable(catalogue).all() == {row["path"]: origin}
    catalogue.close()


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b", "1/0", "-1/4", ""])
def test_a_wrong_shard_is_explained(text: str) -> None:
    from curation.cluster import shard_of

    with pytest.raises(ParamError, match="i from 1 to n"):
        shard_of(text)


def test_shares_and_groups_leave_nothing_out() -> None:
    rng = random.Random(1)
    jobs = [Job(Path(f"/v/{i}.mp4"), f"{i}.mp4", rng.randrange(1, 1 << 31), i) for i in range(997)]
    for of in (1, 2, 7, 100):
        shares = [share(jobs, i, of) for i in range(1, of + 1)]
        assert sorted(job.source for s in shares for job in s) == sorted(j.source for j in jobs)
        sizes = [sum(job.size_bytes for job in s) for s in shares]
        assert max(sizes) - min(sizes) <= max(job.size_bytes for job in jobs)
        for workers, slots in ((1, 1), (8, 1), (1, 64)):
            made = groups(shares[0], workers, slots)
            assert [job for group in made for job in group] == shares[0]
            assert max(map(len, made)) <= 4 * workers
    assert groups([], 4) == []
