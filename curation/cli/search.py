"""`python -m curation search` and `report`: find frames; one page about a set of frames."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.cli.command import DONE, add_common, code_of, followed, opened, ran, say
from curation.cli.explain import FRAME_HELP
from curation.words import count

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

    parser = argparse.ArgumentParser(prog="python -m curation search", description=ABOUT)
    parser.add_argument(
        "like", nargs="*", metavar="FRAME", help=FRAME_HELP + "; or any picture file: frames near "
        "any of these are found",
    )  # fmt: skip
    parser.add_argument("--columns", action="store_true", help="list the columns, then end")
    add_common(parser, strict=True)
    add_options(parser, FindParams)

    def run(options: argparse.Namespace) -> int:
        from curation.recipes import build
        from curation.search.find import SearchParams

        params = build(SearchParams, {"like": tuple(options.like)}, typed(options, FindParams))
        with opened(options.datastore) as studio:
            if options.columns:
                columns = studio.columns()
                say(options, {"columns": columns}, _column_lines(columns))
                return DONE
            summary = followed(studio.search(params), options)
        say(options, summary, _found_lines(summary))
        return code_of(options, summary)

    return ran(parser, argv, run)


def main_report(argv: Sequence[str]) -> int:
    """Write the page about a set of frames; exit codes as `main`."""
    parser = argparse.ArgumentParser(
        prog="python -m curation report",
        description="Write one page about the frames that are picked, or those of a condition: "
        "what they cover and lack, where in the videos they are, what was refused and why, what "
        "to film or find next. It needs nothing else and opens from the disk.",
    )
    parser.add_argument(
        "--out", type=Path, default=None, metavar="FILE",
        help="where to; default DATASTORE/dataset_report.html",
    )
    parser.add_argument(
        "--where", default="", metavar="CONDITION", help="report on these frames, not on the picks"
    )
    add_common(parser)

    def run(options: argparse.Namespace) -> int:
        with opened(options.datastore) as studio:
            out = options.out or options.datastore / "dataset_report.html"
            summary = followed(studio.report(out, options.where), options)
        told = f"{count(summary['frames'], 'frame')} reported on; open {summary['report']}"
        say(options, summary, [told])
        return DONE

    return ran(parser, argv, run)


def _column_lines(columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in columns:
        words = [word for word in one["words"][:8] if word]
        more = ", ..." if len(one["words"]) > 8 else ""
        said = f" ({', '.join(words)}{more})" if words else ""
        yield f"{one['name']:<24} {one['kind']:<7} {one['about']}{said}"


def _found_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    for one in summary["frames"]:
        apart = f"{one['distance']:.3f}  " if "distance" in one else ""
        score = "" if one["score"] is None else f"{one['score']:.2f}"
        who = one["person"] or ""
        yield (
            f"{apart}{one['frame_id']:>7}  {one['video']} @ {one['time_s']:.2f} s  "
            f"{one['pool'] or '':<10} {score:<5} {who}  {one['file']}".rstrip()
        )
    shown = len(summary["frames"])
    more = f", the first {shown} are shown (--count)" if shown < summary["found"] else ""
    yield f"{count(summary['found'], 'frame fits', 'frames fit')}{more}"
