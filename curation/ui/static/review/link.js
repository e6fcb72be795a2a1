// The view as words in the address: /review?pool=face&score=0.2..0.9&sort=-score&mode=loupe

const FLAGS = { pick: 1, none: 0, reject: -1 };
const OURS = new Set(['sort', 'frame', 'mode', 'tag', 'tab']);

function listOf(table, column) {
  return table.lists[column] ?? null;
}

function bound(text) {
  if (text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Read {where, sort, frame, mode} from a query string; words that mean nothing are left out. */
export function readLink(search, table, known) {
  const said = new URLSearchParams(search);
  const where = [];
  for (const [column, text] of said) {
    if (column === 'tag') { where.push({ tag: text }); continue; }
    if (OURS.has(column) || !known(column)) continue;
    const range = text.split('..');
    if (range.length === 2) {
      const clause = { column };
      const [min, max] = range.map(bound);
      if (min !== undefined) clause.min = min;
      if (max !== undefined) clause.max = max;
      if (clause.min !== undefined || clause.max !== undefined) where.push(clause);
      continue;
    }
    const words = listOf(table, column);
    const values = text.split(',').map((word) => {
      if (column === 'flag' && word in FLAGS) return FLAGS[word];
      if (column === 'video') {
        const byId = table.header.videos.findIndex((video) => String(video.id) === word);
        if (byId >= 0) return byId;
      }
      const at = words ? words.indexOf(word) : -1;
      return at >= 0 ? at : Number(word);
    }).filter((value) => Number.isInteger(value));
    if (values.length) where.push({ column, in: values });
  }
  const sort = (said.get('sort') ?? '').split(',').filter(Boolean)
    .map((word) => (word.startsWith('-') ? { column: word.slice(1), desc: true }
      : { column: word, desc: false }))
    .filter((key) => known(key.column));
  const frame = Number(said.get('frame'));
  return {
    where, sort, mode: said.get('mode') ?? '',
    frame: said.has('frame') && Number.isInteger(frame) ? frame : null,
  };
}

const short = (value) => (value === undefined ? '' : String(+value.toPrecision(6)));

/** Write a view as a query string without "?"; `keep` are pairs that stay as they are. */
export function writeLink(state, table, keep = []) {
  const said = new URLSearchParams(keep);
  for (const clause of state.where) {
    // A lasso or a likeness is of this page only.
    if (clause.local) continue;
    if (clause.tag !== undefined) said.append('tag', clause.tag);
    else if (clause.in) {
      const words = listOf(table, clause.column);
      const values = clause.in.map((value) => {
        if (clause.column === 'flag') return Object.keys(FLAGS).find((key) => FLAGS[key] === value);
        if (clause.column === 'video') return table.header.videos[value]?.id ?? value;
        return words?.[value] ?? value;
      });
      said.append(clause.column, values.join(','));
    } else said.append(clause.column, `${short(clause.min)}..${short(clause.max)}`);
  }
  const sort = state.sort.filter((key) => !key.local);
  if (sort.length) {
    said.set('sort', sort.map(({ column, desc }) => (desc ? '-' : '') + column).join(','));
  }
  if (state.frame !== null && state.frame !== undefined) said.set('frame', state.frame);
  if (state.mode && state.mode !== 'grid') said.set('mode', state.mode);
  return said.toString().replaceAll('%2C', ',');
}
