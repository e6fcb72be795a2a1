// Puts the workspace together: mount(element) in the studio's tab and on the page /review.

import { setup as apply } from './apply.js';
import { setup as commands } from './commands.js';
import { watch } from './fresh.js';
import { setup as grid } from './grid.js';
import { setup as keys } from './keys.js';
import { setup as loupe } from './loupe.js';
import { el } from './parts.js';
import { setup as toolbar } from './toolbar.js';
import { createWorkspace } from './workspace.js';

const CORE = [keys, commands, grid, loupe, toolbar, apply];
const PARTS = [
  'views', 'thresholds', 'facets', 'inspector', 'filmstrip', 'compare', 'survey', 'stacks', 'overlay',
  'map', 'near', 'search', 'people', 'taste', 'cull', 'crops', 'help',
];

function style(name) {
  const href = new URL(name, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return null;
  return new Promise((done) => {
    const link = el('link', { rel: 'stylesheet', href });
    link.addEventListener('load', done);
    link.addEventListener('error', done);
    document.head.append(link);
  });
}

function tell(root, title, text, again) {
  const box = el('div', { class: 'rv-blank', role: 'alert' }, el('b', { text: title }), el('span', { text }));
  if (again) box.append(el('button', { type: 'button', class: 'rv-button', text: 'Try again', onclick: again }));
  root.replaceChildren(box);
}

/** Mount the workspace into an element; resolves with ws, or null when there is nothing to review. */
export async function mount(root, { base = '', focus = false, link = true, mode = '' } = {}) {
  const parts = Promise.allSettled(PARTS.map((name) => import(`./${name}.js`)));
  const place = el('div', {});
  const ws = createWorkspace(place, { base, link, mode });
  const bytes = ws.fetchTable();
  bytes.catch(() => {}); // told when it is waited for
  root.classList.add('rv-host');
  await Promise.all([style('review.css'), style('review_panels.css'), style('cull.css'), style('crops.css'), style('learn.css')]);
  root.replaceChildren(el('div', { class: 'rv-blank', role: 'status' }, el('span', { text: 'Reading the frames' })));
  for (const setup of CORE) setup(ws);
  (await parts).forEach((part, index) => {
    try {
      if (part.status === 'rejected') throw part.reason;
      part.value.setup(ws);
    } catch (error) {
      // One part that fails costs that part; frames can still be seen and marked.
      console.error(`The part ${PARTS[index]} of the workspace did not start:`, error);
    }
  });
  const again = () => { ws.destroy(); mount(root, { base, focus, link, mode }); };
  root.replaceChildren(place);
  try {
    await ws.load(bytes);
  } catch (error) {
    tell(root, 'The frames could not be read', error.message, again);
    return null;
  }
  if (ws.table.n === 0) {
    tell(root, 'No frames yet', 'Add a video under Ingest, extract its frames, then come back.', again);
    return null;
  }
  watch(ws, again);
  if (focus) ws.focus();
  return ws;
}
