"""When a picture was taken, the sequence in its name, and which files are one photo."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from curation.photos import capture, twins
from curation.photos.capture import Capture


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


def test_offset_and_fraction_are_followed() -> None:
    found = capture.of_tags(
        {
            0x9003: "2024:05:01 10:00:01\0",
            0x9291: b"25\0",
            0x9011: "+02:00",
            0x010F: " Canon \0",
            0xA431: 4711,
            0xA434: "EF 50mm",
        }
    )
    assert found.taken_s == pytest.approx(at(2024, 5, 1, 8, 0, 1) + 0.25)
    assert found.clock_s == pytest.approx(at(2024, 5, 1, 10, 0, 1) + 0.25)
    assert (found.utc, found.subsec, found.offset_min) == (True, True, 120)
    assert found.camera == ("Canon", "", "4711", "EF 50mm")
    west = capture.of_tags({0x9003: "2024:05:01 10:00:01", 0x9011: "-03:30"})
    assert west.taken_s == at(2024, 5, 1, 13, 30, 1)
    plain = capture.of_tags({0x9003: "2024:05:01 10:00:01", 0x9011: "  :  "})
    assert not plain.utc and plain.taken_s == at(2024, 5, 1, 10, 0, 1)


@pytest.mark.parametrize("said", ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "x", None, 7])
def test_no_time_falls_back_on_name_and_file(said: object) -> None:
    found = capture.of_tags({0x9003: said})
    assert found.taken_s is None
    assert found.at(Path("IMG_1.jpg"), 5_500_000_000).taken_s == 5.5
    assert found.at(Path("IMG_1.jpg"), 5).source == "mtime"
    named = found.at(Path("PXL_20240131_154500123.jpg"), 5)
    assert named.source == "name" and named.subsec
    assert named.taken_s == pytest.approx(at(2024, 1, 31, 15, 45, 0) + 0.123)
    other = capture.of_tags({0x9003: said, 0x0132: "2024:05:01 10:00:01"})
    assert other.taken_s == at(2024, 5, 1, 10, 0, 1), "the next best of its times"


@pytest.mark.parametrize(
    ("stem", "prefix", "number"),
    [
        ("IMG_0042", "IMG_", 42),
        ("DSC7 (2)", "DSC", 7),
        ("DSC01234 - Copy", "DSC", 1234),
        ("_MG_12-edit", "_MG_", 12),
        ("holiday", "holiday", None),
        ("2024", "", 2024),
        ("", "", None),
    ],
)
def test_sequences(stem: str, prefix: str, number: int | None) -> None:
    assert capture.sequence(stem) == (prefix, number)


@pytest.mark.parametrize(
    ("stem", "wanted"),
    [
        ("IMG_20240131_154500", (2024, 1, 31, 15, 45, 0)),
        ("2024-01-31 15.45.00", (2024, 1, 31, 15, 45, 0)),
        ("Screenshot_2024-01-31-15-45-00", (2024, 1, 31, 15, 45, 0)),
        ("signal-2024-01-31T15:45:00", (2024, 1, 31, 15, 45, 0)),
        ("IMG-20240131-WA0001", None),
        ("20240230_154500", None),
        ("12345678901234567890", None),
        ("frame_000123", None),
    ],
)
def test_times_in_names(stem: str, wanted: tuple[int, ...] | None) -> None:
    found = capture.stamp(stem)
    assert (found and found[0]) == (wanted and at(*wanted))


def test_what_is_stored_comes_back() -> None:
    told = Capture(12.5, True, True, "a", "b", "c", "d", offset_min=-90)
    assert capture.stored(told.as_dict()) == told
    assert capture.stored(Capture().as_dict()) == Capture()


def joined(times: dict[str, float | None], moving: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = None
    for order in itertools.permutations(times):
        photos = twins.one_photo(
            [Path("/a") / name for name in order],
            [Path("/a") / name for name in moving],
            lambda path: times[path.name],
        )
        made = [tuple(path.name for path in files) for files in photos]
        assert found in (None, made), "whatever the order"
        found = made
    return found or []


def test_which_files_are_one_photo() -> None:
    assert joined({"a.jpg": 1.0, "A.NEF": 2.5, "b.jpg": 1.0}) == [("a.jpg", "A.NEF"), ("b.jpg",)]
    assert joined({"a.jpg": 1.0, "a.nef": 9.0}) == [("a.jpg",), ("a.nef",)]
    assert joined({"a.jpg": None, "a.nef": 9.0}) == [("a.jpg", "a.nef")]
    assert joined({"a.HEIC": 1.0, "a.JPG": 1.0, "a.dng": 1.0}, ("A.mov",)) == [
        ("a.JPG", "a.HEIC", "a.dng", "A.mov")
    ]
    assert joined({"a.jpg": 1.0, "a.jpeg": 1.0, "a.cr2": 1.0}) == [("a.jpeg", "a.cr2"), ("a.jpg",)]
    assert joined({"a.jpg": 1.0, "a.png": 1.0}) == [("a.jpg",), ("a.png",)]
    assert joined({"a.tif": 1.0, "a.nef": 1.0}) == [("a.nef",), ("a.tif",)], "an export is its own"
    assert joined({"a.nef": 1.0}, ("a.mov",)) == [("a.nef",)]


def test_folders_do_not_mix() -> None:
    paths = [Path("/a/x.jpg"), Path("/b/x.nef")]
    assert twins.one_photo(paths, [], lambda path: 1.0) == [(paths[0],), (paths[1],)]
