// A frame at full size over the page: arrows go on, Escape closes. Without it the link still works.
const dialog = document.createElement('dialog');
dialog.className = 'lightbox';
dialog.innerHTML = '<img alt=""><div class="caption"></div>'
  + '<nav><button type="button" data-step="-1">Previous</button>'
  + '<button type="button" data-step="1">Next</button>'
  + '<button type="button" data-step="0">Close</button></nav>';
const [picture, caption, buttons] = dialog.children;
let current = null;

function show(figure) {
  current = figure;
  const link = figure.querySelector('a.open');
  picture.src = link.href;
  picture.alt = link.querySelector('img')?.alt ?? '';
  caption.replaceChildren(figure.querySelector('figcaption').cloneNode(true));
  if (!dialog.isConnected) document.body.append(dialog);
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  if (by === 0) { dialog.close(); return; }
  const all = [...document.querySelectorAll('#frames figure')].filter((f) => f.querySelector('a.open'));
  const next = all[all.findIndex((f) => f.dataset.frame === current.dataset.frame) + by];
  if (next) show(next);
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('#frames a.open');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.closest('figure'));
});
buttons.addEventListener('click', (event) => {
  const by = event.target.dataset.step;
  if (by !== undefined) step(Number(by));
});
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowRight') step(1);
  if (event.key === 'ArrowLeft') step(-1);
});
