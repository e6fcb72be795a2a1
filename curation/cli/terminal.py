"""How a running verb looks in a terminal, in a log, and as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from curation.cli.command import one_line
from curation.cli.places import print_places
from curation.records import Progress
from curation.words import count, size

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def duration(seconds: float) -> str:
    """Return a time left for people: 42 s, 3 min 10 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def setting(value: object) -> str:
    """Return a tunable's value for people: 0.3, none, Anna and Ben."""
    if isinstance(value, list):
        return " and ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value in (None, "") else str(value)


def failure(item: str, reason: str) -> str:
    """Return what failed and why, as a line; a reason may begin with the item's own path."""
    head, colon, rest = reason.partition(": ")
    is_said = bool(colon) and (head == item or head.endswith(f"/{item}"))
    return one_line(f"{item}: {rest if is_said else reason}")


def sentence(beat: Progress) -> str:
    """Return one beat as a line."""
    text = f"{beat.stage}:"
    if beat.total:
        text += f" {beat.done:.0f}/{beat.total:.0f} {beat.unit}"
    elif beat.done:
        text += f" {beat.done:.0f} {beat.unit}"
    if beat.rate_per_s:
        text += f", {beat.rate_per_s:.1f}/s"
    if beat.eta_s is not None:
        text += f", {duration(beat.eta_s)} left"
    return one_line(f"{text} {beat.note}".rstrip())


ALSO: list[Callable[[Progress], None]] = []
"""Who else is told every beat: the row of a job, see cli/as_job.py."""


class Terminal:
    """Shows beats on stderr: a live bar on a terminal, now and then a line elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Bar | None = None
        self._tasks: dict[str, Any] = {}
        self._said_at = 0.0

    def show(self, beat: Progress) -> None:
        """Show one beat."""
        for tell in ALSO:
            tell(beat)
        if beat.failed is not None:
            self.say(f"failed: {failure(*beat.failed)}")
        elif beat.summary is not None or self._quiet:
            return
        elif sys.stderr.isatty():
            self._draw(beat)
        elif time.monotonic() - self._said_at > 5:
            self._said_at = time.monotonic()
            self.say(sentence(beat))

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, beat: Progress) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.fields[stage]:>8}"),
                BarColumn(),
                TextColumn("{task.fields[line]}"),
                console=Console(stderr=True),
            )
            self._bar.start()
        if beat.stage not in self._tasks:
            self._tasks[beat.stage] = self._bar.add_task("", stage=beat.stage, line="")
        self._bar.update(
            self._tasks[beat.stage],
            completed=beat.done,
            total=beat.total or None,
            line=sentence(beat).partition(": ")[2],
        )


def print_json(summary: Mapping[str, Any]) -> None:
    """Print the one JSON object of a run on stdout."""
    print(json.dumps(summary, sort_keys=True))


def print_summary(summary: Mapping[str, Any], next_line: str) -> None:
    """Print what happened and what to type next."""
    verb = summary["verb"]
    if verb == "extract":
        print(
            f"{count(summary['frames'], 'frame')} stored of {count(summary['videos'], 'video')}"
            f" ({summary['dropped']} black, blank or frozen left out)"
        )
        if summary["copies"]:
            files = count(summary["files"], "file")
            print(f"{summary['copies']} of {files} are copies of other files")
        if "measured" in summary:
            print(f"{summary['measured']} measured; full-size pictures are made when needed")
    elif verb == "sort":
        print(f"{count(summary['measured'], 'frame')} measured")
        for pool, frames in summary["pools"].items():
            print(f"  {pool:20} {frames}")
        if not any(summary["pools"].values()):
            print("the datastore holds no frames yet")
        if summary["not_in_sorted"]:
            print(f"{summary['not_in_sorted']} not shown in sorted/: their pictures are not made")
    elif verb == "rank":
        _print_ranking(summary)
    elif verb in ("apply", "unapply"):
        for what, frames in summary["by_hand"].items():
            print(f"{frames} {what} by hand")
        for pool, frames in summary["picked"].items():
            print(f"  {pool:20} {frames} in ranked/")
    elif verb == "watch":
        print(f"{len(summary['taken'])} taken in, {len(summary['twins'])} were here already")
    elif verb == "download":
        _print_links(summary)
    elif verb == "add":
        print_places(summary)
    if summary["failed_items"]:
        print(f"{len(summary['failed_items'])} failed:")
        for item in summary["failed_items"]:
            print(f"  {failure(item['item'], item['reason'])}")
    if next_line:
        print(f"next: {next_line}")


def _print_links(summary: Mapping[str, Any]) -> None:
    if summary["check"]:
        for row in summary["found"]:
            for line in (row["title"], f"  {link_facts(row)}", f"  {row['url']}"):
                print(one_line(line))
        print(summary["notice"])
        return
    print(f"{len(summary['fetched'])} fetched, {len(summary['there'])} were here already")
    for row in [*summary["fetched"], *summary["there"]]:
        note = f" ({row['note']})" if row["note"] else ""
        licence = row["licence"] or "not stated"
        print(one_line(f"  {row['file']}{note}: {row['title']}, licence {licence}"))


def link_facts(row: Mapping[str, Any]) -> str:
    """Return what is known of a link's video, in a line: length, size, picture, who, licence."""
    best = f"{row['width']:.0f} x {row['height']:.0f}" if row["width"] and row["height"] else ""
    facts = [
        duration(row["duration_s"]) if row["duration_s"] else "length not told",
        size(row["size_bytes"]) if row["size_bytes"] else "size not told",
        " ".join(filter(None, [best, row["codec"]])),
        f"{row['n_formats']} formats" if row["n_formats"] > 1 else "",
        f"by {row['uploader']}" if row["uploader"] else "",
        f"licence: {row['licence'] or 'not stated'}",
    ]
    return ", ".join(filter(None, facts))


def _print_ranking(summary: Mapping[str, Any], shown: int = 60) -> None:
    from rich.console import Console
    from rich.table import Table

    picks = summary["picks"]
    title = f"{len(picks)} picked of {count(summary['frames'], 'frame')}"
    table = Table(title=title, title_justify="left")
    for name, side in (
        ("pool", "left"),
        ("rank", "right"),
        ("video", "left"),
        ("time", "right"),
        ("score", "right"),
    ):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for row in picks[:shown]:
        table.add_row(
            row["pool"],
            str(row["rank"]),
            one_line(row["video"]),
            f"{row['time_s']:.3f} s",
            "by hand" if row["score"] is None else f"{row['score']:.3f}",
        )
    console = Console()
    console.print(table)
    if len(picks) > shown:
        console.print(f"... and {len(picks) - shown} more in {summary['table']}")
    reasons = Table(title="not picked", title_justify="left")
    reasons.add_column("reason")
    reasons.add_column("frames", justify="right")
    reasons.add_column("what lets more in")
    for code, frames in summary["reasons"].items():
        reasons.add_row(code, str(frames), summary["advice"].get(code, ""))
    console.print(reasons)
    if summary["changed"]:
        told = [
            f"{name} {setting(both['now'])} (last time {setting(both['before'])})"
            for name, both in summary["changed"].items()
        ]
        print(f"ranked with {', '.join(told)}")
    print(f"report:        {summary['report']}")
    print(f"contact sheet: {summary['contact_sheet']}")
