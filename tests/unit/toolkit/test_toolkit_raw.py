"""RAW files in the toolkit: read as any other picture; one beside its JPEG is not a second one."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.engine.reading import read
from curation.errors import ImageUnreadable
from curation.toolkit import facts, pixels
from curation.toolkit.index import measured
from curation.toolkit.workdir import WorkDir
from curation.web.toolkit_pictures import small
from tests.dng import dng
from tests.photos import photo
from tests.unit.pictures import scenery


def test_raw_is_listed_measured_and_made_into_other_formats(tmp_path: Path) -> None:
    raw = scenery(2, (320, 240))
    taken = "2024:05:01 10:00:02"
    photo(tmp_path / "a.jpg", 1, (320, 240), taken=taken)
    dng(tmp_path / "A.DNG", raw, preview_px=320, taken=taken)
    alone = dng(tmp_path / "b.dng", raw, preview_px=320, orientation=6)
    work = WorkDir(tmp_path)
    assert [pic.path.name for pic in work.pictures([tmp_path])] == ["a.jpg", "b.dng"]
    assert facts.size_wh(alone) == (240, 320)
    found = read(alone, measured, ("phash", "size"))
    assert not found.error and found.told["size"]["width"] == 240
    loaded = pixels.load(alone)
    assert loaded.image.size == (240, 320)
    assert pixels.name_of(alone) == "b.png"
    assert small(alone, 100)[:2] == b"\xff\xd8"
    (tmp_path / "c.raf").write_bytes(b"FUJIFILMCCD-RAW " + bytes(200))
    with pytest.raises(ImageUnreadable, match=r"c\.raf: .*RAW"):
        facts.size_wh(tmp_path / "c.raf")
