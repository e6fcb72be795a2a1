// Survey: all selected frames at once, as large as they fit, to be narrowed down.
import { chosenRows } from './compare.js';
import { button, el, frames, painted } from './parts.js';

const MOST = 48;
const FULL_UP_TO = 12;
const WITHOUT_SELECTION = 9;
const GAP_PX = 8;

/** Columns that make `count` tiles of a shape (width / height) largest in a box. */
export function bestColumns(count, aspect, width, height) {
  let [best, most] = [1, 0];
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const wide = Math.min((width - GAP_PX * (columns - 1)) / columns, ((height - GAP_PX * (rows - 1)) / rows) * aspect);
    if (wide > most) [best, most] = [columns, wide];
  }
  return { columns: best, width: most, height: most / aspect };
}

class Survey {
  constructor(ws) {
    this.ws = ws;
    this.rows = [];
    this.active = 0;
  }

  mount(place) {
    this.count = el('span', { class: 'hint' });
    this.bar = el('div', { class: 'rv-tools', role: 'toolbar', 'aria-label': 'Survey' }, this.count,
      button('Take this out', () => this.drop((row) => row === this.rows[this.active])),
      button('Take out the rejected', () => this.drop((row) => this.ws.table.flag[row] < 0)),
      button('Pick this, reject the rest', () => this.win()),
      el('span', { class: 'hint', text: 'arrows move · − takes one out' }));
    this.list = el('div', { class: 'rv-tiles', role: 'listbox', tabindex: 0, 'aria-label': 'Surveyed frames' });
    place.append(this.bar, this.list);
    this.lay = painted(() => this.layNow());
    new ResizeObserver(this.lay).observe(this.list);
    this.list.addEventListener('pointerdown', (event) => {
      const at = [...this.list.children].indexOf(event.target.closest('.rv-tile'));
      if (at >= 0) this.setActive(at);
    });
    this.list.addEventListener('dblclick', () => {
      this.leave();
      this.ws.setMode('loupe');
    });
  }

  focus() { this.list.focus({ preventScroll: true }); }

  targets() { return this.rows.length ? Int32Array.of(this.rows[this.active]) : new Int32Array(0); }

  show() {
    const { ws } = this;
    this.rows = chosenRows(ws, MOST) ?? [...ws.view.order.subarray(ws.cursor, ws.cursor + WITHOUT_SELECTION)];
    if (ws.selection.count > MOST) ws.toast(`Shown are the first ${MOST} of ${ws.ours(frames(ws.selection.count))}`);
    this.active = Math.max(0, this.rows.indexOf(ws.row));
    this.draw();
    this.focus();
  }

  hide() { this.leave(); }

  leave() {
    const position = this.ws.view.positionOf(this.rows[this.active] ?? -1);
    if (position >= 0) this.ws.setCursor(position, { keep: true });
  }

  update({ name, data }) {
    if (name !== 'marks' && name !== 'decision') return;
    this.drawMarks();
    const mine = name === 'marks' && data.kind === 'flag' && data.rows?.length === 1 && data.rows[0] === this.rows[this.active];
    if (mine && this.ws.settings.advance && this.active < this.rows.length - 1) this.setActive(this.active + 1);
  }

  setActive(at) {
    this.active = Math.max(0, Math.min(at, this.rows.length - 1));
    this.drawMarks();
    this.leave();
  }

  get overrides() {
    const by = (step) => () => this.setActive(this.active + step());
    const columns = () => this.shape?.columns ?? 1;
    return {
      'go.left': by(() => -1),
      'go.right': by(() => 1),
      'go.up': by(() => -columns()),
      'go.down': by(columns),
      'go.first': () => this.setActive(0),
      'go.last': () => this.setActive(this.rows.length - 1),
      'cell.smaller': () => this.drop((row) => row === this.rows[this.active]),
    };
  }

  drop(which) {
    const kept = this.rows.filter((row) => !which(row));
    if (!kept.length || kept.length === this.rows.length) {
      this.ws.toast(this.ws.ours(kept.length ? 'Nothing to take out' : 'One frame has to stay'));
      return;
    }
    const row = this.rows[this.active];
    this.rows = kept;
    this.active = Math.max(0, Math.min(kept.includes(row) ? kept.indexOf(row) : this.active, kept.length - 1));
    this.draw();
  }

  win() {
    const row = this.rows[this.active];
    const rest = this.rows.filter((one) => one !== row);
    if (rest.length) this.ws.marks.apply('flag', -1, rest);
    this.ws.marks.apply('flag', 1, [row]);
    this.ws.toast(`Picked one, rejected ${this.ws.ours(frames(rest.length))}. Undo takes it back in two steps.`);
  }

  draw() {
    const { table } = this.ws;
    const full = this.rows.length <= FULL_UP_TO;
    this.list.replaceChildren(...this.rows.map((row, i) => {
      const img = el('img', { alt: '', draggable: 'false', decoding: 'async', src: table.thumbUrl(row) });
      if (full) {
        const large = new Image();
        large.src = table.frameUrl(row);
        large.decode().then(() => { img.src = large.src; }, () => {});
      }
      return el('div', { class: 'rv-tile', role: 'option', id: `rv-tile-${i}` }, img, el('span', { class: 'line' }));
    }));
    this.count.textContent = this.ws.ours(frames(this.rows.length));
    this.layNow();
    this.drawMarks();
  }

  drawMarks() {
    const { table } = this.ws;
    this.rows.forEach((row, i) => {
      const tile = this.list.children[i];
      if (!tile) return;
      const flag = { 1: '✓', '-1': '✕' }[table.flag[row]] ?? '';
      tile.dataset.flag = table.flag[row];
      tile.dataset.label = table.label[row];
      tile.classList.toggle('active', i === this.active);
      tile.setAttribute('aria-selected', String(i === this.active));
      const words = { 1: 'pick', 0: 'no flag', '-1': 'reject' }[table.flag[row]];
      tile.setAttribute('aria-label', `${table.nameOf(row)}, ${words}${table.stars[row] ? `, ${table.stars[row]} stars` : ''}`);
      const score = Number.isFinite(table.score[row]) ? table.score[row].toFixed(2) : '';
      tile.children[1].textContent = [flag, '★'.repeat(table.stars[row]), score].filter(Boolean).join(' ');
    });
    this.list.setAttribute('aria-activedescendant', `rv-tile-${this.active}`);
  }

  layNow() {
    const { table } = this.ws;
    const [width, height] = [this.list.clientWidth - 2 * GAP_PX, this.list.clientHeight - 2 * GAP_PX];
    if (width <= 0 || !this.rows.length) return;
    const shapes = this.rows.map((row) => table.width[row] / (table.height[row] || 1)).sort((a, b) => a - b);
    this.shape = bestColumns(this.rows.length, shapes[shapes.length >> 1] || 1.5, width, height);
    this.list.style.gridTemplateColumns = `repeat(${this.shape.columns}, ${Math.floor(this.shape.width)}px)`;
    this.list.style.gridAutoRows = `${Math.floor(this.shape.height)}px`;
  }
}

export function setup(ws) {
  const survey = new Survey(ws);
  ws.survey = survey;
  ws.addMode('survey', survey);
  const inSurvey = (run) => () => ws.mode === 'survey' && run();
  ws.addCommand('survey.drop', { title: 'Take the frame out of the survey', group: 'Compare',
    run: inSurvey(() => survey.drop((row) => row === survey.rows[survey.active])) });
  ws.addCommand('survey.win', { title: 'Pick this frame, reject the others shown', group: 'Compare', run: inSurvey(() => survey.win()) });
}
