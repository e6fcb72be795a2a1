// Crops: what is proposed for a frame, shape by shape, accepted, refused, moved and sized by keys.
//
// Nothing is cropped here. What is said is kept with the picture; copies are made by
// `python -m curation crops FOLDER --apply DIR`.

import { el, button } from './parts.js';
import { Pane } from './pane.js';

const SAVE_MS = 250;
const STEP = 0.01;
const VERDICTS = { proposed: 'proposed', review: 'look at it', none: 'no crop', accepted: 'accepted', refused: 'refused', open: 'not proposed yet' };
const SIGNS = { accepted: '✔', refused: '✕', review: '?', none: '–' };
const isSaid = (crop) => crop.verdict === 'accepted' || crop.verdict === 'refused';

/** The largest crop of a shape in the middle of a picture: [x, y, width, height]. */
export function middle({ w, h }, [wide, tall]) {
  const k = Math.min(Math.floor(wide / w), Math.floor(tall / h));
  return [Math.round((wide - k * w) / 2), Math.round((tall - k * h) / 2), k * w, k * h];
}

/** A crop moved by pixels and sized by steps of k, in whole pixels of its shape, inside the picture. */
export function placed([x, y, wide], { w, h }, size, { dx = 0, dy = 0, dk = 0 } = {}) {
  const most = Math.min(Math.floor(size[0] / w), Math.floor(size[1] / h));
  const was = Math.round(wide / w);
  const k = Math.max(1, Math.min(most, was + dk));
  const inside = (value, room) => Math.max(0, Math.min(room, Math.round(value)));
  return [
    inside(x + dx + ((was - k) * w) / 2, size[0] - k * w), inside(y + dy + ((was - k) * h) / 2, size[1] - k * h),
    k * w, k * h,
  ];
}

class Crops {
  constructor(ws) {
    this.ws = ws;
    this.row = -1;
    this.at = 0;
    this.told = null;
    this.wanted = '';
    this.history = [];
    this.saving = Promise.resolve();
    this.waiting = null;
  }

  mount(place) {
    const { ws } = this;
    this.pane = new Pane({ label: 'Frame' });
    this.pane.el.tabIndex = 0;
    this.corner = el('i', { class: 'cr-corner', 'data-hand': 'size' });
    this.box = el('div', { class: 'cr-box', 'data-hand': 'move' }, el('i', { class: 'cr-thirds' }), this.corner);
    this.layer = el('div', { class: 'cr-layer', 'data-overlay': '' }, this.box);
    this.chips = el('div', { class: 'cr-chips', role: 'group', 'aria-label': 'Shapes' });
    this.said = el('p', { class: 'cr-said', role: 'status', 'aria-live': 'polite' });
    const act = (text, command) => {
      const key = ws.keys?.textOf(command, 'crop');
      return button(text, () => { ws.run(command); this.focus(); }, { class: 'rv-button', title: key ? `${text}: ${key}` : text });
    };
    this.bar = el('div', { class: 'cr-bar' }, this.chips, this.said,
      act('Accept', 'crop.accept'), act('Refuse', 'crop.refuse'), act('Put back', 'crop.forget'), act('Propose for all', 'crop.all'));
    place.append(this.pane.el, this.bar);
    this._hands();
  }

  focus() { this.pane.el.focus({ preventScroll: true }); }

  show() { this.row = -1; this.draw(); this.focus(); }

  hide() { this._save(); this.row = -1; }

  update({ name }) { if (name === 'cursor' || name === 'view') this.draw(); }

