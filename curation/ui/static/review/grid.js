// The grid: a few dozen cells that follow the scroll over any number of frames.

import { Selection } from './selection.js';
import { letGo, showThumb, tint } from './images.js';
import { FLAG_WORDS } from './marks.js';
import { el } from './parts.js';

const MOST_PX = 15_000_000;  // Browsers clip elements that are taller than about 17.9 million.
const LINE_PX = 19;
const GAP_PX = 6;
const EDGE_PX = 8;
const OVERSCAN_ROWS = 1;
const FLYING_PX_MS = 12;
const SETTLE_MS = 70;
export const CELL_SIZES = { least: 96, most: 420, step: 12 };

/** What a frame's marks are, in words. */
export function marksInWords(table, row) {
  const said = [FLAG_WORDS[table.flag[row]]];
  if (table.stars[row]) said.push(`${table.stars[row]} ${table.stars[row] === 1 ? 'star' : 'stars'}`);
  if (table.label[row]) said.push(`label ${table.lists.label[table.label[row]]}`);
  return said.join(', ');
}

class Grid {
  constructor(ws) {
    this.ws = ws;
    this.cells = [];
    this.columns = 1;
    this._last = { top: 0, at: 0 };
    this._due = 0;
  }

  mount(place) {
    this.sizer = el('div', { class: 'rv-sizer' });
    this.list = el('div', {
      class: 'rv-cells', role: 'listbox', tabindex: 0, 'aria-label': 'Frames',
      'aria-multiselectable': 'true',
    }, this.sizer);
    this.empty = el('div', { class: 'rv-empty', hidden: true, role: 'status' },
      el('b', { text: 'No frame passes these filters' }),
      el('span', { text: 'Loosen one on the left, or show all frames.' }),
      el('button', { type: 'button', class: 'rv-button', text: 'Show all frames',
        onclick: () => { this.ws.setWhere([]); this.ws.focus(); } }));
    place.append(this.list, this.empty);
    this.list.addEventListener('scroll', () => this._scrolled(), { passive: true });
    this.list.addEventListener('pointerdown', (event) => this._pressed(event));
    this.list.addEventListener('dblclick', (event) => {
      if (this._positionOf(event.target) >= 0) this.ws.setMode('loupe');
    });
    this.list.addEventListener('wheel', (event) => this._wheeled(event), { passive: false });
    new ResizeObserver(() => this._measure(true)).observe(this.list);
  }

  show() { this._measure(); this._reveal(); this.paint(true); }

  focus() { this.list.focus({ preventScroll: true }); }

  update({ name, data }) {
    if (name === 'view') { this._measure(); this._reveal(); this._moved = true; this.paint(true); }
    else if (name === 'cursor') { this._reveal(); this.paint(); }
    else if (name === 'selection' || name === 'marks' || name === 'decision') this.paint(true);
    else if (name === 'setting' && (data.name === 'cell' || data.name === 'info')) {
      this._measure(); this._reveal(); this.paint(true);
    }
  }

  // -- geometry --------------------------------------------------------------------------------

  _measure(resized = false) {
    const { view, table, settings } = this.ws;
    const width = this.list.clientWidth;
    this.height = this.list.clientHeight;
    if (!width || !view) return;
    this._aspect ??= commonAspect(table);
    const fit = Math.max(1, Math.floor((width - 2 * EDGE_PX + GAP_PX) / (settings.cell + GAP_PX)));
    this.columns = fit;
    this.cellWidth = Math.floor((width - 2 * EDGE_PX + GAP_PX) / fit) - GAP_PX;
    this.cellHeight = Math.round(this.cellWidth / this._aspect) + (settings.info ? LINE_PX : 0);
    this.pitch = this.cellHeight + GAP_PX;
    this.rows = Math.ceil(view.count / fit);
    this.total = this.rows * this.pitch + 2 * EDGE_PX - GAP_PX;
    const scrolls = Math.min(this.total, MOST_PX);
    this.sizer.style.height = `${scrolls}px`;
    // Above the cap one pixel of the bar stands for several of the grid.
    const room = Math.max(1, scrolls - this.height);
    this.scale = this.total > MOST_PX ? (this.total - this.height) / room : 1;
    const visible = Math.ceil(this.height / this.pitch) + 1 + 2 * OVERSCAN_ROWS;
    this._poolOf(visible * fit);
    this.empty.hidden = view.count > 0;
    if (resized) { this._reveal(); this.paint(true); }
  }

