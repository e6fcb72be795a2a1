// Boxes and keypoints of a frame, drawn on a canvas over its picture.
import { HUES, el, painted, sharp, store, stored, words } from './parts.js';

const KEPT = 60;
// Which keypoints of a body hang together, by how many there are (17 as in COCO, 33 as in BlazePose).
const BONES = {
  17: [[0, 1], [0, 2], [1, 3], [2, 4], [5, 6], [5, 7], [7, 9], [6, 8], [8, 10], [5, 11], [6, 12],
    [11, 12], [11, 13], [13, 15], [12, 14], [14, 16]],
  33: [[0, 2], [0, 5], [2, 7], [5, 8], [9, 10], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16],
    [15, 19], [16, 20], [11, 23], [12, 24], [23, 24], [23, 25], [25, 27], [24, 26], [26, 28],
    [27, 31], [28, 32]],
};
const SURE = 0.3;

/** Keypoints as [x, y, score] each, whether they came as pairs, triples, objects or a flat list. */
export function points(raw) {
  if (!Array.isArray(raw) || !raw.length) return [];
  if (typeof raw[0] === 'number') {
    const wide = raw.length % 3 === 0 && raw.length % 2 !== 0 ? 3 : 2;
    const found = [];
    for (let i = 0; i + wide <= raw.length; i += wide) found.push(raw.slice(i, i + wide));
    return points(found);
  }
  return raw.map((point) => (Array.isArray(point)
    ? [point[0], point[1], point[2] ?? 1]
    : [point.x, point.y, point.score ?? 1]));
}

/** Whether a step finds faces. */
export function isFace(step) {
  return /face|yunet|landmark|identity/i.test(step);
}

/** Colour of a step's boxes. */
export function hue(step) {
  if (isFace(step)) return HUES[0];
  return /pose|body|skeleton/i.test(step) ? HUES[1] : HUES[2];
}

/** Largest face box [x0, y0, x1, y1] in shares of the picture, or null. */
export function faceOf(boxes) {
  let best = null;
  let most = 0;
  for (const { step, xyxy } of boxes ?? []) {
    const area = (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]);
    if (isFace(step) && area > most) [best, most] = [xyxy, area];
  }
  return best;
}

/** Draw boxes into the rectangle [x, y, width, height] of a context, in CSS pixels. */
export function paint(context, boxes, [x, y, width, height]) {
  const across = (share) => x + share * width;
  const down = (share) => y + share * height;
  const fine = Math.max(1, Math.min(2, width / 400));
  context.lineJoin = 'round';
  for (const { step, xyxy: [x0, y0, x1, y1], keypoints } of boxes) {
    const colour = hue(step);
    const place = [across(x0), down(y0), (x1 - x0) * width, (y1 - y0) * height];
    context.strokeStyle = 'rgba(0,0,0,.55)';
    context.lineWidth = fine + 2;
    context.strokeRect(...place);
    context.strokeStyle = colour;
    context.lineWidth = fine;
    context.strokeRect(...place);
    drawPoints(context, points(keypoints), colour, across, down, fine);
  }
  context.font = '11px system-ui, sans-serif';
  const taken = [];
  for (const { step, label, score, xyxy: [x0, y0] } of boxes) {
    const text = [words(label || step), score ? score.toFixed(2) : ''].filter(Boolean).join(' ');
    const wide = context.measureText(text).width + 8;
    const left = Math.max(x, Math.min(across(x0), x + width - wide));
    const top = down(y0) >= y + 16 ? down(y0) - 16 : down(y0);
    // Two steps may name the same thing: the first name stands.
    if (taken.some(([l, t, w]) => Math.abs(t - top) < 16 && left < l + w && l < left + wide)) continue;
    taken.push([left, top, wide]);
    context.fillStyle = 'rgba(0,0,0,.72)';
    context.fillRect(left, top, wide, 16);
    context.fillStyle = hue(step);
    context.fillText(text, left + 4, top + 12);
  }
}

