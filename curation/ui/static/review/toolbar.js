// The bar over the grid, the line under it, and short messages.

import { CELL_SIZES, marksInWords } from './grid.js';
import { button, el, frames, grouped, select } from './parts.js';

const TOAST_MS = 4200;
const ICONS = {
  grid: 'M3 3h7v7H3zM14 3h7v7h-7zM3 14h7v7H3zM14 14h7v7h-7z',
  loupe: 'M3 5h18v14H3z',
  compare: 'M3 5h8v14H3zM13 5h8v14h-8z',
  survey: 'M3 4h5v7H3zM10 4h11v7H10zM3 13h11v7H3zM16 13h5v7h-5z',
  map: 'M6 7a2 2 0 1 0 .1 0zM15 5a2 2 0 1 0 .1 0zM11 13a2 2 0 1 0 .1 0zM18 15a2 2 0 1 0 .1 0zM6 17a2 2 0 1 0 .1 0z',
  cull: 'M3 6h9v13H3zM14 8h3v9h-3zM19 10h2v5h-2zM5.5 12.5l2 2 3-4',
  crop: 'M6 2v16h16M2 6h16v16',
  undo: 'M9 5 4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3',
  redo: 'M15 5l5 5-5 5M20 10H10a5 5 0 0 0 0 10h3',
  left: 'M3 4h18v16H3zM9 4v16', right: 'M3 4h18v16H3zM15 4v16',
  down: 'M12 5v14M6 13l6 6 6-6', up: 'M12 19V5M6 11l6-6 6 6',
  full: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  link: 'M10 14l4-4M8 11l-2 2a3.5 3.5 0 0 0 5 5l2-2M16 13l2-2a3.5 3.5 0 0 0-5-5l-2 2',
  advance: 'M4 6l7 6-7 6zM14 6v12M19 6v12',
};
const MODES = [['grid', 'Grid'], ['loupe', 'Loupe'], ['compare', 'Compare'], ['survey', 'Survey'], ['map', 'Map'],
  ['cull', 'Cull'], ['crop', 'Crop']];
const PLAIN = [['', 'Video and time'], ['score', 'Score'], ['rank', 'Rank'], ['stars', 'Stars'], ['flag', 'Flag'],
  ['label', 'Label'], ['reason', 'Reason'], ['person', 'Person'], ['luma', 'Brightness']];
const FLAGS = [[null, 'All', 'All frames'], [1, '✔', 'Picked by hand'], [0, '○', 'No flag yet'], [-1, '✕', 'Rejected by hand']];

/** A line drawing of 24 x 24. */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', 'aria-hidden': 'true', class: 'rv-svg' })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

class Toolbar {
  constructor(ws) {
    this.ws = ws;
    this._build();
    ws.on('table', () => this._filled());
    for (const name of ['view', 'selection', 'cursor', 'marks', 'mode', 'decision', 'saving', 'setting', 'keys']) {
      ws.on(name, () => this._later());
    }
    ws.on('setting', () => this._sides());
    ws.on('toast', (text) => this._toast(text));
    this._sides();
  }

  _tool(command, glyph, label) {
    const { ws } = this;
    const made = button('', () => { ws.run(command); }, { class: 'rv-tool', 'aria-label': label });
    made.append(icon(glyph));
    made.dataset.command = command;
    made.dataset.label = label;
    return made;
  }

