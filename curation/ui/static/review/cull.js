// Cull mode: one group after the other, by keyboard. Each group comes with a proposal: which picture
// stays, which go, which are too near to call, and why. Enter takes it; every key can be undone.

import { CullApply } from './cull_apply.js';
import { Groups, ORDERS, SHOWN } from './cull_groups.js';
import { GroupList, STANDS, Strip } from './cull_parts.js';
import { Stage } from './cull_stage.js';
import { button, el, grouped, select, store, stored } from './parts.js';

const KEY = 'curation-review:cull';
const LOOK_MS = 5000;
const ACTIONS = [['cull.accept', 'Accept', 'Do as proposed, go to the next group'],
  ['cull.winner', 'Winner', 'This picture stays, all others go'],
  ['cull.keep', 'Keep too', 'This picture stays as well; pressed again, that is taken back'],
  ['mark.reject', 'Reject', 'This picture goes'],
  ['cull.apart', 'No duplicates', 'These pictures are no duplicates: all stay, and they are not asked about again'],
  ['undo', 'Undo', 'Take back the last step']];

class Cull {
  constructor(ws) {
    this.ws = ws;
    this.groups = new Groups(ws);
    this.what = 'all';
    this.order = stored(KEY) in ORDERS ? stored(KEY) : 'place';
    this.shown = [];
    this.group = null;
    this.at = 0;
    this.undone = [];
  }

  mount(place) {
    const { ws } = this;
    this.head = el('div', { class: 'cu-head', role: 'toolbar', 'aria-label': 'Culling' });
    this.count = el('b', { class: 'cu-count', role: 'status' });
    this.bar = el('span', { class: 'cu-bar' }, el('i'));
    this.left = el('span', { class: 'cu-left' });
    this.filter = select(Object.entries(SHOWN).map(([name, [title]]) => [name, title]), this.what,
      (name) => { this.what = name; this.list(); ws.focus(); }, { 'aria-label': 'Which groups', class: 'rv-select' });
    this.sort = select(Object.entries(ORDERS).map(([name, [title]]) => [name, title]), this.order,
      (name) => { this.order = name; store(KEY, name); this.list(); ws.focus(); }, { 'aria-label': 'Order of the groups', class: 'rv-select' });
    this.rest = button('Accept the rest', () => ws.run('cull.accept-all'), { class: 'rv-button', title: 'Accept the proposals of all groups in this list that are not decided; one undo takes it back' });
    this.panel = new CullApply(this);
    this.head.append(this.count, this.bar, this.left, el('span', { class: 'rv-space' }), this.filter, this.sort, this.rest, ...this.panel.buttons);
    this.lines = new GroupList(ws, (at) => { this.go(this.shown[at]); ws.focus(); });
    this.strip = new Strip(ws, (at) => { this.turn(at); ws.focus(); });
    this.stage = new Stage(this);
    this.main = el('div', { class: 'cu-main', tabindex: 0, role: 'group', 'aria-label': 'The group' }, ...this.stage.parts, this.strip.el);
    this.why = this.stage.why;
    this.none = el('div', { class: 'rv-empty', hidden: true, role: 'status' });
    this.body = el('div', { class: 'cu-body' }, this.lines.el, this.main, this.why, this.panel.el);
    this.keys = el('div', { class: 'cu-keys', role: 'toolbar', 'aria-label': 'What becomes of the group' });
    this.live = el('div', { class: 'rv-hidden', role: 'status', 'aria-live': 'polite' });
    place.append(this.head, this.body, this.keys, this.none, this.live);
    ws.on('keys', () => this.drawKeys());
    const timer = setInterval(() => this.look(), LOOK_MS);
    ws.onDestroy(() => clearInterval(timer));
  }

  focus() { (this.panel.open ? this.panel.el : this.main).focus({ preventScroll: true }); }

  targets() { return this.row >= 0 ? Int32Array.of(this.row) : new Int32Array(0); }

  get row() { return this.group ? this.group.rows[this.at] : -1; }

  /** The sides lie over what is looked at here; they come back with the mode before. */
  show() {
    const { ws } = this;
    this.before = { left: ws.settings.left, right: ws.settings.right };
    Object.assign(ws.settings, { left: false, right: false });
    ws.emit('setting', { name: 'left' });
    const wanted = ws.row;
    if (this.loaded) { this.list(); this.enter(wanted); } else this.load(wanted);
    this.drawKeys();
    this.focus();
  }

