// A worker that reads a whole file and says what its content is called.
import { Blake2b } from './blake2b.js';

const STEP = 4 * 1024 * 1024;

self.onmessage = async ({ data: file }) => {
  try {
    const hash = new Blake2b();
    for (let at = 0; at < file.size; at += STEP) {
      hash.update(new Uint8Array(await file.slice(at, at + STEP).arrayBuffer()));
      self.postMessage({ read: Math.min(at + STEP, file.size) });
    }
    self.postMessage({ key: hash.hex() });
  } catch (error) {
    self.postMessage({ error: String(error.message || error) });
  }
};
