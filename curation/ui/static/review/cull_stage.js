// One group on the stage: the keeper beside one other picture, zoomed as one, and why they stand so.

import { KINDS } from './cull_groups.js';
import { factTable, STANDS } from './cull_parts.js';
import { Pane } from './pane.js';
import { el, short } from './parts.js';

const reasonOf = (told) => told?.reason || 'No reason is told.';

export class Stage {
  /** @param cull the mode: its group, its place in it, its groups */
  constructor(cull) {
    this.cull = cull;
    this.ws = cull.ws;
    this.zoomAt = null;
    this.panes = [0, 1].map((i) => new Pane({ label: i ? 'This picture' : 'Keeper', onzoom: (zoom) => this.follow(i, zoom) }));
    this.notes = this.panes.map(() => el('div', { class: 'cu-note' }));
    this.sides = this.panes.map((pane, i) => el('div', { class: 'cu-side' }, this.notes[i], pane.el));
    this.say = el('div', { class: 'cu-say' });
    this.why = el('aside', { class: 'cu-why', 'aria-label': 'Why' });
    for (const { el: box } of this.panes) box.addEventListener('dblclick', () => this.zoom());
  }

  get parts() { return [this.say, el('div', { class: 'cu-panes' }, ...this.sides)]; }

  draw() {
    const { group, groups, at } = this.cull;
    this.cull.strip.show(groups, group, at);
    if (!group) return;
    const alone = at === 0;
    this.sides[1].hidden = alone;
    this.pane(0, 0);
    if (!alone) this.pane(1, at);
    for (const pane of this.panes) pane.setZoom(this.zoomAt);
    this.drawSay();
    this.drawWhy();
  }

  async pane(i, at) {
    const { ws, ws: { table }, cull: { group, groups } } = this;
    const row = group.rows[at];
    const pane = this.panes[i];
    const stands = groups.stands(group, at);
    this.sides[i].dataset.stands = stands;
    const told = groups.told.get(row);
    const stars = '★'.repeat(table.stars[row]);
    this.notes[i].replaceChildren(el('b', { text: groups.nameOf(row) }),
      el('span', { class: `cu-flag ${stands}`, text: `${STANDS[stands]}${groups.byHand(group, at) ? '' : ', proposed'}` }),
      el('span', { class: 'stars', text: stars }), el('span', { class: 'rv-space' }),
      el('span', { class: 'dim', text: told ? `${told.width} × ${told.height}` : '' }));
    if (pane.about?.row === row) return;
    const about = { row, size: { width: table.width[row], height: table.height[row] }, label: groups.nameOf(row) };
    const ready = ws.frames.ready(row);
    if (ready && !ready.isConnected) { pane.show(ready, about); return; }
    pane.wait(table.thumbUrl(row), about);
    try {
      const image = await ws.frames.load(row);
      if (pane.about?.row === row) pane.show(image, about);
    } catch {
      if (pane.about?.row === row) pane.fail(told && !told.there ? 'This file was moved away.' : 'This picture cannot be shown. Its file may be gone.');
    }
  }

  drawSay() {
    const { group, groups } = this.cull;
    const stands = Array.from(group.rows, (_, i) => groups.stands(group, i));
    const many = (what) => stands.filter((one) => one === what).length;
    const chip = (text, kind = '', title = '') => el('span', { class: `cu-chip ${kind}`, text, title });
    const { margin } = group;
    const ahead = margin === Infinity || (groups.photos && !margin) ? ''
      : groups.photos ? `ahead of the second by ${(100 * margin).toFixed(0)} %` : `score ahead by ${short(margin)}`;
    this.say.replaceChildren(
      el('b', { text: KINDS[group.kind] ?? group.kind }), chip(`${group.rows.length} pictures`),
      chip(`${many('keep')} keep`, 'keep'), many('reject') ? chip(`${many('reject')} out`, 'reject') : '',
      many('tie') ? chip(`${many('tie')} too near to call`, 'tie', 'Within noise: accepting keeps them') : '',
      ahead ? chip(ahead) : '', group.diameter === null ? '' : chip(`spread ${short(group.diameter)}`, '', 'Largest distance of two pictures in this group'),
      group.chained ? chip('touches other groups', 'tie', 'Some of these are like pictures of other groups, which are not like this keeper') : '',
      group.dense ? chip('dense', 'tie', 'More pictures than were measured against each other') : '',
      group.apart ? chip('no duplicates', 'keep') : '', groups.decided(group) && !group.apart ? chip('decided', 'keep') : '');
  }

  drawWhy() {
    const { group, groups, at } = this.cull;
    const [keeper, row] = [group.rows[0], group.rows[at]];
    const told = groups.told.get(row);
    const first = groups.told.get(keeper);
    const kept = group.verdict[0] === 'keep';
    const beside = (one) => (one?.facts?.with?.length ? el('p', { text: `Goes and stays with ${one.facts.with.join(', ')}.` }) : '');
    this.why.replaceChildren(el('h3', { text: kept ? 'Why this one is the keeper' : 'The best of them, and yet out' }), el('p', { text: first ? reasonOf(first) : '' }),
      at ? el('h3', { text: `${STANDS[group.verdict[at]]} is proposed for this one` }) : '',
      at ? el('p', { class: group.verdict[at], text: told ? reasonOf(told) : '' }) : '',
      first ? factTable(first, at ? told : null) : '', beside(at ? told : first));
  }

  zoom() {
    this.zoomAt = this.zoomAt ? null : { scale: 1 / (window.devicePixelRatio || 1), x: 0.5, y: 0.5 };
    for (const pane of this.panes) pane.setZoom(this.zoomAt);
  }

  follow(from, zoom) {
    this.zoomAt = zoom;
    this.panes[1 - from].setZoom(zoom);
  }
}
