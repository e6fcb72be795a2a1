"""HTML from rows. Every text of a file, a user or a process goes through `text`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from curation.cli.terminal import duration, setting
from curation.errors import CurationError
from curation.export.report import clock
from curation.store.jobs import Job
from curation.ui import export_words
from curation.ui.toolkit_words import TITLES, sentence
from curation.ui.words import STAGES, STATES, TABS, VERBS, text
from curation.web.trials import Histogram
from curation.words import count

POOL_NAMES = {
    "face": "Face",
    "upper_body": "Upper body",
    "full_body": "Full body",
    "review_multi_person": "Several people",
    "no_person": "No person",
    "cut_off": "Cut off",
    "none": "No pool",
}
PARTS = ("focus", "pose", "face", "exposure", "taste")
FAILED_SHOWN, FAILED_SHOWN_RUNNING = 20, 3
VIDEOS_SHOWN = 100
REASONS_SHOWN = 3


def notice(message: str, kind: str = "bad", hint: str = "") -> str:
    """Return a line that tells the user something, or nothing for an empty message."""
    if not message:
        return ""
    more = f"<span>{text(hint)}</span>" if hint else ""
    return f"<div class='notice {kind}' role='status'>{text(message)}{more}</div>"


def refused(error: CurationError) -> str:
    """Return why something was not done, with what to do about it."""
    return notice(error.message, hint=error.hint)


def empty(title: str, advice: str, tab: str = "") -> str:
    """Return what stands where there is nothing yet, with what to do next.

    Args:
        tab: where that is done; a link leads there.
    """
    go = f"<a class='go' href='?tab={text(tab)}'>Go to {text(TABS[tab])}</a>" if tab else ""
    return f"<div class='empty'><b>{text(title)}</b><span>{text(advice)}</span>{go}</div>"


def header(root: object, counts: Mapping[str, int], strip: str = "") -> str:
    """Return the bar at the top: which datastore, how much is in it, and the status strip."""
    numbers = "".join(
        f"<span class='count'><b>{value:,}</b> {text(name)}</span>"
        for name, value in counts.items()
    )
    return (
        "<header class='top'><div><h1>Frame Curation Studio</h1>"
        f"<span class='where' title='datastore'>{text(root)}</span></div>"
        f"<div class='facts'>{numbers}</div>{strip}"
        "<a class='go' href='audit'>Who did what</a></header>"
    )


def job_panel(job: Job | None, waiting: str, tab: str = "") -> str:
    """Return how a job is doing.

    Args:
        waiting: what to do while there is none.
        tab: where that is done, when it is done elsewhere.
    """
    if job is None:
        if tab:
            return empty("Nothing to work on yet", waiting, tab)
        return f"<div class='job idle'><p>{text(waiting)}</p></div>"
    if job.state == "queued":
        return (
            f"<div class='job' data-job='{job.id}' data-state='queued'>{_job_head(job, '')}"
            "<p class='figures'>Starts when the job before it has ended.</p></div>"
        )
    percent = 100 * min(1.0, job.done / job.total) if job.total and job.done is not None else 0.0
    percent = 100.0 if job.state == "done" else percent
    unknown = " unknown" if job.state == "running" and not job.total else ""
    return (
        f"<div class='job' data-job='{job.id}' data-state='{job.state}'>"
        f"{_job_head(job, '' if unknown else f'{percent:.0f} %')}"
        f"<div class='meter {job.state}{unknown}' role='progressbar' "
        f"aria-label='{text(VERBS.get(job.verb, job.verb))} progress' "
        f"aria-valuemin='0' aria-valuemax='100' aria-valuenow='{percent:.0f}'>"
        f"<i style='width:{percent:.1f}%'></i></div>"
        f"<p class='figures'>{text(_figures(job))}</p>{_ending(job)}{_failed(job)}"
        f"{_lacking(waiting, tab)}</div>"
    )


def _lacking(waiting: str, tab: str) -> str:
    """Return why a job that ran before cannot run now."""
    if not tab:
        return ""
    said = f"{text(waiting)} <a class='go' href='?tab={text(tab)}'>Go to {text(TABS[tab])}</a>"
    return f"<div class='notice soft'>{said}</div>"


def _job_head(job: Job, percent: str) -> str:
    stage = STAGES.get(job.stage or "", job.stage or "") if job.state == "running" else ""
    return (
        f"<div class='head'><span class='badge {job.state}'>{STATES[job.state]}</span>"
        f"<span class='dim'>Job {job.id}</span><span class='stage'>{text(stage)}</span>"
        f"<b class='percent'>{percent}</b></div>"
    )


def _amount(job: Job) -> str:
    done, total = job.done or 0, job.total or 0
    if job.unit == "s of video":
        return f"{duration(done)}{f' of {duration(total)}' if total else ''} of video"
    return f"{done:,.0f}{f' of {total:,.0f}' if total else ''} {job.unit}"


def _rate(job: Job, rate_per_s: float) -> str:
    if job.unit == "s of video":
        return f"{rate_per_s:,.1f} times as fast as it plays"
    if rate_per_s < 1:
        return f"{60 * rate_per_s:,.1f} a minute"
    return f"{rate_per_s:,.1f} a second" if rate_per_s < 100 else f"{rate_per_s:,.0f} a second"


def _figures(job: Job) -> str:
    parts = []
    if job.unit and (job.done or job.total):
        parts.append(_amount(job))
    if job.is_open and job.rate_per_s:
        parts.append(_rate(job, job.rate_per_s))
    if job.is_open and job.eta_s is not None:
        parts.append(f"{duration(job.eta_s)} left")
    if job.ended_s and job.started_s:
        parts.append(f"took {duration(job.ended_s - job.started_s)}")
    if job.is_open and job.note:
        parts.append(job.note)
    if job.cancel and job.is_open:
        parts.append("stopping")
    return " · ".join(parts)


def _ending(job: Job) -> str:
    if job.state == "done" and job.summary:
        return f"<p class='outcome'>{text(outcome(job.summary))}</p>{_fewer(job.summary)}"
    if job.state in ("failed", "interrupted") and job.error:
        return notice(job.error, hint="What is finished is kept; Resume goes on from there.")
    if job.state == "cancelled":
        return notice("Cancelled.", "soft", "What is finished is kept; Resume goes on from there.")
    return ""


def _fewer(summary: Mapping[str, Any]) -> str:
    """Return why a ranking gave fewer picks than its settings ask for, "" when it gave as many."""
    picked = sum(summary.get("picked", {}).values())
    asked = sum(summary.get("asked", {}).values())
    if picked >= asked:
        return ""
    most = sorted(summary.get("reasons", {}).items(), key=lambda one: -one[1])[:REASONS_SHOWN]
    why = ", ".join(f"{code.replace('_', ' ')} {number:,}" for code, number in most)
    said = f"{picked:,} of the {asked:,} asked for. Most often not picked for: {why or 'nothing'}."
    more = "<a class='go' href='?tab=results'>Results, Not picked, shows each with its reason</a>"
    return f"<p class='figures fewer'>{text(said)} {more}</p>"


def _failed(job: Job) -> str:
    if not job.failed:
        return ""
    shown = FAILED_SHOWN_RUNNING if job.is_open else FAILED_SHOWN
    items = "".join(
        f"<li><b>{text(item.rpartition('/')[2])}</b> {text(why)}</li>"
        for item, why in job.failed[:shown]
    )
    more = len(job.failed) - shown
    rest = f"<p class='dim'>and {more:,} more; the log names them</p>" if more > 0 else ""
    said = f"{len(job.failed):,} could not be used"
    return f"<div class='failures'><b>{said}</b><ul tabindex='0'>{items}</ul>{rest}</div>"


def outcome(summary: Mapping[str, Any]) -> str:
    """Return a verb's summary as a sentence."""
    verb = summary.get("verb")
    if verb in TITLES:
        return sentence(summary)
    if verb in export_words.VERBS:
        return export_words.sentence(summary)
    if verb == "extract":
        frames, videos = summary.get("frames", 0), summary.get("videos", 0)
        left_out, copies = summary.get("dropped", 0), summary.get("copies", 0)
        same = f" {count(copies, 'file')} hold the same as another." if copies else ""
        return (
            f"{count(frames, 'frame')} of {count(videos, 'video')} are stored; {left_out:,} black, "
            f"blank or frozen ones were left out.{same}"
        )
    if verb == "sort":
        pools = {k: v for k, v in summary.get("pools", {}).items() if k != "none"}
        named = ", ".join(f"{POOL_NAMES.get(k, k)} {v:,}" for k, v in pools.items())
        measured = count(summary.get("measured", 0), "frame")
        return f"{measured} measured. {named or 'No pool has a frame'}."
    if verb == "download":
        fetched, there = len(summary.get("fetched", ())), len(summary.get("there", ()))
        before = f" {there:,} were here already." if there else ""
        return f"{count(fetched, 'video')} fetched.{before}"
    if verb == "add":
        added, there = len(summary.get("added", ())), len(summary.get("there", ()))
        before = f" {there:,} were here already." if there else ""
        how = "copied" if summary.get("copied") else "left where they are"
        return f"{count(added, 'video')} {how}.{before}"
    picked = summary.get("picked", {})
    named = ", ".join(f"{POOL_NAMES.get(k, k)} {v}" for k, v in picked.items())
    said = f"{sum(picked.values()):,} of {count(summary.get('frames', 0), 'frame')} picked."
    said = f"{said} {named}." if named else said
    changed = ", ".join(
        f"{name.replace('_', ' ')} {setting(both['now'])} (last time {setting(both['before'])})"
        for name, both in summary.get("changed", {}).items()
    )
    return f"{said} Ranked with {changed}." if changed else said


