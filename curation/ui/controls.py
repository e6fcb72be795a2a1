"""Controls from declarations: one pydantic field becomes one control, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import get_annotations
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import gradio as gr

from curation.params import Params, extra_of, range_of, step_of
from curation.recipes import build

SLIDER_SHARE = 0.04
"""A default below this share of its range (60 of 100000) is better typed than slid to."""


@dataclass(frozen=True, slots=True)
class Field:
    """A tunable as a control sees it.

    Attributes:
        kind: bool, int, float or str.
        choices: values of a str.
        optional: whether an empty control means None.
        group: the class that declares it, in words.
    """

    name: str
    label: str
    about: str
    default: Any
    kind: type
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    step: float
    optional: bool
    basic: bool
    group: str

    @property
    def slides(self) -> bool:
        """Return whether a slider serves it well."""
        if self.low is None or self.high is None or self.optional or self.kind not in (int, float):
            return False
        return bool(
            (self.default - self.low) >= SLIDER_SHARE * (self.high - self.low)
            or self.high - self.low <= 100
        )


def fields_of(model: type[Params]) -> list[Field]:
    """Return the tunables of a model, by the classes it is made of, then as declared.

    Those that name a file of this machine are left out: no browser chooses what the server reads.
    """
    owners = {
        name: next(c for c in model.__mro__ if name in get_annotations(c))
        for name, info in model.model_fields.items()
        if not extra_of(info).get("local")
    }
    names = sorted(owners, key=lambda name: model.__mro__.index(owners[name]))
    return [_field(model, name, owners[name]) for name in names]


def _field(model: type[Params], name: str, owner: type) -> Field:
    info = model.model_fields[name]
    extra = extra_of(info)
    annotation: Any = info.annotation
    choices: tuple[str, ...] = ()
    options = [a for a in get_args(annotation) if a is not NoneType]
    if get_origin(annotation) is Literal:
        kind, choices = str, tuple(get_args(annotation))
    else:
        kind = (options or [annotation])[0]
    low, high = range_of(info)
    unit = str(extra.get("unit") or "")
    words = name.removesuffix("_s") if unit == "s" else name
    shown_unit = f" ({unit})" if unit and not words.endswith(f"_{unit}") else ""
    about = info.description or ""
    return Field(
        name=name,
        label=words.replace("_", " ").capitalize() + shown_unit,
        about=about[:1].upper() + about[1:],
        default=info.default,
        kind=kind,
        choices=choices,
        low=low,
        high=high,
        step=step_of(info),
        optional=NoneType in get_args(annotation),
        basic=bool(extra.get("basic")),
        group=_heading(owner),
    )


def _heading(owner: type) -> str:
    text = (owner.__doc__ or owner.__name__).split("\n")[0].rstrip(".")
    text = text.split(": ", 1)[-1].split(";")[0]
    return text[:1].upper() + text[1:]


def component(field: Field, elem_id: str) -> Any:
    """Return the control of a tunable."""
    common = {
        "label": field.label,
        "info": field.about,
        "elem_id": elem_id,
        "elem_classes": "setting",
    }
    if field.kind is bool:
        return gr.Checkbox(field.default, **common)
    if field.choices:
        kind = gr.Radio if len(field.choices) <= 3 else gr.Dropdown
        return kind(list(field.choices), value=field.default, **common)
    if field.kind is str:
        return gr.Textbox(field.default, max_lines=1, **common)
    if field.slides:
        return gr.Slider(field.low, field.high, field.default, step=field.step, **common)
    # No limits here: the model refuses in one sentence, the component in several.
    return gr.Number(
        field.default,
        precision=0 if field.kind is int else None,
        step=field.step if field.kind is int else 0.1,
        placeholder="not set" if field.optional else None,
        **common,
    )


@dataclass(frozen=True)
class Controls:
    """The controls of one model, in the order of its fields."""

    model: type[Params]
    fields: tuple[Field, ...]
    components: tuple[Any, ...]

    def read(self, values: Sequence[Any], base: Mapping[str, Any] | None = None) -> Params:
        """Return parameters from the controls' values; fields without a control come from base.

        Raises:
            ParamError: in one sentence, naming the parameter and its range.
        """
        given = {
            field.name: _typed(field, value)
            for field, value in zip(self.fields, values, strict=True)
        }
        return build(self.model, base or {}, given)

    def values(self, *layers: Mapping[str, Any]) -> list[Any]:
        """Return what the controls should show: defaults, then each layer over them."""
        merged: dict[str, Any] = {}
        for layer in layers:
            merged |= layer
        return [merged.get(field.name, field.default) for field in self.fields]


def _typed(field: Field, value: Any) -> Any:
    """Return a control's value in its field's type; what does not fit is left for the model."""
    if value in ("", None):
        return None if field.optional else value
    if field.kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if field.kind is float and isinstance(value, int) else value


def lay_out(model: type[Params], prefix: str) -> Controls:
    """Place the controls of a model: basic ones by group, the others folded away.

    Args:
        prefix: begins the element ids, which must differ between the tabs.
    """
    fields = fields_of(model)
    made: dict[str, Any] = {}
    _place([field for field in fields if field.basic], made, prefix)
    hidden = [field for field in fields if not field.basic]
    if hidden:
        title = f"Advanced settings ({len(hidden)})"
        with gr.Accordion(title, open=False, elem_classes="advanced"):
            _place(hidden, made, prefix)
    return Controls(model, tuple(fields), tuple(made[field.name] for field in fields))


def pick(model: type[Params], names: Sequence[str]) -> list[Field]:
    """Return some tunables of a model, in the order of the names."""
    by_name = {field.name: field for field in fields_of(model)}
    return [by_name[name] for name in names]


def _place(fields: Sequence[Field], made: dict[str, Any], prefix: str) -> None:
    for group in dict.fromkeys(field.group for field in fields):
        mine = [field for field in fields if field.group == group]
        gr.HTML(f"<h3 class='group'>{group}</h3>", js_on_load=None)
        with gr.Column(elem_classes="fields"):
            for field in mine:
                made[field.name] = component(field, f"{prefix}-{field.name}")
