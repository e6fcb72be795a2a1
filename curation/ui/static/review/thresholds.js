// Threshold sliders: a move paints what the limit itself decides at once, the exact answer with
// quotas and duplicates follows from the studio, and the picks per pool follow both.
import { BINS, binned, niceStep, span, spread } from './histogram.js';
import { button, el, grouped, ink, painted, sharp, short, store, stored } from './parts.js';

/** The values that a limit decides about: NaN in other pools, without sign where it has none. */
function judged(table, meter, values) {
  const found = new Float32Array(values.length);
  const inside = new Uint8Array(256).fill(meter.pools.length ? 0 : 1);
  for (const name of meter.pools) inside[table.lists.pool.indexOf(name) & 255] = 1;
  for (let i = 0; i < values.length; i += 1) {
    found[i] = inside[table.decided.pool[i]] ? values[i] : NaN;
    if (meter.magnitude && found[i] < 0) found[i] = -found[i];
  }
  return found;
}

/** One slider over the histogram of what it decides about. */
function slider(ws, meter, moved) {
  const canvas = el('canvas', { class: 'rv-bars', 'aria-hidden': 'true' });
  const number = el('input', {
    type: 'number', class: 'rv-number', step: 'any', 'aria-label': `${meter.title}, as a number`,
    onchange: () => set(number.value === '' ? NaN : Number(number.value)) });
  const input = el('input', { type: 'range', min: 0, max: 1, step: 'any', 'aria-label': meter.title });
  const back = button('↺', () => set(ws.judge.stored[meter.param]), {
    class: 'rv-icon small', title: 'Put back the stored value', 'aria-label': `Put back ${meter.title}` });
  const name = el('span', {
    class: 'name', text: meter.title, title: `${meter.title}: ${meter.least ? 'at least' : meter.equal_fails ? 'less than' : 'at most'} this (${meter.param})` });
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
    const away = value !== ws.judge.stored[meter.param];
    back.hidden = !away;
    body.classList.toggle('on', away);
    draw();
  }
  function set(to) {
    const whole = meter.step === 1 ? Math.round(to) : to;
    if (Number.isFinite(to)) value = Math.min(meter.high, Math.max(meter.low, whole));
    input.value = value;
    show();
    moved(meter.param, value);
  }
  input.addEventListener('input', () => {
    const step = Math.max(niceStep(ends.high - ends.low), meter.step || 0);
    const to = Number((Math.round(Number(input.value) / step) * step).toPrecision(6));
    value = Math.min(meter.high, Math.max(meter.low, to));
    show();
    moved(meter.param, value);
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
    /** Stand where the limit stands now, after it was kept or put back. */
    follow() {
      value = ws.judge.values[meter.param];
      input.value = value;
      show();
    },
  };
}

const FIRST = 4;
const KEY = 'curation-review:all-limits';

export function setup(ws) {
  let sliders = [];
  let all = stored(KEY) === '1';
  const more = button('', () => {
    all = !all;
    store(KEY, all ? '1' : '0');
    sift();
  }, { class: 'rv-more' });
  const counts = el('div', { class: 'rv-picks', role: 'status' });
  const state = el('p', { class: 'rv-said', role: 'status', hidden: true });
  const list = el('div', { class: 'rv-measures' });
  const apply = button('Apply', () => keep(), {
    class: 'rv-button primary', title: 'Make these limits the recipe and rank with them', disabled: true });
  const reset = button('Put back', () => ws.judge.reset(), { class: 'rv-button', disabled: true });
  const host = el('div', { class: 'rv-thresholds' }, counts, el('div', { class: 'rv-row' }, apply, reset), state, list, more);

  const waiting = new Map();
  const judge = painted(() => {
    say('');
    for (const [param, value] of waiting) ws.judge.set(param, value);
    waiting.clear();
  });
  const moved = (param, value) => {
    waiting.set(param, value);
    judge();
  };

  function showCounts() {
    const { table, judge } = ws;
    const cells = table.lists.pool.flatMap((pool, i) => {
      const [now, before] = [judge.picked[pool] ?? 0, judge.storedPicked[pool] ?? 0];
      if (!now && !before) return [];
      const change = now - before;
      const title = (table.header.pools[i]?.title ?? pool).replaceAll('_', ' ');
      const delta = change ? el('span', {
        class: `delta ${change > 0 ? 'up' : 'down'}`, text: `${change > 0 ? '+' : '−'}${grouped(Math.abs(change))}` }) : null;
      return [el('div', {}, el('b', { text: `${judge.exact ? '' : '≈ '}${grouped(now)}` }), delta,
        el('span', { class: 'name', text: title }))];
    });
    counts.replaceChildren(...(cells.length ? cells : [el('p', { class: 'rv-said', text: 'Nothing is picked.' })]));
    apply.disabled = !judge.moved || !judge.exact;
    reset.disabled = !judge.moved;
  }
  function say(text) {
    state.textContent = text;
    state.hidden = !text;
  }
  async function keep() {
    apply.disabled = true;
    try {
      await ws.judge.apply();
      for (const one of sliders) one.follow();
      say('These are the limits of the recipe now. The ranked folders are being made anew.');
    } catch (error) {
      say(`Nothing was kept: ${error.message}`);
    }
    showCounts();
  }
  /** The first limits and those that were moved; the others on demand. */
  function sift() {
    const moved = sliders.map((one) => ws.judge.values[one.meter.param] !== ws.judge.stored[one.meter.param]);
    sliders.forEach((one, i) => { one.el.hidden = !(all || i < FIRST || moved[i]); });
    const shown = sliders.filter((one) => !one.el.hidden).map((one) => one.el);
    // Taken away only where that is needed: an element that is put back loses the focus.
    if (shown.length !== list.children.length || shown.some((one, i) => list.children[i] !== one)) {
      list.replaceChildren(...shown);
    }
    more.hidden = sliders.length <= FIRST;
    more.textContent = all ? 'Show fewer limits' : `Show all ${sliders.length} limits`;
    load();
  }
  function build() {
    sliders = ws.judge.thresholds.map((meter) => slider(ws, meter, moved));
    if (!sliders.length) say('There is nothing to decide about yet. Run Score & rank first.');
    showCounts();
    sift();
  }
  let loaded = null;
  const filled = new Set();
  /** The measures behind the sliders come when the panel is first looked at. */
  async function load() {
    if (!ws.table || !host.clientWidth) return;
    if (loaded !== ws.table) filled.clear();
    loaded = ws.table;
    for (const one of sliders) {
      if (one.el.hidden || filled.has(one)) continue;
      filled.add(one);
      try {
        one.fill(await ws.judge.prepare(one.meter.param));
      } catch (error) {
        one.el.classList.add('empty');
        one.el.title = error.message;
      }
      if (loaded !== ws.table) return;
    }
  }
  ws.addCommand('limits.keep', { title: 'Keep the moved limits', group: 'Limits', run: () => ws.judge?.moved && keep() });
  ws.addCommand('limits.back', { title: 'Put the limits back', group: 'Limits', run: () => ws.judge?.reset() });
  ws.addPanel('left', {
    title: 'Limits',
    mount(place) {
      place.append(host);
      new ResizeObserver(load).observe(host);
    },
    update({ name }) {
      if (name === 'table') build();
      if (name !== 'decision') return;
      showCounts();
      if (!ws.judge.moved) for (const one of sliders) one.follow();
    },
  });
}
