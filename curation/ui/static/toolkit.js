// A change of the Toolkit tab, large: before beside after; arrows go on, Escape closes. Without it
// the links still work.
const dialog = document.createElement('dialog');
dialog.className = 'both';
dialog.innerHTML = '<div class="pictures"></div><div class="caption"></div>'
  + '<nav><button type="button" data-step="-1">Previous</button>'
  + '<button type="button" data-step="1">Next</button>'
  + '<button type="button" data-step="0">Close</button></nav>';
const [pictures, caption, buttons] = dialog.children;
let current = null;

function show(figure) {
  current = figure;
  const shown = [...figure.querySelectorAll('a.open')].map((link) => {
    const place = document.createElement('figure');
    const image = document.createElement('img');
    const label = document.createElement('figcaption');
    image.src = link.href;
    image.alt = link.querySelector('img').alt;
    label.textContent = image.alt;
    place.append(image, label);
    return place;
  });
  pictures.replaceChildren(...shown);
  caption.replaceChildren(...figure.querySelector('figcaption').cloneNode(true).childNodes);
  if (!dialog.isConnected) document.body.append(dialog);
  if (!dialog.open) dialog.showModal();
}

function step(by) {
  if (by === 0) { dialog.close(); return; }
  const all = [...document.querySelectorAll('#toolkit-changes figure')]
    .filter((figure) => figure.querySelector('a.open'));
  const next = all[all.findIndex((figure) => figure.dataset.n === current.dataset.n) + by];
  if (next) show(next);
}

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('#toolkit-changes a.open');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.closest('figure'));
});
buttons.addEventListener('click', (event) => {
  const { step: by } = event.target.dataset;
  if (by !== undefined) step(Number(by));
});
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'ArrowRight') step(1);
  if (event.key === 'ArrowLeft') step(-1);
});
