// Compare: two or four frames beside each other that zoom and pan as one, pixel by pixel if wanted.
import { faceOf } from './overlay.js';
import { Pane } from './pane.js';
import { button, el, short } from './parts.js';
import { Sharper } from './sharper.js';

const MOST = 4;
// What is set against each other under the panes; 1: more is better, -1: nearer to zero is.
const FACTS = [['score', 'Score', 1], ['face_focus', 'Focus', 1], ['eye_open', 'Eyes open', 1], ['smile', 'Smile', 1],
  ['face_luma', 'Light', 0], ['yaw_deg', 'Turned', -1], ['face_frac', 'Face', 1]];

/** The rows that a comparing mode begins with: the selection, a closed stack, or what follows the cursor. */
export function chosenRows(ws, most) {
  if (!ws.selection.empty && ws.selection.count > 1) return [...ws.selection.rows(ws.view).slice(0, most)];
  const { row } = ws;
  if (row < 0) return [];
  if (ws.stacks?.badge(row) > 1) {
    const rest = [...ws.stacks.members(row)].filter((one) => one !== row);
    return [row, ...rest].slice(0, most);
  }
  return null;
}

class Compare {
  constructor(ws) {
    this.ws = ws;
    this.count = 2;
    this.active = 0;
    this.rows = [];
    this.candidates = [];
    this.zoomAt = null;
    this.tied = true;
    this.onFaces = false;
    this.turn = 0;
  }

  mount(place) {
    this.two = button('2', () => this.resize(2), { 'aria-label': 'Two frames' });
    this.four = button('4', () => this.resize(4), { 'aria-label': 'Four frames' });
    this.fit = button('Fit', () => this.zoom(null), { title: 'Fit the frames' });
    this.full = button('1:1', () => this.zoom({ scale: 1 / (window.devicePixelRatio || 1), x: 0.5, y: 0.5 }), {
      title: 'One pixel of the picture on one of the screen' });
    this.tie = button('Together', () => this.set('tied', !this.tied), { title: 'Zoom and move all frames as one' });
    this.faces = button('On faces', () => this.set('onFaces', !this.onFaces), { title: 'Zoom onto the face of each frame' });
    this.bar = el('div', { class: 'rv-tools', role: 'toolbar', 'aria-label': 'Compare' },
      el('span', { class: 'rv-group' }, this.two, this.four), el('span', { class: 'rv-group' }, this.fit, this.full),
      this.tie, this.faces, el('span', { class: 'hint', text: '← → another frame here · ↑ ↓ other pane' }));
    this.grid = el('div', { class: 'rv-panes' });
    this.live = el('div', { class: 'rv-hidden', role: 'status', 'aria-live': 'polite' });
    place.append(this.bar, this.grid, this.live);
    this.panes = Array.from({ length: MOST }, (_, i) => this.makePane(i));
    this.grid.append(...this.panes.map((pane) => pane.el));
    this.panes[0].el.tabIndex = 0;
  }

  makePane(i) {
    const pane = new Pane({ label: `Frame ${i + 1}`, onzoom: (zoom) => this.follow(i, zoom) });
    pane.sharper = new Sharper(this.ws, pane);
    const line = el('div', { class: 'line' });
    const facts = el('div', { class: 'facts' });
    const foot = el('div', { class: 'rv-under' }, line, facts);
    const whole = el('div', { class: 'rv-side-by-side' }, pane.el, foot);
    pane.el.addEventListener('pointerdown', () => this.setActive(i), true);
    pane.el.addEventListener('dblclick', (event) => {
      const box = pane.el.getBoundingClientRect();
      pane.toggle({ x: event.clientX - box.left, y: event.clientY - box.top });
    });
    return { pane, el: whole, line, facts };
  }

  focus() { this.panes[0].pane.el.tabIndex = 0; this.grid.tabIndex = -1; this.grid.focus({ preventScroll: true }); }

  targets() { return this.rows.length ? Int32Array.of(this.rows[this.active]) : new Int32Array(0); }

  show() {
    const { ws } = this;
    const chosen = chosenRows(ws, 500);
    this.candidates = chosen && chosen.length > 1 ? chosen : null;
    if (this.candidates && this.candidates.length > 2) this.count = this.candidates.length > 3 ? this.count : 2;
    this.active = 0;
    this.fill();
    this.focus();
  }

  hide() { this.leave(); }

  /** Take the cursor along to the active frame, so that the inspector is about it. */
  leave() {
    const position = this.ws.view.positionOf(this.rows[this.active] ?? -1);
    if (position >= 0) this.ws.setCursor(position, { keep: true });
  }

  get length() { return this.candidates ? this.candidates.length : this.ws.view.count; }

