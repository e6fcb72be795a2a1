"""Groups: whose keeper is near them all, and who is not rejected by a machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from curation.cull import pairs, ranking
from curation.cull.groups import Group, formed
from curation.cull.library import Library
from curation.cull.ranking import Judge, Said
from curation.errors import ParamError
from tests.unit.cull.shelves import Shot, library


def near_groups(
    shelf: Library, radius: int = 8, said: Said | None = None, *, keep: int = 1,
    refused: set[tuple[str, str]] | None = None, most: int = pairs.MOST_PAIRS,
) -> list[Group]:
    said = said or Said.nothing(len(shelf.photos))
    order = Judge(shelf, said).order
    hashes = pairs.of_hashes(shelf, "phash", 64, radius, order=order, most=most)
    near = pairs.merged([pairs.of_keys(shelf, order), hashes], len(shelf.photos))
    return formed(
        shelf, pairs.without(near, shelf, refused or set()), Judge(shelf, said), kind="near",
        keep=keep, refused=refused,
    )  # fmt: skip


def verdicts(group: Group) -> dict[str, str]:
    return {member.path.name: member.verdict for member in group.members}


def reason(group: Group, name: str) -> str:
    return next(m.reason for m in group.members if m.path.name == name)


def drift(n: int) -> list[Shot]:
    """Return pictures that change by two bits from one to the next, as a pan does."""
    rng = np.random.default_rng(3)
    bits = rng.permutation(64)
    shots, now = [], 0
    for k in range(n):
        shots.append(Shot(f"pan_{k:03}.jpg", phash=now, sharp=10 + 5 * float(rng.random())))
        for j in (2 * k % 64, (2 * k + 1) % 64):
            now ^= 1 << int(bits[j])
    return shots


def test_a_pan_does_not_chain_and_all_are_near_their_keeper() -> None:
    shelf = library(drift(32))
    groups = near_groups(shelf, 8)
    assert len(groups) > 2
    phash = {photo.path: int(shelf.prints.phash[i]) for i, photo in enumerate(shelf.photos)}
    for group in groups:
        assert group.chained
        for member in group.members[1:]:
            apart = (phash[member.path] ^ phash[group.keeper.path]).bit_count()
            assert apart == member.distance <= 8
        assert group.diameter is not None
        assert group.diameter <= 16


def test_the_order_of_the_photos_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    shots = [
        replace(shot, size_bytes=int(rng.integers(1, 9)) * 1_000_000, clipped=float(rng.random()),
                reference=bool(rng.random() < 0.1), raw=bool(rng.random() < 0.2))
        for shot in drift(60)
    ]  # fmt: skip
    first = near_groups(library(shots))
    for _ in range(4):
        mixed = [shots[k] for k in rng.permutation(len(shots))]
        assert near_groups(library(mixed)) == first


def test_the_sharper_one_stays_and_the_margin_is_told() -> None:
    shelf = library([Shot("IMG_1.jpg", sharp=12.0), Shot("IMG_2.jpg", sharp=20.0),
                     Shot("IMG_3.jpg", sharp=19.0)])  # fmt: skip
    (group,) = near_groups(shelf)
    assert verdicts(group) == {"IMG_2.jpg": "keep", "IMG_3.jpg": "tie", "IMG_1.jpg": "reject"}
    assert group.members[-1].facts["margin"] == pytest.approx(0.4)
    assert "sharper: 20.0 over 12.0, 40% > 15%" in reason(group, "IMG_1.jpg")
    assert "19.0 and 20.0, 5% <= 15%" in reason(group, "IMG_3.jpg")


def test_bytes_decide_between_copies_of_a_shot_and_not_between_shots() -> None:
    small = Shot("a/IMG_1.jpg", size_bytes=2_000_000, taken_s=100.5)
    copies = library([small, Shot("b/IMG_1.jpg", size_bytes=5_000_000, taken_s=100.5)])
    (group,) = near_groups(copies)
    assert group.members[1].verdict == "reject"
    assert "more bytes: 5,000,000 over 2,000,000" in group.members[1].reason
    shots = library([small, Shot("b/IMG_2.jpg", size_bytes=5_000_000, taken_s=101.5)])
    (group,) = near_groups(shots)
    assert group.members[1].verdict == "tie"


def test_an_edit_of_a_shot_is_left_to_a_person() -> None:
    shelf = library([Shot("IMG_1.jpg", sharp=15.0, taken_s=100.5),
                     Shot("IMG_1-sharpened.jpg", sharp=36.0, taken_s=100.5)])  # fmt: skip
    (group,) = near_groups(shelf)
    assert sorted(verdicts(group).values()) == ["keep", "tie"]
    assert "same shot" in group.members[1].reason


def test_the_rules_are_asked_in_order() -> None:
    shots = [
        Shot("plain.jpg", sharp=90.0),
        Shot("large.jpg", size_wh=(9000, 6000)),
        Shot("raw.jpg", raw=True, taken_s=100.5),
        Shot("starred.jpg"),
        Shot("picked.jpg"),
    ]
    shelf = library(shots)
    said = Said.nothing(5)
    said.stars[3], said.flag[4] = 2, 1
    (group,) = near_groups(shelf, said=said)
    assert [m.path.name for m in group.members] == [
        "picked.jpg", "starred.jpg", "raw.jpg", "large.jpg", "plain.jpg",
    ]  # fmt: skip
    shut = Said.nothing(2)
    shut.eyes[:] = 0.2, 0.9
    (group,) = near_groups(library([Shot("a.jpg", sharp=30.0), Shot("b.jpg")]), said=shut)
    assert group.keeper.path.name == "b.jpg"
    assert "open eyes: 0.90, not 0.20" in group.members[1].reason
    half = Said.nothing(2)
    half.eyes[:] = 0.49, 0.6
    (group,) = near_groups(library([Shot("a.jpg", sharp=30.0), Shot("b.jpg")]), said=half)
    assert group.members[1].verdict == "tie", "half shut and half open: nobody can tell"


def test_a_raw_file_does_not_outdo_a_shot_that_is_sharper_though_faces_are_alike() -> None:
    shots = [Shot("IMG_1.jpg", sharp=4.8, raw=True, taken_s=100.0),
             Shot("IMG_2.jpg", sharp=6.9, taken_s=100.2),
             Shot("IMG_3.jpg", sharp=4.8, taken_s=100.4)]  # fmt: skip
    said = Said.nothing(3)
    said.subject[:], said.face[:] = (6.6, 7.3, 6.6), (0.3, 0.3, 0.6, 0.6)
    (group,) = near_groups(library(shots), said=said)
    told = {m.path.name: (m.verdict, m.reason) for m in group.members}
    assert told["IMG_1.jpg"][0] == "keep"
    assert told["IMG_2.jpg"][0] == "tie" and "sharper as a whole" in told["IMG_2.jpg"][1]
    assert told["IMG_3.jpg"][0] == "reject"


def test_the_sharper_face_wins_where_it_is_the_same_face() -> None:
    shelf = library([Shot("a.jpg", sharp=30.0), Shot("b.jpg", sharp=20.0)])
    said = Said.nothing(2)
    said.subject[:] = 2.0, 6.0
    said.face[:] = [(0.4, 0.4, 0.5, 0.5), (0.45, 0.4, 0.55, 0.5)]
    (group,) = near_groups(shelf, said=said)
    assert group.keeper.path.name == "b.jpg"
    assert "sharper in the face: 6.0 over 2.0, 67% > 24%" in group.members[1].reason
    said.face[0] = (0.0, 0.0, 0.02, 0.02)  # somebody else, far away
    (group,) = near_groups(shelf, said=said)
    assert group.members[1].verdict == "tie"


def test_what_a_person_marked_is_not_touched() -> None:
    shelf = library([Shot("a.jpg", sharp=50.0), Shot("b.jpg", sharp=5.0), Shot("c.jpg", sharp=4.0),
                     Shot("d.jpg", sharp=49.0)])  # fmt: skip
    said = Said.nothing(4)
    said.flag[:] = 0, 1, 1, -1
    (group,) = near_groups(shelf, said=said)
    assert verdicts(group) == {"b.jpg": "keep", "c.jpg": "keep", "a.jpg": "reject",
                               "d.jpg": "reject"}  # fmt: skip
    assert reason(group, "d.jpg") == "rejected by hand"
    said.flag[:] = -1
    (group,) = near_groups(shelf, said=said)
    assert set(verdicts(group).values()) == {"reject"}


def test_references_stay_and_are_no_group_by_themselves() -> None:
    shelf = library([Shot("r1.jpg", reference=True, sharp=1.0), Shot("r2.jpg", reference=True),
                     Shot("mine.jpg", sharp=90.0)])  # fmt: skip
    (group,) = near_groups(shelf)
    assert group.keeper.facts["reference"]
    assert verdicts(group)["mine.jpg"] == "reject"
    assert "reference" in reason(group, "mine.jpg")
    two = [Shot("r1.jpg", reference=True), Shot("r2.jpg", reference=True)]
    assert not near_groups(library(two))


def test_a_few_of_a_group_can_stay() -> None:
    shelf = library([Shot(f"IMG_{k}.jpg", sharp=100.0 / 2**k) for k in range(5)])
    (group,) = near_groups(shelf, keep=3)
    assert [m.verdict for m in group.members] == ["keep"] * 3 + ["reject"] * 2
    assert group.members[1].reason == "number 2 of the 3 that stay"


def test_copies_are_exact_whatever_their_hash() -> None:
    shelf = library([
        Shot("black.jpg", flat=True, key="k"), Shot("black_2.jpg", flat=True, key="k", content="x"),
        Shot("white.jpg", flat=True), Shot("c.jpg", phash=255, key="z", content="y"),
        Shot("d.jpg", phash=255, key="z", content="y"),
    ])  # fmt: skip
    one, two = near_groups(shelf)
    assert verdicts(one) == {"black.jpg": "keep", "black_2.jpg": "reject"}
    assert (one.kind, two.kind) == ("exact", "exact")
    assert "other metadata" in one.members[1].reason
    assert "same bytes" in two.members[1].reason


def test_refused_pairs_are_no_group_until_a_third_one_is_like_both() -> None:
    shots = [Shot("a.jpg", phash=0, sharp=10), Shot("b.jpg", phash=0b111111, sharp=5)]
    refused = {("k-a.jpg", "k-b.jpg")}
    assert len(near_groups(library(shots))) == 1
    assert not near_groups(library(shots), refused=refused)
    new = Shot("new.jpg", phash=0b111, sharp=30)
    (group,) = near_groups(library([*shots, new]), refused=refused)
    assert verdicts(group) == {"new.jpg": "keep", "a.jpg": "tie", "b.jpg": "tie"}
    assert "asked again" in group.members[1].reason
    assert group.members[1].facts["asked_again"] == ["b.jpg"]


def test_bursts_are_split_by_what_they_show() -> None:
    shots = [Shot(f"IMG_{k}.jpg", taken_s=10 + k / 10, phash=0 if k < 3 else (1 << 60) - 1, sharp=k)
             for k in range(6)]  # fmt: skip
    shots.append(Shot("IMG_99.jpg", taken_s=500.0))
    shelf = library(shots)
    near = pairs.of_bursts(shelf, 2.0, 24, most_s=60, most=100)
    groups = formed(shelf, near, Judge(shelf, Said.nothing(7)), kind="burst")
    assert [[m.path.name for m in group.members] for group in groups] == [
        ["IMG_2.jpg", "IMG_1.jpg", "IMG_0.jpg"], ["IMG_5.jpg", "IMG_4.jpg", "IMG_3.jpg"],
    ]  # fmt: skip
    assert all(group.kind == "burst" for group in groups)


def test_a_rule_that_is_none_is_refused() -> None:
    assert ranking.checked(["size", "Sharpness"]) == ("marks", "size", "sharpness")
    with pytest.raises(ParamError, match="beauty"):
        ranking.checked(["beauty"])


def test_empty_and_lonely_libraries_have_no_groups() -> None:
    assert near_groups(library([])) == []
    assert near_groups(library([Shot("a.jpg")])) == []


def test_a_dense_set_gives_the_same_groups_without_holding_its_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    shots = [
        Shot(f"{k:04}.jpg", phash=7, sharp=50.0, key="copy") if k % 5 == 0 else
        Shot(f"{k:04}.jpg", phash=int(sum({1 << int(b) for b in rng.integers(0, 64, 5)})),
             sharp=float(rng.integers(5, 90)))
        for k in range(300)
    ]  # fmt: skip
    shelf = library(shots)
    all_pairs = near_groups(shelf)
    monkeypatch.setattr(pairs, "COPIES", 10)
    few_pairs = near_groups(shelf, most=50)

    def inside(groups: list[Group]) -> list[tuple[str, list[str]]]:
        return [(g.keeper.path.name, sorted(m.path.name for m in g.members)) for g in groups]

    assert inside(few_pairs) == inside(all_pairs)


def test_an_enlarged_copy_loses_against_what_it_was_made_of() -> None:
    shelf = library([Shot("small.jpg", size_wh=(2000, 1500)), Shot("large.jpg")])
    said = Said.nothing(2)
    assert near_groups(shelf, said=said)[0].keeper.path.name == "large.jpg"
    said.enlarged[1] = True
    (group,) = near_groups(shelf, said=said)
    assert group.keeper.path.name == "small.jpg"
    assert "the other is enlarged" in group.members[1].reason
