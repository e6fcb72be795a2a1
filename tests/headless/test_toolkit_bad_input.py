"""What people's folders really hold: each oddity has one defined outcome, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from curation.__main__ import main
from curation.photos.content import content_digest
from curation.photos.decode import load_upright
from curation.store.catalogue import OUR_FOLDER
from curation.toolkit import files as changing
from tests import photos, videos
from tests.headless.toolkit_cases import beside, contents, snapshot
from tests.photos import photo
from tests.unit.pictures import scenery

SIZE = (96, 64)
WORDS: dict[str, tuple[str, ...]] = {
    "select": ("--to", "out", "--min-side", "10"),
    "annotate": ("-s", "mine"),
    "rename": ("-p", "p"),
    "validate": (),
    "analyze": ("-m", "phash,blur"),
    "detect": ("--classes", "chair"),
    "extract-faces": ("--to", "out"),
    "cluster": ("--to", "out", "--model", "clip", "--min-cluster-size", "2"),
    "augment": ("--to", "out", "--flipX"),
    "format": ("--to", "out", "--format", "png"),
    "frame": ("--to", "out", "--width", "48"),
}
"""Verbs that take any folder of pictures."""
MODELS = {"detect", "extract-faces", "cluster"}
WHOLE = set(WORDS) - {"select", "annotate", "rename"}
"""Verbs that decode every picture."""
GOOD = {
    "cmyk.jpg", "cmyk.tif", "deep.png", "deep_rgb.png", "alpha.png", "clear.gif", "turned.jpg",
    "moving.gif", "moving.webp", "bit.png", "plain.jpg", "alpha.webp",
}  # fmt: skip


def zoo(folder: Path) -> Path:
    """Fill a folder with every kind of picture that must work, and every bad one."""
    folder.mkdir(parents=True)
    rgb = scenery(3, SIZE)
    image = Image.fromarray(rgb)
    image.save(folder / "plain.jpg")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("CMYK").save(folder / "cmyk.tif")
    deep = rgb.astype(np.uint16) * 257
    cv2.imwrite(str(folder / "deep.png"), deep[..., 0])
    cv2.imwrite(str(folder / "deep_rgb.png"), deep[..., ::-1])
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(SIZE))
    clear.save(folder / "alpha.png")
    clear.save(folder / "alpha.webp", lossless=True)
    clear.convert("P").save(folder / "clear.gif", transparency=0)
    photo(folder / "turned.jpg", 4, SIZE, orientation=6)
    more = [Image.fromarray(scenery(seed, SIZE)) for seed in (5, 6)]
    moving: dict[str, Any] = {"save_all": True, "append_images": more, "duration": 80}
    image.save(folder / "moving.gif", **moving)
    image.save(folder / "moving.webp", lossless=True, **moving)
    image.convert("1").save(folder / "bit.png")
    assert {path.name for path in folder.iterdir()} == GOOD
    photos.shoot(folder.parent / "shot")
    for name in photos.BAD:
        shutil.move(folder.parent / "shot" / name, folder / name)
    shutil.rmtree(folder.parent / "shot")
    return folder


def told(capsys: Any, *line: str, code: int | None = 0) -> dict[str, Any]:
    """Run a command; it may print one JSON object and no traceback."""
    capsys.readouterr()
    got = main([*line, "--json"])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "Error:" not in said.err.replace("error:", ""), said.err
    assert code is None or got == code, said.err
    return json.loads(said.out) if said.out else {"error": said.err}


def names_of(summary: dict[str, Any]) -> dict[str, str]:
    return {Path(item["item"]).name: item["reason"] for item in summary["failed_items"]}


@pytest.mark.parametrize("verb", WORDS)
def test_every_kind_of_picture(
    verb: str, tmp_path: Path, capsys: Any, request: pytest.FixtureRequest
) -> None:
    if verb in MODELS:
        request.getfixturevalue("weights_dir")
    folder = zoo(tmp_path / "set" / "a")
    before = contents(folder)
    line = (verb, "-d", str(folder.parent), "--from", "a", *WORDS[verb])
    summary = told(capsys, *line, code=1 if verb == "validate" else 0)
    failed = names_of(summary)
    assert set(failed) <= set(photos.BAD), failed
    if verb in WHOLE:
        assert set(failed) == set(photos.BAD)
        for name, reason in photos.BAD.items():
            assert reason in failed[name] or name == "bomb.png", failed[name]
        assert "pixels" in failed["bomb.png"]
    if verb != "rename":
        left = contents(folder)
        assert {name: left[name] for name in before} == before, "pictures are never changed"
    if verb in ("format", "frame", "augment"):
        made = {Path(name).stem.split("_flip")[0] for name in contents(folder.parent / "out")}
        assert {Path(name).stem for name in GOOD - {"alpha.webp", "moving.webp"}} <= made
    if verb == "analyze":
        known = [json.loads((folder / f"{name}.json").read_text())["metrics"] for name in GOOD]
        assert all(set(metrics) == {"phash", "blur"} for metrics in known)
    if verb != "validate" and failed:
        assert told(capsys, *line, "--strict", code=3)


def test_what_each_kind_becomes(tmp_path: Path, capsys: Any) -> None:
    folder = zoo(tmp_path / "set" / "a")
    told(capsys, "format", "-d", str(folder.parent), "--from", "a", "--to", "out", "-f", "png",
         "--channels", "rgb", "--strip-metadata", code=0)  # fmt: skip
    for path in (folder.parent / "out").glob("*.png"):
        made = Image.open(path)
        source = folder.parent / json.loads(Path(f"{path}.json").read_text())["from_file"]
        seen = load_upright(source)
        assert made.mode == "RGB"
        assert getattr(made, "n_frames", 1) == 1, "of a moving picture the first one counts"
        assert made.size == (seen.shape[1], seen.shape[0]), "EXIF rotation is carried out"
        assert np.abs(np.asarray(made).astype(int) - seen).mean() < 3, source.name


@pytest.mark.parametrize("verb", ["select", "augment", "format", "frame", "cluster"])
def test_equal_names_from_two_folders(
    verb: str, tmp_path: Path, capsys: Any, request: pytest.FixtureRequest
) -> None:
    if verb in MODELS:
        request.getfixturevalue("weights_dir")
    for i, name in enumerate(("a/x.png", "b/x.png", "b/X.PNG", "c/x.jpg", "c/x_2.png")):
        photo(tmp_path / name, 2 + i, SIZE)
    nfd = unicodedata.normalize("NFD", "é.png")
    photo(tmp_path / "a" / unicodedata.normalize("NFC", "é.png"), 11, SIZE)
    photo(tmp_path / "b" / nfd, 12, SIZE)
    words = ("-d", str(tmp_path), "--from", "a,b,c", *WORDS[verb])
    extra = ("--no-copy",) if verb == "augment" else ()
    summary = told(capsys, verb, *words, *extra)
    assert summary["failed_items"] == []
    made = [path for path in (tmp_path / "out").rglob("*") if path.suffix.lower() != ".json"
            and path.is_file()]  # fmt: skip
    assert len(made) == 7
    sources = {json.loads(Path(f"{path}.json").read_text())["from_file"] for path in made}
    assert len(sources) == 7, "each picture knows its own source"
    folded = {unicodedata.normalize("NFC", p.relative_to(tmp_path).as_posix()).casefold()
              for p in made}  # fmt: skip
    assert len(folded) == 7, "no two names that a Mac or Windows takes for one"
    after = snapshot(tmp_path)
    assert told(capsys, verb, *words, *extra)["done"] == 0
    assert snapshot(tmp_path) == after


@pytest.mark.parametrize("verb", ["select", "augment", "format", "frame"])
def test_a_strangers_file_is_never_overwritten(verb: str, tmp_path: Path, capsys: Any) -> None:
    photo(tmp_path / "a" / "x.png", 1, SIZE)
    name = "x_flipX.png" if verb == "augment" else "x.png"
    theirs = photo(tmp_path / "out" / name, 9, SIZE)
    before = theirs.read_bytes()
    summary = told(capsys, verb, "-d", str(tmp_path), "--from", "a", *WORDS[verb])
    assert theirs.read_bytes() == before
    others = [p for p in (tmp_path / "out").glob("*.png") if p.name not in (name, "x.png")]
    assert others or summary["failed_items"], "it goes elsewhere, or somebody is told"


def test_odd_names(tmp_path: Path, capsys: Any) -> None:
    odd = ["[a].png", "a*b?.png", "-f.png", " sp .png", "new\nline.png", "ä 写真🙂.png", "c.d.png"]
    for i, name in enumerate(odd):
        photo(tmp_path / "in [1]" / name, i, SIZE)
    raw = os.fsencode(tmp_path / "in [1]") + b"/no\xff text.png"
    shutil.copy(os.fsencode(tmp_path / "in [1]" / "[a].png"), raw)
    before = snapshot(tmp_path)
    for verb in ("select", "annotate", "analyze", "format", "frame", "augment"):
        summary = told(capsys, verb, "-d", str(tmp_path), "--from", "in [1]", *WORDS[verb])
        assert summary["failed_items"] == [], verb
        assert main(["undo", "-d", str(tmp_path)]) == 0
        assert snapshot(tmp_path) == before, verb
    told(capsys, "rename", "-d", str(tmp_path), "--from", "in [1]", "-p", "p")
    assert len(list((tmp_path / "in [1]").glob("p?.png"))) == len(odd) + 1
    assert main(["undo", "-d", str(tmp_path)]) == 0
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("verb", [*WORDS, "dedup", "extract-classes", "extract-frames"])
def test_no_picture_at_all(verb: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "file").write_text("x")
    more = {"extract-classes": ("--to", "out", "-c", "chair"), "extract-frames": ("--to", "out")}
    words = WORDS.get(verb, more.get(verb, ()))
    before = snapshot(tmp_path)
    wanted = {"a": "there is no", "none": "there is no folder", "file": "is a file"}
    for source, said in wanted.items():
        answer = told(capsys, verb, "-d", str(tmp_path), "--from", source, *words, code=1)
        assert said in answer["error"], answer["error"]
        assert source in answer["error"]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("verb", ["select", "annotate", "rename", "analyze", "format"])
def test_a_corrupt_sidecar_is_told_and_left_alone(verb: str, tmp_path: Path, capsys: Any) -> None:
    for i in range(3):
        photo(tmp_path / "a" / f"{i}.png", i, SIZE)
    bad = tmp_path / "a" / "1.png.json"
    for text in ('{"metrics": {"blur"', "[1, 2]", "\x00\x01", '{"schema": 99}', '{"metrics": 3}'):
        bad.write_text(text)
        summary = told(capsys, verb, "-d", str(tmp_path), "--from", "a", *WORDS[verb])
        failed = names_of(summary)
        assert bad.read_text() == text
        assert list(failed) == ["1.png"], failed
        assert "1.png.json" in failed["1.png"]
        assert main(["undo", "-d", str(tmp_path)]) == 0


def test_links_do_not_lead_out(tmp_path: Path, capsys: Any) -> None:
    root, outside = tmp_path / "set", tmp_path / "outside"
    photo(root / "a" / "x.png", 1, SIZE)
    secret = photo(outside / "secret.png", 2, SIZE)
    theirs = outside / "theirs.json"
    theirs.write_text("{}")
    (root / "a" / "link.png").symlink_to(secret)
    (root / "a" / "dangling.png").symlink_to(outside / "nothing.png")
    (root / "a" / "loop.png").symlink_to(root / "a" / "loop.png")
    (root / "a" / "x.png.json").symlink_to(theirs)
    (root / "way").symlink_to(outside)
    where = ("-d", str(root))
    before = snapshot(outside)
    for source in ("way", "../outside", "a/../../outside"):
        answer = told(capsys, "annotate", *where, "--from", source, "-s", "x", code=1)
        assert "leads out of" in answer["error"]
        answer = told(capsys, "select", *where, "--from", "a", "--to", source, code=1)
        assert "leads out of" in answer["error"]
    summary = told(capsys, "annotate", *where, "--from", "a", "-s", "mine")
    assert "is a link" in names_of(summary)["x.png"]
    summary = told(capsys, "select", *where, "--from", "a", "--to", "got")
    assert sorted(path.name for path in (root / "got").glob("*.png")) == ["x.png"]
    assert snapshot(outside) == before
    summary = told(capsys, "annotate", *where, "--from", str(outside), "-s", "typed on purpose")
    assert summary["failed_items"] == []
    assert (outside / "secret.png.json").exists()


class Restless:
    """A digest during which somebody saves a picture, whatever is read meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path, self.digest = path, content_digest()

    def update(self, block: bytes) -> None:
        self.digest.update(block)
        os.utime(self.path, ns=(0, self.path.stat().st_mtime_ns + 1000))

    def hexdigest(self) -> str:
        return self.digest.hexdigest()


