// Measures in the page what a person waits for: from the event to the frame that shows its effect.
//
// Installed before the page's own scripts. `review` finds the parts of our workspace, `gallery`
// those of gr.Gallery; both answer the same questions.
(() => {
  const rv = () => document.querySelector('.rv')?.workspace;
  const inside = (cell, box) => {
    const at = cell.getBoundingClientRect();
    return at.width > 0 && at.bottom > box.top && at.top < box.bottom;
  };
  const loaded = (img) => !!img && !!img.getAttribute('src') && img.complete && img.naturalWidth > 1;
  const full = (box, cells) => {
    if (!box) return false;
    const at = box.getBoundingClientRect();
    const shown = cells.filter((cell) => inside(cell, at));
    return shown.length > 0 && shown.every((cell) => loaded(cell.querySelector('img')));
  };
  const review = {
    drawn: () => full(document.querySelector('.rv-stage'), [...document.querySelectorAll('.rv-cell')]),
    loupe: () => {
      const img = document.querySelector('.rv-loupe .rv-picture img:not(.soft)');
      return loaded(img) && img.src === rv().table.frameUrl(rv().row) ? img.src : '';
    },
  };
  const gallery = {
    drawn: () => full(document.querySelector('#gallery .grid-wrap'),
      [...document.querySelectorAll('#gallery .grid-wrap .thumbnail-item')]),
    loupe: () => {
      const img = [...document.querySelectorAll('#gallery .preview img')]
        .find((one) => !one.closest('.thumbnail-item, .thumbnails'));
      return loaded(img) ? img.src : '';
    },
  };
  const channel = new MessageChannel();
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()();
  // A message that is posted in a frame arrives after that frame was painted.
  const painted = (then) => requestAnimationFrame(() => {
    waiting.push(then);
    channel.port2.postMessage(0);
  });
  const when = (holds, then, frames, never) => {
    let left = frames;
    const look = () => {
      if (holds()) painted(then);
      else if (left-- > 0) requestAnimationFrame(look);
      else never();
    };
    look();
  };
  const probe = { review, gallery, drawnMs: { review: 0, gallery: 0 }, times: [], pending: 0 };
  /**
   * From each event of a kind to the painted frame after `holds(before)`. An event that changes
   * nothing (a knob moved within one step) is not counted: given up after so many frames.
   */
  probe.watch = (type, wanted, before, holds, frames = Infinity) => {
    const listener = (event) => {
      if (!wanted(event)) return;
      const from = event.timeStamp;
      const was = before(event);
      probe.pending += 1;
      when(() => holds(was), () => {
        probe.pending -= 1;
        probe.times.push(performance.now() - from);
      }, frames, () => { probe.pending -= 1; });
    };
    window.addEventListener(type, listener, true);
    return () => window.removeEventListener(type, listener, true);
  };
  probe.nodes = () => document.querySelectorAll('*').length;
  window.probe = probe;
  for (const [name, parts] of Object.entries({ review, gallery })) {
    const look = () => {
      if (document.body && parts.drawn()) painted(() => { probe.drawnMs[name] = performance.now(); });
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }
})();
