// Taste: what to rate next, how well ratings are foreseen, and what they change in the ranking.

import { draw, followed, goBack, showFrames } from './learned.js';
import { button, el, fold, frames, grouped, present, settled, short } from './parts.js';

const COUNT = 12;
const TOP = 60;
const PAUSE_MS = 2500;
const FEW = 5;
const SAVE_MS = 50;
const POOLS = ['face', 'upper_body', 'full_body'];
const METRICS = [['spearman', 'Rank correlation'], ['pairwise', 'Pairs in order'], ['kappa', 'Weighted kappa'],
  ['ndcg_60', 'NDCG of the first 60'], ['ece', 'Calibration error']];
const WHY = {
  random: 'Drawn by chance: it measures how well your taste is foreseen.',
  uncertain: 'It tells most about your taste.',
};

/** The first picks of each pool, best first: {pool: [row]}. */
export function topOf(table, most = TOP) {
  const found = {};
  for (const pool of POOLS) {
    const at = table.lists.pool.indexOf(pool);
    const rows = [];
    for (let i = 0; i < table.n; i += 1) if (table.pool[i] === at && table.rank[i] > 0) rows.push(i);
    rows.sort((a, b) => table.rank[a] - table.rank[b]);
    found[pool] = rows.slice(0, most);
  }
  return found;
}

/** What another top has that one had not: {came, went, moved}, rows over all pools. */
export function changeOf(before, after) {
  const told = { came: [], went: [], moved: 0 };
  for (const pool of Object.keys(after)) {
    const [old, now] = [new Map(before[pool].map((row, i) => [row, i])), new Set(after[pool])];
    after[pool].forEach((row, i) => {
      if (!old.has(row)) told.came.push(row);
      else if (old.get(row) !== i) told.moved += 1;
    });
    told.went.push(...before[pool].filter((row) => !now.has(row)));
  }
  return told;
}

class Taste {
  constructor(ws) {
    this.ws = ws;
    this.told = null;
    this.asked = null;
    this.rated = new Set();
    this.came = [];
    this.later = settled(() => this.moved(), PAUSE_MS);
    ws.onDestroy(() => this.later.cancel());
  }

  mount(place) {
    this.state = el('p', { class: 'rv-said', role: 'status' });
    this.next = button('Rate next', () => this.ws.run('taste.next'), { class: 'rv-button primary' });
    this.now = button('Rank with it', () => this.rank(), {
      class: 'rv-button', title: 'Make the ranking on disk follow your ratings' });
    this.line = el('p', { class: 'rv-said lr-line' });
    this.change = el('p', { class: 'rv-said lr-change' });
    this.show = button('', () => this.showCame(), { class: 'rv-more' });
    this.good = fold('How well it foresees you', () => this._good());
    this.scorers = fold('Scorers', () => this._scorers());
    // Lines that come into a place which is already there are read out.
    const told = el('div', { role: 'status', 'aria-live': 'polite', 'aria-atomic': 'false' },
      present(this.line, false), present(this.change, false));
    place.append(this.state, el('div', { class: 'rv-row' }, this.next, present(this.now, false)), told,
      present(this.show, false), this.good, this.scorers);
  }

  update({ name, data }) {
    if (name === 'table') this.read();
    else if (name === 'marks') this._marked(data);
    else if (name === 'cursor' || name === 'view' || name === 'mode') this._where();
    else if (name === 'keys' || name === 'setting') this._keys();
  }

  // -- what is known ---------------------------------------------------------------------------

  async read(asked = this.ws.ask('api/taste')) {
    try {
      this.told = await asked;
    } catch (error) {
      this.state.textContent = `Nothing is known of your taste: ${error.message}`;
      return;
    }
    this._draw();
  }

  _draw() {
    const { told } = this;
    const ratings = this.ws.ours(`${frames(told.ratings)} ${told.ratings === 1 ? 'is' : 'are'} rated`);
    let means = `, ${grouped(told.needed)} more and the score follows them.`;
    if (told.scorer) {
      means = `. The scorer ${told.scorer} is in use`;
      means += told.live && told.unseen ? `, and learns from ${grouped(told.unseen)} newer ones.` : '.';
    } else if (!told.live) means = '. They do not count before a scorer is promoted.';
    else if (!told.needed) means = '. The score follows them.';
    this.state.textContent = ratings + means;
    for (const part of [this.good, this.scorers]) {
      if (!part.open) continue;
      part.lastElementChild.remove();
      part.append(part === this.good ? this._good() : this._scorers());
    }
    this._keys();
  }

  _keys() {
    const key = this.ws.keys?.textOf('taste.next');
    this.next.title = `${this.ws.ours(`Show ${COUNT} frames to rate`)}${key ? ` (${key})` : ''}`;
  }

  // -- rating ------------------------------------------------------------------------------------

