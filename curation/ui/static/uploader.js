// The upload card: files and folders come in, a row for each, one line for all of them.
import { fromDrop, fromHandles, fromInput, keyOf } from './upload_file.js';
import { Memory } from './upload_memory.js';
import { Transfer, forget, underWay } from './upload_transfer.js';

const LANES = 2; // while one is begun, the other sends
const MOST_ROWS = 60;
const MOST_GOOD = 20;
const TELL_MS = 1500;
const QUIET_S = 20;
const ORDER = ['comparing', 'sending', 'looking', 'opening', 'lost', 'paused', 'bad', 'asleep', 'waiting', 'good', 'gone'];
const KINDS = { good: 'good', bad: 'bad', gone: 'soft', lost: 'soft', paused: 'soft', asleep: 'soft' };

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);
function time(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.ceil(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

function words(transfer) {
  const { state, said, sent, rate, entry } = transfer;
  const share = `${Math.floor(100 * sent / (entry.size || 1))} %`;
  if (state === 'sending') {
    const left = rate > 0 ? `${(rate / 1e6).toFixed(1)} MB/s · ${time((entry.size - sent) / rate)} left` : '';
    return [share, size(entry.size), left].filter(Boolean).join(' · ');
  }
  if (state === 'looking') return '100 % · looking at it';
  if (state === 'lost') return `${share} · ${said}`;
  if (state === 'paused') return [share, 'paused', said].filter(Boolean).join(' · ');
  if (state === 'asleep') return [share, said || 'choose the file again to go on'].join(' · ');
  return said || { waiting: 'waiting', opening: 'beginning' }[state] || '';
}

function button(label, name, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.setAttribute('aria-label', `${label}: ${name}`);
  made.addEventListener('click', act);
  return made;
}

class Row {
  constructor(transfer, queue) {
    this.transfer = transfer;
    const { name } = transfer.entry;
    this.element = document.createElement('li');
    this.element.innerHTML = '<b></b><span class="said"></span><span class="acts"></span><progress max="100" value="0"></progress>';
    [this.name, this.text, this.acts, this.bar] = this.element.children;
    this.name.textContent = name; // a stranger's name is text
    if (transfer.entry.folder) this.name.title = transfer.entry.folder;
    this.bar.setAttribute('aria-label', `Upload of ${name}`);
    this.buttons = {
      pause: button('Pause', name, () => transfer.pause()),
      goOn: button('Go on', name, () => queue.goOn([transfer])),
      cancel: button('Cancel', name, () => transfer.cancel()),
      clear: button('Clear', name, () => queue.clear([transfer])),
    };
    this.acts.append(...Object.values(this.buttons));
  }

  draw() {
    const { transfer, buttons } = this;
    this.element.className = KINDS[transfer.state] || '';
    this.element.dataset.state = transfer.state;
    this.text.textContent = words(transfer);
    this.bar.value = transfer.state === 'good' ? 100 : 100 * transfer.sent / (transfer.entry.size || 1);
    this.bar.hidden = ['bad', 'gone'].includes(transfer.state);
    buttons.pause.hidden = !transfer.canPause;
    buttons.goOn.hidden = !(transfer.canGoOn || (transfer.state === 'asleep' && transfer.entry.handle));
    buttons.cancel.hidden = transfer.isOver || transfer.state === 'looking';
    buttons.clear.hidden = !transfer.isOver;
  }
}

class Queue {
  constructor(element, changed) {
    this.element = element;
    this.list = element.querySelector('.transfers');
    this.total = element.querySelector('.total');
    this.all = element.querySelector('.all');
    this.transfers = [];
    this.rows = new Map();
    this.others = 0;
    this.tellLater = changed;
    const acts = { Pause: () => this.pauseAll(), 'Go on': () => this.goOn(this.transfers),
      Clear: () => this.clear(this.transfers.filter((one) => one.isOver)) };
    this.acts = Object.entries(acts).map(([label, act]) => button(label, 'all uploads', act));
    this.all.append(...this.acts);
  }

  async begin() {
    this.memory = await Memory.open();
    const left = await this.memory.left();
    for (const entry of left) await this.recall(entry);
    const known = new Set(left.map((entry) => entry.id));
    const here = await underWay().catch(() => []);
    for (const one of here) {
      const mine = this.transfers.find((transfer) => transfer.entry.id === one.id);
      if (mine && mine.state === 'asleep') {
        mine.sent = one.offset;
        if (mine.isWhole) mine.wake(null); // nothing of it must be sent any more
      }
      if (!known.has(one.id) && one.idle_s > QUIET_S) this.add({
        key: `${one.name}:${one.size}:${one.modified}`, name: one.name, size: one.size,
        modified: one.modified, folder: '', id: one.id, handle: null, offset: one.offset,
      }, null);
    }
    this.happened();
  }

  // An entry of before a reload goes on by itself when the browser lets us read its file.
  async recall(entry) {
    const transfer = this.add(entry, null);
    try {
      if (entry.handle && await entry.handle.queryPermission({ mode: 'read' }) === 'granted') {
        await this.reopen(transfer);
      }
    } catch { /* it is chosen again, then */ }
  }

  async reopen(transfer) {
    let file;
    try { file = await transfer.entry.handle.getFile(); }
    catch { transfer.said = 'the file is not where it was; choose it again to go on'; return; }
    if (keyOf(file) === transfer.entry.key) transfer.wake(file);
    else transfer.said = 'the file has changed since; choose the right one to go on, or cancel';
  }

  add(entry, file) {
    const transfer = new Transfer(entry, file, { memory: this.memory, changed: () => this.happened() });
    this.transfers.push(transfer);
    if (file) this.memory.put(entry);
    return transfer;
  }

  take({ found, others }) {
    this.others += others;
    for (const one of found) {
      const key = keyOf(one.file);
      const there = this.transfers.find((transfer) => transfer.entry.key === key && !transfer.isOver);
      if (!there) this.add(Transfer.entryOf(one), one.file);
      else if (there.state === 'asleep') {
        there.entry.handle = one.handle || there.entry.handle;
        this.memory.put(there.entry);
        there.wake(one.file);
      }
    }
    this.happened();
  }

  async goOn(some) {
    for (const transfer of some) {
      if (transfer.state === 'asleep' && transfer.entry.handle) {
        try {
          const may = await transfer.entry.handle.requestPermission({ mode: 'read' });
          if (may === 'granted') await this.reopen(transfer);
        } catch { /* it is chosen again, then */ }
      } else transfer.goOn();
    }
    this.happened();
  }

  pauseAll() {
    for (const transfer of this.transfers) transfer.pause();
  }

  clear(some) {
    const gone = new Set(some);
    this.transfers = this.transfers.filter((one) => !gone.has(one));
    if (!this.transfers.length) this.others = 0;
    this.happened();
  }

  happened() {
    this.pump();
    this.drawing ||= requestAnimationFrame(() => { this.drawing = 0; this.draw(); });
  }

  pump() {
    const active = this.transfers.filter((one) => one.takesLane).length;
    const next = this.transfers.filter((one) => one.state === 'waiting').slice(0, Math.max(0, LANES - active));
    for (const transfer of next) { // one that begins calls this again, and may begin the next
      if (transfer.state === 'waiting') transfer.run().then(() => { this.tell(); this.happened(); });
    }
  }

  // The table of videos is asked for again, but not for each of a thousand files.
  tell() {
    this.telling ||= setTimeout(() => { this.telling = 0; this.tellLater(); }, TELL_MS);
  }

  draw() {
    const good = this.transfers.filter((one) => one.state === 'good');
    const hidden = new Set(good.slice(0, -MOST_GOOD));
    const shown = this.transfers.filter((one) => !hidden.has(one))
      .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)).slice(0, MOST_ROWS);
    const kept = new Set(shown);
    for (const [transfer, row] of this.rows) {
      if (!kept.has(transfer)) { row.element.remove(); this.rows.delete(transfer); }
    }
    for (const transfer of this.transfers) { // rows stay in the order in which files came
      if (!kept.has(transfer)) continue;
      let row = this.rows.get(transfer);
      if (!row) {
        row = new Row(transfer, this);
        this.rows.set(transfer, row);
        this.list.append(row.element);
      }
      row.draw();
    }
    this.drawTotal(good.length);
  }

  drawTotal(good) {
    const { transfers } = this;
    const real = transfers.filter((one) => one.state !== 'gone');
    const [pause, goOn, clear] = this.acts;
    this.all.hidden = transfers.length < 2;
    pause.hidden = !transfers.some((one) => one.canPause);
    goOn.hidden = !transfers.some((one) => one.canGoOn || (one.state === 'asleep' && one.entry.handle));
    clear.hidden = !transfers.some((one) => one.isOver);
    const bytes = real.reduce((sum, one) => sum + one.entry.size, 0);
    const sent = real.reduce((sum, one) => sum + (one.isOver ? one.entry.size : one.sent), 0);
    const rate = real.reduce((sum, one) => sum + (one.state === 'sending' ? one.rate : 0), 0);
    const asleep = real.filter((one) => one.state === 'asleep').length;
    const parts = [];
    if (real.length > 1) parts.push(`${good} of ${real.length} files · ${size(sent)} of ${size(bytes)}`);
    if (real.length > 1 && rate > 0) parts.push(`${(rate / 1e6).toFixed(1)} MB/s · ${time((bytes - sent) / rate)} left`);
    if (asleep) parts.push(`${asleep} of an earlier visit: choose the same files (or their folder) to go on`);
    if (this.others) parts.push(`${this.others} other files left out`);
    this.total.textContent = parts.join(' · ');
  }
}

