"""Groups as files: JSON for programs, CSV for people; both say all there is to know."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.errors import InputError
from curation.export.tables import safe_cell
from curation.store.cull import Group, Member

SCHEMA = "curation.groups/1"
"""What `schema` of groups.json says. It grows by keys; the number changes when one goes."""
JSON_NAME, CSV_NAME = "groups.json", "groups.csv"
COLUMNS = (
    "group", "kind", "rank", "verdict", "path", "keeper", "distance", "margin", "rule", "reason",
    "sharpness", "face_sharpness", "eyes", "clipped", "width", "height", "size_bytes", "taken_s",
    "taken", "stars", "edited", "flag", "reference", "diameter", "chained", "dense", "content",
    "key",
)  # fmt: skip


def as_dict(
    groups: Sequence[Group], root: Path, *, mode: str, params: Mapping[str, Any],
    folders: Sequence[str], failed: Mapping[Path, str], photos: int,
) -> dict[str, Any]:
    """Return what groups.json holds: paths relative to `root` when inside it."""
    return {
        "schema": SCHEMA,
        "root": str(root),
        "mode": mode,
        "params": dict(params),
        "folders": list(folders),
        "photos": photos,
        "groups": [
            {
                "group": number,
                "kind": group.kind,
                "diameter": group.diameter,
                "chained": group.chained,
                "dense": group.dense,
                "members": [
                    {
                        "path": shown(member.path, root),
                        "verdict": member.verdict,
                        "distance": member.distance,
                        "reason": member.reason,
                        "content": member.content,
                        "key": member.key,
                        "facts": member.facts,
                    }
                    for member in group.members
                ],
            }
            for number, group in enumerate(groups)
        ],
        "failed": {shown(path, root): why for path, why in sorted(failed.items())},
    }


def as_csv(groups: Sequence[Group], root: Path) -> str:
    """Return groups as a table with a header, a row a picture.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for number, group in enumerate(groups):
        keeper = shown(group.keeper.path, root)
        for rank, member in enumerate(group.members):
            row = _row(number, rank, group, member, keeper, root)
            table.writerow([safe_cell(cell) for cell in row])
    return text.getvalue()


def write(
    folder: Path, told: Mapping[str, Any], groups: Sequence[Group], root: Path
) -> list[Path]:
    """Write both files, each whole or not at all; return their paths.

    Raises:
        InputError: when the folder cannot be written to.
    """
    body = json.dumps(told, indent=1, sort_keys=True, allow_nan=False) + "\n"
    # A name need not be text; a table that is none is opened by nothing. The JSON has its bytes.
    table = as_csv(groups, root).encode(errors="backslashreplace")
    made = {JSON_NAME: body.encode(), CSV_NAME: table}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            part = folder / f".{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)
    except OSError as error:
        raise InputError(
            f"the reports cannot be written to {folder}: {error.strerror}",
            "name another folder with --report DIR",
        ) from error
    return [folder / name for name in made]


def shown(path: Path, root: Path) -> str:
    """Return a path as reports have it: with slashes, relative when inside the root."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _row(
    number: int, rank: int, group: Group, member: Member, keeper: str, root: Path
) -> list[Any]:
    facts = member.facts
    known = {
        **{name: facts.get(name) for name in COLUMNS},
        "group": number,
        "kind": group.kind,
        "rank": rank,
        "verdict": member.verdict,
        "path": shown(member.path, root),
        "keeper": keeper,
        "distance": member.distance,
        "reason": member.reason,
        "diameter": group.diameter,
        "chained": int(group.chained),
        "dense": int(group.dense),
        "content": member.content,
        "key": member.key,
    }
    return ["" if known[name] is None else known[name] for name in COLUMNS]
