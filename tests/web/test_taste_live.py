"""From stars to a moved ranking: live, by scorers, on the command line; and back by undo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.__main__ import main
from curation.decide import decide
from curation.errors import CurationError
from curation.learn import taste_scorer
from curation.learn.taste_metrics import spearman
from curation.measures import gather
from curation.params import RankParams
from curation.store.clock import measured_at
from curation.store.mark_ops import MarkOps
from curation.studio import Studio
from tests.review_store import fill
from tests.web.rater import Rater


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("taste") / "store"
    fill(root, 1600, 40).close()
    yield root


@pytest.fixture
def studio(filled: Path, tmp_path: Path) -> Iterator[Studio]:
    """A copy of its catalogue; pictures are not looked at."""
    import shutil

    (tmp_path / "store").mkdir()
    shutil.copyfile(filled / "catalog.sqlite", tmp_path / "store" / "catalog.sqlite")
    made = Studio(tmp_path / "store")
    yield made
    made.close()


def ended(beats: Any) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for beat in beats:
        summary = beat.summary or summary
    return summary


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name == "score")
               for name in ("pool", "verdict", "reason", "score", "rank", "keeper", "rival"))


def test_nine_ratings_change_nothing_and_ten_do(studio: Studio) -> None:
    rater = Rater(studio)
    before = decide(gather(studio.catalogue).columns, RankParams())
    frames = rater.some(12)
    rater.rate(frames[:9])
    nine = gather(studio.catalogue).columns
    assert "taste" not in nine
    assert same(before, decide(nine, RankParams()))
    at = measured_at(studio.catalogue)
    rater.rate(frames[9:])
    assert measured_at(studio.catalogue) != at
    columns = gather(studio.catalogue).columns
    known = np.isfinite(columns["taste"])
    assert known.any() and ((columns["taste"][known] >= 0) & (columns["taste"][known] <= 1)).all()
    assert (columns["taste_sd"][known] >= 0).all()
    after = decide(columns, RankParams())
    assert not same(before, after)
    # With no weight it is as if nobody had rated.
    assert same(before, decide(columns, RankParams(weight_taste=0)))
    studio.live_taste(False)
    assert "taste" not in gather(studio.catalogue).columns
    studio.live_taste(True)
    while "taste" in gather(studio.catalogue).columns:
        MarkOps(studio.catalogue).undo(rater.client)
    assert same(before, decide(gather(studio.catalogue).columns, RankParams()))


def test_thirty_answers_to_proposals_foresee_a_taste(studio: Studio) -> None:
    rater = Rater(studio, 1)
    for _ in range(5):
        asked = studio.proposals(6)
        assert [row["kind"] for row in asked].count("random") == 2
        rater.rate([row["frame_id"] for row in asked])
    columns = gather(studio.catalogue).columns
    ids = columns["frame_id"].tolist()
    inside = np.isin(columns["frame_id"], rater.frames)
    worth = np.array([rater.worth[frame] for frame in ids])
    assert spearman(columns["taste"][inside], worth[inside]) > 0.6
    assert studio.taste()["ratings"] == 30 and studio.taste()["asked"] == 30
    found = ended(studio.evaluate())
    assert found["asked_by_chance"]["answers"] == 10 and found["ratings"] == 30
    assert set(found["curve"]) == {"15"} and found["metrics"]["ece"] < 0.5
    told = studio.explain(int(rater.frames[3]))
    assert any("you would keep it with" in line for line in told["lines"])
    assert sum(part["contribution"] for part in told["parts"]) == pytest.approx(told["score"])


def test_train_evaluate_promote(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    rater, root = Rater(studio, 2), str(studio.root)
    assert main(["train", "--datastore", root]) == 1
    assert "10 are needed" in capsys.readouterr().err
    assert main(["train", "--propose", "3", "--datastore", root]) == 0
    assert capsys.readouterr().out.count("stars are expected") == 3
    rater.rate(rater.some(150))
    assert main(["train", "--name", "mine", "--datastore", root]) == 0
    out = capsys.readouterr().out
    assert "scorer mine: learned from 150 ratings" in out and "rank correlation" in out
    assert main(["train", "--name", "mine", "--datastore", root]) == 1
    capsys.readouterr()
    assert main(["evaluate", "mine", "--datastore", root, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["against"]["beats"] and found["metrics"]["spearman"] > 0.5
    before = decide(gather(studio.catalogue).columns, RankParams())
    summary = ended(studio.promote("mine"))
    assert summary["against"]["beats"] and summary["against"]["old"] == "declared weights"
    assert set(summary["changes"]) == {"face", "upper_body", "full_body"}
    # It was learned from all ratings: live learning adds nothing to it.
    assert studio.taste()["scorer"] == "mine" and studio.taste()["unseen"] == 0
    after = decide(gather(studio.catalogue).columns, RankParams())
    assert spearman(np.nan_to_num(before.score), np.nan_to_num(after.score)) > 0.99
    ended(studio.train("again"))
    with pytest.raises(CurationError, match="does not beat mine"):
        ended(studio.promote("again"))
    assert studio.taste()["scorer"] == "mine"
    forced = ended(studio.promote("again", force=True))
    assert forced["forced"] and studio.taste()["scorer"] == "again"
    card = next(s["card"] for s in studio.taste()["scorers"] if s["name"] == "again")
    assert card["forced"]["against"]["old"] == "mine"


def test_a_scorer_goes_to_another_datastore(
    studio: Studio, filled: Path, tmp_path: Path
) -> None:
    import shutil

    rater = Rater(studio, 3)
    rater.rate(rater.some(120))
    made = ended(studio.train("shared"))
    assert made["scorer"] == "shared"
    here = gather(studio.catalogue).columns["taste"]
    (tmp_path / "other").mkdir()
    shutil.copyfile(filled / "catalog.sqlite", tmp_path / "other" / "catalog.sqlite")
    other = Studio(tmp_path / "other")
    try:
        source = studio.root / "scorers" / "shared.json"
        with pytest.raises(CurationError, match="nobody rated"):
            ended(other.promote("shared", source))
        ended(other.promote("shared", source, force=True))
        there = gather(other.catalogue).columns["taste"]
        known = np.isfinite(here)
        assert np.allclose(here[known], there[known], atol=1e-5)
        # Ratings made there go on from it.
        second = Rater(other, 4)
        second.rate(second.some(20))
        assert not np.allclose(there[known], gather(other.catalogue).columns["taste"][known])
        (other.root / "scorers" / "shared.json").write_text("{}")
        assert "taste" in gather(other.catalogue).columns  # ranking goes on, from ratings alone
        assert next(s for s in other.taste()["scorers"])["error"]
    finally:
        other.close()


HOSTILE = {
    "no json": b"\x80\x04cos\nsystem\n",
    "nan": b'{"format": NaN}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "empty": b"",
    "large": b" " * (5 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(CurationError):
        taste_scorer.read(path)


def test_every_changed_number_is_noticed(studio: Studio) -> None:
    rater = Rater(studio, 5)
    rater.rate(rater.some(40))
    ended(studio.train("sound"))
    path = studio.root / "scorers" / "sound.json"
    sound = json.loads(path.read_text())
    changes: list[Any] = [
        lambda d: d["head"].__setitem__("noise", 0), lambda d: d["head"].__setitem__("noise", 0.3),
        lambda d: d["head"]["mean"].append(1.0), lambda d: d["head"]["covariance"].pop(),
        lambda d: d["head"]["covariance"][0].__setitem__(0, -5.0),
        lambda d: d["basis"]["names"].append("evil"), lambda d: d["basis"].pop("centre"),
        lambda d: d["basis"]["spread"].__setitem__(0, 0.0),
        lambda d: d["basis"].__setitem__("names", [1, 2, 3, 4, 5]),
        lambda d: d["calibration"].__setitem__("share", 7), lambda d: d.__setitem__("name", "../x"),
        lambda d: d.__setitem__("net", {"architecture": "os.system"}),
        lambda d: d.__setitem__("card", []), lambda d: d["card"].__setitem__("store", "mine"),
        lambda d: d["basis"].__setitem__("look_mean", [1e308] * 96),
    ]
    for change in changes:
        broken = json.loads(json.dumps(sound))
        change(broken)
        path.write_text(json.dumps(broken))
        with pytest.raises(CurationError):
            taste_scorer.read(path)
    path.write_text(json.dumps(sound))
    assert taste_scorer.read(path).name == "sound"
    with pytest.raises(CurationError, match="cannot name"):
        taste_scorer.path_of(studio.root, "../../etc/passwd")


def test_a_reject_of_hundreds_counts_as_a_few(studio: Studio) -> None:
    from curation.learn.taste_fit import CROWD, said
    from curation.store.mark_ops import Op
    from curation.store.ratings import RatingTable

    rater = Rater(studio, 6)
    many = np.array(sorted(rater.some(400)), np.int64)
    MarkOps(studio.catalogue).apply("b", "", [Op("x", "flag", -1, many)])
    told = said(RatingTable(studio.catalogue).all())
    assert len(told.y) == 400 and (told.y < 0).all()
    assert told.trust.sum() <= CROWD
