"""One declaration is enough: every threshold of ranking is found wherever one may be set."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from curation import recipes
from curation.cli.options import to_argv, typed
from curation.cli.verbs import parser
from curation.decide.meters import METERS
from curation.decide.rank import PARTS, TASTE
from curation.decide.reasons import REASONS
from curation.export.lock import VERBS as LOCKED
from curation.params import RankParams, range_of
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.web.review_pack import _threshold

gr = pytest.importorskip("gradio")

from curation.ui.api import VERBS, _parameters, _told  # noqa: E402
from curation.ui.controls import component, fields_of  # noqa: E402
from tests.web.test_controls import moved  # noqa: E402

TOLD_OTHERWISE = {
    "pose_area_of", "crop_margin",  # how pose area is measured: the reason names the crop
    "lone_face_area",  # reads as no_person or a pool
    "person",  # reads as other_person
    "sure_second",  # reads as no_person, whose advice names it
    # Who is who, and who is nobody: what they change reads as a person's name or as false_face.
    "same_person", "own_threshold", "track_gap_s", "poster_share",
}  # fmt: skip
MOVED = moved(RankParams)
ALL = list(RankParams.model_fields)


def one(name: str) -> RankParams:
    """Return parameters of which one is not at its default."""
    return RankParams(**{name: getattr(MOVED, name)})


@pytest.fixture(scope="module")
def sliders() -> dict[str, Any]:
    with gr.Blocks(analytics_enabled=False):
        return {field.name: (field, component(field, field.name))
                for field in fields_of(RankParams)}


@pytest.mark.parametrize("name", ALL)
def test_a_flag_a_recipe_and_a_cache_key_take_it(name: str, tmp_path: Path) -> None:
    params = one(name)
    read = typed(parser("rank").parse_args(to_argv(params)), RankParams)
    assert read == {name: getattr(params, name)}
    path = tmp_path / "recipe.yaml"
    path.write_text(recipes.dump(params))
    assert recipes.build(RankParams, recipes.load(path)) == params
    assert params.digest() != RankParams().digest()
    with_help = parser("rank").format_help()
    told = " ".join(str(RankParams.model_fields[name].description).split())
    assert told in " ".join(with_help.split())


@pytest.mark.parametrize("name", ALL)
def test_what_is_remembered_and_locked_decides_again(name: str, tmp_path: Path) -> None:
    params = one(name)
    catalogue = Catalogue(tmp_path / "datastore")
    catalogue.remember("params.rank", params.model_dump(mode="json"))
    assert RankParams(**DecisionTable(catalogue).thresholds(RankParams.model_fields)) == params
    catalogue.close()
    lock = json.loads(json.dumps(LOCKED["rank"](**params.model_dump()).cache_dict()))
    assert recipes.build(RankParams, lock) == params


@pytest.mark.parametrize("name", ALL)
def test_the_studio_and_programs_can_set_it(name: str, sliders: dict[str, Any]) -> None:
    info = RankParams.model_fields[name]
    field, control = sliders[name]
    assert (field.low, field.high, field.default) == (*range_of(info), info.default)
    assert control.info.lower() == str(info.description).lower()
    (rank,) = (verb for verb in VERBS if verb.name == "rank")
    (parameter,) = (each for each in _parameters(rank) if each.name == name)
    assert (parameter.default, parameter.annotation) == (info.default, info.annotation)
    assert f"{name}: {info.description}" in _told(rank)


@pytest.mark.parametrize("name", ALL)
def test_a_reason_or_the_score_tells_of_it(name: str) -> None:
    of_reasons = {limit for reason in REASONS.values() for limit in reason.limits}
    of_score = name.removeprefix("weight_") in (*PARTS, TASTE) and name.startswith("weight_")
    assert (name in of_reasons) + of_score + (name in TOLD_OTHERWISE) == 1


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.param)
def test_the_sliders_of_the_review_are_those_of_the_studio(
    meter: Any, sliders: dict[str, Any]
) -> None:
    told = _threshold(meter, RankParams())
    info = RankParams.model_fields[meter.param]
    field, _ = sliders[meter.param]
    assert (told["low"], told["high"], told["value"]) == (*range_of(info), info.default)
    assert told["step"] == field.step
    steps = told["value"] / told["step"]
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert told["codes"] and told["title"] == meter.title
    equal = {">=" in re.sub(r"\{.*?\}", "", REASONS[code].template) for code in told["codes"]}
    assert equal == {told["equal_fails"]}
