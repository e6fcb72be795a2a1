// What the map needs besides its controls: places, colours, points in a polygon, dots on pixels.
import { HUES, grouped, ramp, short, words } from './parts.js';
import { span } from './histogram.js';
import { unpack } from './table.js';

const DIM = 0xff4a4038;
const FLAG_HUES = new Map([[1, '#4ade80'], [-1, '#ff7a6e'], [0, '#7d8a96']]);
const STAR_HUES = ['#5b6671', '#7d6a3a', '#a08436', '#c39e34', '#e2b93b', '#ffd75e'];
const MOST_NAMED = 12;
const BANDS = 200;

/** Positions 0..1 in both directions, NaN where unknown, from the answer of the map's route. */
export function placesOf(buffer, n) {
  let x;
  let y;
  if (buffer.byteLength === 8 * n) {
    x = new Float32Array(buffer, 0, n);
    y = new Float32Array(buffer, 4 * n, n);
  } else {
    const { columns } = unpack(buffer);
    [x, y] = [columns.get('x'), columns.get('y')];
  }
  if (!x || x.length !== n) throw new Error('The frames have changed since this page was opened. Reload it.');
  const [ex, ey] = [span(x), span(y)];
  if (!ex || !ey) return null;
  const side = Math.max(ex.most - ex.least, ey.most - ey.least) || 1;
  const [mx, my] = [(ex.most + ex.least) / 2, (ey.most + ey.least) / 2];
  return { x: x.map((value) => (value - mx) / side + 0.5), y: y.map((value) => (value - my) / side + 0.5) };
}

const packedHex = (hex) => {
  const value = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
};

/**
 * Colours of all rows as 32-bit pixels, and what they mean.
 * Returns {colours: uint32 x n, named: [{colour, name, count}] or null, ends: [low, high] or null}.
 */
export function coloursOf(ws, name) {
  const { table } = ws;
  const values = table.column(name);
  const colours = new Uint32Array(table.n);
  const titles = {
    pool: table.lists.pool, verdict: table.lists.verdict, label: table.lists.label,
    reason: table.header.reasons.map((one) => one.text || one.code), video: table.header.videos.map((one) => one.name),
  };
  const closed = name in titles || ['flag', 'stars', 'shot', 'person', 'noted'].includes(name);
  if (!closed) {
    const ends = span(values);
    if (!ends) return { colours: colours.fill(DIM), named: null, ends: null };
    const steps = Uint32Array.from({ length: 256 }, (_, i) => {
      const [r, g, b] = ramp(i / 255);
      return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
    });
    const scale = 255 / (ends.high - ends.low);
    for (let i = 0; i < table.n; i += 1) {
      const at = (values[i] - ends.low) * scale;
      colours[i] = at === at ? steps[at < 0 ? 0 : at > 255 ? 255 : at | 0] : DIM;
    }
    return { colours, named: null, ends: [short(ends.low), short(ends.high)] };
  }
  const counts = new Map();
  for (let i = 0; i < table.n; i += 1) counts.set(values[i], (counts.get(values[i]) ?? 0) + 1);
  const order = [...counts].sort((a, b) => b[1] - a[1]);
  const hueOf = new Map();
  const ranked = order.map(([value]) => value).filter((value) => value >= 0);
  for (const [value] of order) {
    if (name === 'flag') hueOf.set(value, FLAG_HUES.get(value));
    else if (name === 'stars') hueOf.set(value, STAR_HUES[value] ?? STAR_HUES[0]);
    else if (value < 0 || (name === 'label' && value === 0)) hueOf.set(value, '#5b6671');
    else {
      // Values of few kinds keep their colour whatever the counts; of many, the common ones differ.
      const at = ranked.length <= HUES.length ? value : ranked.indexOf(value);
      hueOf.set(value, at < HUES.length || name === 'shot' ? HUES[at % HUES.length] : '#6c7884');
    }
  }
  const pixels = new Map([...hueOf].map(([value, hue]) => [value, packedHex(hue)]));
  for (let i = 0; i < table.n; i += 1) colours[i] = pixels.get(values[i]);
  const flags = { 1: 'picked by hand', 0: 'no flag', '-1': 'rejected by hand' };
  const named = order.slice(0, MOST_NAMED).map(([value, count]) => ({
    value,
    colour: hueOf.get(value),
    count: grouped(count),
    name: name === 'flag' ? flags[value] : value < 0 ? 'unknown' : words(titles[name]?.[value] ?? (name === 'stars'
      ? `${value} ${value === 1 ? 'star' : 'stars'}` : `${name} ${value + 1}`)),
  }));
  return { colours, named, ends: null, more: order.length - named.length };
}

