"""`python -m curation export` and `replay`: data sets out, and the same again from the videos."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.cli.options import add_options, typed
from curation.cli.verbs import ABOUT, DONE, FAILED, INTERRUPTED, ITEMS_FAILED, USAGE
from curation.errors import CurationError, StoreError
from curation.records import Progress

ABOUT_REPLAY = (
    "Make an export again from its videos and its curation.lock.json: the same bytes, or a line "
    "for each thing that differs. With a manifest.jsonl only its pictures are made."
)


def main(argv: Sequence[str]) -> int:
    """Export; return 0 done, 1 error, 2 usage, 3 an item failed (--strict)."""
    from curation.export.formats import FORMATS
    from curation.export.settings import ExportParams

    parser = argparse.ArgumentParser(prog="python -m curation export", description=ABOUT["export"])
    parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help=", ".join(FORMATS))
    parser.add_argument(
        "--out", type=Path, metavar="PLACE",
        help="folder that it goes to, FILE.zip for zip; default DATASTORE/exports/FORMAT",
    )  # fmt: skip
    parser.add_argument(
        "--preview", action="store_true", help="only show the tree and the first rows"
    )
    _common(parser)
    add_options(parser, ExportParams)
    return _main("export", parser, argv, _export)


def main_replay(argv: Sequence[str]) -> int:
    """Replay a lock; return codes as of `main`."""
    parser = argparse.ArgumentParser(prog="python -m curation replay", description=ABOUT_REPLAY)
    parser.add_argument(
        "lock", type=Path, metavar="LOCK", help="curation.lock.json or manifest.jsonl of an export"
    )
    parser.add_argument(
        "--videos", type=Path, required=True, metavar="FOLDER",
        help="where the videos lie; they are known by their content, whatever they are called",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PLACE", help="where it goes")
    parser.add_argument(
        "--datastore", type=Path, metavar="FOLDER",
        help="new datastore that it is made in; default PLACE.replay",
    )  # fmt: skip
    for flag, words in WORDS.items():
        parser.add_argument(flag, action="store_true", help=words)
    return _main("replay", parser, argv, _replay)


WORDS = {
    "--strict": "exit with 3 when an item failed",
    "--json": "print one JSON summary on stdout",
    "--debug": "show the traceback of an error",
}


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--datastore", type=Path, default=Path("datastore"), metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )  # fmt: skip
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    for flag, words in WORDS.items():
        parser.add_argument(flag, action="store_true", help=words)


def _main(verb: str, parser: argparse.ArgumentParser, argv: Sequence[str], run: Any) -> int:
    try:
        options = parser.parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _interrupt)
    try:
        code: int = run(options)
        return code
    except CurationError as error:
        if options.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return USAGE if type(error).__name__ == "ParamError" else FAILED
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "curation", verb, *argv])
        print(f"\nstopped; nothing is lost. Go on with: {again}", file=sys.stderr)
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _export(options: argparse.Namespace) -> int:
    from curation import recipes
    from curation.export.settings import ExportParams
    from curation.store.catalogue import FILE_NAME

    recipe = recipes.load(options.recipe) if options.recipe else {}
    params = recipes.build(ExportParams, recipe, typed(options, ExportParams))
    # Opening makes an absent datastore, which must not happen here.
    if not (options.datastore / FILE_NAME).is_file():
        raise StoreError(
            f"{options.datastore} is no datastore: it has no {FILE_NAME}",
            "name it with --datastore, or make one: python 01_extract.py VIDEO",
        )
    from curation.studio import Studio

    ending = ".zip" if options.format == "zip" else ""
    out = options.out or options.datastore / "exports" / f"{options.format}{ending}"
    studio = Studio(options.datastore)
    try:
        if options.preview:
            from curation.cli.terminal import print_json

            told = studio.export_preview(options.format, params)
            if options.json:
                print_json(told)
            else:
                _print_preview(told)
            return DONE
        return _show(studio.export(options.format, out, params), options, _exported)
    finally:
        studio.close()


def _replay(options: argparse.Namespace) -> int:
    from curation.studio import Studio

    return _show(
        Studio.replay(options.lock, options.videos, options.out, options.datastore),
        options, _replayed,
    )


def _show(
    beats: Generator[Progress, None, None], options: argparse.Namespace, words: Any
) -> int:
    from curation.cli.terminal import Terminal, print_json

    watcher = Terminal(quiet=options.json)
    summary: Mapping[str, Any] = {}
    try:
        for beat in beats:
            summary = beat.summary if beat.summary is not None else summary
            watcher.show(beat)
    finally:
        beats.close()
        watcher.close()
    if options.json:
        print_json(summary)
    else:
        words(summary)
    return ITEMS_FAILED if options.strict and summary["failed_items"] else DONE


def _exported(told: Mapping[str, Any]) -> None:
    print(
        f"{told['pictures']} pictures in {told['out']}: {told['made']} written"
        f" ({told['bytes'] / 1e6:.1f} MB), {told['kept']} were there"
        + (f", {told['gone']} no longer asked for are gone" if told["gone"] else "")
    )
    for side, count in told["splits"].items():
        print(f"  {side:6} {count}")
    _tell(told)


def _replayed(told: Mapping[str, Any]) -> None:
    print(f"{told['same']} of {told['pictures']} files have the same bytes, in {told['out']}")
    _tell(told)


def _tell(told: Mapping[str, Any]) -> None:
    for note in told.get("notes", ()):
        print(f"note: {note}")
    failed = told["failed_items"]
    for item in failed[:20]:
        print(f"not exported: {item['item']}: {item['reason']}")
    if len(failed) > 20:
        print(f"... and {len(failed) - 20} more; --json lists all")


def _print_preview(told: Mapping[str, Any]) -> None:
    print(f"{told['pictures']} pictures")
    for folder, count in told["folders"].items():
        print(f"  {folder or '.'}/  {count}")
    for path in told["tree"][:12]:
        print(f"    {path}")
    for file, text in list(told["rows"].items())[:4]:
        print(f"\n{file}")
        for line in text.splitlines()[:4]:
            print(f"  {line[:160]}")
    for note in told["notes"]:
        print(f"note: {note}")
