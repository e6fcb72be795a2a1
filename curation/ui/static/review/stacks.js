// Stacks: frames that repeat the same keeper, shown as one cell with the best on top.
import { frames, store, stored } from './parts.js';

const KEY = 'curation-review:stacks';

/** Rows by stack: `root` of every row, and the members of each root in the order of the table. */
export function groups({ n, keeper }) {
  const root = new Int32Array(n);
  for (let i = 0; i < n; i += 1) {
    let at = i;
    // A keeper may repeat another one; a chain that closes on itself ends where it began.
    for (let hops = 0; keeper[at] >= 0 && keeper[at] !== at && hops < 64; hops += 1) at = keeper[at];
    root[i] = at;
  }
  const size = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) size[root[i]] += 1;
  const start = new Uint32Array(n + 1);
  for (let i = 0; i < n; i += 1) start[i + 1] = start[i] + size[i];
  const next = start.slice(0, n);
  const members = new Int32Array(n);
  for (let i = 0; i < n; i += 1) {
    members[next[root[i]]] = i;
    next[root[i]] += 1;
  }
  return {
    root,
    size,
    /** All rows of the stack that a row is in. */
    of: (row) => members.subarray(start[root[row]], start[root[row] + 1]),
  };
}

/** Whether row a stands above row b in their stack: marks first, then the keeper, then the score. */
export function above(table, root, a, b) {
  if (table.flag[a] !== table.flag[b]) return table.flag[a] > table.flag[b];
  if (table.stars[a] !== table.stars[b]) return table.stars[a] > table.stars[b];
  if (a === root || b === root) return a === root;
  const [one, two] = [table.score[a], table.score[b]];
  if (one === one && two === two && one !== two) return one > two;
  return one === one && two !== two;
}

/** The best of some rows of one stack. */
export function best(table, root, rows) {
  let top = rows[0];
  for (const row of rows) if (row !== top && above(table, root, row, top)) top = row;
  return top;
}

/**
 * Fold an order: of each stack only the best row in the order stays, where its first row stood;
 * an open stack stands there whole, best first. Returns {order, count: rows in the order by root}.
 */
export function fold(table, of, order, opened) {
  const { n } = table;
  const count = new Uint32Array(n);
  const top = new Int32Array(n).fill(-1);
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i];
    const root = of.root[row];
    if (of.size[root] === 1) continue;
    count[root] += 1;
    if (top[root] < 0 || above(table, root, row, top[root])) top[root] = row;
  }
  const inView = opened.size ? new Uint8Array(n) : null;
  if (inView) for (let i = 0; i < order.length; i += 1) inView[order[i]] = 1;
  const folded = new Int32Array(order.length);
  const done = new Uint8Array(n);
  let at = 0;
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i];
    const root = of.root[row];
    if (count[root] < 2) {
      folded[at] = row;
      at += 1;
      continue;
    }
    if (done[root]) continue;
    done[root] = 1;
    folded[at] = top[root];
    at += 1;
    if (!opened.has(root)) continue;
    for (const member of of.of(row)) {
      if (member !== top[root] && inView[member]) {
        folded[at] = member;
        at += 1;
      }
    }
  }
  return { order: folded.subarray(0, at), count };
}

