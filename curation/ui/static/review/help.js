// All keys by group, and how to change them.
import { PRESETS, PRESET_TITLES, comboOf, comboText } from './keys.js';
import { button, el, select } from './parts.js';

const ORDER = ['Mark', 'Move', 'Select', 'Look', 'Cull', 'Compare', 'Stacks', 'Find', 'Limits'];
const ALONE = new Set(['shift', 'control', 'alt', 'meta', 'altgraph', 'capslock', 'dead', 'process', 'tab']);
const HANDS = [
  ['Click, Shift + click, Ctrl + click', 'Go to it, select to it, add it'],
  ['Double click or tap', 'Loupe; in the loupe, pixel by pixel'],
  ['Wheel over a picture', 'Zoom to the pointer; drag to move'],
  ['Alt + click on a filter', 'Only this value'],
  ['Double click on a histogram', 'The whole range again'],
  ['Swipe in the loupe', 'Right picks, left rejects, up and down go on'],
];

function keyCaps(combo) {
  const cap = el('kbd', {});
  cap.textContent = comboText(combo);
  return cap;
}

export function setup(ws) {
  let dialog = null;
  let catching = null;

  function row(name, command) {
    const { keys } = ws;
    const caps = el('span', { class: 'caps' }, ...keys.of(name).map((combo) => {
      const cap = button('', () => {
        keys.bind(combo, null);
        draw();
      }, { class: 'cap', title: 'Take this key away', 'aria-label': `Take ${comboText(combo)} from ${command.title}` });
      cap.append(keyCaps(combo));
      return cap;
    }));
    const catchingThis = catching === name;
    const change = button(catchingThis ? 'Press a key…' : '+', () => {
      catching = catchingThis ? null : name;
      draw();
      dialog.querySelector('[data-catching]')?.focus();
    }, { class: `add ${catchingThis ? 'on' : ''}`, 'aria-label': catchingThis ? 'Press the new key, Escape to stop' : `Give ${command.title} a key`,
      'data-catching': catchingThis || undefined, title: 'Give it a key' });
    return el('li', { 'data-words': `${command.title} ${name}`.toLowerCase() }, el('span', { text: command.title }), caps, change);
  }

  function draw() {
    const { keys, settings } = ws;
    // The keys of the mode that one comes from stand first.
    const first = ORDER.filter((group) => group.toLowerCase() === ws.mode);
    const groups = new Map([...first, ...ORDER].map((group) => [group, []]));
    for (const [name, command] of ws.commands) {
      const group = command.group ?? 'Look';
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(row(name, command));
    }
    const preset = select(Object.keys(PRESETS).map((name) => [name, PRESET_TITLES[name] ?? name]), settings.preset, (name) => {
      keys.setPreset(name);
      draw();
    }, { 'aria-label': 'Keys as in' });
    const back = button('Put my changes back', () => {
      keys.reset();
      draw();
    }, { class: 'rv-button', disabled: !keys.changed });
    const find = el('input', { type: 'search', placeholder: 'Find a command', 'aria-label': 'Find a command', oninput: () => sift(find.value) });
    const close = button('Close', () => dialog.close(), { class: 'rv-button primary' });
    const kept = dialog.querySelector('.groups')?.scrollTop ?? 0;
    const words = dialog.querySelector('input[type=search]')?.value ?? '';
    const body = el('div', { class: 'groups', tabindex: 0, 'aria-label': 'Keys by group', role: 'region' },
      el('div', { class: 'columns' }, ...[...groups].filter(([, rows]) => rows.length).map(([group, rows]) => el('section', {}, el('h3', { text: group }), el('ul', {}, ...rows))),
      el('section', {}, el('h3', { text: 'Mouse, pen and touch' }), el('dl', {}, ...HANDS.flatMap(([hand, does]) => [el('dt', { text: hand }), el('dd', { text: does })])))));
    dialog.replaceChildren(el('header', {}, el('h2', { text: 'Keys' }), el('label', {}, el('span', { text: 'As in' }), preset), find, back, close), body);
    find.value = words;
    sift(words);
    body.scrollTop = kept;
  }
  function sift(text) {
    const wanted = text.trim().toLowerCase();
    for (const item of dialog.querySelectorAll('li[data-words]')) item.hidden = !item.dataset.words.includes(wanted);
    for (const part of dialog.querySelectorAll('section')) {
      part.hidden = Boolean(wanted) && !part.querySelector('li[data-words]:not([hidden])');
    }
  }
  function caught(event) {
    if (!catching) return;
    const key = event.key.toLowerCase();
    event.preventDefault();
    event.stopPropagation();
    if (ALONE.has(key)) return;
    const name = catching;
    catching = null;
    if (key !== 'escape') {
      const combo = comboOf(event);
      const before = ws.keys.map.get(combo);
      ws.keys.bind(combo, name);
      const other = before && before !== name ? ws.commands.get(before)?.title : '';
      ws.toast(other ? `${comboText(combo)} was taken from “${other}”` : `${comboText(combo)} is set`);
    }
    draw();
  }
  function open() {
    if (!dialog) {
      dialog = el('dialog', { class: 'rv-help', 'aria-label': 'Keys' });
      dialog.addEventListener('keydown', caught, true);
      dialog.addEventListener('cancel', (event) => catching && event.preventDefault());
      dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
      dialog.addEventListener('close', () => {
        catching = null;
        ws.focus();
      });
      ws.root.append(dialog);
    }
    draw();
    dialog.showModal();
  }
  ws.addCommand('help', { title: 'Keys and help', group: 'Look', run: () => (dialog?.open ? dialog.close() : open()) });
}
