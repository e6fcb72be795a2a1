"""What a person said is on the disk when the page is told so: a power cut takes none of it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curation.store.catalogue import Catalogue
from curation.store.crops import CropRow, CropTable
from curation.store.cull import CullTable
from curation.store.face_marks import FaceMarkTable
from curation.store.mark_ops import MarkOps, Op
from curation.store.people import PeopleTable, Saying
from curation.store.saved_views import SavedViewTable
from curation.studio import Studio
from tests import videos

ONE = np.array([1], np.int64)
WORDS: dict[str, Callable[[Catalogue], object]] = {
    "a mark": lambda catalogue: MarkOps(catalogue).apply("a", "a", [Op("a", "stars", 3, ONE)]),
    "who is who": lambda catalogue: PeopleTable(catalogue).say(
        Saying("name", {"name": "Anna"}, ONE)
    ),
    "a false face": lambda catalogue: FaceMarkTable(catalogue).put([1], True),
    "no duplicates": lambda catalogue: CullTable(catalogue).refuse([("a", "b")]),
    "a crop": lambda catalogue: CropTable(catalogue).say(CropRow("a:0", "1:1", (0, 0, 8, 8))),
    "no crop": lambda catalogue: CropTable(catalogue).forget("a:0", "1:1"),
    "a view": lambda catalogue: SavedViewTable(catalogue).put("mine", {"where": "focus > 0"}),
    "no view": lambda catalogue: SavedViewTable(catalogue).delete("mine"),
}


@pytest.mark.parametrize("said", WORDS)
def test_what_a_person_said_is_flushed_to_the_disk(said: str, tmp_path: Path) -> None:
    with Studio(tmp_path / "datastore") as studio:
        for _ in studio.extract([videos.clip("cfr25").path]):
            pass
        ran: list[str] = []
        studio.catalogue.db.set_trace_callback(ran.append)
        WORDS[said](studio.catalogue)
        studio.catalogue.db.set_trace_callback(None)
    how = [line for line in ran if line.startswith(("PRAGMA synchronous", "COMMIT"))]
    assert how == ["PRAGMA synchronous = FULL", "COMMIT", "PRAGMA synchronous = NORMAL"]
