// The map: every frame as a dot, near what looks like it; coloured by anything, lassoed to mark.
import { measureChoices } from './facets.js';
import { hands } from './maphands.js';
import { coloursOf, dots, inside, nearest, placesOf } from './mapview.js';
import { button, el, frames, grouped, ink, longSelect, painted, select, sharp, store, stored } from './parts.js';
import { Selection } from './selection.js';
import { fetchBytes } from './table.js';

const KEY = 'curation-review:map-colour';
const MOST_ZOOM = 400;
const PICTURES_UP_TO = 70;
const REACH_PX = 14;
const EVERY_ROW = [['pool', 'Pool'], ['verdict', 'Decision'], ['reason', 'Reason'], ['flag', 'Mark'], ['stars', 'Stars'],
  ['label', 'Label'], ['video', 'Video'], ['shot', 'Shot'], ['person', 'Person']];

class MapMode {
  constructor(ws) {
    this.ws = ws;
    this.places = null;
    this.colour = stored(KEY) || 'pool';
    this.tool = 'lasso';
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.polygon = null;
    this.hover = -1;
    this.pictures = new Map();
    this.down = new Map();
  }

  mount(place) {
    this.bar = el('div', { class: 'rv-tools', role: 'toolbar', 'aria-label': 'Map' });
    this.canvas = el('canvas', { class: 'base', 'aria-hidden': 'true' });
    this.top = el('canvas', { class: 'top', 'aria-hidden': 'true' });
    this.legend = el('div', { class: 'rv-legend' });
    this.tip = el('div', { class: 'rv-tip', hidden: true }, el('img', { alt: '' }), el('span', {}));
    this.chosen = el('div', { class: 'rv-chosen', role: 'status', hidden: true });
    this.note = el('div', { class: 'rv-empty', role: 'status' });
    this.field = el('div', { class: 'rv-field', tabindex: 0, role: 'application', 'aria-label': 'Map of the frames by their looks' },
      this.canvas, this.top, this.tip, this.legend, this.chosen, this.note);
    place.append(this.bar, this.field);
    this.base = painted(() => this.drawBase());
    this.over = painted(() => this.drawTop());
    new ResizeObserver(() => this.base()).observe(this.field);
    hands(this);
    this.buildBar();
  }

  buildBar() {
    const { ws } = this;
    this.lasso = button('Lasso', () => this.setTool('lasso'), { title: 'Drag around frames to select them' });
    this.hand = button('Move', () => this.setTool('move'), { title: 'Drag to move the map' });
    const colours = longSelect([{ group: 'Decisions and marks', choices: EVERY_ROW }, ...measureChoices(ws)], this.colour,
      (name) => this.colourBy(name), { 'aria-label': 'Colour of the dots' });
    this.bar.replaceChildren(
      el('span', { class: 'rv-group' }, this.lasso, this.hand),
      button('Whole map', () => this.fit(), { title: 'Show the whole map' }),
      el('label', { class: 'rv-label' }, el('span', { text: 'Colour' }), colours),
      button('Select what is in sight', () => ws.run('map.sight')),
      el('span', { class: 'hint', text: 'drag a lasso · wheel zooms · arrows go on' }));
    this.setTool(this.tool);
  }

  focus() { this.field.focus({ preventScroll: true }); }

  get overrides() {
    const go = (dx, dy) => () => this.step(dx, dy);
    return {
      'go.left': go(-1, 0), 'go.right': go(1, 0), 'go.up': go(0, -1), 'go.down': go(0, 1),
      'go.first': () => this.fit(), 'cell.larger': () => this.scaleBy(1.5), 'cell.smaller': () => this.scaleBy(1 / 1.5),
    };
  }

  targets() {
    const { ws } = this;
    return ws.selection.empty ? null : ws.selection.rows(ws.view);
  }

  async show() {
    const { ws } = this;
    this.focus();
    if (this.places && this.of === ws.table) {
      this.base();
      return;
    }
    this.say(this.ws.ours('Placing the frames…'), 'The first time this takes a while.');
    try {
      const bytes = await fetchBytes(ws.url('api/review/map?by=appearance'));
      this.places = placesOf(bytes, ws.table.n);
      this.of = ws.table;
      if (!this.places) {
        this.say(this.ws.ours('No frame has been looked at for its appearance'), 'Run Sort with the appearance step, then come back.');
        return;
      }
      this.say('');
    } catch (error) {
      this.say('The map could not be made', error.message);
      return;
    }
    this.unknown = this.places.x.reduce((sum, value) => sum + (value !== value ? 1 : 0), 0);
    await this.colourBy(ws.knows(this.colour) ? this.colour : 'pool');
  }

  say(title, text = '') {
    this.note.hidden = !title;
    this.note.replaceChildren(el('b', { text: title }), el('span', { text }));
  }

  update({ name }) {
    if (!this.places) return;
    if (name === 'marks' || name === 'decision') this.recolour();
    else if (name === 'view') this.base();
    else if (name === 'cursor' || name === 'selection') this.over();
  }

