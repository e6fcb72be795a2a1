// Threshold sliders: a move paints what the limit itself decides at once, the exact answer with
// quotas and duplicates follows from the studio, and the picks per pool follow both.
import { BINS, binned, niceStep, span, spread } from './histogram.js';
import { button, el, grouped, ink, painted, said, sending, settled, sharp, short } from './parts.js';
import { judged, redecide, tally } from './redecide.js';

const ASK_AFTER_MS = 60;

/** One slider over the histogram of what it decides about. */
function slider(ws, meter, moved) {
  const canvas = el('canvas', { class: 'rv-bars', 'aria-hidden': 'true' });
  const number = el('input', {
    type: 'number', class: 'rv-number', step: 'any', 'aria-label': `${meter.title}, as a number`,
    onchange: () => set(number.value === '' ? NaN : Number(number.value)) });
  const input = el('input', { type: 'range', min: 0, max: 1, step: 'any', 'aria-label': meter.title });
  const back = button('↺', () => set(meter.value), {
    class: 'rv-icon small', title: 'Put back the stored value', 'aria-label': `Put back ${meter.title}` });
  const name = el('span', {
    class: 'name', text: meter.title, title: `${meter.title}: ${meter.least ? 'at least' : 'less than'} this (${meter.param})` });
  const body = el('div', { class: 'rv-measure rv-threshold', role: 'group', 'aria-label': meter.title },
    el('div', { class: 'head' }, name, back, number), el('div', { class: 'rv-track' }, canvas, input));
  let counts = null;
  let ends = { low: meter.low, high: meter.high };
  let value = meter.value;
  let values = null;

  const draw = painted(() => {
    if (!canvas.clientWidth) return;
    const [context, width, height] = sharp(canvas, canvas.clientWidth, canvas.clientHeight);
    const limit = (value - ends.low) / (ends.high - ends.low);
    let top = 1;
    for (let i = 0; counts && i < BINS; i += 1) top = Math.max(top, counts[i]);
    const [passes, fails] = [ink(canvas, '--rv-accent', '#2dd4bf'), ink(canvas, '--rv-faint', '#56626e')];
    for (let i = 0; counts && i < BINS; i += 1) {
      const over = (i + 0.5) / BINS >= limit;
      context.fillStyle = over === meter.least ? passes : fails;
      const h = counts[i] ? Math.max(1.5, Math.sqrt(counts[i] / top) * (height - 2)) : 0;
      context.fillRect((i / BINS) * width, height - h, width / BINS - 0.5, h);
    }
    context.fillStyle = ink(canvas, '--rv-text', '#e6e9ec');
    context.fillRect(Math.min(width - 1.5, Math.max(0, limit * width)), 0, 1.5, height);
  });
  function show() {
    number.value = Number(value.toPrecision(4));
    input.setAttribute('aria-valuetext', short(value));
    back.hidden = value === meter.value;
    body.classList.toggle('on', value !== meter.value);
    draw();
  }
  function set(to) {
    if (Number.isFinite(to)) value = Math.min(meter.high, Math.max(meter.low, to));
    input.value = value;
    show();
    moved();
  }
  input.addEventListener('input', () => {
    const step = Math.max(niceStep(ends.high - ends.low), meter.step || 0);
    const to = Number((Math.round(Number(input.value) / step) * step).toPrecision(6));
    value = Math.min(meter.high, Math.max(meter.low, to));
    show();
    moved();
  });
  new ResizeObserver(draw).observe(canvas);
  return {
    el: body,
    meter,
    set,
    get value() { return value; },
    get values() { return values; },
    /** Take the measure that the limit is held against, float32 by row. */
    fill(given) {
      values = given;
      const held = judged(ws.table, meter, given);
      const all = span(held);
      body.classList.toggle('empty', !all);
      if (all) {
        ends = { low: Math.max(meter.low, Math.min(all.low, value)), high: Math.min(meter.high, Math.max(all.high, value)) };
        if (!(ends.high > ends.low)) ends = { low: meter.low, high: meter.high };
        counts = spread(binned(held, ends));
      }
      Object.assign(input, { min: ends.low, max: ends.high, step: (ends.high - ends.low) / 1000 });
      input.value = value;
      show();
    },
    /** The limit as it is stored now, after it was applied. */
    keep() {
      meter.value = value;
      show();
    },
  };
}

