"""What all commands do alike: exit codes, lines on stderr, signals, refusing what is not there."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from curation.cli.command import add_common, check_datastore, code_of, followed, ran, say
from curation.cli.terminal import sentence
from curation.errors import CurationError, ParamError, StoreError
from curation.records import Progress

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m curation knead")
    made.add_argument("dough", nargs="*")
    add_common(made, strict=True)
    return made


def ending(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CurationError("no flour", "buy some"), 1, "error: no flour\nhint: buy some\n"),
        (CurationError("no flour"), 1, "error: no flour\n"),
        (ParamError("--salt takes 0 to 1"), 2, "error: --salt takes 0 to 1\n"),
        (ZeroDivisionError("by zero"), 1, "error: ZeroDivisionError: by zero\nhint: type it again "
         "with --debug and report what you see\n"),
        (KeyboardInterrupt(), 130, "\nstopped; nothing is lost. Go on with: "
         "python -m curation knead 'rye bread'\n"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_a_line_and_an_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(parser(), ["rye bread"], ending(error)) == code
    assert capsys.readouterr().err == said


def test_debug_shows_the_traceback() -> None:
    for error in (CurationError("no flour"), ZeroDivisionError()):
        with pytest.raises(type(error)):
            ran(parser(), ["--debug"], ending(error))


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "import argparse, sys; from curation.cli.command import add_common, ran\n"
        "parser = argparse.ArgumentParser(); add_common(parser)\n"
        "sys.exit(ran(parser, [], lambda _: print('loaf\\n' * 1_000_000) or 0))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"loaf\n"
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


@pytest.mark.parametrize(
    "words",
    [["01_extract.py", "a.mp4"], ["app.py"], ["-m", "curation", "recipe", "rank"],
     ["-m", "curation", "dedup", "-d", "x"], ["-m", "curation", "explain", "a.mp4@1"]],
)  # fmt: skip
def test_a_python_without_our_packages_says_what_to_type(words: list[str]) -> None:
    bare = [sys.executable, "-S", "-E"]  # as a shell's python3 is before .venv is activated
    done = subprocess.run([*bare, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: {sys.executable} has none of the packages of requirements.txt",
        "hint: make venv && . .venv/bin/activate, then the same again with python",
    ]


def test_a_beat_without_numbers_tells_none() -> None:
    assert sentence(Progress("rank", note="deciding")) == "rank: deciding"
    assert sentence(Progress("sort", 3, note="beginning")) == "sort: 3 frames beginning"
    assert sentence(Progress("sort", 0, 8)) == "sort: 0/8 frames"


def test_usage_and_help_end_before_anything_runs() -> None:
    assert ran(parser(), ["--rise"], ending(AssertionError())) == 2
    assert ran(parser(), ["--help"], ending(AssertionError())) == 0


def test_a_signal_interrupts_but_for_one_that_is_ignored() -> None:
    def run(options: argparse.Namespace) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        options.dough.append("survived")
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    assert ran(parser(), [], run) == 130
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_an_absent_datastore_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no datastore: it has no"):
        check_datastore(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_run_is_followed_to_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[bool] = []
    told: list[Progress] = []

    def beats() -> Generator[Progress, None, None]:
        try:
            yield Progress("knead", failed=("crumb", "too dry"))
            yield Progress("knead", summary={"verb": "knead", "failed_items": ["crumb"]})
        finally:
            ended.append(True)

    options = parser().parse_args(["--strict", "--json"])
    summary = followed(beats(), options, told.append)
    assert len(told) == 2 and ended and code_of(options, summary) == 3
    say(options, summary, ["never seen"])
    answer = capsys.readouterr()
    assert json.loads(answer.out) == summary and "crumb: too dry" in answer.err
    say(parser().parse_args([]), summary, ["one", "two"])
    assert capsys.readouterr().out == "one\ntwo\n"
