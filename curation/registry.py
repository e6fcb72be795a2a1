"""Step names and where their classes live; listing names imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from curation.errors import StepUnavailable
from curation.params import MeasureParams

if TYPE_CHECKING:
    from curation.steps.base import Step

BUILTIN: dict[str, str] = {
    "exposure": "curation.steps.quality:Exposure",
    "hashes": "curation.steps.hashes:Hashes",
    "faces": "curation.steps.faces:Faces",
    "people": "curation.steps.people:People",
    "pose": "curation.steps.pose:Pose",
    "landmarks": "curation.steps.landmarks:Landmarks",
    "identity": "curation.steps.identity:Identity",
    "subject": "curation.steps.subject:Subject",
    "appearance": "curation.steps.appearance:Appearance",
    "focus": "curation.steps.focus:Focus",
    "face_light": "curation.steps.face_light:FaceLight",
    "falseface": "curation.steps.falseface:FalseFace",
}
"""In the order in which they run; a step comes after those it needs."""

GROUP = "curation.steps"
"""Entry-point group in which third parties announce steps of their own."""


def step_names() -> list[str]:
    """Return the names of all steps: ours, then those of installed packages."""
    return [
        *BUILTIN,
        *sorted(point.name for point in entry_points(group=GROUP) if point.name not in BUILTIN),
    ]


def step_class(name: str) -> type[Step]:
    """Return the class of a step.

    Raises:
        StepUnavailable: for an unknown name, or a package that is not installed.
    """
    target = BUILTIN.get(name)
    if target is None:
        target = next((p.value for p in entry_points(group=GROUP) if p.name == name), None)
    if target is None:
        raise StepUnavailable(f"there is no step {name!r}", f"known: {', '.join(step_names())}")
    module, _, attribute = target.partition(":")
    try:
        found: type[Step] = getattr(import_module(module), attribute)
    except ImportError as error:
        raise StepUnavailable(
            f"step {name} needs a package that is missing: {error.name or error}",
            "pip install -r requirements.txt",
        ) from error
    return found


def make_steps(params: MeasureParams, names: Iterable[str] | None = None) -> list[Step]:
    """Return steps with their share of the parameters, each after those it needs."""
    wanted = list(names) if names is not None else step_names()
    classes = {name: step_class(name) for name in wanted}
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name not in classes:
            classes[name] = step_class(name)
        for needed in classes[name].needs:
            visit(needed)
        ordered.append(name)

    for name in wanted:
        visit(name)
    return [_with_params(classes[name], params) for name in ordered]


def _with_params(cls: type[Step], params: MeasureParams) -> Step:
    shared = {k: getattr(params, k) for k in cls.Params.model_fields if hasattr(params, k)}
    return cls(cls.Params(**shared))
