// A picture in a box: fitted, or enlarged and moved about. Panes can be tied together.

import { el } from './parts.js';
import { isSmall } from './sharper.js';

const MOST_SCALE = 8;
const WHEEL = 1.0015;

/**
 * `zoom` is {scale, x, y}: screen pixels per picture pixel, and the picture point (0..1) in the
 * middle; null fits the picture into the box. `onzoom(zoom)` is called when a hand moved it, so that
 * another pane can follow by setZoom(zoom).
 */
export class Pane {
  constructor({ label = 'Frame', onzoom = null } = {}) {
    this.onzoom = onzoom;
    this.sharper = null;
    this.zoom = null;
    this.size = { width: 1, height: 1 };
    this.about = null;
    this.holder = el('div', { class: 'rv-picture' });
    this.note = el('div', { class: 'rv-note', hidden: true });
    this.el = el('div', { class: 'rv-pane', role: 'img', 'aria-label': label }, this.holder, this.note);
    this.thumb = el('img', { class: 'soft', alt: '', draggable: 'false' });
    this._watch = new ResizeObserver(() => this._lay());
    this._watch.observe(this.el);
    this._hands();
  }

  get zoomed() { return this.zoom !== null; }

  /** Show a decoded img. `about` is {row, size: {width, height}, label}. */
  show(image, about) {
    this.about = about;
    const width = isSmall(image, about.size) ? 0 : image.naturalWidth;
    this.size = width ? { width, height: image.naturalHeight } : about.size;
    this._put(image, about.label);
    this.sharper?.shown(image, about);
  }

  /** Show the thumbnail in the place of a frame that is on its way. */
  wait(url, about) {
    this.sharper?.drop();
    this.about = about;
    this.size = about.size;
    this.thumb.src = url;
    this._put(this.thumb, about.label);
  }

  fail(text) { this.note.textContent = text; this.note.hidden = false; }

  clear(text = '') {
    this.sharper?.drop();
    this.about = null;
    this.holder.replaceChildren();
    this.fail(text);
    this.note.hidden = !text;
  }

  _put(image, label) {
    this.note.hidden = true;
    const over = [...this.holder.children].filter((child) => child.dataset.overlay !== undefined);
    this.holder.replaceChildren(image, ...over);
    this.el.setAttribute('aria-label', label ?? '');
    this._lay();
  }

  /** One picture pixel on one screen pixel, or fitted; `at` is {x, y} in the box. */
  toggle(at = null) {
    if (this.zoom) this._moved(null);
    else {
      const point = at ? this._pointAt(at.x, at.y) : this.lastPoint ?? { x: 0.5, y: 0.5 };
      this._moved({ scale: 1 / (window.devicePixelRatio || 1), ...point });
    }
  }

  setZoom(zoom) {
    this.zoom = zoom && { ...zoom };
    this._lay();
    if (zoom) this.sharper?.full();
  }

  _moved(zoom) {
    if (this.zoom) this.lastPoint = { x: this.zoom.x, y: this.zoom.y };
    this.setZoom(zoom);
    this.onzoom?.(zoom);
  }

  get _fit() {
    const { clientWidth, clientHeight } = this.el;
    return Math.min(clientWidth / this.size.width, clientHeight / this.size.height);
  }

  _lay() {
    const { clientWidth, clientHeight } = this.el;
    if (!clientWidth) return;
    const scale = this.zoom ? this.zoom.scale : this._fit;
    const width = this.size.width * scale;
    const height = this.size.height * scale;
    const place = (extent, room, point) => {
      if (extent <= room || !this.zoom) return (room - extent) / 2;
      return Math.min(0, Math.max(room - extent, room / 2 - point * extent));
    };
    const x = place(width, clientWidth, this.zoom?.x ?? 0.5);
    const y = place(height, clientHeight, this.zoom?.y ?? 0.5);
    this.box = { x, y, width, height };
    const { style } = this.holder;
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.transform = `translate(${x}px,${y}px)`;
    this.el.classList.toggle('zoomed', this.zoomed);
    this.el.classList.toggle('sharp', scale * (window.devicePixelRatio || 1) >= 2);
  }

  _pointAt(x, y) {
    return { x: clamp((x - this.box.x) / this.box.width), y: clamp((y - this.box.y) / this.box.height) };
  }

  _scaleAt(scale, x, y) {
    const fit = this._fit;
    const to = Math.min(MOST_SCALE, scale);
    if (to <= fit) { this._moved(null); return; }
    const point = this._pointAt(x, y);
    const { clientWidth, clientHeight } = this.el;
    // The point under the hand stays under it.
    this._moved({
      scale: to,
      x: clamp(point.x + (clientWidth / 2 - x) / (this.size.width * to)),
      y: clamp(point.y + (clientHeight / 2 - y) / (this.size.height * to)),
    });
  }

  _hands() {
    const at = (event) => {
      const box = this.el.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.el.addEventListener('wheel', (event) => {
      if (!this.box || !this.about) return;
      event.preventDefault();
      const scale = this.zoom?.scale ?? this._fit;
      this._scaleAt(scale * WHEEL ** -event.deltaY, ...at(event));
    }, { passive: false });
    const down = new Map();
    let spread = 0;
    const apart = () => {
      const [a, b] = [...down.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };
    this.el.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || event.target.closest('button, a')) return;
      down.set(event.pointerId, at(event));
      if (down.size === 2) spread = apart();
      if (this.zoomed || down.size === 2) this.el.setPointerCapture(event.pointerId);
    });
    this.el.addEventListener('pointermove', (event) => {
      const from = down.get(event.pointerId);
      if (!from || !this.box) return;
      const to = at(event);
      down.set(event.pointerId, to);
      if (down.size === 2) {
        const now = apart();
        const [a, b] = [...down.values()];
        if (spread) {
          this._scaleAt((this.zoom?.scale ?? this._fit) * (now / spread), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        }
        spread = now;
      } else if (this.zoom) {
        this._moved({
          scale: this.zoom.scale,
          x: clamp(this.zoom.x - (to[0] - from[0]) / this.box.width),
          y: clamp(this.zoom.y - (to[1] - from[1]) / this.box.height),
        });
      }
    });
    const gone = (event) => { down.delete(event.pointerId); spread = 0; };
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      this.el.addEventListener(name, gone);
    }
  }

  destroy() { this._watch.disconnect(); }
}

function clamp(value) { return Math.min(1, Math.max(0, value)); }
