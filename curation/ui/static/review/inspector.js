// All about one frame: its picture with what was found in it, why it stands where it stands, its
// measures, the seconds around it, its note and tags, and who marked it when.
import { contained, paint } from './overlay.js';
import { button, clock, el, fold, frames, settled, sharp, short, store, stored, words } from './parts.js';

const REST_MS = 110;
const GROUPS_KEY = 'curation-review:open-measures';
const UNITS = { px: ' px', degrees: '°', s: ' s' };

/** A list of [name, text] lines; a line may be marked bad or carry a meter 0..1. */
function facts(rows) {
  return el('dl', { class: 'rv-facts' }, ...rows.flatMap(({ name, text, bad, meter, title }) => {
    const value = el('dd', { class: bad ? 'bad' : '', title });
    if (meter !== undefined) {
      value.append(el('i', { class: 'rv-meter', 'aria-hidden': 'true' },
        el('i', { style: `width:${Math.round(100 * Math.min(1, Math.max(0, meter)))}%` })));
    }
    value.append(el('span', { text }));
    return [el('dt', { text: name }), value];
  }));
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

function section(title, ...children) {
  return el('section', { class: 'rv-part' }, el('h3', { text: title }), ...children);
}

/** The picture with its boxes. */
function picture(ws) {
  const img = el('img', { alt: '', decoding: 'async', draggable: 'false' });
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const frame = el('div', { class: 'rv-shot' }, img, canvas);
  let boxes = [];
  let row = -1;
  const draw = () => {
    const [width, height] = [frame.clientWidth, frame.clientHeight];
    if (!width || row < 0) return;
    const [context] = sharp(canvas, width, height);
    paint(context, boxes, contained(ws.table.width[row] || 16, ws.table.height[row] || 9, width, height));
  };
  new ResizeObserver(draw).observe(frame);
  return {
    el: frame,
    draw,
    show(next) {
      row = next;
      boxes = [];
      frame.style.aspectRatio = `${ws.table.width[row] || 16} / ${ws.table.height[row] || 9}`;
      img.src = ws.table.thumbUrl(row);
      draw();
    },
    /** Put up the large picture and what was found in it. */
    fill(look) {
      boxes = look.boxes ?? [];
      img.src = ws.table.frameUrl(row);
      draw();
    },
  };
}

/** A small clip of the source that plays in place. */
function clip(ws) {
  const video = el('video', { muted: true, loop: true, playsinline: true, controls: true, preload: 'none', hidden: true,
    'aria-label': 'The seconds around this frame' });
  const note = el('p', { class: 'rv-said', role: 'status', hidden: true });
  const play = button('Play the seconds around it', () => start(), { class: 'rv-button wide' });
  let row = -1;
  function stop() {
    video.pause();
    video.hidden = true;
    if (video.hasAttribute('src')) {
      video.removeAttribute('src');
      video.load();
    }
    play.hidden = false;
    note.hidden = true;
  }
  async function start() {
    if (row < 0) return;
    if (!video.hidden) {
      if (video.paused) video.play();
      else video.pause();
      return;
    }
    const mine = row;
    note.textContent = 'Cutting the clip…';
    note.hidden = false;
    play.disabled = true;
    try {
      // Asked for once by hand, so that a refusal can be told in words.
      const address = ws.url(`clip/${ws.table.frameId[row]}`);
      const answer = await fetch(address, { headers: { range: 'bytes=0-0' } });
      if (!answer.ok) {
        const told = await answer.json().catch(() => ({}));
        throw new Error(told.detail ?? `the studio answered ${answer.status}`);
      }
      if (mine !== row) return;
      video.muted = true;
      video.src = address;
      video.hidden = false;
      play.hidden = true;
      note.hidden = true;
      await video.play();
    } catch (error) {
      if (mine === row && error.name !== 'AbortError') {
        note.textContent = `No clip: ${error.message}`;
        note.hidden = false;
        play.hidden = false;
        video.hidden = true;
      }
    } finally {
      play.disabled = false;
    }
  }
  return {
    el: el('div', { class: 'rv-clip' }, play, video, note),
    start,
    show(next) {
      row = next;
      stop();
      const kind = ws.table.header.videos[ws.table.video[row]]?.kind;
      play.hidden = kind === 'pictures';
    },
  };
}

/** Note and tags, edited in place; the note is kept when the field is left. */
function writtenWords(ws) {
  const note = el('textarea', { rows: 2, placeholder: 'A note on this frame', 'aria-label': 'Note', maxlength: 2000 });
  const tags = el('div', { class: 'rv-tags' });
  const adder = el('input', { type: 'text', placeholder: 'Add a tag', 'aria-label': 'Add a tag', maxlength: 60, list: 'rv-known-tags' });
  const known = el('datalist', { id: 'rv-known-tags' });
  let row = -1;
  let had = '';
  let has = [];
  const seen = new Set();
  const targets = () => {
    const rows = ws.targetRows();
    return rows.includes(row) ? rows : Int32Array.of(row);
  };
  function keepNote() {
    const text = note.value.trim();
    if (row < 0 || text === had) return;
    had = text;
    ws.marks.apply('note', text, [row]);
    ws.looks.forget(row);
  }
  function drawTags() {
    tags.replaceChildren(...has.map((tag) => el('span', { class: 'rv-tag' },
      button(tag, () => ws.setWhere([...ws.view.where.filter((one) => one.tag !== tag), { tag }]), {
        class: 'name', title: ws.ours('Show the frames with this tag'), 'aria-label': `${ws.ours('Show the frames tagged')} ${tag}` }),
      button('×', () => {
        has = has.filter((one) => one !== tag);
        ws.marks.apply('untag', tag, [row]);
        ws.looks.forget(row);
        drawTags();
      }, { 'aria-label': `Take the tag ${tag} off` }))));
    for (const tag of [...has, ...Object.keys(ws.tags ?? {})]) seen.add(tag);
    known.replaceChildren(...[...seen].sort().map((tag) => el('option', { value: tag })));
  }
  function addTag() {
    const tag = adder.value.trim();
    adder.value = '';
    if (!tag || row < 0) return;
    const rows = targets();
    ws.marks.apply('tag', tag, rows);
    for (const one of rows) ws.looks.forget(one);
    if (!has.includes(tag)) has.push(tag);
    if (rows.length > 1) ws.toast(`${ws.ours(frames(rows.length))} tagged ${tag}`);
    drawTags();
  }
  note.addEventListener('blur', keepNote);
  for (const field of [note, adder]) {
    field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Escape' || (field === note && event.key === 'Enter' && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        keepNote();
        ws.focus();
      }
      if (field === adder && event.key === 'Enter') {
        event.preventDefault();
        addTag();
      }
    });
  }
  return {
    el: section('Note and tags', note, tags, adder, known),
    note,
    adder,
    show(next) {
      keepNote();
      row = next;
      had = '';
      has = [];
      note.value = '';
      drawTags();
    },
    fill(look) {
      if (document.activeElement !== note) {
        had = look.note ?? '';
        note.value = had;
      }
      has = [...(look.tags ?? [])];
      drawTags();
    },
  };
}

