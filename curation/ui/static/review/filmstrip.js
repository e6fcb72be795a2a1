// The filmstrip: the frames around the cursor, a few dozen cells whatever the number of frames.
import { letGo, showThumb, tint } from './images.js';
import { el, painted } from './parts.js';

const HEIGHT_PX = 64;
const GAP_PX = 4;

function filmstrip(ws, place) {
  const list = el('div', { class: 'rv-film', role: 'listbox', 'aria-label': 'Frames around this one' });
  place.append(list);
  const cells = [];
  let shift = 0;

  const draw = painted(() => {
    const width = place.clientWidth;
    if (!width || !ws.view || !place.offsetParent) return;
    const { view, table } = ws;
    const wide = Math.round(HEIGHT_PX * 1.5);
    const count = Math.ceil(width / (wide + GAP_PX)) + 2;
    while (cells.length < count) {
      const img = el('img', { alt: '', draggable: 'false', hidden: true, decoding: 'async' });
      const cell = el('div', { class: 'rv-still', role: 'option', style: `width:${wide}px;height:${HEIGHT_PX}px` }, img);
      cells.push({ cell, img, row: -1, position: -1 });
      list.append(cell);
    }
    for (const spare of cells.splice(count)) {
      letGo(spare.img);
      spare.cell.remove();
    }
    // Near an end the strip stays filled and the frame leaves its middle.
    const room = width / (wide + GAP_PX) / 2 - 0.5;
    const middle = Math.max(Math.min(ws.cursor + shift, view.count - 1 - room), Math.min(room, (view.count - 1) / 2));
    const first = Math.floor(middle - count / 2);
    for (let i = 0; i < count; i += 1) {
      const position = first + i;
      // A cell keeps its frame while the strip slides, so that no picture is asked for twice.
      const part = cells[((position % count) + count) % count];
      const row = position >= 0 && position < view.count ? view.at(position) : -1;
      part.position = position;
      part.cell.hidden = row < 0;
      if (part.row !== row) {
        letGo(part.img);
        part.row = row;
        if (row >= 0) {
          part.cell.style.background = tint(table.luma[row]);
          showThumb(part.img, table.thumbUrl(row));
          part.cell.setAttribute('aria-label', table.nameOf(row));
        }
      }
      if (row < 0) continue;
      const x = width / 2 - wide / 2 + (position - middle) * (wide + GAP_PX);
      part.cell.style.transform = `translateX(${x}px)`;
      part.cell.dataset.flag = table.flag[row];
      part.cell.dataset.label = table.label[row];
      part.cell.setAttribute('aria-selected', String(position === ws.cursor));
      const badge = ws.stacks?.badge(row);
      if (badge) part.cell.dataset.badge = badge;
      else delete part.cell.dataset.badge;
    }
  });

  list.addEventListener('pointerdown', (event) => {
    const cell = event.target.closest('.rv-still');
    const part = cells.find((one) => one.cell === cell);
    if (!part || part.row < 0 || event.button) return;
    event.preventDefault();
    shift = 0;
    ws.setCursor(part.position);
    ws.focus();
  });
  list.addEventListener('wheel', (event) => {
    event.preventDefault();
    const by = Math.sign(event.deltaY || event.deltaX) * 3;
    shift = Math.max(-ws.cursor, Math.min(shift + by, ws.view.count - 1 - ws.cursor));
    draw();
  }, { passive: false });
  new ResizeObserver(draw).observe(place);
  ws.on('cursor', () => {
    shift = 0;
    draw();
  });
  for (const event of ['view', 'marks', 'mode', 'decision']) ws.on(event, draw);
  draw();
}

export function setup(ws) {
  ws.on('slot', ({ name, el: place }) => name === 'filmstrip' && filmstrip(ws, place));
  if (ws.slots?.filmstrip) filmstrip(ws, ws.slots.filmstrip);
}
