// What the panels of taste, people and search share: a view of given frames, jobs, small drawings.

import { ink, sharp } from './parts.js';

const LOOK_MS = 400;
let turn = 0;

/**
 * Show given frames in their order, and nothing else. The column is known inside this page only.
 * Resolves with its name, or '' when none of the frames is a row.
 */
export async function showFrames(ws, ids, title) {
  const { table } = ws;
  const place = new Float32Array(table.n).fill(NaN);
  let known = 0;
  ids.forEach((id, i) => {
    const row = table.rowOf(id);
    if (row >= 0) { place[row] = i; known += 1; }
  });
  if (!known) return '';
  for (const name of [...table.columns.keys()]) {
    if (name.startsWith('given-') && !ws.view.uses([name])) table.columns.delete(name);
  }
  if (!ws.given || !ws.view.uses([ws.given.column])) {
    ws.given = { where: ws.view.where, sort: ws.view.sort, row: ws.row, mode: ws.mode };
  }
  turn += 1;
  const column = `given-${turn}`;
  table.columns.set(column, place);
  ws.given.column = column;
  await ws.setView({
    where: [{ column, max: 3e38, local: true, title }],
    sort: [{ column, desc: false, local: true }],
  });
  return column;
}

/** Go back from given frames to the view before them; false when there are none in view. */
export function goBack(ws) {
  const { given } = ws;
  if (!given || !ws.view.uses([given.column])) return false;
  ws.given = null;
  ws.setView({ where: given.where, sort: given.sort }).then(() => {
    const position = ws.view.positionOf(given.row);
    if (position >= 0) ws.setCursor(position);
  });
  return true;
}

/** Wait for a job's end; `told(words)` hears how it goes. Returns its summary, or throws its error. */
export async function followed(ws, job, told = () => {}) {
  let gone = false;
  ws.onDestroy(() => { gone = true; });
  for (;;) {
    const found = await ws.ask(`api/jobs/${job}`);
    if (found.state === 'done') return found.summary ?? {};
    if (found.state !== 'queued' && found.state !== 'running') {
      throw new Error(found.error || `it was ${found.state}`);
    }
    told(found.state === 'queued' ? 'Waiting for its turn…' : `${found.note || found.stage || 'Working'}…`);
    await new Promise((done) => { setTimeout(done, LOOK_MS); });
    if (gone) throw new Error('the page was left');
  }
}

function axes(context, colour, [left, top, wide, tall]) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (const share of [0, 0.5, 1]) {
    context.moveTo(left, top + tall * (1 - share));
    context.lineTo(left + wide, top + tall * (1 - share));
  }
  context.stroke();
}

/**
 * Draw points of 0..1 in a canvas: `lines` are {points: [[x, y]], colour, dots, dashed}; `marks` are
 * [x, text] under the axis.
 */
export function draw(canvas, lines, marks = []) {
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const [context, width, height] = sharp(canvas, box.width, box.height);
  const area = [26, 6, width - 32, height - 24];
  const [left, top, wide, tall] = area;
  const dim = ink(canvas, '--rv-dim', '#667');
  axes(context, ink(canvas, '--rv-line', '#ccc'), area);
  context.fillStyle = dim;
  context.font = '10px sans-serif';
  context.textAlign = 'right';
  for (const share of [0, 0.5, 1]) context.fillText(String(share), left - 4, top + tall * (1 - share) + 3);
  context.textAlign = 'center';
  for (const [x, text] of marks) context.fillText(text, left + wide * x, height - 5);
  const at = ([x, y]) => [left + wide * x, top + tall * (1 - Math.max(0, Math.min(1, y)))];
  for (const { points, name, dots, dashed } of lines) {
    const colour = ink(canvas, name, '#0f766e');
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = dashed ? 1 : 2;
    context.setLineDash(dashed ? [3, 3] : []);
    context.beginPath();
    points.forEach((point, i) => context[i ? 'lineTo' : 'moveTo'](...at(point)));
    context.stroke();
    context.setLineDash([]);
    for (const point of dots ? points : []) {
      context.beginPath();
      context.arc(...at(point), 2.6, 0, 7);
      context.fill();
    }
  }
}
