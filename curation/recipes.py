"""Recipes: named sets of parameters in YAML, one flat list of keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from curation.errors import ParamError
from curation.export.settings import ExportParams
from curation.ingest.link_errand import LinkParams
from curation.ingest.watch import WatchParams
from curation.params import ExtractParams, Params, RankParams, SortParams

P = TypeVar("P", bound=Params)
VERB_PARAMS: dict[str, type[Params]] = {
    "extract": ExtractParams,
    "sort": SortParams,
    "rank": RankParams,
    "download": LinkParams,
    "watch": WatchParams,
    "export": ExportParams,
}


MOST_VALUES = 100_000


def known_keys() -> set[str]:
    """Return every key that a recipe may hold."""
    return {name for model in VERB_PARAMS.values() for name in model.model_fields}


def read(path: Path, called: str = "") -> Any:
    """Return what a YAML file holds.

    Args:
        called: what it is to people, with a space behind.

    Raises:
        ParamError: it cannot be read, is not YAML, or a few lines of it stand for millions.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        too_many = _count(values, {}) > MOST_VALUES
    except OSError as error:
        raise ParamError(f"cannot read {called}{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError) as error:
        # Besides its own errors PyYAML lets those of dates, numbers and unhashable keys through.
        said = " ".join(str(error).split())[:200]
        raise ParamError(f"{path} is not YAML: {said}") from error
    if too_many:
        raise ParamError(
            f"{path} holds more than {MOST_VALUES:,} values", "write them out, without & and *"
        )
    return values


def _count(value: Any, known: dict[int, int]) -> int:
    """Return how many values one holds, those that are repeated by aliases counted each time."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES + 1  # one that holds itself has no end
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(one, known) for one in inner)
    return known[id(value)]


def load(path: Path) -> dict[str, Any]:
    """Return the keys and values of a recipe file.

    Raises:
        ParamError: naming the file and the key that is wrong.
    """
    values = read(path, "the recipe ")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamError(f"{path} must be a list of 'key: value' lines")
    unknown = sorted(str(key) for key in values if key not in known_keys())
    if unknown:
        raise ParamError(
            f"{path}: unknown key {unknown[0]!r}", f"known: {', '.join(sorted(known_keys()))}"
        )
    return values


def build(model: type[P], *layers: Mapping[str, Any]) -> P:
    """Return parameters from layers of values, later ones winning; keys of other verbs are skipped.

    Raises:
        ParamError: naming the parameter, its value and its range.
    """
    merged = {
        key: value for layer in layers for key, value in layer.items() if key in model.model_fields
    }
    try:
        return model(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "parameters"
        raise ParamError(
            f"{name.replace('_', '-')} = {first.get('input')!r}: {first['msg']}"
        ) from error


def dump(params: Params) -> str:
    """Return parameters as a recipe, each with its description."""
    lines = []
    for name, info in type(params).model_fields.items():
        value = yaml.safe_dump(getattr(params, name), default_flow_style=True).split("\n")[0]
        lines.append(f"{name}: {value}  # {info.description}")
    return "\n".join(lines) + "\n"
