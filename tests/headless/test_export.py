"""Exports go on where they stopped, touch nothing of a person, and can be made again."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.errors import CurationError, InputError, NoSpace, ParamError
from curation.export import copying, lock, manifest
from curation.export.settings import ExportParams
from curation.export.who import lacking
from curation.params import ExtractParams
from curation.store.mark_ops import MarkOps, Op
from curation.store.people import PeopleTable, Saying
from curation.studio import Studio
from tests.headless import exports
from tests.headless.runs import ROOT, run_json


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    studio = exports.filled(tmp_path_factory.mktemp("export") / "datastore")
    studio.close()
    return studio.root


@pytest.fixture
def studio(filled: Path, tmp_path: Path) -> Studio:
    """A copy of its own: tests say things."""
    shutil.copytree(filled, tmp_path / "datastore")
    return Studio(tmp_path / "datastore")


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curation", *map(str, words)], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


def test_again_writes_nothing_and_new_picks_are_added(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "o"
    first = exports.export(studio, "folders", out)
    before = exports.tree(out)
    again = exports.export(studio, "folders", out)
    assert (again["made"], again["kept"], again["gone"]) == (0, first["made"], 0)
    assert exports.tree(out) == before
    more = exports.export(studio, "folders", out, what="all")
    assert more["kept"] == first["made"] and more["made"] > 0
    fewer = exports.export(studio, "folders", out)
    assert fewer["gone"] > 0 and exports.tree(out) == before


def _frame(studio: Studio, row: dict[str, Any]) -> int:
    return next(frame.id for frame in studio.videos.frames() if frame.key == row["frame"])


def test_files_of_a_person_stay(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "o"
    exports.export(studio, "folders", out)
    rows = exports.manifest(out)
    note, caption = out / "face/mine.txt", (out / rows[0]["file"]).with_suffix(".txt")
    note.parent.mkdir(exist_ok=True)
    note.write_text("mine")
    caption.write_text("my own words")
    changed = out / rows[1]["file"]
    changed.write_bytes(b"painted over")
    told = exports.export(studio, "folders", out, caption="{pool}")
    assert {Path(item["item"]).name for item in told["failed_items"]} == {
        caption.name, changed.name
    }
    assert all("was changed since" in item["reason"] for item in told["failed_items"])
    assert (note.read_text(), caption.read_text()) == ("mine", "my own words")
    assert changed.read_bytes() == b"painted over"
    # What is not asked for any more goes, but not what a person made of it.
    told = exports.export(studio, "folders", out, where=f"frame_id != {_frame(studio, rows[1])}")
    assert any("changed by hand and stay" in note for note in told["notes"])
    assert note.read_text() == "mine" and changed.read_bytes() == b"painted over"


def test_a_foreign_file_is_never_overwritten(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "o"
    names = exports.export(studio, "csv", tmp_path / "first")
    file = exports.manifest(tmp_path / "first")[0]["file"]
    (out / file).parent.mkdir(parents=True)
    (out / file).write_bytes(b"somebody's")
    told = exports.export(studio, "csv", out)
    assert told["pictures"] == names["pictures"] - 1
    (item,) = told["failed_items"]
    assert "is not ours; it is left as it is" in item["reason"]
    assert (out / file).read_bytes() == b"somebody's"
    assert file not in {row["file"] for row in exports.manifest(out)}


def test_no_link_leads_out_of_the_folder(studio: Studio, tmp_path: Path) -> None:
    out, away = tmp_path / "o", tmp_path / "away"
    out.mkdir()
    away.mkdir()
    (out / "images").symlink_to(away)
    told = exports.export(studio, "csv", out)
    assert told["pictures"] == 0 and not list(away.iterdir())
    assert "leads elsewhere by a link" in told["failed_items"][0]["reason"]


def test_a_killed_export_goes_on(studio: Studio, tmp_path: Path) -> None:
    out, whole = tmp_path / "o", tmp_path / "whole"
    words = ["export", "folders", "--what", "all", "--long-px", "300",
             "--datastore", str(studio.root)]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "curation", *words, "--out", str(out)], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while len(list(out.rglob("*.jpg"))) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = command(*words, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert command(*words, "--out", whole).returncode == 0
    assert exports.tree(out) == exports.tree(whole)
    assert not list(out.rglob("*.part"))


def test_a_full_disk_is_told_and_what_was_written_stays(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all, count = copying.write_all, [0]

    def full(out: int, data: memoryview) -> None:
        count[0] += 1
        if count[0] > 10:
            write_all(out, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(out, data)

    monkeypatch.setattr(copying, "write_all", full)
    with pytest.raises(NoSpace, match="make room, then type the same command again"):
        exports.export(studio, "folders", tmp_path / "o", what="all")
    monkeypatch.undo()
    there = len(list((tmp_path / "o").rglob("*.jpg")))
    assert there >= 10 and not list((tmp_path / "o").rglob("*.part"))
    told = exports.export(studio, "folders", tmp_path / "o", what="all")
    assert told["kept"] >= there and not told["failed_items"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"name": "{video.__class__}"}, "which is no field"),
        ({"name": "{nobody}"}, "fields are video, time_s"),
        ({"caption": "{time_s:999999999999}"}, "cannot be filled"),
        ({"crop": "40"}, "is no ratio"),
        ({"what": "pool"}, "needs --pools"),
        ({"pools": "fce"}, "there is no pool 'fce'"),
        ({"person": "Nobody"}, "nobody is called"),
        ({"split": "video", "val": 0.6, "test": 0.5}, "leave nothing to train on"),
        ({"captions_from": "nowhere"}, "no such folder"),
        ({"where": "focsu > 1"}, "focsu"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_is_written(
    studio: Studio, tmp_path: Path, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(CurationError) as told:
        exports.export(studio, "folders", tmp_path / "o", **params)
    assert said in str(told.value)
    assert not (tmp_path / "o").exists()
    with pytest.raises(ParamError, match="formats are folders, kohya"):
        exports.export(studio, "nothing", tmp_path / "o")
    with pytest.raises(InputError, match="own files"):
        exports.export(studio, "folders", studio.root / "ranked")


def test_what_people_said_chooses(studio: Studio, tmp_path: Path) -> None:
    starred = exports.export(studio, "folders", tmp_path / "a", stars=4)
    where = exports.export(studio, "folders", tmp_path / "b", where="stars >= 4")
    assert starred["pictures"] == where["pictures"] == 6
    ids = np.array([row["frame_id"] for row in studio.decisions.page(verdict="picked")][:3])
    MarkOps(studio.catalogue).apply("a", "Ada", [Op("r", "flag", -1, np.sort(ids))])
    all_but = exports.export(studio, "folders", tmp_path / "c")
    keys = {row["key"] for row in studio.decisions.page(verdict="picked")
            if row["frame_id"] in ids}  # fmt: skip
    assert not keys & {row["frame"] for row in exports.manifest(tmp_path / "c")}
    assert all_but["pictures"] > 0


def test_at_most_so_many_are_the_best_of_each_pool(studio: Studio, tmp_path: Path) -> None:
    picks = studio.decisions.page(verdict="picked")
    told = exports.export(studio, "folders", tmp_path / "o", most=9)
    by_key = {row["key"]: row for row in picks}
    rows = [by_key[row["frame"]] for row in exports.manifest(tmp_path / "o")]
    assert told["pictures"] == len(rows) == 9 and not told["notes"]
    ranks = sorted(row["rank"] for row in picks)
    assert sorted(row["rank"] for row in rows) == ranks[:9]
    assert {row["pool"] for row in rows} == {row["pool"] for row in picks}
    # One that is refused makes room for the next; one that was picked by hand comes first.
    out = min(rows, key=lambda row: row["rank"])
    hand = max(picks, key=lambda row: row["rank"])
    MarkOps(studio.catalogue).apply("a", "Ada", [
        Op("x", "flag", -1, np.array([out["frame_id"]])),
        Op("y", "flag", 1, np.array([hand["frame_id"]])),
    ])  # fmt: skip
    again = exports.export(studio, "folders", tmp_path / "o", most=9)
    frames = {row["frame"] for row in exports.manifest(tmp_path / "o")}
    assert (again["pictures"], again["gone"]) == (9, 2)
    assert hand["key"] in frames and out["key"] not in frames
    few = exports.export(studio, "folders", tmp_path / "all", most=999)
    assert few["notes"][0].startswith(f"{len(picks) - 1} pictures, not 999: python -m curation")


def test_a_person_without_a_consent_note_stops_it(studio: Studio, tmp_path: Path) -> None:
    people = {row["frame_id"]: row["person"] for row in studio.decisions.page(verdict="picked")
              if row["person"] is not None}  # fmt: skip
    number = max(set(people.values()), key=list(people.values()).count)
    frames = np.array(sorted(i for i, n in people.items() if n == number), np.int64)
    table = PeopleTable(studio.catalogue)
    anna = table.say(Saying("name", {"person": None, "name": "Anna"}, frames))
    with pytest.raises(CurationError, match=r"no consent is noted of Anna \("):
        exports.export(studio, "folders", tmp_path / "o", person="anna", require_consent=True)
    assert not (tmp_path / "o").exists()
    table.say(Saying("consent", {"person": anna, "note": "signed"}, frames[:1]))
    told = exports.export(
        studio, "imagefolder", tmp_path / "o", person="anna", require_consent=True
    )
    assert told["pictures"] == len(frames)
    assert "Anna" in (tmp_path / "o/README.md").read_text()
    assert "consent: signed" in (tmp_path / "o/README.md").read_text()


def test_somebody_whom_no_face_tells_lacks_consent_too(
    studio: Studio, tmp_path: Path
) -> None:
    nobody = {row["frame_id"] for row in studio.decisions.page(verdict="picked")
              if row["person"] is None}  # fmt: skip
    assert nobody, "the sample's cyclists are too far away for a face"
    told = lacking(studio.catalogue, sorted(nobody))
    assert told == {"somebody whose face tells nobody": len(nobody)}
    with pytest.raises(CurationError, match="somebody whose face tells nobody"):
        exports.export(studio, "folders", tmp_path / "o", require_consent=True)
    assert not (tmp_path / "o").exists()


def test_captions_that_people_wrote_come_first(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    row = studio.decisions.page(verdict="picked")[0]
    name = Path(row["file"]).stem
    (tmp_path / "texts" / f"{name}.txt").write_text("a hat,\n two dogs\n", encoding="utf-8")
    exports.export(studio, "folders", tmp_path / "o", captions_from=str(tmp_path / "texts"))
    found = [path.read_text() for path in (tmp_path / "o").rglob("*.txt")]
    assert "a hat, two dogs\n" in found and any("close-up" in text for text in found)


def test_hard_links_take_no_room(studio: Studio, tmp_path: Path) -> None:
    told = exports.export(studio, "folders", tmp_path / "o", link=True)
    assert told["pictures"] and all(
        path.stat().st_nlink > 1 for path in (tmp_path / "o").rglob("*.jpg")
    )


def test_a_size_is_never_enlarged_unasked(studio: Studio, tmp_path: Path) -> None:
    stored = {max(frame.width, frame.height) for frame in studio.videos.frames()}
    for enlarge in (False, True):
        out = tmp_path / str(enlarge)
        exports.export(studio, "folders", out, long_px=2000, enlarge=enlarge, stars=4)
        sizes = {max(Image.open(path).size) for path in out.rglob("*.jpg")}
        assert max(stored) < 2000 and (sizes == {2000} if enlarge else sizes <= stored)


# -- the same again -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(
    tmp_path_factory: pytest.TempPathFactory, weights_dir: Path, sample_clips: list[Path]
) -> Path:
    datastore = tmp_path_factory.mktemp("replay") / "datastore"
    recipe = ("--recipe", "recipes/small.yaml")
    run_json("01_extract.py", datastore, *sample_clips, *recipe, "--full-frames", "picks")
    run_json("02_sort.py", datastore, *recipe)
    run_json("03_score_and_rank.py", datastore, *recipe)
    return datastore


@pytest.mark.slow
def test_a_lock_gives_the_same_bytes_from_the_videos(
    real: Path, tmp_path: Path, sample_clips: list[Path]
) -> None:
    studio = Studio(real)
    rows = studio.decisions.page(order="time")
    picked = [row["frame_id"] for row in rows if row["verdict"] == "picked"]
    other = [row["frame_id"] for row in rows if row["verdict"] == "rejected"]
    MarkOps(studio.catalogue).apply("a", "Ada", [
        Op("1", "flag", -1, np.array(picked[:1])), Op("2", "flag", 1, np.array(other[:1])),
        Op("3", "stars", 3, np.array(sorted(picked[1:3]))), Op("4", "tag", "hat", np.array(picked)),
    ])  # fmt: skip
    rated = np.array(sorted({row["frame_id"] for row in rows} - set(picked)))
    for n, frame in enumerate(rated[:14].tolist()):  # enough for taste to be learned
        who = "a" if n % 2 else "b"
        op = Op(f"r{n}", "stars", 1 + n % 5, np.array([frame]))
        MarkOps(studio.catalogue).apply(who, "Ada", [op])
    list(studio.rank())
    list(studio.apply())
    parts = [row["parts"] for row in studio.decisions.page(verdict="picked")]
    assert any("taste" in part for part in parts)
    out = tmp_path / "out"
    told = exports.export(studio, "imagefolder", out, split="shot", val=0.3, long_px=120)
    studio.close()
    assert told["pictures"] > 3 and not told["failed_items"]
    videos = tmp_path / "elsewhere" / "deep"
    videos.mkdir(parents=True)
    for n, clip in enumerate(sample_clips):
        shutil.copy(clip, videos / f"renamed {n}{clip.suffix}")
    again = tmp_path / "again"
    done = command("replay", out, "--videos", tmp_path / "elsewhere", "--out", again, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["notes"], summary["differ"], summary["failed_items"]) == ([], [], [])
    assert exports.tree(again) == exports.tree(out)
    # The manifest alone makes the pictures, without measuring anything.
    alone = tmp_path / "alone"
    done = command(
        "replay", out / "manifest.jsonl", "--videos", videos, "--out", alone, "--json", "--strict"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["same"] == told["pictures"]
    pictures = {file: digest for file, digest in exports.tree(out).items() if file.endswith("jpg")}
    assert exports.tree(alone) == pictures
    # Without a video it says which.
    (videos / "renamed 1.mp4").unlink()
    done = command("replay", out, "--videos", videos, "--out", tmp_path / "no")
    assert done.returncode == 1 and "lacks 1 of 2 videos: carphone" in done.stderr


def hostile(told: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(told))
    change(made)
    return made


def test_a_lock_of_a_stranger_is_checked(studio: Studio, tmp_path: Path) -> None:
    exports.export(studio, "folders", tmp_path / "o")
    told = lock.read(tmp_path / "o")
    bad = [
        hostile(told, lambda t: t.pop("videos")),
        hostile(told, lambda t: t.update(schema="other")),
        hostile(told, lambda t: t["videos"][0].update(name="../../etc/x")),
        hostile(told, lambda t: t["videos"][0].update(folder_no="../3")),
        hostile(told, lambda t: t["videos"].append(7)),
    ]
    (tmp_path / "videos").mkdir()
    for n, one in enumerate(bad):
        path = tmp_path / f"{n}.lock.json"
        path.write_text(json.dumps(one))
        with pytest.raises(InputError):
            list(Studio.replay(path, tmp_path / "videos", tmp_path / "x"))
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.replay").exists()
    line = json.dumps({**exports.manifest(tmp_path / "o")[0], "file": "../../x.jpg"})
    (tmp_path / "m.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match="line 1"):
        manifest.read(tmp_path / "m.jsonl")


def test_the_log_of_a_stranger_removes_nothing(studio: Studio, tmp_path: Path) -> None:
    out, mine = tmp_path / "o", tmp_path / "mine.txt"
    mine.write_text("mine")
    told = mine.stat()
    out.mkdir()
    (out / ".curation-export.jsonl").write_text(json.dumps({
        "file": "../mine.txt", "fp": "x", "sha256": "x", "n_bytes": 4, "mtime_ns": told.st_mtime_ns
    }) + "\n[1]\n{\n")  # fmt: skip
    exports.export(studio, "folders", out)
    assert mine.read_text() == "mine"


def test_the_command_line_speaks_plainly(studio: Studio, tmp_path: Path) -> None:
    done = command("export", "kohya", "--datastore", studio.root, "--preview")
    assert done.returncode == 0 and "pictures" in done.stdout, done.stderr
    done = command("export", "folders", "--datastore", tmp_path / "none")
    assert done.returncode == 1 and "is no datastore" in done.stderr
    done = command("export", "folders", "--datastore", studio.root)
    assert done.returncode == 0 and str(studio.root / "exports/folders") in done.stdout
    assert command("export", "oil-painting").returncode == 2
    assert ExportParams() == ExportParams(**studio.remembered("export", ExportParams))
    assert ExtractParams().full_frames == "all"
