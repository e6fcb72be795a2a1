// How many rows each value of each filter would leave: every filter is counted under all others.
import { NOWHERE, binned, span, spread } from './histogram.js';

const MARKS = new Set(['flag', 'stars', 'label', 'noted']);
const DECIDED = new Set(['pool', 'verdict', 'reason', 'rank', 'score', 'keeper', 'rival']);

/** The typed array of a column, or null while a measure is not loaded. */
export function columnOf(ws, name) {
  return ws.table.column(name);
}

/** Which kind of event makes a column's values change. */
export function kindOf(name) {
  if (MARKS.has(name)) return 'marks';
  return DECIDED.has(name) ? 'decision' : 'table';
}

function failing(ws, clause) {
  const { n } = ws.table;
  const fails = new Uint8Array(n);
  if (clause.rows) {
    for (let i = 0; i < n; i += 1) fails[i] = clause.rows[i] ? 0 : 1;
    return fails;
  }
  const values = clause.column && columnOf(ws, clause.column);
  if (!values) return null;
  if (clause.in) {
    const wanted = new Set(clause.in);
    if (clause.in.every((value) => value >= 0 && value < 256) && values.BYTES_PER_ELEMENT === 1) {
      const passes = new Uint8Array(256);
      for (const value of clause.in) passes[value] = 1;
      for (let i = 0; i < n; i += 1) fails[i] = passes[values[i] & 255] ? 0 : 1;
    } else if (wanted.size === 1) {
      const [only] = wanted;
      for (let i = 0; i < n; i += 1) fails[i] = values[i] === only ? 0 : 1;
    } else for (let i = 0; i < n; i += 1) fails[i] = wanted.has(values[i]) ? 0 : 1;
    return fails;
  }
  const [min, max] = [clause.min ?? -Infinity, clause.max ?? Infinity];
  // Written so that an unknown value (NaN) fails.
  for (let i = 0; i < n; i += 1) fails[i] = values[i] >= min && values[i] <= max ? 0 : 1;
  return fails;
}

/** What two clauses must share to be the same filter: the column, or being a set of rows. */
export function keyOf(clause) {
  if (clause.column) return clause.column;
  return clause.tag === undefined ? `rows:${clause.label ?? ''}` : `tag:${clause.tag}`;
}

/** Counts under the filters of a view; keeps what did not change between two calls. */
export function counter(ws) {
  const masks = new Map();
  const bins = new Map();
  let keys = [];
  let count = new Uint8Array(0);
  let last = new Uint8Array(0);
  let passing = new Int32Array(0);
  let nearly = passing;
  let [passed, missed] = [0, 0];

  function mask(clause) {
    const key = keyOf(clause);
    const told = clause.rows ? clause.rows : JSON.stringify(clause);
    const kept = masks.get(key);
    if (kept && kept.told === told) return kept.fails;
    const fails = failing(ws, clause);
    if (fails) masks.set(key, { told, fails });
    return fails;
  }

  return {
    /** Forget what came from changed values: 'marks', 'decision' or 'table'. */
    changed(kind) {
      for (const kept of [masks, bins]) {
        for (const key of [...kept.keys()]) {
          if (kind === 'table' || kindOf(key) === kind) kept.delete(key);
        }
      }
    },
    /** Find the rows that fail no clause, or one only; call before values and histogram. */
    prepare() {
      const { n } = ws.table;
      if (count.length !== n) [count, last, passing, nearly] = [new Uint8Array(n), new Uint8Array(n), new Int32Array(n), new Int32Array(n)];
      count.fill(0);
      keys = [];
      for (const clause of ws.view.where) {
        const fails = mask(clause);
        if (!fails) continue;
        const index = keys.push(keyOf(clause)) - 1;
        for (let i = 0; i < n; i += 1) {
          if (fails[i]) {
            count[i] += 1;
            last[i] = index;
          }
        }
      }
      [passed, missed] = [0, 0];
      for (let i = 0; i < n; i += 1) {
        if (count[i] === 0) {
          passing[passed] = i;
          passed += 1;
        } else if (count[i] === 1) {
          nearly[missed] = i;
          missed += 1;
        }
      }
    },
    /** Rows by value of a whole-number column, under every filter but its own: Map. */
    values(name) {
      const values = columnOf(ws, name);
      const found = new Map();
      if (!values) return found;
      const own = keys.indexOf(name);
      // Whole numbers from -1 on; the last place stands for -1.
      const most = 1 << 16;
      const tallied = new Uint32Array(most);
      for (let i = 0; i < passed; i += 1) tallied[values[passing[i]] & (most - 1)] += 1;
      if (own >= 0) {
        for (let i = 0; i < missed; i += 1) {
          if (last[nearly[i]] === own) tallied[values[nearly[i]] & (most - 1)] += 1;
        }
      }
      for (let key = 0; key < most; key += 1) {
        if (tallied[key]) found.set(key === most - 1 ? -1 : key, tallied[key]);
      }
      return found;
    },
    /** {counts, behind, low, high} of a measure, under every filter but its own; null if unknown. */
    histogram(name) {
      const values = columnOf(ws, name);
      if (!values) return null;
      let kept = bins.get(name);
      if (!kept) {
        const ends = span(values);
        const each = ends && binned(values, ends);
        kept = ends && { ends, each, behind: spread(each) };
        bins.set(name, kept);
      }
      if (!kept) return null;
      const own = keys.indexOf(name);
      const counts = new Uint32Array(256);
      const { each } = kept;
      for (let i = 0; i < passed; i += 1) counts[each[passing[i]]] += 1;
      if (own >= 0) {
        for (let i = 0; i < missed; i += 1) if (last[nearly[i]] === own) counts[each[nearly[i]]] += 1;
      }
      return {
        counts,
        behind: kept.behind,
        low: kept.ends.low,
        high: kept.ends.high,
        unknown: counts[NOWHERE],
      };
    },
  };
}
