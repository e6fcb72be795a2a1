"""detect: things by name, into the sidecars; classes add up from run to run.

The packaged detector knows COCO's 80 classes and needs no network; with --model it is OWLv2, which
takes any words. A class that was looked for and not found is [].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

from curation.errors import ParamError
from curation.params import tunable
from curation.toolkit import finding
from curation.toolkit.plan import Edit, Plan
from curation.toolkit.verbs import Beats, Context, FromParams, Verb

REVISION = 1
"""Raise it when the same model would give other boxes."""


class DetectParams(FromParams):
    """What is looked for."""

    classes: tuple[str, ...] = tunable(
        (), 'names of things, as in "chair,dog"', basic=True, short="-c"
    )
    threshold: float = tunable(0.2, "least score of a finding", ge=0.05, le=1, basic=True)
    max_instances: int = tunable(
        1, "findings kept of each class in a picture, best first", ge=1, le=100, basic=True
    )
    engine: Literal["auto", "coco", "owlv2"] = tunable(
        "auto", "packaged detector of 80 classes, or OWLv2 of any words; auto: OWLv2 with --model"
    )
    model: str = tunable(
        "", "folder of OWLv2 weights, as transformers saves them", local=True, cached=False
    )
    force: bool = tunable(False, "look again at pictures that were looked at", cached=False)
    clear: bool = tunable(
        False, "take away what detect wrote: --classes, or all of it", cached=False
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """What looks: its name for people, what its answers depend on, and how a worker opens it."""

    name: str
    told: str
    fp: str
    open: Any


@dataclass(frozen=True, slots=True)
class _Looker:
    """A detector as a looker: questions are "detect.<prompt>"."""

    detector: Any

    def look(
        self, rgb: Any, scale_xy: tuple[float, float], names: Sequence[str]
    ) -> Mapping[str, Any]:
        """Return [score, left, top, right, bottom] of each finding, best first."""
        prompts = [name.removeprefix(PREFIX) for name in names]
        found = self.detector.find(rgb, prompts)
        sx, sy = scale_xy
        return {
            PREFIX + prompt: [
                [round(s, 4), *(round(v, 1) for v in (a * sx, b * sy, c * sx, d * sy))]
                for s, a, b, c, d in found[prompt]
            ]
            for prompt in prompts
        }

    def close(self) -> None:
        """Let go of the model."""
        self.detector.close()


PREFIX = "detect."


def open_coco() -> finding.Looker:
    """Return the packaged detector, in a worker."""
    from curation.steps.objects import CocoDetector

    return _Looker(CocoDetector())


def open_owlv2(folder: Path) -> finding.Looker:
    """Return OWLv2, in a worker."""
    import torch

    from curation.steps.openvocab import OpenVocabulary

    torch.set_num_threads(1)
    return _Looker(OpenVocabulary(folder))


def run(ctx: Context, params: DetectParams) -> Beats:
    """Look for classes; the summary has `found`, pictures by class, and which `model` looked."""
    from curation.steps.objects import spoken

    words = list(dict.fromkeys(spoken(word) for word in params.classes if word.strip()))
    pics, plan = ctx.pictures(params.from_dirs), ctx.plan()
    if params.clear:
        for pic, sidecar in ctx.sidecars(pics, plan):
            plan.add(*_cleared(pic.path, sidecar, words))
        yield from ctx.carry_out(plan, pictures=len(pics))
        return
    if not words:
        raise ParamError(
            "--classes is required (or set detect.classes in a config file)",
            "python -m curation detect --help",
        )
    model, prompts = _chosen(ctx, params, words, plan)
    asked = [PREFIX + prompt for prompt in dict.fromkeys(prompts.values())]
    answers = yield from finding.ask(
        ctx, plan, pics, asked, model.fp, model.open, only_known=ctx.dry_run, again=params.force
    )
    unasked = {pic.path for pic in answers.open}
    seen = dict.fromkeys(prompts, 0)
    for pic, sidecar in ctx.sidecars(pics, plan):
        if pic.path in unasked:
            unknown = {word: None for word in prompts}
            plan.add(Edit(pic.path, {"classes": unknown}, reason=f"look for {', '.join(prompts)}"))
        if pic.path not in answers.of:
            continue
        found = {
            word: _instances(answers.of[pic.path][PREFIX + prompt], params)
            for word, prompt in prompts.items()
        }
        for word, instances in found.items():
            seen[word] += bool(instances)
        earlier = (sidecar.get("decisions") or {}).get("detect") or {}
        by = {**earlier, **dict.fromkeys(prompts, model.name)}
        plan.add(
            Edit(
                pic.path,
                {"classes": found, "decisions": {"detect": by}},
                reason=", ".join(f"{len(n)} {word}" for word, n in found.items()),
            )
        )
    told: dict[str, Any] = {"pictures": len(pics), "model": model.told, "looked": answers.looked}
    yield from ctx.carry_out(plan, **told, **({} if ctx.dry_run else {"found": seen}))


def _chosen(
    ctx: Context, params: DetectParams, words: Sequence[str], plan: Plan
) -> tuple[_Model, dict[str, str]]:
    """Return what looks, and the prompt of each word it can look for.

    Raises:
        ParamError: when OWLv2 has no weights, or no word is in the packaged vocabulary.
    """
    engine = params.engine
    if engine == "auto":
        engine = "owlv2" if params.model else "coco"
    if engine == "owlv2":
        from curation.steps import openvocab

        if not params.model:
            raise ParamError("--engine owlv2 needs --model FOLDER with its weights", openvocab.HINT)
        folder = ctx.workdir.root / params.model
        openvocab.check_folder(folder)
        fp = f"owlv2:{openvocab.digest_of(folder)}:{REVISION}"
        model = _Model("owlv2", f"OWLv2 of {folder}", fp, partial(open_owlv2, folder))
        return model, {word: word for word in words}
    from curation import weights
    from curation.steps.objects import coco_name

    weights.path_of("object_detector")
    prompts: dict[str, str] = {}
    for word in words:
        prompt = coco_name(word)
        if prompt is None:
            plan.fail(f"class {word}", _outside(word))
        else:
            prompts[word] = prompt
    if not prompts:
        raise ParamError(_outside(*words), "give OWLv2 weights with --model FOLDER for any words")
    fp = f"coco:{weights.digest_of('object_detector')[:16]}:{REVISION}"
    told = "EfficientDet-Lite0, packaged (80 COCO classes)"
    return _Model("coco", told, fp, open_coco), prompts


def _outside(*words: str) -> str:
    """Say that words are outside the vocabulary, and what is near them."""
    from curation.steps.objects import ALIASES, NAMES

    near: list[str] = []
    for word in words:
        close = get_close_matches(word, [*NAMES, *ALIASES], 3, 0.7)
        near += [name for name in close if name not in near]
    hint = f" (near: {', '.join(near)})" if near else ""
    verb = "is" if len(words) == 1 else "are"
    return (
        f"{', '.join(words)} {verb} outside the 80 classes of the packaged detector{hint};"
        " not looked for. OWLv2 takes any words: --model FOLDER"
    )


def _instances(answer: Mapping[str, Any], params: DetectParams) -> list[dict[str, Any]]:
    w, h = answer["size_wh"]
    kept: list[dict[str, Any]] = []
    for score, *box in answer["found"]:
        whole = [min(max(round(v), 0), (w, h)[i % 2]) for i, v in enumerate(box)]
        if score >= params.threshold and whole[0] < whole[2] and whole[1] < whole[3]:
            kept.append({"score": score, "box": whole})
    return kept[: params.max_instances]


def _cleared(
    path: Path, sidecar: Mapping[str, Any], words: Sequence[str]
) -> Iterator[Edit]:
    """Yield what takes classes away, all of them when none is named."""
    classes = sidecar.get("classes") or {}
    by: Mapping[str, Any] = (sidecar.get("decisions") or {}).get("detect") or {}
    gone = [word for word in words or {**classes, **by} if word in classes or word in by]
    if not gone and "classes" not in sidecar:
        return
    left = {word: how for word, how in by.items() if word not in gone}
    changes = {"decisions": {"detect": left}} if left else {}
    removed = [f"classes.{word}" for word in gone] if words else ["classes"]
    if not left:
        removed.append("decisions.detect")
    if gone or not words:
        yield Edit(path, changes, removed, reason=f"clear {', '.join(gone) or 'classes'}")


VERB = Verb("detect", DetectParams, run, "Look for things by name and write where they are.")