def test_a_picture_that_changes_while_it_is_read(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a" / "x.bmp"
    photo(path, 1, SIZE)
    photo(tmp_path / "a" / "y.bmp", 2, SIZE)
    with monkeypatch.context() as patch:
        patch.setattr(changing, "content_digest", partial(Restless, path))
        summary = told(capsys, "select", "-d", str(tmp_path), "--from", "a", "--to", "out")
    assert "changed while it was read" in names_of(summary)["x.bmp"]
    assert [p.name for p in (tmp_path / "out").glob("*.bmp")] == ["y.bmp"], "no half copy"
    summary = told(capsys, "select", "-d", str(tmp_path), "--from", "a", "--to", "out")
    assert (tmp_path / "out" / "x.bmp").read_bytes() == path.read_bytes()


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder, and a user whom permissions stop: root is stopped by none."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    shared = root / "set"
    yield shared
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(0o755)
    shutil.rmtree(root)


def as_plain_user(root: Path, *line: str) -> int:
    """Run a command without root's rights."""
    if os.geteuid():
        return main(list(line))
    for folder, _, names in os.walk(root):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            os.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        return main(list(line))
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("verb", ["annotate", "select", "format", "rename", "frame"])
def test_read_only_folders(verb: str, plain_user: Path, tmp_path: Path, capsys: Any) -> None:
    for where in (tmp_path, plain_user):
        photo(where / "a" / "x.png", 1, SIZE)
        photo(where / "b" / "y.png", 2, SIZE)
    # Whatever is imported late is imported now: a plain user may not read root's Python.
    assert main([verb, "-d", str(tmp_path), "--from", "a,b", *WORDS[verb], "--json"]) == 0
    (plain_user / "a").chmod(0o555)
    before = snapshot(plain_user / "a")
    capsys.readouterr()
    words = ("-d", str(plain_user), "--from", "a,b", *WORDS[verb], "--json")
    assert as_plain_user(plain_user, verb, *words) == 0
    summary = json.loads(capsys.readouterr().out)
    assert {n: v[1] for n, v in snapshot(plain_user / "a").items()} == {
        n: v[1] for n, v in before.items()
    }
    if verb in ("annotate", "rename"):
        assert list(names_of(summary)) == ["x.png"]
        assert "ermission" in names_of(summary)["x.png"]
    else:
        assert summary["failed_items"] == []
        assert len(list((plain_user / "out").glob("*.png"))) == 2
    assert (plain_user / "b" / "y.png").exists() != (verb == "rename"), "the rest goes on"

    # A folder that nothing can be put into, and a work dir that not even notes fit into.
    target = plain_user / "out"
    if verb in ("select", "format", "frame"):
        shutil.rmtree(target)
        target.mkdir(mode=0o555)
        assert as_plain_user(plain_user, verb, *words, "--strict") == 3
        summary = json.loads(capsys.readouterr().out)
        assert set(names_of(summary)) == {"x.png", "y.png"}
        assert not list(target.iterdir())
    shutil.rmtree(plain_user / OUR_FOLDER)
    plain_user.chmod(0o555)
    assert as_plain_user(plain_user, verb, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith("error:")
    assert "Error:" not in said, said


def test_videos_that_are_none(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "v").mkdir()
    shutil.copy2(videos.clip("cfr25").path, tmp_path / "v" / "good.mp4")
    (tmp_path / "v" / "text.mp4").write_text("hello")
    (tmp_path / "v" / "empty.mkv").write_bytes(b"")
    cut = (tmp_path / "v" / "good.mp4").read_bytes()
    (tmp_path / "v" / "cut.mp4").write_bytes(cut[: len(cut) // 3])
    summary = told(capsys, "extract-frames", "-d", str(tmp_path), "--from", "v", "--to", "out")
    assert set(names_of(summary)) - {"cut.mp4"} == {"text.mp4", "empty.mkv"}
    assert list((tmp_path / "out").glob("good*.jpg"))


def test_two_commands_at_once(tmp_path: Path, capsys: Any) -> None:
    from curation.store.catalogue import Catalogue

    beside(photo(tmp_path / "a" / "x.png", 1, SIZE), source="s")
    catalogue = Catalogue(tmp_path / OUR_FOLDER)
    with catalogue.writing("select"):
        answer = told(capsys, "rename", "-d", str(tmp_path), "--from", "a", code=1)
    catalogue.close()
    assert "is in use by select" in answer["error"]


def test_a_name_steers_no_terminal_and_forges_no_line(tmp_path: Path, capsys: Any) -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred"
    for name in (f"{evil}.jpg", "a\nPASS forged.jpg", "a\rb.jpg", "\u202egpj.exe.jpg"):
        photo(tmp_path / "in" / name, 1, SIZE)
        (tmp_path / "in" / f"x{name}").write_text("no picture")
    place, walk = str(tmp_path), str(tmp_path / "in")
    for line in (
        ["validate", "-d", place, "--from", "in"],
        ["select", "-d", place, "--from", "in", "--to", "out", "--min-side", "10", "--dry-run"],
        ["select", "-d", place, "--from", evil, "--to", "out", "--min-side", "10"],
        ["group", walk], ["stars", walk, "-v"], ["apply", walk, "--dry-run"],
        ["undo", walk, "--list"], ["trust", walk],
    ):  # fmt: skip
        main(line)
        said = capsys.readouterr()
        told = said.out + said.err
        assert told, line
        assert not set(told) & set("\x1b\x07\r\u202e"), line
        assert not any("forged" in one and one.startswith("PASS") for one in told.split("\n")), line