  hide() {
    const { ws } = this;
    if (!ws.settings.left && !ws.settings.right) Object.assign(ws.settings, this.before);
    ws.emit('setting', { name: 'left' });
    this.leave();
  }

  async load(wanted = this.row) {
    try {
      await this.groups.load();
    } catch (error) { this.ws.toast(`The groups could not be read: ${error.message}`); return; }
    this.loaded = true;
    this.list();
    this.enter(wanted);
    this.panel.look();
  }

  async look() {
    if (this.ws.mode !== 'cull' || document.hidden || !this.ws.shown || !this.loaded) return;
    const told = await this.ws.ask('api/cull/revision').catch(() => null);
    if (told && told.revision !== this.groups.revision && !this.busy) await this.load();
  }

  /** Go to the group of a row, else to the first that is to be decided. */
  enter(row) {
    const at = row >= 0 && this.groups.of ? this.groups.of[row] : -1;
    const mine = at >= 0 ? this.groups.list[at] : null;
    const open = () => this.shown.find((group) => !this.groups.decided(group));
    // The first frame is where nobody has been yet.
    this.go((row > 0 && mine) || open() || this.shown[0] || null, mine && row > 0 ? [...mine.rows].indexOf(row) : undefined);
  }

  list(keep = null) {
    this.shown = this.groups.shown(this.what, this.order, keep);
    const empty = !this.groups.list.length;
    this.none.hidden = !empty && this.shown.length > 0;
    if (!this.none.hidden) this.drawNone(empty);
    for (const part of [this.main, this.why, this.keys]) part.hidden = !this.none.hidden;
    if (!this.shown.includes(this.group)) this.group = this.shown[0] ?? null;
    this.draw();
  }

  go(group, at = undefined) {
    this.group = group ?? null;
    // The keeper stands on the left; what it is compared with is the next best.
    this.at = Math.max(0, at ?? Math.min(1, (group?.rows.length ?? 1) - 1));
    this.stage.zoomAt = null;
    this.draw();
    this.leave();
    if (!group) return;
    this.said();
    this.ahead();
    this.groups.facts(group).then(() => this.group === group && this.drawGroup(), () => {});
  }

  /** Have the next group ready before it is asked for. */
  ahead() {
    const next = this.shown[this.shown.indexOf(this.group) + 1];
    if (!next) return;
    this.groups.facts(next).catch(() => {});
    for (const row of next.rows.slice(0, 2)) this.ws.frames.load(row).catch(() => {});
  }

  turn(at) {
    if (!this.group || at < 0 || at >= this.group.rows.length || at === this.at) return;
    this.at = at;
    this.drawGroup();
    this.leave();
    this.said();
  }

  step(by) {
    const to = this.at + by;
    if (!this.group) return;
    if (to < 0 || to >= this.group.rows.length) this.ws.toast(by > 0 ? 'The last of this group; ↓ is the next group.' : 'The keeper comes first; ↑ is the group before.');
    this.turn(to);
  }

  stepGroup(by) {
    const from = this.shown.indexOf(this.group);
    const to = Math.max(0, Math.min(from + by, this.shown.length - 1));
    if (to === from) this.ws.toast(by > 0 ? 'This is the last group.' : 'This is the first group.');
    else this.go(this.shown[to]);
  }

  /** The next group that nobody has decided, around the end once. */
  next() {
    const { shown, groups } = this;
    const from = shown.indexOf(this.group);
    for (let i = 1; i <= shown.length; i += 1) {
      const group = shown[(from + i) % shown.length];
      if (group !== this.group && !groups.decided(group)) {
        if (from + i >= shown.length) this.ws.toast('From the top: groups that were passed over.');
        this.go(group);
        this.list(group);
        return;
      }
    }
    this.draw();
    const { decided, groups: all, out } = groups.progress();
    this.ws.toast(decided === all ? `All ${grouped(all)} groups are decided: ${grouped(out)} pictures go.${this.panel.hint()}`
      : 'Every group of this list is decided.');
  }

  get overrides() {
    return {
      'go.left': () => this.step(-1), 'go.right': () => this.step(1),
      'go.up': () => this.stepGroup(-1), 'go.down': () => this.stepGroup(1),
      'go.pageup': () => this.stepGroup(-10), 'go.pagedown': () => this.stepGroup(10),
      'go.first': () => this.go(this.shown[0]), 'go.last': () => this.go(this.shown[this.shown.length - 1]),
      'go.unmarked': () => this.next(),
      undo: () => this.undo(),
      back: () => { if (this.panel.open) this.panel.close(); else { this.ws.setMode('grid'); this.ws.focus(); } },
      'advance.toggle': () => {
        this.ws.setSetting('advance', !this.ws.settings.advance);
        this.ws.toast(this.ws.settings.advance ? 'A decided group goes on to the next.' : 'A decided group stays.');
      },
    };
  }

