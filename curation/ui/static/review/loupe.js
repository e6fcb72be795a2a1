// The loupe: one frame as large as it fits, or pixel by pixel, with its neighbours ready.

import { Frames } from './images.js';
import { marksInWords } from './grid.js';
import { el } from './parts.js';
import { Pane } from './pane.js';
import { Sharper } from './sharper.js';

const SWIPE_PX = 70;

class Loupe {
  constructor(ws) {
    this.ws = ws;
    this.row = -1;
  }

  mount(place) {
    this.frames = this.ws.frames;
    this.pane = new Pane({ label: 'Frame' });
    this.pane.sharper = new Sharper(this.ws, this.pane);
    this.stars = el('span', { class: 'stars' });
    this.said = el('div', { class: 'rv-marks', 'aria-hidden': 'true' }, this.stars);
    this.live = el('div', { class: 'rv-hidden', role: 'status', 'aria-live': 'polite' });
    this.strip = el('div', { class: 'rv-strip' });
    this.pane.el.append(this.said);
    this.pane.el.tabIndex = 0;
    place.append(this.pane.el, this.strip, this.live);
    this.ws.slots.filmstrip = this.strip;
    this.ws.emit('slot', { name: 'filmstrip', el: this.strip });
    this.pane.el.addEventListener('dblclick', () => this.pane.toggle());
    this._swipes();
  }

  focus() { this.pane.el.focus({ preventScroll: true }); }

  show() { this.row = -1; this.draw(); this.focus(); }

  hide() { this.row = -1; }

  update({ name }) {
    if (name === 'cursor' || name === 'view') this.draw();
    else if (name === 'marks' || name === 'decision') this.drawMarks();
  }

  async draw() {
    const { ws } = this;
    const { row } = ws;
    if (row === this.row) return;
    this.row = row;
    this.drawMarks();
    if (row < 0) { this.pane.clear(this.ws.ours('No frame is in view.')); return; }
    const { table } = ws;
    const size = { width: table.width[row], height: table.height[row] };
    const about = { row, size, label: table.nameOf(row) };
    const ready = this.frames.ready(row);
    if (ready) this.pane.show(ready, about);
    else this.pane.wait(table.thumbUrl(row), about);
    try {
      const image = ready ?? await this.frames.load(row);
      if (this.row !== row) return;
      if (!ready) this.pane.show(image, about);
    } catch {
      if (this.row === row) this.pane.fail(this.ws.ours('This frame has no picture. Its file may be gone.'));
    }
    if (this.row === row) this.frames.around(ws.cursor);
    ws.emit('shown', { row, pane: this.pane });
  }

  drawMarks() {
    const { ws, row } = this;
    if (row < 0) { this.said.hidden = true; return; }
    const { table } = ws;
    this.said.hidden = false;
    this.said.dataset.flag = table.flag[row];
    this.said.dataset.label = table.label[row];
    this.stars.textContent = '★'.repeat(table.stars[row]);
    this.live.textContent = `${table.nameOf(row)}, ${marksInWords(table, row)}`;
  }

  // A finger, while the picture fits: right picks, left rejects, up goes on, down goes back.
  _swipes() {
    const { el: box } = this.pane;
    let from = null;
    box.addEventListener('pointerdown', (event) => {
      from = event.pointerType === 'touch' && event.isPrimary && !this.pane.zoomed
        ? { x: event.clientX, y: event.clientY } : null;
    });
    box.addEventListener('pointerup', (event) => {
      if (!from || !event.isPrimary) return;
      const x = event.clientX - from.x;
      const y = event.clientY - from.y;
      from = null;
      if (Math.max(Math.abs(x), Math.abs(y)) < SWIPE_PX) return;
      if (Math.abs(y) > Math.abs(x)) this.ws.setCursor(this.ws.cursor + (y < 0 ? 1 : -1));
      else this.ws.run(x > 0 ? 'mark.pick' : 'mark.reject');
    });
    box.addEventListener('pointercancel', () => { from = null; });
  }
}

export function setup(ws) {
  ws.frames = new Frames(ws);
  const loupe = new Loupe(ws);
  ws.loupe = loupe;
  ws.addMode('loupe', loupe);
  ws.addCommand('zoom.toggle', {
    title: 'Pixel by pixel, or fitted', group: 'Look',
    run: () => {
      if (ws.mode === 'grid') ws.setMode('loupe');
      const spec = ws.modes.get(ws.mode)?.spec;
      if (spec?.zoom) spec.zoom(); else loupe.pane?.toggle();
    },
  });
}
