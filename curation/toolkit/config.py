"""The YAML file beneath the flags: `working_dir`, one section a verb, `workflows`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.errors import ParamError
from curation.params import Params, extra_of
from curation.recipes import build, read

COMMON = ("recursive", "dry_run", "strict", "workers")
"""Keys of any section that are no setting of the verb but of the run."""
OLD_NAMES = {"from_dirs": "from", "from_dir": "from", "fmt": "format", "input_file": "input",
             "license_filter": "license"}  # fmt: skip


def key_of(model: type[Params], name: str) -> str:
    """Return what a field is called in YAML; with dashes, it is the flag."""
    return str(extra_of(model.model_fields[name]).get("key") or name).replace("-", "_")


def load(path: Path) -> dict[str, Any]:
    """Return a configuration file as it is written.

    Raises:
        ParamError: when it cannot be read, is not YAML, or is no mapping.
    """
    values = read(path)
    if not isinstance(values, dict):
        raise ParamError(f"{path} must be sections of settings, a verb's name over each")
    return values


def working_dir(config: Mapping[str, Any], path: Path) -> Path | None:
    """Return the `working_dir` of a file: relative to the file."""
    found = config.get("working_dir")
    return None if found is None else path.absolute().parent / str(found)


def section(config: Mapping[str, Any], verb: str) -> dict[str, Any]:
    """Return the section of a verb, {} when it has none; `extract_faces` and `extract-faces`.

    Raises:
        ParamError: when it is no mapping.
    """
    found = config.get(verb.replace("-", "_"), config.get(verb))
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ParamError(f"section {verb.replace('-', '_')} must be 'key: value' lines")
    return found


def layers(
    model: type[Params], values: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (fields of the model, keys of the run) from the keys of a section or a step.

    Lists become what the field holds, {name: value} becomes pairs.

    Raises:
        ParamError: for a key that is neither, naming those that are.
    """
    names = {key_of(model, name): name for name in model.model_fields}
    fields: dict[str, Any] = {}
    common: dict[str, Any] = {}
    for key, value in values.items():
        word = str(key).replace("-", "_")
        word = word if word in names else OLD_NAMES.get(word, word)
        if word in names:
            fields[names[word]] = _shaped(model, names[word], value)
        elif word in COMMON:
            right = isinstance(value, bool) != (word == "workers") and isinstance(value, int)
            if not right or value < 0:
                raise ParamError(f"{where}: {key}: {value!r} cannot be used")
            common[word] = value
        else:
            known = ", ".join(sorted({*names, *COMMON}))
            raise ParamError(f"{where}: unknown key {key!r}", f"known: {known}")
    return fields, common


def _shaped(model: type[Params], name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((str(k), v) for k, v in value.items())
    if isinstance(value, list):
        text = model.model_fields[name].annotation is str
        return ",".join(map(str, value)) if text else tuple(value)
    if isinstance(value, str) and str(model.model_fields[name].annotation).startswith("tuple"):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def made(model: type[Params], verb: str, *parts: Mapping[str, Any]) -> Any:
    """Return a verb's parameters from layers of fields, later ones winning.

    Raises:
        ParamError: for a value out of range, or a setting that is required and missing.
    """
    params = build(model, *parts)
    for name, info in model.model_fields.items():
        extra = extra_of(info)
        if extra.get("required") and not getattr(params, name):
            key = key_of(model, name)
            flag = key.upper() if extra.get("positional") else "--" + key.replace("_", "-")
            raise ParamError(
                f"{flag} is required (or set {verb.replace('-', '_')}.{key} in a config file)",
                f"python -m curation {verb} --help",
            )
    return params
