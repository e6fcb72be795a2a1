// From marks to folders: how many marks wait, applying them, putting back what was there; and whose
// marks these are.

import { button, el, frames, settled } from './parts.js';

const POLL_MS = 600;
const REST_MS = 900;
const ENDED = { done: 'done', failed: 'failed', cancelled: 'cancelled', interrupted: 'interrupted' };

class Apply {
  constructor(ws) {
    this.ws = ws;
    this.name = el('input', {
      type: 'text', class: 'rv-who', placeholder: 'Your name', maxlength: 60, autocomplete: 'off',
      'aria-label': 'Your name, kept with your marks', title: 'Your name, kept with your marks',
      onchange: () => { ws.marks?.setWho(this.name.value); ws.focus(); },
      onkeydown: (event) => { if (event.key === 'Enter' || event.key === 'Escape') this.name.blur(); },
    });
    this.said = el('span', { role: 'status', class: 'rv-unapplied' });
    this.apply = button('Apply', () => this.start('apply'), {
      class: 'rv-button primary', hidden: true, title: 'Write picks and rejects into the ranked folders' });
    this.back = button('Put back', () => this.start('unapply'), {
      class: 'rv-button', hidden: true, title: 'Put the ranked folders back to how they were before marks were applied' });
    ws.foot.append(el('span', { class: 'rv-space' }), this.said, this.apply, this.back, this.name);
    const look = settled(() => this.look(), REST_MS);
    ws.on('table', () => { this.name.value = ws.marks.who; look(); });
    ws.on('saving', () => { if (!ws.marks?.pending) look(); });
    ws.on('marks', ({ kind }) => { if (kind === 'others') look(); });
    ws.addCommand('marks.apply', { title: 'Apply marks to the ranked folders', group: 'Mark', run: () => this.start('apply') });
    ws.addCommand('marks.put-back', { title: 'Put back what applying changed', group: 'Mark', run: () => this.start('unapply') });
  }

  /** Ask how many marks are not in the folders yet. */
  async look() {
    if (this.busy || !this.ws.shown) return;
    try {
      const { waiting, can_undo: canUndo } = await this.ws.ask('api/review/apply');
      this.show(waiting, canUndo);
    } catch { /* the server is away; the marks themselves say so */ }
  }

  show(waiting, canUndo) {
    this.said.textContent = waiting ? this.ws.ours(`Marks of ${frames(waiting)} are not applied yet`) : '';
    this.apply.hidden = !waiting;
    this.back.hidden = !canUndo;
  }

  async start(verb) {
    const { ws } = this;
    if (this.busy) return;
    this.busy = true;
    this.apply.disabled = true;
    this.back.disabled = true;
    this.said.textContent = verb === 'apply' ? 'Applying marks' : 'Putting the folders back';
    try {
      // What was pressed a moment ago belongs to it.
      while (ws.marks.pending && !ws.marks.outbox.offline) await rest(50);
      const { job } = await ws.ask(verb === 'apply' ? 'api/review/apply' : 'api/review/apply/undo', 'POST', {});
      ws.toast(verb === 'apply' ? 'Marks are being applied.' : 'The folders are being put back.');
      const ended = await this.wait(job);
      const words = ended.error ? `: ${ended.error}` : '.';
      if (ended.state === 'done') ws.toast(verb === 'apply' ? 'Marks are in the ranked folders.' : 'The folders are as they were.');
      else ws.toast(`${verb === 'apply' ? 'Applying' : 'Putting back'} was ${ENDED[ended.state] ?? ended.state}${words}`);
    } catch (error) {
      ws.toast(verb === 'apply' ? `The marks were not applied: ${error.message}` : `Nothing was put back: ${error.message}`);
    }
    this.busy = false;
    this.apply.disabled = false;
    this.back.disabled = false;
    this.look();
  }

  async wait(job) {
    for (;;) {
      const told = await this.ws.ask(`api/jobs/${job}`);
      if (told.state !== 'queued' && told.state !== 'running') return told;
      await rest(POLL_MS);
    }
  }
}

function rest(ms) { return new Promise((done) => { setTimeout(done, ms); }); }

export function setup(ws) { ws.apply = new Apply(ws); }
