// Files of this computer: which are videos, what they are known by, and those in dropped folders.
import { Blake2b } from './blake2b.js';

const END = 65536;
const MOST_FILES = 10000;
const VIDEO_NAME = /\.(mp4|mov|mkv|webm|avi|m4v|flv|wmv|ts|mpg|mpeg|mts|m2ts|3gp)$/i;

export const keyOf = (file) => `${file.name}:${file.size}:${file.lastModified}`;

const bytesOf = async (file, from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer());

// The same as upload_facts.hint_of on the server: size and both ends.
export async function hintOf(file) {
  const hash = new Blake2b().update(new TextEncoder().encode(`${file.size}:`));
  hash.update(await bytesOf(file, 0, END));
  return hash.update(await bytesOf(file, Math.max(0, file.size - END), file.size)).hex();
}

// Reads the whole file in a worker; `told` hears how many bytes are read, `stop` ends it.
export function contentKey(file, told, stop) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./upload_hash.js', import.meta.url), { type: 'module' });
    const end = (then, value) => { worker.terminate(); then(value); };
    worker.onmessage = ({ data }) => {
      if (data.read !== undefined) told(data.read);
      else if (data.key) end(resolve, data.key);
      else end(reject, new Error(data.error));
    };
    worker.onerror = (event) => end(reject, new Error(event.message || 'could not be read'));
    stop.addEventListener('abort', () => end(reject, new DOMException('stopped', 'AbortError')));
    worker.postMessage(file);
  });
}

// Files of a folder are taken when their name or their first bytes say video; a file that is
// chosen by itself is sent whatever it looks like, and the server decides by its content.
async function looksLikeVideo(file) {
  if (VIDEO_NAME.test(file.name)) return true;
  const head = await bytesOf(file, 0, 377).catch(() => new Uint8Array());
  const text = String.fromCharCode(...head.subarray(0, 12));
  return text.slice(4, 8) === 'ftyp' || text.startsWith('\x1a\x45\xdf\xa3')
    || (text.startsWith('RIFF') && text.slice(8, 12) === 'AVI ') || text.startsWith('FLV')
    || (head[0] === 0x47 && head[188] === 0x47 && head[376] === 0x47);
}

class Gathering {
  constructor() {
    this.found = [];
    this.others = 0;
  }

  async add(file, handle, folder) {
    if (folder && (file.name.startsWith('.') || !await looksLikeVideo(file))) this.others += 1;
    else if (this.found.length < MOST_FILES) this.found.push({ file, handle, folder });
    else this.others += 1;
  }

  async walkHandle(handle, folder) {
    if (handle.kind === 'file') return this.add(await handle.getFile(), handle, folder);
    const inside = folder ? `${folder}/${handle.name}` : handle.name;
    for await (const child of handle.values()) await this.walkHandle(child, inside);
    return undefined;
  }

  async walkEntry(entry, folder) {
    if (entry.isFile) {
      return this.add(await new Promise((good, bad) => entry.file(good, bad)), null, folder);
    }
    const inside = folder ? `${folder}/${entry.name}` : entry.name;
    const reader = entry.createReader();
    for (;;) { // a reader gives some at a time, and none at the end
      const some = await new Promise((good, bad) => reader.readEntries(good, bad));
      if (!some.length) return undefined;
      for (const child of some) await this.walkEntry(child, inside);
    }
  }

  result() {
    return { found: this.found, others: this.others };
  }
}

export async function fromHandles(handles) {
  const gathering = new Gathering();
  for (const handle of handles) await gathering.walkHandle(handle, '');
  return gathering.result();
}

export async function fromInput(files) {
  const gathering = new Gathering();
  for (const file of files) {
    const folder = (file.webkitRelativePath || '').split('/').slice(0, -1).join('/');
    await gathering.add(file, null, folder);
  }
  return gathering.result();
}

export async function fromDrop(transfer) {
  // All is asked for before the first await: the browser forgets a drop after that.
  const dropped = [...transfer.items].filter((item) => item.kind === 'file').map((item) => ({
    entry: item.webkitGetAsEntry?.(),
    file: item.getAsFile(),
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
  const gathering = new Gathering();
  for (const one of dropped) {
    const handle = await one.handle;
    if (handle) await gathering.walkHandle(handle, '');
    else if (one.entry?.isDirectory) await gathering.walkEntry(one.entry, '');
    else if (one.file) await gathering.add(one.file, null, '');
  }
  return gathering.result();
}