  _build() {
    const { ws } = this;
    this.modes = MODES.map(([name, title]) => {
      const made = this._tool(`mode.${name}`, name, title);
      made.dataset.mode = name;
      return made;
    });
    this.count = el('span', { class: 'rv-count', role: 'status' });
    this.progress = el('span', { class: 'rv-progress', title: 'Frames of this view that have a flag' },
      el('i'), el('span'));
    this.flags = FLAGS.map(([value, text, title]) => {
      const made = button(text, () => this._flag(value), { class: 'rv-tool text', title, 'aria-label': title });
      made.dataset.value = String(value);
      return made;
    });
    this.sort = el('span', { class: 'rv-sort' });
    this.way = button('', () => this._turn(), { class: 'rv-tool', 'aria-label': 'Turn the order round' });
    this.size = el('input', {
      type: 'range', class: 'rv-size', min: CELL_SIZES.least, max: CELL_SIZES.most, step: CELL_SIZES.step,
      value: ws.settings.cell, 'aria-label': 'Size of the thumbnails', title: 'Size of the thumbnails',
      oninput: () => ws.setSetting('cell', Number(this.size.value)),
    });
    this.advance = this._tool('advance.toggle', 'advance', 'Go on after a mark');
    this.undo = this._tool('undo', 'undo', 'Undo');
    this.redo = this._tool('redo', 'redo', 'Redo');
    this.saving = el('span', { class: 'rv-saving', role: 'status' });
    this.left = this._tool('side.left', 'left', 'Filters');
    this.right = this._tool('side.right', 'right', 'Inspector');
    this.help = button('?', () => ws.run('help'), { class: 'rv-tool text', 'aria-label': 'Keys and help', title: 'Keys and help' });
    const group = (label, ...children) => el('div', { class: 'rv-group', role: 'group', 'aria-label': label }, ...children);
    ws.bar.append(
      this.left, group('Show as', ...this.modes), this.count, this.progress,
      el('span', { class: 'rv-space' }),
      group('Flag', ...this.flags), group('Order', this.sort, this.way), this.size,
      group('Marks', this.advance, this.undo, this.redo), this.saving,
      group('More', this._tool('link.copy', 'link', 'Copy the address of this view'),
        this._tool('fullscreen', 'full', 'Full screen'), this.help), this.right,
    );
    this.about = el('span', { class: 'rv-about' });
    this.toasts = el('div', { class: 'rv-toasts', role: 'status', 'aria-live': 'polite' });
    ws.foot.append(this.about);
    ws.root.append(this.toasts);
  }

  _filled() {
    const { ws } = this;
    this.chosen = select(
      this._orders(false), ws.view.sort[0]?.column ?? '',
      (column) => {
        const desc = ['score', 'stars', 'flag'].includes(column) || ws.measures.has(column);
        ws.setSort(column ? [{ column, desc }] : []);
        ws.focus();
      },
      { 'aria-label': ws.ours('Order of the frames'), class: 'rv-select' },
    );
    // A hundred measures are options only once somebody looks for one.
    this.chosen.addEventListener('focus', () => this._allOrders());
    this.chosen.addEventListener('pointerdown', () => this._allOrders());
    this.sort.replaceChildren(this.chosen);
    this._draw();
  }

  _orders(all) {
    const groups = new Map();
    const now = this.ws.view.sort[0]?.column;
    for (const one of this.ws.table.header.measures ?? []) {
      if (!all && one.name !== now) continue;
      const name = one.group || 'Measures';
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push([one.name, one.title]);
    }
    return [{ group: this.ws.ours('Frame'), choices: PLAIN.map(([name, title]) => [name, this.ws.ours(title)]) },
      ...[...groups].map(([name, choices]) => ({ group: name, choices }))];
  }

  _allOrders() {
    if (this.chosen.dataset.all) return;
    this.chosen.dataset.all = 'yes';
    const { value } = this.chosen;
    this.chosen.replaceChildren(...select(this._orders(true), value, () => {}).children);
    this.chosen.value = value;
  }

  _flag(value) {
    const { ws } = this;
    const rest = ws.view.where.filter((one) => one.column !== 'flag');
    ws.setWhere(value === null ? rest : [...rest, { column: 'flag', in: [value] }]);
    ws.focus();
  }

  _turn() {
    const { ws } = this;
    const [first = { column: 'frame_id', desc: false }, ...rest] = ws.view.sort;
    ws.setSort([{ ...first, desc: !first.desc }, ...rest]);
  }

  _sides() {
    const { root, settings } = this.ws;
    root.classList.toggle('no-left', !settings.left);
    root.classList.toggle('no-right', !settings.right);
    root.classList.toggle('no-info', !settings.info);
  }

  _later() {
    if (this._due) return;
    this._due = requestAnimationFrame(() => { this._due = 0; if (this.ws.table) this._draw(); });
  }

