// Small parts that the panels and modes are made of. Texts are set as text, never as HTML.

/** An element. `of` may hold class, text, title, type, role, aria-*, data-*, on<event>. */
export function el(tag, of = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(of)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') made.className = value;
    else if (name === 'text') made.textContent = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'style') made.style.cssText = value; // an attribute is what the policy forbids
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A button that never submits and gives the focus back to the workspace after a click. */
export function button(text, run, of = {}) {
  return el('button', { type: 'button', text, onclick: run, ...of });
}

/** A select; choices are [value, title] or {group, choices}. */
export function select(choices, value, changed, of = {}) {
  const made = el('select', of);
  const option = ([key, title]) => {
    const one = el('option', { value: key, text: title });
    if (String(key) === String(value)) one.selected = true;
    return one;
  };
  for (const choice of choices) {
    if (Array.isArray(choice)) made.append(option(choice));
    else made.append(el('optgroup', { label: choice.group }, ...choice.choices.map(option)));
  }
  made.addEventListener('change', () => changed(made.value));
  return made;
}

/** The same for long lists: until somebody turns to it, it holds the chosen one only. */
export function longSelect(choices, value, changed, of = {}) {
  const flat = choices.flatMap((choice) => (Array.isArray(choice) ? [choice] : choice.choices));
  const made = select(flat.filter(([key]) => String(key) === String(value)).slice(0, 1), value, changed, of);
  const fill = () => {
    if (made.dataset.full) return;
    made.dataset.full = '1';
    const now = made.value;
    made.replaceChildren(...select(choices, now, () => {}).childNodes);
  };
  made.addEventListener('pointerdown', fill);
  made.addEventListener('focus', fill);
  return made;
}

const gaps = new WeakMap();

/**
 * Put an element into the page, or keep only its place there: the page stays small without what is
 * rarely seen. Returns what stands in that place now, to be appended where it belongs.
 */
export function present(element, on) {
  if (!gaps.has(element)) gaps.set(element, document.createComment(''));
  const gap = gaps.get(element);
  const [now, before] = on ? [element, gap] : [gap, element];
  if (before.parentNode) before.replaceWith(now);
  return now;
}

/** A fold whose content is made when it opens and goes when it closes. */
export function fold(title, content, { open = false, kind = 'rv-part', toggled = null } = {}) {
  const made = el('details', { class: kind }, el('summary', {}, el('h3', { text: title })));
  const lay = () => {
    if (made.open && made.childElementCount === 1) made.append(content());
    else if (!made.open && made.childElementCount > 1) made.lastElementChild.remove();
  };
  made.open = open;
  lay();
  made.addEventListener('toggle', () => {
    lay();
    toggled?.(made.open);
  });
  return made;
}

/** Seconds as 0:07.25 or 1:02:03. */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) return '';
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h) return `${h}:${two(m)}:${two(s)}`;
  return `${m}:${two(s)}.${two(Math.floor((seconds - whole) * 100))}`;
}

/** A number short enough for a panel. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'unknown';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return grouped(value);
  if (size >= 1e6) return value.toExponential(2);
  if (size >= 1000) return grouped(Math.round(value));
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 1 ? value.toFixed(2) : value.toFixed(3);
}

const NUMBERS = new Intl.NumberFormat('en');

/** A count with its thousands apart. */
export function grouped(value) {
  return NUMBERS.format(value);
}

/** "1 frame" or "12 frames". */
export function frames(count) {
  return `${grouped(count)} ${count === 1 ? 'frame' : 'frames'}`;
}

/** Run a function after a rest of so many ms; the last call counts. */
export function settled(run, rest_ms) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), rest_ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Run a function at most once a paint; the last call counts. */
export function painted(run) {
  let due = 0;
  let last = [];
  return (...given) => {
    last = given;
    if (due) return;
    due = requestAnimationFrame(() => {
      due = 0;
      run(...last);
    });
  };
}

/** Size a canvas for the screen's pixels; returns [context, width, height] in CSS pixels. */
export function sharp(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

/** A colour of the theme by the name of its variable. */
export function ink(element, name, otherwise) {
  return getComputedStyle(element).getPropertyValue(name).trim() || otherwise;
}

/** Twelve colours that stay apart, also for most people who see colours differently. */
export const HUES = ['#4cc9b0', '#f2a541', '#7aa7ff', '#e4717a', '#b48ef0', '#9bcf53', '#e58ac6',
  '#5fc4e8', '#d9c84a', '#ff9068', '#8f9fb3', '#c9a27e'];

/** Colour of a share 0..1 on a ramp from dark blue over green to yellow, as [r, g, b]. */
export function ramp(share) {
  const stops = [[62, 52, 138], [45, 112, 142], [53, 175, 122], [172, 214, 58], [253, 231, 64]];
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const [low, part] = [Math.floor(at), at - Math.floor(at)];
  return stops[low].map((from, i) => Math.round(from + part * (stops[low + 1][i] - from)));
}

/** A name for the words of a code: "focus_s" reads "focus s". */
export function words(code) {
  return String(code).replaceAll('_', ' ');
}

/** A text that this browser keeps, or null. */
export function stored(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

/** Keep a text in this browser; a private window forgets it. */
export function store(key, text) {
  try { localStorage.setItem(key, text); } catch { /* it lasts until the page closes */ }
}
