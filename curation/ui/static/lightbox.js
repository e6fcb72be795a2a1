// A frame at full size over the page, and why it stands where it stands: arrows go on, Escape
// closes, R and F say that its face is real or false. Without it the link still works.
import { explain, markFace } from './why.js';
import './again.js';
import './tabs.js';

const dialog = document.createElement('dialog');
dialog.className = 'lightbox';
dialog.innerHTML = '<img alt=""><div class="aside"><div class="caption"></div>'
  + '<div class="why" aria-live="polite"></div></div>'
  + '<nav><button type="button" data-step="-1">Previous</button>'
  + '<button type="button" data-step="1">Next</button>'
  + '<button type="button" data-mark="real" title="R">Real face</button>'
  + '<button type="button" data-mark="false" title="F">False face</button>'
  + '<button type="button" data-mark="none">Clear mark</button>'
  + '<button type="button" data-step="0">Close</button>'
  + '<span class="said" role="status"></span></nav>';
const [picture, aside, buttons] = dialog.children;
const [caption, why] = aside.children;
const said = buttons.querySelector('.said');
const MARKS = { real: false, false: true, none: null };
const TOLD = { real: 'Marked as a real face.', false: 'Marked as a false face.', none: 'No mark.' };
let current = null;

function show(figure) {
  current = figure;
  const link = figure.querySelector('a.open');
  picture.src = link.href;
  picture.alt = link.querySelector('img')?.alt ?? '';
  caption.replaceChildren(figure.querySelector('figcaption').cloneNode(true));
  said.textContent = '';
  if (!dialog.isConnected) document.body.append(dialog);
  if (!dialog.open) dialog.showModal();
  explain(why, figure.dataset.frame);
}

function step(by) {
  if (by === 0) { dialog.close(); return; }
  const all = [...document.querySelectorAll('#frames figure')].filter((f) => f.querySelector('a.open'));
  const next = all[all.findIndex((f) => f.dataset.frame === current.dataset.frame) + by];
  if (next) show(next);
}

async function mark(kind) {
  const { frame } = current.dataset;
  try {
    await markFace(frame, MARKS[kind]);
    said.textContent = `${TOLD[kind]} Score & rank applies it to all faces like this one.`;
    if (current.dataset.frame === frame) explain(why, frame);
  } catch (error) {
    said.textContent = error.message;
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('#frames a.open');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.closest('figure'));
});
buttons.addEventListener('click', (event) => {
  const { step: by, mark: kind } = event.target.dataset;
  if (by !== undefined) step(Number(by));
  if (kind !== undefined) mark(kind);
});
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'ArrowRight') step(1);
  if (event.key === 'ArrowLeft') step(-1);
  if (event.key === 'r') mark('real');
  if (event.key === 'f') mark('false');
});
