"""Marks of faces: kept until taken back, refused for frames that are not there, learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import StoreError
from curation.measures import gather
from curation.store.face_marks import FaceMarkTable
from curation.store.pictures import measures_revision
from curation.studio import Studio
from tests import videos


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    made = Studio(tmp_path / "datastore")
    for _ in made.extract([videos.clip("cfr25").path]):
        pass
    return made


def test_a_mark_stays_until_it_is_taken_back(studio: Studio) -> None:
    ids = [int(v) for v in gather(studio.catalogue).columns["frame_id"][:2]]
    before = measures_revision(studio.catalogue)
    studio.mark_faces(ids, True)
    studio.mark_faces(ids[1:], False)
    assert FaceMarkTable(studio.catalogue).all() == {ids[0]: True, ids[1]: False}
    marks = gather(studio.catalogue).columns["false_mark"][:2]
    assert marks.tolist() == [1.0, 0.0]
    assert measures_revision(studio.catalogue) != before
    studio.mark_faces(ids, None)
    assert FaceMarkTable(studio.catalogue).all() == {}
    assert measures_revision(studio.catalogue) == before


def test_a_frame_that_is_not_there_marks_nothing(studio: Studio) -> None:
    first = int(gather(studio.catalogue).columns["frame_id"][0])
    with pytest.raises(StoreError, match="no frame 999999"):
        studio.mark_faces([first, 999999], True)
    assert FaceMarkTable(studio.catalogue).all() == {}
