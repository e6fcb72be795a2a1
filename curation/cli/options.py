"""Flags from declarations: one pydantic field becomes one argparse option, and back."""

from __future__ import annotations

import argparse
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo

from curation.params import Params, extra_of, range_of

P = TypeVar("P", bound=Params)


def flag(name: str) -> str:
    """Return the flag of a parameter."""
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser, model: type[Params]) -> None:
    """Add one option per field; what the user does not type stays out of the namespace."""
    groups = {
        basic: parser.add_argument_group("settings" if basic else "more settings")
        for basic in (True, False)
    }
    for name, info in model.model_fields.items():
        group = groups[bool(extra_of(info).get("basic"))]
        kind, choices = _kind(info)
        help_text = f"{info.description}{_range(info)}; default {info.default}".replace("%", "%%")
        known: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": help_text}
        if kind is bool:
            known["action"] = argparse.BooleanOptionalAction
        elif choices:
            known["choices"] = choices
        else:
            known |= {"type": kind, "metavar": kind.__name__.upper()}
        group.add_argument(flag(name), **known)


def typed(namespace: argparse.Namespace, model: type[Params]) -> dict[str, Any]:
    """Return the parameters that the user typed."""
    return {k: v for k, v in vars(namespace).items() if k in model.model_fields}


def recipe_of(namespace: argparse.Namespace) -> dict[str, Any]:
    """Return the values of the recipe that was named; nothing when none was.

    Raises:
        CurationError: it cannot be read, or is no recipe.
    """
    from curation import recipes

    return recipes.load(namespace.recipe) if namespace.recipe else {}


def settings_of(namespace: argparse.Namespace, model: type[P]) -> P:
    """Return the parameters of the recipe that was named, with what was typed on top.

    Raises:
        CurationError: the recipe cannot be read, or a value is out of its range.
    """
    from curation import recipes

    return recipes.build(model, recipe_of(namespace), typed(namespace, model))


def to_argv(params: Params) -> list[str]:
    """Return the flags that make these parameters: only what differs from the default."""
    argv: list[str] = []
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if value == info.default or value is None:
            continue
        if isinstance(value, bool):
            argv.append(flag(name) if value else "--no-" + flag(name)[2:])
        else:
            argv += [f"{flag(name)}={value}"]
    return argv


def _kind(info: FieldInfo) -> tuple[Any, tuple[str, ...] | None]:
    annotation: Any = info.annotation
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    options = [a for a in get_args(annotation) if a is not NoneType] or [annotation]
    return options[0], None


def _range(info: FieldInfo) -> str:
    low, high = range_of(info)
    unit = extra_of(info).get("unit", "")
    span = f"{'' if low is None else low}..{'' if high is None else high}"
    parts = [part for part in (span if span != ".." else "", unit) if part]
    return f" [{' '.join(parts)}]" if parts else ""
