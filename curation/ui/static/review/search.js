// Search: a typed condition that narrows the view, and frames of people who stand like a drawn figure.

import { showFrames } from './learned.js';
import { button, el, fold, frames, ink, sharp } from './parts.js';

const EXAMPLE = "pool = 'face' and yaw < 20";
const COUNT = 200;
const STEP = 0.02;
const GRAB_PX = 14;
// A figure that stands, as shares of the canvas; left is the person's left.
const FIGURE = {
  nose: [0.5, 0.1], left_ear: [0.54, 0.09], right_ear: [0.46, 0.09], left_shoulder: [0.61, 0.23], right_shoulder: [0.39, 0.23],
  left_elbow: [0.66, 0.38], right_elbow: [0.34, 0.38], left_wrist: [0.68, 0.52], right_wrist: [0.32, 0.52],
  left_hip: [0.57, 0.53], right_hip: [0.43, 0.53], left_knee: [0.58, 0.74], right_knee: [0.42, 0.74],
  left_ankle: [0.58, 0.94], right_ankle: [0.42, 0.94],
};
const BONES = [['left_ear', 'nose'], ['right_ear', 'nose'], ['left_shoulder', 'right_shoulder'], ['left_shoulder', 'left_elbow'],
  ['left_elbow', 'left_wrist'], ['right_shoulder', 'right_elbow'], ['right_elbow', 'right_wrist'], ['left_shoulder', 'left_hip'],
  ['right_shoulder', 'right_hip'], ['left_hip', 'right_hip'], ['left_hip', 'left_knee'], ['left_knee', 'left_ankle'],
  ['right_hip', 'right_knee'], ['right_knee', 'right_ankle']];
const NAMES = Object.keys(FIGURE);

/** Which letter an error is about, counted from 0; -1 when it does not say. */
export function letterOf(text) {
  const found = /\bletter (\d+)/.exec(text);
  return found ? Number(found[1]) - 1 : -1;
}

class Search {
  constructor(ws) {
    this.ws = ws;
    this.column = '';
    this.turn = 0;
    this.figure = structuredClone(FIGURE);
    this.joint = 0;
  }

