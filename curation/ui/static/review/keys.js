// Keys: which combination runs which command. Presets, and what a person changed of them.

import { read, write } from './marks.js';

const KEY = 'curation-review:keys';

// Of one mode alone, and before all others there: "cull:w" is W in cull mode.
const IN_MODE = {
  'cull:enter': 'cull.accept', 'cull:w': 'cull.winner', 'cull:k': 'cull.keep', 'cull:n': 'cull.apart',
  'cull:space': 'cull.zoom', 'cull:z': 'cull.zoom', 'cull:j': 'go.down',
  'cull:ctrl+enter': 'cull.apply', 'cull:ctrl+shift+enter': 'cull.accept-all', 'cull:ctrl+backspace': 'cull.put-back',
  'crop:enter': 'crop.accept', 'crop:x': 'crop.refuse', 'crop:r': 'crop.next', 'crop:shift+r': 'crop.previous',
  'crop:backspace': 'crop.forget',
};

const COMMON = {
  arrowleft: 'go.left', arrowright: 'go.right', arrowup: 'go.up', arrowdown: 'go.down',
  home: 'go.first', end: 'go.last', pageup: 'go.pageup', pagedown: 'go.pagedown',
  'shift+arrowleft': 'extend.left', 'shift+arrowright': 'extend.right',
  'shift+arrowup': 'extend.up', 'shift+arrowdown': 'extend.down',
  'shift+home': 'extend.first', 'shift+end': 'extend.last',
  'shift+pageup': 'extend.pageup', 'shift+pagedown': 'extend.pagedown',
  'ctrl+a': 'select.all', 'ctrl+d': 'select.none', 'ctrl+space': 'select.toggle',
  'ctrl+z': 'undo', 'ctrl+shift+z': 'redo', 'ctrl+y': 'redo',
  space: 'mode.loupe', enter: 'mode.loupe', escape: 'back', g: 'mode.grid', e: 'mode.loupe',
  c: 'mode.compare', v: 'mode.survey', m: 'mode.map', z: 'zoom.toggle',
  s: 'stack.toggle', b: 'stack.best', n: 'go.unmarked', '[': 'go.last-scene', ']': 'go.next-scene',
  a: 'advance.toggle', i: 'side.right', o: 'overlay.toggle', k: 'clip.play',
  l: 'near.appearance', j: 'info.toggle', f: 'fullscreen', '/': 'filters.focus', '?': 'help',
  '+': 'cell.larger', '=': 'cell.larger', '-': 'cell.smaller', '\\': 'side.both', t: 'tag.edit',
  'shift+p': 'mark.pick-turn', 'shift+x': 'mark.reject-turn', 'shift+u': 'mark.clear-turn',
  'shift+n': 'note.edit', ',': 'stack.previous', '.': 'stack.next', 'shift+s': 'stacks.toggle',
  'shift+b': 'stack.this', w: 'compare.next', 'shift+w': 'compare.previous', q: 'compare.promote',
  'shift+c': 'compare.count', h: 'compare.faces', y: 'compare.tie', d: 'survey.drop',
  'shift+v': 'survey.win', 'shift+k': 'go.rival', 'shift+l': 'near.face', 'alt+l': 'near.pose',
  'shift+m': 'map.sight', 'shift+a': 'taste.next', 'shift+o': 'people.only', 'alt+x': 'people.not', 'ctrl+s': 'view.save', 'ctrl+enter': 'limits.keep', 'shift+g': 'mode.cull', 'shift+r': 'mode.crop',
  ...IN_MODE,
};

const stars = (prefix) => Object.fromEntries(
  [0, 1, 2, 3, 4, 5].map((n) => [`${prefix}${n}`, `mark.stars-${n}`]),
);

export const PRESETS = {
  lightroom: {
    ...COMMON, ...stars(''),
    p: 'mark.pick', x: 'mark.reject', u: 'mark.clear', r: 'mark.reject',
    6: 'mark.label-1', 7: 'mark.label-2', 8: 'mark.label-3', 9: 'mark.label-4',
  },
  darktable: {
    ...COMMON, ...stars(''),
    p: 'mark.pick', r: 'mark.reject-toggle', x: 'mark.reject-toggle', u: 'mark.clear',
    f1: 'mark.label-1', f2: 'mark.label-2', f3: 'mark.label-3', f4: 'mark.label-4',
    6: 'mark.label-1', 7: 'mark.label-2', 8: 'mark.label-3', 9: 'mark.label-4',
  },
  photomechanic: {
    ...COMMON, ...stars('alt+'),
    t: 'mark.pick-toggle', p: 'mark.pick', x: 'mark.reject', u: 'mark.clear', 'shift+t': 'tag.edit',
    0: 'mark.label-0', 1: 'mark.label-1', 2: 'mark.label-2', 3: 'mark.label-3',
    4: 'mark.label-4', 5: 'mark.label-5',
  },
};
export const PRESET_TITLES = {
  lightroom: 'Lightroom', darktable: 'darktable', photomechanic: 'Photo Mechanic',
};

