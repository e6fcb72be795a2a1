"""What other programs choose from the same clips, beside what we choose.

    python -m bench.peer_picks [--keep FOLDER] [--only NAME ...]

Each program is asked for 4 pictures of each clip (bench.peers.pickers); one that cannot be had is
told loudly and left out, with the reason in docs/peers.md. Each picture is looked up among the
frames of its clip (bench.peers.films) and judged by what is no part of ours: people by eye
(bench.peers.seen), likeness by imagehash's dHash, sharpness by the Laplacian of the whole frame.

The clips are the packaged ones, and some of the labelled ones where they are. With every program
and every clip the results and docs/peers.md are written; else the rows are printed. --keep keeps
the pictures, uses those it finds, and lays those of packaged clips side by side in peers.png:
their pictures may not be passed on, so the page shows none.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from textwrap import shorten

import imagehash
import numpy as np
from PIL import Image

from bench import packaged_clips
from bench.pages import DOCS, rewrite, table
from bench.peers import films, seen
from bench.peers.pickers import MAKERS, Picker, ours, pickers
from bench.peers.places import NoPeer
from bench.peers.sheet import Cell, sheet
from bench.report import RESULTS, Row, bootstrap, write
from bench.sets import SETS
from curation import __version__

COUNT = 4
ALIKE = 5
"""Pictures are near duplicates when their 64 bits of dHash differ in at most this many."""
SOON_S = 0.5
OURS = "ours"
SHOWN = ("bikes.mp4", "carphone_pristine.mp4", "world.mp4")
LABELLED = (
    "face_recognition_short_hamilton_clip.mp4", "facenet_video.mp4", "katna_pos_video.mp4",
    "LivePortrait_d12.mp4", "LivePortrait_s13.mp4", "LivePortrait_s29.mp4", "mmaction2_demo.mp4",
    "mmaction2_test.mp4", "mmaction2_test_video_structuralize.mp4",
)  # fmt: skip
"""One or two of each kind, named before any program had run over them: close faces, whole bodies,
crowds, cuts, a whip pan with damage, legs alone, rendered people."""
LABELS = SETS / "videos" / "LABELS.csv"
ABOUT = RESULTS / "peer_picks_about.json"


@dataclass(frozen=True)
class Clip:
    """A clip, every frame of it, and when a person can be seen."""

    path: Path
    film: films.Film
    people: seen.Spans


@dataclass(frozen=True)
class Pick:
    """A picture that a program chose.

    Attributes:
        person: whether a person can be seen in it.
        soft: whether most frames within half a second are sharper.
        dhash: 64 bits.
    """

    path: Path
    at_s: float
    person: bool
    soft: bool
    dhash: imagehash.ImageHash


Picks = dict[str, list[Pick]]
"""By the name of the clip, in the order of time."""


def clips() -> list[Path]:
    """Return the clips that are here: the packaged ones, then the labelled ones."""
    labelled = [SETS / "videos" / "clips" / name for name in LABELLED]
    return [*packaged_clips.clips(), *(path for path in labelled if path.is_file())]


def judged(path: Path, clip: Clip) -> Pick:
    """Return a picture with what there is to say about it."""
    frame = clip.film.frame_of(path)
    at_s = frame / clip.film.rate
    with Image.open(path) as picture:
        dhash = imagehash.dhash(picture)
    return Pick(path, at_s, seen.shows_person(at_s, clip.people), clip.film.is_soft(frame), dhash)


# -- taking ---------------------------------------------------------------------------------------


def taken(name: str, picker: Picker | None, paths: Sequence[Path], folder: Path) -> int:
    """Let a program choose, into FOLDER/NAME/CLIP/0.jpg ...; return on how many clips it failed.

    Args:
        picker: None for ours.

    Raises:
        NoPeer: it fails on the first clip; no other is tried.
    """
    home, done = folder / name, folder / name / "done"
    if done.is_file():
        return int(done.read_text())
    shutil.rmtree(home, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = (picker.take if picker else ours)(paths, Path(scratch), COUNT)
        _keep(found, home)
    home.mkdir(parents=True, exist_ok=True)
    done.write_text(str(len(paths) - len(found)))
    return len(paths) - len(found)


def _keep(found: Mapping[Path, list[Path]], home: Path) -> None:
    for clip, pictures in found.items():
        for number, picture in enumerate(pictures):
            to = home / clip.name / f"{number}{picture.suffix.lower()}"
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, to)


def picks_of(name: str, among: Sequence[Clip], folder: Path) -> Picks:
    """Return what a program chose of each clip."""
    return {
        clip.path.name: sorted(
            (judged(path, clip) for path in sorted((folder / name / clip.path.name).glob("*.*"))),
            key=lambda pick: pick.at_s,
        )
        for clip in among
    }


# -- numbers --------------------------------------------------------------------------------------


def rows(name: str, picks: Picks, among: Sequence[Clip], split: str) -> Iterator[Row]:
    """Yield what is measured of a program's picks."""
    every = [(clip, pick) for clip, found in picks.items() for pick in found]
    pairs = [(clip, one, two) for clip, found in picks.items()
             for one, two in combinations(found, 2)]  # fmt: skip
    people = [clip.path.name for clip in among if clip.people]

    def share(what: str, good: bool, values: list[bool], groups: list[str]) -> Row:
        value = float(np.mean(values)) if values else float("nan")
        interval = bootstrap(np.mean, values, groups=groups) if values else None
        return Row(f"{name}: {what}", value, None, None, good, len(values), interval, split)

    asked = COUNT * len(picks)
    yield Row(f"{name}: picks made, of those asked", len(every) / asked, None, None, True, asked,
              None, split)  # fmt: skip
    yield share("picks that show a person", True, [pick.person for _, pick in every],
                [clip for clip, _ in every])  # fmt: skip
    yield share("clips with people, a person picked", True,
                [any(pick.person for pick in picks[clip]) for clip in people], people)  # fmt: skip
    yield share("pairs of a clip that are near duplicates", False,
                [bool(one.dhash - two.dhash <= ALIKE) for _, one, two in pairs],
                [clip for clip, _, _ in pairs])  # fmt: skip
    yield share("pairs of a clip under half a second apart", False,
                [two.at_s - one.at_s < SOON_S for _, one, two in pairs],
                [clip for clip, _, _ in pairs])  # fmt: skip
    yield share("picks that most frames around are sharper than", False,
                [pick.soft for _, pick in every], [clip for clip, _ in every])  # fmt: skip


