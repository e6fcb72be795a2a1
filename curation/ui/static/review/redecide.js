// What a moved limit decides by itself, over typed arrays, in a few milliseconds for 240,000 rows.
// Quotas, duplicates and ranks are the studio's to say; its exact answer follows.

/** A limit as lookups by pool and reason: `of` is a meter of the table's header. */
function test(table, { meter: of, value, values, faces, leastFace }) {
  const inside = new Uint8Array(256).fill(of.pools.length ? 0 : 1);
  for (const name of of.pools) {
    const at = table.lists.pool.indexOf(name);
    if (at >= 0) inside[at] = 1;
  }
  const own = new Uint8Array(256);
  const codes = of.codes.map((code) => table.lists.reason.indexOf(code)).filter((at) => at >= 0);
  for (const at of codes) own[at] = 1;
  return { inside, own, values, value, first: codes[0] ?? -1, least: of.least, magnitude: of.magnitude,
    equal: of.equal_fails ?? !of.least, stored: of.value, moved: value !== of.value, faces: faces ?? null, leastFace };
}

function fails({ least, equal }, value, limit) {
  if (value === limit) return equal;
  return least ? value < limit : value > limit;
}

/**
 * Decide anew from what is stored: rows that a moved limit now fails are rejected for it; rows that
 * were rejected by a moved limit and now pass every known limit count as picked for the moment.
 * Marks of people stay. `limits` are {meter, value, values, faces, leastFace}: a limit with `faces`
 * is not asked of frames whose face is smaller than leastFace. Returns whether a limit has moved.
 */
export function redecide(table, limits) {
  table.restoreDecided();
  const tests = limits.filter(({ values }) => values)
    .map((one) => test(table, one));
  const moved = tests.filter((one) => one.moved);
  if (!moved.length) return false;
  const { n, decided } = table;
  const [verdict, reason] = [table.column('verdict'), table.column('reason')];
  const { lists } = table;
  const [picked, rejected] = [lists.verdict.indexOf('picked'), lists.verdict.indexOf('rejected')];
  if (picked < 0 || rejected < 0) return true;
  const chosen = lists.reason.indexOf('picked');
  const fixed = new Uint8Array(256);
  lists.reason.forEach((code, at) => { fixed[at] = code.endsWith('_by_hand') ? 1 : 0; });
  const freeable = new Uint8Array(256);
  for (const one of moved) for (let at = 0; at < 256; at += 1) freeable[at] |= one.own[at];
  for (let i = 0; i < n; i += 1) {
    const was = decided.reason[i];
    if (fixed[was]) continue;
    const standing = decided.verdict[i] === picked;
    if (!standing && !freeable[was]) continue;
    const pool = decided.pool[i];
    let out = -1;
    let held = standing;
    for (let k = 0; k < tests.length; k += 1) {
      const one = tests[k];
      if (!one.inside[pool] || (standing && !one.moved)) continue;
      if (one.faces && one.faces[i] < one.leastFace) continue;
      let value = one.values[i];
      if (value !== value) {
        if (one.own[was]) { out = was; break; }
        continue;
      }
      if (one.magnitude && value < 0) value = -value;
      if (fails(one, value, one.value)) { out = one.own[was] ? was : one.first; break; }
      // A reason may have other causes: only what this limit itself held back comes free.
      if (one.moved && one.own[was] && fails(one, value, one.stored)) held = true;
    }
    if (!held) continue;
    if (out >= 0) {
      verdict[i] = rejected;
      reason[i] = out;
    } else if (!standing) {
      verdict[i] = picked;
      if (chosen >= 0) reason[i] = chosen;
    }
  }
  return true;
}

/** Picks by pool, in the order of the table's pools. */
export function tally(table, pools, verdicts) {
  const picked = table.lists.verdict.indexOf('picked');
  const counts = new Uint32Array(256);
  for (let i = 0; i < table.n; i += 1) if (verdicts[i] === picked) counts[pools[i]] += 1;
  return table.lists.pool.map((_, i) => counts[i]);
}