  /** Commands that mean something else in this mode. */
  get overrides() {
    const by = (x, y) => () => this.nudge(x, y, STEP);
    const fine = (x, y) => () => this.nudge(x, y, 0);
    return {
      'go.left': by(-1, 0), 'go.right': by(1, 0), 'go.up': by(0, -1), 'go.down': by(0, 1),
      'extend.left': fine(-1, 0), 'extend.right': fine(1, 0), 'extend.up': fine(0, -1), 'extend.down': fine(0, 1),
      'go.pageup': () => this.ws.setCursor(this.ws.cursor - 1), 'go.pagedown': () => this.ws.setCursor(this.ws.cursor + 1),
      'cell.larger': () => this.size(1), 'cell.smaller': () => this.size(-1), undo: () => this.undo(),
    };
  }

  get crop() { return this.told?.crops[this.at] ?? null; }

  async draw() {
    const { ws } = this;
    const { row } = ws;
    if (row === this.row) return;
    this._save();
    Object.assign(this, { row, told: null });
    this.layer.remove();
    this.chips.replaceChildren();
    this.said.textContent = '';
    if (row < 0) { this.pane.clear(this.ws.ours('No frame is in view.')); return; }
    const about = { row, size: { width: ws.table.width[row], height: ws.table.height[row] }, label: ws.table.nameOf(row) };
    const ready = ws.frames.ready(row);
    if (ready) this.pane.show(ready, about); else this.pane.wait(ws.table.thumbUrl(row), about);
    const image = ready ? null : ws.frames.load(row);
    image?.then((found) => { if (this.row === row) { this.pane.show(found, about); this.lay(); } })
      .catch(() => { if (this.row === row) this.pane.fail(this.ws.ours('This frame has no picture. Its file may be gone.')); });
    this.pane.setZoom(null);
    await this.read(row);
    if (this.row === row) ws.frames.around(ws.cursor);
  }

  /** Ask for the crops of a row; where some were never proposed, have them proposed. */
  async read(row) {
    const id = this.ws.table.frameId[row];
    try {
      await this.saving;
      let told = await this.ws.ask(`api/crops/${id}`);
      if (told.crops.every((crop) => crop.verdict === 'open')) {
        told = await this.ws.ask(`api/crops/${id}/propose`, 'POST').catch((error) => ({ ...told, why: error.message }));
      }
      if (this.row !== row) return;
      this.told = told;
      const same = told.crops.findIndex((crop) => crop.ratio === this.wanted);
      const open = told.crops.findIndex((crop) => !isSaid(crop) && crop.verdict !== 'none');
      this.at = same >= 0 ? same : Math.max(0, open);
      this.paint();
    } catch (error) {
      if (this.row === row) this.said.textContent = error.message;
    }
  }

  paint() {
    if (!this.told) return;
    this.chips.replaceChildren(...this.told.crops.map((crop, i) => button(
      `${SIGNS[crop.verdict] ?? ''} ${crop.ratio}`.trim(), () => { this.turnTo(i); this.focus(); },
      { class: 'cr-chip', 'aria-pressed': String(i === this.at), 'data-verdict': crop.verdict, title: VERDICTS[crop.verdict] },
    )));
    const { crop } = this;
    const sure = crop.confidence === null || crop.by_hand ? '' : `, sure ${crop.confidence.toFixed(2)}`;
    const px = crop.px ? `, ${crop.px[2]} × ${crop.px[3]} px` : '';
    const why = crop.why || (crop.verdict === 'open' ? this.told.why : '');
    this.said.textContent = `${crop.ratio}: ${VERDICTS[crop.verdict]}${sure}${px}${why ? ` (${why})` : ''}`;
    this.lay();
  }

  lay() {
    const { crop } = this;
    if (!crop) return;
    if (this.layer.parentElement !== this.pane.holder) this.pane.holder.append(this.layer);
    const [wide, tall] = this.told.size_wh;
    const [x, y, w, h] = crop.px ?? middle(crop, this.told.size_wh);
    this.box.dataset.verdict = crop.verdict;
    Object.assign(this.box.style, {
      left: `${(100 * x) / wide}%`, top: `${(100 * y) / tall}%`, width: `${(100 * w) / wide}%`, height: `${(100 * h) / tall}%`,
    });
    this.box.hidden = w < 1;
  }