export function setup(ws) {
  const shot = picture(ws);
  const film = clip(ws);
  const written = writtenWords(ws);
  const head = el('div', { class: 'rv-head' });
  const why = el('div', { class: 'rv-why' });
  const numbers = el('div', { class: 'rv-numbers' });
  const past = el('div', { class: 'rv-past' });
  const host = el('div', { class: 'rv-inspector' }, shot.el, head, film.el, why, written.el, numbers, past);
  let shown = -1;
  let turn = 0;

  function goTo(frameId) {
    const row = ws.table.rowOf(frameId);
    const position = ws.view.positionOf(row);
    if (position >= 0) ws.setCursor(position);
    else ws.toast(ws.ours(row < 0 ? 'That frame has no picture here' : 'That frame is outside this view; clear a filter to see it'));
  }
  function heading(row) {
    const { table } = ws;
    const reason = table.header.reasons[table.reason[row]];
    const verdict = words(table.lists.verdict[table.verdict[row]] ?? '');
    const rank = table.rank[row] ? `, rank ${table.rank[row]}` : '';
    head.replaceChildren(...[
      el('h3', { text: table.nameOf(row), title: ws.ours(`frame ${table.frameId[row]}`) }),
      el('p', {}, el('span', { class: `rv-chip ${verdict}`, text: verdict || 'not decided' }),
        el('span', { text: `${words(table.lists.pool[table.pool[row]] ?? '')}${rank}` })),
      reason && verdict !== 'picked' ? el('p', { class: 'dim', text: [reason.text ?? reason.code, reason.fix].filter(Boolean).map(sentence).join(' ') }) : null,
    ].filter(Boolean));
  }
  function rivalCard(rival) {
    const row = ws.table.rowOf(rival.frame_id);
    const card = button('', () => goTo(rival.frame_id), { class: 'rv-rival', title: ws.ours('Go to that frame') });
    const place = rival.rank ? `rank ${rival.rank}` : 'not picked';
    const score = rival.score === null ? '' : `, score ${rival.score.toFixed(3)}`;
    card.append(row >= 0 ? el('img', { src: ws.table.thumbUrl(row), alt: '' }) : el('i', {}),
      el('span', {}, el('b', { text: rival.name }), el('span', { text: `${rival.where}, ${place}${score}` }),
        rival.why ? el('span', { class: 'why', text: rival.why }) : null));
    return card;
  }
  // Every limit that applies is a long list: it opens by itself only where one fails.
  function limitsPart(gates) {
    const failed = gates.filter((gate) => gate.bad).length;
    return fold(failed ? `Limits, ${failed} failed` : `Limits, all ${gates.length} passed`, () => facts(gates),
      { open: failed > 0, kind: 'rv-part rv-gates' });
  }
  function explained(told) {
    const parts = told.parts.map((part) => ({ name: words(part.name), meter: part.value, title: part.text,
      text: `${part.value.toFixed(2)} × ${part.weight.toFixed(2)} = ${part.contribution.toFixed(3)}` }));
    const gates = told.gates.map((gate) => ({ name: words(gate.name), text: gate.text, bad: gate.passed === false }));
    const needs = told.verdict === 'picked' ? 'Closest to going' : 'What it would have needed';
    why.replaceChildren(
      el('p', { class: 'rv-line', text: told.headline }),
      ...(parts.length ? [section(`Score ${told.score?.toFixed(3) ?? ''}`, facts(parts))] : []),
      ...(told.rivals.length ? [section(ws.ours('Frames beside it'), ...told.rivals.map(rivalCard))] : []),
      ...(told.needed.length ? [section(needs, facts(told.needed.map((row) => ({ ...row, name: words(row.name) }))))] : []),
      ...(gates.length ? [limitsPart(gates)] : []),
    );
  }
  const openGroups = new Set((stored(GROUPS_KEY) ?? '').split('\n').filter(Boolean));
  function measured(look) {
    const titles = ws.measures;
    const groups = new Map();
    for (const [name, value] of Object.entries(look.measures ?? {})) {
      // Hashes and sets of bits are numbers that tell a person nothing.
      if (value === null || Math.abs(value) > 1e8) continue;
      const of = titles.get(name);
      const group = of?.group || 'Measures';
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push({ name: of?.title || words(name), title: name,
        text: typeof value === 'number' ? `${short(value)}${UNITS[of?.unit] ?? ''}` : String(value) });
    }
    const ofVideo = ws.table.header.videos[ws.table.video[shown]]?.kind !== 'pictures';
    const source = [
      { name: 'File', text: look.file ?? look.video ?? '' },
      { name: 'Time', text: ofVideo && Number.isFinite(look.time_s) ? clock(look.time_s) : '' },
      { name: 'Size', text: look.width ? `${look.width} × ${look.height}` : '' },
      { name: 'PTS', text: look.pts === null || look.pts === undefined ? '' : String(look.pts) },
      { name: ws.ours('Frame'), text: String(ws.table.frameId[shown]) },
    ].filter((row) => row.text);
    numbers.replaceChildren(section('Source', facts(source)), ...[...groups].map(([title, rows]) => (
      fold(title, () => facts(rows), {
        open: openGroups.has(title),
        toggled(open) {
          if (open) openGroups.add(title); else openGroups.delete(title);
          store(GROUPS_KEY, [...openGroups].join('\n'));
        },
      }))));
    const log = (look.history ?? []).map((op) => el('li', { text: historyLine(op) }));
    past.replaceChildren(...(log.length ? [section('Marked', el('ul', { class: 'rv-log' }, ...log))] : []));
  }
  function historyLine(op) {
    const when = op.marked_s ?? op.when_s ?? op.at_s;
    const date = when ? new Date(when * 1000).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' }) : '';
    const value = op.kind === 'flag' ? { 1: 'pick', 0: 'clear', '-1': 'reject' }[op.value] ?? op.value : op.value;
    return [`${op.kind} ${value ?? ''}`.trim(), op.who ? `by ${op.who}` : '', op.undone ? '(undone)' : '', date].filter(Boolean).join(' · ');
  }

  let asking = null;
  const fetchAll = settled(async (row) => {
    turn += 1;
    const mine = turn;
    try {
      const look = await ws.looks.of(row);
      if (mine !== turn || shown !== row) return;
      shot.fill(look);
      written.fill(look);
      measured(look);
    } catch (error) {
      if (mine === turn) numbers.replaceChildren(el('p', { class: 'rv-said', text: `Nothing is known about it: ${error.message}` }));
    }
    asking = new AbortController();
    try {
      const told = await ws.ask(`api/explain/${ws.table.frameId[row]}`, 'GET', undefined, asking.signal);
      if (mine === turn && shown === row) explained(told);
    } catch (error) {
      if (mine === turn && error.name !== 'AbortError') why.replaceChildren(el('p', { class: 'rv-said', text: error.message }));
    }
  }, REST_MS);

  function show(row, again = false) {
    if (!host.clientWidth || (row === shown && !again)) return;
    shown = row;
    // A browser has six lines to a server: answers that nobody waits for must not hold up pictures.
    asking?.abort();
    host.classList.toggle('none', row < 0);
    if (row < 0) return;
    heading(row);
    if (!again) {
      shot.show(row);
      film.show(row);
      written.show(row);
      why.replaceChildren();
    }
    fetchAll(row);
  }
  const current = () => (ws.view && ws.view.count ? ws.row : -1);

  ws.addCommand('clip.play', { title: 'Play the seconds around the frame', group: 'Look', run: () => film.start() });
  ws.addCommand('note.edit', { title: 'Write a note', group: 'Mark', run: () => written.note.focus() });
  ws.addCommand('tag.edit', { title: 'Add a tag', group: 'Mark', run: () => written.adder.focus() });
  ws.addCommand('go.rival', {
    title: 'Go to the frame that took its place',
    group: 'Look',
    run() {
      const row = current();
      const other = row < 0 ? -1 : Math.max(ws.table.keeper[row], ws.table.rival?.[row] ?? -1);
      if (other < 0) ws.toast(ws.ours('No frame took its place'));
      else goTo(ws.table.frameId[other]);
    },
  });
  ws.addPanel('right', {
    title: 'Inspector',
    mount(place) {
      place.append(host);
      new ResizeObserver(() => show(current())).observe(host);
    },
    update({ name, data }) {
      if (name === 'table' || name === 'cursor' || name === 'view') show(current());
      else if (name === 'decision' && data.exact !== false) show(shown, true);
      else if (name === 'marks' && data.kind === 'others') {
        ws.looks.clear();
        show(shown, true);
      }
    },
  });
}
