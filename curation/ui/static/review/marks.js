// Marks: painted at once, sent in batches, kept in this browser until the server has them on disk.

import { MARKED, saidBy, unpack, fetchBytes } from './table.js';
import { Selection } from './selection.js';
import { newId, Outbox } from './outbox.js';

const LOOK_MS = 2500;
const QUERY_FROM = 2000;
const COLUMN = { flag: 'flag', stars: 'stars', label: 'label' };
const HAS_NOTE = 1;
const HAS_TAGS = 2;

export const FLAG_WORDS = { 1: 'pick', 0: 'no flag', '-1': 'reject' };

/** Sorted ids as ranges of neighbours, so that a thousand frames of a video are one pair. */
export function idRanges(ids) {
  const sorted = Int32Array.from(ids).sort();
  const ranges = [];
  for (const id of sorted) {
    const last = ranges[ranges.length - 1];
    if (last && id <= last[1] + 1) last[1] = id; else ranges.push([id, id]);
  }
  return ranges;
}

export class Marks {
  /** @param ws the workspace; its table must be loaded */
  constructor(ws) {
    this.ws = ws;
    this.revision = ws.table.header.marks_revision ?? 0;
    this.who = read('curation-review:who') ?? '';
    this.failed = '';
    /** From how many frames on a whole view goes as a question instead of by its ids. */
    this.queryFrom = QUERY_FROM;
    this.canUndo = true;
    this.canRedo = true;
    this.lastWho = new Map();
    this._done = [];
    this._undone = [];
    this._known = 0;
    this.outbox = new Outbox(ws, {
      settled: (entry, result) => this._settled(entry, result),
      refused: (entry, why) => this._refused(entry, why),
      changed: () => ws.emit('saving'),
    });
    this._timer = setInterval(() => this._look(), LOOK_MS);
    ws.onDestroy(() => { clearInterval(this._timer); this.outbox.close(); });
    for (const op of this.outbox.adopted()) this._paintOp(op);
    this._recall();
  }

  /** Whether there is something to undo from an earlier visit. */
  async _recall() {
    const known = await this.ws.ask(`api/review/history?client=${encodeURIComponent(this.client)}`)
      .catch(() => null);
    if (!known || this.pending || this._done.length || this._undone.length) return;
    this.canUndo = known.undo !== null;
    this.canRedo = known.redo !== null;
    this.ws.emit('saving');
  }

  get flag() { return this.ws.table.flag; }
  get stars() { return this.ws.table.stars; }
  get label() { return this.ws.table.label; }
  get noted() { return this.ws.table.noted; }
  get pending() { return this.outbox.pending; }
  get client() { return this.outbox.client; }

  /** The latest step that can be taken back here: its id, and the frames it is about. */
  get done() { return this._done[this._done.length - 1]?.id ?? ''; }

  lastRows() {
    const last = this._done[this._done.length - 1];
    if (!last) return null;
    const step = this._done.filter((one) => one === last || joined(last, one));
    return step.flatMap((one) => [...one.rows]);
  }

  setWho(name) { this.who = name.trim().slice(0, 60); write('curation-review:who', this.who); }

  /**
   * Mark frames: kind "flag" (-1, 0, 1), "stars" (0-5), "label" (0-5), "tag", "untag", "note".
   * @param {Selection|ArrayLike<number>} target selected positions, or rows
   * @returns {number} how many frames were meant
   */
  apply(kind, value, target, id = newId()) {
    const { ws } = this;
    const rows = target instanceof Selection ? target.rows(ws.view) : Int32Array.from(target);
    if (!rows.length) return 0;
    const whole = rows.length === ws.view.count && rows.length > this.queryFrom && this._sameThere();
    const ids = rows.map((row) => ws.table.frameId[row]);
    const op = { id, kind, value, who: this.who };
    if (whole) {
      op.query = { where: ws.view.where, revision: ws.table.header.revision };
      op.expect = rows.length;
    } else if (rows.length > 200) {
      const ranges = idRanges(ids);
      if (ranges.length * 2 < ids.length) op.ranges = ranges; else op.frames = Array.from(ids);
    } else op.frames = Array.from(ids);
    this._done.push({ id, kind, rows, ...this._paint(kind, value, rows) });
    this._undone.length = 0;
    this._trim();
    this.canUndo = true;
    this.canRedo = false;
    this.outbox.add({ type: 'op', op, ranges: whole ? idRanges(ids) : null });
    this._tell(kind, rows);
    return rows.length;
  }

