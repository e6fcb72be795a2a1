"""HTML of the Toolkit tab: what a verb would change or has changed, and what can be taken back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from curation.store.jobs import Job
from curation.ui.toolkit_words import TITLES, WORDS_OF
from curation.ui.words import text
from curation.web.toolkit_changes import Item, Page, is_dry
from curation.words import count

OWN = frozenset(
    "verb dry_run in would done skipped run runs failed_items lines steps totals".split()
)
"""Keys of a summary that are told elsewhere."""
MOST_ROWS = 12
NO_PICTURE = "<span class='nothing'>no picture</span>"


def facts(summary: Mapping[str, Any]) -> str:
    """Return the numbers of a summary: those of its own as chips, tables folded open below."""
    chips, tables = [], []
    for key, value in summary.items():
        name = text(key.replace("_", " "))
        if key in OWN or isinstance(value, list | tuple) or value in (None, "", {}):
            continue
        if isinstance(value, Mapping):
            rows = "".join(
                f"<tr><td>{text(inner)}</td><td class='n'>{text(_said(number))}</td></tr>"
                for inner, number in list(value.items())[:MOST_ROWS]
            )
            tables.append(f"<table><caption>{name}</caption>{rows}</table>")
        else:
            chips.append(f"<span class='chip'>{name} <b>{text(_said(value))}</b></span>")
    lines = "".join(f"<li>{text(line)}</li>" for line in summary.get("lines", ())[:MOST_ROWS])
    return (
        (f"<div class='facts'>{''.join(chips)}</div>" if chips else "")
        + (f"<ul class='lines'>{lines}</ul>" if lines else "")
        + (f"<div class='tables'>{''.join(tables)}</div>" if tables else "")
    )


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def title(job: Job | None, page: Page, undone: bool) -> str:
    """Return the heading over the changes of a job."""
    if job is None or job.summary is None:
        return "<h2>Before and after</h2>"
    total = count(page.total, "change")
    if is_dry(job):
        said = f"What would happen: {total}" if page.total else "Nothing would change"
    elif undone:
        said = "Taken back"
    else:
        said = f"What happened: {total}" if page.total else "Nothing was changed"
    return f"<h2>{text(said)}</h2>{facts(job.summary)}"


def empty_changes(job: Job | None) -> str:
    """Return what stands where there is no change to show."""
    if job is None:
        told = "Choose folders and settings, then see what would happen. Nothing is changed by it."
        return f"<div class='empty'><b>Nothing to show yet</b><span>{told}</span></div>"
    return ""


def changes(job: Job, page: Page) -> str:
    """Return items as cards, each with its pictures before and after."""
    cards = "".join(_card(job, item) for item in page.items)
    left = page.total - page.showable
    more = (
        f"<p class='dim'>{left:,} more are like these; a dry run shows the first "
        f"{page.showable:,}.</p>"
        if left > 0 and page.first + len(page.items) >= page.showable
        else ""
    )
    return f"<div class='changes'>{cards}</div>{more}"


def _card(job: Job, item: Item) -> str:
    both = item.before is not None and item.after is not None
    pictures = "".join(
        _picture(job, item, side)
        for side in ("before", "after")
        if getattr(item, side) is not None
    )
    arrow = "<span class='to' aria-hidden='true'>→</span>" if item.src and item.dst else ""
    names = f"<span>{text(item.src)}</span>{arrow}<span>{text(item.dst)}</span>"
    # A decision's reason stands above already.
    told = [line for line in item.edits if not (item.reason and line.startswith("decisions."))]
    edits = "".join(f"<li>{text(line)}</li>" for line in told)
    return (
        f"<figure data-n='{item.n}'>"
        f"<div class='pair {'two' if both else 'one'}'>"
        f"{pictures or NO_PICTURE}</div>"
        f"<figcaption><div class='line'><b class='do {text(item.do)}'>"
        f"{text(WORDS_OF.get(item.do, item.do))}</b><span class='dim'>{text(item.facts)}</span>"
        f"</div><div class='names'>{names}</div>"
        + (f"<div class='why'>{text(item.reason)}</div>" if item.reason else "")
        + (f"<div class='fails'>{text(item.fails)}</div>" if item.fails else "")
        + (f"<ul>{edits}</ul>" if edits else "")
        + "</figcaption></figure>"
    )


def _picture(job: Job, item: Item, side: str) -> str:
    name = text(f"{side}: {(item.src if side == 'before' else item.dst) or item.src}")
    address = f"toolkit/{job.id}/{item.n}/{side}"
    return (
        f"<a class='open' href='{address}?large=1' target='_blank' aria-label='Enlarge {name}'>"
        f"<img loading='lazy' alt='{name}' src='{address}'><span>{side}</span></a>"
    )


def history(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return what was done in a work folder, newest first."""
    if not runs:
        return "<p class='dim'>Nothing was changed here yet.</p>"
    rows = "".join(
        f"<tr class='{'gone' if run['state'] == 'undone' else ''}'>"
        f"<td>{text(TITLES.get(run['verb'], run['verb']))}</td>"
        f"<td class='n'>{text(count(run['files'] or 0, 'change'))}</td>"
        f"<td class='dim'>{text(_when(run['begun_s']))}</td>"
        f"<td class='dim'>{'taken back' if run['state'] == 'undone' else ''}</td></tr>"
        for run in runs[:8]
    )
    return f"<table class='history'><tbody>{rows}</tbody></table>"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
