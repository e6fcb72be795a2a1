// People: who is in the footage, by face. Names, merging, telling apart, consent, one photo's face.
//
// A person is named to the server by a frame of theirs: numbers change when something is said.

import { showFrames } from './learned.js';
import { button, el, frames, grouped, present, select, settled } from './parts.js';
import { fetchBytes, saidBy } from './table.js';

const FIRST = 8;
const OPEN = 'people:open';
const COLUMN = 'who-now';
const PHOTO_PX = 1200;
const REDECIDE_MS = 1500;
const FACE_ROOM = 1.5;

/** Where a thumbnail lies in a square that shows a face and some room: CSS lengths in percent. */
export function framed([x0, y0, x1, y1], aspect) {
  // In units of the picture's height.
  const [wide, tall] = [(x1 - x0) * aspect, y1 - y0];
  const side = Math.min(Math.max(wide, tall) * FACE_ROOM, 1, aspect);
  const left = Math.min(Math.max((x0 + x1) / 2 * aspect - side / 2, 0), aspect - side);
  const top = Math.min(Math.max((y0 + y1) / 2 - side / 2, 0), 1 - side);
  return { width: 100 * aspect / side, left: -100 * left / side, top: -100 * top / side };
}

class People {
  constructor(ws) {
    this.ws = ws;
    this.told = null;
    this.chosen = -1;
    this.filter = -1;
    this.all = false;
    this.redecide = settled(() => ws.judge.refresh().catch((error) => ws.toast(error.message)), REDECIDE_MS);
    ws.onDestroy(() => this.redecide.cancel());
  }

  mount(place) {
    this.start = button('Show who is who', () => { this.ws.setSetting(OPEN, true); this.read(); }, { class: 'rv-button' });
    this.strip = el('ul', { class: 'pp-strip', 'aria-label': 'People' });
    this.more = button('', () => { this.all = !this.all; this._draw(); }, { class: 'rv-more' });
    this.said = el('p', { class: 'rv-said', role: 'status', 'aria-live': 'polite' });
    this.back = button('Undo', () => this.say({ verb: 'undo' }), { class: 'rv-more' });
    this.photo = el('input', { type: 'file', accept: 'image/*', class: 'pp-file', 'aria-label': 'Find by a photo', onchange: () => this.find(this.photo.files[0]) });
    this.about = el('div', { class: 'pp-about' });
    this.found = el('div', { class: 'pp-found' });
    const later = (part) => present(part, false);
    place.append(later(this.start), later(this.strip), later(this.more), later(this.about), this.said, later(this.back),
      el('label', { class: 'pp-photo', text: 'Find by a photo' }, this.photo), later(this.found));
  }

  update({ name }) {
    if (name === 'table') {
      // Who is who is worked out when somebody wants to know it; this browser remembers that.
      const open = !!this.ws.settings[OPEN];
      present(this.start, !open);
      if (open) this.read();
    } else if (name === 'view' && this.told) this._pressed();
  }

  // -- what is known -----------------------------------------------------------------------------

  /** Ask who there is, and who is on which row. */
  async read() {
    const { ws } = this;
    present(this.start, false);
    try {
      const told = await ws.ask('api/people');
      if (told.why) {
        this.said.textContent = ws.ours('Nobody is known yet: sort the frames first.');
        return;
      }
      const rows = new Int32Array(await fetchBytes(ws.url('api/people/rows')));
      if (rows.length !== ws.table.n) throw new Error(ws.ours('the frames have changed; reload the page'));
      this.told = told;
      ws.table.columns.set(COLUMN, rows);
    } catch (error) {
      this.said.textContent = `Nobody is known: ${error.message}`;
      return;
    }
    this._draw();
    this._refilter();
  }

  /** Who a frame shows by now, or null. */
  on(frame) {
    const row = this.told ? this.ws.table.rowOf(frame) : -1;
    const number = row < 0 ? -1 : this.ws.table.column(COLUMN)[row];
    return number < 0 ? null : this.told.people.find((one) => one.number === number) ?? null;
  }

  titleOf(person) { return person.name || `Person ${person.number}`; }

  whomOf(person) { return person.best[0] ?? person.name; }

  _draw() {
    const { told } = this;
    const shown = told.people.filter((one) => one.frames || one.name);
    const few = this.all ? shown : shown.slice(0, FIRST);
    this.strip.replaceChildren(...few.map((person) => this._one(person)));
    present(this.strip, few.length > 0);
    present(this.more, shown.length > FIRST);
    this.more.textContent = this.all ? 'Fewer' : `All ${grouped(told.all)} people`;
    present(this.back, told.can_undo);
    if (!shown.length) this.said.textContent = this.ws.ours('No frame shows a face that can be told from others.');
    this._about();
    this._pressed();
  }

