"""cluster: groups, names that stay, who is put where, what a second run does."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from curation.cli.undo import main as undo
from curation.errors import InputError, ParamError, StepUnavailable, WeightsMissing
from curation.steps.tvshim import ensure_torchvision
from curation.toolkit import embedders
from curation.toolkit.embedders import Likeness
from curation.toolkit.grouping import by_size, grouped, middle, named, numbers
from tests.unit.toolkit.look import names, read, run, tree

FACES = Likeness(stay=0.35, merge=0.6, join=0.5, alone=0.5, reference=0.45)
NOTHING = Likeness(0.0, 0.0, 0.0, 0.85, 0.75)


def crowd(sizes: tuple[int, ...], spread: float, seed: int = 1) -> np.ndarray[Any, Any]:
    """Return unit vectors around as many directions as there are sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), 64))
    rows = np.concatenate([
        centre / np.linalg.norm(centre) + rng.normal(size=(n, 64)) * spread / 8
        for centre, n in zip(centres, sizes, strict=True)
    ])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_groups_are_found_and_do_not_depend_on_the_order() -> None:
    vectors = crowd((9, 30, 14), 0.5)
    labels = grouped(vectors, 5, 2, FACES)
    assert labels.tolist() == [2] * 9 + [0] * 30 + [1] * 14
    mixed = np.random.default_rng(2).permutation(len(vectors))
    assert np.array_equal(grouped(vectors[mixed], 5, 2, FACES), labels[mixed])
    assert set(grouped(vectors, 5, 2, NOTHING).tolist()) >= {0, 1, 2}


def test_one_person_alone_is_a_group_and_strangers_are_none() -> None:
    assert grouped(crowd((12,), 0.5), 5, 2, FACES).tolist() == [0] * 12
    assert grouped(crowd((1,) * 20, 0.1), 5, 2, FACES).tolist() == [-1] * 20
    assert grouped(crowd((4,), 0.5), 5, 2, FACES).tolist() == [-1] * 4
    assert grouped(np.zeros((0, 64), np.float32), 5, 2, FACES).tolist() == []


def test_named_folders() -> None:
    vectors = crowd((5, 5, 5), 0.5)
    refs = {"ann": vectors[:2], "bob": vectors[5:6]}
    titles, likes = named(vectors, refs, 0.45)
    assert titles == ["ann"] * 5 + ["bob"] * 5 + [None] * 5 and likes[:5].min() > 0.45
    twins = {"ann": vectors[:2], "anna": vectors[:2]}
    assert named(vectors[:5], twins, 0.45)[0] == [None] * 5
    assert named(vectors[:1], {}, 0.4)[0] == [None]
    assert middle(vectors[:5]) @ vectors[0] > 0.8
    assert by_size(np.array([3, 7, 7, -1, 3])).tolist() == [0, 1, 1, -1, 0]


def test_numbers_stay_where_members_stay() -> None:
    assert numbers([{"a", "b"}, {"c"}], {}) == ["000", "001"]
    earlier = {"000": {"a", "b"}, "001": {"c", "d"}}
    assert numbers([{"c", "d", "e", "f"}, {"a", "b"}, {"x"}], earlier) == ["001", "000", "002"]
    assert numbers([{"x"}], earlier) == ["000"]


# -- with networks --------------------------------------------------------------------------------


