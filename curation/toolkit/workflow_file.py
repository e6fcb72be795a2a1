"""Workflows as they are written: a YAML file's `workflows`, read whole before anything is done.

    working_dir: set
    analyze: {from: raw, metrics: [phash, blur]}     # a section is what a step inherits
    workflows:
      clean:
        - analyze                                    # a verb with the settings of its section
        - select: {from: raw, to: good, min_side: 512}
        - dedup: {from: good, inherit: false}        # nothing from the section
        - exec: "ls good | wc -l"                    # only with --allow-exec
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.errors import CurationError, ParamError
from curation.params import Params, extra_of
from curation.toolkit import config as yaml_file
from curation.toolkit.verbs import VERBS, Verb, find
from curation.toolkit.workdir import WILD

EXEC, INHERIT, THIS = "exec", "inherit", "run"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow, ready to be run.

    Attributes:
        verb: None for a shell command.
        common: keys of the run that the file sets: recursive, strict, workers, dry_run.
        shell: the command of an exec step.
    """

    number: int
    name: str
    verb: Verb | None = None
    params: Params | None = None
    common: Mapping[str, Any] = field(default_factory=dict)
    shell: str = ""

    @property
    def label(self) -> str:
        """Return how the step is called in messages."""
        return f"step {self.number} ({self.name})"

    @property
    def argv(self) -> list[str]:
        """Return the words that would do the same on the command line, after the verb."""
        if self.verb is None or self.params is None:
            return [self.shell]
        return [*words(self.params), *common_words(self.common)]

    @property
    def line(self) -> str:
        """Return the step as somebody would type it."""
        return self.shell if self.verb is None else shlex.join([self.name, *self.argv])

    @property
    def fp(self) -> str:
        """Return what the step is: equal for the same verb with the same settings."""
        said: list[Any] = [self.name, self.shell, sorted(self.common.items())]
        said.append(None if self.params is None else self.params.model_dump(mode="json"))
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def words(params: Params) -> list[str]:
    """Return the flags of a verb's settings that are not at their default."""
    argv: list[str] = []
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if value == info.default:
            continue
        flag = "--" + yaml_file.key_of(type(params), name).replace("_", "-")
        if extra_of(info).get("positional"):
            argv.append(str(value))
        elif isinstance(value, bool):
            argv.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, tuple) and value and isinstance(value[0], tuple):
            for pair in value:
                argv += [flag, *map(str, pair)]
        elif isinstance(value, tuple):
            argv += [flag, ",".join(map(str, value))]
        else:
            argv += [flag, str(value)]
    return argv


def common_words(common: Mapping[str, Any]) -> list[str]:
    """Return the flags of the keys of a run."""
    argv: list[str] = []
    for name, value in common.items():
        if name == "workers":
            argv += ["--workers", str(value)]
        elif value:
            argv.append("--" + name.replace("_", "-"))
    return argv


def read(path: Path, name: str) -> list[Step]:
    """Return the steps of a workflow, every setting checked.

    Raises:
        ParamError: naming the file, the workflow and the step, for whatever is wrong; nothing has
            been done then.
    """
    config = yaml_file.load(path)
    flows = config.get("workflows")
    if not isinstance(flows, dict) or not flows:
        raise ParamError(f"{path} has no workflows", "workflows: {NAME: [step, step ...]}")
    if clash := sorted(str(flow) for flow in flows if str(flow).replace("_", "-") in VERBS):
        raise ParamError(f"{path}: workflow {clash[0]!r} has a verb's name", "call it otherwise")
    if name not in flows:
        known = ", ".join(map(str, flows))
        raise ParamError(f"{path} has no workflow {name!r}", f"it has: {known}")
    steps = flows[name]
    if not isinstance(steps, list) or not steps:
        raise ParamError(f"{path}: workflow {name!r} must be a list of steps", "- analyze")
    return [_step(path, config, name, i, step) for i, step in enumerate(steps, start=1)]


def _step(path: Path, config: Mapping[str, Any], flow: str, number: int, step: Any) -> Step:
    where = f"{path}: workflow {flow!r}, step {number}"
    if isinstance(step, str):
        step = {step: None}
    if not isinstance(step, dict) or len(step) != 1:
        raise ParamError(
            f"{where} must be a verb, or one verb with its settings",
            "- select: {from: raw, to: good}   (settings on lines of their own: indent them twice)",
        )
    ((word, own),) = step.items()
    if word == EXEC:
        if not isinstance(own, str) or not own.strip():
            raise ParamError(f"{where}: exec takes a command", '- exec: "ls good"')
        return Step(number, EXEC, shell=own)
    verb = _verb(where, str(word).replace("_", "-"))
    where = f"{where} ({verb.name})"
    if own is not None and not isinstance(own, dict):
        raise ParamError(f"{where}: settings must be 'key: value' lines")
    own = dict(own or {})
    inherit = own.pop(INHERIT, True)
    if not isinstance(inherit, bool):
        raise ParamError(f"{where}: inherit is true or false")
    beneath = yaml_file.section(config, verb.name) if inherit else {}
    fields, common = yaml_file.layers(verb.params, beneath, f"{path}: {verb.name}")
    mine, mine_common = yaml_file.layers(verb.params, own, where)
    try:
        params = yaml_file.made(verb.params, verb.name, fields, mine)
    except ParamError as error:
        raise ParamError(f"{where}: {error.message}", error.hint) from error
    return Step(number, verb.name, verb, params, common | mine_common)


def _verb(where: str, word: str) -> Verb:
    if word == THIS:
        raise ParamError(f"{where}: a workflow cannot run workflows", "write their steps out")
    try:
        return find(word)
    except ModuleNotFoundError as error:
        raise ParamError(f"{where}: {word} needs the package {error.name}") from error
    except CurationError as error:
        raise ParamError(f"{where}: {error.message}", error.hint) from error


def paths_in(root: Path, values: Iterable[Any]) -> list[Path]:
    """Return the existing files and folders that settings name, comma lists taken apart.

    Of a name with * or ?, the folder above it.
    """
    found: list[Path] = []
    for value in values:
        if isinstance(value, str):
            for word in (value, *value.split(",")):
                path = Path(os.path.normpath(root / WILD.split(word.strip())[0]))
                if WILD.search(word) and not path.is_dir():
                    path = path.parent
                if word.strip() and os.path.lexists(path):
                    found.append(path)
        elif isinstance(value, tuple):
            found += paths_in(root, value)
    return list(dict.fromkeys(found))