  _one(person) {
    const title = this.titleOf(person);
    const count = this.ws.ours(person.frames ? frames(person.frames) : 'in no frame now');
    const chip = button('', () => this.choose(person), {
      class: 'pp-one', draggable: 'true', 'aria-label': `${title}, ${count}`, title: `${title}: ${count}, ${grouped(person.picks)} picked` });
    chip.dataset.frame = person.best[0] ?? -1;
    chip.append(el('span', { class: 'pp-face' }, this._face(person.best[0])), el('span', { class: 'pp-name', text: title }),
      el('small', { text: grouped(person.frames) }));
    chip.addEventListener('dragstart', (event) => {
      this.dragged = person;
      event.dataTransfer.setData('text/plain', title);
    });
    chip.addEventListener('dragover', (event) => {
      if (this.dragged && this.dragged !== person) event.preventDefault();
    });
    chip.addEventListener('drop', (event) => {
      event.preventDefault();
      const other = this.dragged;
      this.dragged = null;
      if (other && other !== person) this.merge(person, other);
    });
    return el('li', {}, chip);
  }

  _face(frame) {
    const { table } = this.ws;
    const row = frame === undefined ? -1 : table.rowOf(frame);
    if (row < 0) return null;
    const img = el('img', { alt: '', draggable: 'false', loading: 'lazy', src: table.thumbUrl(row) });
    const box = this.told.faces[frame];
    if (box) {
      const { width, left, top } = framed(box, table.width[row] / table.height[row]);
      Object.assign(img.style, { width: `${width}%`, left: `${left}%`, top: `${top}%`, height: 'auto' });
    }
    return img;
  }

  // -- one person ----------------------------------------------------------------------------------

  get person() {
    if (this.chosen === -1) return null;
    return typeof this.chosen === 'string' ? this.told.people.find((one) => one.name === this.chosen) ?? null : this.on(this.chosen);
  }

  choose(person) {
    const same = this.person === person;
    this.chosen = same ? -1 : this.whomOf(person);
    this._about();
    this._pressed();
    if (!same) this.about.querySelector('input')?.focus();
  }

