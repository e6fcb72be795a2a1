// The frames as columns: one typed array each, read once from one binary answer.

const ARRAYS = {
  i8: Int8Array, u8: Uint8Array, i16: Int16Array, u16: Uint16Array,
  i32: Int32Array, u32: Uint32Array, f32: Float32Array,
};

/** Read `uint32 length, JSON header, padding to 8, columns` into {header, columns: Map}. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = Math.ceil((4 + length) / 8) * 8;
  const columns = new Map();
  for (const { name, type, offset, bytes } of header.columns) {
    const Kind = ARRAYS[type];
    if (!Kind) throw new Error(`The column ${name} has the unknown type ${type}.`);
    columns.set(name, new Kind(buffer, start + offset, bytes / Kind.BYTES_PER_ELEMENT));
  }
  return { header, columns };
}

/** The words of a failed answer, for a person. */
export async function saidBy(response) {
  try {
    const body = await response.json();
    return typeof body.detail === 'string' ? body.detail : response.statusText;
  } catch { return response.statusText || `error ${response.status}`; }
}

/** Fetch bytes; an Error with the server's words when it refuses. */
export async function fetchBytes(url, init) {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(await saidBy(response));
  return response.arrayBuffer();
}

export const DECIDED = ['pool', 'verdict', 'reason', 'rank', 'score', 'keeper'];
export const MARKED = ['flag', 'stars', 'label', 'noted'];

/** Columns of all frames; `row` is an index into each of them. */
export class Table {
  /**
   * @param {ArrayBuffer} buffer answer of /api/review/table
   * @param {(path: string) => string} url makes an address of our server
   */
  constructor(buffer, url) {
    const { header, columns } = unpack(buffer);
    this.header = header;
    this.url = url;
    this.n = header.frames;
    this.columns = columns;
    // What the server last decided; the live columns may run ahead of it while a slider moves.
    this.decided = {};
    // Whether ratings have moved the decisions here, and those on disk do not know it yet.
    this.ahead = false;
    for (const name of DECIDED) {
      if (columns.has(name)) this.decided[name] = columns.get(name).slice();
    }
    this.lists = {
      pool: header.pools, verdict: header.verdicts, reason: header.reasons.map((r) => r.code),
      video: header.videos.map((v) => v.name),
      label: ['none', ...header.labels],
    };
    this._measures = new Map();
    this._waiting = new Map();
    this._sorted = null;
    this._bind();
  }

  _bind() {
    const of = (name) => this.columns.get(name);
    this.frameId = of('frame_id'); this.video = of('video'); this.timeS = of('time_s');
    this.shot = of('shot'); this.width = of('width'); this.height = of('height');
    this.pool = of('pool'); this.verdict = of('verdict'); this.reason = of('reason');
    this.rank = of('rank'); this.score = of('score'); this.person = of('person');
    this.keeper = of('keeper'); this.rival = of('rival'); this.version = of('version');
    this.luma = of('luma'); this.flag = of('flag'); this.stars = of('stars');
    this.label = of('label'); this.noted = of('noted');
  }

  /** A column or a measure that is here already, or null. */
  column(name) { return this.columns.get(name) ?? this._measures.get(name) ?? null; }

  /** A measure (or a column) as numbers by row; asked for once. */
  async measure(name) {
    const here = this.column(name);
    if (here) return here;
    if (!this._waiting.has(name)) {
      const asked = fetchBytes(this.url(`api/review/measures/${encodeURIComponent(name)}`))
        .then((bytes) => {
          const values = new Float32Array(bytes);
          if (values.length !== this.n) {
            throw new Error('The frames have changed since this page was opened. Reload it.');
          }
          this._measures.set(name, values);
          return values;
        })
        .finally(() => this._waiting.delete(name));
      this._waiting.set(name, asked);
    }
    return this._waiting.get(name);
  }

  /** Measures may have been made anew: they are asked for again when somebody needs them. */
  forgetMeasures() { this._measures.clear(); }

  _tag(row) { return this.version[row].toString(16).padStart(8, '0'); }

  thumbUrl(row) { return this.url(`thumb/${this.frameId[row]}?v=${this._tag(row)}`); }