// Opens the browser's own dialogue; where it can, one whose files can be reopened after a reload.
async function choose(picker, input) {
  if (!window[picker]) { input.click(); return []; }
  try {
    const picked = await window[picker]({ multiple: true, id: 'videos' });
    return Array.isArray(picked) ? picked : [picked];
  } catch (error) {
    if (error.name === 'AbortError') return [];
    throw error;
  }
}

function folderInput() {
  const input = document.createElement('input');
  input.type = 'file';
  input.webkitdirectory = true;
  return input;
}

export function mount(element, changed) {
  const drop = element.querySelector('.drop');
  const input = element.querySelector('input[type=file]');
  const queue = new Queue(element, changed);
  const ready = queue.begin();
  const take = async (gathering) => { await ready; queue.take(await gathering); };
  const taken = (field) => { const files = [...field.files]; field.value = ''; return take(fromInput(files)); };
  input.addEventListener('change', () => taken(input));
  input.addEventListener('click', (event) => {
    if (!window.showOpenFilePicker) return; // the plain dialogue opens
    event.preventDefault();
    choose('showOpenFilePicker', input).then((handles) => take(fromHandles(handles)));
  });
  element.querySelector('.folder').addEventListener('click', () => {
    const field = folderInput();
    field.addEventListener('change', () => taken(field));
    choose('showDirectoryPicker', field).then((handles) => take(fromHandles(handles)));
  });
  for (const name of ['dragenter', 'dragover']) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add('over'); });
  }
  for (const name of ['dragleave', 'drop']) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove('over'); });
  }
  drop.addEventListener('drop', (event) => take(fromDrop(event.dataTransfer)));
  if (input.files.length) taken(input); // chosen before this script was there
  element.uploads = { queue, take: (handles) => take(fromHandles(handles)), forget };
}