HEAD = ("program", "picks made of those asked", "show a person",
        "clips with people, a person picked", "pairs near duplicates",
        "pairs under 0.5 s apart", "softer than most around")  # fmt: skip


def facts(results: Sequence[Mapping[str, object]], about: Mapping[str, object]) -> str:
    """Return the block of docs/peers.md: numbers, programs, who could not be had."""
    by_program: dict[str, list[Mapping[str, object]]] = {}
    for row in results:
        by_program.setdefault(str(row["metric"]).partition(": ")[0], []).append(row)
    lines = []
    for name, found in by_program.items():
        values = [float(str(row["value"])) for row in found]
        texts = ["-" if np.isnan(value) else f"{100 * value:.0f} %" for value in values]
        lines.append([f"**{name}**" if name == OURS else name, *texts])
    programs = [[str(text) for text in one] for one in about["programs"]]  # type: ignore[attr-defined]
    missing = about["missing"]
    assert isinstance(missing, dict)
    parts = [
        str(about["clips"]),
        table(HEAD, lines),
        table(("program", "version", "licence", "asked for"), programs),
        *(f"**{name} is not compared**: {shorten(why, 180)}" for name, why in missing.items()),
    ]
    return "\n\n".join(parts)


def page(docs: Path = DOCS) -> bool:
    """Write the numbers into docs/peers.md; return whether that changed it."""
    results = json.loads((RESULTS / "peer_picks.json").read_text())
    return rewrite(docs / "peers.md", "facts", facts(results, json.loads(ABOUT.read_text())))


