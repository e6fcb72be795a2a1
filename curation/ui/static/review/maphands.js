// Mouse, pen and fingers on the map: drag a lasso or the map, wheel or two fingers zoom.
import { inside } from './mapview.js';

export function hands(map) {
  const { field } = map;
  const ours = (event) => !event.target.closest('button');
  field.addEventListener('wheel', (event) => {
    event.preventDefault();
    map.scaleBy(1.0018 ** -event.deltaY, map.placeOf(event));
  }, { passive: false });
  let last = null;
  let spread = 0;
  field.addEventListener('pointerdown', (event) => {
    if (!map.places || !ours(event)) return;
    field.setPointerCapture(event.pointerId);
    map.down.set(event.pointerId, [event.clientX, event.clientY]);
    last = [event.clientX, event.clientY];
    map.moved = false;
    if (map.down.size > 1) map.polygon = null;
    else if (map.tool === 'lasso' && event.button === 0) map.polygon = [map.placeOf(event)];
  });
  field.addEventListener('pointermove', (event) => {
    if (!map.places) return;
    if (!map.down.has(event.pointerId)) {
      map.pointed(event);
      return;
    }
    map.down.set(event.pointerId, [event.clientX, event.clientY]);
    if (map.down.size > 1) {
      const [a, b] = [...map.down.values()];
      const now = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) map.scaleBy(now / spread, map.placeOf({ clientX: (a[0] + b[0]) / 2, clientY: (a[1] + b[1]) / 2 }));
      spread = now;
      return;
    }
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    if (Math.hypot(dx, dy) < 3) return;
    map.moved = true;
    last = [event.clientX, event.clientY];
    if (map.polygon) {
      map.polygon.push(map.placeOf(event));
      map.over();
    } else {
      const { scale } = map.at;
      map.middle = [map.middle[0] - dx / scale, map.middle[1] - dy / scale];
      map.base();
    }
  });
  const up = (event) => {
    if (!map.down.delete(event.pointerId)) return;
    spread = 0;
    const { polygon } = map;
    map.polygon = null;
    if (polygon && map.moved && polygon.length > 2) {
      const { found, total } = inside(map.places, map.ws.view.mask, polygon);
      map.choose(found, total, event.shiftKey);
    } else if (!map.moved) map.clicked(event);
    map.over();
  };
  field.addEventListener('pointerup', up);
  field.addEventListener('pointercancel', (event) => {
    map.down.delete(event.pointerId);
    map.polygon = null;
  });
  field.addEventListener('pointerleave', () => map.point(-1));
  field.addEventListener('dblclick', (event) => ours(event) && map.ws.row >= 0 && map.ws.setMode('loupe'));
}