export function setup(ws) {
  let on = stored(KEY) === '1';
  let known = null;
  let count = null;
  const opened = new Set();
  const all = () => {
    known ??= groups(ws.table);
    return known;
  };
  const foldView = (order) => {
    const made = fold(ws.table, all(), order, opened);
    count = made.count;
    return made.order;
  };

  ws.stacks = {
    get on() { return on; },
    /** How many frames in view stand behind a row; 0 where it stands alone or stacks are off. */
    badge(row) {
      if (!on || !count || row < 0) return 0;
      const size = count[all().root[row]];
      return size > 1 ? size : 0;
    },
    isOpen: (row) => on && opened.has(all().root[row]),
    /** All rows that share a row's keeper, the row itself among them. */
    members: (row) => all().of(row),
    rootOf: (row) => all().root[row],
    /** The row that stands on top of a row's stack, among those in view. */
    topInView: (row) => {
      const rows = [...all().of(row)].filter((member) => ws.view.mask[member]);
      return best(ws.table, all().root[row], rows);
    },
    best: (row) => best(ws.table, all().root[row], all().of(row)),
  };

  // The grid writes this on a cell: how many, and whether it is open.
  ws.badgeOf = (row) => {
    const size = ws.stacks.badge(row);
    if (!size) return '';
    if (!ws.stacks.isOpen(row)) return String(size);
    return ws.stacks.topInView(row) === row ? `▾ ${size}` : '↳';
  };

  function show(row) {
    ws.view.fold = on ? foldView : null;
    ws.refresh();
    let position = ws.view.positionOf(row);
    if (position < 0 && row >= 0) {
      for (const member of all().of(row)) position = Math.max(position, ws.view.positionOf(member));
    }
    if (position >= 0) ws.setCursor(position, { keep: true });
  }
  function setOn(wanted) {
    on = wanted;
    store(KEY, on ? '1' : '0');
    show(ws.row);
    ws.emit('stacks', { on });
  }
  function toggleStack() {
    const { row } = ws;
    if (row < 0) return;
    const root = all().root[row];
    if (all().size[root] < 2) {
      ws.toast(ws.ours('This frame stands alone: nothing repeats it'));
      return;
    }
    if (!on) {
      on = true;
      store(KEY, '1');
      opened.add(root);
      ws.emit('stacks', { on });
    } else if (opened.has(root)) opened.delete(root);
    else opened.add(root);
    show(row);
  }
  function toTop(chosen) {
    const { row } = ws;
    if (row < 0) return;
    const rows = all().of(row);
    if (rows.length < 2) {
      ws.toast(ws.ours('This frame stands alone: nothing repeats it'));
      return;
    }
    const top = chosen ?? best(ws.table, all().root[row], rows);
    const rest = rows.filter((member) => member !== top);
    ws.marks.apply('flag', -1, rest);
    ws.marks.apply('flag', 1, [top]);
    show(top);
    ws.toast(`${ws.table.nameOf(top)} is picked, ${ws.ours(frames(rest.length))} rejected. Undo takes it back in two steps.`);
  }
  const near = (step) => {
    const { view } = ws;
    const { root, size } = all();
    for (let at = ws.cursor + step; at >= 0 && at < view.count; at += step) {
      if (size[root[view.at(at)]] > 1 && root[view.at(at)] !== root[ws.row]) return ws.setCursor(at);
    }
    return ws.toast('No more stacks this way');
  };

  const group = 'Stacks';
  ws.addCommand('stack.toggle', { title: 'Open or close the stack', group, run: toggleStack });
  ws.addCommand('stack.best', { title: 'Pick the best of the stack, reject the rest', group, run: () => toTop() });
  ws.addCommand('stack.this', { title: 'Pick this frame of the stack, reject the rest', group, run: () => toTop(ws.row) });
  ws.addCommand('stack.next', { title: 'Next stack', group, run: () => near(1) });
  ws.addCommand('stack.previous', { title: 'Previous stack', group, run: () => near(-1) });
  ws.addCommand('stacks.toggle', { title: 'Show stacks as one frame, or every frame', group, run: () => setOn(!on) });
  ws.addCommand('stacks.open', {
    title: 'Open all stacks, or close them',
    group,
    run() {
      if (opened.size) opened.clear();
      else for (const row of ws.view.order) if (all().size[all().root[row]] > 1) opened.add(all().root[row]);
      if (on) show(ws.row);
      else setOn(true);
    },
  });
  ws.on('table', () => {
    known = null;
    opened.clear();
    if (on) show(ws.row);
  });
  ws.on('decision', ({ exact }) => {
    if (exact === false) return;
    known = null;
    if (on) show(ws.row);
  });
}