export function setup(ws) {
  let sliders = [];
  let asked = null;
  let exact = true;
  const counts = el('div', { class: 'rv-picks', role: 'status' });
  const state = el('p', { class: 'rv-said', role: 'status' });
  const list = el('div', { class: 'rv-measures' });
  const apply = button('Apply', () => keep(), { class: 'rv-button primary', disabled: true });
  const reset = button('Put back', () => putBack(), { class: 'rv-button', disabled: true });
  const host = el('div', { class: 'rv-thresholds' }, counts, el('div', { class: 'rv-row' }, apply, reset), state, list);

  const params = () => Object.fromEntries(sliders.filter((one) => one.value !== one.meter.value)
    .map((one) => [one.meter.param, one.value]));
  const limits = () => sliders.map(({ meter, value, values }) => ({ meter, value, values }));
  const isMoved = () => Object.keys(params()).length > 0;

  function showCounts() {
    const { table } = ws;
    const now = tally(table, table.pool, table.verdict);
    const before = tally(table, table.decided.pool, table.decided.verdict);
    const cells = table.lists.pool.flatMap((pool, i) => {
      if (!now[i] && !before[i]) return [];
      const change = now[i] - before[i];
      const title = (table.header.pools[i]?.title ?? pool).replaceAll('_', ' ');
      return [el('div', {}, el('b', { text: `${exact ? '' : '≈ '}${grouped(now[i])}` }),
        change ? el('span', { class: `delta ${change > 0 ? 'up' : 'down'}`, text: `${change > 0 ? '+' : '−'}${grouped(Math.abs(change))}` }) : null,
        el('span', { class: 'name', text: title }))];
    });
    counts.replaceChildren(...cells);
  }
  function showState(text = '') {
    const moved = isMoved();
    apply.disabled = !moved;
    reset.disabled = !moved;
    state.textContent = text;
    state.hidden = !text;
  }

  const repaint = painted(() => {
    const moved = redecide(ws.table, limits());
    exact = !moved;
    ws.emit('decision', { exact, columns: ['verdict', 'reason'] });
    showCounts();
    showState();
    if (moved) ask();
    else asked?.abort();
  });

  const ask = settled(async () => {
    asked?.abort();
    const mine = new AbortController();
    asked = mine;
    const wanted = JSON.stringify(params());
    try {
      const answer = await fetch(ws.url('api/review/decide'), { ...sending('POST', params()), signal: mine.signal });
      if (!answer.ok) throw new Error(await said(answer));
      const bytes = await answer.arrayBuffer();
      if (JSON.stringify(params()) !== wanted) return;
      ws.table.take(bytes);
      exact = true;
      ws.emit('decision', { exact: true, columns: ['pool', 'verdict', 'reason', 'rank', 'score', 'keeper'] });
      showCounts();
    } catch (error) {
      if (error.name !== 'AbortError') showState(`The exact picks are not known: ${error.message}`);
    }
  }, ASK_AFTER_MS);

  function putBack() {
    ask.cancel();
    for (const one of sliders) if (one.value !== one.meter.value) one.set(one.meter.value);
    repaint();
  }
  async function keep() {
    apply.disabled = true;
    try {
      const answer = await fetch(ws.url('api/review/thresholds'), sending('POST', params()));
      if (!answer.ok) throw new Error(await said(answer));
      if (exact) ws.table.keepDecided();
      for (const one of sliders) one.keep();
      showCounts();
      showState('These are the limits of the recipe now. The ranked folders are being made anew.');
      ws.toast('The limits are kept; the ranking runs');
    } catch (error) {
      showState(`Nothing was kept: ${error.message}`);
      apply.disabled = false;
    }
  }

  function build() {
    sliders = (ws.table.header.thresholds ?? []).map((meter) => slider(ws, meter, repaint));
    list.replaceChildren(...sliders.map((one) => one.el));
    showCounts();
    showState();
    load();
  }
  let loaded = null;
  /** The measures behind the sliders come when the panel is first looked at. */
  async function load() {
    if (loaded === ws.table || !host.clientWidth) return;
    loaded = ws.table;
    for (const one of sliders) {
      try {
        one.fill(await ws.table.measure(one.meter.column));
      } catch (error) {
        one.el.classList.add('empty');
        one.el.title = error.message;
      }
      if (loaded !== ws.table) return;
    }
  }
  ws.on('table', () => host.isConnected && build());
  ws.addCommand('thresholds.apply', { title: 'Keep the moved limits', group: 'Limits', run: () => isMoved() && keep() });
  ws.addCommand('thresholds.reset', { title: 'Put the limits back', group: 'Limits', run: putBack });
  ws.addPanel('left', {
    title: 'Limits',
    mount(place) {
      place.append(host);
      if (ws.table) build();
      new ResizeObserver(load).observe(host);
    },
    update() {},
  });
}
