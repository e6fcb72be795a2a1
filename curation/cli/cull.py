"""`python -m curation cull FOLDER...`: group photos, then decide about each group."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.cli import toolkit
from curation.cli.command import DONE, followed, ran
from curation.cli.review import Serve, add_page
from curation.errors import StoreError
from curation.store.catalogue import OUR_FOLDER

if TYPE_CHECKING:
    from curation.records import Progress

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
    add_page(
        made.add_argument_group("the page"),
        "open the desk when the groups are found; --no-serve only finds them",
    )
    return made


def main(argv: Sequence[str], serve: Serve) -> int:
    """Read, group, serve; return 0 done, 1 error, 2 usage, 3 with --strict, 130."""
    return ran(parser(), argv, lambda options: _run(options, _without_page(argv), serve))


def _run(options: argparse.Namespace, words: Sequence[str], serve: Serve) -> int:
    from curation.cull.home import absolute

    if not hasattr(options, "mode") and not getattr(options, "feature_matching", False):
        words = [*words, "--mode", BOTH]
    folders = absolute(options.folders)
    home = (options.working_dir or folders[0]).absolute() / OUR_FOLDER
    if getattr(options, "dry_run", False):
        return toolkit.main("group", words)
    try:
        _read(folders, home, options)
    except StoreError as error:
        if error.hint:
            raise
        named = shlex.join(map(str, folders))
        raise StoreError(
            f"{error.message}; groups and marks are kept there",
            f"keep them elsewhere: python -m curation cull {named} -d PLACE",
        ) from error
    code = toolkit.main("group", words)
    if code != DONE or not options.serve:
        return code
    print(f"http://{options.host}:{options.port}/{PAGE}", file=sys.stderr, flush=True)
    serve(home, options.host, options.port, options.open_to_all)
    return DONE


def _read(folders: Sequence[Path], home: Path, options: argparse.Namespace) -> None:
    """Make the pictures rows of the catalogue, so that they have thumbnails and take marks."""
    from curation.studio import Studio

    with Studio(home) as studio, _job(options) as tell:
        for folder in folders:
            beats = studio.add_pictures(folder, getattr(options, "workers", 0))
            followed(beats, options, tell)


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
