"""What follows from what people say: the latest word counts, an undone one leaves no trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.learn.people_said import Said, holds
from curation.store.people import Saying


def say(id_: int, kind: str, shown: tuple[int, ...] = (), apart: tuple[int, ...] = (),
        **value: Any) -> Saying:
    if "whose" in value:  # "from" is a word of Python's
        value["from"] = value.pop("whose")
    ids = [np.array(frames, np.int64) for frames in (shown, apart)]
    return Saying(kind, value, ids[0], ids[1], id_)


def name(id_: int, text: str, *shown: int, person: int | None = None) -> Saying:
    return say(id_, "name", shown, person=person, name=text)


def names(said: Said) -> dict[int, str]:
    return {frame: said.persons[person].name for frame, person in said.shown.items()}


def test_a_name_hangs_on_frames() -> None:
    said = holds([name(1, "Anna", 10, 11), name(2, "Ben", 20)])
    assert names(said) == {10: "Anna", 11: "Anna", 20: "Ben"}
    assert said.named(" aNNa ") is said.persons[1]
    assert said.named("") is None


def test_the_latest_word_on_a_frame_counts() -> None:
    said = holds([name(1, "Anna", 10, 11), name(2, "Ben", 11)])
    assert names(said) == {10: "Anna", 11: "Ben"}
    assert names(holds([name(1, "Anna", 10), name(2, "Anne", person=1)])) == {10: "Anne"}


def test_merging_keeps_the_first_name_and_a_note() -> None:
    before = [name(1, "Anna", 10), name(2, "Ben", 20), say(3, "consent", person=2, note="signed")]
    said = holds([*before, say(4, "merge", into=1, whose=2)])
    assert names(said) == {10: "Anna", 20: "Anna"}
    assert said.persons.keys() == {1} and said.persons[1].note == "signed"
    assert said.persons[1].once == [2]
    # Words about who is merged are about whom they became.
    later = holds([*before, say(4, "merge", into=1, whose=2), name(5, "Bo", 30, person=2)])
    assert names(later) == {10: "Bo", 20: "Bo", 30: "Bo"}


def test_merging_people_without_a_name_makes_one() -> None:
    said = holds([say(1, "merge", (10, 20), into=None, whose=None)])
    assert said.shown == {10: 1, 20: 1} and said.persons[1].name == ""


def test_not_them_and_them_after_all() -> None:
    before = [name(1, "Anna", 10, 11), say(2, "not", apart=(10, 12), person=1)]
    said = holds(before)
    assert names(said) == {11: "Anna"} and said.apart == {10: {1}, 12: {1}}
    after = holds([*before, name(3, "Anna", 10, person=1)])
    assert names(after) == {10: "Anna", 11: "Anna"} and after.apart == {10: set(), 12: {1}}


def test_a_split_ends_the_words_that_spoke_for_its_track() -> None:
    said = holds([say(1, "name", (10, 20), person=None, name="Anna", placed=True),
                  say(2, "split", (11,), (10,))])
    assert said.shown == {20: 1, 11: 2} and said.placed == {20}


def test_an_undone_saying_leaves_no_trace() -> None:
    kept = [name(1, "Anna", 10), name(3, "Ben", 20)]
    merged = say(4, "merge", into=1, whose=3)
    assert holds([*kept, merged]).persons.keys() == {1}
    assert holds(kept) == holds([kept[0], kept[1]])


def test_words_about_somebody_whose_first_word_is_undone_do_no_harm() -> None:
    said = holds([say(7, "consent", person=3, note="signed"), say(8, "not", apart=(1,), person=3)])
    assert said.shown == {} and said.persons[3].note == "signed"
    assert holds([]) == Said()
