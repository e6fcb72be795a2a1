"""Search over a filled catalogue: conditions, examples, drawings, words of a tiny CLIP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.cli import search as cli
from curation.errors import CurationError, InputError
from curation.params import ExtractParams
from curation.search import examples
from curation.search.fields import Fields, frames_where
from curation.search.find import SearchParams
from curation.search.near import apart, nearest
from curation.search.vectors import vectors_of
from curation.store.mark_ops import MarkOps, Op
from curation.studio import Studio
from tests import videos
from tests.review_store import fill

FIGURE = {
    "nose": [0, -10], "left_shoulder": [3, -7], "right_shoulder": [-3, -7], "left_elbow": [5, -4],
    "right_elbow": [-5, -4], "left_wrist": [6, -1], "right_wrist": [-6, -1], "left_hip": [2, 0],
    "right_hip": [-2, 0], "left_knee": [2, 5],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("search") / "datastore"
    studio = fill(made, 400, pictures=40)
    ids = Fields(studio.catalogue).frame_id.tolist()
    said = (("stars", 4, ids[:10]), ("flag", 1, ids[5:8]), ("tag", "beach", ids[3:6]),
            ("note", "keep this", ids[9:10]))
    for number, (kind, value, frames) in enumerate(said):
        op = Op(f"op-{number:08d}", kind, value, np.array(frames))
        MarkOps(studio.catalogue).apply("test", "Ann", [op])
    studio.close()
    return made


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    opened = Studio(root)
    yield opened
    opened.close()


def found(studio: Studio, **asked: Any) -> dict[str, Any]:
    return dict(list(studio.search(SearchParams(**asked)))[-1].summary or {})


def test_conditions_speak_of_measures_decisions_and_marks(studio: Studio) -> None:
    ids = Fields(studio.catalogue).frame_id
    assert studio.frames_where("") == ids.tolist()
    assert studio.frames_where("stars >= 3") == ids[:10].tolist()
    assert studio.frames_where("flag = pick and tags = beach") == ids[5:6].tolist()
    assert studio.frames_where("note contains 'KEEP'") == ids[9:10].tolist()
    pools = {row["frame_id"]: row for row in studio.decisions.page()}
    faces = studio.frames_where("pool = 'face' and score > 0.5")
    assert faces and faces == [
        i for i in ids.tolist() if pools[i]["pool"] == "face" and (pools[i]["score"] or 0) > 0.5
    ]
    picked = studio.frames_where("verdict = picked and rank <= 3")
    assert {pools[i]["rank"] for i in picked} <= {1, 2, 3} and picked
    assert studio.frames_where("video = 'holiday_001.mp4' and time < 0:02") == [
        i for i in ids.tolist()
        if pools[i]["video"] == "holiday_001.mp4" and pools[i]["time_s"] < 2
    ]
    turned = Fields(studio.catalogue).numbers("yaw")
    inside = ids[(turned >= -20) & (turned <= 20)].tolist()
    assert studio.frames_where("yaw between -20 and 20") == inside
    assert frames_where(studio.catalogue, "focus_kind = sharp").size > 0


def test_a_wrong_condition_says_what_there_is(studio: Studio) -> None:
    with pytest.raises(CurationError) as told:
        studio.frames_where("yaws > 3")
    assert "no column 'yaws'" in told.value.message and "yaw_deg" in told.value.hint
    with pytest.raises(CurationError) as told:
        studio.frames_where("pool = faces")
    assert "pool is never 'faces'" in told.value.message and "face" in told.value.hint


def test_what_is_written_counts_at_once_whoever_wrote(studio: Studio, root: Path) -> None:
    assert studio.frames_where("tags = fresh") == []
    with Studio(root) as other:
        for number, opened in enumerate((studio, other)):
            frame = Fields(studio.catalogue).frame_id[20 + number : 21 + number]
            op = Op(f"op-fresh-{number}", "tag", "fresh", frame)
            MarkOps(opened.catalogue).apply("test", "Ann", [op])
            assert len(studio.frames_where("tags = fresh")) == number + 1
            assert len(other.frames_where("tags = fresh")) == number + 1
        for opened in (other, studio):
            MarkOps(opened.catalogue).undo("test")
            assert opened.frames_where("tags = beach")
    assert studio.frames_where("tags = fresh") == []


def test_columns_say_what_they_are(studio: Studio) -> None:
    columns = {one["name"]: one for one in studio.columns()}
    assert columns["pool"]["kind"] == "text" and "full_body" in columns["pool"]["words"]
    assert columns["tags"] == {
        "name": "tags", "kind": "tags", "words": ["beach"],
        "about": "what somebody called it; a frame may have several",
    }
    assert columns["yaw_deg"]["kind"] == "number"
    json.dumps(list(columns.values()), allow_nan=False)


def test_a_table_of_all_that_is_known(studio: Studio) -> None:
    known = studio.table()
    assert list(known.index) == studio.frames_where("") and known.index.name == "frame_id"
    assert set(known.columns) == {one["name"] for one in studio.columns()} - {"frame_id"}
    assert known.tags.map(len).sum() == 3 and set(known.note.dropna()) == {"keep this"}
    faces = studio.table("pool = 'face' and score > 0.5", ["video", "score", "yaw", "stars"])
    assert list(faces.columns) == ["video", "score", "yaw_deg", "stars"]
    assert list(faces.index) == studio.frames_where("pool = 'face' and score > 0.5")
    of_all = known[(known.pool == "face") & (known.score > 0.5)]
    assert of_all.yaw_deg.equals(faces.yaw_deg) and of_all.video.equals(faces.video)
    assert len(studio.table("score > 2", ["tags", "pool"])) == 0
    with pytest.raises(CurationError, match="no column 'colour'"):
        studio.table(columns=["colour"])


@pytest.mark.parametrize("by", ["appearance", "face", "pose", "scene"])
def test_like_a_frame(studio: Studio, by: str) -> None:
    vectors = vectors_of(studio.catalogue, Fields(studio.catalogue).frame_id, by)
    known = np.flatnonzero(np.isfinite(vectors).any(axis=1))
    row = int(known[0])
    frame = int(Fields(studio.catalogue).frame_id[row])
    told = found(studio, like=(str(frame),), by=by, count=5)
    listed = [one["frame_id"] for one in told["frames"]]
    assert frame not in listed and len(listed) == 5
    distances = [one["distance"] for one in told["frames"]]
    assert distances == sorted(distances)
    if by != "pose":
        exact = 1 - np.asarray(vectors[known], np.float64) @ vectors[row]
        assert distances == pytest.approx(np.sort(exact)[1:6], abs=2e-4)
    told = found(studio, like=(str(frame),), by=by, where="stars >= 3")
    assert {one["stars"] for one in told["frames"]} <= {4}


def test_near_any_of_several_examples(studio: Studio) -> None:
    ids = Fields(studio.catalogue).frame_id.tolist()
    one, other = str(ids[0]), str(ids[200])
    both = found(studio, like=(one, other), count=300)["frames"]
    first = {f["frame_id"]: f["distance"] for f in found(studio, like=(one,), count=400)["frames"]}
    second = {
        f["frame_id"]: f["distance"] for f in found(studio, like=(other,), count=400)["frames"]
    }
    for frame in both[:50]:
        nearer = min(first.get(frame["frame_id"], 9), second.get(frame["frame_id"], 9))
        assert frame["distance"] == pytest.approx(nearer, abs=1e-5)


def test_equal_distances_come_in_order_of_rows() -> None:
    values = np.array([0.5, 0.1, np.nan, 0.1, 0.1, 0.0], np.float32)
    assert nearest(values, 3).tolist() == [5, 1, 3]
    assert nearest(values, 99).tolist() == [5, 1, 3, 4, 0]
    assert nearest(np.full(3, np.nan, np.float32), 3).tolist() == []


def test_a_drawn_figure_finds_itself_however_large_and_where(studio: Studio) -> None:
    drawn = examples.of_drawing(json.dumps(FIGURE))
    larger = {name: [x * 7 + 300, y * 7 + 90] for name, (x, y) in FIGURE.items()}
    assert apart(drawn[None], examples.of_drawing(json.dumps(larger)), "pose")[0] < 1e-3
    mirrored = {name: [-x, y] for name, (x, y) in FIGURE.items()}
    assert apart(drawn[None], examples.of_drawing(json.dumps(mirrored)), "pose")[0] > 0.5
    told = found(studio, pose=json.dumps(FIGURE), count=4)
    assert len(told["frames"]) == 4 and told["by"] == "pose"


def test_a_pose_as_lists_of_points(tmp_path: Path) -> None:
    coco = [FIGURE.get(name) for name in examples.COCO]
    by_name = examples.of_drawing(json.dumps(FIGURE))
    file = tmp_path / "pose.json"
    file.write_text(json.dumps({"joints": coco}))
    assert np.array_equal(examples.of_drawing(str(file)), by_name, equal_nan=True)
    blaze = [FIGURE.get(name) for name in examples.BLAZE]
    assert np.array_equal(examples.of_drawing(json.dumps(blaze)), by_name, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[1, 2]", "neither joints by name nor a list"),
        ('{"tail": [1, 2]}', "no joint 'tail'"),
        ('{"nose": [1]}', "nose is [1]"),
        ('{"nose": [1, "a"]}', "nose is"),
        ('{"nose": [1, 1e300]}', "nose is"),
        ('{"nose": [1, NaN]}', "nose is"),
        ('{"nose": [1, 2]}', "the pose has 1 joints"),
        (json.dumps({name: [1, 1] for name in FIGURE}), "in one place"),
        ("[" * 100_000, "no JSON"),
        ("/no/such/file.json", "cannot read"),
    ],
)
def test_a_pose_that_is_none_is_told(text: str, says: str) -> None:
    with pytest.raises(CurationError) as told:
        examples.of_drawing(text)
    assert says in told.value.message


def test_order_by_a_measure(studio: Studio) -> None:
    values = Fields(studio.catalogue).numbers("smile")
    best = found(studio, order="smile", count=3)
    ids = Fields(studio.catalogue).frame_id
    assert [f["frame_id"] for f in best["frames"]] == (
        ids[np.argsort(-values, kind="stable")][:3].tolist()
    )
    least = found(studio, order="smile", smallest=True, count=1, where="pool = face")
    assert least["found"] < best["found"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "nothing is searched for"),
        ({"words": "a cat"}, "weights of a CLIP"),
        ({"words": "a cat", "weights": "/no/file"}, "there is no file"),
        ({"words": "a", "like": ("1",)}, "one thing"),
        ({"like": ("no such.jpg",)}, "no such.jpg"),
        ({"like": ("999999",)}, "no frame 999999"),
        ({"order": "pool"}, "pool holds texts"),
        ({"order": "nonsense"}, "no column 'nonsense'"),
        ({"like": ("1",) * 65}, "65 examples"),
    ],
)
def test_what_cannot_be_answered_says_why(studio: Studio, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(CurationError) as told:
        found(studio, **asked)
    assert says in f"{told.value.message} {told.value.hint}"


def test_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--datastore", str(root)]
    assert cli.main([*where, "--where", "stars >= 3 and n_faces <= 1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"] == len(told["frames"]) and told["failed_items"] == []
    first = str(told["frames"][0]["frame_id"])
    assert cli.main([*where, first, "--by", "face", "--count", "2"]) == 0
    assert "frames fit, the first 2 are shown" in capsys.readouterr().out
    assert cli.main([*where, "--columns"]) == 0
    assert "yaw_deg" in capsys.readouterr().out
    assert cli.main([*where, "--where", "fokus > 1"]) == 1
    assert "hint: did you mean focus" in capsys.readouterr().err
    assert cli.main(["--datastore", str(root / "none"), "--where", "stars"]) == 1
    assert not (root / "none").exists()
    assert cli.main([*where, "--count", "0", "--where", "stars"]) == 2


def test_a_picture_finds_its_own_frame(
    filled_real: Path, sample_clips: list[Path], weights_dir: Path, tmp_path: Path
) -> None:
    studio = Studio(filled_real)
    try:
        row = next(
            row for row in studio.decisions.page(pool="face") if row["file"] is not None
        )
        copy = tmp_path / "from elsewhere.jpg"
        shutil.copy(filled_real / row["file"], copy)
        for by in ("appearance", "face", "scene"):
            told = found(studio, like=(str(copy),), by=by, count=3)
            assert told["frames"][0]["frame_id"] == row["frame_id"], by
            assert told["frames"][0]["distance"] < 0.02
        empty = tmp_path / "empty.jpg"
        empty.write_bytes(b"")
        with pytest.raises(CurationError, match=r"empty\.jpg"):
            found(studio, like=(str(empty),))
        with pytest.raises(InputError):
            examples.of_picture(tmp_path / "none.jpg", "face", SearchParams())  # type: ignore[arg-type]
    finally:
        studio.close()


@pytest.fixture(scope="module")
def filled_real(
    sample_clips: list[Path], weights_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A datastore of a second of each sample clip, measured by the real steps."""
    from curation.params import ExtractParams

    made = tmp_path_factory.mktemp("real") / "datastore"
    studio = Studio(made)
    thin = ExtractParams(fps=0.5)
    for verb in (studio.extract(sample_clips, thin), studio.sort(), studio.rank()):
        for _ in verb:
            pass
    studio.close()
    return made


TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {
        "context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights and architecture of a CLIP that is small enough to be made here."""
    import torch

    from curation.steps.tvshim import ensure_torchvision

    ensure_torchvision()
    open_clip = pytest.importorskip("open_clip", reason="needs pip install open-clip-torch")
    folder = tmp_path_factory.mktemp("clip")
    config = folder / "tiny-clip-for-tests.json"
    config.write_text(json.dumps(TINY))
    open_clip.add_model_config(config)
    torch.manual_seed(3)
    net = open_clip.create_model("tiny-clip-for-tests")
    torch.save(net.state_dict(), folder / "tiny.pt")
    return folder / "tiny.pt", config


def test_words_rank_frames_as_the_network_says(
    root: Path, tiny_clip: tuple[Path, Path], tmp_path: Path
) -> None:
    import simplejpeg

    from curation.search.words import WordIndex, clip_of

    shutil.copytree(root, tmp_path / "own")
    studio = Studio(tmp_path / "own")
    try:
        asked: dict[str, Any] = {
            "words": "a person at the beach", "weights": str(tiny_clip[0]),
            "clip_model": str(tiny_clip[1]), "count": 400,
        }  # fmt: skip
        beats = list(studio.search(SearchParams(**asked)))
        assert sum(beat.note == "looking at frames" for beat in beats) > 1
        told = beats[-1].summary or {}
        frames = Fields(studio.catalogue).frame_id
        assert told["found"] == len(frames) and told["by"] == "words"
        clip = clip_of(tiny_clip[0], str(tiny_clip[1]))
        index = WordIndex(studio.catalogue, clip, frames)
        first = told["frames"][0]
        raw = studio.packs.read(first["frame_id"])
        assert raw is not None
        own = clip([simplejpeg.decode_jpeg(raw, colorspace="RGB")])[0]
        assert own is not None
        expected = 1 - float(own @ index.asked("a person  at the beach"))
        assert first["distance"] == pytest.approx(expected, abs=2e-3)
        # Asked again, no frame is looked at; other words order otherwise.
        again = list(studio.search(SearchParams(**{**asked, "words": "night"})))
        assert len(again) == 1
        # What a killed run cut off is cut away and made again.
        size = index.path.stat().st_size
        with index.path.open("r+b") as file:
            file.truncate(size - 5)
        assert list(studio.search(SearchParams(**asked)))[-1].summary == told
        assert index.path.stat().st_size == size
    finally:
        studio.close()


def test_other_weights_than_the_named_network_are_told(
    studio: Studio, tmp_path: Path, tiny_clip: tuple[Path, Path]
) -> None:
    hostile = tmp_path / "clip.pt"
    hostile.write_bytes(b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(CurationError, match="does not hold CLIP"):
        found(studio, words="a cat", weights=str(hostile), clip_model=str(tiny_clip[1]))
    assert not Path("owned").exists()


def test_before_sorting_a_measure_is_answered_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    studio = Studio(tmp_path / "datastore")
    for clips, said, command in (
        ([], "holds no frames yet", "python 01_extract.py VIDEO"),
        ([videos.clip("cfr25").path], "no frame of", "python 02_sort.py"),
    ):
        for _ in studio.extract(clips, ExtractParams(fps=2, workers=1)) if clips else ():
            pass
        for asked in ({"where": "yaw < 20"}, {"order": "yaw"}):
            with pytest.raises(CurationError) as told:
                found(studio, **asked)
            assert said in told.value.message and "no column 'yaw'" in told.value.message
            assert told.value.hint == f"{command} --datastore {studio.root}"
    studio.close()
