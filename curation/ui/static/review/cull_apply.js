// From marks to files: first what would move is listed, then the same key moves it. No dialog: the
// list lies where "why" stands, and Escape puts it away.

import { letGo, showThumb } from './images.js';
import { button, el, frames, grouped } from './parts.js';

const pictures = (count) => `${grouped(count)} ${count === 1 ? 'picture' : 'pictures'}`;
const rest = (ms) => new Promise((done) => { setTimeout(done, ms); });

export class CullApply {
  constructor(cull) {
    this.cull = cull;
    this.ws = cull.ws;
    this.open = false;
    this.ready = null;
    this.title = el('h3', {});
    this.text = el('p', { role: 'status' });
    this.list = el('ol', { class: 'cu-moves', tabindex: 0, 'aria-label': 'What will move' });
    this.do = button('', () => { this.run(); this.ws.focus(); }, { class: 'rv-button primary', hidden: true });
    this.back = button('Back', () => { this.close(); }, { class: 'rv-button' });
    this.el = el('section', { class: 'cu-apply', hidden: true, tabindex: -1, 'aria-label': 'Apply' },
      this.title, this.text, el('div', { class: 'rv-group' }, this.do, this.back), this.list);
    this.button = button('Apply…', () => { this.run(); this.ws.focus(); }, { class: 'rv-button', title: 'See what will move' });
    this.put = button('Put back', () => { this.putBack(); this.ws.focus(); }, { class: 'rv-button', hidden: true, title: 'Put back what was moved last' });
    this.reports = el('span', { class: 'cu-reports' });
    this.buttons = [this.reports, this.put, this.button];
  }

  get photos() { return this.cull.groups.photos; }

  hint() {
    const key = this.ws.keys.textOf('cull.apply', 'cull');
    return key ? ` ${key} shows what will move.` : '';
  }

  /** Ask what can be put back, and which reports there are. */
  async look() {
    if (!this.photos) {
      const told = await this.ws.ask('api/review/apply').catch(() => null);
      this.put.hidden = !told?.can_undo;
      return;
    }
    const [{ runs }, reports] = await Promise.all([this.ws.ask('api/cull/moved'), this.ws.ask('api/cull/reports')])
      .catch(() => [{ runs: [] }, []]);
    this.last = runs.find((run) => run.state !== 'undone') ?? null;
    this.put.hidden = !this.last;
    if (this.last) this.put.title = `Put back what ${this.last.verb} changed last (${grouped(this.last.files ?? 0)})`;
    this.reports.replaceChildren(...reports.map(({ name }) => el('a', {
      href: this.ws.url(`api/cull/reports/${encodeURIComponent(name)}`), download: name, class: 'cu-report', text: name })));
  }

  /** Marks changed: what is listed is no longer what would move. */
  stale() {
    if (!this.open || !this.ready) return;
    this.ready = null;
    this.do.hidden = true;
    this.text.textContent = 'Marks have changed since. Look again.';
  }

  close() {
    this.open = false;
    this.ready = null;
    this.el.hidden = true;
    for (const img of this.list.querySelectorAll('img')) letGo(img);
    this.list.replaceChildren();
    this.ws.focus();
  }

  /** First what would happen, then, when that is on the screen, do it. */
  async run() {
    if (this.busy) return;
    this.busy = true;
    try {
      if (this.open && this.ready) await this.doIt();
      else await this.preview();
    } catch (error) {
      this.text.textContent = error.message;
      this.ws.toast(error.message);
    }
    this.busy = false;
  }

