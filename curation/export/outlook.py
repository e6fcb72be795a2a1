"""What is shown before an export: tree, first rows, size, who is in it, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from curation.errors import ParamError
from curation.export import who
from curation.export.formats import make
from curation.export.plan import MOST_SHOWN, Item, build
from curation.export.run import look
from curation.export.settings import ExportParams
from curation.store.catalogue import Catalogue

SAMPLED = 200
REASONS_SHOWN = 6


def outlook(catalogue: Catalogue, kind: str, params: ExportParams) -> dict[str, Any]:
    """Return a preview with more; nothing is written.

    Returns:
        What export.run.preview tells, and: bytes (about, of the pictures; None where no picture is
        there yet), people (rows of name, frames, note; name "" for frames without a named person),
        lacking (who has no consent note -> frames), refused (whether that stops the export) and
        reasons (rows of why frames are left out, and how many).

    Raises:
        CurationError: it cannot be made; says why.
    """
    if params.captions_from:
        raise ParamError("captions_from names a file of the server", "leave it out")
    writer = make(kind)
    # Who lacks consent is told beside the tree, not instead of it.
    plan = build(catalogue, params.model_copy(update={"require_consent": False}), most=MOST_SHOWN)
    writer.check(plan)
    about_bytes = _about_bytes(plan.items, plan.of - len(plan.left_out))
    lacking = who.lacking(catalogue, plan.asked)
    reasons = Counter(plan.left_out.values()).most_common(REASONS_SHOWN)
    return {
        **look(writer, plan),
        "bytes": about_bytes,
        "people": _people(catalogue, plan.asked),
        "lacking": lacking,
        "refused": bool(params.require_consent and lacking),
        "reasons": [[reason, count] for reason, count in reasons],
    }


def _about_bytes(items: Sequence[Item], pictures: int) -> int | None:
    """Return about how many bytes pictures have, from some of them spread over all.

    A picture that is made anew is taken to need as many bytes for each pixel as before.
    """
    step = max(1, len(items) // SAMPLED)
    sizes = []
    for item in items[::step]:
        try:
            size = float(item.source.stat().st_size)
        except OSError:
            continue
        if item.recipe.kind != "copy":
            width, height = item.cut.size_wh
            size *= item.cut.out_wh[0] * item.cut.out_wh[1] / max(1, width * height)
        sizes.append(size)
    return round(sum(sizes) / len(sizes) * pictures) if sizes else None


def _people(catalogue: Catalogue, frame_ids: Sequence[int]) -> list[dict[str, Any]]:
    names, notes = who.names(catalogue), who.consents(catalogue)
    counts = Counter(names.get(frame_id, "") for frame_id in frame_ids)
    return [
        {"name": name, "frames": count, "note": notes.get(name, "")}
        for name, count in sorted(counts.items(), key=lambda one: (not one[0], -one[1], one[0]))
    ]