function drawPoints(context, found, colour, across, down, fine) {
  const known = ([px, py, score]) => score >= SURE && px >= -0.2 && px <= 1.2 && py >= -0.2 && py <= 1.2;
  context.strokeStyle = colour;
  context.lineWidth = fine;
  context.beginPath();
  for (const [from, to] of BONES[found.length] ?? []) {
    if (!known(found[from]) || !known(found[to])) continue;
    context.moveTo(across(found[from][0]), down(found[from][1]));
    context.lineTo(across(found[to][0]), down(found[to][1]));
  }
  context.stroke();
  const radius = found.length > 60 ? fine * 0.6 : fine + 1;
  context.fillStyle = '#fff';
  context.beginPath();
  for (const point of found) {
    if (!known(point)) continue;
    context.moveTo(across(point[0]) + radius, down(point[1]));
    context.arc(across(point[0]), down(point[1]), radius, 0, 7);
  }
  context.fill();
}

/** What the server tells about frames, asked once each and kept for the last few. */
export function lookups(ws) {
  const kept = new Map();
  return {
    /** The answer about a row if it is here already. */
    known: (row) => kept.get(ws.table.frameId[row])?.value ?? null,
    /** Forget a row, after its note or tags changed. */
    forget: (row) => kept.delete(ws.table.frameId[row]),
    clear: () => kept.clear(),
    async of(row) {
      const id = ws.table.frameId[row];
      let found = kept.get(id);
      if (!found) {
        found = { value: null };
        found.coming = ws.ask(`api/review/look/${id}`).then((value) => {
          found.value = value;
          return value;
        });
        found.coming.catch(() => kept.delete(id));
        kept.set(id, found);
        if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      }
      return found.coming;
    },
  };
}

/** Where a picture with object-fit: contain lies in its element: [x, y, width, height]. */
export function contained(width, height, boxWidth, boxHeight) {
  const scale = Math.min(boxWidth / width, boxHeight / height);
  const [w, h] = [width * scale, height * scale];
  return [(boxWidth - w) / 2, (boxHeight - h) / 2, w, h];
}

export function setup(ws) {
  ws.looks = lookups(ws);
  let shown = stored('curation-review:overlay') === '1';
  const layers = new Map();

  /** Draw over a pane, whose holder has the shape of the picture and zooms with it. */
  async function over({ row, pane }) {
    let layer = layers.get(pane);
    if (!layer) {
      const canvas = el('canvas', { class: 'overlay', 'data-overlay': '', 'aria-hidden': 'true' });
      layer = { canvas, row: -1, boxes: [] };
      const again = painted(() => draw(pane, layer));
      new ResizeObserver(again).observe(pane.holder);
      layers.set(pane, layer);
    }
    layer.row = row;
    layer.boxes = [];
    layer.canvas.remove();
    if (!shown) return;
    try {
      const look = await ws.looks.of(row);
      if (layer.row !== row || pane.about?.row !== row) return;
      layer.boxes = look.boxes ?? [];
    } catch {
      return; // the inspector says what is wrong
    }
    draw(pane, layer);
  }
  function draw(pane, { canvas, boxes, row }) {
    if (!shown || !boxes.length || pane.about?.row !== row || !pane.box) {
      canvas.remove();
      return;
    }
    if (canvas.parentElement !== pane.holder) pane.holder.append(canvas);
    // A canvas as large as an enlarged picture would cost a lot: lines may be soft beyond this.
    const { width, height } = pane.box;
    const shrink = Math.min(1, 2400 / Math.max(width, height));
    const [context] = sharp(canvas, width * shrink, height * shrink);
    paint(context, boxes, [0, 0, width * shrink, height * shrink]);
  }
  ws.overlay = { get shown() { return shown; } };
  ws.on('shown', over);
  ws.on('table', () => ws.looks.clear());
  ws.addCommand('overlay.toggle', {
    title: 'Faces and poses over the picture, shown or hidden',
    group: 'Look',
    run() {
      shown = !shown;
      store('curation-review:overlay', shown ? '1' : '0');
      for (const [pane, layer] of layers) over({ row: pane.about?.row ?? layer.row, pane });
      ws.emit('overlay', shown);
      ws.toast(shown ? 'Faces and poses are drawn' : 'Faces and poses are hidden');
    },
  });
}
