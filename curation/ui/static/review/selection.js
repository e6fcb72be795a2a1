// Selected positions as sorted ranges: selecting 240,000 frames costs one pair of numbers.

export class Selection {
  /** @param {number[][]} ranges sorted, apart, [first, last] both inside */
  constructor(ranges = []) { this.ranges = ranges; }

  static of(first, last) { return new Selection([[Math.min(first, last), Math.max(first, last)]]); }

  get count() {
    let total = 0;
    for (const [first, last] of this.ranges) total += last - first + 1;
    return total;
  }

  get empty() { return this.ranges.length === 0; }

  has(position) {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [first, last] = this.ranges[middle];
      if (position < first) high = middle - 1;
      else if (position > last) low = middle + 1;
      else return true;
    }
    return false;
  }

  /** A new selection with one range more. */
  with(first, last) {
    const made = [];
    let [low, high] = [Math.min(first, last), Math.max(first, last)];
    let placed = false;
    for (const [a, b] of this.ranges) {
      if (b < low - 1) made.push([a, b]);
      else if (a > high + 1) {
        if (!placed) { made.push([low, high]); placed = true; }
        made.push([a, b]);
      } else { low = Math.min(low, a); high = Math.max(high, b); }
    }
    if (!placed) made.push([low, high]);
    return new Selection(made);
  }

  /** A new selection with one range less. */
  without(first, last) {
    const made = [];
    for (const [a, b] of this.ranges) {
      if (b < first || a > last) { made.push([a, b]); continue; }
      if (a < first) made.push([a, first - 1]);
      if (b > last) made.push([last + 1, b]);
    }
    return new Selection(made);
  }

  toggled(position) {
    return this.has(position) ? this.without(position, position) : this.with(position, position);
  }

  /** The rows of a view that are selected. */
  rows(view) {
    const rows = new Int32Array(this.count);
    let at = 0;
    for (const [first, last] of this.ranges) {
      rows.set(view.order.subarray(first, last + 1), at);
      at += last - first + 1;
    }
    return at === rows.length ? rows : rows.subarray(0, at);
  }

  /** The selection of the same rows in another order; rows that left the view are let go. */
  static ofMask(mask, view) {
    const ranges = [];
    let first = -1;
    for (let position = 0; position < view.count; position++) {
      if (mask[view.order[position]]) { if (first < 0) first = position; }
      else if (first >= 0) { ranges.push([first, position - 1]); first = -1; }
    }
    if (first >= 0) ranges.push([first, view.count - 1]);
    return new Selection(ranges);
  }
}