/**
 * Draw dots into an image of 32-bit pixels: rows out of view dim and small, the others on top.
 * `at` maps places to pixels: {scale, left, top}.
 */
export function dots(image, { x, y }, colours, mask, at, size, dim) {
  const pixels = new Uint32Array(image.data.buffer);
  const { width, height } = image;
  pixels.fill(0);
  const { scale, left, top } = at;
  let shown = 0;
  for (let pass = dim ? 0 : 1; pass < 2; pass += 1) {
    const side = pass ? size : Math.max(1, size - 1);
    for (let i = 0; i < x.length; i += 1) {
      if (mask[i] !== pass) continue;
      const px = (x[i] * scale + left) | 0;
      const py = (y[i] * scale + top) | 0;
      if (!(px >= 0 && py >= 0 && px < width - side && py < height - side) || x[i] !== x[i]) continue;
      const colour = pass ? colours[i] : DIM;
      shown += pass;
      let start = py * width + px;
      for (let row = 0; row < side; row += 1) {
        for (let column = 0; column < side; column += 1) pixels[start + column] = colour;
        start += width;
      }
    }
  }
  return shown;
}

/** Rows inside a polygon of places, among those of a mask: uint8 x n, and their number. */
export function inside({ x, y }, mask, polygon) {
  const found = new Uint8Array(x.length);
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [px, py] of polygon) {
    left = Math.min(left, px);
    right = Math.max(right, px);
    top = Math.min(top, py);
    bottom = Math.max(bottom, py);
  }
  // A point meets only the edges of its band: a long lasso costs no more than a short one.
  const step = (bottom - top) / BANDS || 1;
  const bands = Array.from({ length: BANDS + 1 }, () => []);
  polygon.forEach(([ax, ay], a) => {
    const [bx, by] = polygon[(a + 1) % polygon.length];
    if (ay === by) return;
    const last = ((Math.max(ay, by) - top) / step) | 0;
    for (let band = ((Math.min(ay, by) - top) / step) | 0; band <= last; band += 1) bands[band].push(ax, ay, bx, by);
  });
  let total = 0;
  for (let i = 0; i < x.length; i += 1) {
    const [px, py] = [x[i], y[i]];
    if (!mask[i] || !(px >= left && px <= right && py >= top && py <= bottom)) continue;
    const edges = bands[((py - top) / step) | 0];
    let odd = 0;
    for (let k = 0; k < edges.length; k += 4) {
      const [ay, by] = [edges[k + 1], edges[k + 3]];
      if (ay > py !== by > py && px < ((edges[k + 2] - edges[k]) * (py - ay)) / (by - ay) + edges[k]) odd ^= 1;
    }
    found[i] = odd;
    total += odd;
  }
  return { found, total };
}

/** The row of a mask nearest to a place, within a reach; -1 if none. `cone` [dx, dy] asks for a direction. */
export function nearest({ x, y }, mask, px, py, reach, cone = null, except = -1) {
  let best = -1;
  let least = reach * reach;
  for (let i = 0; i < x.length; i += 1) {
    if (!mask[i] || i === except) continue;
    const [dx, dy] = [x[i] - px, y[i] - py];
    let distance = dx * dx + dy * dy;
    if (cone) {
      const along = dx * cone[0] + dy * cone[1];
      const aside = Math.abs(dx * cone[1]) + Math.abs(dy * cone[0]);
      if (along <= 0 || aside > along) continue;
      distance = along * along + 4 * aside * aside;
    }
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
