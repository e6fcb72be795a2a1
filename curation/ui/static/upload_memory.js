// What is on its way survives a reload: entries in IndexedDB, with a handle of the file where the
// browser gives one (then it goes on by itself), else its name, size and date (choose it again).
const NAME = 'curation-uploads';
const LOCK = 'curation-uploads-';

const settled = (request) => new Promise((good, bad) => {
  request.onsuccess = () => good(request.result);
  request.onerror = () => bad(request.error);
});

export class Memory {
  static async open() {
    const memory = new Memory();
    try {
      const asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore('entries', { keyPath: 'key' });
      memory.db = await settled(asked);
    } catch { /* a private window keeps nothing */ }
    await memory.takeName();
    return memory;
  }

  // A tab has a name as long as it lives; its lock tells other tabs that it does.
  async takeName() {
    try { this.tab = sessionStorage.getItem(NAME); } catch { /* none then */ }
    for (;;) {
      this.tab ||= String(Math.random()).slice(2);
      if (!navigator.locks) break;
      const mine = await new Promise((answer) => {
        navigator.locks.request(LOCK + this.tab, { ifAvailable: true }, (lock) => {
          answer(Boolean(lock));
          return lock ? new Promise(() => {}) : undefined;
        });
      });
      if (mine) break;
      this.tab = '';
    }
    try { sessionStorage.setItem(NAME, this.tab); } catch { /* none then */ }
  }

  store(mode) {
    return this.db.transaction('entries', mode).objectStore('entries');
  }

  async put(entry) {
    if (!this.db) return;
    const kept = { ...entry, tab: this.tab };
    try { await settled(this.store('readwrite').put(kept)); }
    catch { // a handle that cannot be kept
      try { await settled(this.store('readwrite').put({ ...kept, handle: null })); } catch { /* full */ }
    }
  }

  async drop(key) {
    if (!this.db) return;
    try { await settled(this.store('readwrite').delete(key)); } catch { /* gone anyway */ }
  }

  // What no living tab works on.
  async left() {
    if (!this.db) return [];
    const all = await settled(this.store('readonly').getAll()).catch(() => []);
    const { held = [] } = navigator.locks ? await navigator.locks.query() : {};
    const alive = new Set(held.map((lock) => lock.name));
    return all.filter((entry) => entry.tab === this.tab || !alive.has(LOCK + entry.tab));
  }
}