  // -- deciding ----------------------------------------------------------------------------------

  accept() {
    const { ws, group, groups } = this;
    if (!group) return;
    if (!group.apart) ws.marks.applyAll(groups.proposal(group));
    if (ws.settings.advance) this.next(); else this.draw();
  }

  acceptAll() {
    const { ws, groups } = this;
    const open = this.shown.filter((group) => !groups.decided(group));
    const out = [];
    const kept = [];
    for (const group of open) {
      const [[, , reject], [, , keep]] = groups.proposal(group);
      out.push(...reject);
      kept.push(...keep);
    }
    if (!open.length) { ws.toast('Every group of this list is decided.'); return; }
    ws.marks.applyAll([['flag', -1, out], ['flag', 1, kept]]);
    this.list(this.group);
    ws.toast(`${grouped(open.length)} groups accepted: ${grouped(kept.length)} stay, ${grouped(out.length)} go. One undo takes all of it back.`);
  }

  winner() {
    const { ws, group, row } = this;
    if (!group) return;
    const { flag } = ws.table;
    ws.marks.applyAll([['flag', -1, [...group.rows].filter((one) => one !== row && flag[one] >= 0)],
      ['flag', 1, flag[row] > 0 ? [] : [row]]]);
    ws.toast(`${this.groups.nameOf(row)} stays, ${grouped(group.rows.length - 1)} ${group.rows.length === 2 ? 'goes' : 'go'}.`);
    if (ws.settings.advance) this.next(); else this.draw();
  }

  keep() {
    const { ws, row } = this;
    if (row < 0) return;
    ws.marks.apply('flag', ws.table.flag[row] > 0 ? 0 : 1, [row]);
  }

  async apart() {
    const { ws, group, groups } = this;
    if (!group || this.busy) return;
    if (!groups.photos) {
      // Rank's stacks are made anew each time: here it is said with marks that all stay.
      ws.marks.applyAll([['flag', 1, [...group.rows].filter((row) => ws.table.flag[row] <= 0)]]);
      ws.toast(`All ${grouped(group.rows.length)} stay.`);
      this.next();
      return;
    }
    const now = !group.apart;
    const out = [...group.rows].filter((row) => ws.table.flag[row] < 0);
    if (!await this.sayApart(group, now)) return;
    if (now && out.length) ws.marks.apply('flag', 0, out);
    this.undone.push({ group, apart: now, marks: now && out.length > 0, after: ws.marks.done });
    ws.toast(now ? 'No duplicates: remembered, also for the next run.' : 'They may be duplicates again.');
    if (now && ws.settings.advance) this.next(); else this.draw();
  }

  async sayApart(group, apart) {
    this.busy = true;
    try {
      await this.groups.setApart(group, apart);
      const { revision } = await this.ws.ask('api/cull/revision');
      this.groups.revision = revision;
      return true;
    } catch (error) {
      this.ws.toast(`This was not remembered: ${error.message}`);
      return false;
    } finally { this.busy = false; }
  }

  /** Take back the last step; what was said of duplicates has its place among the marks. */
  async undo() {
    const { ws } = this;
    if (this.busy) return;
    const last = this.undone[this.undone.length - 1];
    if (last && last.after === ws.marks.done) {
      this.undone.pop();
      if (!await this.sayApart(last.group, !last.apart)) { this.undone.push(last); return; }
      if (last.marks) ws.marks.undo();
      else ws.toast(last.apart ? 'Undid: no duplicates' : 'Undid: duplicates again');
      this.list(last.group);
      this.go(last.group);
      return;
    }
    const rows = ws.marks.lastRows();
    ws.marks.undo();
    const at = rows?.length ? this.groups.of[rows[0]] : -1;
    // Undo shows what it is about.
    if (at >= 0 && rows.length <= this.groups.list[at].rows.length) {
      this.list(this.groups.list[at]);
      this.go(this.groups.list[at], Math.max(0, [...this.groups.list[at].rows].indexOf(rows[0])));
    } else this.draw();
  }

  // -- drawing -----------------------------------------------------------------------------------

