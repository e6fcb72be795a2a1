// Which frames are in view and in which order, over typed arrays: no objects, no comparator.

/** Clauses that name a column which may not be here yet. */
export function columnsOf(where, sort) {
  return [
    ...where.filter((clause) => clause.column).map((clause) => clause.column),
    ...sort.map((key) => key.column),
  ];
}

/**
 * Narrow a mask by one clause. A number that is not known (NaN) fails a range.
 * @param {Uint8Array} mask 1 for rows that are still in
 */
function narrow(mask, clause, table, tagged) {
  const n = mask.length;
  if (clause.tag !== undefined) {
    const rows = tagged(clause.tag);
    const have = new Uint8Array(n);
    for (const row of rows) have[row] = 1;
    for (let i = 0; i < n; i++) mask[i] &= have[i];
    return;
  }
  const values = table.column(clause.column);
  if (!values) { mask.fill(0); return; }
  if (clause.in) {
    if (values.BYTES_PER_ELEMENT === 1) {
      const wanted = new Uint8Array(256);
      for (const value of clause.in) wanted[value & 255] = 1;
      for (let i = 0; i < n; i++) mask[i] &= wanted[values[i] & 255];
    } else {
      const wanted = new Set(clause.in);
      for (let i = 0; i < n; i++) if (mask[i] && !wanted.has(values[i])) mask[i] = 0;
    }
    return;
  }
  // The bounds get the precision of the column, as they do on the server.
  const exact = values instanceof Float32Array ? Math.fround : Number;
  const low = exact(clause.min ?? -Infinity);
  const high = exact(clause.max ?? Infinity);
  for (let i = 0; i < n; i++) mask[i] &= +(values[i] >= low && values[i] <= high);
}

/** Rows that pass every clause, as a mask of 0 and 1. */
export function maskOf(table, where, tagged = () => []) {
  const mask = new Uint8Array(table.n).fill(1);
  for (const clause of where) narrow(mask, clause, table, tagged);
  return mask;
}

/** Keys whose order as unsigned numbers is the order of the values; NaN comes last either way. */
function keysOf(values, descending) {
  const n = values.length;
  const keys = new Uint32Array(n);
  if (values instanceof Float32Array) {
    const raw = new Uint32Array(values.buffer, values.byteOffset, n);
    for (let i = 0; i < n; i++) {
      const value = values[i];
      if (value !== value) { keys[i] = 0xffffffff; continue; }
      const key = raw[i] & 0x80000000 ? ~raw[i] >>> 0 : (raw[i] | 0x80000000) >>> 0;
      keys[i] = descending ? ~key >>> 0 : key;
    }
  } else {
    for (let i = 0; i < n; i++) {
      const key = (values[i] ^ 0x80000000) >>> 0;
      keys[i] = descending ? ~key >>> 0 : key;
    }
  }
  return keys;
}

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/** Sort rows by keys, keeping the order of equals: radix sort by three digits of 11 bits. */
function radix(rows, keys) {
  let from = rows;
  let to = new Int32Array(rows.length);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const counts = new Uint32Array(DIGITS);
    for (let i = 0; i < from.length; i++) counts[(keys[from[i]] >>> shift) & (DIGITS - 1)]++;
    let used = 0;
    for (let digit = 0; digit < DIGITS; digit++) if (counts[digit]) used++;
    if (used < 2) continue;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const count = counts[digit];
      counts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < from.length; i++) {
      const row = from[i];
      to[counts[(keys[row] >>> shift) & (DIGITS - 1)]++] = row;
    }
    [from, to] = [to, from === rows ? new Int32Array(rows.length) : from];
  }
  return from;
}

/** All rows in the order of some keys, first key first; ties stay in the order of the table. */
export function sorted(table, sort) {
  let rows = new Int32Array(table.n);
  for (let i = 0; i < rows.length; i++) rows[i] = i;
  for (const { column, desc } of [...sort].reverse()) {
    const values = table.column(column);
    if (values) rows = radix(rows, keysOf(column === 'rank' ? ranked(values) : values, !!desc));
  }
  return rows;
}

// Rank 0 means that a frame has none: it follows those that have one.
function ranked(values) {
  const made = new Float32Array(values.length);
  for (let i = 0; i < made.length; i++) made[i] = values[i] || NaN;
  return made;
}

/** The rows of an order that a mask lets through. */
export function pick(order, mask) {
  const found = new Int32Array(order.length);
  let count = 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i];
    found[count] = row;
    count += mask[row];
  }
  return found.subarray(0, count);
}

/** What is in view: rows in order, and where each row stands. */
export class View {
  constructor(table) {
    this.table = table;
    this.where = [];
    this.sort = [];
    this.tags = new Map();
    /** Stacks: makes of an order the shorter one that is shown; null shows every row. */
    this.fold = null;
    this.mask = new Uint8Array(table.n).fill(1);
    this.order = sorted(table, []);
    this.count = table.n;
    this._all = this.order;
    this._allFor = '[]';
    this._positions = null;
  }

  at(position) { return position >= 0 && position < this.count ? this.order[position] : -1; }

  positionOf(row) {
    if (row < 0) return -1;
    if (this._positions === null) {
      this._positions = new Int32Array(this.table.n).fill(-1);
      for (let i = 0; i < this.count; i++) this._positions[this.order[i]] = i;
    }
    return this._positions[row];
  }

  /** Make the order again; `changed` names columns whose values are not what they were. */
  run(changed = []) {
    const key = JSON.stringify(this.sort);
    if (key !== this._allFor || this.sort.some((one) => changed.includes(one.column))) {
      this._all = sorted(this.table, this.sort);
      this._allFor = key;
    }
    this.mask = maskOf(this.table, this.where, (tag) => this.tags.get(tag) ?? []);
    this.order = this.where.length ? pick(this._all, this.mask) : this._all;
    if (this.fold) this.order = this.fold(this.order);
    this.count = this.order.length;
    this._positions = null;
  }

  /** Whether the view depends on one of some columns. */
  uses(columns) {
    return columnsOf(this.where, this.sort).some((name) => columns.includes(name));
  }
}