  async preview() {
    const { ws } = this;
    this.open = true;
    this.el.hidden = false;
    this.do.hidden = true;
    this.list.replaceChildren();
    this.title.textContent = 'What will move';
    this.text.textContent = 'Looking…';
    this.el.focus({ preventScroll: true });
    // What was pressed a moment ago belongs to it.
    while (ws.marks.pending && !ws.marks.outbox.offline) await rest(50);
    if (!this.photos) {
      const { waiting } = await ws.ask('api/review/apply');
      this.title.textContent = 'What will be written';
      this.text.textContent = waiting ? `Marks of ${frames(waiting)} go into the ranked folders: a pick is picked, a reject is out. Nothing is deleted.`
        : 'All marks are in the ranked folders.';
      this.offer(waiting ? 'Write them' : '', waiting);
      return;
    }
    const ended = await this.job('api/cull/apply', { dry: true });
    const told = await ws.ask(`api/cull/steps/${ended.id}`);
    const move = told.steps.filter((step) => step.do === 'move');
    const { decided, groups } = this.cull.groups.progress();
    const left = groups - decided;
    this.text.textContent = (told.total ? `${pictures(told.total)} will move, with all that belongs to ${told.total === 1 ? 'it' : 'them'}; nothing is deleted.`
      : 'Nothing will move: no picture is rejected.') + (left ? ` ${grouped(left)} of ${grouped(groups)} groups are not decided yet.` : '');
    this.list.replaceChildren(...told.failed.map(({ item, reason }) => this.line({ src: item, dst: '', reason, kind: 'failed' })),
      ...(move.length ? move : told.steps).map((step) => this.line(step)),
      ...(told.steps.length ? [] : told.would.map((line) => this.line({ src: line, dst: '', reason: '' }))));
    if (told.total > told.steps.length && told.steps.length) this.list.append(el('li', { class: 'dim', text: `and ${grouped(told.total - told.steps.length)} more` }));
    this.offer(told.total ? `Move ${pictures(told.total)}` : '', told.total);
  }

  offer(text, count) {
    const key = this.ws.keys.textOf('cull.apply', 'cull');
    this.ready = count ? { count } : null;
    this.do.hidden = !count;
    this.do.replaceChildren(text, key ? el('kbd', { text: key }) : '');
    this.back.replaceChildren('Back', el('kbd', { text: 'Esc' }));
  }

  line({ src, dst, reason, proposed = '', frame, kind = '' }) {
    const { table } = this.ws;
    const row = frame ? table.rowOf(frame) : -1;
    const img = el('img', { alt: '', loading: 'lazy', hidden: row < 0 });
    if (row >= 0) showThumb(img, table.thumbUrl(row));
    return el('li', { class: kind }, img, el('span', {}, el('b', { text: src }), dst ? el('span', { class: 'dim', text: `→ ${dst}` }) : null,
      reason || proposed ? el('span', { class: 'dim', text: reason.startsWith(proposed) ? reason : `${reason}; proposed: ${proposed}` }) : null));
  }

  async doIt() {
    const { ws } = this;
    const { count } = this.ready;
    this.ready = null;
    this.do.hidden = true;
    this.text.textContent = 'Moving…';
    if (!this.photos) {
      await ws.apply.start('apply');
      this.close();
      await this.look();
      return;
    }
    const ended = await this.job('api/cull/apply', { dry: false });
    const { done, failed_items: failed = [] } = ended.summary ?? {};
    ws.toast(`${pictures(done ?? count)} moved${failed.length ? `, ${grouped(failed.length)} left where they were` : ''}. Put back takes it back, also tomorrow.`);
    this.close();
    await this.after();
    if (!failed.length) return;
    this.open = true;
    this.el.hidden = false;
    this.title.textContent = 'Left where they were';
    this.text.textContent = '';
    this.list.replaceChildren(...failed.map(({ item, reason }) => this.line({ src: item, dst: '', reason, kind: 'failed' })));
  }

  async putBack() {
    if (this.busy || this.put.hidden) return;
    this.busy = true;
    try {
      if (!this.photos) await this.ws.apply.start('unapply');
      else {
        const ended = await this.job('api/cull/undo', {});
        const failed = ended.summary?.failed_items ?? [];
        this.ws.toast(failed.length ? `Put back, but ${grouped(failed.length)} changed since and stay: ${failed[0].item}` : 'Everything is where it was.');
      }
    } catch (error) { this.ws.toast(error.message); }
    this.busy = false;
    this.close();
    await this.after();
  }

  /** Files are elsewhere now: what is known of them is asked for again. */
  async after() {
    const { cull } = this;
    cull.groups.told.clear();
    if (cull.group) await cull.groups.facts(cull.group).catch(() => {});
    cull.draw();
    await this.look();
  }

  /** Queue a job and wait for its end; an Error in its words when it did not end well. */
  async job(path, body) {
    const { job } = await this.ws.ask(path, 'POST', body);
    const ended = await this.ws.apply.wait(job);
    if (ended.state !== 'done') throw new Error(ended.error || `It was ${ended.state}.`);
    return ended;
  }
}
