"""What a tunable is: a field with its range and help, and frozen sets of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def tunable(
    default: Any,
    description: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    unit: str = "",
    basic: bool = False,
    cached: bool = True,
    local: bool = False,
    short: str = "",
    key: str = "",
    required: bool = False,
    positional: bool = False,
) -> Any:
    """Declare one parameter.

    Args:
        default: value when nobody says otherwise.
        description: one sentence, shown as flag help and under the slider.
        ge, le: inclusive range; a number with both becomes a slider.
        unit: shown beside the value.
        basic: shown at once in the studio; the rest folds away under "Advanced".
        cached: False for what cannot change a result (number of workers).
        local: names a file of this machine; on the command line and in recipes, never in the
            browser.
        short: one-letter flag, with its dash ("-t"); toolkit verbs only, like what follows.
        key: name of the flag and the YAML key where the field's own name cannot be it ("from").
        required: refused when neither typed nor in the configuration.
        positional: given by its place, without a flag.
    """
    extra: Any = {
        "unit": unit,
        "basic": basic,
        "cached": cached,
        "local": local,
        "short": short,
        "key": key,
        "required": required,
        "positional": positional,
    }
    return Field(default, description=description, ge=ge, le=le, json_schema_extra=extra)


class Params(BaseModel):
    """A frozen set of tunables; unknown names and values out of range are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def cache_dict(self) -> dict[str, Any]:
        """Return what can change a result, defaults included."""
        fields = type(self).model_fields
        kept = {
            name
            for name, info in fields.items()
            if not isinstance(info.json_schema_extra, dict)
            or info.json_schema_extra.get("cached", True)
        }
        return self.model_dump(mode="json", include=kept)

    def digest(self) -> str:
        """Return 16 hex digits that change when a result could."""
        text = json.dumps(self.cache_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def narrow(self, model: type[Params]) -> Any:
        """Return the fields of a smaller model, with the values of this one."""
        return model(**{name: getattr(self, name) for name in model.model_fields})