def log_view(lines: str) -> str:
    """Return a log as it was printed."""
    return f"<pre class='log' tabindex='0'>{text(lines) or 'Nothing printed yet.'}</pre>"


def video_table(videos: Sequence[Mapping[str, Any]]) -> str:
    """Return the list of videos with what is known of each; of many what cannot be used first.

    A page of thousands of rows is neither quick nor read: the rest is counted.

    Args:
        videos: rows with name, folder, state, kind (good, bad, soft), facts, notes, poster.
    """
    if not videos:
        return empty("No video yet", "Drop a clip above, add a folder, or try the sample clips.")
    shown, said = videos, ""
    if len(videos) > VIDEOS_SHOWN:
        states = Counter(v["state"] for v in videos if v["kind"] == "bad")
        told = "".join(f", {n:,} {state[0].lower()}{state[1:]}" for state, n in states.items())
        shown = sorted(videos, key=lambda v: v["kind"] != "bad")[:VIDEOS_SHOWN]
        said = f"<p class='about'>{len(videos):,} files{text(told)}; {len(shown)} are listed.</p>"
    rows = "".join(
        f"<tr><td class='poster'>{_poster(v)}</td>"
        f"<td><b>{text(v['name'])}</b><span class='dim'>{text(v['folder'])}</span></td>"
        f"<td>{text(v['facts'])}</td>"
        f"<td><span class='badge {v['kind']}'>{text(v['state'])}</span>"
        + "".join(f"<span class='dim'>{text(note)}</span>" for note in v["notes"])
        + "</td></tr>"
        for v in shown
    )
    return (
        f"{said}<table class='videos'><thead><tr><th></th><th>Video</th><th>Picture</th>"
        f"<th>State</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _poster(video: Mapping[str, Any]) -> str:
    if not video.get("poster"):
        return "<span class='nothing'></span>"
    return f"<img loading='lazy' alt='' src='{text(video['poster'])}'>"


def grid(rows: Sequence[Mapping[str, Any]], revisions: Mapping[int, str]) -> str:
    """Return frames as cells, each with its rank, score, parts and reason."""
    cells = "".join(_cell(row, revisions) for row in rows)
    return f"<div class='grid' style='--shape:{_shape(rows):.3f}'>{cells}</div>"


def _shape(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return width by height of cells in which all pictures come out as large as each other."""
    sides = ((row.get("width"), row.get("height")) for row in rows)
    shapes = [width / height for width, height in sides if width and height] or [4 / 3]
    # A picture of one area is sqrt(shape) wide and 1 / sqrt(shape) high: room for both extremes.
    narrow, wide = (min(max(end, 9 / 16), 16 / 9) for end in (min(shapes), max(shapes)))
    return math.sqrt(narrow * wide)


def _cell(row: Mapping[str, Any], revisions: Mapping[int, str]) -> str:
    frame_id = int(row["frame_id"])
    version = text(revisions.get(frame_id, ""))
    name = f"{row['video']} at {clock(row['time_s'])}"
    rank = f"<b class='rank'>{int(row['rank'])}</b>" if row.get("rank") else ""
    score = f"<b class='score'>{row['score']:.3f}</b>" if row.get("score") is not None else ""
    mark = {True: "<span class='mark new'>new</span>"}.get(bool(row.get("new")), "")
    bars = "".join(
        f"<div class='bar'><span>{part}</span><i><i style='width:{100 * value:.0f}%'></i></i>"
        f"<span>{value:.2f}</span></div>"
        for part in PARTS
        if row.get("rank") and (value := row["parts"].get(part)) is not None
    )
    picture = (
        f"<a href='frame/{frame_id}?v={version}' target='_blank' class='open' "
        f"aria-label='Enlarge {text(name)}'>"
        f"<img loading='lazy' alt='{text(name)}' src='thumb/{frame_id}?v={version}'></a>"
        if version and row.get("file", True)
        else "<span class='nothing'>no picture</span>"
    )
    why = text(row["reason"].replace("_", " "))
    reason = "" if row.get("rank") else f"<b class='why'>{why}</b>"
    # What a pick's detail says stands in its bars.
    detail = "" if row.get("rank") else f"<div class='detail'>{text(row['detail'])}</div>"
    return (
        f"<figure data-frame='{frame_id}'>{picture}<figcaption><div class='line'>{rank}{mark}"
        f"{reason}{score}</div><div class='from'>{POOL_NAMES.get(row['pool'], '')} · "
        f"{text(row['video'])} {clock(row['time_s'])}</div>{bars}{detail}"
        "</figcaption></figure>"
    )


def reason_table(reasons: Sequence[tuple[str, int, str]], total: int) -> str:
    """Return why frames were not picked: code, count, and what brings them back."""
    rows = "".join(
        f"<tr><td>{text(code.replace('_', ' '))}</td><td class='n'>{count:,}</td>"
        f"<td class='share'><i style='width:{100 * count / max(1, total):.1f}%'></i></td>"
        f"<td class='dim'>{text(advice)}</td></tr>"
        for code, count, advice in reasons
    )
    return f"<table class='reasons'><tbody>{rows}</tbody></table>"


def histogram(shown: Histogram) -> str:
    """Return a histogram with its threshold; frames on the wrong side are paler."""
    width, height = 100.0, 36.0
    top = max(shown.counts) or 1
    span = shown.high - shown.low
    at = width * (shown.limit - shown.low) / span
    step = width / len(shown.counts)
    bars = []
    for i, frames in enumerate(shown.counts):
        if frames:
            tall = max(1.0, height * (frames / top) ** 0.5)
            fails = (i + 0.5) * step < at if shown.least else (i + 0.5) * step > at
            bars.append(
                f"<rect class='{'out' if fails else 'in'}' x='{i * step:.2f}' "
                f"y='{height - tall:.1f}' width='{step * 0.86:.2f}' height='{tall:.1f}'/>"
            )
    side = "under" if shown.least else "over"
    said = text(f"{shown.title}: {shown.failing} of {shown.total} frames {side} the limit")
    return (
        f"<figure class='histogram'><svg viewBox='0 0 {width:.0f} {height:.0f}' "
        f"preserveAspectRatio='none' role='img' aria-label='{said}'>"
        f"{''.join(bars)}<line x1='{at:.2f}' x2='{at:.2f}' y1='0' y2='{height:.0f}'/></svg>"
        f"<figcaption><span>{_short(shown.low)}</span>"
        f"<b>{shown.failing:,} of {shown.total:,} {side} {shown.limit:g}</b>"
        f"<span>{_short(shown.high)}</span></figcaption></figure>"
    )


def _short(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def tally(picked: Mapping[str, int], before: Mapping[str, int], changed: bool) -> str:
    """Return the number of picks per pool, and how it would change."""
    cells = []
    for pool in ("face", "upper_body", "full_body"):
        now, was = picked.get(pool, 0), before.get(pool, 0)
        delta = (
            f"<span class='delta {'up' if now > was else 'down'}'>{now - was:+d}</span>"
            if changed and now != was
            else ""
        )
        cells.append(f"<div><b>{now}</b>{delta}<span>{POOL_NAMES[pool]}</span></div>")
    return f"<div class='tally'>{''.join(cells)}</div>"


def coverage(found: Mapping[str, Any]) -> str:
    """Return what the picks lack in words, then how many of each kind were picked."""
    found = found["brief"]
    lacking = "".join(f"<li>{text(lack['text'])}</li>" for lack in found["lacking"])
    lacks = f"<ul class='lacking'>{lacking}</ul>" if lacking else "<p class='dim'>Nothing.</p>"
    axes = "".join(
        f"<section><h3>{text(axis['name'])}</h3><table>"
        + "".join(
            f"<tr class='{'' if one['picked'] else 'none'}'><td>{text(one['name'])}</td>"
            f"<td class='n'>{one['picked']:,}</td><td class='n dim'>of {one['available']:,}</td>"
            "</tr>"
            for one in axis["bins"]
        )
        + "</table></section>"
        for axis in found["axes"]
        if axis["bins"]
    )
    usable = count(found["available"], "usable frame")
    said = text(f"{count(found['picked'], 'pick')} of {usable} lack:")
    return f"<div class='coverage'><p>{said}</p>{lacks}<div class='axes'>{axes}</div></div>"
