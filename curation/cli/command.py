"""What all commands do alike: common options, errors as lines, exit codes, following a run."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import CurationError, ParamError, StoreError

if TYPE_CHECKING:
    from curation.records import Progress
    from curation.studio import Studio

DONE, FAILED, USAGE, ITEMS_FAILED, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 130, 141
GO_ON = "nothing is lost. Go on with"
"""What somebody who stops a run is told, before the command to type again."""
RANK = "python 03_score_and_rank.py"


def add_common(parser: Any, *, datastore: bool = True, strict: bool = False) -> None:
    """Add --json and --debug to a parser or a group of one, and what else is asked for."""
    if datastore:
        parser.add_argument(
            "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
            help="where frames, catalogue and results live; default %(default)s",
        )  # fmt: skip
    if strict:
        parser.add_argument("--strict", action="store_true", help="exit with 3 when an item failed")
    parser.add_argument("--json", action="store_true", help="print one JSON summary on stdout")
    parser.add_argument("--debug", action="store_true", help="show tracebacks and log lines")


def ran(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    run: Callable[[argparse.Namespace], int],
    stopped: str = GO_ON,
) -> int:
    """Parse, run and return the exit code; what goes wrong becomes lines on stderr.

    Args:
        parser: has the options of `add_common`.
        argv: the words after the verb; None takes those that this process was given.
        run: does the work and returns the exit code.
        stopped: what is said of an interrupted run, before the command to type again.

    Raises:
        Exception: any error, with --debug.
    """
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    _set_up(options.debug)
    try:
        code = run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return closed_pipe()
    except KeyboardInterrupt:
        words = ["python", *sys.argv] if argv is None else [*parser.prog.split(), *argv]
        print(f"\nstopped; {stopped}: {shlex.join(words)}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if options.debug:
            raise
        return _complained(error)


def closed_pipe() -> int:
    """Return the exit code when the reader of stdout has seen enough (`| head`); what is left to
    print goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE


def _complained(error: Exception) -> int:
    """Say what went wrong and what to type, on stderr, and return the exit code."""
    if isinstance(error, CurationError):
        said, hint = error.message, error.hint
    else:  # the last line of defence: one line, not a traceback
        said = f"{type(error).__name__}: {error}"
        hint = "type it again with --debug and report what you see"
    for mark, text in (("error", said), ("hint", hint)):
        if text:
            print(f"{mark}: " + "\n".join(map(one_line, text.split("\n"))), file=sys.stderr)
    return USAGE if isinstance(error, ParamError) else FAILED


def _set_up(debug: bool) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def check_datastore(folder: Path) -> None:
    """Look whether a datastore is there: opening would make one.

    Raises:
        StoreError: there is none.
    """
    from curation.store.catalogue import FILE_NAME

    if not (folder / FILE_NAME).is_file():
        raise StoreError(
            f"{folder} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )


@contextmanager
def opened(datastore: Path) -> Iterator[Studio]:
    """Open a datastore that is there, and close it.

    Raises:
        StoreError: there is none.
    """
    check_datastore(datastore)
    from curation.studio import Studio

    with Studio(datastore) as studio:
        yield studio


def followed(
    beats: Generator[Progress, None, None],
    options: argparse.Namespace,
    *tell: Callable[[Progress], None],
) -> Mapping[str, Any]:
    """Show a run on stderr to its end and return its summary.

    Args:
        tell: who else is told each beat.
    """
    from curation.cli.terminal import Terminal

    terminal = Terminal(quiet=options.json)
    summary: Mapping[str, Any] = {}
    try:
        for beat in beats:
            summary = beat.summary if beat.summary is not None else summary
            terminal.show(beat)
            for told in tell:
                told(beat)
    finally:
        beats.close()
        terminal.close()
    return summary


def one_line(text: str) -> str:
    """Return text with what would break a line, or steer a terminal, as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def say(options: argparse.Namespace, summary: Any, lines: Iterable[str]) -> None:
    """Print a summary as one JSON value, or the lines that people get instead, on stdout.

    Names of files are in them, which whoever sent the files has chosen.
    """
    if options.json:
        from curation.cli.terminal import print_json

        print_json(summary)
        return
    for line in lines:
        print(one_line(line))


def code_of(options: argparse.Namespace, summary: Mapping[str, Any]) -> int:
    """Return the exit code of a run that came to its end."""
    return ITEMS_FAILED if options.strict and summary["failed_items"] else DONE
