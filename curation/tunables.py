"""What a tunable is: a field with its range and help, and frozen sets of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


def tunable(
    default: Any,
    description: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    unit: str = "",
    basic: bool = False,
    cached: bool = True,
    later: bool = False,
    local: bool = False,
    short: str = "",
    key: str = "",
    required: bool = False,
    positional: bool = False,
    shown: str = "",
) -> Any:
    """Declare one parameter.

    Args:
        default: value when nobody says otherwise.
        description: one sentence, shown as flag help and under the slider.
        ge, le: inclusive range; a number with both becomes a slider.
        unit: shown beside the value.
        basic: shown at once in the studio; the rest folds away under "Advanced".
        cached: False for what cannot change a result (number of workers).
        later: came to parameters that results were already made with. Its default does what was
            done before it and is left out of cache keys, so that those results still count.
        local: names a file of this machine; on the command line and in recipes, never in the
            browser.
        short: one-letter flag, with its dash ("-t"); toolkit verbs only, like what follows.
        key: name of the flag and the YAML key where the field's own name cannot be it ("from").
        required: refused when neither typed nor in the configuration.
        positional: given by its place, without a flag; a tuple takes several.
        shown: what `--help` calls a positional ("FOLDER").
    """
    extra: Any = {
        "unit": unit,
        "basic": basic,
        "cached": cached,
        "later": later,
        "local": local,
        "short": short,
        "key": key,
        "required": required,
        "positional": positional,
        "shown": shown,
    }
    return Field(default, description=description, ge=ge, le=le, json_schema_extra=extra)


def extra_of(info: FieldInfo) -> Mapping[str, Any]:
    """Return what a tunable says besides default, range and help; see `tunable`."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def range_of(info: FieldInfo) -> tuple[float | None, float | None]:
    """Return the inclusive range of a tunable; None where it has no end."""
    low = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    return low, high


def step_of(info: FieldInfo) -> float:
    """Return the step of the slider of a number."""
    if int in (info.annotation, *get_args(info.annotation)):
        return 1
    low, high = range_of(info)
    span = (high or 0) - (low or 0)
    return 0.01 if span <= 20 else 0.1 if span <= 100 else 0.5


class Params(BaseModel):
    """A frozen set of tunables; unknown names and values out of range are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def cache_dict(self) -> dict[str, Any]:
        """Return what can change a result, defaults included but for those that came later."""
        kept = set()
        for name, info in type(self).model_fields.items():
            extra = extra_of(info)
            unsaid = extra.get("later", False) and getattr(self, name) == info.default
            if extra.get("cached", True) and not unsaid:
                kept.add(name)
        return self.model_dump(mode="json", include=kept)

    def digest(self) -> str:
        """Return 16 hex digits that change when a result could."""
        text = json.dumps(self.cache_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def narrow(self, model: type[Params]) -> Any:
        """Return the fields of a smaller model, with the values of this one."""
        return model(**{name: getattr(self, name) for name in model.model_fields})