  update({ name, data }) {
    if (!this.loaded) return;
    if (name === 'marks') {
      this.draw();
      if (data.kind === 'flag') this.panel.stale();
      const mine = data.kind === 'flag' && data.rows?.length === 1 && data.rows[0] === this.row;
      // A rejected picture makes room for the next one.
      if (mine && this.ws.table.flag[this.row] < 0 && this.ws.settings.advance) {
        if (this.at + 1 < this.group.rows.length) this.turn(this.at + 1);
        else if (this.groups.decided(this.group)) this.next();
      }
    } else if (name === 'view') this.list(this.group);
    else if (name === 'decision' && !this.groups.photos && data.exact !== false) this.load();
  }

  draw() {
    const at = this.shown.indexOf(this.group);
    const { decided, groups, out, kept } = this.groups.progress();
    const place = at >= 0 ? `Group ${grouped(at + 1)} of ${grouped(this.shown.length)}` : 'No group';
    this.count.textContent = place;
    this.bar.firstChild.style.setProperty('--share', groups ? decided / groups : 0);
    this.bar.title = `${grouped(decided)} of ${grouped(groups)} groups are decided`;
    this.left.textContent = `${grouped(decided)} of ${grouped(groups)} decided · ${grouped(kept)} stay, ${grouped(out)} go`;
    this.rest.disabled = decided === groups;
    this.lines.show(this.groups, this.shown, Math.max(0, at));
    this.drawGroup();
  }

  drawNone(empty) {
    const { groups } = this;
    const where = groups.folder ? ` ${JSON.stringify(groups.folder)}` : '';
    const advice = groups.run ? 'The last run found no two pictures that belong together.'
      : groups.folder ? `Find them: python -m curation group${where}` : 'Score & rank puts frames that repeat each other into stacks.';
    this.none.replaceChildren(el('b', { text: empty ? 'No groups to cull' : 'No group passes these filters' }),
      el('span', { text: empty ? advice : 'Show all groups, or loosen the filters.' }),
      empty ? null : button('All groups', () => { this.what = 'all'; this.filter.value = 'all'; this.ws.setWhere([]); this.list(); this.ws.focus(); }, { class: 'rv-button' }));
  }

  drawGroup() { this.stage.draw(); }

  drawKeys() {
    const { ws } = this;
    this.keys.replaceChildren(...ACTIONS.map(([name, title, about]) => {
      const made = button(title, () => { ws.run(name); ws.focus(); }, { class: `rv-button ${name === 'cull.accept' ? 'primary' : ''}`, title: about });
      const text = ws.keys.textOf(name, 'cull');
      if (text) made.append(el('kbd', { text }));
      return made;
    }), el('span', { class: 'rv-space' }), el('span', { class: 'hint', text: '← → in the group · ↑ ↓ groups · Space 1:1 · ? all keys' }));
  }

  said() {
    const { group, groups, at } = this;
    if (!group) return;
    this.live.textContent = `Group ${this.shown.indexOf(group) + 1} of ${this.shown.length}, picture ${at + 1} of ${group.rows.length}: `
      + `${groups.nameOf(this.row)}, ${STANDS[groups.stands(group, at)]}`;
  }

  /** The cursor of the workspace comes along, so that all other modes go on from here. */
  leave() {
    const position = this.ws.view.positionOf(this.row);
    if (position >= 0) this.ws.setCursor(position, { keep: true });
  }
}

export function setup(ws) {
  const cull = new Cull(ws);
  ws.cull = cull;
  ws.addMode('cull', cull);
  const group = 'Cull';
  const here = (run) => () => { if (ws.mode === 'cull') run(); };
  const add = (name, title, run) => ws.addCommand(name, { title, group, mode: 'cull', run: here(run) });
  ws.addCommand('mode.cull', { title: 'Cull: groups one after the other', group: 'Look', run: () => { ws.setMode(ws.mode === 'cull' ? 'grid' : 'cull'); ws.focus(); } });
  add('cull.accept', 'Accept the proposal, next group', () => cull.accept());
  add('cull.winner', 'This picture wins: it stays, the others go', () => cull.winner());
  add('cull.keep', 'Keep this picture too', () => cull.keep());
  add('cull.apart', 'No duplicates: all stay, asked no more', () => cull.apart());
  add('cull.next', 'Next group that is not decided', () => cull.next());
  add('cull.zoom', 'Pixel by pixel, both pictures together', () => cull.stage.zoom());
  add('cull.accept-all', 'Accept all proposals of the list', () => cull.acceptAll());
  add('cull.apply', 'Apply: see what will move, then move it', () => cull.panel.run());
  add('cull.put-back', 'Put back what was moved last', () => cull.panel.putBack());
}
