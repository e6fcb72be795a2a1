// One file on its way: opened, perhaps proven to be here, sent piece by piece, looked at.
import { contentKey, hintOf, keyOf } from './upload_file.js';

const PIECE = 64 * 1024 * 1024; // below what proxies let through; what came of one is kept
const LONGEST_WAIT_S = 10;
const RATE_OVER_MS = 5000;
const STALL_MS = 45000; // a line that died silently is noticed by the system after many minutes
const api = (path) => new URL(`api/uploads${path}`, document.baseURI).href;

class Final extends Error {} // it never works
class Held extends Error {} // it works when a person did something
class Later extends Error {
  constructor(message, waitS) { super(message); this.waitS = waitS; }
}

const detail = (text, status) => {
  try { return JSON.parse(text).detail || `error ${status}`; } catch { return `error ${status}`; }
};

// Throws what an answer that is no success means.
function judge(status, text, retryAfter) {
  const said = typeof detail(text, status) === 'string' ? detail(text, status) : `error ${status}`;
  const waitS = Number(retryAfter) || undefined;
  if (status === 429) throw new Later(said.startsWith('error') ? 'too much at once' : said, waitS || 5);
  if (status === 409 || status === 404) throw new Later('', 1);
  if (status === 507 || status === 424) throw new Held(said);
  if (status === 401 || status === 403) throw new Held('log in again in another tab, then go on');
  if (status >= 500) throw new Later(said.startsWith('error') ? `the server answered ${status}` : said, waitS);
  throw new Final(said);
}

async function ask(path, method = 'GET', body = undefined) {
  let reply;
  try {
    reply = await fetch(api(path), {
      method, headers: body && { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body), redirect: 'error',
    });
  } catch { throw new Later('no connection'); }
  const text = await reply.text();
  if (!reply.ok) judge(reply.status, text, reply.headers.get('Retry-After'));
  return text ? JSON.parse(text) : null;
}

export const underWay = () => ask('');
export const forget = (id) => ask(`/${id}`, 'DELETE');

export class Transfer {
  // entry: {key, name, size, modified, folder, id, handle}; file: null while it must be chosen.
  constructor(entry, file, { memory, changed }) {
    Object.assign(this, { entry, file, memory, changed });
    this.said = '';
    this.sent = entry.offset || 0;
    this.state = file || this.isWhole ? 'waiting' : 'asleep';
    this.marks = [];
  }

  static entryOf({ file, handle, folder }) {
    return {
      key: keyOf(file), name: file.name, size: file.size, modified: file.lastModified,
      folder: folder || '', id: '', handle: handle || null,
    };
  }

  // All its bytes are on the server: it goes on without the file, and takes no lane while it waits.
  get isWhole() { return Boolean(this.entry.id) && this.sent >= this.entry.size; }
  get takesLane() { return this.isActive && !(this.state === 'lost' && this.isWhole); }
  get isActive() { return ['opening', 'comparing', 'sending', 'lost'].includes(this.state); }
  get isOver() { return ['good', 'bad', 'gone'].includes(this.state); }
  get canPause() { return this.isActive || this.state === 'waiting'; }
  get canGoOn() { return this.state === 'paused' && Boolean(this.file || this.isWhole); }

  set(state, said = '') {
    this.state = state;
    this.said = said;
    this.changed(this);
  }

  // Bytes a second over the last seconds, 0 while unknown.
  get rate() {
    const [first, last] = [this.marks[0], this.marks.at(-1)];
    return first && last.at > first.at + 300 ? 1000 * (last.sent - first.sent) / (last.at - first.at) : 0;
  }

  mark(sent) {
    this.sent = sent;
    const at = performance.now();
    this.marks.push({ at, sent });
    while (this.marks.length > 2 && this.marks[0].at < at - RATE_OVER_MS) this.marks.shift();
    this.changed(this);
  }

  wake(file) {
    this.file = file;
    this.set('waiting');
  }

  pause(said = '') {
    if (!this.canPause) return;
    this.set('paused', said);
    this.stop?.abort();
  }

  goOn() {
    if (!this.canGoOn) return;
    this.isAsked = true;
    this.set('waiting');
  }

  async cancel() {
    const { id, key } = this.entry;
    this.set('gone', 'cancelled');
    this.stop?.abort();
    await this.memory.drop(key);
    for (let tries = 0; id && tries < 8; tries++) {
      try { await forget(id); return; }
      catch (error) { // a piece is still being written: soon it is not
        if (error instanceof Final) return;
        await new Promise((done) => setTimeout(done, 400));
      }
    }
  }

  async end(state, said) {
    this.set(state, said);
    await this.memory.drop(this.entry.key);
  }

