"""The arithmetic of the review workspace, in the browser that runs it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Server

pytestmark = [pytest.mark.browser]

TABLE = """
const n = 20000;
let seed = 7;
const next = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
const columns = {
  score: new Float32Array(n), pool: new Uint8Array(n), flag: new Int8Array(n),
  rank: new Int32Array(n), frame_id: new Int32Array(n),
};
for (let i = 0; i < n; i++) {
  columns.score[i] = next() < 0.1 ? NaN : next() * 4 - 2;
  columns.pool[i] = Math.floor(next() * 6);
  columns.flag[i] = Math.floor(next() * 3) - 1;
  columns.rank[i] = next() < 0.8 ? 0 : Math.floor(next() * 500) + 1;
  columns.frame_id[i] = 3 * i + 1;
}
const table = { n, column: (name) => columns[name] ?? null, lists: {
  pool: ['face', 'body', 'both', 'none', 'five', 'six'], video: ['a.mp4'] },
  header: { videos: [{ id: 41, name: 'a.mp4' }] } };
"""


@pytest.fixture
def run(page: Any, server: Server) -> Any:
    """Return what runs the body of an async function with the modules of the workspace."""
    page.goto(f"{server.url}/healthz")

    def evaluate(body: str) -> Any:
        return page.evaluate(
            "async () => { const from = (name) => import('/ui/review/' + name + '.js');"
            f"{TABLE} {body} }}"
        )

    return evaluate


def test_sorting_agrees_with_a_comparator_and_puts_the_unknown_last(run: Any) -> None:
    wrong = run("""
      const { sorted } = await from('filter');
      const wrong = [];
      const cases = [[['score', true]], [['score', false]], [['rank', false]], [['rank', true]],
        [['pool', true], ['score', false]], [['flag', false], ['pool', false], ['rank', true]]];
      for (const one of cases) {
        const sort = one.map(([column, desc]) => ({ column, desc }));
        const key = (row) => sort.map(({ column, desc }) => {
          const value = columns[column][row];
          if (Number.isNaN(value) || (column === 'rank' && !value)) return Infinity;
          return desc ? -value : value;
        });
        const keys = Array.from({ length: n }, (_, row) => key(row));
        const wanted = Array.from({ length: n }, (_, row) => row).sort((a, b) => {
          for (let i = 0; i < sort.length; i++) {
            if (keys[a][i] !== keys[b][i]) return keys[a][i] < keys[b][i] ? -1 : 1;
          }
          return a - b;
        });
        const found = sorted(table, sort);
        if (wanted.some((row, i) => row !== found[i])) wrong.push(one);
      }
      return wrong;""")
    assert wrong == []


def test_filters_take_bounds_in_the_precision_of_the_column_and_no_unknown(run: Any) -> None:
    found = run("""
      const { View } = await from('filter');
      columns.score[5] = 0.1;
      const view = new View(table);
      const count = (where) => { view.where = where; view.run(); return view.count; };
      const plain = (test) => { let k = 0; for (let i = 0; i < n; i++) k += test(i); return k; };
      const exact = Math.fround(0.1);
      return [
        [count([{ column: 'score', max: 0.1 }]), plain((i) => columns.score[i] <= exact)],
        [count([{ column: 'score', min: -9 }]), plain((i) => !Number.isNaN(columns.score[i]))],
        [count([{ column: 'flag', in: [-1] }]), plain((i) => columns.flag[i] === -1)],
        [count([{ column: 'pool', in: [1, 2] }, { column: 'flag', in: [0, 1] }]),
          plain((i) => [1, 2].includes(columns.pool[i]) && columns.flag[i] >= 0)],
        [count([{ column: 'nothing', min: 0 }]), 0],
        [count([]), n],
      ];""")
    for counted, wanted in found:
        assert counted == wanted


def test_a_selection_of_ranges_agrees_with_a_set(run: Any) -> None:
    assert run("""
      const { Selection } = await from('selection');
      let selection = new Selection();
      const wanted = new Set();
      for (let k = 0; k < 400; k++) {
        const first = Math.floor(next() * 200);
        const last = Math.min(199, first + Math.floor(next() * 20));
        const adds = next() < 0.6;
        selection = adds ? selection.with(first, last) : selection.without(first, last);
        for (let i = first; i <= last; i++) if (adds) wanted.add(i); else wanted.delete(i);
        if (next() < 0.3) {
          selection = selection.toggled(first);
          if (wanted.has(first)) wanted.delete(first); else wanted.add(first);
        }
        if (selection.count !== wanted.size) return [k, 'count'];
        for (let i = 0; i < 200; i++) if (selection.has(i) !== wanted.has(i)) return [k, i];
        const apart = selection.ranges.every((range, i, all) => range[0] <= range[1]
          && (i === 0 || all[i - 1][1] < range[0] - 1));
        if (!apart) return [k, 'ranges touch'];
      }
      return 'the same';""") == "the same"


def test_a_link_says_a_view_and_is_read_back(run: Any) -> None:
    back, words = run("""
      const { readLink, writeLink } = await from('link');
      const state = {
        where: [{ column: 'pool', in: [0, 2] }, { column: 'score', min: 0.2, max: 0.9 },
          { column: 'flag', in: [1, 0] }, { column: 'video', in: [0] }, { tag: 'a & b' },
          { column: 'rank', min: 3 }],
        sort: [{ column: 'score', desc: true }, { column: 'rank', desc: false }],
        frame: 123, mode: 'loupe',
      };
      const words = writeLink(state, table);
      const known = (name) => name === 'video' || name in columns;
      return [readLink('?' + words, table, known), words, state];""")[:2]
    assert "pool=face,both" in words
    assert "score=0.2..0.9" in words
    assert "flag=pick,none" in words
    assert "video=41" in words
    assert back["frame"] == 123
    assert back["mode"] == "loupe"
    assert back["sort"][0] == {"column": "score", "desc": True}
    assert {"column": "score", "min": 0.2, "max": 0.9} in back["where"]
    assert {"tag": "a & b"} in back["where"]
    assert {"column": "rank", "min": 3} in back["where"]
    assert {"column": "pool", "in": [0, 2]} in back["where"]


def test_ids_become_ranges_only_where_they_are_neighbours(run: Any) -> None:
    assert run("""
      const { idRanges } = await from('marks');
      return idRanges([9, 3, 4, 5, 7, 10]);""") == [[3, 5], [7, 7], [9, 10]]


def test_keys_are_named_the_same_on_every_layout(run: Any) -> None:
    names = run("""
      const { comboOf, comboText, PRESETS } = await from('keys');
      const press = (key, more = {}) => comboOf({ key, code: '', ...more });
      return [press('P', { shiftKey: true }), press('z', { metaKey: true }), press(' '),
        press('?', { shiftKey: true }), press('&', { code: 'Digit1' }),
        press('ArrowLeft', { shiftKey: true }), comboText('ctrl+shift+z'), comboText('+'),
        Object.keys(PRESETS).sort()];""")
    assert names == [
        "shift+p", "ctrl+z", "space", "?", "1", "shift+arrowleft", "Ctrl + Shift + Z", "+",
        ["darktable", "lightroom", "photomechanic"],
    ]