  /**
   * Several marks that are taken back as one: [[kind, value, rows], ...]. Their ids share what
   * stands before "&", by which the server knows them too, also after a restart.
   */
  applyAll(parts) {
    const wanted = parts.filter(([, , rows]) => rows.length);
    const step = newId();
    let count = 0;
    wanted.forEach(([kind, value, rows], i) => {
      count += this.apply(kind, value, rows, wanted.length > 1 ? `${step}&${i}` : step);
    });
    return count;
  }

  // Whether the server would find the same frames: it knows no limits that are only being tried,
  // and marks may be on their way from others.
  _sameThere() {
    const { view, table } = this.ws;
    return view.where.length > 0 && !view.uses(MARKED) && table.isStored();
  }

  _paint(kind, value, rows) {
    const column = this.ws.table[COLUMN[kind] ?? 'noted'];
    const before = new column.constructor(rows.length);
    for (let i = 0; i < rows.length; i++) before[i] = column[rows[i]];
    const after = this._after(kind, value);
    for (let i = 0; i < rows.length; i++) column[rows[i]] = after(before[i]);
    return { before, value };
  }

  _after(kind, value) {
    if (COLUMN[kind]) return () => value;
    if (kind === 'note') return (old) => (value ? old | HAS_NOTE : old & ~HAS_NOTE);
    return (old) => (kind === 'tag' ? old | HAS_TAGS : old);
  }

  /** Take back the last thing that this browser did; the server knows what it was. */
  undo() { return this._step('undo', this._done, this._undone); }

  redo() { return this._step('redo', this._undone, this._done); }

  _step(type, from, to) {
    let entry = from.pop();
    const of = entry && stepOf(entry.id);
    while (entry) {
      const column = this.ws.table[COLUMN[entry.kind] ?? 'noted'];
      const after = this._after(entry.kind, entry.value);
      for (let i = 0; i < entry.rows.length; i++) {
        const row = entry.rows[i];
        const [old, made] = [entry.before[i], after(entry.before[i])];
        // What somebody else changed since stays theirs.
        if (type === 'undo' && column[row] === made) column[row] = old;
        else if (type === 'redo' && column[row] === old) column[row] = made;
      }
      to.push(entry);
      this._tell(entry.kind, entry.rows);
      entry = joined(entry, from[from.length - 1]) ? from.pop() : null;
    }
    if (type === 'undo') this.canRedo = true; else this.canUndo = true;
    return this.outbox.add({ type, id: newId(), of });
  }

  // Old entries cost memory here; the server remembers them all.
  _trim() {
    let held = 0;
    for (let i = this._done.length - 1; i >= 0; i--) {
      held += this._done[i].rows.length;
      if (held > 1_000_000) { this._done.splice(0, i + 1); return; }
    }
  }

  _settled(entry, result) {
    this.failed = '';
    if (entry.type === 'op') {
      if (result.overwrote?.length) {
        const [first] = result.overwrote;
        const more = result.overwrote.length > 1 ? ` and ${result.overwrote.length - 1} more` : '';
        const who = first.who || 'another browser';
        this.ws.toast(`Replaced a mark of ${who}${more}; undo puts it back.`);
      }
      return;
    }
    this.ws.toast(result.did ? `${entry.type === 'undo' ? 'Undid' : 'Redid'}: ${result.did}`
      + (result.skipped ? `; ${result.skipped} were changed by somebody since and stay` : '') : '');
    if (entry.of && result.op && entry.of !== result.op) {
      // Tabs of one browser share its history: what went back was made in another one.
      this._done.length = 0;
      this._undone.length = 0;
      this._reload();
    } else if (result.skipped) this._reload();
    else this._look(true);
  }

