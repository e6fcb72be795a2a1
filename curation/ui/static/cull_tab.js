// The desk of the Cull tab: the review workspace over the folder that was chosen, in cull mode.
// The page says which one by the hidden field; "" is none, and a number behind it makes it anew.
let shown = '';
let ws = null;

function tell(place, text) {
  const said = document.createElement('div');
  said.className = 'rv-blank';
  said.textContent = text;
  place.replaceChildren(said);
}

async function open(place, wanted) {
  shown = wanted;
  ws?.destroy();
  ws = null;
  if (!wanted) { tell(place, place.dataset.advice || ''); return; }
  const { base } = JSON.parse(wanted);
  const { mount } = await import(new URL('ui/review/main.js', document.baseURI).href);
  if (shown !== wanted) return;
  const made = await mount(place, { base, link: false, mode: 'cull', focus: true });
  if (shown === wanted) ws = made; else made?.destroy();
}

// What is in a tab that nobody looks at is neither fetched nor kept in step.
function look() {
  const place = document.getElementById('cull-place');
  if (!place || !place.getClientRects().length) return;
  const top = place.getBoundingClientRect().top + window.scrollY;
  place.style.height = `${Math.max(520, window.innerHeight - top - 8)}px`;
  const wanted = document.querySelector('#cull-shown textarea, #cull-shown input')?.value ?? '';
  if (wanted !== shown || !place.childElementCount) open(place, wanted);
}

setInterval(look, 400);
window.addEventListener('resize', look);
