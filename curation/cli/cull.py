"""`python -m curation cull FOLDER...`: group photos, then decide about each group."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from curation.cli import toolkit
from curation.cli.review import Serve
from curation.cli.verbs import DONE, FAILED, INTERRUPTED, USAGE
from curation.errors import CurationError, ParamError
from curation.records import Progress
from curation.store.catalogue import OUR_FOLDER

PAGE = "review?mode=cull"
BOTH = "all"
"""Mode of grouping where none is typed: who culls wants bursts and copies alike."""
ABOUT = (
    "Find like pictures and bursts, then decide about them in the browser, one key a group. "
    "Nothing moves before Apply, and everything can be undone. Typed again, it reads only what is "
    "new or changed, and keeps all marks."
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command: that of `group`, and where the page is served."""
    from curation.toolkit.verbs import find

    made = toolkit.parser(find("group"))
    made.prog, made.description = "python -m curation cull", ABOUT
    page = made.add_argument_group("the page")
    page.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    page.add_argument("--port", type=int, default=7860, help="default %(default)s")
    page.add_argument(
        "--open-to-all", action="store_true",
        help="listen beyond this machine without a password or token",
    )  # fmt: skip
    page.add_argument(
        "--serve", action=argparse.BooleanOptionalAction, default=True,
        help="open the desk when the groups are found; --no-serve only finds them",
    )  # fmt: skip
    return made


def main(argv: Sequence[str], serve: Serve) -> int:
    """Read, group, serve; return 0 done, 1 error, 2 usage, 3 with --strict, 130."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    try:
        return _run(options, _without_page(argv), serve)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE if isinstance(error, ParamError) else FAILED
    except KeyboardInterrupt:
        print("\nstopped; nothing is lost. Typed again, it goes on.", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace, words: Sequence[str], serve: Serve) -> int:
    from curation.cull.home import absolute

    if not hasattr(options, "mode") and not getattr(options, "feature_matching", False):
        words = [*words, "--mode", BOTH]
    folders = absolute(options.folders)
    home = (options.working_dir or folders[0]).absolute() / OUR_FOLDER
    if getattr(options, "dry_run", False):
        return toolkit.main("group", words)
    _read(folders, home, options)
    code = toolkit.main("group", words)
    if code != DONE or not options.serve:
        return code
    print(f"http://{options.host}:{options.port}/{PAGE}", file=sys.stderr, flush=True)
    serve(home, options.host, options.port, options.open_to_all)
    return DONE


def _read(folders: Sequence[Path], home: Path, options: argparse.Namespace) -> None:
    """Make the pictures rows of the catalogue, so that they have thumbnails and take marks."""
    from curation.cli.terminal import Terminal
    from curation.studio import Studio

    studio = Studio(home)
    terminal = Terminal(quiet=options.json)
    try:
        with _job(options) as tell:
            for folder in folders:
                beats = studio.add_pictures(folder, getattr(options, "workers", 0))
                try:
                    for beat in beats:
                        terminal.show(beat)
                        tell(beat)
                finally:
                    beats.close()
    finally:
        terminal.close()
        studio.close()


@contextmanager
def _job(options: argparse.Namespace) -> Iterator[Callable[[Progress], None]]:
    """Yield what tells the beats to a job's row; its end is told by the grouping that follows."""
    if options.job is None or options.datastore is None:
        yield lambda beat: None
        return
    from curation.store.catalogue import Catalogue
    from curation.store.jobs import JobWatcher

    catalogue = Catalogue(options.datastore)
    try:
        watcher = JobWatcher(catalogue, options.job)
        yield lambda beat: watcher.show(replace(beat, summary=None))
    finally:
        catalogue.close()


def _without_page(argv: Sequence[str]) -> list[str]:
    """Return the words that are for `group`."""
    page = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    page.add_argument("--host")
    page.add_argument("--port")
    page.add_argument("--open-to-all", action="store_true")
    page.add_argument("--serve", action=argparse.BooleanOptionalAction)
    return page.parse_known_args(list(argv))[1]