  async colourBy(name) {
    this.colour = name;
    store(KEY, name);
    try {
      await this.ws.table.measure(name);
    } catch (error) {
      this.ws.toast(`The map keeps its colours: ${error.message}`);
      return;
    }
    this.recolour();
  }

  recolour() {
    if (!this.places || !this.ws.table.column(this.colour)) return;
    this.painting = coloursOf(this.ws, this.colour);
    this.drawLegend();
    this.base();
  }

  drawLegend() {
    const { named, ends, more } = this.painting;
    if (ends) {
      this.legend.replaceChildren(el('div', { class: 'ramp' }, el('span', { text: ends[0] }), el('i', {}), el('span', { text: ends[1] })));
      return;
    }
    this.legend.replaceChildren(...(named ?? []).map(({ colour, name, count }) => el('div', { class: 'key' },
      el('i', { style: `background:${colour}` }), el('span', { text: name }), el('span', { class: 'n', text: count }))),
    ...(more > 0 ? [el('div', { class: 'key', text: `and ${grouped(more)} more` })] : []));
  }

  setTool(name) {
    this.tool = name;
    this.lasso.setAttribute('aria-pressed', name === 'lasso');
    this.hand.setAttribute('aria-pressed', name === 'move');
    this.field.dataset.tool = name;
  }

  // -- where things are -------------------------------------------------------------------------

  get at() {
    const { clientWidth: width, clientHeight: height } = this.field;
    const scale = Math.min(width, height) * 0.92 * this.zoom;
    return { scale, left: width / 2 - this.middle[0] * scale, top: height / 2 - this.middle[1] * scale, width, height };
  }

  placeOf(event) {
    const box = this.field.getBoundingClientRect();
    const { scale, left, top } = this.at;
    return [(event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale];
  }

  fit() {
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.base();
  }

  scaleBy(factor, place = this.middle) {
    const zoom = Math.min(MOST_ZOOM, Math.max(0.5, this.zoom * factor));
    const share = this.zoom / zoom;
    this.middle = [0, 1].map((k) => place[k] + (this.middle[k] - place[k]) * share);
    this.zoom = zoom;
    this.base();
  }

  /** Go to the nearest dot in a direction. */
  step(dx, dy) {
    const { ws } = this;
    if (!this.places) return;
    const { row } = ws;
    const from = row >= 0 && this.places.x[row] === this.places.x[row] ? [this.places.x[row], this.places.y[row]] : this.middle;
    const to = nearest(this.places, ws.view.mask, from[0], from[1], 4, [dx, dy], row);
    if (to < 0) return;
    ws.setCursor(ws.view.positionOf(to), { keep: true });
    const { scale, left, top, width, height } = this.at;
    const [x, y] = [this.places.x[to] * scale + left, this.places.y[to] * scale + top];
    if (x < 30 || y < 30 || x > width - 30 || y > height - 30) this.middle = [this.places.x[to], this.places.y[to]];
    this.base();
  }

  // -- drawing ----------------------------------------------------------------------------------

  drawBase() {
    const { clientWidth: width, clientHeight: height } = this.field;
    if (!width || !this.places || !this.painting) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.image = null;
    }
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.image ??= context.createImageData(w, h);
    const { scale, left, top } = this.at;
    const crowd = this.ws.view.count > 60000 ? 1 : this.ws.view.count > 4000 ? 2 : 4;
    const size = Math.max(1, Math.round(Math.min(9, crowd * Math.sqrt(Math.max(1, this.zoom)) ** 0.7) * ratio));
    this.shown = dots(this.image, this.places, this.painting.colours, this.ws.view.mask,
      { scale: scale * ratio, left: left * ratio, top: top * ratio }, size, true);
    context.putImageData(this.image, 0, 0);
    this.drawTop();
  }

