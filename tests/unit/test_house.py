"""The fences of docs/architecture.md, as tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bench.pages import put
from tests.rooms import FLOOR, PAGE, arrows, drawn, imports, room_of

ROOT = Path(__file__).parents[2]
SCRIPTS = ("01_extract.py", "02_sort.py", "03_score_and_rank.py", "app.py")
MODULES = sorted((ROOT / "curation").rglob("*.py"))
HEAVY = {
    "torch",
    "mediapipe",
    "ray",
    "ultralytics",
    "kornia",
    "gradio",
    "sklearn",
    "pandas",
    "decord",
    "timm",
    "transformers",
    "open_clip",
}


def test_the_numbered_scripts_only_define_or_call_main() -> None:
    for name in SCRIPTS:
        path = ROOT / name
        lines = path.read_text().splitlines()
        assert len(lines) <= 60, f"{name} has {len(lines)} lines"
        defined = [
            n.name
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.FunctionDef | ast.ClassDef)
        ]
        assert set(defined) <= {"main"}, f"{name} defines {defined}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_fits_its_room(path: Path) -> None:
    room = room_of(path)
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    found = imports(path)
    if room not in ("ui", "web"):
        assert not {name for name in found if name.split(".")[0] == "gradio"}
    assert not {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY - (
        {"gradio"} if room == "ui" else set()
    )
    if room != "store":
        for word in ("SELECT ", "INSERT INTO", "UPDATE frame", "DELETE FROM", "sqlite3.connect"):
            assert word not in text, f"{path} speaks SQL"


def test_arrows_go_down_or_stay_on_their_floor() -> None:
    found = arrows()
    assert found.keys() == FLOOR.keys(), "each room has its floor in tests/rooms.py"
    up = {(room, to) for room, there in found.items() for to in there if FLOOR[to] < FLOOR[room]}
    assert up == set()


def test_nothing_is_imported_relatively() -> None:
    for path in MODULES:  # such an import would be no arrow of the table
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level], path


def test_the_page_of_the_house_shows_the_rooms_as_they_are() -> None:
    text = PAGE.read_text()
    assert put(text, "rooms", drawn()) == text, "python -m tests.rooms writes the table anew"


def test_decide_needs_numpy_only() -> None:
    assert arrows()["decide"] == {"params"}
    for path in (ROOT / "curation" / "decide").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(path)} - {
            "numpy",
            "curation",
            "__future__",
        }
        assert outside <= set(sys.stdlib_module_names), f"{path}: {outside}"


@pytest.mark.parametrize("verb", ["01_extract.py", "02_sort.py", "03_score_and_rank.py"])
def test_help_is_light(verb: str) -> None:
    code = (
        f"import sys, runpy; sys.argv = [{verb!r}, '--help']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as e:\n    assert e.code in (0, None), e.code\n"
        f"heavy = {HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}\n"
        "heavy |= {'cv2', 'av', 'scipy'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-300:]


def test_nothing_committed_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    words = (
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry.npm" + "js",
        "/work" + "/",
        "/.libr" + "ary",
    )
    for name in listed:
        path = ROOT / name
        if path.suffix in {".png", ".jpg", ".jpeg", ".webp", ".mp4"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        assert not [word for word in words if word in text], name
