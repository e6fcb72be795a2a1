// The object that everything hangs on: columns, marks, view, cursor, selection, modes, commands.
//
//   const ws = createWorkspace(root, { base: '' });
//   await ws.load();
//
// Events, with what comes along:
//   'table'      the columns are here (once)
//   'view'       other rows or another order        {kept: whether the cursor's row stayed}
//   'cursor'     the cursor moved                   {position, row}
//   'selection'  other frames are selected
//   'marks'      marks changed                      {kind, rows: Int32Array, or null for all}
//   'decision'   pools, verdicts or ranks changed   {exact, columns: [names]}
//   'mode'       another mode is shown              {mode, before}
//   'saving'     something was queued, saved or refused
//   'panels' | 'setting' | 'toast'
//
// A panel or mode gets every event as update({name, data}); a mode only while it is shown, and it
// draws itself whole in show().

import { judgeOf } from './judge.js';
import { areAllPhotos, ofPhotos, reword, same } from './nouns.js';
import { readLink, writeLink } from './link.js';
import { Marks, read, write } from './marks.js';
import { Selection } from './selection.js';
import { el } from './parts.js';
import { DECIDED, fetchBytes, MARKED, saidBy, Table } from './table.js';
import { columnsOf, View } from './filter.js';

const SETTINGS_KEY = 'curation-review:settings';
const DEFAULTS = { advance: true, cell: 146, left: true, right: true, preset: 'lightroom', info: true };

export function createWorkspace(root, { base = '', link = true, mode = '' } = {}) {
  return new Workspace(root, base, link, mode);
}

class Workspace {
  constructor(root, base, link, mode = '') {
    this.root = root;
    this.ours = same; // words a text of ours for what is looked at: see nouns.js
    this.base = new URL(base || '.', document.baseURI).href;
    this.linked = link;
    this.start = mode;
    this.table = null;
    this.marks = null;
    this.judge = null;
    this.view = null;
    this.cursor = 0;
    this.anchor = 0;
    this.selection = new Selection();
    this.mode = 'grid';
    this.commands = new Map();
    this.modes = new Map();
    this.panels = { left: [], right: [] };
    this.folds = new Map(); // panel title -> shows whether it is folded
    // Places that one module keeps free for another: slots.filmstrip under the loupe.
    this.slots = {};
    this._kept = parsed(read(SETTINGS_KEY));
    this.settings = { ...DEFAULTS, ...this._kept };
    // In a narrow window the sides lie over the frames: they are opened when they are wanted.
    if (this.narrow) Object.assign(this.settings, { left: false, right: false });
    this._listeners = new Map();
    this._ends = [];
    this._build();
  }

  // -- addresses, events, settings -------------------------------------------------------------

  /** The address of one of our routes, without a slash in front: ws.url('api/review/views'). */
  url(path) { return new URL(path, this.base).href; }