  /** Show the frames that are best rated next; stars go on to the next one. */
  async propose() {
    const { ws } = this;
    if (this.busy) return;
    this.busy = true;
    this.next.disabled = true;
    ws.toast('Looking for what to rate…');
    try {
      await this._saved();
      const asked = await ws.ask('api/taste/proposals', 'POST', { count: COUNT });
      const column = await showFrames(ws, asked.map((one) => one.frame_id), ws.ours(`${asked.length} frames to rate`));
      if (column) {
        this.asked = { column, about: new Map(asked.map((one) => [ws.table.rowOf(one.frame_id), one])) };
        ws.setCursor(0);
        if (ws.mode !== 'loupe') ws.setMode('loupe');
        ws.focus();
        this._where();
        ws.toast(`${ws.ours(frames(ws.view.count))} to rate: ${this._starKeys()}. Escape ends it.`);
      } else ws.toast(ws.ours('Every frame is rated.'));
    } catch (error) {
      ws.toast(`Nothing can be proposed: ${error.message}`);
    }
    this.busy = false;
    this.next.disabled = false;
  }

  _starKeys() {
    const keys = [1, 5].map((n) => this.ws.keys.textOf(`mark.stars-${n}`)).filter(Boolean);
    return keys.length ? `${keys.join(' to ')} for stars` : 'give stars';
  }

  /** Whether the frames to rate are in view. */
  get rating() {
    return this.asked !== null && this.ws.view.where.some((one) => one.column === this.asked.column);
  }

  _where() {
    const { ws } = this;
    if (this.asked && !this.rating) {
      this.asked = null;
      if (this.rated.size) this.later();
    }
    present(this.line, this.asked !== null);
    if (!this.asked) return;
    const about = this.asked.about.get(ws.row);
    const done = [...this.asked.about.keys()].filter((row) => ws.table.stars[row]).length;
    const words = about ? WHY[about.kind] ?? '' : '';
    this.line.textContent = `${ws.cursor + 1} of ${ws.view.count}, ${done} rated. ${words}`;
    this.line.dataset.kind = about?.kind ?? '';
  }

  _marked({ kind, rows }) {
    if (kind !== 'stars' && kind !== 'flag' && kind !== 'others') return;
    const { ws } = this;
    for (const row of rows ?? []) this.rated.add(row);
    if (!this.asked) {
      if (this.rated.size >= FEW || !rows) this.later();
      return;
    }
    const left = [...this.asked.about.keys()].filter((row) => !ws.table.stars[row]);
    // Here a star always goes on, also where marks stay.
    if (kind === 'stars' && !ws.settings.advance && rows?.length === 1 && rows[0] === ws.row) {
      ws.setCursor(ws.cursor + 1);
    }
    this._where();
    if (!left.length) this.moved();
  }

  async _saved() {
    while (this.ws.marks.pending && !this.ws.marks.outbox.offline) {
      await new Promise((done) => { setTimeout(done, SAVE_MS); });
    }
  }

  /** Ask how the ranking stands by now, and say what changed. */
  async moved() {
    const { ws } = this;
    this.later.cancel();
    if (this.moving) { this.again = true; return; }
    this.moving = true;
    const mine = this.rated;
    this.rated = new Set();
    try {
      await this._saved();
      const before = this.told?.active;
      await this.read();
      if (before || this.told?.active) {
        await this._refresh();
      }
    } catch (error) {
      for (const row of mine) this.rated.add(row);
      ws.toast(`The ranking could not follow your ratings: ${error.message}`);
    }
    this.moving = false;
    if (this.again) { this.again = false; this.moved(); }
  }

  /** Take the ranking as it stands, and say what differs from the one on disk. */
  async _refresh() {
    const { ws, ws: { table } } = this;
    if (!table.ahead || !this.base) this.base = { top: topOf(table), ranks: table.rank.slice() };
    await ws.judge.refresh();
    const told = changeOf(this.base.top, topOf(table));
    let ranked = 0;
    for (let i = 0; i < table.n; i += 1) if (this.base.ranks[i] !== table.rank[i]) ranked += 1;
    this.came = told.came;
    present(this.now, ranked > 0);
    this._say(ranked
      ? `Your ratings moved ${this.ws.ours(frames(ranked))}. First ${TOP} of each pool: ${told.came.length} came in, `
        + `${told.went.length} went, ${told.moved} changed places.`
      : 'Your ratings left the ranking as it was.');
    present(this.show, told.came.length > 0);
    this.show.textContent = `Show what came in (${told.came.length})`;
  }

  async showCame() {
    const ids = this.came.map((row) => this.ws.table.frameId[row]);
    await showFrames(this.ws, ids, `New among the first ${TOP}`);
    this.ws.setMode('grid');
    this.ws.focus();
  }

  async rank() {
    this.now.disabled = true;
    try {
      const { job } = await this.ws.judge.apply();
      await followed(this.ws, job, (words) => this._say(words));
      present(this.now, false);
      this._say('The ranking on disk follows your ratings.');
    } catch (error) { this._say(`Not ranked: ${error.message}`); }
    this.now.disabled = false;
  }

  _say(words) {
    this.change.textContent = words;
    present(this.change, true);
  }