  rowAt(i) { return this.candidates ? this.candidates[i] : this.ws.view.at(i); }

  indexOf(row) { return this.candidates ? this.candidates.indexOf(row) : this.ws.view.positionOf(row); }

  fill() {
    const first = this.candidates ? 0 : Math.min(this.ws.cursor, Math.max(0, this.length - this.count));
    const count = Math.min(this.count, this.length);
    this.rows = Array.from({ length: count }, (_, i) => this.rowAt(first + i));
    if (!this.candidates) this.active = Math.max(0, this.rows.indexOf(this.ws.row));
    this.draw();
  }

  resize(count) {
    this.count = count;
    const kept = this.rows.slice(0, count);
    let next = this.indexOf(kept[kept.length - 1] ?? -1);
    while (kept.length < Math.min(count, this.length)) {
      next = (next + 1) % this.length;
      if (!kept.includes(this.rowAt(next))) kept.push(this.rowAt(next));
    }
    this.rows = kept;
    this.active = Math.min(this.active, kept.length - 1);
    this.draw();
    this.focus();
  }

  setActive(i) {
    if (i >= this.rows.length || i === this.active) return;
    this.active = i;
    this.drawMarks();
    this.said();
    this.leave();
  }

  /** Another frame in the active pane, one that no other pane shows. */
  step(by) {
    let at = this.indexOf(this.rows[this.active]);
    for (let tries = 0; tries < MOST + 1; tries += 1) {
      at += by;
      if (at < 0 || at >= this.length) {
        this.ws.toast(this.ws.ours(by > 0 ? 'No more frames after these' : 'No more frames before these'));
        return;
      }
      if (!this.rows.includes(this.rowAt(at))) break;
    }
    const row = this.rowAt(at);
    if (this.rows.includes(row)) return;
    this.rows[this.active] = row;
    this.drawPane(this.active);
    this.drawMarks();
    this.said();
    this.leave();
  }

  get overrides() {
    return {
      'go.left': () => this.step(-1),
      'go.right': () => this.step(1),
      'go.up': () => this.turnTo(-1),
      'go.down': () => this.turnTo(1),
      'cell.larger': () => this.resize(4),
      'cell.smaller': () => this.resize(2),
    };
  }

  turnTo(by) { this.setActive((this.active + by + this.rows.length) % this.rows.length); }

  /** The active frame changes places with the first: the winner stands on the left. */
  promote() {
    [this.rows[0], this.rows[this.active]] = [this.rows[this.active], this.rows[0]];
    this.active = Math.min(1, this.rows.length - 1);
    this.draw();
  }

  zoom(zoom = undefined) {
    let to = zoom;
    if (zoom === undefined) {
      to = this.zoomAt ? null : { scale: 1 / (window.devicePixelRatio || 1), x: 0.5, y: 0.5 };
    }
    this.zoomAt = to;
    this.base = to && { x: to.x, y: to.y };
    this.lay();
  }

  set(name, value) {
    this[name] = value;
    if (name === 'onFaces' && value && !this.zoomAt) this.zoom();
    else this.lay();
  }

  /** Point of a frame that the common zoom is held against: the middle of its face, or of it. */
  anchor(i) {
    const face = this.onFaces ? faceOf(this.ws.looks.known(this.rows[i])?.boxes) : null;
    return face ? { x: (face[0] + face[2]) / 2, y: (face[1] + face[3]) / 2 } : { x: 0.5, y: 0.5 };
  }

  follow(from, zoom) {
    if (!this.tied) return;
    if (!zoom) this.zoomAt = null;
    else {
      const at = this.anchor(from);
      this.zoomAt = { scale: zoom.scale, x: zoom.x - at.x + 0.5, y: zoom.y - at.y + 0.5 };
    }
    this.lay(from);
  }

  lay(except = -1) {
    this.panes.forEach(({ pane }, i) => {
      if (i === except || i >= this.rows.length) return;
      const at = this.anchor(i);
      pane.setZoom(this.zoomAt && { scale: this.zoomAt.scale, x: this.zoomAt.x + at.x - 0.5, y: this.zoomAt.y + at.y - 0.5 });
    });
    const on = (control, value) => control.setAttribute('aria-pressed', value);
    on(this.two, this.count === 2);
    on(this.four, this.count === 4);
    on(this.fit, !this.zoomAt);
    on(this.full, Boolean(this.zoomAt) && Math.abs(this.zoomAt.scale * (window.devicePixelRatio || 1) - 1) < 0.01);
    on(this.tie, this.tied);
    on(this.faces, this.onFaces);
  }