  /** Ask a route for JSON; an Error with the server's words when it refuses. */
  async ask(path, method = 'GET', body = undefined, signal = undefined) {
    const init = { method, signal };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'content-type': 'application/json' };
    }
    const reply = await fetch(this.url(path), init);
    if (!reply.ok) throw new Error(await saidBy(reply));
    return reply.status === 204 ? null : reply.json();
  }

  on(event, fn) {
    if (!this._listeners.has(event)) this._listeners.set(event, new Set());
    this._listeners.get(event).add(fn);
    return () => this._listeners.get(event).delete(fn);
  }

  emit(name, data = {}) {
    const event = { name, data };
    for (const fn of this._listeners.get(name) ?? []) fn(data, name);
    if (!this.table) return;
    const shown = this.modes.get(this.mode);
    if (shown?.mounted) shown.spec.update?.(event);
    for (const panel of [...this.panels.left, ...this.panels.right]) panel.update?.(event);
  }

  onDestroy(fn) { this._ends.push(fn); }

  destroy() {
    for (const fn of this._ends.splice(0)) fn();
    this.root.replaceChildren();
  }

  setSetting(name, value) {
    const side = name === 'left' || name === 'right';
    this.settings[name] = value;
    if (side && this.narrow) {
      if (value) this.settings[name === 'left' ? 'right' : 'left'] = false;
    } else {
      this._kept[name] = value;
      write(SETTINGS_KEY, JSON.stringify(this._kept));
    }
    this.emit('setting', { name, value });
  }

  toast(text) { this.emit('toast', text); }

  get narrow() { return matchMedia('(max-width: 900px)').matches; }

  /** Whether the workspace is on the screen: not in a tab that is folded away. */
  get shown() { return this.root.getClientRects().length > 0; }

  // -- loading ---------------------------------------------------------------------------------

  /** Ask for the columns; the answer may come while modules are still on their way. */
  fetchTable() { return fetchBytes(this.url('api/review/table')); }

  async load(bytes = this.fetchTable()) {
    this.table = new Table(await bytes, (path) => this.url(path));
    if (!this.table.n) return;
    if (areAllPhotos(this.table)) this._callThemPhotos();
    this.view = new View(this.table);
    this.measures = new Map((this.table.header.measures ?? []).map((one) => [one.name, one]));
    this.judge = judgeOf(this);
    this.marks = new Marks(this);
    this.on('marks', ({ kind }) => this._changed(MARKED, kind));
    this.on('decision', ({ columns }) => this._changed(columns ?? DECIDED, ''));
    this.emit('table');
    const wanted = readLink(this.linked ? location.search : '', this.table, (name) => this.knows(name));
    if (wanted.where.length || wanted.sort.length) await this.setView(wanted, { top: true });
    if (wanted.frame !== null) {
      const position = this.view.positionOf(this.table.rowOf(wanted.frame));
      if (position >= 0) this.setCursor(position);
      else this.toast(this.ours('The frame in the address is not in this view.'));
    }
    const first = wanted.mode || this.start;
    this._show(this.modes.has(first) ? first : 'grid');
  }

  _callThemPhotos() {
    this.ours = ofPhotos;
    reword(this.root, ofPhotos);
    for (const spec of this.commands.values()) {
      // A title that is worked out holds a person's own word for a label.
      if (Object.getOwnPropertyDescriptor(spec, 'title').writable) spec.title = ofPhotos(spec.title);
    }
  }

  /** Whether a name is a column or a measure that can be had. */
  knows(name) { return !!this.table.column(name) || this.measures.has(name); }

  // -- view --------------------------------------------------------------------------------------

  setWhere(where) { return this.setView({ where, sort: this.view.sort }); }

  /** Another order; the cursor goes to its first frame. */
  setSort(sort) { return this.setView({ where: this.view.where, sort }, { top: true }); }

  /** Show other rows or another order; measures that it needs are fetched first. */
  async setView({ where, sort }, { top = false } = {}) {
    const turn = this._turn = (this._turn ?? 0) + 1;
    const needs = columnsOf(where, sort).filter((name) => !this.table.column(name));
    const tags = where.filter((one) => one.tag !== undefined).map((one) => one.tag)
      .filter((tag) => !this.view.tags.has(tag));
    if (needs.length || tags.length) {
      try {
        await Promise.all([
          ...needs.map((name) => this.table.measure(name)),
          ...tags.map((tag) => this._loadTag(tag)),
        ]);
      } catch (error) { this.toast(`Could not filter: ${error.message}`); return; }
      if (turn !== this._turn) return;
    }
    this.view.where = where;
    this.view.sort = sort;
    this.refresh([], top);
  }

  async _loadTag(tag) {
    const told = await this.ask(`api/review/tags/${encodeURIComponent(tag)}`);
    this.view.tags.set(tag, told.frames.map((id) => this.table.rowOf(id)).filter((row) => row >= 0));
  }

  /** Make the view again and keep the cursor and the selection on their rows. */
  refresh(changed = [], top = false) {
    const { view } = this;
    const row = top ? -1 : view.at(this.cursor);
    if (top) this.cursor = 0;
    let mask = null;
    if (!this.selection.empty) {
      mask = new Uint8Array(this.table.n);
      for (const selected of this.selection.rows(view)) mask[selected] = 1;
    }
    view.run(changed);
    this.selection = mask ? Selection.ofMask(mask, view) : new Selection();
    const position = view.positionOf(row);
    this.cursor = position >= 0 ? position : Math.max(0, Math.min(this.cursor, view.count - 1));
    this.anchor = this.cursor;
    this.emit('view', { kept: position >= 0 });
    this.emit('selection');
    this.emit('cursor', { position: this.cursor, row: view.at(this.cursor) });
    this._remember();
  }

  _changed(columns, kind) {
    if (kind === 'tag' || kind === 'untag' || kind === 'others') this.view.tags.clear();
    if (!this.view.uses(columns)) return;
    if (this.view.where.some((one) => one.tag !== undefined)) this.setView(this.view);
    else this.refresh(columns);
  }

  /** The address of this view, to be sent to somebody. */
  link() {
    const keep = [...new URLSearchParams(location.search)]
      .filter(([name]) => name.startsWith('__') || name === 'tab');
    const state = {
      where: this.view.where, sort: this.view.sort, mode: this.mode,
      frame: this.view.count && this.cursor > 0 ? this.table.frameId[this.view.at(this.cursor)] : null,
    };
    const words = writeLink(state, this.table, keep);
    return location.pathname + (words ? `?${words}` : '');
  }

  _remember() {
    if (!this.linked || this._remembering) return;
    this._remembering = setTimeout(() => {
      this._remembering = 0;
      if (this.shown) history.replaceState(history.state, '', this.link());
    }, 400);
  }

  // -- cursor and selection ----------------------------------------------------------------------

  get row() { return this.view ? this.view.at(this.cursor) : -1; }

  /** Move the cursor; `extend` grows the selection from where it began, `keep` leaves it alone. */
  setCursor(position, { extend = false, keep = false } = {}) {
    const last = this.view.count - 1;
    const to = Math.max(0, Math.min(position, last));
    const moved = to !== this.cursor;
    this.cursor = to;
    if (extend) this.select(Selection.of(this.anchor, to));
    else {
      this.anchor = to;
      if (!keep && !this.selection.empty) this.select(new Selection());
    }
    if (moved || extend) this.emit('cursor', { position: to, row: this.view.at(to) });
    this._remember();
  }

  select(selection) { this.selection = selection; this.emit('selection'); }

  selectAll() { this.select(this.view.count ? Selection.of(0, this.view.count - 1) : new Selection()); }

  /** Rows that a command is meant for: what the mode says, else the selection, else the cursor. */
  targetRows() {
    const own = this.modes.get(this.mode)?.spec.targets?.();
    if (own) return own;
    if (this.mode === 'grid' && !this.selection.empty) return this.selection.rows(this.view);
    return this.row >= 0 ? Int32Array.of(this.row) : new Int32Array(0);
  }

  /** Mark what a command is meant for, and go on to the next frame when that is wanted. */
  mark(kind, value, { toggle = false, turn = false } = {}) {
    const rows = this.targetRows();
    if (!rows.length) return;
    const column = this.table[kind];
    const same = toggle && column && value !== 0 && rows.every((row) => column[row] === value);
    const before = this.row;
    const count = this.marks.apply(kind, same ? 0 : value, rows);
    if (count > 1) this.toast(this.ours(`${count.toLocaleString('en')} frames marked. Undo with Ctrl+Z.`));
    // A frame that left the view has let the next one into its place.
    else if (this.settings.advance !== turn && this.row === before) this.setCursor(this.cursor + 1);
  }

  // -- modes, panels, commands -------------------------------------------------------------------

  addMode(name, spec) {
    const place = el('div', { class: `rv-mode rv-${name}` });
    this.modes.set(name, { spec, place, mounted: false });
  }

  setMode(name) {
    if (!this.modes.has(name) || name === this.mode) return;
    const before = this.mode;
    this.modes.get(before)?.spec.hide?.();
    this._show(name, before);
    this._remember();
  }

  _show(name, before = '') {
    const mode = this.modes.get(name);
    this.mode = name;
    this.root.dataset.mode = name;
    // Modes that are not looked at stay out of the page, and keep what they have drawn.
    this.stage.replaceChildren(mode.place);
    if (!mode.mounted) {
      mode.spec.mount?.(mode.place);
      if (this.ours !== same) reword(mode.place, this.ours);
      mode.mounted = true;
    }
    mode.spec.show?.();
    this.emit('mode', { mode: name, before });
  }

  /** Add a panel {mount(el), update(event), title?}; `el` is a section in the side column. */
  addPanel(side, spec) {
    const place = el('section', { class: 'rv-panel', 'aria-label': spec.title });
    if (spec.title) place.append(this._fold(spec.title, place));
    const body = el('div', { class: 'rv-panel-body' });
    place.append(body);
    this.sides[side].append(place);
    spec.mount(body);
    this.panels[side].push(spec);
    this.root.classList.add(`has-${side}`);
    if (this.table) spec.update?.({ name: 'table', data: {} });
  }

  _fold(title, place) {
    const key = `fold:${title}`;
    const button = el('button', { type: 'button', class: 'rv-panel-head', text: title });
    const show = () => {
      place.classList.toggle('folded', !!this.settings[key]);
      button.setAttribute('aria-expanded', String(!this.settings[key]));
    };
    button.addEventListener('click', () => { this.setSetting(key, !this.settings[key]); show(); });
    this.folds.set(title, show);
    show();
    return button;
  }

  /** Open a side and one of its panels. */
  unfold(side, title) {
    this.setSetting(side, true);
    this.setSetting(`fold:${title}`, false);
    this.folds.get(title)?.();
  }

  addCommand(name, spec) { this.commands.set(name, spec); }

  /** Run a command by its name; false when there is none. */
  run(name, arg) {
    // The shown mode may do it its own way: arrows turn panes in compare.
    const own = this.modes.get(this.mode)?.spec.overrides?.[name];
    if (own) { own(arg); return true; }
    const command = this.commands.get(name);
    if (!command) return false;
    command.run(arg);
    return true;
  }

  /** Give the keyboard to the workspace. */
  focus() {
    const { spec, place } = this.modes.get(this.mode) ?? {};
    if (spec?.focus) spec.focus();
    else (place?.querySelector('[tabindex="0"]') ?? this.root).focus({ preventScroll: true });
  }

  _build() {
    const { root } = this;
    root.classList.add('rv');
    root.workspace = this;
    root.tabIndex = -1;
    root.setAttribute('role', 'region');
    root.setAttribute('aria-label', 'Review');
    this.bar = el('div', { class: 'rv-bar', role: 'toolbar', 'aria-label': 'Review tools' });
    this.sides = {
      left: el('div', { class: 'rv-side rv-left', role: 'region', 'aria-label': 'Filters' }),
      right: el('div', { class: 'rv-side rv-right', role: 'region', 'aria-label': 'About the frame' }),
    };
    this.stage = el('div', { class: 'rv-stage' });
    this.foot = el('div', { class: 'rv-foot' });
    const body = el('div', { class: 'rv-body' }, this.sides.left, this.stage, this.sides.right);
    root.replaceChildren(this.bar, body, this.foot);
  }
}

function parsed(text) {
  try { return JSON.parse(text) ?? {}; } catch { return {}; }
}
