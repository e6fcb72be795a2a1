"""validate: is a folder ready to be trained on? Every picture is decoded; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from curation.errors import CurationError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit import sidecar as sc
from curation.toolkit.verbs import Beats, Context, FromParams, Verb
from curation.toolkit.workdir import Pic

LEVELS = ("none or fastest", "fast", "default", "best")
"""What the FLEVEL bits of a zlib header say (RFC 1950, section 2.2)."""


class ValidateParams(FromParams):
    """What a set of pictures must be."""

    square: bool = tunable(False, "every picture must be square", basic=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    wh: tuple[int, int]
    mode: str
    kind: str
    compression: str


def run(ctx: Context, params: ValidateParams) -> Beats:
    """Check that all can be read, are of one size and one mode, and have sound sidecars."""
    pics = ctx.pictures(params.from_dirs)
    failed: list[dict[str, str]] = []
    seen: list[_Seen] = []
    with ThreadPoolExecutor(ctx.workers or None) as pool:
        for i, answer in enumerate(pool.map(_look, pics), start=1):
            if isinstance(answer, _Seen):
                seen.append(answer)
                yield Progress(ctx.verb, i, len(pics), "pictures")
            else:
                shown = ctx.workdir.shown(pics[i - 1].path)
                failed.append({"item": shown, "reason": answer})
                yield Progress(ctx.verb, i, len(pics), "pictures", failed=(shown, answer))
    sizes = Counter(f"{w} x {h}" for w, h in (one.wh for one in seen))
    modes = Counter(one.mode for one in seen)
    checks = {"readable": not failed, "one size": len(sizes) <= 1, "one mode": len(modes) <= 1}
    if params.square:
        checks["square"] = all(w == h for w, h in (one.wh for one in seen))
    passed = all(checks.values())
    lines = [f"{'PASS' if good else 'FAIL'}  {name}" for name, good in checks.items()]
    yield ctx.ended(
        passed=passed,
        checks=checks,
        lines=lines,
        pictures=len(pics),
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
        formats=dict(Counter(one.kind for one in seen).most_common()),
        png_compression=dict(Counter(o.compression for o in seen if o.compression).most_common()),
        failed_items=failed,
    )


def _look(pic: Pic) -> _Seen | str:
    from curation.photos.decode import opened, pixels, read_bytes, upright_size

    try:
        kind, data = read_bytes(pic.path)
        image = opened(kind, data)
        seen = _Seen(upright_size(image), image.mode, kind, _compression(data))
        pixels(image)
        sc.load(pic.path)
    except CurationError as error:
        return error.message
    return seen


def _compression(data: bytes) -> str:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return ""
    at = data.find(b"IDAT")
    return LEVELS[data[at + 5] >> 6] if 0 < at < len(data) - 5 else ""


def _code(summary: Mapping[str, Any]) -> int:
    return 0 if summary.get("passed") else 1


VERB = Verb(
    "validate",
    ValidateParams,
    run,
    "Decode every picture; say whether all are readable, of one size and one mode. Exit code 1 "
    "when they are not.",
    exit_code=_code,
)
