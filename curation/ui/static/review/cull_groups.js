// Groups that culling decides about: of the last culling run, or the stacks that rank made.
import { groups as stacksOf } from './stacks.js';

const VERDICTS = { k: 'keep', r: 'reject', t: 'tie' };
const BY_DECISION = { picked: 'keep', rejected: 'reject' };

/** What people read for the kinds of groups. */
export const KINDS = {
  exact: 'same file', near: 'near duplicates', embedding: 'look alike', features: 'same scene',
  burst: 'burst', stack: 'repeats',
};

/** The same where there is little room. */
export const SHORT = { exact: 'same', near: 'alike', embedding: 'alike', features: 'scene', burst: 'burst', stack: 'repeats' };

/** How far a picture is from its keeper, in words; distances of hashes are bits. */
export function farText(group, i) {
  const far = group.distance[i];
  if (i === 0) return 'keeper';
  if (far === null || far === undefined) return '';
  if (group.kind === 'embedding' || group.kind === 'features') return `${far.toFixed(3)} away`;
  return far === 0 ? 'same look' : `${far} ${far === 1 ? 'bit' : 'bits'}`;
}

/** Which groups are listed; `test` takes (group, groups). */
export const SHOWN = {
  open: ['To decide', (group, all) => !all.decided(group)],
  all: ['All groups', () => true],
  tie: ['With a tie', (group) => group.verdict.includes('tie')],
  done: ['Decided', (group, all) => all.decided(group) && !group.apart],
  apart: ['No duplicates', (group) => group.apart],
};
export const ORDERS = {
  place: ['In order', null],
  large: ['Largest first', (group) => -group.rows.length],
  close: ['Closest call first', (group) => group.margin],
  sure: ['Clearest first', (group) => -group.margin],
};

export class Groups {
  constructor(ws) {
    this.ws = ws;
    this.list = [];
    this.photos = false;
    this.folder = null;
    this.run = null;
    this.told = new Map();
    this.asking = new Map();
  }

  /** Read the groups anew; false when there are none. */
  async load() {
    const said = await this.ws.ask('api/cull');
    this.folder = said.folder;
    this.run = said.run;
    this.revision = said.revision;
    this.photos = said.groups !== null;
    this.list = (this.photos ? said.groups.map((one) => this._ofRun(one)) : this._ofStacks())
      .filter((group) => group.rows.length > 1);
    this.list.sort((a, b) => a.first - b.first);
    this.of = new Int32Array(this.ws.table.n).fill(-1);
    this.list.forEach((group, at) => {
      group.at = at;
      for (const row of group.rows) this.of[row] = at;
    });
    this.told.clear();
    return this.list.length > 0;
  }

  _ofRun(one) {
    const { table } = this.ws;
    const here = one.frames.map((id) => table.rowOf(id));
    const keep = here.map((row) => row >= 0);
    const part = (values) => values.filter((_, i) => keep[i]);
    // The keeper's margin is that to the second; a tie with it has none worth telling.
    const lead = one.verdicts[1] === 't' ? 0 : one.margins[0];
    return {
      kind: one.kind, rows: Int32Array.from(part(here)), apart: one.apart, diameter: one.diameter,
      verdict: part([...one.verdicts]).map((letter) => VERDICTS[letter] ?? 'tie'),
      distance: part(one.distances), chained: one.chained, dense: one.dense,
      margin: lead ?? Infinity,
      first: here.reduce((low, row) => (row >= 0 && row < low ? row : low), Infinity),
    };
  }

