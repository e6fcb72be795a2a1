// The limits as the sliders stand: judged at once in this page, then exactly by the studio.
import { redecide, tally } from './redecide.js';
import { DECIDED, fetchBytes } from './table.js';

// Longer than the gaps of a drag: each question takes a core away from the page that paints the guess.
const ASK_AFTER_MS = 180;

/**
 * {thresholds, stored, values, exact, moved, picked, storedPicked, prepare, set, reset, apply}.
 * `picked` and `storedPicked` are picks by pool: {pool: n}.
 */
export function judgeOf(ws) {
  const { table } = ws;
  const thresholds = table.header.thresholds ?? [];
  const columns = new Map();
  const faces = new Map();
  const stored = Object.fromEntries(thresholds.map((one) => [one.param, one.value]));
  const values = { ...stored };
  let question = 0;
  let asking = null;
  let timer = 0;
  const byPool = (pools, verdicts) => Object.fromEntries(
    tally(table, pools, verdicts).map((count, i) => [table.lists.pool[i], count]));
  const changes = () => Object.fromEntries(Object.entries(values).filter(([key, value]) => value !== stored[key]));
  const judge = {
    thresholds, stored, values,
    exact: true,
    picked: byPool(table.pool, table.verdict),
    storedPicked: byPool(table.decided.pool, table.decided.verdict),
    /** Whether a limit stands elsewhere than it is stored. */
    get moved() { return Object.keys(changes()).length > 0; },
    /** Fetch what a limit is held against, so that it answers from its first move: float32 by row. */
    async prepare(param) {
      if (!columns.has(param)) {
        const { column, judged } = thresholds.find((one) => one.param === param);
        const [own, size] = await Promise.all([table.measure(column), judged ? table.measure(judged.column) : null]);
        columns.set(param, own);
        faces.set(param, size);
      }
      return columns.get(param);
    },
    /** Move a limit: what it decides itself is told at once, the exact answer comes later. */
    set(param, value) {
      if (values[param] === value) return;
      values[param] = value;
      if (!columns.has(param)) judge.prepare(param).then(guess, () => {});
      guess();
      ask();
    },
    /** Put all limits back to where they are stored. */
    reset() {
      Object.assign(values, stored);
      question += 1;
      clearTimeout(timer);
      asking?.abort();
      table.restoreDecided();
      tell(true, DECIDED);
    },
    /** Ask anew how things stand: ratings may have moved the scores. Rejects when they are not known. */
    async refresh() {
      question += 1;
      clearTimeout(timer);
      asking?.abort();
      const [mine, asked] = [question, changes()];
      const bytes = await decided(asked);
      if (mine !== question) return;
      table.take(bytes);
      if (!Object.keys(asked).length) {
        table.keepDecided();
        table.ahead = true;
        judge.storedPicked = byPool(table.pool, table.verdict);
      }
      tell(true, DECIDED);
    },
    /** Make these limits the recipe, and have the ranking made anew. */
    async apply() {
      const told = await ws.ask('api/review/thresholds', 'POST', { params: changes() });
      Object.assign(stored, values);
      for (const one of thresholds) one.value = values[one.param];
      table.keepDecided();
      judge.storedPicked = { ...judge.picked };
      tell(true, []);
      return told;
    },
  };
  function guess() {
    const limits = thresholds.map((meter) => ({
      meter: { ...meter, value: stored[meter.param] }, value: values[meter.param], values: columns.get(meter.param),
      faces: faces.get(meter.param), leastFace: meter.judged && (values[meter.judged.param] ?? meter.judged.value) }));
    const moved = redecide(table, limits);
    tell(!moved, ['pool', 'verdict', 'reason', 'rank']);
  }
  function ask() {
    question += 1;
    clearTimeout(timer);
    timer = setTimeout(send, ASK_AFTER_MS);
  }
  // The newest question counts: an older one is called off.
  async function send() {
    const mine = question;
    const asked = changes();
    asking?.abort();
    if (!Object.keys(asked).length) {
      judge.reset();
      return;
    }
    asking = new AbortController();
    try {
      const bytes = await decided(asked, asking.signal);
      if (mine !== question) return;
      table.take(bytes);
      tell(true, DECIDED);
    } catch (error) {
      if (mine === question && error.name !== 'AbortError') ws.toast(`The exact picks are not known: ${error.message}`);
    }
  }
  function decided(params, signal) {
    return fetchBytes(ws.url('api/review/decide'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ params, client: ws.marks?.client ?? '' }),
      signal,
    });
  }
  function tell(exact, changed) {
    judge.exact = exact;
    judge.picked = byPool(table.pool, table.verdict);
    ws.emit('decision', { exact, columns: changed, picked: judge.picked });
  }
  return judge;
}
