// A histogram with two thumbs: how a measure is spread, and the part of it that is asked for.
import { el, ink, painted, sharp, short } from './parts.js';

export const BINS = 48;
export const NOWHERE = 255;

/** Lowest and highest known value of a column; the outer half percent is left to the edges. */
export function span(values) {
  const step = Math.max(1, Math.floor(values.length / 8192));
  const some = [];
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value < least) least = value;
    if (value > most) most = value;
    if (i % step === 0 && value === value) some.push(value);
  }
  if (least > most) return null;
  some.sort((a, b) => a - b);
  let low = some[Math.floor(some.length * 0.005)] ?? least;
  let high = some[Math.ceil(some.length * 0.995) - 1] ?? most;
  if (!(high > low)) [low, high] = [least, most];
  if (!(high > low)) high = low + 1;
  return { low, high, least, most };
}

/** Bin of every row, 0..BINS-1, NOWHERE where the value is unknown: uint8 x n. */
export function binned(values, { low, high }) {
  const bins = new Uint8Array(values.length);
  const scale = BINS / (high - low);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value !== value) bins[i] = NOWHERE;
    else {
      const at = (value - low) * scale;
      bins[i] = at < 0 ? 0 : at >= BINS ? BINS - 1 : at;
    }
  }
  return bins;
}

/** Rows per bin. */
export function spread(bins) {
  const counts = new Uint32Array(256);
  for (let i = 0; i < bins.length; i += 1) counts[bins[i]] += 1;
  return counts;
}

/**
 * Draw counts as bars into a canvas; bars outside [from, to] (bins as shares 0..1) are dim.
 * `behind` holds the counts of everything, drawn as a shade.
 */
export function bars(canvas, counts, behind, from, to) {
  const [context, width, height] = sharp(canvas, canvas.clientWidth, canvas.clientHeight);
  let [top, topBehind] = [1, 1];
  for (let i = 0; i < BINS; i += 1) {
    top = Math.max(top, counts[i]);
    topBehind = Math.max(topBehind, behind?.[i] ?? 0);
  }
  const wide = width / BINS;
  // A root keeps small bars visible beside one tall bar.
  const tall = (count, most) => (count ? Math.max(1.5, Math.sqrt(count / most) * (height - 2)) : 0);
  context.fillStyle = ink(canvas, '--rv-shade', '#2a3138');
  for (let i = 0; behind && i < BINS; i += 1) {
    const h = tall(behind[i], topBehind);
    context.fillRect(i * wide, height - h, wide - 0.5, h);
  }
  const [inside, outside] = [ink(canvas, '--rv-accent', '#2dd4bf'), ink(canvas, '--rv-faint', '#56626e')];
  for (let i = 0; i < BINS; i += 1) {
    const middle = (i + 0.5) / BINS;
    context.fillStyle = middle >= from && middle <= to ? inside : outside;
    const h = tall(counts[i], top);
    context.fillRect(i * wide, height - h, wide - 0.5, h);
  }
}

/** Steps that read well: a hundredth of the span, rounded to 1, 2 or 5 times a power of ten. */
export function niceStep(wide) {
  const raw = wide / 100;
  const ten = 10 ** Math.floor(Math.log10(raw));
  return (raw / ten >= 5 ? 5 : raw / ten >= 2 ? 2 : 1) * ten;
}

/**
 * A histogram with two thumbs.
 * changed(min, max) gets null for a thumb that stands at its end; done() comes when it is let go.
 */
export function rangeHistogram({ title, changed, done }) {
  const canvas = el('canvas', { class: 'rv-bars', 'aria-hidden': 'true' });
  const thumbs = ['Least', 'Most'].map((which, side) => el('button', {
    type: 'button',
    class: `rv-thumb ${side ? 'high' : 'low'}`,
    role: 'slider',
    'aria-label': `${which} ${title}`,
    onkeydown: (event) => keyed(event, side),
  }));
  const track = el('div', { class: 'rv-range' }, canvas, ...thumbs);
  let now = { low: 0, high: 1, from: null, to: null, counts: new Uint32Array(256), behind: null };

  const share = (value) => Math.min(1, Math.max(0, (value - now.low) / (now.high - now.low)));
  const ends = () => [now.from === null ? 0 : share(now.from), now.to === null ? 1 : share(now.to)];
  const draw = painted(() => {
    const [from, to] = ends();
    thumbs[0].style.left = `${from * 100}%`;
    thumbs[1].style.left = `${to * 100}%`;
    [now.from ?? now.low, now.to ?? now.high].forEach((value, side) => {
      const thumb = thumbs[side];
      thumb.setAttribute('aria-valuemin', now.low);
      thumb.setAttribute('aria-valuemax', now.high);
      thumb.setAttribute('aria-valuenow', value);
      thumb.setAttribute('aria-valuetext', short(value));
    });
    if (track.isConnected && canvas.clientWidth) bars(canvas, now.counts, now.behind, from, to);
  });

  function move(side, value, finished) {
    const step = niceStep(now.high - now.low);
    const other = side ? now.from ?? now.low : now.to ?? now.high;
    let set = Math.round(value / step) * step;
    set = side ? Math.max(other, set) : Math.min(other, set);
    set = Number(set.toPrecision(6));
    const atEnd = side ? set >= now.high : set <= now.low;
    now[side ? 'to' : 'from'] = atEnd ? null : set;
    draw();
    changed(now.from, now.to);
    if (finished) done?.();
  }

  function keyed(event, side) {
    const value = side ? now.to ?? now.high : now.from ?? now.low;
    const step = niceStep(now.high - now.low) * (event.shiftKey ? 10 : 1);
    const to = {
      ArrowLeft: value - step,
      ArrowDown: value - step,
      ArrowRight: value + step,
      ArrowUp: value + step,
      PageDown: value - 10 * step,
      PageUp: value + 10 * step,
      Home: now.low,
      End: now.high,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(side, to, true);
  }

  let held = -1;
  const valueAt = (event) => {
    const box = track.getBoundingClientRect();
    return now.low + ((event.clientX - box.left) / box.width) * (now.high - now.low);
  };
  track.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    const value = valueAt(event);
    const [from, to] = [now.from ?? now.low, now.to ?? now.high];
    held = thumbs.indexOf(event.target);
    if (held < 0) held = Math.abs(value - from) <= Math.abs(value - to) ? 0 : 1;
    track.setPointerCapture(event.pointerId);
    thumbs[held].focus({ preventScroll: true });
    event.preventDefault();
    if (event.target === canvas || event.target === track) move(held, value, false);
  });
  track.addEventListener('pointermove', (event) => held >= 0 && move(held, valueAt(event), false));
  const letGo = () => {
    if (held < 0) return;
    held = -1;
    done?.();
  };
  track.addEventListener('pointerup', letGo);
  track.addEventListener('pointercancel', letGo);
  track.addEventListener('dblclick', () => {
    now.from = null;
    now.to = null;
    draw();
    changed(null, null);
    done?.();
  });
  new ResizeObserver(draw).observe(track);

  return {
    el: track,
    /** Take new counts, ends or thumbs; what is left out stays. */
    set(given) {
      now = { ...now, ...given };
      draw();
    },
    get held() {
      return held >= 0;
    },
  };
}
