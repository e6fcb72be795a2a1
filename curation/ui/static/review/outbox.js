// What waits to be saved: in order, resent until answered, and safe in this browser until then.

import { saidBy } from './table.js';

const BATCH_MS = 120;
const MOST_OPS = 200;
const BACK_OFF_MS = [400, 800, 1600, 3000, 5000];
const BEACON_BYTES = 60_000;
const PREFIX = 'curation-review:';

function stored(area, key) { try { return area().getItem(key); } catch { return null; } }
function store(area, key, value) {
  try {
    if (value === null) area().removeItem(key); else area().setItem(key, value);
    return true;
  } catch { return false; }
}
const local = () => localStorage;

/** A name that nothing else has, also on plain http, where the browser offers no UUIDs. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// What the server will not take, however often it comes; anything else may be sent again: a mark
// is not thrown away because somebody has to log in first.
const isFinal = (status, type) => status === 422 || status === 413
  || (status === 409 && type !== 'op');

function lasting(area, key) {
  const known = stored(area, key);
  if (known) return known;
  const made = newId();
  store(area, key, made);
  return made;
}

export class Outbox {
  /**
   * @param ws the workspace
   * @param {{settled: Function, refused: Function, changed: Function}} told what is called with
   *   (entry, result), (entry, {status, text}) and ()
   */
  constructor(ws, told) {
    this.ws = ws;
    this.told = told;
    this.client = lasting(local, `${PREFIX}client`);
    // Ids of frames mean nothing in another datastore on the same address.
    const place = `${PREFIX}pending:${ws.table.header.store ?? ''}:`;
    this._place = place;
    // Each load of the page has a place of its own: a tab that is copied brings its storage along.
    this._key = place + newId();
    this.entries = [];
    this.offline = false;
    this._tries = 0;
    this._timer = 0;
    this._sentAt = -BATCH_MS;
    this._sending = false;
    this._hide = () => this._leave();
    addEventListener('pagehide', this._hide);
    this._visible = () => { if (document.visibilityState === 'hidden') this.flush(); };
    document.addEventListener('visibilitychange', this._visible);
    this._online = () => this._retryNow();
    addEventListener('online', this._online);
  }

  get pending() { return this.entries.length; }

  close() {
    this._leave();
    clearTimeout(this._timer);
    removeEventListener('pagehide', this._hide);
    removeEventListener('online', this._online);
    document.removeEventListener('visibilitychange', this._visible);
  }

  /** Take over what closed pages of this browser left; returns their ops, oldest first. */
  adopted() {
    const ops = [];
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this._place));
      for (const key of keys) {
        for (const entry of JSON.parse(localStorage.getItem(key)) ?? []) {
          if (entry.type === 'op') {
            ops.push(entry.ranges ? { ...entry.op, ranges: entry.ranges } : entry.op);
          }
          this.entries.push(entry);
        }
        localStorage.removeItem(key);
      }
    } catch { /* storage that cannot be read holds nothing for us */ }
    if (ops.length) { this._keep(); this._later(0); }
    return ops;
  }

  add(entry) {
    const done = new Promise((resolve) => { entry.done = resolve; });
    this.entries.push(entry);
    this._keep();
    this.told.changed();
    // The first goes at once: a browser that closes a page may drop what it wanted to say last.
    // What follows soon goes together.
    const rest = this._sentAt + BATCH_MS - performance.now();
    if (entry.type === 'op' && rest > 0) this._later(rest);
    else if (!this._timer) queueMicrotask(() => this.flush());
    return done;
  }

  /** Put what stands in for an entry that was refused before all that was done after it. */
  addFirst(entry) {
    this.entries.unshift(entry);
    this._keep();
  }

  // Writing is put off to the end of the turn, so that the mark is painted first.
  _keep() {
    if (this._keeping) return;
    this._keeping = true;
    queueMicrotask(() => { this._keeping = false; this._write(); });
  }

  _write() {
    // Each has an id, so that what is sent twice is done once.
    const kept = this.entries.map(({ type, op, id, ranges }) => ({ type, op, id, ranges }));
    store(local, this._key, kept.length ? JSON.stringify(kept) : null);
  }

  _later(ms) {
    if (this._timer || this._sending) return;
    this._timer = setTimeout(() => { this._timer = 0; this.flush(); }, ms);
  }

  _retryNow() {
    clearTimeout(this._timer);
    this._timer = 0;
    this.flush();
  }

  // The next entries that go in one request: ops until a step of the history, or that step alone.
  _next() {
    if (this.entries[0]?.type !== 'op') return this.entries.slice(0, 1);
    const end = this.entries.findIndex((entry) => entry.type !== 'op');
    const count = end < 0 ? this.entries.length : end;
    const who = this.entries[0].op.who;
    const same = this.entries.slice(0, Math.min(count, MOST_OPS));
    const cut = same.findIndex((entry) => entry.op.who !== who);
    return cut < 0 ? same : same.slice(0, cut);
  }

  _body(batch) {
    const ops = batch.map(({ op: { who, ...op } }) => op);
    return JSON.stringify({ client: this.client, who: batch[0].op.who ?? '', ops });
  }

  async flush() {
    if (this._sending || !this.entries.length) return;
    this._sending = true;
    this._sentAt = performance.now();
    const batch = this._next();
    const { type } = batch[0];
    const body = type === 'op' ? this._body(batch)
      : JSON.stringify({ client: this.client, id: batch[0].id });
    let wait = 0;
    try {
      const reply = await fetch(this.ws.url(`api/review/${type === 'op' ? 'ops' : type}`), {
        method: 'POST', headers: { 'content-type': 'application/json' }, body,
        keepalive: body.length < BEACON_BYTES,
      });
      if (!reply.ok && !isFinal(reply.status, type)) throw new Error(await saidBy(reply));
      await this._answered(batch, reply);
      this._tries = 0;
      this.offline = false;
    } catch (error) {
      this.offline = true;
      this.trouble = error.message;
      wait = BACK_OFF_MS[Math.min(this._tries++, BACK_OFF_MS.length - 1)];
    }
    this._sending = false;
    this._keep();
    this.told.changed();
    if (this.entries.length) this._later(wait);
  }

  async _answered(batch, reply) {
    if (!reply.ok) {
      const why = { status: reply.status, text: await saidBy(reply) };
      if (batch.length > 1) { await this._oneByOne(batch); return; }
      this._drop(batch);
      this.told.refused(batch[0], why);
      batch[0].done?.(null);
      return;
    }
    const told = await reply.json();
    this._drop(batch);
    const byId = new Map((told.results ?? []).map((result) => [result.id, result]));
    for (const entry of batch) {
      const result = entry.type === 'op' ? byId.get(entry.op.id) ?? {} : told;
      this.told.settled(entry, result);
      entry.done?.(result);
    }
  }

  // One bad op must not take its neighbours with it.
  async _oneByOne(batch) {
    for (const entry of batch) {
      const reply = await fetch(this.ws.url('api/review/ops'), {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: this._body([entry]),
      });
      if (!reply.ok && !isFinal(reply.status, 'op')) throw new Error(await saidBy(reply));
      await this._answered([entry], reply);
      // What stands in for a refused one goes before the rest, which is still here.
      if (this.entries[0] !== entry && !batch.includes(this.entries[0])) return;
    }
  }

  _drop(batch) {
    const gone = new Set(batch);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
  }

  // The page goes: what the browser lets us hand over is handed over; the rest stays stored.
  _leave() {
    this._write();
    // Only what stands first may go: marks made after an undo wait for it.
    const ops = this.entries.length ? this._next() : [];
    if (ops[0]?.type !== 'op' || !navigator.sendBeacon) return;
    const body = this._body(ops);
    if (body.length < BEACON_BYTES) {
      const blob = new Blob([body], { type: 'application/json' });
      navigator.sendBeacon(this.ws.url('api/review/ops'), blob);
    }
  }
}