  mount(place) {
    this.text = el('input', { type: 'search', 'aria-label': 'Condition', placeholder: EXAMPLE, maxlength: 4000, spellcheck: 'false' });
    this.text.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') this.typed();
      else if (event.key === 'Escape') this.ws.focus();
    });
    this.text.addEventListener('search', () => { if (!this.text.value) this.typed(); });
    this.said = el('p', { class: 'rv-said', role: 'status', 'aria-live': 'polite' });
    this.pose = fold('Like a pose', () => this._drawing());
    place.append(this.text, this.said, this.pose);
  }

  update({ name }) {
    if (name === 'view' && this.column && !this.ws.view.uses([this.column])) {
      this.ws.table.columns.delete(this.column);
      this.column = '';
    }
  }

  /** Narrow the view to the frames for which the typed condition is true; nothing typed widens it. */
  async typed() {
    const { ws } = this;
    const text = this.text.value.trim();
    const mine = this.turn += 1;
    const rest = ws.view.where.filter((one) => one.column !== this.column || !this.column);
    this.text.removeAttribute('aria-invalid');
    if (!text) {
      this.said.textContent = '';
      await ws.setWhere(rest);
      return;
    }
    this.said.textContent = 'Looking…';
    try {
      const told = await ws.ask(`api/review/where?text=${encodeURIComponent(text)}`);
      if (mine !== this.turn) return;
      const fits = new Uint8Array(ws.table.n);
      for (const id of told.frames) {
        const row = ws.table.rowOf(id);
        if (row >= 0) fits[row] = 1;
      }
      const column = `typed-${mine}`;
      ws.table.columns.set(column, fits);
      const old = this.column;
      this.column = column;
      await ws.setWhere([...rest, { column, in: [1], local: true, title: text }]);
      if (old) ws.table.columns.delete(old);
      this.said.textContent = this.ws.ours(`True for ${frames(told.frames.length)}.`);
      ws.focus();
    } catch (error) {
      if (mine !== this.turn) return;
      this.said.textContent = error.message;
      this.text.setAttribute('aria-invalid', 'true');
      const at = letterOf(error.message);
      this.text.focus();
      if (at >= 0) this.text.setSelectionRange(at, this.text.value.length);
    }
  }

  // -- a figure ------------------------------------------------------------------------------------

  _drawing() {
    this.canvas = el('canvas', { class: 'sr-figure', tabindex: 0, role: 'application', 'data-keys': 'own',
      'aria-label': 'Figure: drag its joints; N goes to the next joint, arrows move it' });
    this.now = el('span', { class: 'rv-said', role: 'status' });
    this._hands();
    const host = el('div', { class: 'sr-pose' }, this.canvas, this.now, el('div', { class: 'rv-row' },
      button('Find', () => this.find(), { class: 'rv-button primary' }),
      button('Stand again', () => { this.figure = structuredClone(FIGURE); this._paint(); }, { class: 'rv-button' })));
    requestAnimationFrame(() => this._paint());
    return host;
  }

  _paint() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    const [context, width, height] = sharp(this.canvas, box.width, box.height);
    const at = (name) => [this.figure[name][0] * width, this.figure[name][1] * height];
    context.strokeStyle = ink(this.canvas, '--rv-accent', '#0f766e');
    context.lineWidth = 3;
    context.lineCap = 'round';
    context.beginPath();
    for (const [one, other] of BONES) {
      context.moveTo(...at(one));
      context.lineTo(...at(other));
    }
    context.stroke();
    NAMES.forEach((name, i) => {
      context.fillStyle = ink(this.canvas, i === this.joint ? '--rv-star' : '--rv-text', '#111');
      context.beginPath();
      context.arc(...at(name), i === this.joint ? 6 : 4, 0, 7);
      context.fill();
    });
    this.now.textContent = NAMES[this.joint].replaceAll('_', ' ');
  }

  _move(name, [x, y]) {
    const inside = (value) => Math.min(1, Math.max(0, value));
    this.figure[name] = [inside(x), inside(y)];
    this._paint();
  }

  _hands() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box];
    };
    let held = '';
    canvas.addEventListener('pointerdown', (event) => {
      const [x, y, box] = at(event);
      const away = (name) => Math.hypot((this.figure[name][0] - x) * box.width, (this.figure[name][1] - y) * box.height);
      const nearest = NAMES.reduce((one, other) => (away(other) < away(one) ? other : one));
      if (away(nearest) > GRAB_PX) return;
      held = nearest;
      this.joint = NAMES.indexOf(nearest);
      canvas.setPointerCapture(event.pointerId);
      this._paint();
    });
    canvas.addEventListener('pointermove', (event) => { if (held) this._move(held, at(event)); });
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { held = ''; });
    canvas.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
      const turn = { n: 1, p: -1 }[event.key.toLowerCase()];
      if (by) {
        const [x, y] = this.figure[NAMES[this.joint]];
        this._move(NAMES[this.joint], [x + by[0], y + by[1]]);
      } else if (turn) {
        this.joint = (this.joint + turn + NAMES.length) % NAMES.length;
        this._paint();
      } else if (event.key === 'Enter') this.find();
      else if (event.key === 'Escape') this.ws.focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Show the frames in which somebody stands like the figure, likest first. */
  async find() {
    const { ws } = this;
    this.said.textContent = 'Looking…';
    try {
      // Both in one unit.
      const aspect = this.canvas.clientWidth / this.canvas.clientHeight;
      const joints = Object.fromEntries(NAMES.map((name) => [name, [this.figure[name][0] * aspect, this.figure[name][1]]]));
      const told = await ws.ask('api/review/pose', 'POST', { joints, count: COUNT });
      const ids = told.frames.map((one) => one.frame_id);
      if (!ids.length) throw new Error('nobody stands like that');
      await showFrames(ws, ids, 'Like the figure, likest first');
      if (ws.mode !== 'grid') ws.setMode('grid');
      ws.setCursor(0);
      ws.focus();
      this.said.textContent = this.ws.ours(`${frames(ids.length)}, likest first. Escape goes back.`);
    } catch (error) { this.said.textContent = `Nothing was found: ${error.message}`; }
  }
}

export function setup(ws) {
  ws.search = new Search(ws);
  ws.addPanel('left', {
    title: 'Search',
    mount: (place) => ws.search.mount(place),
    update: (event) => ws.search.update(event),
  });
  ws.addCommand('search.focus', {
    title: 'Type a condition', group: 'Find',
    run() {
      ws.unfold('left', 'Search');
      ws.search.text.focus();
    },
  });
}
