"""What the parts of a lock must be: it may be a stranger's, and is told to a datastore."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curation.learn.people import LONGEST_NOTE, checked_name
from curation.store.people import KINDS

LARGEST = 2**62
SCORER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
SCORER_FILE = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(json|safetensors)$"
REFERS = ("person", "into", "from")


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Recipe(_Part):
    sort: dict[str, Any]
    rank: dict[str, Any]
    export: dict[str, Any]
    ranked: bool


class _Said(_Part):
    revision: int = Field(ge=0, le=LARGEST)
    kind: Literal["flag", "stars", "label", "note", "tag"]
    value: int | str
    frames: list[str]
    by: int = Field(ge=0, le=LARGEST)
    at_s: float
    changed: int = Field(ge=0, le=LARGEST)

    @model_validator(mode="after")
    def _is_value(self) -> _Said:
        most = {"flag": 1, "stars": 5, "label": 5}.get(self.kind)
        if isinstance(self.value, str) != (most is None):
            raise ValueError(f"{self.value!r:.40} is no {self.kind}")
        if most is not None and not -most * (self.kind == "flag") <= int(self.value) <= most:
            raise ValueError(f"{self.value!r:.40} is no {self.kind}")
        return self


class _Applied(_Part):
    frame: str
    flag: int = Field(ge=-1, le=1)
    stars: int = Field(ge=0, le=5)


class _Face(_Part):
    frame: str
    false: bool


class _Crop(_Part):
    key: str
    ratio: str
    x: int = Field(ge=0, le=1 << 30)
    y: int = Field(ge=0, le=1 << 30)
    width: int = Field(ge=0, le=1 << 30)
    height: int = Field(ge=0, le=1 << 30)
    verdict: str | None
    by_hand: bool


class _Marks(_Part):
    said: list[_Said]
    applied_all: bool
    applied: list[_Applied]
    faces: list[_Face]
    crops: list[_Crop]


class _Person(_Part):
    id: int = Field(ge=1, le=LARGEST)
    kind: str
    value: dict[str, Any]
    shown: list[str]
    apart: list[str]

    @model_validator(mode="after")
    def _is_saying(self) -> _Person:
        if self.kind not in KINDS:
            raise ValueError(f"nobody says {self.kind!r:.40} of people")
        for key in REFERS:
            other = self.value.get(key)
            # Somebody is first spoken of before others speak of them: so no circle can be told.
            if other is not None and not (type(other) is int and 0 < other < self.id):
                raise ValueError(f"{key} {other!r:.40} was never spoken of before")
        if self.kind == "name":
            checked_name(str(self.value["name"]))
        note = self.value.get("note", "")
        if not isinstance(note, str) or len(note) > LONGEST_NOTE:
            raise ValueError("a note of consent is a short text")
        return self


class _Taste(_Part):
    scorer: str | None = Field(pattern=SCORER_NAME)
    live: bool | None
    store: str | None = Field(pattern=r"^[0-9a-f]{1,64}$")
    files: dict[str, str]

    @field_validator("files")
    @classmethod
    def _is_scorers(cls, files: dict[str, str]) -> dict[str, str]:
        import re

        for file in files:
            if not re.fullmatch(SCORER_FILE[1:-1], file):
                raise ValueError(f"{file!r:.80} is no file of a scorer")
        return files


class _Program(_Part):
    packages: dict[str, str] = {}


class Shape(_Part):
    """A lock, its parts checked; videos are by replay, settings by their models."""

    format: str
    program: _Program
    recipe: _Recipe
    weights: dict[str, str]
    steps: dict[str, Any]
    videos: list[dict[str, Any]]
    marks: _Marks
    people: list[_Person]
    taste: _Taste
    captions: dict[str, str]
    splits: dict[str, Literal["train", "val", "test"]]
    decided: str
    files: dict[str, str]


def wrong(told: Any) -> str:
    """Return what is wrong with the parts of a lock; "" where nothing is."""
    from curation.errors import CurationError

    try:
        Shape.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (KeyError, CurationError) as error:
        return f"people: {error}"
    return ""
