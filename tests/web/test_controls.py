"""Each tunable has exactly one control, and what it shows is what the run gets."""

from __future__ import annotations

from typing import Any

import pytest

from curation.cli.options import to_argv
from curation.cli.verbs import parser
from curation.errors import ParamError
from curation.params import ExtractParams, Params, RankParams, SortParams
from curation.recipes import VERB_PARAMS, build

gr = pytest.importorskip("gradio")

from curation.ui.controls import Controls, component, fields_of, lay_out, pick  # noqa: E402
from curation.ui.toolkit_fields import verbs  # noqa: E402

MODELS = [ExtractParams, SortParams, RankParams]


def controls_of(model: type[Params]) -> Controls:
    with gr.Blocks(analytics_enabled=False):
        return lay_out(model, "test")


def as_sent(controls: Controls, values: list[Any]) -> list[Any]:
    """Return values as a browser sends them back and Gradio hands them on."""
    sent = [
        part.postprocess(value) for part, value in zip(controls.components, values, strict=True)
    ]
    return [part.preprocess(value) for part, value in zip(controls.components, sent, strict=True)]


@pytest.mark.parametrize("model", MODELS)
def test_every_field_has_exactly_one_control(model: type[Params]) -> None:
    controls = controls_of(model)
    names = [field.name for field in controls.fields]
    # No browser chooses a file that the server reads.
    assert sorted(names) == sorted(set(model.model_fields) - {"matcher_weights"})
    assert len({part.elem_id for part in controls.components}) == len(names)
    for field, part in zip(controls.fields, controls.components, strict=True):
        assert part.elem_id == f"test-{field.name}"
        assert part.info, field.name


@pytest.mark.parametrize("model", MODELS)
def test_untouched_controls_are_the_defaults(model: type[Params]) -> None:
    controls = controls_of(model)
    values = as_sent(controls, [part.value for part in controls.components])
    assert controls.read(values) == model()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_set_is_what_is_read(model: type[Params]) -> None:
    controls = controls_of(model)
    wanted = moved(model)
    values = as_sent(controls, controls.values(wanted.model_dump()))
    assert controls.read(values) == wanted
    assert wanted != model()


def moved(model: type[Params]) -> Params:
    """Return parameters that differ from the default in every field."""
    values: dict[str, Any] = {}
    for field in fields_of(model):
        if field.choices:
            values[field.name] = field.choices[-1]
        elif field.kind is bool:
            values[field.name] = not field.default
        elif field.kind is str:
            values[field.name] = "Anna, Ben"
        elif field.default is None:
            values[field.name] = 1.25
        else:
            up = field.high is None or field.default + field.step <= field.high
            values[field.name] = field.kind(
                round(field.default + (1 if up else -1) * field.step, 6)
            )
    return model(**values)


@pytest.mark.parametrize(("verb", "model"), list(VERB_PARAMS.items()))
def test_the_command_line_makes_the_same_parameters(verb: str, model: type[Params]) -> None:
    wanted = moved(model)
    where = ["folder"] if verb == "watch" else []
    namespace = parser(verb).parse_args([*where, *to_argv(wanted)])
    typed = {k: v for k, v in vars(namespace).items() if k in model.model_fields}
    assert build(model, typed) == wanted


@pytest.mark.parametrize("model", MODELS)
def test_kinds_of_controls_follow_the_declaration(model: type[Params]) -> None:
    for field in fields_of(model):
        part = component(field, "x")
        if field.kind is bool:
            assert isinstance(part, gr.Checkbox)
        elif field.choices:
            assert isinstance(part, gr.Radio | gr.Dropdown)
            assert [value for _, value in part.choices] == list(field.choices)
        elif field.kind is str:
            assert isinstance(part, gr.Textbox)
        elif field.slides:
            assert isinstance(part, gr.Slider)
            assert (part.minimum, part.maximum) == (field.low, field.high)
            steps = (field.default - field.low) / field.step
            assert abs(steps - round(steps)) < 1e-6, f"{field.name}: its default is off its steps"
        else:
            assert isinstance(part, gr.Number)


OUT_OF_RANGE = [
    (ExtractParams, "fps", 1000, "fps"),
    (ExtractParams, "every", 0, "every"),
    (ExtractParams, "every", 2.5, "every"),
    (ExtractParams, "every", None, "every"),
    (ExtractParams, "start_s", -1, "start-s"),
    (SortParams, "face_score", 7, "face-score"),
    (SortParams, "pose_engine", "other", "pose-engine"),
    (RankParams, "top", -3, "top"),
    (RankParams, "min_focus", "much", "min-focus"),
]


@pytest.mark.parametrize(("model", "name", "value", "said"), OUT_OF_RANGE)
def test_what_is_out_of_range_is_refused_in_one_sentence(
    model: type[Params], name: str, value: Any, said: str
) -> None:
    controls = controls_of(model)
    values = controls.values({name: value})
    with pytest.raises(ParamError) as caught:
        controls.read(values)
    assert caught.value.message.startswith(f"{said} = ")
    assert "\n" not in caught.value.message


def test_fields_without_a_control_come_from_the_base() -> None:
    fields = pick(RankParams, ("min_focus", "top"))
    controls = Controls(RankParams, tuple(fields), tuple(component(f, f.name) for f in fields))
    made = controls.read([0.5, 9.0], {"pose_area": 0.4, "top": 3, "unknown": 1})
    assert made == RankParams(min_focus=0.5, top=9, pose_area=0.4)


@pytest.mark.parametrize("model", [*MODELS, *(verb.params for verb in verbs().values())])
def test_whole_numbers_go_by_whole_steps(model: type[Params]) -> None:
    assert all(field.step == 1 for field in fields_of(model) if field.kind is int)
