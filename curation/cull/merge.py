"""`merge`: what people wrote about the losers of a group goes into the keeper's sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from curation.cull import home
from curation.cull.groups import CullTable, Member
from curation.cull.home import FolderParams
from curation.cull.sidecars import Desk, Place, pictures, rated
from curation.errors import InputError, SidecarError
from curation.params import tunable
from curation.photos import embedded, xmp
from curation.photos.xmp_faults import number
from curation.toolkit.plan import Plan, Write
from curation.toolkit.verbs import Beats, Context, Verb

BAGS = (xmp.KEYWORDS, "lr:hierarchicalSubject")
OWN_TAGS = "darktable|"
"""Tags that darktable gives by itself, of a file and not of what it shows."""


class MergeParams(FolderParams):
    """What is merged."""

    keywords: bool = tunable(True, "keywords: those of all, each once", basic=True)
    place: bool = tunable(True, "GPS place, when the keeper has none", basic=True)
    rating: bool = tunable(True, "highest rating, when the keeper has none", basic=True)


@dataclass
class _Held:
    """What a photo holds in its sidecars and files."""

    bags: dict[str, list[str]] = field(default_factory=dict)
    place: tuple[str, str] | None = None
    ratings: list[str] = field(default_factory=list)
    inside: int | None = None


def run(ctx: Context, params: MergeParams) -> Beats:
    """Read the latest groups; write what the keepers lack."""
    from curation.cull.library import library
    from curation.cull.losers import Losers
    from curation.cull.said import refused, said

    folders = home.absolute(params.folders)
    latest = CullTable(ctx.catalogue).latest()
    if latest is None:
        raise InputError(
            f"{ctx.workdir.root} has no groups yet", f"type: group {' '.join(params.folders)}"
        )
    shelf = yield from library(ctx, folders)
    heard, no_copies = said(ctx.catalogue, shelf, folders), refused(ctx.catalogue, shelf, folders)
    desk, plan, keepers = Desk(), ctx.plan(), 0
    # Who goes and who stays is what `apply` would say.
    who = Losers(shelf, heard, no_copies, plan)
    going = {file for photo, _ in who.find(latest[1]) for file in photo.files}
    for group in latest[1]:
        losers = [member for member in group.members if member.path in going]
        keeper = who.keeper_of(group)
        if not losers or keeper is None:
            continue
        theirs = _of_losers(desk, losers, plan)
        try:
            writes = _writes(desk, keeper, theirs, params, ctx)
        except (SidecarError, InputError) as error:
            plan.fail(keeper.path, error)
            continue
        plan.add(*writes)
        keepers += bool(writes)
    yield from ctx.carry_out(plan, groups=len(latest[1]), keepers_given_something=keepers)


def _of_losers(desk: Desk, losers: Sequence[Member], plan: Plan) -> dict[Path, _Held]:
    """Return what losers hold; one that cannot be read is told, the others count."""
    found: dict[Path, _Held] = {}
    for loser in losers:
        try:
            files = files_of(loser)
            found[loser.path] = _held(desk.readable(files), files)
        except (SidecarError, InputError) as error:
            plan.fail(loser.path, error)
    return found


def _writes(
    desk: Desk, keeper: Member, theirs: Mapping[Path, _Held], params: MergeParams, ctx: Context
) -> list[Write]:
    files = files_of(keeper)
    places = desk.places(files)
    own = _held(places, files)
    values = lacking(own, list(theirs.values()), params)
    if not values:
        return []
    why = f"from {', '.join(map(ctx.workdir.shown, theirs))}"
    found = (place.write(partial(_changed, place, values, own.inside), why) for place in places)
    return [write for write in found if write is not None]


def _changed(
    place: Place, values: dict[str, xmp.Value], inside: int | None, data: bytes | None
) -> bytes:
    if place.packet is not None and place.packet.rating_text is not None:
        values = {key: value for key, value in values.items() if key != xmp.RATING}
    elif data is None and xmp.RATING not in values and inside is not None:
        # A sidecar without a rating would hide the one that is in the file.
        values = {xmp.RATING: str(inside), **values}
    return xmp.with_values(data, values)


def lacking(own: _Held, theirs: Sequence[_Held], params: MergeParams) -> dict[str, xmp.Value]:
    """Return the values that a keeper is to get from its losers, none that it has already."""
    values: dict[str, xmp.Value] = {}
    for bag in BAGS if params.keywords else ():
        held = own.bags.get(bag, [])
        new = [one for other in theirs for one in other.bags.get(bag, ())]
        new = [one for one in dict.fromkeys(new) if one not in held]
        new = [one for one in new if not one.startswith(OWN_TAGS)]
        if new:
            # Its own first: those in the file itself, which a sidecar's would hide.
            values[bag] = (*held, *new)
    if params.place and own.place is None:
        place = next((other.place for other in theirs if other.place), None)
        if place:
            values |= dict(zip(embedded.GPS, place, strict=True))
    if params.rating and not own.ratings:
        stars = [number(text) for other in theirs for text in other.ratings]
        best = max((s for s in stars if s is not None and s <= xmp.MOST), default=0)
        if best > 0:
            values[xmp.RATING] = str(best)
    return values


def files_of(member: Member) -> list[Path]:
    """Return the files of a group's member: itself and its twins.

    Raises:
        InputError: when it is gone or was changed since it was grouped.
    """
    facts, path = member.facts, member.path
    try:
        stat = path.stat()
    except OSError:
        raise InputError(f"{path} is gone since it was grouped", "type group again") from None
    known = (facts.get("size_bytes"), facts.get("mtime_ns"))
    if None not in known and known != (stat.st_size, stat.st_mtime_ns):
        raise InputError(f"{path} was changed since it was grouped", "type group again")
    twins = [path.with_name(str(name)) for name in facts.get("with", ())]
    return [path, *(twin for twin in twins if twin.exists())]


def _held(places: Sequence[Place], files: Sequence[Path]) -> _Held:
    found = _Held(ratings=rated(places, files))
    inside = [embedded.embedded(path) for path in pictures(files)]
    packets = [place.packet for place in places if place.packet is not None]
    for bag in BAGS:
        items: list[str] = []
        for packet in packets:
            said = packet.values.get(bag, ())
            items += [said] if isinstance(said, str) else said
        if bag == xmp.KEYWORDS:
            items += [word for one in inside for word in one.keywords]
        found.bags[bag] = list(dict.fromkeys(items))
    where = [embedded.place_of(packet.values) for packet in packets]
    where += [one.place for one in inside]
    found.place = next((one for one in where if one), None)
    found.inside = next((one.rating for one in inside if one.rating is not None), None)
    return found


VERB = Verb(
    "merge", MergeParams, run,
    "Give the keeper of each group the keywords, place and rating that only its rejects have.",
    config=False, home=home.first,
)  # fmt: skip