  _refused(entry, why) {
    if (entry.type !== 'op') {
      if (why.status === 409) {
        this[entry.type === 'undo' ? 'canUndo' : 'canRedo'] = false;
        this.ws.toast(`Nothing to ${entry.type}.`);
      } else this._fail(`Could not ${entry.type}: ${why.text}`);
    } else if (entry.ranges) {
      // The view changed under the query: name the frames instead, they are what the eye saw.
      const { query, expect, ...op } = entry.op;
      this.outbox.addFirst({ type: 'op', op: { ...op, ranges: entry.ranges }, ranges: null });
      return;
    } else {
      this._done = this._done.filter((one) => one.id !== entry.op.id);
      this._fail(`A mark was refused: ${why.text}`);
    }
    this._reload();
  }

  _fail(text) { this.failed = text; this.ws.toast(text); this.ws.emit('saving'); }

  _tell(kind, rows) { this.ws.emit('marks', { kind, rows }); }

  // -- what others did -----------------------------------------------------------------------

  async _look(now = false) {
    if (this._looking || this.outbox.pending) { this._again ||= now; return; }
    if (!now && (document.hidden || !this.ws.shown)) return;
    this._looking = true;
    try {
      const reply = await fetch(this.ws.url(`api/review/marks?since=${this.revision}`));
      if (!reply.ok) throw new Error(await saidBy(reply));
      const told = await reply.json();
      if (told.reload) await this._reload();
      else this._take(told);
    } catch { /* the server is away: the outbox says so when there is something to save */ }
    this._looking = false;
    if (this._again && !this.outbox.pending) { this._again = false; this._look(true); }
  }

  _take(told) {
    // A mark that is still on its way is newer than anything the server can tell.
    if (this.outbox.pending) { this._again = true; return; }
    this.revision = told.revision;
    const { table } = this.ws;
    const rows = [];
    for (let i = 0; i < told.frames.length; i++) {
      const row = table.rowOf(told.frames[i]);
      if (row < 0) continue;
      let differs = false;
      for (const name of MARKED) {
        if (table[name][row] !== told[name][i]) { table[name][row] = told[name][i]; differs = true; }
      }
      if (told.who?.[i] !== undefined) this.lastWho.set(row, told.who[i]);
      if (differs) rows.push(row);
    }
    if (rows.length) this._tell('others', Int32Array.from(rows));
  }

  async _reload() {
    try {
      const { header, columns } = unpack(await fetchBytes(this.ws.url('api/review/table')));
      if (header.frames !== this.ws.table.n || this.outbox.pending) return;
      for (const name of MARKED) this.ws.table[name].set(columns.get(name));
      this.revision = header.marks_revision;
      this._tell('others', null);
    } catch (error) { this._fail(`Could not read the marks again: ${error.message}`); }
  }

  // Marks that an earlier page did not get rid of are painted again before they are sent.
  _paintOp(op) {
    const { table } = this.ws;
    const rows = [];
    for (const id of op.frames ?? []) { const row = table.rowOf(id); if (row >= 0) rows.push(row); }
    for (const [first, last] of op.ranges ?? []) {
      for (let id = first; id <= last; id++) { const r = table.rowOf(id); if (r >= 0) rows.push(r); }
    }
    if (rows.length) this._paint(op.kind, op.value, rows);
  }
}

/** What the ids of marks that are taken back as one share. */
const stepOf = (id) => id.split('&')[0];

function joined(one, other) {
  return one.id.includes('&') && other !== undefined && stepOf(other.id) === stepOf(one.id);
}

export function read(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function write(key, value) {
  try { localStorage.setItem(key, value); } catch { /* a private window: it lasts until reload */ }
}