const NAMES = {
  ' ': 'space', arrowleft: '←', arrowright: '→', arrowup: '↑', arrowdown: '↓',
  pageup: 'Page up', pagedown: 'Page down', escape: 'Esc', space: 'Space',
};
const TYPES = new Set(['text', 'search', 'number', 'email', 'url', 'password', 'date', 'time']);
const WIDGET_KEYS = new Set([
  'space', 'enter', 'arrowleft', 'arrowright', 'arrowup', 'arrowdown', 'home', 'end', 'pageup',
  'pagedown',
]);

/** A key press as a word: "p", "ctrl+shift+z", "shift+arrowleft", "?". */
export function comboOf(event) {
  let key = event.key === ' ' ? 'space' : event.key.toLowerCase();
  // A layout that has its digits on Shift still means the digit.
  if (!/^\d$/.test(key) && /^Digit\d$/.test(event.code ?? '') && !event.shiftKey) {
    key = event.code.slice(5);
  }
  const printed = key.length === 1 && !/[a-z0-9]/.test(key);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('ctrl');
  if (event.altKey) parts.push('alt');
  if (event.shiftKey && !printed) parts.push('shift');
  parts.push(key);
  return parts.join('+');
}

/** A combination as a person reads it: "Ctrl + Shift + Z". */
export function comboText(said) {
  const combo = said.replace(/^[a-z]+:(?=.)/, '');
  const parts = combo === '+' ? ['+'] : combo.endsWith('++') ? [...combo.slice(0, -2).split('+'), '+']
    : combo.split('+');
  return parts.map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase()
    : part[0].toUpperCase() + part.slice(1))).join(' + ');
}

function ignored(event, combo) {
  const { target } = event;
  if (event.isComposing || target.closest?.('dialog, [role="dialog"], [data-keys="own"]')) return true;
  if (target.isContentEditable || target.tagName === 'TEXTAREA') return true;
  if (target.tagName === 'SELECT') return true;
  if (target.tagName === 'INPUT' && TYPES.has(target.type)) return true;
  const widget = target.closest?.('input, button, a[href], summary, [role="slider"], [role="tab"]');
  return !!widget && WIDGET_KEYS.has(combo.replace('shift+', ''));
}

/** The key map of a workspace: ws.keys. */
export class Keys {
  constructor(ws) {
    this.ws = ws;
    this.changes = parsed(read(KEY));
    this._build();
    ws.root.addEventListener('keydown', (event) => this._pressed(event));
    ws.on('setting', ({ name }) => { if (name === 'preset') this._build(); });
  }

  get preset() { return this.ws.settings.preset in PRESETS ? this.ws.settings.preset : 'lightroom'; }

  setPreset(name) { this.ws.setSetting('preset', name); }

  /** Combinations that run a command. */
  of(command) { return [...this.map].filter(([, name]) => name === command).map(([combo]) => combo); }

  /** The first of them as text, or ""; in a mode, one that does something else there is none. */
  textOf(command, mode = '') {
    const [first] = this.of(command).filter((combo) => !mode || combo.startsWith(`${mode}:`)
      || !this.map.has(`${mode}:${combo}`));
    return first ? comboText(first) : '';
  }

  /** Give a combination to a command; null frees it. A command of one mode has it there alone. */
  bind(combo, command) {
    const { mode } = this.ws.commands.get(command) ?? {};
    this.changes[mode && !combo.startsWith(`${mode}:`) ? `${mode}:${combo}` : combo] = command;
    this._save();
  }

  /** Forget all changes. */
  reset() { this.changes = {}; this._save(); }

  /** Whether anything differs from the preset. */
  get changed() { return Object.keys(this.changes).length > 0; }

  _save() {
    write(KEY, JSON.stringify(this.changes));
    this._build();
    this.ws.emit('keys');
  }

  _build() {
    this.map = new Map(Object.entries({ ...PRESETS[this.preset], ...this.changes })
      .filter(([, command]) => command));
  }

  _pressed(event) {
    if (event.defaultPrevented) return;
    const combo = comboOf(event);
    if (ignored(event, combo)) return;
    const command = this.map.get(`${this.ws.mode}:${combo}`) ?? this.map.get(combo);
    if (!command || !this.ws.table || !this.ws.commands.has(command)) return;
    event.preventDefault();
    event.stopPropagation();
    this.ws.run(command);
  }
}

function parsed(text) {
  try { return JSON.parse(text) ?? {}; } catch { return {}; }
}

export function setup(ws) { ws.keys = new Keys(ws); }
