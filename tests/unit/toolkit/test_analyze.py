"""analyze and the index: numbers that peers agree with, read once, true of the content at hand."""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from curation.engine import reading
from curation.errors import ParamError
from curation.photos import formats
from curation.photos.content import content_id
from curation.steps import brisque
from curation.store.toolkit_index import IndexTable
from curation.toolkit import measures
from curation.toolkit.index import Index, measured
from curation.toolkit.views import Views
from tests.photos import bomb
from tests.unit.pictures import scenery
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import context, do, sidecar_of, tree

EVERY = tuple(measures.MEASURES)
OLD_NS = 1_600_000_000_000_000_000


def photo(path: Path, seed: int, size_wh: tuple[int, int] = (320, 240), **save: Any) -> Path:
    """Write a picture with structure that looks as if it had lain there for years."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scenery(seed, size_wh)).save(path, **save)
    os.utime(path, ns=(OLD_NS, OLD_NS + seed))
    return path


def views_of(rgb: np.ndarray, kind: str = formats.JPEG, **save: Any) -> tuple[bytes, Views]:
    file = BytesIO()
    Image.fromarray(rgb).save(file, {formats.JPEG: "JPEG", formats.PNG: "PNG"}[kind], **save)
    return file.getvalue(), Views(kind, file.getvalue())


@pytest.mark.parametrize("seed", range(4))
def test_hashes_are_those_of_imagehash(seed: int) -> None:
    _, views = views_of(scenery(seed), formats.PNG)
    theirs = Image.fromarray(cv2.cvtColor(scenery(seed), cv2.COLOR_RGB2GRAY))
    for name, peer in (
        ("phash", imagehash.phash),
        ("dhash", imagehash.dhash),
        ("ahash", imagehash.average_hash),
        ("whash", imagehash.whash),
    ):
        assert measures.run((name,), views)[name] == {name: str(peer(theirs))}, name


def test_a_large_jpeg_keeps_its_hash_though_it_is_read_small() -> None:
    for seed in range(4):
        data, views = views_of(scenery(seed, (1600, 1200)), quality=90)
        assert min(views.small.shape) < 400
        mine = measures.run(("phash", "blur"), views)
        theirs = imagehash.phash(Image.open(BytesIO(data)))
        assert imagehash.hex_to_hash(mine["phash"]["phash"]) - theirs <= 2
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert mine["blur"]["blur"] == round(cv2.Laplacian(grey, cv2.CV_64F).var(), 2)


@pytest.mark.parametrize("turn", range(1, 9))
def test_hashes_are_of_the_upright_picture(turn: int) -> None:
    upright = Image.fromarray(scenery(5))
    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes each way of turning
    stored = upright if turn == 1 else upright.transpose(Image.Transpose(ways[turn]))
    exif = Image.Exif()
    exif[0x0112] = turn
    _, plain = views_of(np.asarray(upright), quality=98)
    file = BytesIO()
    stored.save(file, "JPEG", quality=98, exif=exif)
    turned = Views(formats.JPEG, file.getvalue())
    assert turned.grey.shape == turned.size_wh[::-1] == plain.grey.shape
    apart = np.abs(turned.grey.astype(int) - plain.grey.astype(int))
    assert apart.mean() < 2, turn


def test_a_flat_picture_has_no_hash() -> None:
    for level in (0, 255):
        _, views = views_of(np.full((40, 60, 3), level, np.uint8))
        found = measures.run(("phash", "dhash", "ahash", "whash", "blur", "entropy"), views)
        assert [found[name][name] for name in found] == [None, None, None, None, 0.0, 0.0]


def test_numbers_do_not_depend_on_what_else_is_asked(weights_dir: Path) -> None:
    data, views = views_of(scenery(2, (1200, 900)))
    together = measures.run(tuple(reversed(EVERY)), views)
    for name in EVERY:
        assert measures.run((name,), Views(formats.JPEG, data))[name] == together[name], name


def test_focus_falls_with_blur_and_not_with_size() -> None:
    rgb = scenery(3, (1280, 960))

    def focus(picture: np.ndarray) -> float:
        found: float = measures.run(("focus",), views_of(picture, formats.PNG)[1])["focus"]["focus"]
        return found

    soft = cv2.GaussianBlur(rgb, (0, 0), 6)
    small = cv2.resize(rgb, (640, 480), interpolation=cv2.INTER_AREA)
    assert focus(soft) < focus(rgb) - 1
    assert focus(small) == pytest.approx(focus(rgb), abs=0.4)


def test_brisque_fits_what_is_known_of_distributions() -> None:
    rng = np.random.default_rng(0)
    for values, shape, variance in (
        (rng.normal(0, 1, 200_000), 2.0, 1.0),
        (rng.laplace(0, 1, 200_000), 1.0, 2.0),
    ):
        found = brisque._fit(values.astype(np.float32))
        assert found[0] == pytest.approx(shape, rel=0.03)
        assert found[2] == pytest.approx(variance, rel=0.03)
        assert abs(found[1]) < 0.02


def test_brisque_sees_damage(weights_dir: Path) -> None:
    rgb = np.clip(
        cv2.GaussianBlur(scenery(1, (640, 480)), (0, 0), 0.8)
        + np.random.default_rng(1).normal(0, 3, (480, 640, 3)), 0, 255,
    ).astype(np.uint8)  # fmt: skip

    def score(picture: np.ndarray, **save: Any) -> float:
        _, views = views_of(picture, **save)
        return float(measures.run(("brisque",), views)["brisque"]["brisque"])

    clean = score(rgb, quality=95)
    assert clean < score(rgb, quality=8) - 10
    assert clean < score(cv2.GaussianBlur(rgb, (0, 0), 3), quality=95) - 10
    _, flat = views_of(np.full((80, 80, 3), 90, np.uint8))
    assert measures.run(("brisque",), flat) == {"brisque": {"brisque": None}}


def test_metrics_into_sidecars_once_and_taken_back(tmp_path: Path, weights_dir: Path) -> None:
    photo(tmp_path / "a/x.jpg", 1)
    photo(tmp_path / "a/y [1] é.png", 2)
    (tmp_path / "a/x.jpg.json").write_text(json.dumps({"source": "me", "metrics": {"musiq": 6.5}}))
    (tmp_path / "a/cut.jpg").write_bytes((tmp_path / "a/x.jpg").read_bytes()[:2000])
    bomb(tmp_path / "a/bomb.png")
    (tmp_path / "a/z.jpg").write_bytes((tmp_path / "a/x.jpg").read_bytes())
    (tmp_path / "a/z.jpg.json").write_text("{ no json")
    before = tree(tmp_path)
    dry = do(tmp_path, "analyze", dry_run=True, from_dirs="a", metrics=EVERY)
    assert tree(tmp_path) == before and len(dry["would"]) >= 2
    first = do(tmp_path, "analyze", from_dirs="a", metrics=EVERY)
    assert {item["item"] for item in first["failed_items"]} == {"a/bomb.png", "a/cut.jpg",
                                                                "a/z.jpg"}  # fmt: skip
    assert first["done"] == 2
    x = sidecar_of(tmp_path / "a/x.jpg")
    assert x["source"] == "me" and x["metrics"]["musiq"] == 6.5
    assert x["metrics"].keys() >= {key for m in measures.MEASURES.values() for key in m.keys}
    assert x["measured"]["content"] == content_id((tmp_path / "a/x.jpg").read_bytes())
    after = tree(tmp_path)
    second = do(tmp_path, "analyze", from_dirs="a", metrics=EVERY)
    assert tree(tmp_path) == after and second["run"] is None
    assert {item["item"] for item in second["failed_items"]} == {"a/bomb.png", "a/cut.jpg",
                                                                 "a/z.jpg"}  # fmt: skip
    assert (tmp_path / "a/z.jpg.json").read_text() == "{ no json"
    do(tmp_path, "analyze", from_dirs="a", clear=True)
    assert sidecar_of(tmp_path / "a/x.jpg") == {"source": "me", "metrics": {"musiq": 6.5},
                                                "schema": 1}  # fmt: skip
    assert not (tmp_path / "a/y [1] é.png.json").exists()
    assert undo(tmp_path, 1) == []
    assert tree(tmp_path) == before


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    photo(tmp_path / "a/x.jpg", 1)
    photo(tmp_path / "a/y.jpg", 2)
    assert do(tmp_path, "analyze", from_dirs="a", metrics=("phash", "blur"))["read"] == 2
    assert do(tmp_path, "analyze", from_dirs="a", metrics=("phash",))["read"] == 0
    # Renamed: found again by content, without measuring; a copy too.
    (tmp_path / "a/x.jpg").rename(tmp_path / "a/moved.jpg")
    (tmp_path / "a/x.jpg.json").unlink()
    moved = do(tmp_path, "analyze", from_dirs="a", metrics=("phash", "blur"))
    assert moved["read"] == 1 and moved["done"] == 1
    old = sidecar_of(tmp_path / "a/moved.jpg")
    # Another picture under the old name, of the same time and age: what was true of it goes.
    photo(tmp_path / "a/moved.jpg", 9)
    new = do(tmp_path, "analyze", from_dirs="a", metrics=("phash",))
    assert new["read"] == 1
    changed = sidecar_of(tmp_path / "a/moved.jpg")
    assert changed["metrics"].keys() == {"phash"}
    assert changed["metrics"]["phash"] != old["metrics"]["phash"]
    assert changed["measured"]["content"] != old["measured"]["content"]


def test_a_sidecar_of_an_older_tool_is_believed_unless_forced(tmp_path: Path) -> None:
    photo(tmp_path / "a/x.jpg", 1)
    (tmp_path / "a/x.jpg.json").write_text(json.dumps({"phash": {"hash": "00ff00ff00ff00ff"}}))
    assert do(tmp_path, "analyze", from_dirs="a", phash=True)["read"] == 0
    do(tmp_path, "analyze", from_dirs="a", phash=True, force=True)
    assert sidecar_of(tmp_path / "a/x.jpg")["metrics"]["phash"] != "00ff00ff00ff00ff"
    (tmp_path / "a/x.jpg.json").write_text(
        json.dumps({"license": "cc0", "metrics": {"phash": "00ff00ff00ff00ff", "nima": 4}})
    )
    do(tmp_path, "analyze", from_dirs="a", clear=True)
    assert sidecar_of(tmp_path / "a/x.jpg") == {"license": "cc0", "metrics": {"nima": 4},
                                                "schema": 1}  # fmt: skip


def test_sidecars_bring_their_numbers_to_a_new_catalogue(tmp_path: Path) -> None:
    photo(tmp_path / "one/a/x.jpg", 1)
    do(tmp_path / "one", "analyze", from_dirs="a", metrics=("phash", "blur"))
    (tmp_path / "two").mkdir()
    (tmp_path / "one/a").rename(tmp_path / "two/a")
    assert do(tmp_path / "two", "analyze", from_dirs="a", metrics=("phash", "blur"))["run"] is None


def test_a_file_that_changes_while_it_is_read_fails_and_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = photo(tmp_path / "x.jpg", 1)
    ticks = iter(range(100))
    monkeypatch.setattr(reading, "stat_of", lambda _: (path.stat().st_size, next(ticks), 1))
    found = reading.read(path, measured, ("phash",))
    assert found.error and "changes while" in found.error and not found.content


def test_a_young_file_is_hashed_again_since_its_time_may_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.engine.prints.RACY_NS", 3600 * 10**9)  # this test may be slow
    path = photo(tmp_path / "a/x.jpg", 1)
    os.utime(path)
    ctx = context(tmp_path)
    index = Index(ctx.workdir, ctx.catalogue)
    pics = ctx.workdir.pictures([tmp_path / "a"])
    list(index.look("test", pics))
    (row,) = IndexTable(ctx.catalogue).files([b"a/x.jpg"])
    assert row is not None and row.mtime_ns == -1
    ctx.catalogue.close()


def test_other_verbs_keep_their_values_by_content(tmp_path: Path) -> None:
    ctx = context(tmp_path)
    index = Index(ctx.workdir, ctx.catalogue)
    index.remember("embedding", "v1", {"c1": b"\0\1", "c2": 2.5})
    assert index.recall("embedding", "v1", ["c1", "c2", "c3"]) == {"c1": b"\0\1", "c2": 2.5}
    assert index.recall("embedding", "v2", ["c1"]) == {}
    ctx.catalogue.close()


def test_names_of_metrics(tmp_path: Path) -> None:
    photo(tmp_path / "a/x.jpg", 1)
    assert measures.chosen(["Blur", "color-distribution", "phash", "blur"]) == [
        "phash", "blur", "colour-distribution",
    ]  # fmt: skip
    with pytest.raises(ParamError, match="no metric 'musiq'"):
        do(tmp_path, "analyze", from_dirs="a", metrics=("musiq",))
    with pytest.raises(ParamError, match="no metric is named"):
        do(tmp_path, "analyze", from_dirs="a")
