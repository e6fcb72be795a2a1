"""What is installed is pinned, agrees with pyproject.toml, and names no machine and no host."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")
RAY = "requirements-ray.txt"
READERS = "requirements-readers.txt"
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


@pytest.mark.parametrize("name", [*FILES, RAY, READERS])
def test_every_line_is_one_exact_public_version(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text and text != "-r requirements.txt":
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", text), line


def test_the_two_files_do_not_contradict() -> None:
    assert not pins(FILES[0]).keys() & pins(FILES[1]).keys()


def test_readers_are_what_the_development_environment_has_not() -> None:
    assert not pins(READERS).keys() & pins(*FILES).keys()


def test_ray_is_used_in_the_versions_it_is_tested_with() -> None:
    ray, dev = pins(RAY), pins(FILES[1])
    assert "ray" in ray and not ray.keys() & pins(FILES[0]).keys()
    assert {name: dev.get(name) for name in ray} == ray


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


def imported(files: Iterable[Path]) -> dict[str, str]:
    """Return module -> one file that imports it, without the standard library and ours."""
    ours = {"curation", "tests", "bench", "train"} | sys.stdlib_module_names
    found = {}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found.update({name.split(".")[0]: str(path) for name in names})
    return {name: path for name, path in found.items() if name not in ours}


@pytest.mark.parametrize(
    ("folders", "with_dev"), [(("curation", "."), False), (("tests", "bench", "train"), True)]
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], with_dev: bool) -> None:
    extras = PROJECT["optional-dependencies"]
    opt_in = [line for name, lines in extras.items() if name != "dev" for line in lines]
    lines = PROJECT["dependencies"] + opt_in + extras["dev"] * with_dev
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    declared |= pins(READERS).keys() if with_dev else set()
    # dlib-bin does not say that it carries dlib; imagededup and the readers need not be here.
    carriers = {
        "dlib": ["dlib-bin"], "imagededup": ["imagededup"], "fiftyone": ["fiftyone"],
        "pyexiv2": ["pyexiv2"], "libxmp": ["python-xmp-toolkit"], "common": ["naifu"],
        **packages_distributions(),
    }  # fmt: skip
    files = [
        path
        for folder in folders
        for path in (ROOT / folder).glob("*.py" if folder == "." else "**/*.py")
    ]
    for module, path in imported(files).items():
        packages = {canonicalize_name(name) for name in carriers.get(module, [])}
        assert packages & declared, f"{path} imports {module}, which pyproject.toml does not name"


def test_what_the_program_asks_for_is_used_by_the_program() -> None:
    words = set()
    for path in [*(ROOT / "curation").rglob("*.py"), *ROOT.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                words |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                words.add(node.module.split(".")[0])
            elif (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
                  and node.args):
                words |= {n.value.split(".")[0] for n in ast.walk(node.args[0])
                          if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    carried = packages_distributions()
    used = {canonicalize_name(name) for word in words for name in carried.get(word, [])}
    asked = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert asked - used == set()
