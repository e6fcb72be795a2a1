"""The columns that conditions may name: what is measured, decided, marked and named."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.pools import POOLS
from curation.decide.reasons import REASONS
from curation.decide.where import Field, NoColumn, Tags, WhereError, Words, parse
from curation.errors import CurationError
from curation.store import review_table, search_reads
from curation.store.catalogue import Catalogue
from curation.store.marks import LABELS, MarkTable

Ids = npt.NDArray[np.int64]

VERDICTS = ("picked", "review", "rejected")
FLAGS = ("pick", "reject")
WORDS_OF: dict[str, tuple[str, ...]] = {
    "pool": (*POOLS, "undecided"), "verdict": (*VERDICTS, "undecided"),
    "reason": (*REASONS, "undecided"), "flag": FLAGS, "label": LABELS,
}
MOST_WORDS = 200
SORTED = "n_faces"
"""A measure that there is as soon as frames were sorted."""
MARKED = ("flag", "stars", "label", "note", "tags")
ABOUT = {
    "frame_id": "number of the frame",
    "video": "name of its video",
    "time_s": "where in the video, in seconds or as 1:30",
    "shot": "number of the shot in its video, from 0",
    "width": "of the picture, in px",
    "height": "of the picture, in px",
    "pool": "what the frame shows",
    "verdict": "what was decided",
    "reason": "why it was decided",
    "score": "0 to 1; unknown outside the pools",
    "rank": "1 is the best of its pool; unknown for what is not picked",
    "person": "who it is: a name, or a number",
    "flag": "what somebody marked: pick or reject",
    "stars": "what somebody gave, 1 to 5; 0 is none",
    "label": "colour that somebody gave",
    "note": "what somebody wrote",
    "tags": "what somebody called it; a frame may have several",
}


class Fields(Mapping[str, Field]):
    """Columns by name over the frames that can be shown; each is read when it is first named.

    What decided (the parts of the score) stands before a measure of the same name, as in the
    review workspace.
    """

    def __init__(self, catalogue: Catalogue, frame_id: Ids | None = None) -> None:
        """Look up which columns there are.

        Args:
            frame_id: the rows; None means all frames that can be shown.
        """
        self.catalogue = catalogue
        self._rows = frame_id
        self._numbers = review_table.measure_names(catalogue)
        self._texts = search_reads.text_names(catalogue)
        self._made: dict[str, Field] = {}
        names = [*ABOUT, *sorted(self._numbers), *sorted(self._texts)]
        self._names = dict.fromkeys(names)

    @property
    def frame_id(self) -> Ids:
        """Return (n,) the rows, by video and time."""
        if self._rows is None:
            self._rows = review_table.row_ids(self.catalogue)
        return self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Field:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._make(name)
        return self._made[name]

    def mask(self, text: str) -> npt.NDArray[np.bool_]:
        """Return (n,) bool: the rows for which a typed condition is true; all for "".

        Raises:
            CurationError: it is none, or names what there is not.
        """
        if not text.strip():
            return np.ones(len(self.frame_id), np.bool_)
        try:
            return parse(text).mask(self, len(self.frame_id))
        except WhereError as error:
            raise self._refused(f"--where: {error.message}", error) from error

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """Return (n,) of a column that holds numbers, by its name without the unit as well.

        Raises:
            CurationError: there is none, or it holds texts.
        """
        from curation.decide.where import resolve

        try:
            found = self[resolve(name, self)]
        except WhereError as error:
            raise self._refused(error.message, error) from error
        if isinstance(found, Words | Tags):
            raise CurationError(f"{name} holds texts, not numbers", "name a measure, as focus")
        return found.astype(np.float64)

    def _refused(self, message: str, error: WhereError) -> CurationError:
        """Return what to say of a condition; a measure that is not there yet is made by sorting."""
        if isinstance(error, NoColumn) and SORTED not in self._names:
            root, command = self.catalogue.root, self.catalogue.command
            if not len(self.frame_id):
                return CurationError(f"{message}: {root} holds no frames yet",
                                     command("python 01_extract.py VIDEO"))  # fmt: skip
            return CurationError(f"{message}: no frame of {root} is measured yet",
                                 command("python 02_sort.py"))  # fmt: skip
        return CurationError(message, error.hint)

    def about(self, name: str) -> dict[str, Any]:
        """Return what a column is: name, kind (number, text or tags), about, words; no row is read.
        """
        words: list[str] = []
        kind = "number"
        if name in WORDS_OF:
            kind, words = "text", list(WORDS_OF[name])
        elif name == "video":
            kind, words = "text", [one["name"] for one in search_reads.video_facts(self.catalogue)]
        elif name == "person":
            kind, words = "text", _names(self.catalogue)
        elif name == "tags":
            kind, words = "tags", list(MarkTable(self.catalogue).tags())
        elif name == "note" or (name in self._texts and name not in self._numbers):
            kind = "text"
            if name != "note":
                words = search_reads.words(self.catalogue, name, self._texts[name])
        source = self._numbers.get(name) or self._texts.get(name, "")
        said = ABOUT.get(name) or ("part of the decision" if source == "parts" else source)
        return {"name": name, "kind": kind, "about": said, "words": words[:MOST_WORDS]}

    # -- reading --------------------------------------------------------------------------------

    def _make(self, name: str) -> None:
        made = self._made
        if name in ("video", "time_s", "shot", "width", "height", "frame_id"):
            frames = review_table.frames(self.catalogue)
            at = review_table.rows_of(frames.frame_id, self.frame_id)
            for each in ("time_s", "shot", "width", "height"):
                values = frames.columns[each][at].astype(np.float64)
                made[each] = np.where(values < 0, np.nan, values) if each == "shot" else values
            # Float32 is near enough for a page, not for 1:30.
            made["time_s"] = np.round(np.asarray(made["time_s"]), 4)
            names = tuple(video["name"] for video in frames.videos)
            made["video"] = Words(frames.columns["video"][at].astype(np.int64), names, True)
            made["frame_id"] = self.frame_id.astype(np.float64)
        elif name in ("pool", "verdict", "reason", "score", "rank", "person"):
            self._decided()
        elif name in MARKED:
            self._marked()
        elif name in self._texts and name not in self._numbers:
            made[name] = Words(
                *search_reads.texts(self.catalogue, name, self._texts[name], self.frame_id)
            )
        else:
            made[name] = review_table.measure(
                self.catalogue, name, self._numbers[name], self.frame_id, np.float64
            )

    def _decided(self) -> None:
        found = review_table.decided(
            self.catalogue, self.frame_id, POOLS, VERDICTS, tuple(REASONS)
        )
        for name, words in (
            ("pool", found.pools), ("verdict", found.verdicts), ("reason", found.reasons)
        ):
            self._made[name] = Words(found.columns[name].astype(np.int64), tuple(words), True)
        self._made["score"] = np.round(found.columns["score"].astype(np.float64), 6)
        rank = found.columns["rank"].astype(np.float64)
        self._made["rank"] = np.where(rank > 0, rank, np.nan)
        self._made["person"] = _people(self.catalogue, self.frame_id, found.columns["person"])

    def _marked(self) -> None:
        marks = MarkTable(self.catalogue)
        found = marks.columns(self.frame_id)
        self._made["stars"] = found["stars"]
        self._made["label"] = Words(found["label"].astype(np.int64) - 1, LABELS, True)
        flag = found["flag"].astype(np.int64)
        self._made["flag"] = Words(np.select([flag > 0, flag < 0], [0, 1], -1), FLAGS, True)
        self._made["note"] = Words(*search_reads.notes(self.catalogue, self.frame_id))
        rows = {}
        for tag in marks.tags():
            at = review_table.rows_of(self.frame_id, marks.tagged(tag))
            rows[tag] = at[at >= 0].astype(np.int64)
        self._made["tags"] = Tags(len(self.frame_id), rows)


def _people(catalogue: Catalogue, frame_id: Ids, number: npt.NDArray[np.int32]) -> Words:
    """Return who each frame shows: the name that people gave, else the person's number.

    A number has the name that was given to most of its frames; what was said of a single frame
    counts before the number that it was given.
    """
    from curation.learn.people_said import current

    said = current(catalogue)
    words: dict[str, int] = {}
    rows = review_table.rows_of(frame_id, np.array(list(said.shown), np.int64)).tolist()
    told = [
        (row, said.persons[person].name)
        for row, person in zip(rows, said.shown.values(), strict=True)
        if row >= 0 and said.persons[person].name
    ]
    votes: dict[int, Counter[str]] = {}
    for row, name in told:
        votes.setdefault(int(number[row]), Counter())[name] += 1
    codes = np.full(len(frame_id), -1, np.int64)
    for one in np.unique(number[number >= 0]).tolist():
        name = votes[one].most_common(1)[0][0] if one in votes else str(one)
        codes[number == one] = words.setdefault(name, len(words))
    for row, name in told:
        codes[row] = words.setdefault(name, len(words))
    return Words(codes, tuple(words))


def _names(catalogue: Catalogue) -> list[str]:
    """Return the names that people gave, then the numbers of everybody who was decided to be."""
    from curation.learn.people_said import current

    named = sorted(p.name for p in current(catalogue).persons.values() if p.name)
    return [*named, *map(str, search_reads.persons(catalogue))]


_kept = threading.local()


def fields_of(catalogue: Catalogue) -> Fields:
    """Return the columns of this moment: those that were read before, as long as nobody wrote."""
    now = review_table.changes(catalogue)
    # These numbers mean something to one connection only; it is kept, so that no other is it.
    if getattr(_kept, "db", None) is not catalogue.db or _kept.now != now:
        _kept.fields, _kept.now, _kept.db = Fields(catalogue), now, catalogue.db
    found: Fields = _kept.fields
    return found


def frames_where(catalogue: Catalogue, text: str) -> Ids:
    """Return the ids of the frames for which a typed condition is true, by video and time.

    Raises:
        CurationError: it is none, or names what there is not.
    """
    fields = fields_of(catalogue)
    return np.asarray(fields.frame_id[fields.mask(text)], np.int64)
