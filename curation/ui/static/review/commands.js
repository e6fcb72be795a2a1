// What the workspace can do, by name. Keys, buttons and the help page call these.

import { Selection } from './selection.js';

/** Position of the next frame from `from` that passes a test, or -1; looks around the end once. */
function find(ws, from, step, test) {
  const { view } = ws;
  for (let i = 1; i <= view.count; i++) {
    const position = from + i * step;
    if (position < 0 || position >= view.count) return -1;
    if (test(view.order[position])) return position;
  }
  return -1;
}

function scene(ws, step) {
  const { table, view, cursor } = ws;
  const at = view.at(cursor);
  if (at < 0) return;
  const same = (row, other) => table.video[row] === table.video[other]
    && table.shot[row] === table.shot[other];
  let to = find(ws, cursor, step, (row) => !same(row, at));
  if (to < 0) { ws.toast(step > 0 ? 'This is the last scene.' : 'This is the first scene.'); return; }
  if (step < 0) {
    // Go to where that scene begins.
    const other = view.at(to);
    const before = find(ws, to, -1, (row) => !same(row, other));
    to = before < 0 ? 0 : before + 1;
  }
  ws.setCursor(to);
}

function addMoves(ws) {
  const columns = () => (ws.mode === 'grid' ? ws.grid.columns : 1);
  const page = () => (ws.mode === 'grid'
    ? Math.max(1, Math.floor(ws.grid.height / ws.grid.pitch)) * ws.grid.columns : 10);
  const moves = {
    left: ['Frame before', () => -1], right: ['Next frame', () => 1],
    up: ['Row above', () => -columns()], down: ['Row below', () => columns()],
    pageup: ['Page up', () => -page()], pagedown: ['Page down', () => page()],
    first: ['First frame', () => -Infinity], last: ['Last frame', () => Infinity],
  };
  for (const [name, [title, by]] of Object.entries(moves)) {
    const to = () => {
      const step = by();
      if (Math.abs(step) === Infinity) return step < 0 ? 0 : ws.view.count - 1;
      const target = ws.cursor + step;
      // Up from the first row or down from the last one stays in its column.
      if ((name === 'up' || name === 'down') && (target < 0 || target >= ws.view.count)) {
        return name === 'down' && Math.floor(ws.cursor / columns())
          < Math.floor((ws.view.count - 1) / columns()) ? ws.view.count - 1 : ws.cursor;
      }
      return target;
    };
    ws.addCommand(`go.${name}`, { title, group: 'Move', run: () => ws.setCursor(to()) });
    ws.addCommand(`extend.${name}`, {
      title: `Select to: ${title.toLowerCase()}`, group: 'Select',
      run: () => ws.setCursor(to(), { extend: true }),
    });
  }
  ws.addCommand('go.next-scene', { title: 'Next scene', group: 'Move', run: () => scene(ws, 1) });
  ws.addCommand('go.last-scene', { title: 'Scene before', group: 'Move', run: () => scene(ws, -1) });
  ws.addCommand('go.unmarked', {
    title: 'Next frame without a flag', group: 'Move',
    run: () => {
      let to = find(ws, ws.cursor, 1, (row) => ws.table.flag[row] === 0);
      if (to < 0) to = find(ws, -1, 1, (row) => ws.table.flag[row] === 0);
      if (to < 0) ws.toast(ws.ours('Every frame in view has a flag.')); else ws.setCursor(to);
    },
  });
}

