"""extract, sort and rank on the command line: parse, run, say what happened."""

from __future__ import annotations

import argparse
import logging
import shlex
import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curation.cli.options import add_options, typed
from curation.errors import CurationError
from curation.records import Progress

if TYPE_CHECKING:
    from curation.params import Params
    from curation.studio import Studio

DONE, FAILED, USAGE, ITEMS_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
ABOUT = {
    "extract": "Store frames of videos, with exact time identity.",
    "sort": "Measure faces, people and poses, and put frames into pools.",
    "rank": "Decide which frames are picked, and why; from stored measures.",
    "apply": "Write the marks that people made in review into ranked/.",
    "unapply": "Put back what stood in ranked/ before marks were applied.",
}
SCRIPTS = {"extract": "01_extract.py", "sort": "02_sort.py", "rank": "03_score_and_rank.py"}


class Watcher(Protocol):
    """Somebody who follows a run: the terminal, a job's row."""

    def show(self, beat: Progress) -> None:
        """Take note of one beat."""

    def close(self) -> None:
        """The run is over."""


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
    made.add_argument(
        "--datastore",
        type=Path,
        default=Path("datastore"),
        metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )
    if verb in VERB_PARAMS:
        made.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    made.add_argument("--strict", action="store_true", help="exit with 3 when an item failed")
    made.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    made.add_argument("--debug", action="store_true", help="show tracebacks and log lines")
    made.add_argument("--job", type=int, help=argparse.SUPPRESS)
    if verb == "sort":
        made.add_argument(
            "--retry-failed", action="store_true", help="measure again what ended with an error"
        )
    if verb in VERB_PARAMS:
        add_options(made, VERB_PARAMS[verb])
    return made


def main(verb: str, argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run one verb and return its exit code."""
    options = parser(verb, program).parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.ERROR)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        return _run(verb, options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE if type(error).__name__ == "ParamError" else FAILED
    except KeyboardInterrupt:
        again = shlex.join([sys.executable and "python", *sys.argv])
        print(f"\nstopped; nothing is lost. Go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # the last line of defence: one line, not a traceback
        if options.debug:
            raise
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        print("hint: type it again with --debug and report what you see", file=sys.stderr)
        return FAILED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(verb: str, options: argparse.Namespace) -> int:
    params = _params(verb, options)
    from curation.cli.terminal import Terminal, print_json, print_summary
    from curation.studio import Studio

    studio = Studio(options.datastore)
    watchers: list[Watcher] = [Terminal(quiet=options.json)]
    if options.job is not None:
        from curation.store.jobs import JobWatcher

        watchers.append(JobWatcher(studio.catalogue, options.job))
    summary: Mapping[str, Any] = {}
    beats = _start(studio, verb, options, params(studio))
    try:
        for beat in beats:
            summary = beat.summary if beat.summary is not None else summary
            for watcher in watchers:
                watcher.show(beat)
    finally:
        beats.close()
        for watcher in watchers:
            watcher.close()
        studio.close()
    if options.json:
        print_json(summary)
    else:
        print_summary(summary, _next(verb, options))
    return ITEMS_FAILED if options.strict and summary["failed_items"] else DONE


def _params(verb: str, options: argparse.Namespace) -> Callable[[Studio], Params | None]:
    """Read recipe and flags at once, so that a wrong one stops before anything is opened."""
    from curation import recipes
    from curation.params import PoolParams

    if verb not in recipes.VERB_PARAMS:
        return lambda _: None
    model = recipes.VERB_PARAMS[verb]
    recipe = recipes.load(options.recipe) if options.recipe else {}
    flags = typed(options, model)
    recipes.build(model, recipe, flags)

    def complete(studio: Studio) -> Params:
        earlier = studio.remembered("sort", PoolParams) if verb == "rank" else {}
        return recipes.build(model, earlier, recipe, flags)

    return complete


def _start(
    studio: Studio, verb: str, options: argparse.Namespace, params: Any
) -> Generator[Progress, None, None]:
    if verb == "extract":
        return studio.extract(options.videos, params)
    if verb == "sort":
        return studio.sort(params, options.retry_failed)
    if verb == "apply":
        return studio.apply()
    if verb == "unapply":
        return studio.unapply()
    return studio.rank(params)


def _next(verb: str, options: argparse.Namespace) -> str:
    following = {"extract": "sort", "sort": "rank"}.get(verb)
    if following is None:
        return f"open {options.datastore / 'report.html'}"
    words = ["python", SCRIPTS[following], "--datastore", str(options.datastore)]
    if options.recipe:
        words += ["--recipe", str(options.recipe)]
    return shlex.join(words)
