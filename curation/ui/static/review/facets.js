// The filters: pool, video, person, reason, marks, and a range over every measure, counted live.
import { counter } from './counting.js';
import { rangeHistogram } from './histogram.js';
import { button, el, grouped, longSelect, present, settled, short, store, stored, words } from './parts.js';

const FEW = 7;
const whenIdle = window.requestIdleCallback ?? ((run) => setTimeout(() => run({ didTimeout: false, timeRemaining: () => 8 }), 16));
const KEEP = 'curation-review:measures';
const FLAGS = [[1, 'Picks', 'pick', '✔'], [-1, 'Rejects', 'reject', '✕'], [0, 'Unmarked', 'none', '○']];

const NOTED = [[1, 'A note'], [2, 'Tags'], [3, 'A note and tags']];

/** The clause of a view for a column, or undefined. */
export function clauseOf(ws, column) {
  return ws.view.where.find((clause) => clause.column === column);
}

/** Put a clause in place of the column's clause; null takes it away. */
export function setClause(ws, column, clause) {
  const others = ws.view.where.filter((one) => one.column !== column);
  ws.setWhere(clause ? [...others, clause] : others);
}

/** Add a value to a column's clause or take it out. */
function toggle(ws, column, value, alone) {
  const now = clauseOf(ws, column)?.in ?? [];
  const has = now.includes(value);
  let wanted = has ? now.filter((one) => one !== value) : [...now, value];
  if (alone) wanted = has && now.length === 1 ? [] : [value];
  setClause(ws, column, wanted.length ? { column, in: wanted } : null);
}

/** A facet of few values side by side: flag, stars, label. */
function rowFacet(ws, { column, title, choices }) {
  const made = new Map();
  const row = el('div', { class: `rv-segments ${column}`, role: 'group', 'aria-label': title });
  return {
    el: row,
    column,
    update(counting) {
      const counts = counting.values(column);
      const asked = new Set(clauseOf(ws, column)?.in ?? []);
      for (const [value, text, name] of choices()) {
        if (!made.has(value)) {
          const one = button('', () => toggle(ws, column, value), { 'data-value': value });
          one.append(el('span', { class: 'glyph', text }), el('span', { class: 'n' }));
          made.set(value, one);
          row.append(one);
        }
        const one = made.get(value);
        const count = counts.get(value) ?? 0;
        one.lastChild.textContent = count > 9999 ? `${Math.round(count / 1000)}k` : grouped(count);
        one.setAttribute('aria-pressed', asked.has(value));
        one.setAttribute('aria-label', `${name}, ${grouped(count)}`);
        one.title = `${name}: ${grouped(count)}`;
        one.classList.toggle('zero', !count);
      }
    },
  };
}

/** A closed-set facet: one line per value with its count, largest first. */
function valueFacet(ws, { column, title, choices, ordered, here, shut = false }) {
  const list = el('ul', { class: 'rv-values' });
  const more = button('More', () => {
    open = !open;
    draw();
  }, { class: 'rv-more' });
  const clear = button('Clear', () => setClause(ws, column, null), {
    class: 'rv-clear', 'aria-label': `Clear the filter on ${title}` });
  const head = el('summary', {}, el('span', { text: title }));
  const body = el('details', { class: 'rv-facet', open: !shut }, head, present(clear, false), list,
    here ? button(here.title, () => here.run(), { class: 'rv-more here' }) : null, present(more, false));
  let open = false;
  let counts = new Map();
  const lines = new Map();

  function line(value, name) {
    let made = lines.get(value);
    if (!made) {
      const count = el('span', { class: 'n' });
      const row = button('', (event) => toggle(ws, column, value, event.altKey), {
        class: 'rv-value', title: 'Alt+click: only this' });
      row.append(el('span', { class: 'name' }), count);
      made = { item: el('li', {}, row), row, count, name: row.firstChild };
      lines.set(value, made);
    }
    made.name.textContent = name;
    return made;
  }

  function draw() {
    const asked = new Set(clauseOf(ws, column)?.in ?? []);
    let shown = choices().map(([value, name]) => [value, name, counts.get(value) ?? 0]);
    shown = shown.filter(([value, , count]) => count || asked.has(value) || ordered || !body.open);
    if (!ordered) shown.sort((a, b) => b[2] - a[2]);
    const rest = shown.length - FEW;
    if (!open && rest > 1) {
      shown = shown.filter(([value], i) => i < FEW || asked.has(value));
    }
    // A folded facet is not counted and holds no lines: the page stays small.
    const items = (body.open ? shown : []).map(([value, name, count]) => {
      const made = line(value, name);
      made.count.textContent = grouped(count);
      made.row.setAttribute('aria-pressed', asked.has(value));
      made.row.classList.toggle('zero', !count);
      return made.item;
    });
    const same = items.length === list.children.length && items.every((item, i) => list.children[i] === item);
    if (!same) list.replaceChildren(...items);
    present(more, body.open && rest > 1);
    more.textContent = open ? 'Show fewer' : `Show ${grouped(rest)} more`;
    present(clear, asked.size > 0);
    present(body, shown.length > 0 || !!here);
  }
  let counted = null;
  const update = (counting) => {
    counted = counting;
    if (body.open) counts = counting.values(column);
    draw();
  };
  body.addEventListener('toggle', () => counted && update(counted));
  return { el: body, column, update };
}

