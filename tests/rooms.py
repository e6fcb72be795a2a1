"""The rooms of curation/ as they are: who imports whom, read from the source.

    python -m tests.rooms       writes the table of docs/architecture.md anew
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from bench.pages import rewrite

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FLOORS = (
    ("what people start", "__main__ cli web ui"),
    ("verbs", "studio studio_base studio_footage studio_learning studio_sets cluster dataset"
     " outputs"),
    ("work", "export cull toolkit learn search ingest measures recipes"),
    ("spread", "engine"),
    ("kept", "store"),
    ("pixels", "steps registry photos video places"),
    ("judgement", "decide"),
    ("shared", "params extract_params people_params tune_params tunables records errors sources"
     " public_only words temporary weights assets fetching samples"),
)
"""From the roof down. An arrow goes down or stays on its floor."""
FLOOR = {room: n for n, (_, rooms) in enumerate(FLOORS) for room in rooms.split()}


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Return what a file imports: modules, and names of modules."""
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


def room_of(path: Path) -> str:
    """Return the room of a file of curation/; a file beside the rooms is one of its own."""
    return path.relative_to(ROOT / "curation").parts[0].removesuffix(".py")


def arrows() -> dict[str, set[str]]:
    """Return room -> rooms that it imports; the package's own front is none."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "curation").rglob("*.py"):
        parts = (name.split(".") for name in imports(path))
        found[room_of(path)] |= {p[1] for p in parts if p[0] == "curation" and p[1:]}
    found.pop("__init__")
    return {room: there & found.keys() - {room} for room, there in found.items()}


def about(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    path = ROOT / "curation" / room
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
    return " ".join(said.split()).replace("|", "\\|")


def drawn() -> str:
    """Return the rooms as a table of Markdown, from the roof down."""
    lines = ["| floor | room | what it is | imports |", "| --- | --- | --- | --- |"]
    found = arrows()
    for floor, rooms in FLOORS:
        for room in rooms.split():
            name = f"`{room}/`" if (ROOT / "curation" / room).is_dir() else f"`{room}.py`"
            to = ", ".join(sorted(found[room], key=lambda other: (FLOOR[other], other)))
            lines.append(f"| {floor} | {name} | {about(room)} | {to} |")
    return "\n".join(lines)


if __name__ == "__main__":
    rewrite(PAGE, "rooms", drawn())
