"""Fine-tuning: learns what pictures show, bit for bit the same, and only from sound weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.errors import CurationError, WeightsMissing
from curation.learn import taste_scorer
from curation.learn.taste_backbone import backbone_file, read_backbone
from curation.learn.taste_train_net import score_frames, train_net
from curation.learn.taste_tune import Lesson, Tuned, tune
from curation.measures import gather
from curation.steps.taste_net import V2S, make_net, read_net
from curation.studio import Studio
from curation.tune_params import FineTuneParams
from tests.review_store import fill
from tests.web.rater import Rater

QUICK = FineTuneParams(tune_px=64, head_epochs=1, body_epochs=1, tune_batch=8)


@pytest.fixture(autouse=True)
def needs(weights_dir: Path) -> None:
    """The packaged backbone."""


def lesson(n: int, seed: int) -> Lesson:
    """Bright pictures are liked, dark ones are not."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, 6, n)
    pictures = rng.integers(0, 60, (n, 64, 64, 3)) + levels[:, None, None, None] * 38
    return Lesson(pictures.astype(np.uint8), levels, np.ones(n))


def trained(params: FineTuneParams = QUICK) -> Tuned:
    *_, (_, last) = tune(lesson(32, 0), lesson(24, 1), params,
                         lambda body: read_backbone(body, backbone_file(params)))
    assert last is not None
    return last


def test_it_learns_and_gives_the_same_bytes_again() -> None:
    one, other = trained(), trained()
    assert max(one.history) > 0.8 and one.history[one.best] == max(one.history)
    assert one.history == other.history and one.losses == other.losses
    for name, value in one.state.items():
        assert value.numpy().tobytes() == other.state[name].numpy().tobytes(), name
    reseeded = trained(QUICK.model_copy(update={"tune_seed": 1, "body_epochs": 0}))
    assert reseeded.losses[0] != one.losses[0]


def test_more_stars_are_never_likelier() -> None:
    import torch

    net = make_net("efficientnet_lite0").eval()
    with torch.no_grad():
        net.steps.copy_(torch.tensor([2.0, 1.0, 0.0, -1.0]))
        found = net(torch.randn(3, 3, 64, 64)).sigmoid()
    assert (found.diff(dim=1) <= 0).all()


def test_a_bigger_backbone_needs_its_weights(tmp_path: Path) -> None:
    params = FineTuneParams(backbone="tf_efficientnetv2_s")
    with pytest.raises(WeightsMissing, match="do not come with"):
        backbone_file(params)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not a header")
    given = params.model_copy(update={"backbone_weights": str(bad)})
    assert backbone_file(given) == bad
    with pytest.raises(WeightsMissing, match="sha256"):
        backbone_file(given.model_copy(update={"backbone_sha256": "0" * 64}))
    with pytest.raises(CurationError, match="no sha256"):
        backbone_file(given.model_copy(update={"backbone_sha256": "short"}))
    net = make_net(V2S)
    with pytest.raises(WeightsMissing, match="does not hold"):
        read_backbone(net.body, bad)
    with pytest.raises(WeightsMissing):
        read_net(bad, V2S)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    import os
    import pickle

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "owned"),)

    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsMissing):
        read_backbone(make_net("efficientnet_lite0").body, path)
    assert not (tmp_path / "owned").exists()


def test_v2s_takes_weights_that_are_given(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    path = tmp_path / "v2s.safetensors"
    save_file(make_net(V2S).body.state_dict(), path)
    torch.manual_seed(4)
    other = make_net(V2S)
    read_backbone(other.body, path)
    mine = dict(other.body.state_dict())
    from safetensors.torch import load_file

    assert all(torch.equal(mine[name], value) for name, value in load_file(path).items())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("tune") / "store"
    fill(root, 240, 40, videos=6).close()
    yield root


def test_a_network_becomes_a_scorer_and_a_column(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(filled, tmp_path / "store")
    studio = Studio(tmp_path / "store")
    try:
        rater = Rater(studio, 7)
        rater.rate(rater.some(60))
        with pytest.raises(CurationError, match="needs 200"):
            list(studio.train("net", QUICK))
        for beat in train_net(studio.catalogue, "net", QUICK, least=60):
            summary = beat.summary
        assert summary is not None and summary["kind"] == "network"
        assert summary["validation"]["groups"] >= 1
        column = gather(studio.catalogue).columns["taste_net"]
        known = np.isfinite(column)
        assert known.sum() > 200 and ((column[known] >= 1) & (column[known] <= 5)).all()
        scorer = taste_scorer.read(studio.root / "scorers" / "net.json")
        assert not list(score_frames(studio.catalogue, scorer)), "asked again what is known"
        list(studio.promote("net", force=True))
        assert studio.taste()["scorer"] == "net"
        assert np.isfinite(gather(studio.catalogue).columns["taste"]).any()
        weights = studio.root / "scorers" / "net.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        with pytest.raises(CurationError, match="not the network"):
            list(score_frames(studio.catalogue, scorer))
    finally:
        studio.close()