/** A measure's histogram with its two thumbs. */
function measureFacet(ws, { name, title, unit }, removed) {
  const numbers = el('span', { class: 'n' });
  const note = el('span', { class: 'unknown' });
  const close = button('×', removed, {
    class: 'rv-icon small', title: 'Take this measure off the list', 'aria-label': `Take ${title} off the list` });
  const range = rangeHistogram({
    title,
    changed: (min, max) => {
      const clause = { column: name };
      if (min !== null) clause.min = min;
      if (max !== null) clause.max = max;
      setClause(ws, name, min === null && max === null ? null : clause);
    },
  });
  const foot = el('div', { class: 'rv-ends' }, note);
  const body = el('div', { class: 'rv-measure', role: 'group', 'aria-label': title },
    el('div', { class: 'head' }, el('span', { class: 'name', text: title, title: name }), numbers, close), range.el, foot);
  return {
    el: body,
    name,
    update(counting) {
      const found = counting.histogram(name);
      if (!found) {
        note.textContent = ws.ours('No frame has this measure yet');
        range.el.hidden = true;
        return;
      }
      range.el.hidden = false;
      const clause = clauseOf(ws, name);
      const [from, to] = [clause?.min ?? null, clause?.max ?? null];
      range.set({ ...found, from, to });
      numbers.textContent = `${short(from ?? found.low)} – ${short(to ?? found.high)}${unit ? ` ${unit}` : ''}`;
      body.classList.toggle('on', Boolean(clause));
      note.textContent = found.unknown ? `${grouped(found.unknown)} without` : '';
      note.hidden = !found.unknown;
    },
  };
}

function wantedMeasures(ws) {
  let kept = null;
  try {
    kept = JSON.parse(stored(KEEP));
  } catch {
    // written by hand: start afresh
  }
  const known = new Map(measuresOf(ws).map((one) => [one.name, one]));
  const names = Array.isArray(kept) ? kept : ['score', 'time_s', 'face_focus', 'face_frac', 'eye_open', 'luma_mean'];
  return names.filter((name) => known.has(name)).map((name) => known.get(name));
}

/** Every number that can be filtered: the score and time of the table, and the stored measures. */
export function measuresOf(ws) {
  const own = [
    { name: 'score', title: 'Score', unit: '', group: 'Decision' },
    { name: 'rank', title: 'Rank', unit: '', group: 'Decision' },
    { name: 'time_s', title: ws.ours('Time in the video'), unit: 's', group: ws.ours('Frame') },
    { name: 'width', title: 'Width', unit: 'px', group: ws.ours('Frame') },
    { name: 'height', title: 'Height', unit: 'px', group: ws.ours('Frame') },
  ];
  const names = new Set(own.map((one) => one.name));
  return [...own, ...ws.table.header.measures.filter((one) => !names.has(one.name))];
}

/** Measures as the choices of a select, by group. */
export function measureChoices(ws, without = new Set()) {
  const groups = new Map();
  for (const one of measuresOf(ws)) {
    if (without.has(one.name)) continue;
    const group = one.group || 'Measures';
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push([one.name, one.title || one.name]);
  }
  return [...groups].map(([group, choices]) => ({ group, choices }));
}

