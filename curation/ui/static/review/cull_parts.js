// What the culling desk is made of: the list of groups, the strip of one group, and why.
import { letGo, showThumb, tint } from './images.js';
import { farText, KINDS, SHORT } from './cull_groups.js';
import { clock, el, painted, short, words } from './parts.js';

const LINE_PX = 62;
export const STANDS = { keep: 'Keep', reject: 'Out', tie: 'Tie' };
const SIGNS = { keep: '✔', reject: '✕', tie: '=' };
// Facts that have a better end: 1 more is better, -1 less is.
const BETTER = { sharpness: 1, face_sharpness: 1, subject: 1, pixels: 1, eyes: 1, eye_open: 1, stars: 1, score: 1, clipped: -1,
  clipped_frac: -1, bytes: 0, luma_mean: 0, smile: 1, focus: 1, focus_s: 1 };
const TITLES = { eyes: 'Eyes open', eye_open: 'Eyes open', clipped: 'Clipped', clipped_frac: 'Clipped',
  luma_mean: 'Brightness', taken: 'Taken', taken_s: 'Taken', bytes: 'File', pixels: 'Size', subject: 'Face sharpness' };
const SHARES = new Set(['clipped', 'clipped_frac', 'margin']);
// Told elsewhere on the page, or of no use to an eye.
const SILENT = new Set(['margin', 'rank', 'width', 'height', 'size_bytes', 'mtime_ns', 'time_from', 'rule', 'with', 'flag',
  'stars', 'same', 'one_shot', 'asked_again']);
const MOST_FACTS = 14;

/** A picture in a list: an option with its thumbnail. */
function option(kind, press) {
  const img = el('img', { alt: '', draggable: 'false', decoding: 'async', hidden: true });
  const said = el('span', { class: 'cu-said' });
  const cell = el('div', { class: kind, role: 'option', 'aria-selected': 'false' }, img, said);
  cell.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    event.preventDefault();
    press(part);
  });
  const part = { cell, img, said, key: -1 };
  return part;
}

function picture(part, ws, row) {
  if (part.key === row) return;
  letGo(part.img);
  part.key = row;
  part.cell.style.setProperty('--tint', tint(ws.table.luma[row]));
  showThumb(part.img, ws.table.thumbUrl(row));
}

/** The list of groups: only the lines on the screen are in the page. */
export class GroupList {
  constructor(ws, chosen) {
    this.ws = ws;
    this.sizer = el('div', { class: 'cu-sizer' });
    this.el = el('div', { class: 'cu-list', role: 'listbox', 'aria-label': 'Groups', tabindex: -1 }, this.sizer);
    this.cells = [];
    this.chosen = chosen;
    this.draw = painted(() => this.paint());
    this.el.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.el);
  }

  show(groups, list, at) {
    this.groups = groups;
    this.list = list;
    this.at = at;
    this.sizer.style.height = `${list.length * LINE_PX}px`;
    const { scrollTop, clientHeight } = this.el;
    const top = at * LINE_PX;
    if (top < scrollTop) this.el.scrollTop = top - LINE_PX;
    else if (top + 2 * LINE_PX > scrollTop + clientHeight) this.el.scrollTop = top + 2 * LINE_PX - clientHeight;
    this.draw();
  }

  paint() {
    if (!this.list || !this.el.clientHeight) return;
    const first = Math.floor(this.el.scrollTop / LINE_PX);
    const count = Math.min(this.list.length, Math.ceil(this.el.clientHeight / LINE_PX) + 1);
    while (this.cells.length < count) {
      const part = option('cu-group', (one) => this.chosen(one.at));
      this.cells.push(part);
      this.sizer.append(part.cell);
    }
    this.cells.forEach((part, i) => {
      // A line keeps its group while the list slides.
      const at = first + ((i - first) % this.cells.length + this.cells.length) % this.cells.length;
      const group = i < this.cells.length ? this.list[at] : null;
      part.at = at;
      part.cell.hidden = !group;
      if (!group) { letGo(part.img); part.key = -1; return; }
      part.cell.style.transform = `translateY(${at * LINE_PX}px)`;
      picture(part, this.ws, group.rows[0]);
      this.line(part, group, at);
    });
  }

  line(part, group, at) {
    const { groups } = this;
    const stands = Array.from(group.rows, (_, i) => groups.stands(group, i));
    const of = (what) => stands.filter((one) => one === what).length;
    const done = groups.decided(group);
    const state = group.apart ? 'apart' : done ? 'done' : of('tie') ? 'tie' : 'open';
    const parts = [`${of('keep')} keep`, of('tie') ? `${of('tie')} tie` : '', of('reject') ? `${of('reject')} out` : ''];
    const text = group.apart ? 'no duplicates' : parts.filter(Boolean).join(' · ');
    part.cell.dataset.state = state;
    part.cell.dataset.count = group.rows.length;
    part.cell.setAttribute('aria-selected', String(at === this.at));
    part.cell.setAttribute('aria-label', `Group ${at + 1}: ${group.rows.length} pictures, ${KINDS[group.kind] ?? group.kind}, ${text}${done ? ', decided' : ''}`);
    part.said.replaceChildren(el('b', { text: `${group.rows.length} ${SHORT[group.kind] ?? group.kind}` }), el('span', { text }));
  }
}