function addMarks(ws) {
  const add = (name, title, kind, value, more) => ws.addCommand(name, {
    title, group: 'Mark', run: () => ws.mark(kind, value, more),
  });
  add('mark.pick', 'Pick', 'flag', 1);
  add('mark.reject', 'Reject', 'flag', -1);
  add('mark.clear', 'Clear the flag', 'flag', 0);
  const turn = { turn: true };
  add('mark.pick-turn', 'Pick, and stay (or go on, where marks stay)', 'flag', 1, turn);
  add('mark.reject-turn', 'Reject, and stay (or go on)', 'flag', -1, turn);
  add('mark.clear-turn', 'Clear the flag, and stay (or go on)', 'flag', 0, turn);
  add('mark.reject-toggle', 'Reject, or take that back', 'flag', -1, { toggle: true });
  add('mark.pick-toggle', 'Pick, or take that back', 'flag', 1, { toggle: true });
  add('mark.stars-0', 'No stars', 'stars', 0);
  for (let n = 1; n <= 5; n++) add(`mark.stars-${n}`, n === 1 ? '1 star' : `${n} stars`, 'stars', n);
  add('mark.label-0', 'No label', 'label', 0);
  for (let n = 1; n <= 5; n++) {
    ws.addCommand(`mark.label-${n}`, {
      get title() { return `Label ${ws.table?.lists.label[n] ?? n}`; }, group: 'Mark',
      run: () => ws.mark('label', n, { toggle: true }),
    });
  }
  ws.addCommand('undo', { title: 'Undo', group: 'Mark', run: () => ws.marks.undo() });
  ws.addCommand('redo', { title: 'Redo', group: 'Mark', run: () => ws.marks.redo() });
  ws.addCommand('advance.toggle', {
    title: 'Go on to the next frame after a mark, or stay', group: 'Mark',
    run: () => {
      ws.setSetting('advance', !ws.settings.advance);
      ws.toast(ws.ours(ws.settings.advance ? 'A mark goes on to the next frame.' : 'A mark stays on its frame.'));
    },
  });
}

function addLooks(ws) {
  const mode = (name, title) => ws.addCommand(`mode.${name}`, {
    title, group: 'Look', run: () => {
      if (!ws.modes.has(name)) return;
      ws.setMode(ws.mode === name && name !== 'grid' ? 'grid' : name);
      ws.focus();
    },
  });
  mode('grid', 'Grid');
  mode('loupe', 'Loupe');
  mode('compare', 'Compare');
  mode('survey', 'Survey of what is selected');
  mode('map', 'Map');
  ws.addCommand('back', {
    title: 'Back to the grid, or select nothing', group: 'Look',
    run: () => {
      if (ws.mode !== 'grid') ws.setMode('grid');
      else if (!ws.selection.empty) ws.select(new Selection());
      ws.focus();
    },
  });
  ws.addCommand('select.all', { title: 'Select all in view', group: 'Select', run: () => ws.selectAll() });
  ws.addCommand('select.none', { title: 'Select nothing', group: 'Select', run: () => ws.select(new Selection()) });
  ws.addCommand('select.toggle', {
    title: 'Select this frame, or let it go', group: 'Select',
    run: () => ws.select(ws.selection.toggled(ws.cursor)),
  });
  const side = (name, title) => ws.addCommand(`side.${name}`, {
    title, group: 'Look', run: () => ws.setSetting(name, !ws.settings[name]),
  });
  side('left', 'Filters, shown or hidden');
  side('right', 'Inspector, shown or hidden');
  ws.addCommand('side.both', {
    title: 'Both sides, shown or hidden', group: 'Look',
    run: () => {
      const to = !(ws.settings.left || ws.settings.right);
      ws.setSetting('left', to);
      ws.setSetting('right', to);
    },
  });
  ws.addCommand('info.toggle', {
    title: 'Line under each thumbnail, shown or hidden', group: 'Look',
    run: () => ws.setSetting('info', !ws.settings.info),
  });
  const size = (name, title, by) => ws.addCommand(name, {
    title, group: 'Look',
    run: () => ws.setSetting('cell', Math.max(96, Math.min(420, Math.round(ws.settings.cell * by)))),
  });
  size('cell.larger', 'Larger thumbnails', 1.2);
  size('cell.smaller', 'Smaller thumbnails', 1 / 1.2);
  ws.addCommand('filters.focus', {
    title: 'To the filters', group: 'Look',
    run: () => {
      ws.unfold('left', 'Filters');
      ws.sides.left.querySelector('input:not([disabled]), select, button')?.focus();
    },
  });
  ws.addCommand('fullscreen', {
    title: 'Full screen', group: 'Look',
    run: () => {
      const change = document.fullscreenElement
        ? document.exitFullscreen() : ws.root.requestFullscreen?.();
      change?.catch?.(() => ws.toast('This browser does not allow a full screen here.'));
    },
  });
  ws.addCommand('link.copy', {
    title: 'Copy the address of this view', group: 'Look',
    run: async () => {
      try {
        await navigator.clipboard.writeText(new URL(ws.link(), location.href).href);
        ws.toast('The address of this view is copied.');
      } catch { ws.toast(`This browser does not let a page copy: ${ws.link()}`); }
    },
  });
}

export function setup(ws) {
  addMoves(ws);
  addMarks(ws);
  addLooks(ws);
}