  _draw() {
    const { ws, ws: { view, table, selection, marks, keys } } = this;
    if (!marks) return;
    const selected = selection.count;
    const all = ws.ours(view.count === table.n ? frames(table.n) : `${grouped(view.count)} of ${frames(table.n)}`);
    write(this.count, selected ? `${all} · ${grouped(selected)} selected` : all);
    this._progress();
    for (const made of this.modes) {
      made.setAttribute('aria-pressed', String(made.dataset.mode === ws.mode));
      made.hidden = !ws.modes.has(made.dataset.mode);
    }
    const clause = view.where.find((one) => one.column === 'flag');
    const now = clause?.in?.length === 1 ? String(clause.in[0]) : clause ? '' : 'null';
    for (const made of this.flags) made.setAttribute('aria-pressed', String(made.dataset.value === now));
    const [first] = view.sort;
    const column = first?.column === 'frame_id' ? '' : first?.column ?? '';
    if (this.chosen && this.chosen.value !== column) {
      if (![...this.chosen.options].some((option) => option.value === column)) this._allOrders();
      this.chosen.value = column;
    }
    const way = first?.desc ? 'down' : 'up';
    if (this.way.dataset.way !== way) { this.way.dataset.way = way; this.way.replaceChildren(icon(way)); }
    this.way.title = first?.desc ? 'Largest first' : 'Smallest first';
    if (document.activeElement !== this.size) this.size.value = ws.settings.cell;
    this.advance.setAttribute('aria-pressed', String(ws.settings.advance));
    this.left.setAttribute('aria-pressed', String(ws.settings.left));
    this.right.setAttribute('aria-pressed', String(ws.settings.right));
    this.undo.disabled = !marks.canUndo;
    this.redo.disabled = !marks.canRedo;
    this._saving();
    this._about();
    if (this._named !== keys?.map) {
      this._named = keys?.map;
      for (const made of ws.bar.querySelectorAll('[data-command]')) {
        const key = keys?.textOf(made.dataset.command);
        made.title = key ? `${made.dataset.label} (${key})` : made.dataset.label;
      }
    }
  }

  _progress() {
    const { view, table } = this.ws;
    let done = 0;
    for (let i = 0; i < view.count; i++) done += +(table.flag[view.order[i]] !== 0);
    const share = view.count ? done / view.count : 0;
    this.progress.firstChild.style.setProperty('--share', share);
    write(this.progress.lastChild, `${done && share < 0.01 ? '<1' : Math.floor(share * 100)} %`);
  }

  _saving() {
    const { marks: { outbox, failed } } = this.ws;
    const text = failed ? 'Not saved' : outbox.offline && outbox.pending
      ? `Offline: ${grouped(outbox.pending)} waiting to be saved` : outbox.pending ? 'Saving' : 'Saved';
    const state = failed ? 'bad' : outbox.offline && outbox.pending ? 'soft' : outbox.pending ? 'busy' : 'good';
    // A save takes a few milliseconds: the word would only flicker.
    if (state === 'busy') return;
    write(this.saving, text);
    this.saving.dataset.state = state;
    this.saving.title = failed || outbox.trouble || 'Marks are on disk';
  }

  _about() {
    const { ws, ws: { table, row } } = this;
    if (row < 0) { write(this.about, ''); return; }
    const reason = table.header.reasons[table.reason[row]];
    const pool = table.lists.pool[table.pool[row]] ?? '';
    const video = table.header.videos[table.video[row]];
    const parts = [
      `${grouped(ws.cursor + 1)} / ${grouped(ws.view.count)}`, video?.name, table.when(row),
      `${table.width[row]} × ${table.height[row]}`, pool.replaceAll('_', ' '),
      Number.isFinite(table.score[row]) ? `score ${table.score[row].toFixed(3)}` : '',
      reason?.text ?? '', marksInWords(table, row),
    ];
    write(this.about, parts.filter(Boolean).join('  ·  '));
  }

  _toast(text) {
    const made = el('div', { class: 'rv-toast', text });
    this.toasts.replaceChildren(made);
    clearTimeout(this._gone);
    this._gone = setTimeout(() => made.remove(), TOAST_MS);
  }
}

function write(element, text) { if (element.textContent !== text) element.textContent = text; }

export function setup(ws) { ws.toolbar = new Toolbar(ws); }