  _about() {
    const { person, about } = this;
    present(about, person !== null);
    if (!person) return;
    const name = el('input', { type: 'text', value: person.name, maxlength: 80, 'aria-label': 'Name', placeholder: 'Name, then Enter' });
    const consent = el('input', { type: 'text', value: person.consent, maxlength: 2000, 'aria-label': 'Consent', placeholder: 'What was agreed with them' });
    const entered = (field, run) => field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') run(field.value.trim());
      else if (event.key === 'Escape') this.ws.focus();
    });
    const whom = this.whomOf(person);
    entered(name, (value) => value && this.say({ verb: 'name', whom, value }));
    entered(consent, (value) => this.say({ verb: 'consent', whom, value }));
    const others = this.told.people.filter((one) => one !== person && (one.frames || one.name)).slice(0, 100);
    const into = select([['', 'They are also…'], ...others.map((one, i) => [i, this.titleOf(one)])], '', (at) => {
      if (at !== '') this.merge(person, others[Number(at)]);
    }, { 'aria-label': 'They are also', class: 'rv-select' });
    this.only = button(this.ws.ours('Only their frames'), () => this.filterBy(person), { class: 'rv-button' });
    about.replaceChildren(name, consent, el('div', { class: 'pp-row' }, this.only, into),
      el('div', { class: 'pp-row' },
        button('Not them', () => this.ws.run('people.not'), { class: 'rv-button', title: this.ws.ours('The selected frames do not show them') }),
        button('Somebody else', () => this.ws.run('people.split'), { class: 'rv-button', title: this.ws.ours('The selected frames show one other person') })));
    this._pressed();
  }

  _pressed() {
    const { person } = this;
    for (const chip of this.strip.querySelectorAll('.pp-one')) {
      const mine = person !== null && (person.best[0] ?? -1) === Number(chip.dataset.frame);
      chip.setAttribute('aria-pressed', String(mine));
    }
    const on = this.ws.view?.where.some((one) => one.column === COLUMN);
    if (!on) this.filter = -1;
    this.only?.setAttribute('aria-pressed', String(on && this.on(this.filter) === person));
  }

  // -- the view --------------------------------------------------------------------------------------

  /** Show the frames of one person, or all again. */
  async filterBy(person) {
    const { ws } = this;
    const rest = ws.view.where.filter((one) => one.column !== COLUMN);
    const off = ws.view.where.length > rest.length && this.on(this.filter) === person;
    this.filter = off || !person.best.length ? -1 : person.best[0];
    await ws.setWhere(off ? rest : [...rest, this._clause(person)]);
    this._pressed();
    ws.focus();
  }

  _clause(person) { return { column: COLUMN, in: [person.number], local: true, title: this.titleOf(person) }; }

  // Something was said: the filter follows its person.
  _refilter() {
    const { ws } = this;
    if (!ws.view.where.some((one) => one.column === COLUMN)) return;
    const person = this.on(this.filter);
    const rest = ws.view.where.filter((one) => one.column !== COLUMN);
    ws.setWhere(person ? [...rest, this._clause(person)] : rest);
  }

  // -- words -----------------------------------------------------------------------------------------

  /** Say something about people; true when it is written down. */
  async say(words) {
    const { ws } = this;
    if (this.busy) return false;
    this.busy = true;
    let done = false;
    try {
      const told = await ws.ask('api/people/say', 'POST', { client: ws.marks.client, ...words });
      const did = told.did.replace(/^said: /, '');
      this.said.textContent = `${did[0].toUpperCase()}${did.slice(1)}.`;
      await this.read();
      this.redecide();
      done = true;
    } catch (error) {
      this.said.textContent = error.message;
    }
    this.busy = false;
    return done;
  }

  merge(one, other) {
    // Who has a name keeps it.
    const [first, second] = !one.name && other.name ? [other, one] : [one, other];
    return this.say({ verb: 'merge', whom: this.whomOf(first), other: this.whomOf(second) });
  }

  _targets() { return Array.from(this.ws.targetRows(), (row) => this.ws.table.frameId[row]); }

  /** The selected frames do not show who was taken for them. */
  async not() {
    const [ids, person] = [this._targets(), this.person ?? this.on(this._targets()[0])];
    if (!person) { this.ws.toast('Choose a person first.'); return; }
    // A frame of theirs that is not among these: they are known by what stays.
    const whom = person.name || (person.best.find((frame) => !ids.includes(frame)) ?? person.best[0]);
    if (await this.say({ verb: 'not', whom, frames: ids })) this.ws.toast(`${this.ws.ours(frames(ids.length))}: not ${this.titleOf(person)}.`);
  }

  async split() {
    const ids = this._targets();
    if (ids.length && await this.say({ verb: 'split', frames: ids })) this.ws.toast(`${this.ws.ours(frames(ids.length))}: somebody else.`);
  }

  // -- a photo ---------------------------------------------------------------------------------------

  /** Show the tracks that are like the face of a photo, likest first. */
  async find(file) {
    if (!file) return;
    const { ws } = this;
    present(this.found, false);
    this.said.textContent = 'Looking for this face…';
    try {
      const reply = await fetch(ws.url('api/people/find'), {
        method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: await small(file) });
      if (!reply.ok) throw new Error(await saidBy(reply));
      this._foundThem(await reply.json());
    } catch (error) {
      this.said.textContent = `Nobody was found: ${error.message}`;
    }
    this.photo.value = '';
  }

  async _foundThem(told) {
    const { ws } = this;
    const them = told.found.filter((one) => one.is_them);
    const shown = them.length ? them : told.found;
    this.said.textContent = them.length
      ? `${grouped(told.them.length)} of ${grouped(told.tracks)} tracks show them, by a likeness from ${told.threshold.toFixed(2)}; `
        + `expect ${told.expected_strangers.toFixed(1)} strangers among them.`
      : 'No track is like enough; the likest are shown.';
    await showFrames(ws, shown.map((one) => one.frame), 'Like the photo, likest first');
    if (ws.mode !== 'grid') ws.setMode('grid');
    ws.setCursor(0);
    ws.focus();
    if (!them.length) return;
    const name = el('input', { type: 'text', maxlength: 80, 'aria-label': 'Name of who is on the photo', placeholder: 'They are…, then Enter' });
    name.addEventListener('keydown', async (event) => {
      event.stopPropagation();
      if (event.key !== 'Enter' || !name.value.trim()) return;
      if (await this.say({ verb: 'name_frames', frames: told.them, value: name.value.trim() })) present(this.found, false);
    });
    this.found.replaceChildren(name);
    present(this.found, true);
  }
}

/** A photo as a JPEG that is small enough to send. */
async function small(file) {
  const bitmap = await createImageBitmap(file).catch(() => { throw new Error('this is no picture that the browser can read'); });
  const share = Math.min(1, PHOTO_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = el('canvas', { width: Math.round(bitmap.width * share), height: Math.round(bitmap.height * share) });
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, 'image/jpeg', 0.92); });
}

export function setup(ws) {
  ws.people = new People(ws);
  ws.addPanel('left', {
    title: 'People',
    mount: (place) => ws.people.mount(place),
    update: (event) => ws.people.update(event),
  });
  const add = (name, title, run) => ws.addCommand(`people.${name}`, { title, group: 'Find', run });
  add('not', 'The selected frames do not show this person', () => ws.people.not());
  add('split', 'The selected frames show somebody else', () => ws.people.split());
  add('only', 'Only frames of who is on this one', () => {
    const person = ws.row >= 0 && ws.people.told ? ws.people.on(ws.table.frameId[ws.row]) : null;
    if (person) ws.people.filterBy(person);
    else ws.toast(ws.ours('Nobody is known on this frame.'));
  });
}
