"""dataset_report.html: one page about a set of frames, that needs nothing else.

No script, no style but its own, no request: its policy refuses all else, so that the page may be
served or opened from a disk. Pictures are small copies of thumbnails; when their share of the
page is full, the rest is told in words.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from curation.export.dataset_facts import TIME_BINS, Facts
from curation.export.report import clock
from curation.export.tables import replacing
from curation.words import count

STYLE = Path(__file__).with_name("dataset_report.css")
MOST_PICTURE_BYTES = 3_200_000
"""Of the pictures as they stand in the page; all of it stays under 5 MB."""
PICTURE_PX, PICTURE_QUALITY = 200, 72
PICKS_SHOWN, LISTED = 48, 60
MOST_TICKS = 400
SECTIONS = (
    ("next", "What to do next"), ("coverage", "What it covers"), ("measures", "How it measures"),
    ("people", "People"), ("videos", "Where in the videos"), ("frames", "The frames"),
    ("refused", "What was refused, and why"), ("repeats", "Repeats"),
)
POOLS = {"face": "face", "upper_body": "upper body", "full_body": "full body"}


def write_dataset_report(
    path: Path, facts: Facts, thumb: Callable[[int], bytes | None], version: str
) -> int:
    """Write the page and return its bytes.

    Args:
        thumb: returns the JPEG thumbnail of a frame, None without one.
    """
    pictures = _Pictures(facts, thumb)
    bodies = {
        "next": _next(facts, pictures), "coverage": _coverage(facts), "measures": _measures(facts),
        "people": _people(facts), "videos": _videos(facts), "frames": _frames(facts, pictures),
        "refused": _refused(facts, pictures), "repeats": _repeats(facts, pictures),
    }
    style = " ".join(STYLE.read_text().split("\n"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    shown = [(key, title) for key, title in SECTIONS if bodies[key]]
    numbers = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{value}</dd></div>" for name, value in facts.numbers
    )
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title in shown)
    with replacing(path) as file:
        file.write(
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            f"img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(facts.title)}</title><style>{style}</style></head><body>"
            f"<header><h1>{html.escape(facts.title)}</h1><p>A report on "
            f"{html.escape(facts.about)}.</p><dl class=\"numbers\">{numbers}</dl>"
            f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>'
        )
        for key, title in shown:
            file.write(
                f'<section aria-labelledby="{key}"><h2 id="{key}">{title}</h2>{bodies[key]}'
                "</section>"
            )
        file.write(
            f"</main><footer>Frame Curation Studio {html.escape(version)}. Numbers are of the "
            "frames that were extracted, as they were decided about last.</footer></body></html>\n"
        )
    return path.stat().st_size


class _Pictures:
    """Small copies of thumbnails, as long as there is room."""

    def __init__(self, facts: Facts, thumb: Callable[[int], bytes | None]) -> None:
        self.facts, self.thumb = facts, thumb
        self.left = MOST_PICTURE_BYTES

    def grid(self, numbers: Sequence[int], head: Callable[[int], str]) -> str:
        """Return figures of frames side by side."""
        made = "".join(self.figure(number, head(number)) for number in numbers)
        return f'<div class="grid">{made}</div>' if made else ""

    def figure(self, number: int, head: str) -> str:
        told = self.facts.frames[number]
        where = f"{told['video']} {clock(told['time_s'])}"
        said = " · ".join(
            text for text in (POOLS.get(told["pool"], told["pool"]), told["person"]) if text
        )
        return (
            f"<figure>{self._image(number, where, said)}<figcaption>{head} "
            f"{html.escape(where)}<br>{html.escape(said)}</figcaption></figure>"
        )

    def _image(self, number: int, where: str, said: str) -> str:
        jpeg = self.thumb(number) if self.left > 0 else None
        small = None if jpeg is None else _small(jpeg)
        if small is None or len(small) > self.left:
            return '<span class="gone">no picture here</span>'
        data = base64.b64encode(small).decode()
        self.left -= len(data)
        alt = html.escape(f"{said}, {where}", quote=True)
        return f'<img decoding="async" alt="{alt}" src="data:image/jpeg;base64,{data}">'


def _small(jpeg: bytes) -> bytes | None:
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(jpeg))
        picture.draft("RGB", (PICTURE_PX, PICTURE_PX))
        picture.thumbnail((PICTURE_PX, PICTURE_PX))
        made = io.BytesIO()
        picture.convert("RGB").save(made, "JPEG", quality=PICTURE_QUALITY, optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return made.getvalue()


def _card(title: str, body: str) -> str:
    return f'<div class="card"><h3>{html.escape(title)}</h3>{body}</div>' if body else ""


def _list(items: Sequence[str]) -> str:
    if not items:
        return ""
    more = f"<li>and {len(items) - LISTED} more</li>" if len(items) > LISTED else ""
    rows = "".join(f"<li>{html.escape(item)}</li>" for item in items[:LISTED])
    return f'<ul class="plain">{rows}{more}</ul>'


def _next(facts: Facts, pictures: _Pictures) -> str:
    look = "".join(
        f"<tr><th scope=\"row\">{html.escape(what)}</th><td>{html.escape(advice)}</td></tr>"
        for what, _, advice in facts.look[:LISTED]
    )
    table = (
        '<table><caption>Frames of these kinds were filmed, but none is in the set.</caption>'
        '<thead><tr><th scope="col">what</th><th scope="col">why the best of them is not in it, '
        f"and what to do</th></tr></thead><tbody>{look}</tbody></table>"
    ) if look else ""
    best = list(dict.fromkeys(number for _, number, _ in facts.look))[:12]
    table += pictures.grid(best, lambda number: f"<b>frame {number}</b>")
    cards = [
        _card("Film or find this", _list(facts.film)),
        _card("Little of this", _list(facts.thin)),
    ]
    body = f'<div class="two">{"".join(cards)}</div>' if any(cards) else ""
    body += f"<h3>Look at these again</h3>{table}" if table else ""
    return body or "<p>The set lacks nothing that is counted here.</p>"


def _coverage(facts: Facts) -> str:
    cards = []
    for axis in facts.axes:
        most = max([own for _, own, _ in axis["bins"]] + [1])
        full = max([have for _, _, have in axis["bins"]] + [1])
        rows = "".join(
            f'<tr><th scope="row">{html.escape(name)}</th><td class="n">{own:,}</td>'
            f'<td class="n">{have:,}</td><td>{_bar(own / most, have / full)}</td></tr>'
            for name, own, have in axis["bins"][:LISTED]
        )
        cards.append(_card(
            axis["name"],
            f'<table class="bars"><caption>known of {axis["known"]:,} usable frames</caption>'
            '<thead><tr><th scope="col">kind</th><th scope="col" class="n">set</th>'
            '<th scope="col" class="n">usable</th><td></td></tr></thead>'
            f"<tbody>{rows}</tbody></table>",
        ))
    heat = "".join(_card(name, _heat(columns, rows)) for name, columns, rows in facts.crossed)
    return (
        '<p class="legend">Frames <i class="o"></i>in the set <i class="a"></i>usable in the '
        "footage. Bars of a kind are as long as its share of the largest kind.</p>"
        f'<div class="two">{"".join(cards)}</div>'
        + (f"<h3>Two at a time</h3><p>Frames in the set, and of how many usable ones. Hatched: "
           f'nothing was filmed.</p><div class="two wide">{heat}</div>' if heat else "")
    )


def _bar(own: float, have: float) -> str:
    return (
        '<svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="own" y="1" width="{100 * own:.1f}" height="8" rx="1"/>'
        f'<rect class="have" y="11" width="{100 * have:.1f}" height="5" rx="1"/></svg>'
    )


def _heat(columns: Sequence[str], rows: Sequence[tuple[str, list[tuple[int, int]]]]) -> str:
    most = max([own for _, cells in rows for own, _ in cells] + [1])
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = ""
    for name, cells in rows:
        body += f'<tr><th scope="row">{html.escape(name)}</th>'
        for own, have in cells:
            level = 0 if not own else 1 + min(4, int(4.999 * own / most))
            look = f"h{level}" if have else "none"
            said = f"{own:,}<small>of {have:,}</small>" if have else "0"
            body += f'<td class="{look}">{said}</td>'
        body += "</tr>"
    head = f"<thead><tr><td></td>{head}</tr></thead>"
    return f'<table class="heat">{head}<tbody>{body}</tbody></table>'


def _measures(facts: Facts) -> str:
    cards = []
    for title, unit, low, high, every, own in facts.histograms:
        most, mine, step = max([*every, 1]), max([*own, 1]), 200 / len(every)
        bars = "".join(
            f'<rect class="{kind}" x="{i * step + shift:.2f}" y="{80 - 78 * n / top:.1f}" '
            f'width="{step * wide:.2f}" height="{78 * n / top:.1f}"/>'
            for counts, top, kind, shift, wide in (
                (every, most, "have", 0.0, 0.94), (own, mine, "own", step * 0.25, 0.44)
            )
            for i, n in enumerate(counts) if n
        )
        middle = _middle(own, low, high)
        said = f"half of the set is above {middle:.3g}" if middle is not None else "none in the set"
        label = html.escape(f"{title}: {low:.3g} to {high:.3g} {unit}; {said}", quote=True)
        cards.append(_card(
            title,
            f'<svg class="hist" viewBox="0 0 200 82" preserveAspectRatio="none" role="img" '
            f'aria-label="{label}">{bars}<path class="axis" d="M0 81H200"/></svg>'
            f'<div class="ends"><span>{low:.3g}</span><span>{html.escape(said)}'
            f"</span><span>{high:.3g} {html.escape(unit)}</span></div>",
        ))
    if not cards:
        return ""
    return (
        '<p class="legend">How often each value occurs, <i class="o"></i>in the set and '
        '<i class="a"></i>in usable frames; each as tall as its own most frequent value.</p>'
        f'<div class="two">{"".join(cards)}</div>'
    )


def _middle(counts: Sequence[int], low: float, high: float) -> float | None:
    total, seen = sum(counts), 0
    for i, number in enumerate(counts):
        seen += number
        if number and 2 * seen >= total:
            return low + (i + 0.5) * (high - low) / len(counts)
    return None


def _people(facts: Facts) -> str:
    if not facts.people:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td class="n">{own:,}</td>'
        f'<td class="n">{have:,}</td><td>'
        + (html.escape(note) if note else '<span class="warn">no note of consent</span>')
        + "</td></tr>"
        for name, own, have, note in facts.people[:LISTED]
    )
    more = len(facts.people) - LISTED
    return (
        '<table><thead><tr><th scope="col">who</th><th scope="col" class="n">set</th>'
        '<th scope="col" class="n">usable</th><th scope="col">consent</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>" + (f"<p>and {more:,} more people</p>" if more > 0 else "")
    )


def _videos(facts: Facts) -> str:
    rows = "".join(_timeline(video) for video in facts.videos)
    others, frames = facts.others
    held = f"{count(others, 'more video holds', 'more videos hold')} {count(frames, 'frame')}"
    more = f"<p>{held} of the set.</p>" if others else ""
    return (
        '<p class="legend">Each line is a video from its beginning to its end: <i class="o"></i>'
        'frames of the set, <i class="a"></i>how many frames are usable.</p>'
        f'<div class="two">{rows}</div>{more}'
    ) if rows else ""


def _timeline(video: dict[str, Any]) -> str:
    most = max([*video["available"], 1])
    wide = 1000 / TIME_BINS
    bars = "".join(
        f'<rect class="have" x="{i * wide:.0f}" y="{34 - 22 * n / most:.1f}" width="{wide:.0f}" '
        f'height="{22 * n / most:.1f}"/>'
        for i, n in enumerate(video["available"]) if n
    )
    picks = video["picks"][:: -(-len(video["picks"]) // MOST_TICKS) or 1]
    ticks = "".join(
        f'<rect class="own" x="{min(time_s / video["length_s"] * 1000, 996):.0f}" y="0" '
        'width="4" height="34"/>'
        for _, time_s in picks
    )
    own = len(video["picks"])
    name = html.escape(video["name"], quote=True)
    label = f"{name}: {own} of {video['frames']} frames are in the set"
    return (
        f'<div class="card"><h3>{name} <small>{own:,} of {video["frames"]:,} frames</small></h3>'
        f'<svg class="time" viewBox="0 0 1000 34" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{bars}{ticks}</svg><div class="ends"><span>0:00</span>'
        f'<span>{clock(video["length_s"])}</span></div></div>'
    )


def _frames(facts: Facts, pictures: _Pictures) -> str:
    made = ""
    for pool, numbers in facts.picks.items():
        def head(number: int) -> str:
            score = facts.frames[number]["score"]
            return f"<b>{number}</b>" + (f" {score:.2f}" if score is not None else "")

        shown = numbers[:PICKS_SHOWN]
        more = f"; the first {len(shown)} are shown" if len(shown) < len(numbers) else ""
        made += (
            f"<h3>{html.escape(POOLS.get(pool, pool))} <small>{len(numbers):,} frames{more}"
            f"</small></h3>{pictures.grid(shown, head)}"
        )
    return made or "<p>No frame is in the set.</p>"


def _refused(facts: Facts, pictures: _Pictures) -> str:
    if not facts.refused:
        return ""
    total = sum(one["count"] for one in facts.refused)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(one["code"].replace("_", " "))}</th>'
        f'<td class="n">{one["count"]:,}</td><td class="n">{100 * one["count"] / total:.1f} %</td>'
        f'<td>{"waits for a look" if one["verdict"] == "review" else ""}</td>'
        f'<td>{html.escape(one["advice"])}</td></tr>'
        for one in facts.refused
    )
    near = "".join(_misses(facts, one, pictures) for one in facts.refused)
    return (
        f'<table><caption>{total:,} frames are not in the set; each for one reason.</caption>'
        '<thead><tr><th scope="col">reason</th><th scope="col" class="n">frames</th>'
        '<th scope="col" class="n">share</th><td></td><th scope="col">to have them</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
        + (f"<h3>Near misses</h3><p>Of each reason the frames that came closest.</p>{near}"
           if near else "")
    )


def _misses(facts: Facts, one: dict[str, Any], pictures: _Pictures) -> str:
    if not one["near"]:
        return ""
    grid = pictures.grid(
        one["near"], lambda n: f"<b>{n}</b> {html.escape(facts.frames[n]['detail'])}<br>"
    )
    name = html.escape(one["code"].replace("_", " "))
    return f"<details><summary>{name}: {one['count']:,}</summary>{grid}</details>"


def _repeats(facts: Facts, pictures: _Pictures) -> str:
    def rows() -> Iterator[str]:
        for one in facts.repeats:
            keeper = one["keeper"]
            yield f"<h3>Frame {keeper} <small>stands for {one['count']:,} others</small></h3>"
            yield pictures.grid(
                [keeper, *one["some"]],
                lambda n, keeper=keeper: "<b>kept</b>" if n == keeper else  # type: ignore[misc]
                html.escape(facts.frames[n]["reason"].removeprefix("duplicate_")),
            )

    made = "".join(rows())
    return f"<p>Frames that stand for most others that look the same.</p>{made}" if made else ""
