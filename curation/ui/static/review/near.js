// Find like this: the frames nearest to one by appearance, by face or by pose, nearest first.
import { el, frames } from './parts.js';

const COUNT = 200;
const BY = {
  appearance: 'Frames that look like this one',
  face: 'Frames with a face like this one',
  pose: 'Frames with a pose like this one',
};

export function setup(ws) {
  let turn = 0;
  let column = '';
  let before = null;
  let order = null;

  /** The likeness that is shown now: {text}, or null. */
  ws.likeness = null;

  async function near(by) {
    const { table, row } = ws;
    if (row < 0) return;
    turn += 1;
    const mine = turn;
    ws.toast(ws.ours('Looking for frames like this one…'));
    let told;
    try {
      told = await ws.ask(`api/review/near/${table.frameId[row]}?by=${by}&count=${COUNT}`);
    } catch (error) {
      if (mine === turn) ws.toast(`Nothing was found: ${error.message}`);
      return;
    }
    if (mine !== turn) return;
    const rows = told.frames.map((id) => table.rowOf(id));
    if (!rows.some((found) => found >= 0 && found !== row)) {
      ws.toast(ws.ours(`No other frame can be compared with it by ${by}`));
      return;
    }
    const distance = new Float32Array(table.n).fill(NaN);
    rows.forEach((found, i) => {
      if (found >= 0) distance[found] = told.distance[i];
    });
    distance[row] = -1e-6; // the frame itself leads the row
    if (!ws.likeness) before = { where: ws.view.where, sort: ws.view.sort, row };
    if (column) table.columns.delete(column);
    order?.remove();
    column = `like-${turn}`;
    table.columns.set(column, distance);
    const title = `Like ${table.nameOf(row)}, by ${by}`;
    ws.likeness = { text: title, column };
    // Only inside this page: the studio knows no column of this name.
    await ws.setView({
      where: [{ column, max: 3e38, local: true, title }],
      sort: [{ column, desc: false, local: true }],
    });
    order = el('option', { value: column, text: 'Nearest first' });
    ws.toolbar?.chosen?.append(order);
    if (ws.mode !== 'grid') ws.setMode('grid');
    ws.setCursor(0);
    ws.focus();
    ws.toast(ws.ours(`${frames(ws.view.count)}, nearest first. Escape goes back.`));
  }

  function back() {
    if (!ws.likeness) return false;
    const { where, sort, row } = before;
    ws.likeness = null;
    ws.setView({ where, sort }).then(() => {
      const position = ws.view.positionOf(row);
      if (position >= 0) ws.setCursor(position);
      if (!ws.likeness) ws.table.columns.delete(column);
    });
    return true;
  }

  for (const [by, title] of Object.entries(BY)) {
    ws.addCommand(`near.${by}`, { title, group: 'Find', run: () => near(by) });
  }
  ws.addCommand('near.back', { title: 'Back from the frames like one', group: 'Find', run: back });
  // The view was changed by other means: there is nothing to go back to.
  ws.on('view', () => {
    if (ws.likeness && !ws.view.where.some((one) => one.column === ws.likeness.column)) ws.likeness = null;
    if (!ws.likeness) order?.remove();
  });
  // Escape in the grid goes back here first.
  const plain = ws.commands.get('back');
  if (plain) {
    ws.addCommand('back', { ...plain, run: () => (ws.mode === 'grid' && ws.selection.empty && back()) || plain.run() });
  }
}
