"""The verbs of a datastore on the command line: parse, run, say what happened."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.command import add_common, code_of, followed, ran
from curation.cli.options import add_options, recipe_of, settings_of, typed
from curation.cli.places import add_place_options, place_words
from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.params import MeasureParams, Params
    from curation.records import Progress
    from curation.studio import Studio

ABOUT = {
    "extract": "Store frames of videos, with exact time identity.",
    "sort": "Measure faces, people and poses, and put frames into pools.",
    "rank": "Decide which frames are picked, and why; from stored measures.",
    "apply": "Write the marks that people made in review into ranked/. With a folder of photos it "
    "moves losers instead: apply FOLDER --help.",
    "download": "Fetch the videos of links into the datastore, each only once.",
    "add": "Take in the videos of buckets, drives and folders on the web, each only once.",
    "watch": "Take new videos of a folder through extract, sort and rank, each exactly once.",
    "export": "Write frames as a data set. Asked again, what is new is added; files that you put "
    "there or changed are never touched.",
    "unapply": "Put back what stood in ranked/ before marks were applied.",
}
SCRIPTS = {"extract": "01_extract.py", "sort": "02_sort.py", "rank": "03_score_and_rank.py"}


def parser(verb: str, program: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a verb, its options made from the declarations."""
    from curation.recipes import VERB_PARAMS

    made = argparse.ArgumentParser(
        prog=program,
        description=ABOUT[verb],
        epilog="Each setting is also a key of a recipe file and a control of the studio."
        if verb in VERB_PARAMS
        else None,
    )
    if verb == "extract":
        made.add_argument(
            "videos",
            nargs="*",
            type=Path,
            metavar="VIDEO|FOLDER",
            help="videos and folders; none means every DATASTORE/videos_folder_*/",
        )
    if verb == "download":
        made.add_argument("urls", nargs="*", metavar="URL", help="http or https addresses")
        made.add_argument(
            "--links-file", type=Path, metavar="FILE",
            help="links, one a line: `ps` and the shell's history show what is typed",
        )
        made.add_argument(
            "--check", action="store_true",
            help="only say what the links hold: title, length, size, licence, formats",
        )  # fmt: skip
    if verb == "add":
        add_place_options(made)
    if verb == "watch":
        made.add_argument("folder", type=Path, metavar="FOLDER", help="where videos arrive")
        made.add_argument(
            "--once", action="store_true", help="end when all that is there is done (for cron)"
        )
    add_common(made, strict=True)
    if verb in VERB_PARAMS:
        made.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    made.add_argument("--job", type=int, help=argparse.SUPPRESS)
    if verb == "extract":
        made.add_argument(
            "--retry-quarantined", action="store_true",
            help="try videos again that ended their worker twice",
        )  # fmt: skip
    if verb == "sort":
        made.add_argument(
            "--retry-failed", action="store_true", help="measure again what ended with an error"
        )
    if verb in VERB_PARAMS:
        add_options(made, VERB_PARAMS[verb])
    return made


def names_folder(argv: Sequence[str]) -> bool:
    """Return whether the words after `apply` name a folder of photos: then losers are moved.

    With none it is about a datastore, and writes marks into ranked/.
    """
    words = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    words.add_argument("folders", nargs="*")
    for flag in ("-d", "--working-dir", "--datastore", "--job", "-w", "--workers"):
        words.add_argument(flag)
    for flag in ("--strict", "--json", "--debug", "--dry-run"):
        words.add_argument(flag, action="store_true")
    try:
        known, rest = words.parse_known_args(argv)
    except SystemExit:
        return False  # the datastore's parser says what is wrong
    return bool(known.folders) or any(not word.startswith("-") for word in rest)