  _poolOf(count) {
    while (this.cells.length < count) {
      const image = el('img', { alt: '', draggable: 'false', hidden: true });
      image.decoding = 'async';
      const line = el('span', { class: 'line', 'aria-hidden': 'true' });
      const cell = el('div', { class: 'rv-cell', role: 'option', hidden: true }, image, line);
      const part = { cell, image, line, position: -1, row: -1, words: '' };
      cell.id = `rv-cell-${this.cells.length}`;
      this.cells.push(part);
      this.sizer.append(cell);
    }
    for (const spare of this.cells.splice(count)) { letGo(spare.image); spare.cell.remove(); }
    for (const part of this.cells) part.position = -1;
  }

  get _top() { return this.list.scrollTop * this.scale; }

  _reveal() {
    const { ws } = this;
    if (!this.pitch || !ws.view.count) return;
    const top = EDGE_PX + Math.floor(ws.cursor / this.columns) * this.pitch;
    const now = this._top;
    let wanted = now;
    if (top < now + EDGE_PX) wanted = top - EDGE_PX;
    else if (top + this.cellHeight > now + this.height - EDGE_PX) {
      wanted = top + this.cellHeight - this.height + EDGE_PX;
    }
    if (Math.abs(wanted - now) > 0.5) this.list.scrollTop = wanted / this.scale;
  }

