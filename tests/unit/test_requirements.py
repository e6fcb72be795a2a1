"""What is installed is pinned, agrees with pyproject.toml, and names no machine and no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(*names: str) -> dict[str, str]:
    """Return package -> version of requirements files."""
    found = {}
    for name in names:
        for line in (ROOT / name).read_text().splitlines():
            text = line.split("#")[0].strip()
            if text and not text.startswith("-r "):
                package, _, version = text.partition("==")
                found[canonicalize_name(package)] = version
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_one_exact_public_version(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text and text != "-r requirements.txt":
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", text), line


def test_the_two_files_do_not_contradict() -> None:
    assert not pins(FILES[0]).keys() & pins(FILES[1]).keys()


def test_each_declared_package_is_pinned_within_its_range() -> None:
    declared = {
        FILES[:1]: PROJECT["dependencies"],
        FILES: PROJECT["optional-dependencies"]["dev"],
    }
    for files, lines in declared.items():
        pinned = pins(*files)
        for line in lines:
            wanted = Requirement(line)
            version = pinned[canonicalize_name(wanted.name)]
            assert Version(version) in wanted.specifier, line


def test_the_two_opencv_wheels_that_share_a_folder_are_one_version() -> None:
    pinned = pins(FILES[0])
    assert pinned["opencv-python"] == pinned["opencv-contrib-python"]


def test_mediapipe_is_the_one_that_does_not_phone_home() -> None:
    assert Version(pins(FILES[0])["mediapipe"]) < Version("0.10.35")