  // -- how good, and scorers -----------------------------------------------------------------------

  _good() {
    const judged = this.told?.judged;
    const host = el('div', { class: 'lr-good' });
    const measure = button('Measure it', () => this.run('evaluate'), {
      class: 'rv-button', title: 'Leave videos out, one part after another, and foresee their ratings' });
    if (!judged) {
      host.append(el('p', { class: 'rv-said', text: 'Nobody has measured it yet.' }), measure);
      return host;
    }
    const curve = Object.entries(judged.curve ?? {}).map(([n, value]) => [Number(n), value]);
    const facts = el('dl', { class: 'rv-facts' });
    for (const [name, title] of METRICS) {
      const [mine, plain] = [judged.metrics?.[name], judged.declared?.[name]];
      if (mine === undefined) continue;
      const beside = plain === undefined ? '' : ` (without ratings ${short(plain)})`;
      facts.append(el('dt', { text: title }), el('dd', { text: short(mine) + beside }));
    }
    const bins = judged.reliability ?? [];
    if (curve.length) {
      const most = Math.log(curve.at(-1)[0] / 10) || 1;
      const x = (n) => Math.log(n / 10) / most;
      host.append(chart('Rank correlation by number of ratings', curve.map(([n, value]) => `${n}: ${short(value)}`),
        [{ points: curve.map(([n, value]) => [x(n), value]), name: '--rv-accent', dots: true }],
        curve.map(([n]) => [x(n), String(n)])));
    }
    if (bins.length) {
      host.append(chart('How often you keep what it expects you to keep', bins.map(([p, kept]) => `${short(p)}: ${short(kept)}`),
        [{ points: [[0, 0], [1, 1]], name: '--rv-faint', dashed: true },
          { points: bins, name: '--rv-accent', dots: true }], [[0, '0'], [0.5, 'expected'], [1, '1']]));
    }
    host.append(facts, measure);
    return host;
  }

  _scorers() {
    const host = el('div', { class: 'lr-scorers' });
    const { told } = this;
    const list = el('ul', { class: 'lr-list' });
    for (const { name, card, error } of told?.scorers ?? []) {
      const used = name === told.scorer;
      const rho = card.metrics?.spearman;
      const words = error ?? [card.data ? `${grouped(card.data.ratings)} ratings` : '', rho === undefined ? '' : `rank correlation ${short(rho)}`]
        .filter(Boolean).join(', ');
      list.append(el('li', {}, el('span', {}, el('b', { text: name }), el('small', { text: words })),
        used ? el('em', { text: 'in use' }) : error ? null
          : button('Promote', () => this.run('promote', name), { class: 'rv-button', 'aria-label': `Promote ${name}` })));
    }
    const live = el('input', { type: 'checkbox', checked: told?.live || undefined, onchange: () => this.live(live.checked) });
    host.append(list, el('div', { class: 'rv-row' }, button('Learn a scorer', () => this.run('train'), { class: 'rv-button' })),
      el('label', { class: 'lr-check' }, live, el('span', { text: 'Ratings count at once' })));
    return host;
  }

  async live(on) {
    await this.read(this.ws.ask('api/taste/live', 'POST', { on }));
    this.moved();
  }

  /** Learn, judge or promote as a job; what it says stands in the panel. */
  async run(verb, name = '', force = false) {
    if (this.running) { this.ws.toast('One thing after the other: wait for its end.'); return; }
    this.running = true;
    try {
      await this._saved();
      const { job } = await this.ws.ask('api/taste/run', 'POST', { verb, name, force });
      const summary = await followed(this.ws, job, (words) => this._say(words));
      await this.read();
      if (verb === 'promote') {
        await this._refresh();
      } else this._say(verb === 'train' ? `Learned the scorer ${summary.scorer}.` : 'Measured on videos that were left out.');
    } catch (error) {
      this._say(error.message);
      if (verb === 'promote' && !force) {
        this.change.append(' ', button('Promote it all the same', () => this.run('promote', name, true), { class: 'rv-more' }));
      }
    }
    this.running = false;
  }
}

function chart(title, words, lines, marks) {
  const canvas = el('canvas', { class: 'lr-chart', role: 'img', 'aria-label': `${title}. ${words.join('; ')}` });
  requestAnimationFrame(() => draw(canvas, lines, marks));
  return el('figure', {}, el('figcaption', { text: title }), canvas);
}

export function setup(ws) {
  ws.taste = new Taste(ws);
  ws.addPanel('left', {
    title: 'Taste',
    mount: (place) => ws.taste.mount(place),
    update: (event) => ws.taste.update(event),
  });
  // Escape in the grid leaves given frames first.
  const plain = ws.commands.get('back');
  ws.addCommand('back', {
    ...plain,
    run: () => (ws.mode === 'grid' && ws.selection.empty && goBack(ws)) || plain.run(),
  });
  ws.addCommand('taste.next', {
    title: 'Frames to rate next', group: 'Find',
    run: () => ws.taste.propose(),
  });
}