  // Works until it is over, paused, or waits for a person. Nothing else changes `upload`.
  async run() {
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.set('opening');
    this.marks = [];
    for (let tries = 0; ;) {
      try {
        await this.open(signal);
        const video = this.upload.video || await this.prove(signal) || await this.send(signal, () => { tries = 0; });
        await this.end('good', video.note || 'in the datastore');
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Final) { await this.end('bad', error.message); return; }
        if (error instanceof Held) { this.set(this.file || this.isWhole ? 'paused' : 'asleep', error.message); return; }
        try { await this.file?.slice(0, 1).arrayBuffer(); }
        catch { await this.end('bad', 'it changed or is gone on this computer; choose it again'); return; }
        const waitS = error.waitS ?? Math.min(LONGEST_WAIT_S, 0.5 * 2 ** tries);
        tries += 1;
        if (error.message) this.set('lost', `${error.message}, trying again in ${Math.ceil(waitS)} s`);
        await this.wait(waitS, signal);
        if (signal.aborted) return;
        this.marks = [];
      }
    }
  }

  wait(seconds, signal) {
    return new Promise((done) => {
      const timer = setTimeout(done, 1000 * seconds);
      const now = () => { clearTimeout(timer); done(); };
      signal.addEventListener('abort', now, { once: true });
      window.addEventListener('online', now, { once: true });
    });
  }

  async open(signal) {
    const { entry } = this;
    this.upload = null;
    if (entry.id) {
      try { this.upload = await ask(`/${entry.id}`); }
      catch (error) {
        if (!(error instanceof Later) || error.message) throw error;
        entry.id = ''; // the server does not know it any more
      }
    }
    if (!this.upload) {
      if (!this.file) throw new Held('the server does not have it any more; choose the file again');
      this.hint ||= await hintOf(this.file);
      this.upload = await ask('', 'POST', {
        name: entry.name, size: entry.size, modified: entry.modified, folder: entry.folder,
        hint: this.hint,
      });
      entry.id = this.upload.id;
      await this.memory.put(entry);
    }
    if (signal.aborted) throw new Later('');
    this.sent = this.upload.offset || 0;
    // Readers died over it: it is looked at again when a person says so, each time once.
    if (this.upload.aside && !this.isAsked) throw new Held(this.upload.aside);
    this.isAsked = false;
  }

  // The server has a file of this size with these ends: all of ours is read to know for certain.
  async prove(signal) {
    if (!this.upload.known || this.differs) return null;
    const told = (read) => {
      const share = Math.floor(100 * read / this.file.size);
      this.set('comparing', `${this.upload.known} is here and looks alike; comparing, ${share} %`);
    };
    let key;
    try { key = await contentKey(this.file, told, signal); }
    catch (error) {
      if (signal.aborted) throw error;
      this.differs = true; // it cannot be told: send it
      return null;
    }
    const { video } = await ask(`/${this.entry.id}/same`, 'POST', { key });
    this.differs = !video;
    return video;
  }

  async send(signal, arrived) {
    for (let { offset } = this.upload; ;) {
      if (!signal.aborted) this.set('sending');
      const reply = await this.put(offset, signal);
      const moved = reply.getResponseHeader('Upload-Offset');
      if (reply.status === 409 && moved !== null) offset = Number(moved);
      else if (reply.status !== 200) {
        judge(reply.status, reply.responseText, reply.getResponseHeader('Retry-After'));
      } else {
        arrived();
        const body = JSON.parse(reply.responseText);
        if (body.video) return body.video;
        offset = body.offset;
      }
    }
  }

  put(offset, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) { reject(new Later('')); return; }
      const request = new XMLHttpRequest();
      const stop = () => request.abort();
      let stalled = setTimeout(stop, STALL_MS);
      const end = (then, value) => {
        clearTimeout(stalled);
        signal.removeEventListener('abort', stop);
        then(value);
      };
      signal.addEventListener('abort', stop);
      request.open('PUT', api(`/${this.entry.id}`));
      request.setRequestHeader('Upload-Offset', String(offset));
      request.setRequestHeader('Content-Type', 'application/octet-stream');
      request.upload.onprogress = (event) => {
        clearTimeout(stalled);
        stalled = setTimeout(stop, STALL_MS);
        this.mark(offset + event.loaded);
      };
      request.upload.onload = () => {
        clearTimeout(stalled); // looking at a large file takes its time
        if (offset + PIECE >= this.entry.size && !signal.aborted) this.set('looking');
      };
      request.onload = () => end(resolve, request);
      request.onerror = () => end(reject, new Later('the connection was lost'));
      request.onabort = () => end(reject, new Later(signal.aborted ? '' : 'nothing moves any more'));
      request.send(this.file ? this.file.slice(offset, offset + PIECE) : new Blob());
    });
  }
}
