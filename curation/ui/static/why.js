// Why a frame stands where it stands: fetched when a frame is looked at large, drawn beside it.
// Numbers and texts come from the server as JSON and are set as text, never as HTML.
const waits = { controller: null };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function line(row) {
  const made = element('li', row.passed === false ? 'bad' : '');
  made.append(element('b', '', row.name), element('span', '', row.text));
  return made;
}

function section(title, rows) {
  const made = element('section');
  made.append(element('h3', '', title));
  const list = element('ul');
  list.append(...rows.map(line));
  made.append(list);
  return made;
}

function partRow(part) {
  const made = element('li', 'part');
  const meter = element('i', 'meter');
  const fill = element('i');
  fill.style.width = `${Math.round(100 * Math.min(1, Math.max(0, part.value)))}%`;
  meter.append(fill);
  made.append(element('b', '', part.name), meter, element('span', '', part.text));
  return made;
}

function draw(panel, told) {
  panel.replaceChildren(element('h2', '', told.headline));
  if (told.parts.length) {
    const parts = element('section');
    parts.append(element('h3', '', 'Score'));
    const list = element('ul');
    list.append(...told.parts.map(partRow));
    parts.append(list);
    panel.append(parts);
  }
  const needs = told.verdict === 'picked' ? 'Closest to going' : 'What it would have needed';
  for (const [title, rows] of [[needs, told.needed],
    ['Frames beside it', told.rivals], ['Limits', told.gates]]) {
    if (rows.length) panel.append(section(title, rows));
  }
}

export function explain(panel, frame) {
  waits.controller?.abort();
  waits.controller = new AbortController();
  panel.replaceChildren(element('p', 'dim', 'Looking up why...'));
  fetch(`api/explain/${frame}`, { signal: waits.controller.signal })
    .then(async (answer) => {
      if (!answer.ok) throw new Error((await answer.json()).detail);
      draw(panel, await answer.json());
    })
    .catch((error) => {
      if (error.name !== 'AbortError') panel.replaceChildren(element('p', 'dim', error.message));
    });
}

export async function markFace(frame, isFalse) {
  const answer = await fetch(`api/faces/${frame}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ false: isFalse }),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail);
}
