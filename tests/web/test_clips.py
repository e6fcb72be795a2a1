"""The seconds around a frame: a stranger's video, read in a child and within limits."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from curation.engine.limits import FILE_BYTES, OverLimit
from curation.store.catalogue import Catalogue
from curation.studio import Studio
from curation.web import clips, helper
from curation.web.helper import Clip


@pytest.fixture
def frame_id(filled: Path) -> int:
    studio = Studio(filled)
    found = next(iter(studio.videos.frames())).id
    studio.close()
    return int(found)


def test_a_clip_has_a_bounded_memory(
    filled: Path, frame_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    monkeypatch.setattr(clips, "encode", lambda *_: bytearray(64 << 30))
    with pytest.raises(OverLimit, match="MB of memory"):
        clips.cut(Catalogue(filled), Clip(frame_id))
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_clip_has_a_bounded_size(
    filled: Path, frame_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_: Any, __: Any, path: Path) -> None:
        with path.open("wb") as file:
            os.ftruncate(file.fileno(), FILE_BYTES + 1)

    monkeypatch.setattr(clips, "encode", endless)
    with pytest.raises(OSError, match="too large"):
        clips.cut(Catalogue(filled), Clip(frame_id))
    assert list(clips.clips_folder(filled).iterdir()) == []


def test_a_clip_has_a_bounded_time() -> None:
    assert helper._seconds(Clip(1)) <= 300
