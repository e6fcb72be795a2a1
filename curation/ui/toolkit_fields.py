"""Controls of toolkit verbs from their declarations, and the command line that they make.

Of texts only those named here get a control: whatever else a verb takes as text may be a file of
this machine, and no browser chooses what the server reads.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from curation.errors import ParamError
from curation.params import Params, extra_of
from curation.toolkit import config as yaml_file
from curation.toolkit.verbs import VERBS, Verb, find
from curation.ui import controls
from curation.web.toolkit_places import Places

CULLING = "curation.cull."
"""Room of the verbs over FOLDER..., which are not imported for the Toolkit tab."""
READ_ONLY = frozenset({"validate"})
"""Verbs that change nothing: their dry run is all there is to it."""
SHARED = ("from_dirs", "to")
"""Fields with a control of their own, the same for all verbs."""
TEXTS = frozenset(
    "where by group_by fill_color margin background prefix workflow".split()
)
"""Fields that are text, and never a path."""
WORDS = frozenset(
    "source license origin metrics classes prefer".split()
)
"""Fields that are a text, or words with commas between."""
FILES = {"config": (".yaml", ".yml"), "input": (".txt", ".jsonl")}
"""Fields that name a file; files of the work dir with these endings are offered."""
FOLDERS = frozenset({"references"})
"""Fields that name folders; those of the work dir are offered."""

TEXT, LIST, PAIRS, FILE, FOLDER, PLAIN = "text", "list", "pairs", "file", "folder", "plain"
NUMBER = "number"
"""A number that need not be set: Gradio's own control makes 0 of "not set" while it is hidden."""


