"""Declared once: flags, recipes and ranges say the same."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from curation import recipes
from curation.cli.options import add_options, to_argv, typed
from curation.cli.verbs import main
from curation.errors import ParamError
from curation.params import ExtractParams, Params, RankParams, SortParams

MODELS = list(recipes.VERB_PARAMS.values())


def parsed(model: type[Params], argv: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_options(parser, model)
    return typed(parser.parse_args(argv), model)


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_has_a_flag_and_a_description(model: type[Params]) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, model)
    text = parser.format_help()
    for name, info in model.model_fields.items():
        assert "--" + name.replace("_", "-") in text
        assert info.description and not info.description.endswith(".")
    assert parsed(model, []) == {}


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (ExtractParams, {"mode": "fps", "fps": 0.5, "start_s": 3.0, "reader": "decord"}),
        (SortParams, {"second_opinion": False, "pose_people": 2, "workers": 3}),
        (RankParams, {"pose_area": 0.1, "pose_area_of": "image", "top": 7, "min_focus": -1.5}),
    ],
)
def test_flags_make_the_parameters_they_came_from(
    model: type[Params], changes: dict[str, Any]
) -> None:
    params = model(**changes)
    assert recipes.build(model, parsed(model, to_argv(params))) == params


def test_flags_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("top: 5\nper_video: 3\nfps: 9\n")
    built = recipes.build(RankParams, recipes.load(path), {"top": 8})
    assert (built.top, built.per_video, built.burst_s) == (8, 3, 0.4)


@pytest.mark.parametrize("name", ["small", "strict", "seed30"])
def test_the_recipes_we_ship_are_valid(name: str) -> None:
    values = recipes.load(Path(__file__).parents[2] / "recipes" / f"{name}.yaml")
    assert values
    for model in MODELS:
        recipes.build(model, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tpo: 5", "unknown key 'tpo'"),
        ("top: [", "not YAML"),
        ("- top", "must be a list of 'key: value' lines"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ParamError, match=said):
        recipes.load(path)


def test_a_printed_recipe_is_the_defaults(tmp_path: Path) -> None:
    for model in MODELS:
        path = tmp_path / "all.yaml"
        path.write_text(recipes.dump(model()))
        assert recipes.build(model, recipes.load(path)) == model()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--top", "0"], "top = 0"),
        (["--recipe", "none.yaml"], "cannot read the recipe none.yaml"),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_2(
    argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("rank", [*argv, "--datastore", str(tmp_path / "d")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error and "Traceback" not in error
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("verb", ["extract", "rank"])
def test_nothing_to_do_says_what_to_type(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(verb, ["--datastore", str(tmp_path / "d")]) == 1
    assert "hint: python 01_extract.py" in capsys.readouterr().err