/** A clause as a person reads it: "Score 0.20 – 0.90", "Pool face, full body", "Tag smile". */
export function inWords(ws, clause) {
  if (clause.title) return clause.title;
  if (clause.tag !== undefined) return `Tag ${clause.tag}`;
  const { lists, header } = ws.table;
  const title = measuresOf(ws).find((one) => one.name === clause.column)?.title ?? words(clause.column);
  const name = title[0].toUpperCase() + title.slice(1);
  if (!clause.in) {
    const [low, high] = [clause.min === undefined ? '' : short(clause.min), clause.max === undefined ? '' : short(clause.max)];
    return low && high ? `${name} ${low} – ${high}` : low ? `${name} from ${low}` : `${name} to ${high}`;
  }
  if (clause.column === 'flag') return clause.in.map((value) => FLAGS.find(([one]) => one === value)?.[1] ?? value).join(', ');
  if (clause.column === 'noted') return clause.in.map((value) => NOTED[value - 1]?.[1] ?? 'No note').join(', ');
  const named = clause.column === 'reason' ? header.reasons.map((one) => one.text || one.code) : lists[clause.column];
  const offset = ['person', 'shot'].includes(clause.column) ? 1 : 0;
  return `${name} ${clause.in.map((value) => words(named?.[value] ?? value + offset)).join(', ')}`;
}

/** The tags that people gave, each a filter; asked for again after tags changed. */
function tagFacet(ws) {
  const list = el('div', { class: 'rv-tags' });
  const body = el('details', { class: 'rv-facet', open: true }, el('summary', {}, el('span', { text: 'Tag' })), list);
  ws.tags ??= {};
  const toggleTag = (tag) => {
    const others = ws.view.where.filter((one) => one.tag !== tag);
    ws.setWhere(others.length < ws.view.where.length ? others : [...others, { tag }]);
  };
  const facet = {
    el: body,
    update() {
      const asked = new Set(ws.view.where.map((one) => one.tag));
      const tags = Object.entries(ws.tags).sort((a, b) => b[1] - a[1]);
      present(body, tags.length > 0);
      list.replaceChildren(...tags.map(([tag, count]) => button(`${tag} ${grouped(count)}`, () => toggleTag(tag), {
        class: 'rv-tagged', 'aria-pressed': String(asked.has(tag)) })));
    },
    load: settled(async () => {
      try {
        ws.tags = await ws.ask('api/review/tags');
      } catch {
        return; // the tags that are known stay
      }
      facet.update();
    }, 700),
  };
  facet.load();
  return facet;
}

const listed = (names) => (names ?? []).map((name, i) => [i, name.title ?? name.text ?? name.name ?? words(name)]);

function numbered(ws, column, what) {
  let seen = null;
  let of = null;
  return () => {
    const values = ws.table[column];
    if (of !== values) {
      seen = [...new Set(values)].sort((a, b) => a - b).slice(0, 2000);
      of = values;
    }
    return seen.map((value) => [value, value < 0 ? 'Nobody known' : `${what} ${value + 1}`]);
  };
}

