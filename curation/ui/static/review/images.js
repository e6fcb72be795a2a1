// Pictures: loaded when looked at, let go when scrolled past, decoded before they are shown.

const KEPT = 9;

/** Frames that are decoded and ready to be put on the screen, the newest few of them. */
export class Frames {
  constructor(ws) {
    this.ws = ws;
    this._kept = new Map();
  }

  /** The decoded picture of a row, or null when it is not ready. */
  ready(row) {
    const entry = this._kept.get(row);
    return entry?.done ? entry.image : null;
  }

  /** Fetch and decode; resolves with an img element, rejects when there is no picture. */
  load(row) {
    const known = this._kept.get(row);
    if (known) {
      this._kept.delete(row);
      this._kept.set(row, known);
      return known.promise;
    }
    const image = new Image();
    image.decoding = 'async';
    image.alt = '';
    image.draggable = false;
    image.src = this.ws.table.frameUrl(row);
    const entry = { image, done: false };
    entry.promise = image.decode().then(() => { entry.done = true; return image; });
    entry.promise.catch(() => { if (this._kept.get(row) === entry) this._kept.delete(row); });
    this._kept.set(row, entry);
    for (const [old, { image: past, done }] of this._kept) {
      if (this._kept.size <= KEPT) break;
      if (!done) past.removeAttribute('src');
      this._kept.delete(old);
    }
    return entry.promise;
  }

  /** Have the neighbours of a position ready, the next ones first. */
  around(position) {
    for (const step of [1, -1, 2, -2]) {
      const row = this.ws.view.at(position + step);
      if (row >= 0) this.load(row).catch(() => {});
    }
  }
}

/** Show a thumbnail in an img; a frame without one keeps its tinted box. */
export function showThumb(image, url) {
  image.onerror = () => { image.hidden = true; };
  image.onload = () => { image.hidden = false; };
  image.src = url;
}

/** Let an img go: what is still on its way is called off, and no old picture flashes up later. */
export function letGo(image) {
  image.onload = null;
  image.onerror = null;
  image.removeAttribute('src');
  image.hidden = true;
}

/** Background of a picture that is not there yet, from its mean luma 0..255. */
export function tint(luma) {
  const level = Math.round(18 + luma * 0.55);
  return `rgb(${level} ${level} ${Math.min(255, level + 3)})`;
}
