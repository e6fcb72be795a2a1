// Frames that are not kept at full size: the small picture at once, its face at full size with it,
// and all of it, made from the video, as soon as somebody zooms in.

import { el } from './parts.js';

const SMALL_PX = 640;

/** Whether a picture is the small one of a frame: others are as large as the frame, or previews. */
export function isSmall(image, size) {
  const longer = Math.max(image.naturalWidth, image.naturalHeight);
  return longer > 0 && longer <= SMALL_PX && image.naturalWidth < size.width;
}

/** One for each pane. */
export class Sharper {
  constructor(ws, pane) {
    this.ws = ws;
    this.pane = pane;
    this.about = null;
    this._away = null;
  }

  /** A picture was put up in the pane. */
  shown(image, about) {
    this.drop();
    if (!isSmall(image, about.size)) return;
    this.about = about;
    this._away = new AbortController();
    this._face(about, this._away.signal);
    if (this.pane.zoomed) this.full();
  }

  /** Another frame is looked at. */
  drop() {
    this._away?.abort();
    this._away = null;
    this.about = null;
    this.asked = false;
  }

  /** Put the full picture up; made once, however often it is asked for. */
  async full() {
    const { about } = this;
    if (!about || this.asked) return;
    this.asked = true;
    try {
      const data = await this._fetch(`still/${this.ws.table.frameId[about.row]}`, this._away.signal);
      const image = await decoded(data.blob);
      if (this.about === about) this.pane.show(image, about);
    } catch (error) {
      if (this.about === about) this.pane.fail(`Only a small picture: ${error.message}`);
    }
  }

  async _face(about, signal) {
    try {
      const { blob, place } = await this._fetch(`face/${this.ws.table.frameId[about.row]}`, signal);
      const image = await decoded(blob);
      if (this.about !== about || !place) return;
      const [x0, y0, x1, y1] = place.split(' ').map(Number);
      const { width, height } = about.size;
      Object.assign(image.style, {
        position: 'absolute', left: `${100 * x0 / width}%`, top: `${100 * y0 / height}%`,
        width: `${100 * (x1 - x0) / width}%`, height: `${100 * (y1 - y0) / height}%`,
      });
      this.pane.holder.append(image);
    } catch { /* no face, or the page went on */ }
  }

  async _fetch(address, signal) {
    const reply = await fetch(this.ws.url(address), { signal });
    if (reply.status !== 200) {
      const said = await reply.json().catch(() => ({}));
      throw new Error(said.detail ?? `the server said ${reply.status}`);
    }
    return { blob: await reply.blob(), place: reply.headers.get('x-place') };
  }
}

async function decoded(blob) {
  const address = URL.createObjectURL(blob);
  const image = el('img', { alt: '', draggable: 'false', src: address });
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(address);
  }
  return image;
}
