"""`stars`: the best of each series gets the most stars, written where photo editors read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curation.cull import home
from curation.cull.group import GroupParams, grouped
from curation.cull.groups import Group, Member
from curation.cull.home import FolderParams
from curation.cull.said import said as heard
from curation.cull.sidecars import Desk, Place, rated
from curation.errors import SidecarError
from curation.params import tunable
from curation.photos import xmp
from curation.photos.xmp_faults import number
from curation.toolkit.plan import Plan, Write
from curation.toolkit.verbs import Beats, Context, Verb

if TYPE_CHECKING:
    from curation.cull.group import Grouped
    from curation.cull.library import Photo
    from curation.cull.ranking import Said

Policy = Literal["only-unrated", "keep-higher", "overwrite"]
HASH_BITS, LIKE, LIKE_BY_FEATURES = 64, 0.9, 0.4
"""Similarity from which two pictures are of one series: share of equal bits, or of the smaller
picture that is found in the other."""
READ_AGAIN = (
    "note: darktable sees a changed sidecar of a picture it knows at its next start, with"
    ' "look for updated XMP files on startup" on; close it before you write'
)


class StarsParams(FolderParams):
    """How pictures are compared, and which ratings are written."""

    feature_matching: bool = tunable(
        False, "compare by features too: finds crops and zooms, takes longer",
        short="-f", basic=True,
    )
    exclude_xmp: bool = tunable(
        False, "leave out pictures that have a sidecar already", short="-e", basic=True
    )
    diff: float | None = tunable(
        None, "similarity from which two pictures are of one series; by default"
        f" {LIKE} of the bits of a hash, {LIKE_BY_FEATURES} of the picture with -f",
        ge=0, le=1, short="-d", basic=True,
    )  # fmt: skip
    max_rank: int = tunable(
        3, "stars of the best of a series", ge=0, le=xmp.MOST, short="-m", basic=True
    )
    verbose: bool = tunable(
        False, "say of every picture what it gets and why", short="-v", cached=False, basic=True
    )
    rejects: bool = tunable(
        False, "pictures that group would reject are rejected (-1) instead of given 0", basic=True
    )
    policy: Policy = tunable(
        "only-unrated", "what becomes of ratings that are there; a rejected one is never raised"
        " by keep-higher", basic=True,
    )  # fmt: skip
    naming: Literal["darktable", "adobe"] = tunable(
        "darktable", "name of new sidecars: IMG.CR2.xmp (darktable, digiKam) or IMG.xmp (Adobe)",
        basic=True,
    )
    collisions: Literal["leave", "write"] = tunable(
        "leave", "pictures whose sidecar darktable would take for a version of another one as well"
    )
    gap: float = tunable(2.0, "longest pause within a burst", ge=0, le=3600, unit="s")


def rating_at(place: int, count: int, most: int) -> int:
    """Return the stars of a place in a series of `count`, 1 for the best: down to 0, ever wider.

    Tiers end where place ** (most + 1) reaches powers of count + 1; none is skipped. With 3 at
    most: 3 2 1 0 for four pictures, 3 2 2 1 1 1 0 0 0 0 for ten.
    """
    tier = 0
    while tier < most and (count + 1) ** (tier + 1) <= place ** (most + 1):
        tier += 1
    return most - min(tier, place - 1)


def run(ctx: Context, params: StarsParams) -> Beats:
    """Group the photos, rank each group, write the ratings."""
    folders = home.absolute(params.folders)
    found = yield from grouped(ctx, grouping(params), folders)
    desk, plan = Desk(params.naming, params.collisions), ctx.plan()
    for path, why in sorted(found.library.failed.items()):
        plan.fail(path, why)
    stars = ratings(found, heard(ctx.catalogue, found.library, folders), params, desk, plan)
    told: Counter[str] = Counter()
    lines: list[str] = []
    for photo in found.library.photos:
        if photo.path not in stars:
            continue
        rating, why = stars[photo.path]
        try:
            said = _add(plan, desk, photo, rating, why, params.policy)
        except SidecarError as error:
            plan.fail(photo.path, error)
            said = "left alone"
        told[said] += 1
        if params.verbose:
            lines.append(f"{rating:2} {ctx.workdir.shown(photo.path)}: {why}; {said}")
    lines += [found.note] * bool(found.note)
    lines += [f"warning: {text}" for _, text in sorted(desk.warned.items())]
    if params.naming == "adobe" and any(p.kind == "JPEG" and not p.has_raw for p in
                                        found.library.photos):  # fmt: skip
        lines.append("note: Lightroom and Bridge do not read sidecars of JPEGs")
    if any(isinstance(action, Write) and action.expect for action in plan.actions):
        lines.append(READ_AGAIN)
    wanted = Counter(rating for rating, _ in stars.values())
    yield from ctx.carry_out(
        plan,
        photos=len(found.library.photos),
        series=len(found.groups),
        ratings={str(rating): wanted[rating] for rating in sorted(wanted, reverse=True)},
        outcome=dict(sorted(told.items())),
        lines=lines,
    )


def grouping(params: StarsParams) -> GroupParams:
    """Return how `group` is asked."""
    like = LIKE if params.diff is None or params.feature_matching else params.diff
    return GroupParams(
        folders=params.folders,
        mode="features" if params.feature_matching else "all",
        threshold=int(HASH_BITS * (1 - like) + 1e-9),
        gap=params.gap,
    )


def series(group: Group, params: StarsParams) -> list[list[Member]]:
    """Return a group's members, best first: with -f those less like the keeper by themselves."""
    if not params.feature_matching:
        return [group.members]
    most = 1 - (LIKE_BY_FEATURES if params.diff is None else params.diff)
    near = [member for member in group.members if (member.distance or 0) <= most]
    return [near, [member for member in group.members if member not in near]]