# -- all of it ------------------------------------------------------------------------------------


def main() -> int:
    """Run, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path,
                        help="folder for pictures and a sheet; what is there is used")  # fmt: skip
    parser.add_argument("--only", nargs="*", choices=MAKERS, metavar="NAME", help="these and ours")
    parser.add_argument("--without", nargs="*", choices=MAKERS, metavar="NAME", default=[],
                        help="leave these out, and say so on the page")  # fmt: skip
    parser.add_argument("--packaged", action="store_true", help="without the labelled clips")
    options = parser.parse_args()
    paths = packaged_clips.clips() if options.packaged else clips()
    # the first one has people: a program that fails there fails everywhere
    paths.sort(key=lambda path: path.name != SHOWN[0])
    among = []
    for path in paths:
        people = seen.spans(path, LABELS)
        if people is not None:
            among.append(Clip(path, films.read(path), people))
    packaged = sum(clip.path in packaged_clips.clips() for clip in among)
    split = f"{packaged} packaged and {len(among) - packaged} labelled clips, 4 asked of each"
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        chosen: dict[str, Picks] = {}
        programs: list[list[str]] = []
        missing = dict.fromkeys(options.without, "it was left out of the last run")
        wanted = [name for name in options.only or MAKERS if name not in missing]
        found = [(OURS, None), *pickers(wanted)]
        for name, picker in found:
            if isinstance(picker, str):
                missing[name] = picker
                continue
            print(f"{name} ...", file=sys.stderr)
            try:
                failed = taken(name, picker, [clip.path for clip in among], folder)
            except NoPeer as why:
                missing[name] = str(why)
                continue
            chosen[name] = picks_of(name, among, folder)
            if not any(chosen[name].values()):
                missing[name] = f"it ran over {len(among)} clips and chose nothing"
                del chosen[name]
                continue
            notes = f"; it failed on {failed} clips" if failed else ""
            programs.append(
                [name, picker.version, picker.licence, picker.about + notes] if picker
                else [name, __version__, "Apache-2.0", "`recipes/small.yaml`, the best by score"]
            )  # fmt: skip
        for name, why in missing.items():
            print(f"\nNOT COMPARED: {name}: {why}\n", file=sys.stderr)
        result = [row for name, picks in chosen.items() for row in rows(name, picks, among, split)]
        shown = {name: {clip: [Cell(pick.path, pick.person) for pick in picks[clip]]
                        for clip in SHOWN if clip in picks}
                 for name, picks in chosen.items()}  # fmt: skip
        whole = not options.only and not options.packaged and len(among) > packaged
        if options.keep:
            sheet(shown, COUNT, folder / "peers.png")
            print(f"side by side: {folder / 'peers.png'}", file=sys.stderr)
    if not whole:
        for row in result:
            print(f"{row.metric:70} {row.value:6.3f} {row.n:5d} {row.interval or ''}")
        print("nothing is written: a result has every clip and every program", file=sys.stderr)
        return 0
    about = {"clips": _clips(among, packaged), "programs": programs, "missing": missing}
    ABOUT.write_text(json.dumps(about, indent=1) + "\n")
    code = write("peer_picks", result)
    page()
    return code


def _clips(among: Sequence[Clip], packaged: int) -> str:
    seconds = sum(len(clip.film.sharpness) / clip.film.rate for clip in among)
    people = sum(bool(clip.people) for clip in among)
    return (
        f"{len(among)} clips, {seconds:.0f} seconds: {packaged} that packages ship and "
        f"{len(among) - packaged} of the labelled set; {people} of them show people."
    )


if __name__ == "__main__":
    raise SystemExit(main())
