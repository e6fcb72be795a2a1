"""What people said of frames as a list that another datastore can be told, op by op.

A scorer learns not only from stars but from who gave them in which sitting, and from how many
frames were marked at once; so numbers of ops, sittings and their sizes go with the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curation.store.catalogue import Catalogue
from curation.store.mark_ops import MarkOps, Op
from curation.store.marks import CLOCK

KINDS = ("flag", "stars", "label", "note")
CLIENT = "replay"


def listed(catalogue: Catalogue, keys: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the ops whose values hold now, in their order.

    Args:
        keys: frame id -> frame key.

    Returns:
        revision, kind, value, frames (keys), by (0.. for who said it: no name), at_s (since the
        first), changed (frames that it marked then).
    """
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for kind in KINDS:
        rows = catalogue.db.execute(
            f"SELECT frame_id, {kind} AS value, {kind}_op AS op FROM review"
            f" WHERE {kind}_op != 0 AND {kind} NOT IN (0, '') ORDER BY frame_id"
        )
        for row in rows:
            if row["frame_id"] in keys:
                one = found.setdefault((row["op"], kind), {"value": row["value"], "frames": []})
                one["frames"].append(keys[row["frame_id"]])
    for row in catalogue.db.execute(
        "SELECT frame_id, tag, op FROM review_tag WHERE present = 1 ORDER BY frame_id, tag"
    ):
        if row["frame_id"] in keys:
            one = found.setdefault((row["op"], "tag"), {"value": row["tag"], "frames": []})
            one["frames"].append(keys[row["frame_id"]])
    ops = {
        row["revision"]: row
        for row in catalogue.db.execute("SELECT revision, client, made_s, changed FROM review_op")
    }
    used = [ops[revision] for revision, _ in sorted(found) if revision in ops]
    # In the order of their names, in which sittings are counted.
    who = {client: n for n, client in enumerate(sorted({row["client"] for row in used}))}
    first = min((row["made_s"] for row in used), default=0.0)
    made = []
    for (revision, kind), one in sorted(found.items()):
        op = ops.get(revision)
        made.append({
            "revision": revision, "kind": kind, "value": one["value"],
            "frames": sorted(one["frames"]),
            "by": who[op["client"]] if op else 0,
            "at_s": round(op["made_s"] - first, 3) if op else 0.0,
            "changed": op["changed"] if op else len(one["frames"]),
        })  # fmt: skip
    return made


def tell(catalogue: Catalogue, rows: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> int:
    """Say such a list to a datastore; what was said to it before by this is not said twice.

    Args:
        ids: frame key -> frame id.

    Returns:
        How many frames of the list are not there.
    """
    table = MarkOps(catalogue)
    lacking = set()
    for row in rows:
        frames = [ids[key] for key in row["frames"] if key in ids]
        lacking |= {key for key in row["frames"] if key not in ids}
        name = f"{CLIENT}-{int(row['revision'])}-{row['kind']}"
        if not frames:
            continue
        # The clock of marks is that of then: a scorer knows by it which ratings it has seen.
        now = int(catalogue.recall(CLOCK, 0))
        catalogue.remember(CLOCK, max(now, int(row["revision"]) - 1))
        op = Op(name, str(row["kind"]), row["value"], np.array(sorted(frames), np.int64))
        table.apply(f"{CLIENT} {int(row['by']):06d}", CLIENT, [op])
        with catalogue.transaction() as db:
            db.execute(
                "UPDATE review_op SET made_s = ?, changed = ? WHERE id = ?",
                (float(row["at_s"]), int(row["changed"]), name),
            )
    return len(lacking)
