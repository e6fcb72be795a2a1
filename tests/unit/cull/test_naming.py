"""Names by capture time."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.cull.library import Photo
from curation.cull.naming import PATTERN, Pattern, places
from curation.errors import InputError, ParamError
from curation.photos.capture import Capture

TAKEN_S = 1_714_557_602.25  # 2024-05-01 10:00:02.25
OUT = Path("/out")


def photo(name: str = "IMG_0042.JPG", taken_s: float | None = TAKEN_S, **told: str) -> Photo:
    path = Path("/photos/trip") / name
    shot = Capture(taken_s=taken_s, **told).at(path, 0)  # type: ignore[arg-type]
    return Photo(path, path.parent, (path,), "c", "k", "JPEG", 1, 0, 4, 3, shot)


def name(pattern: str, one: Photo) -> str:
    folder, stem = Pattern.of(pattern).place(one, OUT)
    return (folder / stem).relative_to(OUT).as_posix()


def test_fields() -> None:
    one = photo(make="NIKON CORPORATION", model="NIKON D850", lens="24-70 f/2.8")
    assert name(PATTERN, one) == "2024/05/01/20240501_100002_NIKON-D850"
    assert name("{make}/{model}/{lens}{ext}", one) == "NIKON-CORPORATION/NIKON-D850/24-70-f-2.8"
    assert name("{taken:%H.%M.%S}.{ms}{ext}", one) == "10.00.02.250"
    assert name("{folder}-{number:06d}-{name}{ext}", one) == "trip-000042-IMG_0042"
    assert name("{camera} x{ext}", photo(make="SONY", model="ILCE-7M3")) == "SONY-ILCE-7M3 x"


def test_what_is_not_known_leaves_no_gap() -> None:
    assert name(PATTERN, photo()) == "2024/05/01/20240501_100002"
    assert name("{camera}_{taken:%Y}_{lens}_x{ext}", photo()) == "2024_x"
    with pytest.raises(InputError, match="no name"):
        name("{camera}{ext}", photo())


def test_a_value_leads_nowhere() -> None:
    assert name("{taken:%Y}/{model}{ext}", photo(model="../../etc")) == "2024/-..-etc"
    with pytest.raises(InputError, match="no name"):
        name("{model}/{taken:%Y}{ext}", photo(model=".."))


@pytest.mark.parametrize("pattern", [
    "{taken:%Y}", "{nothing}{ext}", "{taken}{ext}", "{taken:%Y{ext}", "/x/{name}{ext}",
    "../{name}{ext}", "_review_dupes/{name}{ext}", "a\\{name}{ext}", "{name:>9}{ext}",
    "{ext}/{name}{ext}", ".hidden/{name}{ext}",
])  # fmt: skip
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(ParamError, match="pattern"):
        Pattern.of(pattern)


def test_equal_names_are_numbered_by_time_whatever_their_order() -> None:
    shots = [photo(f"{n}.jpg", TAKEN_S + n / 100) for n in (3, 1, 2)]
    wanted = [(one, (OUT, "x")) for one in shots]
    assert places(wanted, []) == [(OUT, "x-3"), (OUT, "x"), (OUT, "x-2")]
    assert places(wanted[::-1], []) == [(OUT, "x-2"), (OUT, "x"), (OUT, "x-3")]
    there = [(OUT, "X"), (OUT, "x-2")]
    assert places(wanted, there) == [(OUT, "x-5"), (OUT, "x-3"), (OUT, "x-4")]


def test_what_has_its_name_keeps_it() -> None:
    home = Path("/photos/trip")
    wanted = [(photo(n), (home, "x")) for n in ("x-2.jpg", "x-7.jpg", "new.jpg", "x-y.jpg")]
    assert [stem for _, stem in places(wanted, [])] == ["x-2", "x-7", "x", "x-3"]


def test_no_name_is_a_version_to_darktable() -> None:
    assert places([(photo(), (OUT, "20240501_100002"))], []) == [(OUT, "20240501-100002")]
    assert places([(photo(), (OUT, "IMG_0042"))], []) == [(OUT, "IMG_0042")]  # as the camera said
    both = [(photo(), (OUT, "IMG_0042")), (photo("IMG.JPG"), (OUT, "img"))]
    assert places(both, []) == [(OUT, "IMG-0042"), (OUT, "img")]
