"""Which of several like pictures stays: ordered rules, and enlarged copies recognised."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.engine.machine import pick_workers
from curation.engine.pool import Pool
from curation.errors import ParamError
from curation.records import Progress
from curation.toolkit.sidecar import Sidecar
from curation.toolkit.workdir import Pic

if TYPE_CHECKING:
    from curation.toolkit.index import Index
    from curation.toolkit.verbs import Context

WINS: dict[str, str] = {
    "original": "not enlarged",
    "upscaled": "enlarged",
    "resolution": "of more pixels",
    "size": "of more bytes",
    "sharpness": "sharper",
    "newest": "the newer file",
    "oldest": "the older file",
}
"""Rules, and what the winner by each is."""
DEFAULT = ("original", "resolution", "size", "sharpness")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may be a duplicate.

    Attributes:
        hash: 16 hex digits; None for a flat picture.
        width, height: pixels, upright.
    """

    pic: Pic
    sidecar: Sidecar
    content: str
    hash: str | None
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Return width times height."""
        return self.width * self.height

    def distance(self, other: Candidate) -> int:
        """Return how many bits two hashes differ in; 0 where there is none."""
        if self.hash is None or other.hash is None:
            return 0
        return (int(self.hash, 16) ^ int(other.hash, 16)).bit_count()


def checked(rules: Sequence[str]) -> tuple[str, ...]:
    """Return keeper rules as they are written.

    Raises:
        ParamError: for a rule that is none.
    """
    made = tuple(rule.strip().lower() for rule in rules)
    unknown = [rule for rule in made if rule not in WINS]
    if unknown:
        raise ParamError(f"there is no rule {unknown[0]!r}", f"known: {', '.join(WINS)}")
    return made


def is_enlarged(candidate: Candidate, enlarged: Collection[Path]) -> bool:
    """Return whether a picture was enlarged, by its sidecar or by what was seen."""
    said = candidate.sidecar.get("upscale")
    return candidate.pic.path in enlarged or (isinstance(said, int | float) and said > 1)


@dataclass(frozen=True, slots=True)
class Judge:
    """Ordered rules, and what they need to know.

    Attributes:
        sharp: `blur` by path, where it is known.
        enlarged: pictures that are enlarged copies, and of which one.
    """

    rules: Sequence[str]
    sharp: Mapping[Path, float]
    enlarged: Mapping[Path, Path]

    def key(self, candidate: Candidate) -> tuple[float, ...]:
        """Return what sorts the better picture first, rule after rule."""
        big = is_enlarged(candidate, self.enlarged)
        by_rule: dict[str, float] = {
            "original": big,
            "upscaled": not big,
            "resolution": -candidate.pixels,
            "size": -candidate.pic.size_bytes,
            "sharpness": -self.sharp.get(candidate.pic.path, 0.0),
            "newest": -candidate.pic.mtime_ns,
            "oldest": candidate.pic.mtime_ns,
        }
        return tuple(by_rule[rule] for rule in self.rules)

    def reason(self, best: Candidate, other: Candidate) -> str:
        """Return why one stays and not the other, by the first rule that tells them apart."""
        for rule, a, b in zip(self.rules, self.key(best), self.key(other), strict=True):
            if a == b:
                continue
            if rule == "original":
                return "it is an enlarged copy"
            numbers = {
                "resolution": f": {best.width} x {best.height} over {other.width} x {other.height}",
                "size": f": {best.pic.size_bytes:,} over {other.pic.size_bytes:,}",
                "sharpness": f": blur {-a:g} over {-b:g}",
            }
            return f"the keeper is {WINS[rule]}{numbers.get(rule, '')}"
        return "the keeper comes first"


def find_enlarged(
    ctx: Context,
    index: Index,
    groups: Sequence[tuple[Candidate, Sequence[Candidate]]],
    enlarged: Collection[Path],
) -> Generator[Progress, None, dict[Path, Path]]:
    """Return pictures, not marked yet, that are enlarged copies of a smaller one of their group.

    Each group's largest pictures are held against the largest smaller one of their shape. Answers
    are kept by content: a pair is compared once.
    """
    from curation.toolkit import upscales

    asked: dict[tuple[Path, Path], tuple[Candidate, Candidate]] = {}
    for best, others in groups:
        fresh = [c for c in (best, *others) if not is_enlarged(c, enlarged)]
        fresh.sort(key=lambda c: -c.pixels)
        for c in fresh:
            least = c.pixels / upscales.LEAST_FACTOR**2
            smaller = next(
                (
                    s for s in fresh
                    if s.pixels <= least
                    and upscales.alike(c.width / c.height, s.width / s.height)
                ),
                None,
            )  # fmt: skip
            if smaller is not None:
                asked[c.pic.path, smaller.pic.path] = (c, smaller)
    found: dict[Path, Path] = {}
    left: dict[tuple[Path, Path], tuple[Candidate, Candidate]] = {}
    for (large, small), (a, b) in asked.items():
        known = index.recall(f"upscale:{b.content}", upscales.VERSION, [a.content])
        if not known:
            left[large, small] = (a, b)
        elif known[a.content]:
            found[large] = small
    if not left:
        return found
    done = 0
    with Pool[tuple[Path, Path]](make_asker, pick_workers(ctx.workers, len(left))) as pool:
        for event in pool.run(list(left)):
            if event.kind == "item":
                a, b = left[event.task]
                name, fp = f"upscale:{b.content}", upscales.VERSION
                index.remember(name, fp, {a.content: int(event.message)})
                if event.message:
                    found[a.pic.path] = b.pic.path
            else:
                done += 1
                yield Progress(ctx.verb, done, len(left), "pairs")
    return found


def make_asker() -> Any:
    """Return the worker's side of `find_enlarged`."""
    from curation.engine.machine import single_threaded

    single_threaded()
    from curation.toolkit import upscales

    def handler(task: tuple[Path, Path]) -> Iterator[bool]:
        yield upscales.asked(task)

    return handler