  // Rank's stacks: what it decided about each frame is the proposal.
  _ofStacks() {
    const { table } = this.ws;
    const { of, size } = stacksOf(table);
    const found = [];
    for (let root = 0; root < table.n; root += 1) {
      if (size[root] < 2) continue;
      const rest = [...of(root)].filter((row) => row !== root)
        .sort((a, b) => (table.score[b] || 0) - (table.score[a] || 0) || a - b);
      const rows = Int32Array.of(root, ...rest);
      const lead = rest.length ? table.score[root] - table.score[rest[0]] : NaN;
      found.push({
        kind: 'stack', rows, apart: false, diameter: null, chained: false, dense: false,
        verdict: Array.from(rows, (row) => BY_DECISION[table.lists.verdict[table.verdict[row]]] ?? 'tie'),
        distance: Array.from(rows, () => null), margin: Number.isFinite(lead) ? lead : Infinity,
        first: Math.min(...rows),
      });
    }
    return found;
  }

  /** keep, reject or tie: what a person said of the i-th picture, else what is proposed. */
  stands(group, i) {
    const flag = this.ws.table.flag[group.rows[i]];
    return flag > 0 ? 'keep' : flag < 0 ? 'reject' : group.verdict[i];
  }

  byHand(group, i) { return this.ws.table.flag[group.rows[i]] !== 0; }

  /** Whether a person has said of every picture what becomes of it. */
  decided(group) {
    return group.apart || group.rows.every((row) => this.ws.table.flag[row] !== 0);
  }

  /** {groups, decided, out, kept, ties}: how far culling is; out and kept count flags. */
  progress() {
    const sum = { groups: this.list.length, decided: 0, out: 0, kept: 0, ties: 0 };
    const { flag } = this.ws.table;
    for (const group of this.list) {
      sum.decided += +this.decided(group);
      for (const row of group.rows) {
        if (flag[row] < 0) sum.out += 1;
        else if (flag[row] > 0) sum.kept += 1;
      }
      sum.ties += +group.verdict.includes('tie');
    }
    return sum;
  }

  /** Groups to list: of a kind of state, with a picture that the filters let through, in an order. */
  shown(what, order, keep = null) {
    const { mask } = this.ws.view;
    const test = (SHOWN[what] ?? SHOWN.all)[1];
    const found = this.list.filter((group) => group === keep
      || (test(group, this) && group.rows.some((row) => mask[row])));
    const by = (ORDERS[order] ?? ORDERS.place)[1];
    return by ? found.sort((a, b) => by(a) - by(b) || a.first - b.first) : found;
  }

  /** The marks that accepting a group's proposal makes: [[kind, value, rows], ...]. */
  proposal(group) {
    const rows = { keep: [], reject: [], tie: [] };
    group.rows.forEach((row, i) => {
      if (!this.byHand(group, i)) rows[group.verdict[i]].push(row);
    });
    // What a machine cannot tell apart stays.
    return [['flag', -1, rows.reject], ['flag', 1, [...rows.keep, ...rows.tie]]];
  }

  /** What is known of the pictures of a group, by row; asked for once. */
  async facts(group) {
    const { table } = this.ws;
    const missing = [...group.rows].filter((row) => !this.told.has(row)).slice(0, 900);
    if (missing.length) {
      const asked = this.asking.get(group.at) ?? this.ws.ask('api/cull/members', 'POST', {
        frames: missing.map((row) => table.frameId[row]),
      }).then((told) => {
        for (const row of missing) this.told.set(row, told[table.frameId[row]] ?? null);
      }).finally(() => this.asking.delete(group.at));
      this.asking.set(group.at, asked);
      await asked;
    }
    return this.told;
  }

  /** A photo's file; a frame of a video by its video and time. */
  nameOf(row) {
    const { table } = this.ws;
    const isFile = table.header.videos[table.video[row]]?.kind === 'pictures';
    return (isFile && this.told.get(row)?.name) || table.nameOf(row);
  }

  /** Say that no two pictures of a group are duplicates, or take that back. */
  async setApart(group, apart) {
    const frames = Array.from(group.rows, (row) => this.ws.table.frameId[row]);
    await this.ws.ask('api/cull/apart', 'POST', { frames: frames.slice(0, 900), apart });
    group.apart = apart;
  }
}
