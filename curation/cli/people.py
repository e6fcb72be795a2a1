"""`python -m curation people`: who is who, by name, and what was agreed with them."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.command import DONE, RANK, add_common, code_of, followed, opened, ran, say
from curation.cli.explain import FRAME_HELP
from curation.errors import ParamError

if TYPE_CHECKING:
    from curation.studio import Studio

ABOUT = (
    "Say who is who. People are found by their faces, in all videos; what you say hangs on frames "
    "and counts before what is found. Each saying can be undone, but for forget. WHO is a number "
    "of the list or a name."
)
VERBS: dict[str, tuple[str, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "list": ("show everybody, who is seen most first", ()),
    "name": ("give somebody a name", (("who", {}), ("name", {}))),
    "merge": ("two are one person; the first name stays", (("who", {}), ("other", {}))),
    "split": ("frames show one other person", (("frames", {"nargs": "+"}),)),
    "not": ("frames do not show somebody", (("who", {}), ("frames", {"nargs": "+"}))),
    "find": (
        "find who some photos show in all footage", (("pictures", {"nargs": "+", "type": Path}),)
    ),
    "consent": ("note what somebody agreed to; an empty note takes it back",
                (("who", {}), ("note", {}))),
    "forget": ("erase the name, the note and all words about somebody, for good", (("who", {}),)),
    "undo": ("take back what was said last", ()),
    "redo": ("say again what was taken back last", ()),
}
METAVAR = {"who": "WHO", "other": "WHO", "name": "NAME", "frames": "FRAME", "note": "NOTE",
           "pictures": "PICTURE"}  # fmt: skip
WIDTH = 24


def main(argv: Sequence[str]) -> int:
    """Run one of VERBS; return 0 done, 1 error, 2 usage, 3 a picture failed (--strict)."""
    words = list(argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words = ["list", *words]
    return ran(
        _parser(), words, lambda options: _run(options, words), "nothing was said. Again"
    )


def _parser() -> argparse.ArgumentParser:
    from curation.cli.options import add_options
    from curation.people_params import FindPersonParams

    common = argparse.ArgumentParser(add_help=False)
    add_common(common)
    parser = argparse.ArgumentParser(prog="python -m curation people", description=ABOUT)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (about, words) in VERBS.items():
        made = verbs.add_parser(verb, help=about, description=about.capitalize() + ".",
                                parents=[common])
        for name, more in words:
            shown: dict[str, Any] = {"help": FRAME_HELP} if name == "frames" else {}
            made.add_argument(name, metavar=METAVAR[name], **shown, **more)
        if verb == "forget":
            made.add_argument("--yes", action="store_true", help="yes, for good")
        if verb == "find":
            made.add_argument("--strict", action="store_true", help="exit with 3 when one failed")
            add_options(made, FindPersonParams)
    return parser


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    if options.verb == "forget" and not options.yes:
        raise ParamError(
            f"forgetting cannot be undone; if you mean it: python -m curation people "
            f"{shlex.join(words)} --yes"
        )
    with opened(options.datastore) as studio:
        if options.verb == "find":
            return _find(studio, options)
        listing = options.verb == "list"
        answer = _listed(studio, options.datastore) if listing else _said(studio, options)
    say(options, answer, (_list_lines if listing else _said_lines)(answer))
    return DONE


def _listed(studio: Studio, folder: Path) -> dict[str, Any]:
    """Return everybody, each with the picture to know them by."""
    answer = studio.people()
    best = [row["best"][0] for row in answer["people"] if row["best"]]
    paths = {frame.id: frame.path for frame in studio.videos.frames(best)}
    for row in answer["people"]:
        path = paths.get(row["best"][0]) if row["best"] else None
        # Named as the datastore was: `best` are numbers, which show nobody's face.
        there = path is not None and path.is_file()
        row["picture"] = str(folder / studio.catalogue.relative(path)) if path and there else ""
    return answer


def _said(studio: Studio, options: argparse.Namespace) -> dict[str, Any]:
    from curation.store.lookup import frame_named

    speaker = studio.about_people()
    frames = [frame_named(studio.catalogue, name) for name in getattr(options, "frames", ())]
    doing: dict[str, Callable[[], dict[str, Any]]] = {
        "name": lambda: speaker.name(options.who, options.name),
        "merge": lambda: speaker.merge(options.who, options.other),
        "split": lambda: speaker.split(frames),
        "not": lambda: speaker.not_them(options.who, frames),
        "consent": lambda: speaker.consent(options.who, options.note),
        "forget": lambda: speaker.forget(options.who),
        "undo": speaker.undo,
        "redo": speaker.redo,
    }
    return doing[options.verb]()


def _find(studio: Studio, options: argparse.Namespace) -> int:
    from curation.cli.options import typed
    from curation.people_params import FindPersonParams
    from curation.recipes import build

    params = build(FindPersonParams, typed(options, FindPersonParams))
    summary = followed(studio.find_person(options.pictures, params), options)
    say(options, summary, _found_lines(summary, studio.catalogue.command(RANK)))
    return code_of(options, summary)


def _list_lines(answer: Mapping[str, Any]) -> list[str]:
    if not answer["people"]:
        return ["nobody is known: no frame shows a face that can be told from others"]
    lines = [
        f"{'WHO':>4}  {'name':<{WIDTH}} {'frames':>7} {'videos':>6} {'picks':>5}  best picture"
    ]
    for row in answer["people"]:
        number = row["number"] if row["number"] >= 0 else "-"
        name = row["name"] or "(no name)"
        best = row["picture"] or (f"frame {row['best'][0]}" if row["best"] else "-")
        consent = "" if not row["name"] else (
            f"  consent: {row['consent']}" if row["consent"] else "  no consent noted"
        )
        lines.append(
            f"{number:>4}  {name:<{WIDTH}} {row['frames']:>7,} {row['videos']:>6,} "
            f"{row['picks']:>5,}  {best}{consent}"
        )
    pairs = answer["pairs"]
    stands = (f"by {pairs['same']:,} pairs of one person and {pairs['other']:,} of two"
              if min(pairs["same"], pairs["other"]) else "as shipped")
    lines.append(
        f"two tracks are one person from a likeness of {answer['threshold']:.2f} ({stands}): one "
        f"stranger in {1 / max(pairs['strangers_linked'], 1e-6):,.0f} would be taken for somebody"
    )
    return lines


def _said_lines(answer: Mapping[str, Any]) -> list[str]:
    if answer["kind"] == "forget":
        many = answer["erased"]
        erased = f"forgotten: {many} saying{'' if many == 1 else 's'} erased"
        return [erased, f"next: {answer['then']}"]
    return [answer["did"], f"next: {answer['then']} (or: python -m curation people undo)"]


def _found_lines(answer: Mapping[str, Any], then: str) -> Iterator[str]:
    them = len(answer["them"])
    yield (
        f"{them} of {answer['tracks']:,} tracks show them (likeness from "
        f"{answer['threshold']:.2f}; expect {answer['expected_strangers']:.1f} strangers among "
        f"them, and {100 * answer['expected_missed']:.0f} % of their tracks below)"
    )
    below = False
    for row in answer["found"]:
        if not row["is_them"] and not below:
            below = True
            yield "below the threshold:"
        who = f"  {row['name']}" if row["name"] else ""
        yield (f"  {row['likeness']:.2f}  frame {row['frame']}  {row['video']} at "
               f"{row['time_s']:.2f} s{who}")
    if "named" in answer:
        count = answer["named"]["tracks"]
        yield (f"{count} track{' shows' if count == 1 else 's show'} "
               f"{answer['named']['name']} now; next: {then}")
