"""Groups as all culling verbs know them: who is kept, who goes, how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.cull.grounds import one_shot
from curation.cull.pairs import pair_of
from curation.cull.ranking import Judge, Ruling
from curation.decide.near import Near, Stars, star_groups
from curation.store.cull import CullTable, Group, Member, Run, Verdict

if TYPE_CHECKING:
    from curation.cull.library import Library

__all__ = ["CullTable", "Group", "Member", "Run", "Verdict", "formed"]


def formed(
    library: Library,
    near: Near,
    judge: Judge,
    *,
    kind: str,
    near_radius: float | None = None,
    keep: int = 1,
    refused: set[tuple[str, str]] | None = None,
) -> list[Group]:
    """Return star groups of two pictures and more, in the order of their keepers' paths.

    Each member is near the keeper itself: nobody is rejected for the sake of a picture that is not
    like it. References are keepers all; a group of nothing else is none.

    Args:
        near: pairs to be set beside each other, already without refused ones.
        kind: of the groups; one whose members all are the same picture is "exact", and where
            `near_radius` is given, one within it is "near".
        keep: pictures of a group that stay, by rank.
        refused: pairs of keys that are no duplicates: a third picture that both are near brings
            them together again, and the group says so.
    """
    photos = library.photos
    safe = np.array([photo.reference for photo in photos], np.bool_)
    near = near.where(~(safe[near.one] & safe[near.other]))
    if not len(near):
        return []
    order = judge.order(near)
    stars = star_groups(len(photos), near, order, safe)
    members: dict[int, list[int]] = {}
    for at in order.tolist():
        members.setdefault(int(stars.keeper[at]), []).append(at)
    groups = []
    for keeper, found in members.items():
        if len(found) < 2:
            continue
        # A reference keeps whatever its rank: it stands first.
        ranked = [keeper, *(at for at in found if at != keeper)]
        groups.append(_group(library, judge, stars, ranked, kind, near_radius, keep, refused))
    return sorted(groups, key=lambda group: group.keeper.path.as_posix())


def _group(
    library: Library, judge: Judge, stars: Stars, ranked: list[int], kind: str,
    near_radius: float | None, keep: int, refused: set[tuple[str, str]] | None,
) -> Group:
    keeper = ranked[0]
    photos = library.photos
    one = all(photos[at].key == photos[keeper].key for at in ranked)
    if one:
        kind = "exact"
    elif near_radius is not None and all(stars.distance[at] <= near_radius for at in ranked):
        kind = "near"
    members = []
    for rank, at in enumerate(ranked):
        same = photos[at].key == photos[keeper].key
        if rank == 0:
            ruling = _kept(library, judge, ranked)
        else:
            ruling = judge.ruling(keeper, at, exact=same)
            if rank < keep and judge.said.flag[at] >= 0 and ruling.verdict != "keep":
                ruling = Ruling("keep", f"number {rank + 1} of the {keep} that stay", "keep")
        distance = None if rank == 0 else _rounded(float(stars.distance[at]))
        facts = _facts(library, judge, at, rank, ruling)
        if rank and same:
            facts["same"] = "bytes" if photos[at].content == photos[keeper].content else "picture"
        elif rank:
            facts["one_shot"] = one_shot(photos[keeper], photos[at])
        members.append(
            Member(photos[at].path, photos[at].content, photos[at].key, distance,
                   ruling.verdict, ruling.reason, facts)
        )  # fmt: skip
    if refused:
        _say_again(members, refused)
    diameter = _rounded(float(stars.diameter[keeper]))
    dense = bool(stars.dense[ranked].any())
    return Group(kind, members, diameter, bool(stars.chained[keeper]), dense)


def _kept(library: Library, judge: Judge, ranked: list[int]) -> Ruling:
    """Return why the first of a group is the first: what it is better in than the next picture."""
    best = ranked[0]
    if library.photos[best].reference:
        return Ruling("keep", "it is in a reference folder", "reference")
    if judge.said.flag[best] < 0:
        return Ruling("reject", "rejected by hand, as all of its group are", "marks")
    if judge.said.flag[best] > 0:
        return Ruling("keep", "picked by hand", "marks")
    mine = library.photos[best].key
    other = next((at for at in ranked[1:] if library.photos[at].key != mine), None)
    if other is None:
        edited = "the edited one" if judge.said.edited(best) else "the first"
        return Ruling("keep", f"{edited} of {len(ranked)} files of one picture")
    second = judge.ruling(best, other)
    if second.doubt:
        said = f"the first of {len(ranked)}; no machine says that the next is worse"
        return Ruling("keep", said, "", second.margin)
    if second.verdict != "reject" or not second.rule:
        return Ruling("keep", f"the first of {len(ranked)}; the next is as good", "", second.margin)
    why = second.reason.removeprefix("the keeper is ")
    return Ruling("keep", f"the best of {len(ranked)}: {why}", second.rule, second.margin)


def _facts(
    library: Library, judge: Judge, at: int, rank: int, ruling: Ruling
) -> dict[str, Any]:
    photo, prints = library.photos[at], library.prints
    facts: dict[str, Any] = {
        "rank": rank,
        "width": photo.width,
        "height": photo.height,
        "size_bytes": photo.size_bytes,
        "mtime_ns": photo.mtime_ns,
        "sharpness": _rounded(float(prints.sharp[at])),
        "clipped": _rounded(float(prints.clipped_frac[at])),
        "rule": ruling.rule,
        "margin": None if ruling.margin is None else _rounded(ruling.margin),
    }
    if photo.capture.taken_s is not None:
        facts["taken_s"] = round(photo.capture.taken_s, 3)
        facts["taken"] = photo.capture.clock
        facts["time_from"] = photo.capture.source
    if len(photo.files) > 1:
        facts["with"] = [file.name for file in photo.files[1:]]
    flag, stars = int(judge.said.flag[at]), int(judge.said.stars[at])
    facts |= {"flag": flag} if flag else {}
    facts |= {"stars": stars} if stars else {}
    facts |= {"eyes": _rounded(eyes)} if math.isfinite(eyes := float(judge.said.eyes[at])) else {}
    if math.isfinite(face := float(judge.said.subject[at])):
        facts["face_sharpness"] = _rounded(face)
    facts |= {"edited": True} if judge.said.edited(at) else {}
    if photo.capture.bias_ev is not None:
        facts["bias_ev"] = photo.capture.bias_ev
    facts |= {"reference": True} if photo.reference else {}
    facts |= {"flat": True} if bool(prints.flat[at]) else {}
    return facts


def _say_again(members: list[Member], refused: set[tuple[str, str]]) -> None:
    """Note of members that they were said to be no duplicates of another one of their group.

    A person who said so must look again: such a member is not rejected by a machine.
    """
    for member in members[1:]:
        others = [m for m in members if pair_of(m.key, member.key) in refused]
        if not others:
            continue
        member.facts["asked_again"] = [m.path.name for m in others]
        if member.verdict == "reject" and member.facts["rule"] != "marks":
            member.verdict = "tie"
            member.reason = f"asked again: it is no duplicate of {_name(others[0])}, but both are" \
                            f" like {_name(members[0])}"  # fmt: skip


def _name(member: Member) -> str:
    """Return a file's name as text: a name need not be text."""
    return member.path.name.encode("utf-8", "backslashreplace").decode()


def _rounded(number: float) -> float | None:
    return round(number, 4) if math.isfinite(number) else None
