"""Toolkit verbs on the command line: a parser from the declarations, a run, what happened."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, get_args

from curation import temporary
from curation.cli.command import DONE, FAILED, ITEMS_FAILED, add_common, followed, ran, say
from curation.cli.options import _kind, _range
from curation.errors import InputError, ParamError, StoreError
from curation.params import Params, extra_of
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.toolkit import config as yaml_file
from curation.toolkit.files import Files
from curation.toolkit.verbs import VERBS, Context, Verb, find
from curation.toolkit.workdir import WorkDir
from curation.words import count, size

SHOWN = 20
"""Lines of a dry run, and failed items, that are printed; --json has all."""


class _Pair(argparse.Action):
    """`--min-metric NAME VALUE`, again and again."""

    def __call__(self, parser: Any, space: Any, values: Any, option_string: Any = None) -> None:
        try:
            pair = (values[0], float(values[1]))
        except ValueError:
            parser.error(f"{option_string} {values[0]}: {values[1]!r} is no number")
        setattr(space, self.dest, (*getattr(space, self.dest, ()), pair))


def parser(verb: Verb) -> argparse.ArgumentParser:
    """Return the parser of a verb, its options made from its parameters."""
    made = argparse.ArgumentParser(prog=f"python -m curation {verb.name}", description=verb.help)
    for name in verb.params.model_fields:
        if extra_of(verb.params.model_fields[name]).get("positional"):
            _add(made, verb.params, name)
    if verb.config:
        made.add_argument(
            "config", nargs="?", type=Path, metavar="CONFIG",
            help="YAML file with a section for each verb; flags win over it",
        )  # fmt: skip
    settings = made.add_argument_group("settings")
    more = made.add_argument_group("more settings")
    for name, info in verb.params.model_fields.items():
        if not extra_of(info).get("positional"):
            _add(settings if extra_of(info).get("basic") else more, verb.params, name)
    run = made.add_argument_group("the run")
    taken = {extra_of(info).get("short") for info in verb.params.model_fields.values()}
    run.add_argument(
        *({"-d"} - taken), "--working-dir", type=Path, metavar="DIR",
        help="folder that all names are relative to; default is the current one"
        if verb.home is None
        else "where the index, the journal and reports are kept; default is the first FOLDER",
    )  # fmt: skip
    run.add_argument(
        "-w", "--workers", type=int, default=argparse.SUPPRESS, metavar="N",
        help="how many things are done at once; 0, the default, is one a core",
    )  # fmt: skip
    for flag, text in (
        ("--dry-run", "say what would happen; change nothing"),
        ("--recursive", "take the pictures of sub-folders too"),
        ("--strict", "exit with 3 when an item failed"),
    ):
        if flag != "--recursive" or verb.home is None:  # a FOLDER is always taken whole
            run.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
    add_common(run, datastore=False)
    run.add_argument("--job", type=int, help=argparse.SUPPRESS)
    run.add_argument("--datastore", type=Path, help=argparse.SUPPRESS)
    return made


def _add(group: Any, model: type[Params], name: str) -> None:
    info = model.model_fields[name]
    extra = extra_of(info)
    key = yaml_file.key_of(model, name)
    value = ",".join(map(str, info.default)) if isinstance(info.default, tuple) else info.default
    default = "" if value in (None, "", False) else f"; default {value}"
    known: dict[str, Any] = {
        "default": argparse.SUPPRESS,
        "help": f"{info.description}{_range(info)}{default}".replace("%", "%%"),
    }
    kind, choices = _kind(info)
    if extra.get("positional"):
        many = str(info.annotation).startswith("tuple[")
        needed = bool(extra.get("required"))
        nargs = ("+" if needed else "*") if many else (None if needed else "?")
        group.add_argument(name, nargs=nargs, metavar=extra.get("shown") or key.upper(), **known)
        return
    inner = get_args(info.annotation)
    if str(info.annotation).startswith("tuple[tuple["):
        known |= {"nargs": 2, "action": _Pair, "metavar": ("NAME", "VALUE")}
    elif str(info.annotation).startswith("tuple["):
        known |= {"type": _commas(inner[0]), "metavar": "A,B"}
    elif kind is bool and key.startswith("no_"):
        known["action"] = "store_true"  # BooleanOptionalAction would take --no-copy for "not copy"
    elif kind is bool:
        known["action"] = argparse.BooleanOptionalAction
    elif choices:
        known["choices"] = choices
    else:
        known |= {"type": kind, "metavar": kind.__name__.upper() if kind is not str else "TEXT"}
    flags = [flag for flag in (extra.get("short"), "--" + key.replace("_", "-")) if flag]
    group.add_argument(*flags, dest=name, **known)


def _commas(kind: Any) -> Any:
    def split(text: str) -> tuple[Any, ...]:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip())

    split.__name__ = "list"
    return split


def main(word: str, argv: Sequence[str]) -> int:
    """Run one verb; return 0 done, 1 error, 2 usage, 3 with --strict, 130 interrupted."""
    try:
        verb = find(word)
    except ModuleNotFoundError as error:
        print(f"error: {word} needs a package that is not installed: {error.name}", file=sys.stderr)
        return FAILED
    return ran(parser(verb), argv, lambda options: _run(verb, options, argv))


def given(verb: Verb, options: argparse.Namespace) -> tuple[Any, dict[str, Any], Path]:
    """Return (parameters, keys of the run, work dir) of a command line and its CONFIG."""
    named = getattr(options, "config", None)
    path = None if named is None else Path(named)
    config = yaml_file.load(path) if path else {}
    # A workflow file says where, but what `run` itself may do is typed, never read.
    beneath = yaml_file.section(config, verb.name) if verb.config else {}
    fields, common = yaml_file.layers(verb.params, beneath, f"{path}: {verb.name}")
    typed = {k: v for k, v in vars(options).items() if k in verb.params.model_fields}
    common |= {k: v for k, v in vars(options).items() if k in yaml_file.COMMON}
    if common.get("workers", 0) < 0:
        raise ParamError(f"--workers {common['workers']}: 0 is one a core, more are that many")
    root = options.working_dir or (yaml_file.working_dir(config, path) if path else None)
    params = yaml_file.made(verb.params, verb.name, fields, typed)
    if root is None:
        root = Path.cwd() if verb.home is None else verb.home(params)
    return params, common, root


@contextmanager
def context(
    verb: str, root: Path, argv: Sequence[str] = (), **common: Any
) -> Iterator[Context]:
    """Open a work dir for one run: its catalogue, and the writer's lock unless it is a dry run.

    Raises:
        InputError: when the work dir is a file, or a datastore.
        StoreError: when another verb holds it.
    """
    workdir = WorkDir(root)
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file, not a folder", "name a folder with -d")
    if (root / FILE_NAME).is_file():
        raise InputError(f"{root} is a datastore, not a folder of pictures", "name another with -d")
    dry = bool(common.get("dry_run"))
    with ExitStack() as stack:
        place = workdir.ours
        if dry and not (place / FILE_NAME).is_file():
            # Not even our own folder is made by a dry run.
            place = stack.enter_context(temporary.folder("dry"))[0] / OUR_FOLDER
        try:
            catalogue = Catalogue(place)
        except StoreError as error:
            hint = error.hint or "what is done is noted there: name a place for it with -d"
            raise StoreError(error.message, hint) from error
        stack.callback(catalogue.close)
        if not dry:
            stack.enter_context(catalogue.writing(verb))
            # Before anything is planned: half of what a killed run began looks like a stranger's.
            Files(catalogue).recover()
        yield Context(workdir, catalogue, verb, tuple(argv), **common)


def _run(verb: Verb, options: argparse.Namespace, argv: Sequence[str]) -> int:
    params, common, root = given(verb, options)
    if getattr(params, "from_dirs", ""):
        # Before anything is opened: a wrong name in a wrong place leaves no trace there.
        WorkDir(root).folders(params.from_dirs)
    with ExitStack() as stack:
        tell = []
        if options.job is not None and options.datastore is not None:
            from curation.cli.toolkit_job import ToolkitWatcher, extra

            jobs = stack.enter_context(closing(Catalogue(options.datastore)))
            watcher = stack.enter_context(closing(ToolkitWatcher(jobs, options.job)))
            tell.append(watcher.show)
            common["extra"] = extra(jobs.root, options.job, verb.name)
        ctx = stack.enter_context(context(verb.name, root, argv, **common))
        summary = followed(verb.run(ctx, params), options, *tell)
    say(options, summary, told(summary))
    if common.get("strict") and summary.get("failed_items"):
        return ITEMS_FAILED
    return verb.exit_code(summary) or DONE


def told(summary: Mapping[str, Any]) -> list[str]:
    """Return a summary as lines for people."""
    lines: list[str] = []
    if summary.get("dry_run"):
        would = summary.get("would", [])
        lines += [f"would {line}" for line in would[:SHOWN]]
        lines += [f"... and {len(would) - SHOWN} more (all with --json)"] * (len(would) > SHOWN)
        things = count(len(would), "thing")
        lines.append(f"{summary['verb']}: would change {things}; nothing is changed")
    elif "done" in summary:
        lines.append(f"{summary['verb']}: {summary['done']} done, {summary['skipped']} as it was")
    own = {"verb", "dry_run", "in", "would", "done", "skipped", "run", "failed_items", "lines"}
    lines += [str(line) for line in summary.get("lines", ())]
    for key, value in summary.items():
        if key in own:
            continue
        if isinstance(value, Mapping) and value:
            lines.append(f"  {key.replace('_', ' ')}:")
            lines += [f"    {name}: {inner}" for name, inner in list(value.items())[:SHOWN]]
        elif not isinstance(value, Mapping | list | tuple):
            name = "size" if key == "bytes" else key.removesuffix("_bytes").replace("_", " ")
            lines.append(f"  {name}: {size(value) if key.endswith('bytes') else value}")
    failed = summary.get("failed_items", [])
    if failed:
        lines.append(f"{len(failed)} failed:")
        lines += [f"  {item['item']}: {item['reason']}" for item in failed[:SHOWN]]
    if summary.get("run"):
        lines.append(f"to take it back: python -m curation undo -d {shlex.quote(summary['in'])}")
    return lines


__all__ = ["VERBS", "context", "main", "parser"]