def drawn(folder: Path, kind: str, n: int, seed: int) -> None:
    """Write pictures of one look: rings on green, stripes on red."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for k in range(n):
        image = Image.new("RGB", (96, 96), (30, 140, 40) if kind == "rings" else (170, 40, 30))
        pen = ImageDraw.Draw(image)
        dx, dy = rng.integers(0, 8, 2).tolist()
        for r in range(8, 48, 8):
            if kind == "rings":
                pen.ellipse((48 - r + dx, 48 - r + dy, 48 + r + dx, 48 + r + dy), outline="white")
            else:
                pen.line((0, 2 * r + dy, 96, 2 * r + dx), fill="yellow", width=4)
        image.save(folder / f"{kind}{k}.png")


@pytest.fixture
def looks(tmp_path: Path, weights_dir: Path) -> Path:
    drawn(tmp_path / "in", "rings", 7, 1)
    drawn(tmp_path / "in", "stripes", 5, 2)
    return tmp_path


def test_by_look(looks: Path) -> None:
    before = tree(looks)
    words: dict[str, Any] = {"from_dirs": "in", "to": "out", "model": "clip", "min_cluster_size": 4}
    dry = run(looks, "cluster", dry_run=True, **words)
    assert tree(looks) == before and len(dry["would"]) == 13
    done = run(looks, "cluster", **words)
    assert done["network"] == "MobileNetV2 (packaged)" and done["clusters"] == 2
    assert names(looks / "out" / "000") == [f"rings{k}.png" for k in range(7)]
    assert names(looks / "out" / "001") == [f"stripes{k}.png" for k in range(5)]
    said = json.loads((looks / "out" / "clusters.json").read_text())
    assert [(c["rank"], c["label"], c["size"]) for c in said["clusters"]] == [(0, 0, 7), (1, 1, 5)]
    assert said["model"] == "clip" and said["embedded_images"] == 12 and said["noise_images"] == 0
    beside = read(looks / "out" / "001" / "stripes0.png")
    assert beside["cluster"] == "001" and beside["from_file"] == "in/stripes0.png"
    assert beside["decisions"]["cluster"]["likeness"] > 0.8

    after = tree(looks)
    assert run(looks, "cluster", **words)["done"] == 0 and tree(looks) == after

    # More of the smaller group: it is the larger one now, and keeps its number.
    drawn(looks / "in", "stripes", 12, 2)
    assert run(looks, "cluster", **words)["clusters"] == 2
    assert len(names(looks / "out" / "001")) == 12 and len(names(looks / "out" / "000")) == 7

    # What is cut by --top moves to noise; nothing is there twice.
    run(looks, "cluster", **words, top=1)
    assert not names(looks / "out" / "000") and len(names(looks / "out" / "noise")) == 7
    told = read(looks / "out" / "noise" / "rings0.png")["decisions"]["cluster"]["reason"]
    assert "largest" in told

    # A picture that is gone stays as a copy until --clean, an edited one is copied again.
    (looks / "in" / "rings0.png").unlink()
    (looks / "in" / "stripes0.png").write_bytes((looks / "in" / "stripes1.png").read_bytes())
    run(looks, "cluster", **words, top=1)
    assert "rings0.png" in names(looks / "out" / "noise")
    new = (looks / "in" / "stripes0.png").read_bytes()
    assert (looks / "out" / "001" / "stripes0.png").read_bytes() == new
    run(looks, "cluster", **words, clean=True)
    assert len(names(looks / "out" / "000")) == 6
    for _ in range(5):
        assert undo(["-d", str(looks)]) == 0
    assert not (looks / "out").exists()


def test_a_retouched_copy_and_a_stranger_s_list_stay(looks: Path) -> None:
    words: dict[str, Any] = {"from_dirs": "in", "to": "out", "model": "clip", "min_cluster_size": 4}
    run(looks, "cluster", **words)
    mine = looks / "out" / "000" / "rings0.png"
    Image.new("RGB", (9, 9)).save(mine)
    kept = mine.read_bytes()
    (looks / "in" / "rings0.png").write_bytes((looks / "in" / "rings1.png").read_bytes())
    done = run(looks, "cluster", **words)
    assert mine.read_bytes() == kept
    assert [item["item"] for item in done["failed_items"]] == ["out/000/rings0.png"]
    (looks / "other").mkdir()
    (looks / "other" / "clusters.json").write_text("[]")
    with pytest.raises(InputError, match="not a list that cluster wrote"):
        run(looks, "cluster", **{**words, "to": "other"})


def test_references_and_usage(looks: Path) -> None:
    drawn(looks / "known" / "target", "rings", 2, 9)
    (looks / "in" / "bad.jpg").write_bytes(b"text")
    done = run(
        looks, "cluster", from_dirs="in", to="out", model="clip", references="known/*",
        min_cluster_size=4,
    )  # fmt: skip
    assert len(names(looks / "out" / "target")) == 7 and len(names(looks / "out" / "000")) == 5
    assert [item["item"] for item in done["failed_items"]] == ["in/bad.jpg"]
    with pytest.raises(InputError, match="smaller --min-cluster-size"):
        run(looks, "cluster", from_dirs="in", to="x", model="clip", min_cluster_size=50)
    with pytest.raises(ParamError, match="cannot name a group"):
        run(looks, "cluster", from_dirs="in", to="x", references="out/000")
    with pytest.raises(InputError, match="no file"):
        run(looks, "cluster", from_dirs="in", to="x", weights="none.onnx")
    (looks / "no.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsMissing, match="no ArcFace network"):
        run(looks, "cluster", from_dirs="in", to="x", weights=str(looks / "no.onnx"))


# -- people ---------------------------------------------------------------------------------------

CLIPS = ("LivePortrait_d10.mp4", "LivePortrait_d18.mp4", "SadTalker_1.mp4")


@pytest.fixture
def people(tmp_path: Path, shared_bench: Path, weights_dir: Path) -> Iterator[Path]:
    (tmp_path / "in").mkdir()
    for who, name in zip("abc", CLIPS, strict=True):
        clip = cv2.VideoCapture(str(shared_bench / "videos" / "clips" / name))
        for k in range(7 if who == "a" else 6):
            clip.set(cv2.CAP_PROP_POS_FRAMES, 20 * k)
            sound, bgr = clip.read()
            assert sound
            cv2.imwrite(str(tmp_path / "in" / f"{who}{k}.jpg"), bgr)
        clip.release()
    Image.new("RGB", (80, 80), "grey").save(tmp_path / "in" / "nobody.png")
    yield tmp_path


def test_people_by_sface_and_by_an_arcface_file(people: Path) -> None:
    done = run(people, "cluster", from_dirs="in", to="out")
    assert done["network"] == "SFace (packaged)" and done["without_vector"] == 1
    folders = {f: {n[0] for n in names(people / "out" / f)} for f in ("000", "001", "002")}
    assert sorted(map(len, folders.values())) == [1, 1, 1]
    assert set().union(*folders.values()) == set("abc") and folders["000"] == {"a"}
    assert names(people / "out" / "noise") == ["nobody.png"]
    told = read(people / "out" / "noise" / "nobody.png")["decisions"]["cluster"]["reason"]
    assert told == "no face is found in it"
    tiny_arcface(people / "tiny.onnx")
    found = embedders.Faces(people / "tiny.onnx")
    rgb = np.asarray(Image.open(people / "in" / "a0.jpg"))
    one, two = found([rgb, rgb])
    assert one is not None and two is not None and one.shape == (8,)
    assert float(one @ two) == pytest.approx(1)
    assert found([np.zeros((50, 50, 3), np.uint8)]) == [None]
    run(people, "cluster", from_dirs="in", to="x", weights=str(people / "tiny.onnx"))
    assert json.loads((people / "x" / "clusters.json").read_text())["network"] == (
        "ArcFace (tiny.onnx)"
    )


def tiny_arcface(path: Path) -> None:
    """Write an ONNX network of one convolution over the whole 112-px face: 8 numbers."""

    def varint(n: int) -> bytes:
        made = b""
        while n > 127:
            made, n = made + bytes([n & 127 | 128]), n >> 7
        return made + bytes([n])

    def part(number: int, value: bytes | str | int) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        data = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(data)) + data

    def shape(name: str, dims: tuple[int, ...]) -> bytes:
        sizes = b"".join(part(1, part(1, d)) for d in dims)
        return part(1, name) + part(2, part(1, part(1, 1) + part(2, sizes)))

    values = np.random.default_rng(3).normal(size=(8, 3, 112, 112)).astype("<f4")
    tensor = b"".join(part(1, d) for d in values.shape)
    tensor += part(2, 1) + part(8, "w") + part(9, values.tobytes())
    ints = part(1, "kernel_shape") + part(8, 112) + part(8, 112) + part(20, 7)
    node = part(1, "x") + part(1, "w") + part(2, "y") + part(4, "Conv") + part(5, ints)
    graph = part(1, node) + part(2, "g") + part(5, tensor)
    graph += part(11, shape("x", (1, 3, 112, 112))) + part(12, shape("y", (1, 8, 1, 1)))
    model = part(1, 8) + part(7, graph) + part(8, part(1, "") + part(2, 13))
    path.write_bytes(model)
    assert struct.unpack("<f", values.tobytes()[:4])[0] == values.flat[0]


def test_clip_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "clip.pt").write_bytes(b"no weights")
    with pytest.raises((StepUnavailable, WeightsMissing), match=r"open_clip|does not hold"):
        embedders.embedder("clip", str(tmp_path / "clip.pt"), "ViT-B-32")


def test_clip_by_open_clip_reads_real_weights(tmp_path: Path) -> None:
    """A CLIP of a few thousand weights, made here; needs the extra `clip`."""
    ensure_torchvision()
    open_clip = pytest.importorskip("open_clip")
    import torch

    shape = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16,
        },
        "text_cfg": {
            "context_length": 8, "vocab_size": 100, "width": 16, "heads": 2, "layers": 1,
        },
    }  # fmt: skip
    config = tmp_path / "tiny-look.json"
    config.write_text(json.dumps(shape))
    open_clip.add_model_config(config)
    torch.manual_seed(1)
    torch.save(open_clip.create_model("tiny-look").state_dict(), tmp_path / "tiny.pt")
    net = embedders.embedder("clip", str(tmp_path / "tiny.pt"), str(config))
    drawn(tmp_path / "in", "rings", 1, 1)
    rgb = np.asarray(Image.open(tmp_path / "in" / "rings0.png"))
    one, two = net([rgb, rgb[::-1].copy()])
    assert net.title == "CLIP tiny-look (tiny.pt)" and one is not None and two is not None
    assert one.shape == (16,) and float(one @ one) == pytest.approx(1, abs=1e-5)
    assert float(one @ two) < 0.99999
    again = net([rgb])[0]
    assert again is not None and np.allclose(one, again, atol=1e-5)
    with pytest.raises(WeightsMissing, match="does not hold"):
        embedders.embedder("clip", str(tmp_path / "tiny.pt"), "ViT-B-32")