  update({ name, data }) {
    if (name === 'marks' || name === 'decision') {
      this.drawMarks();
      const row = this.rows[this.active];
      const mine = name === 'marks' && data.kind === 'flag' && data.rows?.length === 1 && data.rows[0] === row;
      // A rejected frame makes room for the next one.
      if (mine && this.ws.table.flag[row] < 0 && this.ws.settings.advance) this.step(1);
    } else if (name === 'view') {
      if (!this.candidates) this.fill();
    } else if (name === 'overlay') this.draw();
  }

  draw() {
    this.turn += 1;
    this.grid.dataset.count = this.rows.length;
    this.panes.forEach(({ el: whole }, i) => { whole.hidden = i >= this.rows.length; });
    this.rows.forEach((_, i) => this.drawPane(i));
    this.drawMarks();
    this.lay();
    if (!this.rows.length) this.ws.toast(this.ws.ours('No frame is in view'));
  }

  async drawPane(i) {
    const { ws, ws: { table } } = this;
    const row = this.rows[i];
    const { pane } = this.panes[i];
    const about = { row, size: { width: table.width[row], height: table.height[row] }, label: table.nameOf(row) };
    const ready = ws.frames.ready(row);
    if (ready && !ready.isConnected) pane.show(ready, about);
    else pane.wait(table.thumbUrl(row), about);
    const look = ws.looks.of(row).then(() => this.onFaces && this.rows[i] === row && this.lay(), () => {});
    try {
      const image = await ws.frames.load(row);
      if (this.rows[i] === row && pane.about?.row === row) pane.show(image, about);
    } catch {
      if (this.rows[i] === row) pane.fail(this.ws.ours('This frame has no picture. Its file may be gone.'));
    }
    await look;
    if (this.rows[i] === row) ws.emit('shown', { row, pane });
  }

  drawMarks() {
    const { table } = this.ws;
    const known = FACTS.filter(([name]) => {
      if (name === 'score' || table.column(name)) return true;
      if (this.ws.measures.has(name)) table.measure(name).then(() => this.drawMarks(), () => {});
      return false;
    });
    const best = new Map(known.map(([name, , better]) => {
      if (!better) return [name, NaN];
      const values = this.rows.map((row) => table.column(name)[row]).filter((value) => Number.isFinite(value))
        .map((value) => (better > 0 ? value : -Math.abs(value)));
      const top = Math.max(...values);
      return [name, values.length > 1 && Math.min(...values) < top ? top : NaN];
    }));
    this.rows.forEach((row, i) => {
      const { el: whole, line, facts } = this.panes[i];
      whole.classList.toggle('active', i === this.active);
      whole.dataset.flag = table.flag[row];
      whole.dataset.label = table.label[row];
      const flag = { 1: '✓ pick', '-1': '✕ reject' }[table.flag[row]] ?? '';
      const stars = '★'.repeat(table.stars[row]);
      line.replaceChildren(el('b', { text: table.nameOf(row) }), el('span', { class: 'flag', text: flag }),
        el('span', { class: 'stars', text: stars }), el('span', { class: 'dim', text: table.when(row) }));
      facts.replaceChildren(...known.flatMap(([name, title, better]) => {
        const value = table.column(name)[row];
        if (!Number.isFinite(value)) return [];
        const wins = (better > 0 ? value : -Math.abs(value)) === best.get(name);
        return [el('span', { class: wins ? 'best' : '' }, el('i', { text: title }), ` ${short(value)}`)];
      }));
    });
  }

  said() {
    const row = this.rows[this.active];
    if (row >= 0) this.live.textContent = `Pane ${this.active + 1}: ${this.ws.table.nameOf(row)}`;
  }
}

export function setup(ws) {
  const compare = new Compare(ws);
  ws.compare = compare;
  ws.addMode('compare', compare);
  const group = 'Compare';
  const inCompare = (run) => () => ws.mode === 'compare' && run();
  ws.addCommand('compare.next', { title: 'Next pane', group, run: inCompare(() => compare.turnTo(1)) });
  ws.addCommand('compare.previous', { title: 'Previous pane', group, run: inCompare(() => compare.turnTo(-1)) });
  ws.addCommand('compare.promote', { title: 'Put the frame first', group, run: inCompare(() => compare.promote()) });
  ws.addCommand('compare.count', { title: 'Two or four frames', group,
    run: inCompare(() => compare.resize(compare.count === 2 ? 4 : 2)) });
  ws.addCommand('compare.faces', { title: 'Zoom onto each face', group,
    run: inCompare(() => compare.set('onFaces', !compare.onFaces)) });
  ws.addCommand('compare.tie', { title: 'Zoom together or apart', group, run: inCompare(() => compare.set('tied', !compare.tied)) });
}