  frameUrl(row) { return this.url(`frame/${this.frameId[row]}?v=${this._tag(row)}`); }

  /** The row of a frame, or -1: a binary search over the ids in order. */
  rowOf(frameId) {
    if (this._sorted === null) this._order();
    const { ids, rows } = this._sorted;
    let low = 0;
    let high = ids.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (ids[middle] === frameId) return rows ? rows[middle] : middle;
      if (ids[middle] < frameId) low = middle + 1; else high = middle - 1;
    }
    return -1;
  }

  _order() {
    let ascending = true;
    for (let i = 1; i < this.n && ascending; i++) {
      ascending = this.frameId[i] > this.frameId[i - 1];
    }
    if (ascending) { this._sorted = { ids: this.frameId, rows: null }; return; }
    const rows = Int32Array.from({ length: this.n }, (_, i) => i);
    rows.sort((a, b) => this.frameId[a] - this.frameId[b]);
    this._sorted = { ids: rows.map((row) => this.frameId[row]), rows };
  }

  /** Take exact decisions: the answer of /api/review/decide. Returns its header. */
  take(buffer) {
    const { header, columns } = unpack(buffer);
    for (const name of DECIDED) {
      const given = columns.get(name);
      if (!given) continue;
      if (given.length !== this.n) {
        throw new Error('The frames have changed since this page was opened. Reload it.');
      }
      this.columns.get(name).set(this._translated(name, given, header));
    }
    return header;
  }

  // Lists of reasons may come in another order or with codes that the table had no use for.
  _translated(name, given, header) {
    const key = { pool: 'pools', verdict: 'verdicts', reason: 'reasons' }[name];
    if (!key || !header[key]) return given;
    const words = header[key].map((word) => (typeof word === 'string' ? word : word.code));
    const to = words.map((word, index) => {
      const at = this.lists[name].indexOf(word);
      if (at >= 0) return at;
      this.lists[name].push(word);
      if (name === 'reason') {
        const told = header[key][index];
        this.header.reasons.push(
          typeof told === 'string' ? { code: told, text: told.replaceAll('_', ' '), fix: '' } : told,
        );
      }
      return this.lists[name].length - 1;
    });
    return to.every((at, index) => at === index) ? given : given.map((at) => to[at]);
  }

  /** Keep the live decisions as what is stored. */
  keepDecided() {
    for (const name of Object.keys(this.decided)) this.decided[name].set(this.columns.get(name));
  }

  /** Whether the live decisions are those that are stored. */
  isStored() {
    if (this.ahead) return false;
    return Object.entries(this.decided).every(([name, stored]) => {
      const live = this.columns.get(name);
      for (let i = 0; i < stored.length; i++) if (!Object.is(live[i], stored[i])) return false;
      return true;
    });
  }

  /** Put back what is stored. */
  restoreDecided() {
    for (const name of Object.keys(this.decided)) this.columns.get(name).set(this.decided[name]);
  }

  /** A frame in a few words, for screen readers and headings. */
  nameOf(row) {
    const video = this.header.videos[this.video[row]];
    if (!video) return `frame ${this.frameId[row]}`;
    return `${video.name} ${this.when(row)}`;
  }

  /** Where a frame stands in its video, "1:15.4"; of a folder's pictures the how-manieth, "12". */
  when(row) {
    const video = this.video[row];
    if (this.header.videos[video]?.kind !== 'pictures') return clock(this.timeS[row]);
    if (!this._first) {
      this._first = new Map();
      for (let at = this.n - 1; at >= 0; at--) this._first.set(this.video[at], at);
    }
    return String(row - this._first.get(video) + 1);
  }
}

/** 75.4 -> "1:15.4", 3675 -> "1:01:15.0". */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) return '';
  const tenths = Math.round(seconds * 10);
  const s = Math.floor(tenths / 10) % 60;
  const m = Math.floor(tenths / 600) % 60;
  const h = Math.floor(tenths / 36000);
  const two = (value) => String(value).padStart(2, '0');
  return `${h ? `${h}:${two(m)}` : m}:${two(s)}.${tenths % 10}`;
}