def ratings(
    found: Grouped, said: Said, params: StarsParams, desk: Desk, plan: Plan
) -> dict[Path, tuple[int, str]]:
    """Return the rating of each photo, with the reason; of references none.

    What a person said in the review wins: its stars, and a rejection.

    Args:
        said: of the photos, at the same places.
    """
    photos = {photo.path: photo for photo in found.library.photos}
    stays = {path for path, photo in photos.items() if not photo.reference}
    if params.exclude_xmp:
        stays -= {path for path in stays if _has_sidecar(photos[path], desk, plan)}
    made: dict[Path, tuple[int, str]] = {}
    for group in found.groups:
        for members in series(group, params):
            members = [member for member in members if member.path in stays]
            for place, member in enumerate(members, start=1):
                out = params.rejects and member.verdict == "reject" and place > 1
                rating = rating_at(place, len(members), params.max_rank)
                why = f"{place} of {len(members)}: {member.reason}"
                made[member.path] = xmp.REJECTED if out else rating, why
    for path in stays:
        made.setdefault(path, (params.max_rank, "alone"))
    for i, photo in enumerate(found.library.photos):
        flag, stars = int(said.flag[i]), int(said.stars[i])
        if photo.path not in made:
            continue
        if flag < 0:
            by_hand = xmp.REJECTED if params.rejects else 0
            made[photo.path] = by_hand, "rejected by hand"
        elif stars > 0:
            made[photo.path] = stars, "stars by hand"
    return made


def _has_sidecar(photo: Photo, desk: Desk, plan: Plan) -> bool:
    try:
        return desk.has_any(photo.files)
    except SidecarError as error:
        plan.fail(photo.path, error)
        return True


def _add(plan: Plan, desk: Desk, photo: Photo, rating: int, why: str, policy: Policy) -> str:
    """Add the writes of one photo to a plan; return what is done with it, in words.

    Raises:
        SidecarError: a sidecar is to be left alone, and so is the photo.
    """
    places = desk.places(photo.files)
    texts = rated(places, photo.files)
    stays = _stays(texts, rating, policy)
    missing = [p for p in places if p.packet is None or not p.packet.rating_text]
    if stays and missing and len(missing) < len(places) and _values(texts) == {rating}:
        # One twin has this very rating, from a run that was stopped: the other one gets it too.
        stays, places = "", missing
    if stays:
        return stays
    change = partial(_rated, rating=rating)
    writes = [place.write(change, f"{_words(place, rating)}: {why}") for place in places]
    plan.add(*(write for write in writes if write is not None))
    return "written" if any(writes) else "as it was"


def _rated(data: bytes | None, rating: int) -> bytes:
    return xmp.with_rating(data, rating)


def _values(texts: Sequence[str]) -> set[int | None]:
    return {number(text) for text in texts}


def _stays(texts: Sequence[str], rating: int, policy: Policy) -> str:
    """Return why the rating stays as it is, nothing when it does not."""
    values = _values(texts)
    if not texts or policy == "overwrite":
        return ""
    if values == {rating}:
        return "as it was"
    if policy == "only-unrated":
        return "rated already"
    known = [value for value in values if value is not None]
    if len(known) < len(values) or min(known) < 0 or max(known) >= rating:
        return "has more"
    return ""


def _words(place: Place, rating: int) -> str:
    was = place.packet.rating_text if place.packet else None
    return f"rating {rating}" if was is None else f"rating {was.strip()} -> {rating}"


VERB = Verb(
    "stars", StarsParams, run,
    "Give the best of each series the most stars, in XMP sidecars that photo editors read.",
    config=False, home=home.first,
)  # fmt: skip