  turnTo(at) {
    const { length } = this.told?.crops ?? [];
    if (!length) return;
    this._save();
    this.at = (at + length) % length;
    this.wanted = this.crop.ratio;
    this.paint();
  }

  nudge(x, y, share) {
    if (!this.crop) return;
    const step = Math.max(1, Math.round(share * Math.max(...this.told.size_wh)));
    this.place({ dx: x * step, dy: y * step });
  }

  size(by) {
    if (!this.crop) return;
    const most = Math.round(middle(this.crop, this.told.size_wh)[2] / this.crop.w);
    this.place({ dk: by * Math.max(1, Math.round(2 * STEP * most)) });
  }

  /** Place the crop by hand; it is saved when the hand rests. */
  place(change) {
    const { crop } = this;
    const from = crop.px ?? middle(crop, this.told.size_wh);
    const to = Array.isArray(change) ? change : placed(from, crop, this.told.size_wh, change);
    if (to[2] < 1 || (crop.px && to.every((value, i) => value === crop.px[i]))) return;
    this._remember(crop);
    Object.assign(crop, { px: to, by_hand: true, why: 'placed by hand' });
    if (['none', 'refused', 'review', 'open'].includes(crop.verdict)) crop.verdict = 'proposed';
    this.paint();
    clearTimeout(this.waiting?.timer);
    this.waiting = { crop, row: this.row, size: this.told.size_wh, timer: setTimeout(() => this._save(), SAVE_MS) };
  }

  _remember({ ratio, px, verdict }) {
    const last = this.history.at(-1);
    // Nudges of one go are one step back.
    if (this.waiting && last?.row === this.row && last.ratio === ratio) return;
    this.history.push({ row: this.row, ratio, px: px && [...px], verdict });
  }

  _save() {
    const { waiting } = this;
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.waiting = null;
    this._send(waiting.row, { ratio: waiting.crop.ratio, box: shares(waiting.crop.px, waiting.size), verdict: waiting.crop.verdict });
  }

  /** Send what was said, one after the other; what the server says of it is what is shown. */
  _send(row, asked) {
    const id = this.ws.table.frameId[row];
    this.saving = this.saving.then(() => this.ws.ask(`api/crops/${id}`, 'POST', asked)).then((told) => {
      if (this.row !== row || this.waiting) return;
      this.told = told;
      this.paint();
    }).catch((error) => {
      this.ws.toast(`The crop was not saved: ${error.message}`);
      if (this.row === row) this.read(row);
    });
    return this.saving;
  }

  say(verdict) {
    const { crop } = this;
    if (!crop) return;
    if (verdict === 'accepted' && !crop.px) {
      if (crop.verdict === 'none') { this.ws.toast(`There is no ${crop.ratio} crop: ${crop.why}. Move it into place first.`); return; }
      crop.px = middle(crop, this.told.size_wh);
    }
    if (!crop.px) { this.next(); return; }
    this._remember(crop);
    clearTimeout(this.waiting?.timer);
    const box = this.waiting || crop.verdict === 'open' ? shares(crop.px, this.told.size_wh) : undefined;
    this.waiting = null;
    crop.verdict = verdict;
    this._send(this.row, { ratio: crop.ratio, verdict, ...(box ? { box } : {}) });
    this.paint();
    if (this.ws.settings.advance) this.next();
  }

  /** The next shape of this frame that nobody has spoken about, else the next frame. */
  next() {
    const { crops } = this.told;
    const to = crops.findIndex((crop, i) => i > this.at && !isSaid(crop) && crop.verdict !== 'none');
    if (to >= 0) { this.turnTo(to); return; }
    this.wanted = '';
    if (this.ws.cursor + 1 < this.ws.view.count) this.ws.setCursor(this.ws.cursor + 1);
    else this.ws.toast(this.ws.ours('That was the last frame in view.'));
  }

