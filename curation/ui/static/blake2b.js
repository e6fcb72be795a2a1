// BLAKE2b with 16 bytes of digest (RFC 7693): what the catalogue calls a file's content by.
// crypto.subtle has no BLAKE2, cannot go piece by piece, and is missing on plain http.
const IV = new Uint32Array([
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
]); // 64-bit words as (low, high)
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const ROUNDS = new Uint8Array([...SIGMA, SIGMA[0], SIGMA[1]].flat().map((word) => 2 * word));
const BLOCK = 128;
const DIGEST = 16;
const v = new Uint32Array(32);
const m = new Uint32Array(32);

function mix(a, b, c, d, x, y) {
  let al = v[a], ah = v[a + 1], bl = v[b], bh = v[b + 1];
  let cl = v[c], ch = v[c + 1], dl = v[d], dh = v[d + 1], low, t;
  low = al + bl + m[x];
  ah = (ah + bh + m[x + 1] + ((low / 4294967296) | 0)) | 0;
  al = low | 0;
  t = dl ^ al; dl = dh ^ ah; dh = t; // turned right by 32
  low = (cl >>> 0) + (dl >>> 0);
  ch = (ch + dh + ((low / 4294967296) | 0)) | 0;
  cl = low | 0;
  bl ^= cl; bh ^= ch;
  t = (bl >>> 24) | (bh << 8); bh = (bh >>> 24) | (bl << 8); bl = t; // by 24
  low = (al >>> 0) + (bl >>> 0) + m[y];
  ah = (ah + bh + m[y + 1] + ((low / 4294967296) | 0)) | 0;
  al = low | 0;
  dl ^= al; dh ^= ah;
  t = (dl >>> 16) | (dh << 16); dh = (dh >>> 16) | (dl << 16); dl = t; // by 16
  low = (cl >>> 0) + (dl >>> 0);
  ch = (ch + dh + ((low / 4294967296) | 0)) | 0;
  cl = low | 0;
  bl ^= cl; bh ^= ch;
  t = (bl << 1) | (bh >>> 31); bh = (bh << 1) | (bl >>> 31); bl = t; // by 63
  v[a] = al; v[a + 1] = ah; v[b] = bl; v[b + 1] = bh;
  v[c] = cl; v[c + 1] = ch; v[d] = dl; v[d + 1] = dh;
}

export class Blake2b {
  constructor() {
    this.h = IV.slice();
    this.h[0] ^= 0x01010000 ^ DIGEST;
    this.rest = new Uint8Array(BLOCK);
    this.held = 0;
    this.count = 0;
  }

  // Takes a Uint8Array; returns itself.
  update(bytes) {
    let at = 0;
    while (at < bytes.length) {
      // The last block is special, so a full one waits until more comes.
      if (this.held === BLOCK) { this.compress(this.rest, 0, false, BLOCK); this.held = 0; }
      if (this.held === 0) {
        while (bytes.length - at > BLOCK) { this.compress(bytes, at, false, BLOCK); at += BLOCK; }
      }
      const taken = Math.min(BLOCK - this.held, bytes.length - at);
      this.rest.set(bytes.subarray(at, at + taken), this.held);
      this.held += taken;
      at += taken;
    }
    return this;
  }

  // Returns 32 hex digits; nothing can be added afterwards.
  hex() {
    this.rest.fill(0, this.held);
    this.compress(this.rest, 0, true, this.held);
    const out = new Uint8Array(this.h.buffer, 0, DIGEST);
    return [...out].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  compress(bytes, at, last, length) {
    this.count += length;
    v.set(this.h);
    v.set(IV, 16);
    v[24] ^= this.count >>> 0;
    v[25] ^= Math.floor(this.count / 4294967296);
    if (last) { v[28] = ~v[28]; v[29] = ~v[29]; }
    for (let k = 0; k < 32; k++, at += 4) {
      m[k] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    }
    for (let r = 0; r < 192; r += 16) {
      mix(0, 8, 16, 24, ROUNDS[r], ROUNDS[r + 1]);
      mix(2, 10, 18, 26, ROUNDS[r + 2], ROUNDS[r + 3]);
      mix(4, 12, 20, 28, ROUNDS[r + 4], ROUNDS[r + 5]);
      mix(6, 14, 22, 30, ROUNDS[r + 6], ROUNDS[r + 7]);
      mix(0, 10, 20, 30, ROUNDS[r + 8], ROUNDS[r + 9]);
      mix(2, 12, 22, 24, ROUNDS[r + 10], ROUNDS[r + 11]);
      mix(4, 14, 16, 26, ROUNDS[r + 12], ROUNDS[r + 13]);
      mix(6, 8, 18, 28, ROUNDS[r + 14], ROUNDS[r + 15]);
    }
    for (let k = 0; k < 16; k++) this.h[k] ^= v[k] ^ v[k + 16];
  }
}
