"""The fences of docs/architecture.md, as tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

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
MAY_IMPORT = {
    "decide": {"decide", "params", "records"},
    "steps": {"steps", "params", "records", "errors", "weights", "decide"},
    "video": {"video", "places", "params", "records", "errors"},
    "places": {"places", "ingest", "sources", "errors"},  # of ingest: what a public address is
    "store": {"store", "params", "records", "errors", "steps"},
    "export": {
        "words",
        "export",
        "search",
        "store",
        "decide",
        "learn",
        "engine",
        "video",
        "photos",
        "cull",
        "toolkit",
        "weights",
        "sources",
        "recipes",
        "params",
        "records",
        "errors",
    },
    "engine": {
        "engine",
        "store",
        "steps",
        "video",
        "places",
        "params",
        "records",
        "errors",
        "weights",
        "registry",
        "photos",
    },
    "photos": {"photos", "video", "sources", "params", "records", "errors"},
    "cli": {
        "words",
        "cli",
        "export",
        "tune_params",
        "people_params",
        "studio",
        "cluster",
        "assets",
        "fetching",
        "samples",
        "params",
        "records",
        "errors",
        "recipes",
        "weights",
        "store",
        "engine",
        "toolkit",
        "cull",
        "search",
    },
    "search": {
        "search",
        "store",
        "decide",
        "learn",
        "engine",
        "steps",
        "photos",
        "toolkit",
        "registry",
        "params",
        "records",
        "errors",
    },
    "ingest": {
        "ingest",
        "places",
        "engine",
        "store",
        "video",
        "sources",
        "params",
        "records",
        "errors",
        "fetching",
    },
    "cull": {
        "cull",
        "toolkit",
        "store",
        "engine",
        "steps",
        "photos",
        "video",
        "decide",
        "export",
        "params",
        "records",
        "errors",
        "sources",
        "weights",
    },
    "toolkit": {
        "words",
        "toolkit",
        "store",
        "engine",
        "steps",
        "photos",
        "video",
        "decide",
        "export",
        "params",
        "records",
        "errors",
        "recipes",
        "registry",
        "sources",
        "weights",
        "fetching",
        "ingest",  # what a public address is
    },
}


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


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
    room = path.relative_to(ROOT / "curation").parts[0].removesuffix(".py")
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
    ours = {name.split(".")[1] for name in found if name.startswith("curation.")}
    if room in MAY_IMPORT:
        assert ours <= MAY_IMPORT[room], f"{path} imports {ours - MAY_IMPORT[room]}"


def test_decide_needs_numpy_and_pandas_only() -> None:
    for path in (ROOT / "curation" / "decide").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(path)} - {
            "numpy",
            "pandas",
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
