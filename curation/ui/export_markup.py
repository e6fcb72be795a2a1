"""HTML of the Export tab: what would be written, and what was."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from curation.export.lock import FILE as LOCK
from curation.ui import markup
from curation.ui.words import text
from curation.web.export_shelf import Shelved
from curation.words import count, size

FILES_SHOWN = 3
FOLDERS_SHOWN = 40
TEXTS_SHOWN = 4
LINES_SHOWN, LETTERS_SHOWN = 4, 240
LACKING_SHOWN = 12
REPLAY_OUT = "again"


def look(told: Mapping[str, Any]) -> str:
    """Return what an export would write: numbers, what is refused, people, tree, first rows."""
    pictures = told["pictures"]
    about = f", about {size(told['bytes'])}" if told["bytes"] else ""
    sides = "".join(
        f"<span class='chip'>{text(side)} {number:,}</span>"
        for side, number in told["splits"].items()
    )
    head = f"<p class='outcome'><b>{count(pictures, 'picture')}</b>{about} {sides}</p>"
    return (
        f"<div class='exported'>{head}{_refusals(told)}{_people(told['people'])}"
        f"<details open><summary>Tree</summary>{_tree(told)}</details>{_rows(told)}</div>"
    )


def _refusals(told: Mapping[str, Any]) -> str:
    parts = []
    if told["lacking"]:
        named = [f"{who} ({n:,})" for who, n in told["lacking"].items()]
        listed = ", ".join(named[:LACKING_SHOWN])
        more = len(named) - LACKING_SHOWN
        listed += f" and {more:,} more" if more > 0 else ""
        if told["refused"]:
            said = f"It would be refused: no consent is noted of {listed}."
            hint = "Note it under Review, People; or choose people who agreed."
        else:
            said = f"No consent is noted of {listed}."
            hint = "Require consent refuses such an export."
        parts.append(markup.notice(said, "bad" if told["refused"] else "soft", hint))
    if told["reasons"]:
        rows = "".join(
            f"<li>{text(reason)} <b>{number:,}</b></li>" for reason, number in told["reasons"]
        )
        parts.append(f"<div class='failures'><b>Left out</b><ul tabindex='0'>{rows}</ul></div>")
    parts += [markup.notice(note, "soft") for note in told["notes"]]
    return "".join(parts)


def _people(rows: Sequence[Mapping[str, Any]]) -> str:
    named = [row for row in rows if row["name"]]
    if not named:
        return ""
    chips = "".join(
        f"<span class='chip {'good' if row['note'] else 'soft'}' "
        f"title='{text(row['note'] or 'no consent note')}'>"
        f"{text(row['name'])} {row['frames']:,}</span>"
        for row in named
    )
    return f"<p class='people'>{chips}</p>"


def _tree(told: Mapping[str, Any]) -> str:
    """Return folders with their first files; texts of the set come last."""
    by_folder: dict[str, list[str]] = {}
    for path in told["tree"]:
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, []).append(name)
    lines = []
    for folder in sorted(set(by_folder) | set(told["folders"]))[:FOLDERS_SHOWN]:
        pictures = told["folders"].get(folder, 0)
        if folder:
            lines.append(f"{folder}/" + (f"  {count(pictures, 'picture')}" if pictures else ""))
        names = by_folder.get(folder, [])
        shown = names[:FILES_SHOWN] if pictures else names
        lines += [f"{'    ' if folder else ''}{name}" for name in shown]
        if pictures > len(shown):
            lines.append(f"{'    ' if folder else ''}... {pictures - len(shown):,} more")
    more = len(set(by_folder) | set(told["folders"])) - FOLDERS_SHOWN
    lines += [f"... {more:,} more folders"] if more > 0 else []
    return f"<pre class='log tree' tabindex='0'>{text(chr(10).join(lines))}</pre>"


def _rows(told: Mapping[str, Any]) -> str:
    """Return the first lines of the texts, each kind of ending once."""
    shown: dict[str, tuple[str, str]] = {}
    for file, data in told["rows"].items():
        ending = file.rpartition(".")[2] if file.endswith(".txt") else file
        shown.setdefault(ending, (file, data))
    parts = []
    for file, data in list(shown.values())[:TEXTS_SHOWN]:
        lines = [
            line if len(line) <= LETTERS_SHOWN else f"{line[:LETTERS_SHOWN]} ..."
            for line in data.splitlines()[:LINES_SHOWN]
        ]
        parts.append(
            f"<details><summary>{text(file)}</summary>"
            f"<pre class='log' tabindex='0'>{text(chr(10).join(lines))}</pre></details>"
        )
    return "".join(parts)


def shelf(found: Sequence[Shelved]) -> str:
    """Return the exports that are there, each with its zip, its lock, and how to make it again."""
    if not found:
        return markup.empty("No export yet", "What you export is listed here.")
    rows = "".join(_shelved(one) for one in found)
    return f"<ul class='shelf'>{rows}</ul>"


def _shelved(one: Shelved) -> str:
    facts = [
        one.format or "made by a command",
        count(one.pictures, "picture") if one.pictures is not None else "",
        time.strftime("%Y-%m-%d %H:%M", time.localtime(one.ended_s)) if one.ended_s else "",
    ]
    told = " · ".join(filter(None, facts))
    links = f"<a class='go' href='api/exports/{one.id}/zip' download>Download zip</a>"
    if one.is_zip:
        again = "<p class='dim'>Its lock is inside it.</p>"
    else:
        links += f"<a class='go' href='api/exports/{one.id}/lock' download>Lock</a>"
        again = (
            "<details><summary>Make it again from its videos</summary>"
            f"<pre class='log' tabindex='0'>{text(replay_command(one))}</pre></details>"
        )
    return (
        f"<li data-export='{one.id}'><b>{text(one.name)}</b><span class='dim'>{text(told)}</span>"
        f"<span class='dim path'>{text(one.path)}</span><span class='links'>{links}</span>"
        f"{again}</li>"
    )


def replay_command(one: Shelved) -> str:
    """Return what makes an export again."""
    words = ["python", "-m", "curation", "replay", str(one.path / LOCK)]
    return f"{shlex.join(words)} --videos FOLDER --out {REPLAY_OUT}"


def report_link(made_s: float | None) -> str:
    """Return the link to the report; "" while there is none."""
    if made_s is None:
        return ""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(made_s))
    return (
        "<p><a class='go' href='dataset-report' target='_blank' rel='noopener'>Open the report</a>"
        f" <span class='dim'>of {when}</span></p>"
    )
