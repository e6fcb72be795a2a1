"""`group`: like pictures beside each other, the best of each group named; nothing is moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from curation.cull import enlarged, faces, home, looks, pairs, ranking, report
from curation.cull.decisions import decide_frames
from curation.cull.groups import CullTable, Group, formed
from curation.cull.home import FolderParams
from curation.decide.near import Near
from curation.errors import InputError, ParamError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit.verbs import Beats, Context, Verb

if TYPE_CHECKING:
    from curation.cull.library import Library

Hash = Literal["phash", "dhash", "ahash", "whash"]


class GroupParams(FolderParams):
    """What is a group, and which picture of it stays."""

    mode: Literal["exact", "near", "burst", "all", "embedding", "features"] = tunable(
        "near",
        "exact: one picture, other metadata; near: like pictures; burst: taken in one go; all: "
        "these three; embedding: by a network; features: crops and zooms too",
        short="-m",
        basic=True,
    )
    hash: Hash = tunable("phash", "which hash is compared")
    bits: int = tunable(64, "bits of the hash: 64 or 256", ge=64, le=256)
    threshold: int | None = tunable(
        None,
        "bits within which two pictures are one; by default what suits the hash: 8 of a pHash",
        ge=0,
        le=256,
        short="-t",
        basic=True,
    )
    invariant: bool = tunable(False, "pictures turned or mirrored are one too", basic=True)
    feature_matching: bool = tunable(False, "the same as --mode features", short="-f")
    likeness: float | None = tunable(
        None, "least cosine of one picture (mode embedding); by default what suits the network",
        ge=0, le=1,
    )  # fmt: skip
    weights: str | None = tunable(
        None, "CLIP weights for open-clip, instead of the packaged MobileNetV2", local=True
    )
    clip_model: str = tunable("ViT-B-32", "which CLIP the weights are, as open-clip calls it")
    compare: int = tunable(
        20_000, "pairs compared point by point in one run at most (mode features)", ge=0
    )
    reference: tuple[str, ...] = tunable(
        (), "folders that are compared with and never touched: all in them stays", basic=True
    )
    keep: int = tunable(1, "pictures of each group that stay", ge=1, le=1000, basic=True)
    gap: float = tunable(
        2.0, "longest pause within a burst", ge=0, le=3600, unit="s", basic=True
    )
    burst_bits: int = tunable(
        pairs.BURST_BITS, "bits of 64 within which pictures of a burst show one scene", ge=0, le=64
    )
    burst_most: int = tunable(100, "most pictures of a burst; longer ones are cut", ge=2)
    burst_span: float = tunable(60.0, "longest burst; longer ones are cut", ge=0, unit="s")
    prefer: tuple[str, ...] = tunable(
        ranking.DEFAULT,
        f"rules for which one stays, the first that tells wins: {', '.join(ranking.RULES)}",
    )
    noise: float = tunable(
        ranking.NOISE,
        "share by which sharpness must lead; less is a tie, which is not rejected",
        ge=0, le=0.9,
    )  # fmt: skip
    across_time: bool = tunable(
        False, "shots taken more than an hour apart may be rejected for each other, too"
    )
    ratings: bool = tunable(True, "ratings in sidecars and in files count as stars")
    faces: bool = tunable(
        True, "look for faces in pictures that are like others: the sharper face wins"
    )
    force: bool = tunable(False, "measure every picture again", cached=False)
    report: str = tunable(
        "", f"folder of the reports; default is {home.REPORTS} in the first FOLDER", cached=False
    )

    def chosen(self) -> str:
        """Return the mode in force."""
        return "features" if self.feature_matching else self.mode

    def radius(self) -> int:
        """Return the bits within which two pictures are one.

        Raises:
            ParamError: for settings that do not go together.
        """
        if self.bits not in pairs.RADIUS:
            raise ParamError(f"--bits {self.bits}: hashes have 64 or 256")
        if self.invariant and (self.hash != "phash" or self.bits != 64):
            raise ParamError(
                "--invariant compares pHashes of 64 bits", "leave --hash and --bits out"
            )
        if self.threshold is not None:
            if self.threshold > self.bits // 2:
                raise ParamError(
                    f"--threshold {self.threshold}: more than half of {self.bits} bits is any pair"
                )
            return self.threshold
        return pairs.RADIUS[self.bits][self.hash]


@dataclass(frozen=True, slots=True)
class Grouped:
    """What grouping gave.

    Attributes:
        mode: that was chosen.
        note: what could not be asked, for people; "" when all could.
    """

    library: Library
    groups: list[Group]
    mode: str
    note: str


def run(ctx: Context, params: GroupParams) -> Beats:
    """Find groups, keep them as the latest ones, write the reports."""
    folders = home.absolute(params.folders)
    found = yield from grouped(ctx, params, folders, sidecars=True)
    given = {name: value for name, value in params.model_dump(mode="json").items()
             if name not in ("folders", "force", "report")}  # fmt: skip
    given |= {"mode": found.mode, "limits": limits(params)}
    # As they are called from anywhere: apply must not touch them, from whatever folder it is typed.
    given["reference"] = [str(path) for path in home.absolute(params.reference)]
    told = report.as_dict(
        found.groups, ctx.workdir.root, mode=found.mode, params=given, folders=params.folders,
        failed=found.library.failed, photos=len(found.library.photos),
    )  # fmt: skip
    written: list[Path] = []
    if not ctx.dry_run:
        CullTable(ctx.catalogue).save(
            found.mode, given, [str(folder) for folder in folders], found.groups
        )
        decide_frames(ctx.catalogue)
        place = Path(params.report).expanduser().absolute() if params.report else None
        written = report.write(
            place or ctx.workdir.root / home.REPORTS, told, found.groups, ctx.workdir.root
        )
    yield ctx.ended(
        failed_items=[{"item": ctx.workdir.shown(path), "reason": why}
                      for path, why in sorted(found.library.failed.items())],
        **summary(ctx, found),
        reports=[str(path) for path in written],
        groups_found=told["groups"],
    )  # fmt: skip


def grouped(
    ctx: Context, params: GroupParams, folders: Sequence[Path], *, sidecars: bool = False
) -> Generator[Progress, None, Grouped]:
    """Return the groups of folders; nothing is kept but what was measured.

    Args:
        sidecars: ratings and edits in sidecars and files count; not for who is to write them.
    """
    from curation.cull.edits import add_edits
    from curation.cull.library import library
    from curation.cull.said import add_ratings, refused, said

    mode, radius = params.chosen(), params.radius()
    rules = ranking.checked(params.prefer)
    reference = home.absolute(params.reference)
    if set(reference) & set(folders):
        raise InputError(
            f"{next(f for f in folders if f in reference)} is named twice: as a folder and as"
            " --reference", "a reference folder need not be named again",
        )  # fmt: skip
    shelf = yield from library(ctx, folders, reference, force=params.force)
    no_copies = refused(ctx.catalogue, shelf, folders)
    heard = said(ctx.catalogue, shelf, folders)
    # Only where too many are alike to hold every pair: who is the best must be known before.
    order = ranking.Judge(shelf, heard, rules, params.noise).order
    near, note = yield from _pairs(ctx, shelf, params, mode, radius, order)
    near = pairs.without(near, shelf, no_copies)
    asked = np.unique(np.concatenate([near.one, near.other])).tolist()
    if sidecars:
        add_edits(shelf, asked, heard)
        if params.ratings and "stars" in rules:
            add_ratings(shelf, asked, heard)
    if params.faces and mode != "exact":
        faceless = yield from faces.look(ctx, shelf, _undecided(shelf, near), heard)
        note = "; ".join(part for part in (note, faceless) if part)
    form = partial(
        formed,
        shelf,
        near,
        ranking.Judge(shelf, heard, rules, params.noise, params.across_time),
        kind="burst" if mode == "all" else mode,
        near_radius=radius if mode == "all" else None,
        keep=params.keep,
        refused=no_copies,
    )
    groups = form()
    # Marking one as enlarged can make another the best of its group: that one is asked next.
    while "original" in rules and mode not in ("exact", "burst"):
        if not (yield from enlarged.look(ctx, shelf, groups, heard)):
            break
        groups = form()
    return Grouped(shelf, groups, mode, note)


def limits(params: GroupParams) -> dict[str, float]:
    """Return the largest distance of a member to its keeper, by kind of group."""
    least = params.likeness
    if least is None:
        least = looks.CLIP if params.weights else looks.PACKAGED
    return {
        "exact": 0,
        "near": params.radius(),
        "burst": params.burst_bits,
        "embedding": round(1 - least, 4),
        "features": round(1 - looks.COVER, 4),
    }


def _undecided(shelf: Library, near: Near) -> list[int]:
    """Return the places of pictures that are near another one that is not the same."""
    keys = np.array([photo.key for photo in shelf.photos], dtype=object)
    differ = keys[near.one] != keys[near.other]
    both = np.concatenate([near.one[differ], near.other[differ]])
    found: list[int] = np.unique(both).tolist()
    return found


def _pairs(
    ctx: Context, shelf: Library, params: GroupParams, mode: str, radius: int,
    order: Callable[[], pairs.Ints],
) -> Generator[Progress, None, tuple[Near, str]]:
    """Return what is to be set beside each other, and what was left out, for people."""
    parts, note = [pairs.of_keys(shelf, order)], ""
    if mode in ("near", "all", "features"):
        parts.append(
            pairs.of_hashes(
                shelf, params.hash, params.bits, radius, turned=params.invariant, order=order
            )
        )
    if mode in ("burst", "all"):
        parts.append(
            pairs.of_bursts(
                shelf, params.gap, params.burst_bits,
                most_s=params.burst_span, most=params.burst_most,
            )
        )  # fmt: skip
    if mode in ("embedding", "features"):
        from curation.toolkit.embedders import embedder

        model = embedder("clip", params.weights, params.clip_model)
        if mode == "embedding":
            least = 1 - limits(params)["embedding"]
            parts.append((yield from looks.of_looks(ctx, shelf, model, least)))
        else:
            # Bits and shares are no one measure: here all distances are shares.
            known = pairs.merged(parts, len(shelf.photos))
            known = Near(known.one, known.other, known.distance / np.float32(params.bits))
            points, note = yield from looks.of_points(ctx, shelf, model, known, params.compare)
            parts = [known, points]
    return pairs.merged(parts, len(shelf.photos)), note


def summary(ctx: Context, found: Grouped) -> dict[str, Any]:
    """Return numbers and lines about groups, for people."""
    verdicts = Counter(member.verdict for group in found.groups for member in group.members)
    alone = len(found.library.photos) - sum(len(group.members) for group in found.groups)
    return {
        "photos": len(found.library.photos),
        "groups": len(found.groups),
        "in_no_group": alone,
        "kept": verdicts["keep"],
        "rejected": verdicts["reject"],
        "ties": verdicts["tie"],
        **({"note": found.note} if found.note else {}),
        "kinds": dict(sorted(Counter(group.kind for group in found.groups).items())),
        "lines": lines(ctx, found.groups),
    }


def lines(ctx: Context, groups: Sequence[Group], most: int = 20) -> list[str]:
    """Return a few lines for each of the first groups."""
    told = []
    for number, group in enumerate(groups[:most]):
        noted = ", touches other groups" * group.chained + ", dense" * group.dense
        told.append(f"group {number}: {len(group.members)} pictures, {group.kind}{noted}")
        for member in group.members:
            far = "" if member.distance is None else f" ({member.distance:g})"
            shown = ctx.workdir.shown(member.path)
            told.append(f"  {member.verdict:6} {shown}{far}: {member.reason}")
    if len(groups) > most:
        told.append(f"... and {len(groups) - most} more groups, in the reports")
    return told


VERB = Verb(
    "group", GroupParams, run, "Find like pictures, and say which of them stay.",
    config=False, home=home.first,
)  # fmt: skip
