// Thresholds that move: judged at once in this page, then exactly by the server.

import { fetchBytes } from './table.js';

const ASK_AFTER_MS = 60;

/**
 * Values of the thresholds as the sliders stand.
 *
 * While a slider moves, frames on its wrong side are rejected and frames that only it held back
 * come back as candidates. That is close, not exact: repeats, quotas and ranks are settled by the
 * server a moment later, and its answer replaces the guess whole.
 */
export class Judge {
  constructor(ws) {
    this.ws = ws;
    this.thresholds = ws.table.header.thresholds ?? [];
    this.stored = {};
    for (const one of this.thresholds) this.stored[one.param] = one.value;
    this.values = { ...this.stored };
    this.exact = true;
    this.picked = this._count();
    this.storedPicked = { ...this.picked };
    this._columns = new Map();
    this._question = 0;
    this._timer = 0;
  }

  get moved() { return this.thresholds.some((one) => this.values[one.param] !== this.stored[one.param]); }

  /** Thresholds that differ from the stored ones: {param: value}. */
  get changes() {
    const changed = {};
    for (const { param } of this.thresholds) {
      if (this.values[param] !== this.stored[param]) changed[param] = this.values[param];
    }
    return changed;
  }

  /** Fetch what a threshold is held against, so that its slider answers from the first move. */
  async prepare(param) {
    const threshold = this.thresholds.find((one) => one.param === param);
    if (!threshold || this._columns.has(param)) return this._columns.get(param) ?? null;
    const values = await this.ws.table.measure(threshold.column);
    this._columns.set(param, values);
    return values;
  }

  /** Move a threshold; paints the guess now and asks the server. */
  set(param, value) {
    if (this.values[param] === value) return;
    this.values[param] = value;
    if (!this._columns.has(param)) {
      this.prepare(param).then(() => this._guess()).catch(() => {});
    }
    this._guess();
    this._ask();
  }

  /** Put all thresholds back to where they are stored. */
  reset() {
    this.values = { ...this.stored };
    this._question++;
    clearTimeout(this._timer);
    this._timer = 0;
    this.ws.table.restoreDecided();
    this._tell(true);
  }

  /** Make these thresholds the recipe and rank with them; resolves with the server's answer. */
  async apply() {
    const changes = this.changes;
    const reply = await fetch(this.ws.url('api/review/thresholds'), {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ params: changes }),
    });
    const told = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new Error(told.detail ?? reply.statusText);
    this.stored = { ...this.values };
    this.ws.table.keepDecided();
    this.storedPicked = { ...this.picked };
    this._tell(this.exact);
    return told;
  }

  _guess() {
    const { table } = this.ws;
    const { pool, verdict, reason } = table;
    table.restoreDecided();
    const picked = table.lists.verdict.indexOf('picked');
    const rejected = table.lists.verdict.indexOf('rejected');
    const pickedReason = table.lists.reason.indexOf('picked');
    for (const one of this.thresholds) {
      const limit = this.values[one.param];
      const values = this._columns.get(one.param);
      if (limit === this.stored[one.param] || !values) continue;
      const codes = new Uint8Array(256);
      for (const code of one.codes) {
        const at = table.lists.reason.indexOf(code);
        if (at >= 0) codes[at] = 1;
      }
      const code = table.lists.reason.indexOf(one.codes[0]);
      const pools = new Uint8Array(256);
      for (let i = 0; i < 256; i++) {
        pools[i] = +(!one.pools?.length || one.pools.includes(table.lists.pool[i]));
      }
      for (let i = 0; i < table.n; i++) {
        if (!pools[pool[i]]) continue;
        const value = one.magnitude ? Math.abs(values[i]) : values[i];
        const fails = one.least ? value < limit : value >= limit;
        if (fails) {
          if (verdict[i] === picked) {
            verdict[i] = rejected;
            if (code >= 0) reason[i] = code;
          }
        } else if (codes[reason[i]]) {
          verdict[i] = picked;
          if (pickedReason >= 0) reason[i] = pickedReason;
        }
      }
    }
    this._tell(false);
  }

  _ask() {
    this._question++;
    if (this._timer || this._asking) return;
    this._timer = setTimeout(() => { this._timer = 0; this._send(); }, ASK_AFTER_MS);
  }

  // One question at a time, and always the newest one.
  async _send() {
    const question = this._question;
    const changes = this.changes;
    if (!Object.keys(changes).length) { this.reset(); return; }
    this._asking = true;
    try {
      const buffer = await fetchBytes(this.ws.url('api/review/decide'), {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ params: changes }),
      });
      if (question === this._question) { this.ws.table.take(buffer); this._tell(true); }
    } catch (error) {
      if (question === this._question) this.ws.toast(`Could not decide: ${error.message}`);
    }
    this._asking = false;
    if (question !== this._question && this.moved) this._send();
  }

  _count() {
    const { pool, verdict, lists, n } = this.ws.table;
    const counts = new Uint32Array(256);
    const picked = lists.verdict.indexOf('picked');
    for (let i = 0; i < n; i++) if (verdict[i] === picked) counts[pool[i]]++;
    return Object.fromEntries(lists.pool.map((name, index) => [name, counts[index]]));
  }

  _tell(exact) {
    this.exact = exact;
    this.picked = this._count();
    this.ws.emit('decision', { exact, picked: this.picked });
  }
}
