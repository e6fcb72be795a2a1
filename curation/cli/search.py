"""`python -m curation search` and `report`: find frames; one page about a set of frames."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.explain import FRAME_HELP
from curation.cli.verbs import DONE, FAILED, INTERRUPTED, ITEMS_FAILED, USAGE
from curation.errors import CurationError, StoreError
from curation.records import Progress

if TYPE_CHECKING:
    from curation.studio import Studio

ABOUT = (
    "Find frames: like a frame or a picture file, by how somebody looks (--by appearance), by "
    "whose face it is, by how somebody stands (--by pose) or by the place (--by scene); like a "
    "drawn pose; by words; or those for which a condition holds. --columns lists what conditions "
    "may name."
)


def main(argv: Sequence[str]) -> int:
    """Search; return 0 done, 1 error, 2 usage, 3 a frame failed (--strict)."""
    from curation.cli.options import add_options, typed
    from curation.search.find import FindParams

    parser = _parser("search", ABOUT)
    parser.add_argument(
        "like", nargs="*", metavar="FRAME", help=FRAME_HELP + "; or any picture file: frames near "
        "any of these are found",
    )  # fmt: skip
    parser.add_argument("--columns", action="store_true", help="list the columns, then end")
    parser.add_argument("--strict", action="store_true", help="exit with 3 when a frame failed")
    add_options(parser, FindParams)

    def run(options: argparse.Namespace) -> int:
        from curation.recipes import build
        from curation.search.find import SearchParams

        params = build(SearchParams, {"like": tuple(options.like)}, typed(options, FindParams))
        with _open(options.datastore) as studio:
            if options.columns:
                columns = studio.columns()
                _say(options, {"columns": columns}, _columns_text(columns))
                return DONE
            summary = _watch(options, studio.search(params))
        _say(options, summary, _found_text(summary))
        return ITEMS_FAILED if options.strict and summary["failed_items"] else DONE

    return _ran(parser, argv, run)


def main_report(argv: Sequence[str]) -> int:
    """Write the page about a set of frames; exit codes as `main`."""
    parser = _parser(
        "report", "Write one page about the frames that are picked, or those of a condition: what "
        "they cover and lack, where in the videos they are, what was refused and why, what to "
        "film or find next. It needs nothing else and opens from the disk.",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=None, metavar="FILE",
        help="where to; default DATASTORE/dataset_report.html",
    )
    parser.add_argument(
        "--where", default="", metavar="CONDITION", help="report on these frames, not on the picks"
    )

    def run(options: argparse.Namespace) -> int:
        with _open(options.datastore) as studio:
            out = options.out or options.datastore / "dataset_report.html"
            summary = _watch(options, studio.report(out, options.where))
        _say(options, summary, f"{summary['frames']} frames reported on; open {summary['report']}")
        return DONE

    return _ran(parser, argv, run)


def _parser(verb: str, about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m curation {verb}", description=about)
    parser.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _ran(
    parser: argparse.ArgumentParser, argv: Sequence[str], run: Callable[[argparse.Namespace], int]
) -> int:
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        return run(options)
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE if type(error).__name__ == "ParamError" else FAILED
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "curation", parser.prog.rpartition(" ")[2], *argv])
        print(f"\nstopped; nothing is lost. Go on with: {again}", file=sys.stderr)
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _open(datastore: Path) -> Iterator[Studio]:
    """Open a datastore that is there: opening makes an absent one, which must not happen here."""
    from curation.store.catalogue import FILE_NAME
    from curation.studio import Studio

    if not (datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    studio = Studio(datastore)
    try:
        yield studio
    finally:
        studio.close()


def _watch(
    options: argparse.Namespace, beats: Generator[Progress, None, None]
) -> Mapping[str, Any]:
    from curation.cli.terminal import Terminal

    watcher = Terminal(quiet=options.json)
    summary: Mapping[str, Any] = {}
    try:
        for beat in beats:
            summary = beat.summary if beat.summary is not None else summary
            watcher.show(beat)
    finally:
        beats.close()
        watcher.close()
    return summary


def _say(options: argparse.Namespace, summary: Mapping[str, Any], text: str) -> None:
    if options.json:
        from curation.cli.terminal import print_json

        print_json(summary)
    else:
        print(text)


def _columns_text(columns: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for one in columns:
        words = [word for word in one["words"][:8] if word]
        more = ", ..." if len(one["words"]) > 8 else ""
        said = f" ({', '.join(words)}{more})" if words else ""
        lines.append(f"{one['name']:<24} {one['kind']:<7} {one['about']}{said}")
    return "\n".join(lines)


def _found_text(summary: Mapping[str, Any]) -> str:
    lines = []
    for one in summary["frames"]:
        apart = f"{one['distance']:.3f}  " if "distance" in one else ""
        score = "" if one["score"] is None else f"{one['score']:.2f}"
        who = one["person"] or ""
        lines.append(
            f"{apart}{one['frame_id']:>7}  {one['video']} @ {one['time_s']:.2f} s  "
            f"{one['pool'] or '':<10} {score:<5} {who}  {one['file']}".rstrip()
        )
    shown = len(summary["frames"])
    more = f", the first {shown} are shown (--count)" if shown < summary["found"] else ""
    return "\n".join([*lines, f"{summary['found']} frames fit{more}"])