  drawTop() {
    const { ws, places } = this;
    if (!places || !this.field.clientWidth) return;
    const { scale, left, top, width, height } = this.at;
    const [context] = sharp(this.top, width, height);
    const point = (row) => [places.x[row] * scale + left, places.y[row] * scale + top];
    if (this.shown && this.shown <= PICTURES_UP_TO) this.drawPictures(context, point, width, height);
    const accent = ink(this.field, '--rv-cursor', '#5eead4');
    if (!ws.selection.empty) {
      context.strokeStyle = accent;
      context.lineWidth = 1;
      context.beginPath();
      const rows = ws.selection.rows(ws.view);
      const step = Math.max(1, Math.ceil(rows.length / 6000));
      for (let i = 0; i < rows.length; i += step) {
        const [x, y] = point(rows[i]);
        if (x >= 0 && y >= 0 && x <= width && y <= height) context.rect(x - 3, y - 3, 7, 7);
      }
      context.stroke();
    }
    for (const [row, colour] of [[ws.row, ink(this.field, '--rv-text', '#fff')], [this.hover, accent]]) {
      if (row < 0 || places.x[row] !== places.x[row]) continue;
      const [x, y] = point(row);
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 8, 0, 7);
      context.stroke();
    }
    if (this.polygon?.length > 1) {
      context.beginPath();
      this.polygon.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x * scale + left, y * scale + top));
      context.closePath();
      context.fillStyle = 'rgba(45,212,191,.12)';
      context.fill();
      context.strokeStyle = accent;
      context.lineWidth = 1.5;
      context.stroke();
    }
    this.drawChosen();
  }

  /** When few dots are in sight, they are pictures. */
  drawPictures(context, point, width, height) {
    const { ws, ws: { table } } = this;
    for (let row = 0; row < table.n; row += 1) {
      if (!ws.view.mask[row]) continue;
      const [x, y] = point(row);
      if (!(x > -40 && y > -30 && x < width + 40 && y < height + 30)) continue;
      let img = this.pictures.get(row);
      if (!img) {
        img = new Image();
        img.onload = () => this.over();
        img.src = table.thumbUrl(row);
        this.pictures.set(row, img);
        if (this.pictures.size > 3 * PICTURES_UP_TO) this.pictures.delete(this.pictures.keys().next().value);
      }
      if (!img.complete || !img.naturalWidth) continue;
      const wide = 72;
      const tall = (wide * img.naturalHeight) / img.naturalWidth;
      context.drawImage(img, x - wide / 2, y - tall / 2, wide, tall);
      const [b, g, r] = [16, 8, 0].map((shift) => (this.painting.colours[row] >> shift) & 255);
      context.strokeStyle = `rgb(${r} ${g} ${b})`;
      context.lineWidth = 2;
      context.strokeRect(x - wide / 2, y - tall / 2, wide, tall);
    }
  }

  drawChosen() {
    const { ws } = this;
    const count = ws.selection.count;
    this.chosen.hidden = !count;
    if (!count || this.told === count) return;
    this.told = count;
    this.chosen.replaceChildren(el('b', { text: this.ws.ours(frames(count)) }), button('Show only these', () => this.only(), { class: 'rv-button' }),
      button('Pick', () => ws.run('mark.pick'), { class: 'rv-button' }), button('Reject', () => ws.run('mark.reject'), { class: 'rv-button' }),
      button('Let go', () => ws.select(new Selection()), { class: 'rv-button' }));
  }

  // -- hands ------------------------------------------------------------------------------------

  choose(found, total, add) {
    const { ws } = this;
    if (add && !ws.selection.empty) for (const row of ws.selection.rows(ws.view)) found[row] = 1;
    this.told = -1;
    ws.select(total || add ? Selection.ofMask(found, ws.view) : new Selection());
  }

  only() {
    const { ws } = this;
    const column = new Uint8Array(ws.table.n);
    for (const row of ws.selection.rows(ws.view)) column[row] = 1;
    this.turn = (this.turn ?? 0) + 1;
    const name = `lasso-${this.turn}`;
    ws.table.columns.set(name, column);
    const where = ws.view.where.filter((one) => !String(one.column).startsWith('lasso-'));
    for (const old of [...ws.table.columns.keys()]) if (old.startsWith('lasso-') && old !== name) ws.table.columns.delete(old);
    ws.setWhere([...where, { column: name, in: [1], local: true, title: 'Lasso on the map' }]);
    ws.select(new Selection());
  }

  sight() {
    if (!this.places) return;
    const { scale, left, top, width, height } = this.at;
    const [x0, y0, x1, y1] = [-left / scale, -top / scale, (width - left) / scale, (height - top) / scale];
    const { found, total } = inside(this.places, this.ws.view.mask, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
    this.choose(found, total, false);
  }

  clicked(event) {
    const { ws } = this;
    const row = nearest(this.places, ws.view.mask, ...this.placeOf(event), REACH_PX / this.at.scale);
    if (row >= 0) ws.setCursor(ws.view.positionOf(row), { keep: event.shiftKey });
    else if (!event.shiftKey) ws.select(new Selection());
  }

  pointed(event) {
    if (event.pointerType === 'touch') return;
    const row = nearest(this.places, this.ws.view.mask, ...this.placeOf(event), REACH_PX / this.at.scale);
    this.point(row, event);
  }

  point(row, event) {
    if (row === this.hover) return;
    this.hover = row;
    this.over();
    // Where the dots are pictures already there is nothing to tell.
    this.tip.hidden = row < 0 || this.shown <= PICTURES_UP_TO;
    if (this.tip.hidden) return;
    const { table } = this.ws;
    const box = this.field.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    this.tip.style.left = `${x > box.width - 220 ? x - 200 : x + 16}px`;
    this.tip.style.top = `${y > box.height - 170 ? y - 150 : y + 16}px`;
    this.tip.firstChild.src = table.thumbUrl(row);
    this.tip.lastChild.textContent = table.nameOf(row);
  }
}

export function setup(ws) {
  const map = new MapMode(ws);
  ws.map = map;
  ws.addMode('map', map);
  ws.on('table', () => map.bar && map.buildBar());
  ws.addCommand('map.sight', { title: 'Select what is in sight on the map', group: 'Select', run: () => ws.mode === 'map' && map.sight() });
}