  // A capped bar would make one notch of the wheel jump over many rows.
  _wheeled(event) {
    if (this.scale === 1 || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? this.pitch / 2 : event.deltaMode === 2 ? this.height : 1;
    this.list.scrollTop += (event.deltaY * unit) / this.scale;
  }

  // -- painting --------------------------------------------------------------------------------

  _scrolled() {
    if (this._due) return;
    this._due = requestAnimationFrame((now) => {
      this._due = 0;
      const top = this._top;
      const speed = Math.abs(top - this._last.top) / Math.max(1, now - this._last.at);
      this._last = { top, at: now };
      this.flying = speed > FLYING_PX_MS;
      clearTimeout(this._settle);
      if (this.flying) this._settle = setTimeout(() => { this.flying = false; this.paint(); }, SETTLE_MS);
      this.paint();
    });
  }

  /** Draw what is visible; `all` also draws cells again whose frame has not changed. */
  paint(all = false) {
    const { view } = this.ws;
    if (!this.pitch || !this.cells.length) return;
    const top = this._top;
    const first = Math.max(0, Math.floor((top - EDGE_PX) / this.pitch) - OVERSCAN_ROWS);
    const from = Math.min(first * this.columns, Math.max(0, view.count - 1));
    const start = from - (from % this.columns);
    const shift = this.list.scrollTop - top;
    if (this._moved) this._keep(start);
    this._moved = false;
    for (let i = 0; i < this.cells.length; i++) {
      const position = start + i;
      const part = this.cells[position % this.cells.length];
      if (position >= view.count) { this._hide(part); continue; }
      const y = EDGE_PX + Math.floor(position / this.columns) * this.pitch + shift;
      const fresh = part.position !== position || part.row !== view.order[position];
      if (fresh || part.y !== y) this._place(part, position, y);
      if (fresh) this._bind(part, position);
      if (fresh || all || part.cursor !== (position === this.ws.cursor)) this._mark(part, position);
      if (!part.loaded && !this.flying) {
        part.loaded = true;
        showThumb(part.image, this.ws.table.thumbUrl(part.row));
      }
    }
    const current = this.cells[this.ws.cursor % this.cells.length];
    const id = current?.position === this.ws.cursor ? current.cell.id : '';
    if (this._active !== id) {
      this._active = id;
      if (id) this.list.setAttribute('aria-activedescendant', id);
      else this.list.removeAttribute('aria-activedescendant');
    }
  }

  /** Rows that stay in sight keep their cells, and with them their pictures. */
  _keep(start) {
    const { cells, ws: { view } } = this;
    const slots = new Map(cells.map((part, slot) => [part.row, slot]));
    for (let position = start; position < Math.min(start + cells.length, view.count); position++) {
      const slot = position % cells.length;
      const row = view.order[position];
      const from = slots.get(row) ?? slot;
      if (from === slot) continue;
      [cells[slot], cells[from]] = [cells[from], cells[slot]];
      slots.set(row, slot).set(cells[from].row, from);
    }
  }

  _hide(part) {
    if (part.cell.hidden) return;
    part.cell.hidden = true;
    part.position = -1;
    part.row = -1;
    letGo(part.image);
  }

  _place(part, position, y) {
    const x = EDGE_PX + (position % this.columns) * (this.cellWidth + GAP_PX);
    part.y = y;
    const { style } = part.cell;
    style.transform = `translate(${x}px,${y}px)`;
    if (part.width !== this.cellWidth || part.height !== this.cellHeight) {
      part.width = this.cellWidth;
      part.height = this.cellHeight;
      style.width = `${this.cellWidth}px`;
      style.height = `${this.cellHeight}px`;
    }
  }

  _bind(part, position) {
    const { view, table } = this.ws;
    const row = view.order[position];
    if (part.row !== row) {
      letGo(part.image);
      part.loaded = false;
      part.cell.style.setProperty('--tint', tint(table.luma[row]));
    }
    part.position = position;
    part.row = row;
    part.cell.hidden = false;
    part.cell.setAttribute('aria-posinset', position + 1);
    part.cell.setAttribute('aria-setsize', view.count);
  }

  _mark(part, position) {
    const { ws, ws: { table } } = this;
    const { row, cell } = part;
    const set = (name, value) => { if (cell.dataset[name] !== value) cell.dataset[name] = value; };
    set('flag', String(table.flag[row]));
    set('label', String(table.label[row]));
    set('verdict', table.lists.verdict[table.verdict[row]] ?? '');
    part.cursor = position === ws.cursor;
    cell.classList.toggle('cursor', part.cursor);
    const badge = ws.badgeOf?.(row) ?? '';
    if (badge) cell.dataset.badge = badge; else delete cell.dataset.badge;
    cell.setAttribute('aria-selected', String(ws.selection.has(position)));
    const stars = table.stars[row] ? '★'.repeat(table.stars[row]) : '';
    const score = table.score[row];
    const rank = table.rank[row] ? `#${table.rank[row]} ` : '';
    const number = Number.isFinite(score) ? rank + score.toFixed(2) : '';
    const own = stars + (table.noted[row] ? ' ✎' : '');
    const time = own ? '' : table.when(row);
    const words = `${own}|${time}|${number}`;
    if (part.words !== words) {
      part.words = words;
      part.line.dataset.stars = own;
      part.line.dataset.time = time;
      part.line.textContent = number;
    }
    const verdict = table.lists.verdict[table.verdict[row]] ?? '';
    const name = `${table.nameOf(row)}, ${marksInWords(table, row)}, ${verdict}`;
    if (part.name !== name) { part.name = name; cell.setAttribute('aria-label', name); }
  }

  // -- pointer ---------------------------------------------------------------------------------

  _positionOf(target) {
    const cell = target.closest?.('.rv-cell');
    const part = cell && this.cells.find((one) => one.cell === cell);
    return part ? part.position : -1;
  }

  _pressed(event) {
    if (event.button !== 0) return;
    const position = this._positionOf(event.target);
    if (position < 0) return;
    const { ws } = this;
    this.focus();
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const before = ws.selection.empty && ws.cursor !== position
        ? Selection.of(ws.cursor, ws.cursor) : ws.selection;
      ws.setCursor(position, { keep: true });
      ws.select(before.toggled(position));
      return;
    }
    event.preventDefault();
    // A tap may be the start of a scroll, so a finger picks on release.
    if (event.pointerType === 'touch') { this._tap(event, position); return; }
    ws.setCursor(position, { extend: event.shiftKey });
  }

  _tap(event, position) {
    const from = { x: event.clientX, y: event.clientY, at: performance.now() };
    const up = (end) => {
      const still = Math.hypot(end.clientX - from.x, end.clientY - from.y) < 10;
      if (!still) return;
      if (this.ws.cursor === position) this.ws.setMode('loupe');
      else this.ws.setCursor(position);
    };
    this.list.addEventListener('pointerup', up, { once: true });
    this.list.addEventListener('pointercancel',
      () => this.list.removeEventListener('pointerup', up), { once: true });
  }
}

/** The shape that most frames have, within what a grid can bear. */
function commonAspect(table) {
  const step = Math.max(1, Math.floor(table.n / 500));
  let [sum, n] = [0, 0];
  for (let row = 0; row < table.n; row += step) {
    if (!table.width[row] || !table.height[row]) continue;
    sum += Math.log(table.width[row] / table.height[row]);
    n += 1;
  }
  return Math.min(1.8, Math.max(0.7, n ? Math.exp(sum / n) : 1.5));
}

/** The grid mode, and how the arrows move in it. */
export function setup(ws) {
  const grid = new Grid(ws);
  ws.grid = grid;
  ws.addMode('grid', grid);
}