def main(verb: str, argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run one verb and return its exit code."""
    return ran(parser(verb, program), argv, lambda options: _run(verb, options))


def _run(verb: str, options: argparse.Namespace) -> int:
    params = _params(verb, options)
    from curation.cli.terminal import print_json, print_summary
    from curation.studio import Studio

    with ExitStack() as stack:
        studio = stack.enter_context(Studio(options.datastore))
        tell: list[Callable[[Progress], None]] = []
        if options.job is not None:
            from curation.store.jobs import JobWatcher

            watcher = stack.enter_context(closing(JobWatcher(studio.catalogue, options.job)))
            tell.append(watcher.show)
        summary = followed(_start(studio, verb, options, params(studio)), options, *tell)
    if options.json:
        print_json(summary)
    else:
        print_summary(summary, _next(verb, options, summary))
    return code_of(options, summary)


def _params(verb: str, options: argparse.Namespace) -> Callable[[Studio], Any]:
    """Read recipe and flags at once, so that a wrong one stops before anything is opened."""
    from curation import recipes
    from curation.params import PoolParams

    if verb not in recipes.VERB_PARAMS:
        return lambda _: None
    model = recipes.VERB_PARAMS[verb]
    recipe = recipe_of(options)
    flags = typed(options, model)
    if verb == "watch":
        steps = tuple(
            recipes.build(recipes.VERB_PARAMS[step], recipe) for step in ("extract", "sort", "rank")
        )
        return lambda _: (recipes.build(model, recipe, flags), *steps)
    recipes.build(model, recipe, flags)

    def complete(studio: Studio) -> Params:
        earlier = studio.remembered("sort", PoolParams) if verb == "rank" else {}
        return recipes.build(model, earlier, recipe, flags)

    return complete


def _measuring(options: argparse.Namespace) -> MeasureParams:
    """Return how 02 would measure with the same recipe: `--full-frames picks` measures at once."""
    from curation.params import MeasureParams

    return settings_of(options, MeasureParams)


def _start(
    studio: Studio, verb: str, options: argparse.Namespace, params: Any
) -> Generator[Progress, None, None]:
    if verb == "extract":
        return studio.extract(
            options.videos, params, options.retry_quarantined, _measuring(options)
        )
    if verb == "sort":
        return studio.sort(params, options.retry_failed)
    if verb == "download":
        return studio.download(_links(options), params, options.check)
    if verb == "add":
        return studio.add(options.urls, **place_words(options))
    if verb == "watch":
        return studio.watch(options.folder, params[0], params[1:], options.once)
    if verb == "apply":
        return studio.apply()
    if verb == "unapply":
        return studio.unapply()
    return studio.rank(params)


def _links(options: argparse.Namespace) -> list[str]:
    """Return the links that were typed, and those of --links-file."""
    if options.links_file is None:
        return list(options.urls)
    try:
        lines = options.links_file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise CurationError(
            f"--links-file {options.links_file} cannot be read: {error}",
            "name a text file with one link on each line",
        ) from error
    return [*options.urls, *lines]


def _next(verb: str, options: argparse.Namespace, summary: Mapping[str, Any]) -> str:
    if verb == "add":
        if options.check:
            return shlex.join(["python", "-m", "curation", "add", *options.urls])
        return shlex.join(["python", SCRIPTS["extract"], "--datastore", str(options.datastore)])
    if verb == "download":
        if options.check:
            words = ["--links-file", str(options.links_file)] if options.links_file else []
            return shlex.join(["python", "-m", "curation", "download", *options.urls, *words])
        return shlex.join(["python", SCRIPTS["extract"], "--datastore", str(options.datastore)])
    following = {"extract": "sort", "sort": "rank"}.get(verb)
    if verb == "sort" and not any(summary["pools"].values()):
        following = "extract"
    if following is None:
        export = shlex.join(["python", "-m", "curation", "export", "kohya", "--datastore",
                             str(options.datastore)])
        report = shlex.quote(str(options.datastore / "report.html"))
        return f"open {report}, then {export}"
    words = ["python", SCRIPTS[following], "--datastore", str(options.datastore)]
    if options.recipe:
        words += ["--recipe", str(options.recipe)]
    return shlex.join(words)