@cache
def verbs() -> dict[str, Verb]:
    """Return the verbs that can be run here, by word; one that lacks a package is left out.

    Verbs over FOLDER... are not among them: they are the Cull tab's.
    """
    found = {}
    for word, where in VERBS.items():
        if where.startswith(CULLING):
            continue
        try:
            found[word] = find(word)
        except ImportError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting that has a control: the field, and how its value is written there."""

    field: controls.Field
    kind: str


def shown_of(model: type[Params]) -> list[Shown]:
    """Return the settings of a verb that get a control, basic ones as declared."""
    found = []
    fields = {field.name: field for field in controls.fields_of(model)}
    for name in model.model_fields:
        # Files are left out there, but these come from a list of ours.
        field = fields.get(name) or (controls._field(model, name, model) if name in FILES else None)
        if field is None:
            continue
        kind = None if field.name in SHARED else _kind(model, field)
        if kind is not None:
            found.append(Shown(field, kind))
    return found


def _kind(model: type[Params], field: controls.Field) -> str | None:
    annotation = model.model_fields[field.name].annotation
    words = str(annotation)
    if words.startswith("tuple[tuple["):
        return PAIRS
    if field.name in FILES:
        return FILE
    if field.name in FOLDERS:
        return FOLDER
    if field.kind in (int, float) and field.optional:
        return NUMBER
    if field.choices or field.kind in (bool, int, float):
        return LIST if words.startswith("tuple[") else PLAIN
    if field.name in TEXTS | WORDS and str in (annotation, *get_args(annotation)):
        return LIST if words.startswith("tuple[") else TEXT
    return None


def component(shown: Shown, elem_id: str) -> Any:
    """Return the control of a setting."""
    field = shown.field
    if shown.kind == PLAIN:
        return controls.component(field, elem_id)
    hints = {PAIRS: "name value, name value", LIST: "one, two, three", NUMBER: "not set"}
    hint = hints.get(shown.kind, "")
    common = {
        "label": field.label,
        "info": field.about,
        "elem_id": elem_id,
        "elem_classes": "setting",
    }
    if shown.kind in (FILE, FOLDER):
        many = shown.kind == FOLDER
        # Which values are fine is checked when they are used: the list changes with the disk.
        return gr.Dropdown(
            [], value=[] if many else None, multiselect=many, allow_custom_value=True, **common
        )
    return gr.Textbox(written(shown, field.default), placeholder=hint, max_lines=1, **common)


def written(shown: Shown, value: Any) -> Any:
    """Return a value as its control shows it."""
    if shown.kind == PAIRS:
        return ", ".join(f"{name} {number:g}" for name, number in value or ())
    if shown.kind == LIST:
        return ", ".join(map(str, value or ()))
    if shown.kind in (TEXT, NUMBER):
        return "" if value is None else str(value)
    if shown.kind in (FILE, FOLDER):
        return [] if shown.kind == FOLDER else None
    return value


def read(shown: Shown, value: Any, places: Places, place: Path) -> Any:
    """Return a control's value as its field has it.

    Raises:
        ParamError: for pairs that are none.
        InputError: for a file or folder that is not offered.
    """
    if shown.kind == FILE:
        name = shown.field.name
        return str(places.file(place, str(value), FILES[name])) if value else ""
    if shown.kind == FOLDER:
        return places.sources(place, value) if value else ""
    if shown.kind == PAIRS:
        return tuple(_pair(shown, part) for part in _parts(value))
    if shown.kind == LIST:
        return tuple(_parts(value))
    if shown.kind == NUMBER:
        return _number(shown, str(value or "").strip())
    if shown.kind == TEXT:
        text = str(value or "").strip()
        return None if not text and shown.field.optional else text
    return controls._typed(shown.field, value)


def _number(shown: Shown, text: str) -> float | int | None:
    try:
        return shown.field.kind(text) if text else None
    except ValueError:
        whole = "a whole number" if shown.field.kind is int else "a number"
        raise ParamError(f"{shown.field.label}: {text!r} is not {whole}") from None


def _parts(value: Any) -> list[str]:
    return [part.strip() for part in str(value or "").split(",") if part.strip()]


def _pair(shown: Shown, text: str) -> tuple[str, float]:
    name, _, number = text.rpartition(" ")
    name = name.strip(" =:")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not name or name.startswith("-") or not math.isfinite(value):
        raise ParamError(f"{shown.field.label}: {text!r} is not a name and a number", "blur 50")
    return name, value


@dataclass(frozen=True)
class VerbControls:
    """The controls of one verb."""

    verb: Verb
    shown: tuple[Shown, ...]
    components: tuple[Any, ...]

    def read(
        self, values: Sequence[Any], shared: Mapping[str, Any], places: Places, place: Path
    ) -> Any:
        """Return the verb's parameters.

        Args:
            shared: values of the fields with a control for all verbs.

        Raises:
            ParamError: in one sentence.
            InputError: for a file or folder that is not offered.
        """
        pairs = zip(self.shown, values, strict=True)
        given = {one.field.name: read(one, value, places, place) for one, value in pairs}
        fields = self.verb.params.model_fields
        both = {k: v for k, v in shared.items() if k in fields} | given
        return yaml_file.made(self.verb.params, self.verb.name, both)

    def values(self, remembered: Mapping[str, Any]) -> list[Any]:
        """Return what the controls show: defaults, and what was remembered over them.

        Args:
            remembered: values as controls have them, by name of the field.
        """
        return [
            remembered.get(one.field.name, written(one, one.field.default)) for one in self.shown
        ]


def lay_out(verb: Verb) -> VerbControls:
    """Place the controls of a verb: basic ones, the others folded away."""
    shown = shown_of(verb.params)
    made: dict[str, Any] = {}
    _place([one for one in shown if one.field.basic], made, verb.name)
    hidden = [one for one in shown if not one.field.basic]
    if hidden:
        title = f"Advanced settings ({len(hidden)})"
        with gr.Accordion(title, open=False, elem_classes="advanced"):
            _place(hidden, made, verb.name)
    return VerbControls(verb, tuple(shown), tuple(made[one.field.name] for one in shown))


def _place(shown: Sequence[Shown], made: dict[str, Any], word: str) -> None:
    if shown:
        with gr.Column(elem_classes="fields"):
            for one in shown:
                made[one.field.name] = component(one, f"toolkit-{word}-{one.field.name}")


def argv_of(verb: Verb, params: Any) -> list[str]:
    """Return the flags that make these parameters; a value can never pass for a flag."""
    first: list[str] = []
    argv: list[str] = []
    for name, info in verb.params.model_fields.items():
        value = getattr(params, name)
        if value == info.default or value is None:
            continue
        extra = extra_of(info)
        key = yaml_file.key_of(verb.params, name).replace("_", "-")
        if extra.get("positional"):
            first += map(str, value if isinstance(value, tuple) else (value,))
        elif isinstance(value, bool):
            argv.append(f"--{key}" if value else f"--no-{key}")
        elif isinstance(value, tuple) and value and isinstance(value[0], tuple):
            for inner, number in value:
                argv += [f"--{key}", str(inner), repr(number)]
        elif isinstance(value, tuple):
            argv.append(f"--{key}={','.join(map(str, value))}")
        else:
            argv.append(f"--{key}={value}")
    return [*first, *argv]


def shown_command(word: str, argv: Sequence[str], place: Path) -> str:
    """Return a command line to copy."""
    return shlex.join(["python", "-m", "curation", word, "-d", str(place), *argv])