  forget() {
    const { crop, row } = this;
    if (!crop) return;
    this._save();
    this._remember(crop);
    this._send(row, { ratio: crop.ratio, forget: true }).then(async () => {
      await this.ws.ask(`api/crops/${this.ws.table.frameId[row]}/propose`, 'POST').catch(() => {});
      if (this.row === row) this.read(row);
    });
  }

  undo() {
    this._save();
    const last = this.history.pop();
    if (!last) { this.ws.toast('Nothing to undo here.'); return; }
    const { row, ratio, px, verdict } = last;
    const size = [this.ws.table.width[row], this.ws.table.height[row]];
    const asked = px && verdict !== 'open' && verdict !== 'none'
      ? { ratio, box: shares(px, size), verdict } : { ratio, forget: true };
    this._send(row, asked);
    if (row === this.row) this.turnTo(Math.max(0, this.told.crops.findIndex((crop) => crop.ratio === ratio)));
    this.ws.toast(`Taken back: ${ratio}`);
  }

  async all() {
    try {
      await this.ws.ask('api/crops', 'POST');
      this.ws.toast(this.ws.ours('Crops of all pictures are being proposed. They show when a frame is opened again.'));
    } catch (error) {
      this.ws.toast(error.message);
    }
  }

  // A hand moves the crop, or sizes it by its corner.
  _hands() {
    let from = null;
    this.layer.addEventListener('pointerdown', (event) => {
      const { hand } = event.target.dataset;
      if (!hand || event.button !== 0 || !this.crop) return;
      event.stopPropagation();
      event.preventDefault();
      this.layer.setPointerCapture(event.pointerId);
      from = { hand, x: event.clientX, y: event.clientY, px: this.crop.px ?? middle(this.crop, this.told.size_wh) };
    });
    this.layer.addEventListener('pointermove', (event) => {
      if (!from) return;
      const scale = this.told.size_wh[0] / this.pane.box.width;
      const [dx, dy] = [(event.clientX - from.x) * scale, (event.clientY - from.y) * scale];
      if (from.hand === 'move') { this.place(placed(from.px, this.crop, this.told.size_wh, { dx, dy })); return; }
      const { w, h } = this.crop;
      const [x, y] = from.px;
      const room = Math.min(Math.floor((this.told.size_wh[0] - x) / w), Math.floor((this.told.size_wh[1] - y) / h));
      const k = Math.max(1, Math.min(room, Math.round(((from.px[2] + dx) / w + (from.px[3] + dy) / h) / 2)));
      this.place([x, y, k * w, k * h]);
    });
    for (const name of ['pointerup', 'pointercancel']) this.layer.addEventListener(name, () => { from = null; });
  }
}

function shares([x, y, w, h], [wide, tall]) {
  return [x / wide, y / tall, (x + w) / wide, (y + h) / tall];
}

export function setup(ws) {
  const crops = new Crops(ws);
  ws.crops = crops;
  ws.addMode('crop', crops);
  const group = 'Crops';
  const here = (run) => () => { if (ws.mode === 'crop') run(); };
  const add = (name, title, run) => ws.addCommand(name, { title, group, mode: 'crop', run: here(run) });
  ws.addCommand('mode.crop', { title: 'Crops of the frame', group: 'Look', run: () => { ws.setMode(ws.mode === 'crop' ? 'grid' : 'crop'); ws.focus(); } });
  add('crop.next', 'Next shape', () => crops.turnTo(crops.at + 1));
  add('crop.previous', 'Shape before', () => crops.turnTo(crops.at - 1));
  add('crop.accept', 'Accept the crop, and go on', () => crops.say('accepted'));
  add('crop.refuse', 'Refuse the crop, and go on', () => crops.say('refused'));
  add('crop.forget', 'Put back what was proposed', () => crops.forget());
  add('crop.all', 'Propose crops of all pictures of this folder', () => crops.all());
}