/** The pictures of one group, side by side; what is to become of each stands on it. */
export class Strip {
  constructor(ws, chosen) {
    this.ws = ws;
    this.el = el('div', { class: 'cu-strip', role: 'listbox', 'aria-label': 'Pictures of this group' });
    this.cells = [];
    this.chosen = chosen;
  }

  show(groups, group, at) {
    const rows = group ? group.rows : [];
    while (this.cells.length < rows.length) {
      const part = option('cu-shot', (one) => this.chosen(one.at));
      part.mark = el('i', { 'aria-hidden': 'true' });
      part.cell.append(part.mark);
      this.cells.push(part);
    }
    this.el.replaceChildren(...this.cells.slice(0, rows.length).map((part) => part.cell));
    rows.forEach((row, i) => {
      const part = this.cells[i];
      part.at = i;
      picture(part, this.ws, row);
      const stands = groups.stands(group, i);
      const hand = groups.byHand(group, i);
      const told = groups.told.get(row);
      part.cell.dataset.stands = stands;
      part.cell.dataset.hand = String(hand);
      part.cell.dataset.keeper = String(i === 0);
      part.cell.dataset.moved = String(told ? !told.there : false);
      part.cell.setAttribute('aria-selected', String(i === at));
      const how = told && !told.there ? 'moved away' : `${STANDS[stands]}${hand ? '' : ' proposed'}`;
      part.cell.setAttribute('aria-label', `${groups.nameOf(row)}, ${how}${i === 0 ? ', the keeper' : ''}`);
      part.mark.textContent = SIGNS[stands];
      part.said.replaceChildren(el('b', { text: groups.nameOf(row) }), el('span', { text: told && !told.there ? 'moved' : farText(group, i) }));
    });
    this.cells[at]?.cell.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
}

const value = (name, found) => {
  if (found === null || found === undefined || found === '') return '';
  if (typeof found === 'string') return found;
  if (typeof found === 'boolean') return found ? 'yes' : 'no';
  if (typeof found !== 'number') return '';
  if (name === 'bytes') return found >= 1e6 ? `${(found / 1e6).toFixed(1)} MB` : `${Math.round(found / 1e3)} kB`;
  if (name === 'taken_s' && found > 1e8) return new Date(found * 1000).toISOString().slice(0, 22).replace('T', ' ');
  if (SHARES.has(name)) return `${(100 * found).toFixed(1)} %`;
  return name.endsWith('time_s') ? clock(found) : short(found);
};

function factsOf(told) {
  if (!told) return new Map();
  const found = new Map([['pixels', `${told.width} × ${told.height}`]]);
  if (told.bytes !== null) found.set('bytes', told.bytes);
  for (const [name, one] of Object.entries(told.facts ?? {})) {
    if (name === 'taken_s' && told.facts.taken) continue;  // the camera's clock is told
    if (!SILENT.has(name) && value(name, one) !== '') found.set(name, one);
  }
  return found;
}

/** The keeper's facts beside those of another picture; the better of the two stands out. */
export function factTable(one, other) {
  const [left, right] = [factsOf(one), factsOf(other)];
  const names = [...new Set([...left.keys(), ...right.keys()])]
    .filter((name) => value(name, left.get(name)) !== value(name, right.get(name)) || name in BETTER).slice(0, MOST_FACTS);
  const rows = names.map((name) => {
    const [a, b] = [left.get(name), right.get(name)];
    const better = BETTER[name] ?? 0;
    const sign = better && typeof a === 'number' && typeof b === 'number' ? Math.sign((a - b) * better) : 0;
    const title = TITLES[name] ?? words(name).replace(/^./, (letter) => letter.toUpperCase());
    return el('tr', {}, el('th', { scope: 'row', text: title }),
      el('td', { class: sign > 0 ? 'best' : '', text: value(name, a) }),
      other ? el('td', { class: sign < 0 ? 'best' : '', text: value(name, b) }) : null);
  });
  const head = el('tr', {}, el('th', { scope: 'col', text: '' }), el('th', { scope: 'col', text: other ? 'Keeper' : 'This one' }),
    other ? el('th', { scope: 'col', text: 'This one' }) : null);
  return el('table', { class: 'cu-facts' }, el('thead', {}, head), el('tbody', {}, ...rows));
}
