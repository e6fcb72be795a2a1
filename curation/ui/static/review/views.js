// Views by name: some that everybody needs, and those that people save.
import { button, el } from './parts.js';

const TITLES = {
  'Studio picks': 'What the ranking picked, best first',
  'Unseen picks': 'What the ranking picked and nobody has marked',
  'To review': 'What the studio was not sure about',
};

/** Views that come with the studio; the words are those of the table's lists. */
function builtIn({ table, ours }) {
  const at = (list, word) => table.lists[list].indexOf(word);
  const verdict = (word) => ({ column: 'verdict', in: [at('verdict', word)] });
  const made = [[ours('All frames'), [], []]];
  if (at('verdict', 'picked') >= 0) {
    made.push(['Studio picks', [verdict('picked')], [{ column: 'score', desc: true }]]);
    made.push(['Unseen picks', [verdict('picked'), { column: 'flag', in: [0] }], [{ column: 'score', desc: true }]]);
  }
  if (at('verdict', 'review') >= 0) made.push(['To review', [verdict('review')], []]);
  made.push(['My picks', [{ column: 'flag', in: [1] }], []]);
  made.push(['My rejects', [{ column: 'flag', in: [-1] }], []]);
  return made.map(([name, where, sort]) => ({ name, where, sort, title: TITLES[name] ?? '' }));
}

/** A view as it is saved: only what another page can understand, lists by their words. */
export function packed(table, { where, sort, mode }) {
  const clauses = where.filter((one) => !one.local).map(({ column, min, max, in: values, tag }) => {
    if (tag !== undefined) return { tag };
    if (!values) return { column, min, max };
    const words = table.lists[column];
    // Lists may grow between two visits: words last, their numbers do not.
    if (!words || column === 'label') return { column, in: values };
    return column === 'video' ? { column, videos: values.map((i) => table.header.videos[i]?.id) }
      : { column, words: values.map((i) => words[i]) };
  });
  return { where: clauses, sort: sort.filter((one) => !one.local), mode };
}

/** Clauses of a saved view for this table; what it does not know is left out. */
export function unpacked(table, saved, knows) {
  const where = (saved.where ?? []).flatMap((clause) => {
    if (clause.tag !== undefined) return [{ tag: String(clause.tag) }];
    const { column, words, videos } = clause;
    if (!knows(column)) return [];
    let values = clause.in;
    if (words) values = words.map((word) => table.lists[column].indexOf(word));
    if (videos) values = videos.map((id) => table.header.videos.findIndex((one) => one.id === id));
    if (values) {
      values = values.filter((value) => words || videos ? value >= 0 : Number.isInteger(value));
      return values.length ? [{ column, in: values }] : [];
    }
    const made = { column };
    if (Number.isFinite(clause.min)) made.min = clause.min;
    if (Number.isFinite(clause.max)) made.max = clause.max;
    return [made];
  });
  const sort = (saved.sort ?? []).filter((one) => knows(one.column)).map(({ column, desc }) => ({ column, desc: Boolean(desc) }));
  return { where, sort, mode: saved.mode };
}

const same = (one, two) => JSON.stringify(one) === JSON.stringify(two);

export function setup(ws) {
  let saved = {};
  const list = el('ul', { class: 'rv-views' });
  const name = el('input', { type: 'text', placeholder: 'Save this view as…', 'aria-label': 'Name of the view', maxlength: 80 });
  const add = button('Save', () => save(), { class: 'rv-button' });
  const row = el('div', { class: 'rv-row' }, name, add);

  async function show({ where, sort, mode }) {
    await ws.setView({ where, sort });
    if (mode && ws.modes.has(mode)) ws.setMode(mode);
    ws.focus();
  }
  function draw() {
    if (!ws.table) return;
    const now = packed(ws.table, { where: ws.view.where, sort: ws.view.sort });
    const item = (title, view, stored) => {
      const open = button(title, () => show(stored ? unpacked(ws.table, view, (one) => ws.knows(one)) : view), {
      class: 'rv-view', title: view.title || title });
      const mine = stored ? view : packed(ws.table, view);
      const on = !ws.view.where.some((one) => one.local) && same(now.where, mine.where) && (same(now.sort, mine.sort) || !stored);
      open.setAttribute('aria-pressed', on);
      const remove = stored ? button('×', () => drop(title), {
        class: 'rv-icon small', 'aria-label': `Delete the view ${title}`, title: 'Delete this view' }) : null;
      return el('li', {}, open, remove);
    };
    list.replaceChildren(...builtIn(ws).map((view) => item(view.name, view, false)),
      ...Object.entries(saved).map(([title, view]) => item(title, view, true)));
  }
  async function load() {
    try {
      saved = await ws.ask('api/review/views');
    } catch (error) {
      ws.toast(`The saved views could not be read: ${error.message}`);
    }
    draw();
  }
  async function save() {
    const title = name.value.trim();
    if (!title) {
      name.focus();
      return;
    }
    const view = packed(ws.table, { where: ws.view.where, sort: ws.view.sort, mode: ws.mode });
    const known = title in saved;
    try {
      await ws.ask(`api/review/views/${encodeURIComponent(title)}`, 'PUT', view);
    } catch (error) {
      ws.toast(`The view was not saved: ${error.message}`);
      return;
    }
    saved = { ...saved, [title]: view };
    name.value = '';
    draw();
    ws.toast(known ? `The view ${title} was replaced` : `Saved as ${title}`);
    ws.focus();
  }
  async function drop(title) {
    const gone = saved[title];
    try {
      await ws.ask(`api/review/views/${encodeURIComponent(title)}`, 'DELETE');
    } catch (error) {
      ws.toast(`The view was not deleted: ${error.message}`);
      return;
    }
    delete saved[title];
    draw();
    name.value = title;
    ws.toast(`Deleted the view ${title}${gone ? '; its name is in the field, should it come back' : ''}`);
  }
  name.addEventListener('keydown', (event) => {
    event.stopPropagation();
    if (event.key === 'Enter') save();
    else if (event.key === 'Escape') ws.focus();
  });
  ws.addCommand('view.save', {
    title: 'Save this view',
    group: 'Find',
    run() {
      ws.unfold('left', 'Views');
      name.focus();
    },
  });
  ws.addPanel('left', {
    title: 'Views',
    mount(place) {
      place.append(list, row);
    },
    update({ name: event }) {
      if (event === 'table') load();
      else if (event === 'view' || event === 'mode') draw();
    },
  });
}