export function setup(ws) {
  const counting = counter(ws);
  let facets = [];
  let measures = [];
  let tags = null;
  const host = el('div', { class: 'rv-facets' });
  const measureList = el('div', { class: 'rv-measures' });
  const adder = el('div', { class: 'rv-add' });
  const chips = el('div', { class: 'rv-chips', role: 'group', 'aria-label': 'Filters that are set' });
  const clearAll = button('Clear all filters', () => ws.setWhere([]), { class: 'rv-more' });

  function build() {
    const { header } = ws.table;
    const reasons = header.reasons.map((one, i) => [i, one.text || one.code]);
    const labels = header.labels ?? [];
    const marks = [
      { column: 'flag', title: 'Mark', choices: () => FLAGS.map(([value, name, , glyph]) => [value, glyph, name]) },
      { column: 'stars', title: 'Stars', shut: true, choices: () => [0, 1, 2, 3, 4, 5].map((v) => [v, v ? `${v}★` : '–', v ? `${v} ${v > 1 ? 'stars' : 'star'}` : 'No stars']) },
      { column: 'label', title: 'Label', shut: true, choices: () => [[0, '–', 'No label'], ...labels.map((name, i) => [i + 1, '■', `Label ${name}`])] },
    ].map((spec) => rowFacet(ws, spec));
    const sets = [
      { column: 'pool', title: 'Pool', choices: () => listed(header.pools) },
      { column: 'verdict', title: 'Decision', choices: () => listed(header.verdicts) },
      { column: 'reason', title: 'Reason', choices: () => reasons },
      { column: 'video', title: ws.ours('Video'), choices: () => listed(header.videos) },
      { column: 'person', title: 'Person', shut: true, choices: numbered(ws, 'person', 'Person') },
      { column: 'shot', title: 'Shot', shut: true, choices: () => shotChoices(), here: { title: ws.ours('The shot of this frame'), run: oneShot } },
      { column: 'noted', title: 'Notes and tags', shut: true, choices: () => NOTED },
    ].map((spec) => valueFacet(ws, spec));
    tags = tagFacet(ws);
    facets = [...marks, ...sets, tags];
    measures = wantedMeasures(ws).map(makeMeasure);
    host.replaceChildren(chips, present(clearAll, false), ...marks.map((facet) => facet.el),
      el('details', { class: 'rv-facet', open: true }, el('summary', {}, el('span', { text: 'Measures' })), measureList, adder),
      ...sets.map((facet) => facet.el), present(tags.el, false));
    redrawMeasures();
  }
  function shotChoices() {
    const asked = clauseOf(ws, 'shot')?.in ?? [];
    return asked.map((value) => [value, `Shot ${value + 1}`]);
  }
  function oneShot() {
    const row = ws.view.at(ws.cursor);
    const shot = row >= 0 ? ws.table.shot[row] : -1;
    if (shot < 0) return ws.toast(ws.ours('This frame belongs to no known shot'));
    const others = ws.view.where.filter((one) => one.column !== 'shot' && one.column !== 'video');
    return ws.setWhere([...others, { column: 'video', in: [ws.table.video[row]] }, { column: 'shot', in: [shot] }]);
  }
  function makeMeasure(spec) {
    const made = measureFacet(ws, spec, () => {
      measures = measures.filter((one) => one !== made);
      setClause(ws, spec.name, null);
      redrawMeasures();
    });
    ws.table.measure(spec.name).then(refresh, (error) => ws.toast(`${spec.title}: ${error.message}`));
    return made;
  }
  function redrawMeasures() {
    measureList.replaceChildren(...measures.map((one) => one.el));
    store(KEEP, JSON.stringify(measures.map((one) => one.name)));
    const there = new Set(measures.map((one) => one.name));
    const choice = longSelect([['', 'Add a measure…'], ...measureChoices(ws, there)], '', (name) => ws.showMeasure(name),
      { 'aria-label': 'Add a measure to filter by' });
    adder.replaceChildren(choice);
    refresh();
  }
  /** Put a measure on the list, if it is not there, and bring it into sight. */
  ws.showMeasure = (name) => {
    const spec = measuresOf(ws).find((one) => one.name === name);
    if (!spec) return;
    if (!measures.some((one) => one.name === name)) {
      measures.push(makeMeasure(spec));
      redrawMeasures();
    }
    measures.find((one) => one.name === name)?.el.scrollIntoView({ block: 'nearest' });
  };

  function drawChips() {
    const made = ws.view.where.map((clause) => {
      const chip = button('', () => ws.setWhere(ws.view.where.filter((one) => one !== clause)), {
        'aria-label': `Take away the filter ${inWords(ws, clause)}` });
      chip.append(el('span', { text: inWords(ws, clause) }));
      return chip;
    });
    chips.replaceChildren(...made);
  }

  let waiting = [];
  let due = 0;
  // Counting goes on in the pauses of the page, part by part: a drag paints the grid first.
  const slice = (deadline) => {
    due = 0;
    const shown = host.isConnected && host.clientWidth;
    while (shown && waiting.length && (deadline.didTimeout || deadline.timeRemaining() > 3)) {
      waiting.shift()();
      if (deadline.didTimeout) break;
    }
    if (shown && waiting.length) due = whenIdle(slice, { timeout: 120 });
  };
  const refresh = () => {
    waiting = ws.table ? [begin] : [];
    due ||= whenIdle(slice, { timeout: 120 });
  };
  // Looking where parts lie makes the page lay itself out: not while a mark waits to be painted.
  function begin() {
    present(clearAll, ws.view.where.length > 1);
    drawChips();
    const parts = [...facets, ...measures].map((part) => [near(part.el) ? 0 : 1, part]);
    counting.prepare();
    waiting = parts.sort((a, b) => a[0] - b[0]).map(([, part]) => () => part.update(counting));
  }
  /** Whether a part can be seen, or nearly. */
  function near(part) {
    const [box, room] = [part.getBoundingClientRect(), ws.sides.left.getBoundingClientRect()];
    return box.bottom > room.top - 100 && box.top < room.bottom + 100;
  }
  ws.addPanel('left', {
    title: 'Filters',
    mount(place) {
      place.append(host);
      new ResizeObserver(refresh).observe(host);
    },
    update({ name, data }) {
      if (name === 'table') {
        counting.changed('table');
        build();
      } else if (name === 'marks' || name === 'decision') {
        counting.changed(name);
        if (['tag', 'untag', 'others'].includes(data.kind)) tags?.load();
        refresh();
      } else if (name === 'view') refresh();
    },
  });
}
