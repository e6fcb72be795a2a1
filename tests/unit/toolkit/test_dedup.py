"""dedup: groups that equal looking at every pair, no chains, the right one stays, all of it undone.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from curation.errors import InputError, ParamError
from curation.toolkit.dedup import DedupParams, group
from curation.toolkit.keepers import Candidate, Judge, checked
from curation.toolkit.upscales import is_upscale
from curation.toolkit.workdir import Pic
from tests.unit.pictures import scenery
from tests.unit.toolkit.test_analyze import photo
from tests.unit.toolkit.test_plan import undo
from tests.unit.toolkit.trees import do, sidecar_of, tree


def one(
    name: str, hash_: int | None, size_wh: tuple[int, int] = (100, 100), **kind: int
) -> Candidate:
    pic = Pic(Path("/p") / name, Path("/p"), kind.get("size", 1), kind.get("mtime", 0))
    sidecar = {"upscale": kind["upscale"]} if "upscale" in kind else {}
    text = None if hash_ is None else f"{hash_:016x}"
    return Candidate(pic, sidecar, f"content of {name}", text, *size_wh)


def names(groups: list[tuple[Candidate, list[Candidate]]]) -> list[list[str]]:
    return [[c.pic.path.name for c in (best, *others)] for best, others in groups]


def test_chains_are_not_groups() -> None:
    chain = [one("a", 0), one("b", 0xFF), one("c", 0xFFFF), one("d", 0xFFFFFF)]
    assert names(group(chain, 8, [], {})) == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("rules", "stays"),
    [
        ("original,resolution", "wide"),
        ("upscaled", "up"),
        ("size", "heavy"),
        ("sharpness", "sharp"),
        ("newest", "new"),
        ("oldest,resolution", "up"),
        ("", "plain"),
    ],
)
def test_the_first_rule_that_tells_decides(rules: str, stays: str) -> None:
    known = [
        one("plain", 1), one("up", 1, (400, 400), upscale=4), one("wide", 1, (200, 200)),
        one("heavy", 1, size=9), one("sharp", 1), one("new", 1, mtime=5),
    ]  # fmt: skip
    sharp = {Path("/p/sharp"): 80.0, Path("/p/plain"): 20.0}
    words = checked([word for word in rules.split(",") if word])
    [(best, others)] = group(known, 8, words, sharp)
    assert best.pic.path.name == stays and len(others) == 5
    judge = Judge(words, sharp, {})
    assert all(judge.reason(best, other) for other in others)


def test_rules_are_checked() -> None:
    with pytest.raises(ParamError, match="no rule 'biggest'"):
        DedupParams(prefer=("biggest",)).rules()
    assert DedupParams(prefer_upscaled=True).rules()[0] == "upscaled"


def test_flat_pictures_are_one_only_when_their_bytes_are() -> None:
    flat = [one("white", None), one("black", None)]
    assert group(flat, 8, [], {}) == []
    same = Candidate(one("twin", None).pic, {}, flat[0].content, None, 100, 100)
    assert names(group([*flat, same], 8, [], {})) == [["white", "twin"]]


def seen(seed: int) -> np.ndarray:
    """Return a picture as cameras give it: no step from one pixel to the next, and noise."""
    lens = cv2.GaussianBlur(scenery(seed, (960, 720)), (0, 0), 0.8)
    noise = np.random.default_rng(seed).normal(0, 2, lens.shape)
    return np.asarray(np.clip(lens + noise, 0, 255), np.uint8)


@pytest.mark.parametrize("factor", [1.5, 2, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_enlarged_copy_is_told_from_a_reduced_one(factor: float, seed: int) -> None:
    large = Image.fromarray(seen(seed)).convert("L")
    wide, tall = round(960 / factor), round(720 / factor)
    small = large.resize((wide, tall), Image.Resampling.LANCZOS)
    reduced = np.asarray(small, np.float32)
    assert not is_upscale(np.asarray(large, np.float32), reduced)
    for way in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BILINEAR):
        assert is_upscale(np.asarray(small.resize((960, 720), way), np.float32), reduced), way
    other = np.asarray(Image.fromarray(scenery(9, (960, 720))).convert("L"), np.float32)
    assert not is_upscale(other, reduced)


def test_losers_are_set_aside_and_brought_back(tmp_path: Path) -> None:
    photo(tmp_path / "a/one.jpg", 1, quality=95)
    small = Image.fromarray(scenery(1, (320, 240))).resize((200, 150))
    small.save(tmp_path / "a/one small.jpg")
    photo(tmp_path / "a/two.jpg", 2)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/one.jpg").write_bytes((tmp_path / "a/one.jpg").read_bytes())
    (tmp_path / "b/one.jpg.json").write_text(json.dumps({"source": "me"}))
    (tmp_path / "b/link.jpg").symlink_to(tmp_path / "a/one.jpg")
    (tmp_path / "b/cut.jpg").write_bytes((tmp_path / "a/one.jpg").read_bytes()[:1500])
    before = tree(tmp_path)
    dry = do(tmp_path, "dedup", dry_run=True, from_dirs="a,b")
    assert tree(tmp_path) == before and dry["duplicates"] == 2
    assert any("one small.jpg -> a/duplicated/one small.jpg" in line for line in dry["would"])
    first = do(tmp_path, "dedup", from_dirs="a,b")
    assert first["groups"] == 1
    assert [item["item"] for item in first["failed_items"]] == ["b/cut.jpg"]
    assert {p.name for p in (tmp_path / "a").glob("*.jpg")} == {"one.jpg", "two.jpg"}
    loser = sidecar_of(tmp_path / "b/duplicated/one.jpg")
    assert loser["source"] == "me" and loser["duplicate"]["of"] == "a/one.jpg"
    assert loser["duplicate"]["distance"] == 0
    reduced = sidecar_of(tmp_path / "a/duplicated/one small.jpg")
    why = "the keeper is of more pixels: 320 x 240 over 200 x 150"
    assert reduced["duplicate"]["because"] == why
    kept = sidecar_of(tmp_path / "a/one.jpg")["duplicate"]
    assert kept == {"group": loser["duplicate"]["group"], "kept": True}
    after = tree(tmp_path)
    assert do(tmp_path, "dedup", from_dirs="a,b")["run"] is None
    assert tree(tmp_path) == after
    do(tmp_path, "dedup", from_dirs="a,b", clear=True)
    assert {k: v[0] for k, v in tree(tmp_path).items() if not k.endswith(".json")} == {
        k: v[0] for k, v in before.items() if not k.endswith(".json")
    }
    assert sidecar_of(tmp_path / "b/one.jpg") == {"source": "me", "schema": 1}
    assert undo(tmp_path, 1) == []
    assert tree(tmp_path) == before


def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    photo(tmp_path / "a/x.jpg", 1, quality=95)
    photo(tmp_path / "a/duplicated/y.jpg", 7)
    (tmp_path / "a/duplicated/y_2.jpg.json").write_text("{}")
    (tmp_path / "a/y.jpg").write_bytes((tmp_path / "a/x.jpg").read_bytes())
    do(tmp_path, "dedup", from_dirs="a")
    assert sidecar_of(tmp_path / "a/duplicated/y_3.jpg")["duplicate"]["name"] == "y.jpg"
    photo(tmp_path / "a/y.jpg", 8)
    back = do(tmp_path, "dedup", from_dirs="a", clear=True)
    assert back["brought_back"] == 0 and len(back["failed_items"]) == 2
    with pytest.raises(ParamError, match="sub-folder"):
        do(tmp_path, "dedup", from_dirs="a", to="../elsewhere")
    with pytest.raises(InputError, match="there is no set aside/"):
        do(tmp_path, "dedup", from_dirs="a", to="set aside", clear=True)


def test_an_upscale_loses_against_its_original(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    small = Image.fromarray(seen(1)).resize((480, 360), Image.Resampling.LANCZOS)
    small.save(tmp_path / "a/small.png")
    small.resize((960, 720), Image.Resampling.BICUBIC).save(tmp_path / "a/big.png")
    do(tmp_path, "dedup", from_dirs="a")
    loser = sidecar_of(tmp_path / "a/duplicated/big.png")["duplicate"]
    assert (loser["of"], loser["because"]) == ("a/small.png", "it is an enlarged copy")
