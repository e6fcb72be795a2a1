"""The parts of the review page that only compute: run in a real browser, over made-up columns."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser]

STATIC = Path(__file__).parents[2] / "curation" / "ui" / "static"
TABLE = """
function tableOf(columns, lists) {
  const n = columns.verdict.length;
  const kinds = { pool: Uint8Array, verdict: Uint8Array, reason: Uint8Array, flag: Int8Array,
    stars: Uint8Array, keeper: Int32Array, person: Int32Array };
  const made = new Map(Object.entries(columns).map(([name, values]) => [name,
    (kinds[name] ?? Float32Array).from(values, (value) => (value === null ? NaN : value))]));
  const decided = {};
  for (const name of ['pool', 'verdict', 'reason']) decided[name] = made.get(name).slice();
  const table = { n, lists, decided, header: { videos: [{ id: 7 }, { id: 9 }], reasons: [] },
    column: (name) => made.get(name) ?? null,
    restoreDecided() { for (const name in decided) made.get(name).set(decided[name]); } };
  for (const [name, values] of made) table[name] = values;
  return table;
}
"""
LISTS = {
    "pool": ["face", "full_body"],
    "verdict": ["picked", "review", "rejected"],
    "reason": ["picked", "soft", "turned_away", "quota_video", "rejected_by_hand"],
}
PICKED, REVIEW, REJECTED = 0, 1, 2


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(STATIC))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_address[1]}"
        served.shutdown()


@pytest.fixture
def parts(page: Any, address: str) -> Any:
    """Return a function that runs JavaScript with one of the modules as `it` and `given`."""
    page.goto(f"{address}/favicon.svg")

    def run(module: str, code: str, given: Any = None) -> Any:
        return page.evaluate(
            f"async (given) => {{ const it = await import('{address}/review/{module}.js');"
            f" {TABLE} {code} }}",
            given,
        )

    return run


def redecided(parts: Any, columns: dict[str, Any], limits: list[dict[str, Any]]) -> Any:
    """Return [moved, verdicts, reasons] after limits were moved."""
    return parts(
        "redecide",
        """
        const table = tableOf(given.columns, given.lists);
        const limits = given.limits.map((one) => ({ ...one, values: table.column(one.meter.column),
          faces: one.faces ? table.column(one.faces) : null }));
        const moved = it.redecide(table, limits);
        return [moved, Array.from(table.verdict), Array.from(table.reason)];
        """,
        {"columns": columns, "limits": limits, "lists": LISTS},
    )


def limit(value: float, stored: float, **meter: Any) -> dict[str, Any]:
    made = {
        "column": "focus", "codes": ["soft"], "pools": ["face"], "least": True,
        "magnitude": False, "value": stored,
    }
    return {"meter": made | meter, "value": value}


def test_a_limit_that_rises_rejects_and_one_that_falls_sets_free(parts: Any) -> None:
    columns = {
        "pool": [0, 0, 0, 1, 0, 0],
        "verdict": [PICKED, PICKED, REJECTED, PICKED, REJECTED, REJECTED],
        "reason": [0, 0, 1, 0, 3, 1],
        "focus": [0.9, 0.4, 0.2, 0.1, 0.9, 0.8],
    }
    moved, verdicts, reasons = redecided(parts, columns, [limit(0.5, 0.3)])
    assert moved
    # Its pool only; what a quota rejected stays so; the last was soft for another cause.
    assert verdicts == [PICKED, REJECTED, REJECTED, PICKED, REJECTED, REJECTED]
    assert reasons == [0, 1, 1, 0, 3, 1]
    _, verdicts, reasons = redecided(parts, columns, [limit(0.1, 0.3)])
    assert verdicts == [PICKED, PICKED, PICKED, PICKED, REJECTED, REJECTED]
    assert reasons == [0, 0, 0, 0, 3, 1]
    moved, verdicts, _ = redecided(parts, columns, [limit(0.3, 0.3)])
    assert (moved, verdicts) == (False, columns["verdict"])


def test_other_limits_unknown_values_small_faces_and_hands_are_respected(parts: Any) -> None:
    turned = {"column": "yaw", "codes": ["turned_away"], "least": False, "magnitude": True}
    columns = {
        "pool": [0] * 5,
        "verdict": [REJECTED, REJECTED, PICKED, PICKED, REJECTED],
        "reason": [1, 1, 0, 0, 4],
        "focus": [0.2, 0.2, None, 0.2, 0.2],
        "yaw": [-80, 10, 0, 0, 0],
        "size": [100, 100, 100, 20, 100],
    }
    limits = [
        limit(0.1, 0.3) | {"faces": "size", "leastFace": 64},
        limit(45, 45, **turned),
    ]
    _, verdicts, reasons = redecided(parts, columns, limits)
    assert verdicts == [REJECTED, PICKED, PICKED, PICKED, REJECTED]
    assert reasons == [2, 0, 0, 0, 4]
    limits[0] = limit(0.5, 0.3) | {"faces": "size", "leastFace": 64}
    _, verdicts, _ = redecided(parts, columns, limits)
    assert verdicts == [REJECTED, REJECTED, PICKED, PICKED, REJECTED]


def test_each_filter_is_counted_under_all_others(parts: Any) -> None:
    counts, bins = parts(
        "counting",
        """
        const n = 5000;
        let seed = 7;
        const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
        const list = (make) => Array.from({ length: n }, make);
        const below = (most) => list(() => random() * most | 0);
        const table = tableOf({ verdict: below(3), pool: below(2), reason: below(5),
          person: list(() => (random() * 4 | 0) - 1),
          score: list(() => (random() < 0.1 ? null : random())) }, given);
        const where = [{ column: 'pool', in: [1] }, { column: 'person', in: [-1, 2] },
          { column: 'score', min: 0.25, max: 0.75 }];
        const counter = it.counter({ table, view: { where } });
        counter.prepare();
        const passes = (row, without) => where.every((one) => one.column === without
          || (one.in ? one.in.includes(table[one.column][row])
            : table.score[row] >= one.min && table.score[row] <= one.max));
        const brute = (name) => {
          const found = {};
          for (let row = 0; row < n; row += 1) {
            const value = table[name][row];
            if (passes(row, name)) found[value] = (found[value] ?? 0) + 1;
          }
          return found;
        };
        const names = ['pool', 'person', 'verdict', 'reason'];
        const both = names.map((name) => [Object.fromEntries(counter.values(name)), brute(name)]);
        const histogram = counter.histogram('score');
        const known = histogram.counts.slice(0, 48).reduce((sum, count) => sum + count, 0);
        let expected = 0;
        for (let row = 0; row < n; row += 1) {
          expected += passes(row, 'score') && Number.isFinite(table.score[row]);
        }
        return [both, [known, expected]];
        """,
        LISTS,
    )
    assert all(quick == brute for quick, brute in counts)
    assert bins[0] == bins[1] > 0


def test_a_lasso_takes_what_is_inside_of_any_shape(parts: Any) -> None:
    wrong, total = parts(
        "mapview",
        """
        const n = 4000;
        let seed = 3;
        const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
        const list = () => Float32Array.from({ length: n }, random);
        const places = { x: list(), y: list() };
        places.x[5] = NaN;
        const mask = Uint8Array.from({ length: n }, (_, i) => i % 7 !== 0);
        const star = Array.from({ length: 40 }, (_, k) => {
          const away = k % 2 ? 0.45 : 0.15;
          const turn = k / 20 * Math.PI;
          return [0.5 + away * Math.cos(turn), 0.5 + away * Math.sin(turn)];
        });
        const { found, total } = it.inside(places, mask, star);
        let wrong = 0;
        for (let i = 0; i < n; i += 1) {
          let odd = false;
          star.forEach(([ax, ay], a) => {
            const [bx, by] = star[(a + 1) % star.length];
            const [px, py] = [places.x[i], places.y[i]];
            const crosses = ay > py !== by > py;
            if (crosses && px < (bx - ax) * (py - ay) / (by - ay) + ax) odd = !odd;
          });
          wrong += Boolean(found[i]) !== Boolean(odd && mask[i]);
        }
        return [wrong, total];
        """,
    )
    assert wrong == 0 and total > 300


def test_a_stack_shows_its_best_and_opens_in_place(parts: Any) -> None:
    closed, opened, marked = parts(
        "stacks",
        """
        const none = [0, 0, 0, 0, 0, 0];
        const table = tableOf({ pool: none, verdict: none, reason: none, flag: none, stars: none,
          keeper: [-1, 3, 3, -1, 3, -1], score: [0.1, 0.9, 0.5, 0.7, null, 0.2] }, given);
        const of = it.groups(table);
        const order = Int32Array.from([0, 1, 2, 3, 4, 5]);
        const run = (open, rows = order) =>
          Array.from(it.fold(table, of, rows, new Set(open)).order);
        const closed = [run([]), run([], Int32Array.from([5, 4, 1, 0]))];
        const opened = run([3]);
        table.flag[2] = 1;
        return [closed, opened, [run([]), it.best(table, 3, of.of(1))]];
        """,
        LISTS,
    )
    assert closed == [[0, 3, 5], [5, 1, 0]]
    assert opened == [0, 3, 1, 2, 4, 5]
    assert marked == [[0, 2, 5], 2]


def test_a_saved_view_means_the_same_when_lists_have_grown(parts: Any) -> None:
    saved, again = parts(
        "views",
        """
        const table = { lists: { pool: ['face', 'full_body'], video: ['a', 'b'] },
          header: { videos: [{ id: 7 }, { id: 9 }] } };
        const where = [{ column: 'pool', in: [1] }, { column: 'video', in: [1] },
          { column: 'flag', in: [-1, 0] }, { column: 'score', min: 0.2 }, { tag: 'smile' },
          { column: 'lasso-1', in: [1], local: true }];
        const sort = [{ column: 'score', desc: true },
          { column: 'like-1', desc: false, local: true }];
        const view = { where, sort, mode: 'map' };
        const saved = JSON.parse(JSON.stringify(it.packed(table, view)));
        const grown = { lists: { pool: ['other', 'face', 'full_body'], video: ['b'] },
          header: { videos: [{ id: 9 }] } };
        const knows = (name) => name !== 'gone';
        const old = { ...saved, where: [...saved.where, { column: 'gone', min: 1 }] };
        return [saved, it.unpacked(grown, old, knows)];
        """,
    )
    assert saved["where"][0] == {"column": "pool", "words": ["full_body"]}
    assert again == {
        "where": [
            {"column": "pool", "in": [2]}, {"column": "video", "in": [0]},
            {"column": "flag", "in": [-1, 0]}, {"column": "score", "min": 0.2}, {"tag": "smile"},
        ],
        "sort": [{"column": "score", "desc": True}],
        "mode": "map",
    }


def test_the_thumbs_of_a_range_follow_keys(parts: Any, page: Any) -> None:
    parts(
        "histogram",
        """
        window.told = [];
        const changed = (...ends) => window.told.push(ends);
        const range = it.rangeHistogram({ title: 'Score', changed });
        const host = document.createElementNS('http://www.w3.org/1999/xhtml', 'div');
        const root = document.documentElement;
        root.append(host);
        range.set({ low: 0, high: 1 });
        window.keyed = (side, key) => range.el.children[1 + side].dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        """,
    )
    told = page.evaluate(
        """() => {
          for (const [side, key] of [[0, 'ArrowRight'], [0, 'PageUp'], [1, 'ArrowLeft'],
            [1, 'Home'], [0, 'Home'], [1, 'End']]) window.keyed(side, key);
          return window.told;
        }"""
    )
    assert told == [
        [0.01, None], [0.11, None], [0.11, 0.99], [0.11, 0.11], [None, 0.11], [None, None],
    ]
