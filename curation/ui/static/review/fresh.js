// Watches for frames and decisions that changed while the page was open.

import { el } from './parts.js';
import { DECIDED, MARKED, Table } from './table.js';

const LOOK_MS = 5000;
const SAME = ['frame_id', 'version', 'shot', 'person'];

function equal(one, other) {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

class Fresh {
  constructor(ws, again) {
    this.ws = ws;
    this.again = again;
    this.seen = '';
    const timer = setInterval(() => this.look(), LOOK_MS);
    ws.onDestroy(() => clearInterval(timer));
  }

  async look() {
    const { ws } = this;
    if (document.hidden || !ws.shown || this.busy) return;
    this.busy = true;
    try {
      const { revision } = await ws.ask('api/review/revision');
      if (revision !== ws.table.header.revision && revision !== this.seen) await this.changed();
    } catch { /* the server is away, or busy: ask again later */ }
    this.busy = false;
  }

  async changed() {
    const { ws, ws: { table } } = this;
    const bytes = await ws.fetchTable();
    const read = new Table(bytes, table.url);
    this.seen = read.header.revision;
    const same = read.n === table.n
      && SAME.every((name) => equal(table.column(name), read.column(name)))
      && JSON.stringify(read.header.measures) === JSON.stringify(table.header.measures);
    // Sliders that stand elsewhere than they are stored must not be moved under a hand.
    const limits = read.header.thresholds.every((one) => ws.judge.stored[one.param] === one.value);
    if (!same || !limits || ws.judge.moved) { this.offer(); return; }
    table.take(bytes);
    for (const name of ['keeper', 'rival']) table.columns.get(name).set(read.column(name));
    table.keepDecided();
    table.ahead = false;
    table.forgetMeasures();
    table.header.revision = read.header.revision;
    if (!ws.marks.pending) {
      for (const name of MARKED) table.columns.get(name).set(read.column(name));
      ws.emit('marks', { kind: 'others', rows: null });
    }
    ws.emit('decision', { exact: true, columns: DECIDED });
    ws.toast('The ranking was made anew; this is how it stands now.');
  }

  offer() {
    this.bar?.remove();
    const show = el('button', { type: 'button', class: 'rv-button primary', text: 'Show them as they are now',
      onclick: () => this.again() });
    const later = el('button', { type: 'button', class: 'rv-button', text: 'Later', onclick: () => this.bar.remove() });
    this.bar = el('div', { class: 'rv-news', role: 'status' },
      el('span', { text: ws.ours('The frames or their limits have changed since this page read them.') }), show, later);
    this.ws.bar.after(this.bar);
  }
}

/** Start watching; `again` mounts the workspace anew. */
export function watch(ws, again) { return new Fresh(ws, again); }
