"""The verb `search`: which frames are like an example, or fit a condition, best first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from curation.decide.where import Words
from curation.errors import CurationError, StoreError
from curation.params import Params, SortParams, tunable
from curation.records import Progress
from curation.search import examples
from curation.search.fields import Fields, fields_of
from curation.search.near import Distances, apart, nearest
from curation.search.vectors import SAID, check_kind, vectors_of
from curation.store import review_table, search_reads
from curation.store.catalogue import Catalogue
from curation.store.lookup import frame_named

MOST = 100_000
MOST_EXAMPLES = 64


class FindParams(Params):
    """What is searched for, beside examples."""

    by: Literal["appearance", "face", "pose", "scene"] = tunable(
        "appearance", "what counts: how the person looks, whose face it is, how somebody stands, "
        "or the place", basic=True,
    )  # fmt: skip
    pose: str = tunable(
        "", "a pose that somebody drew: a JSON file, or JSON: {\"left_wrist\": [x, y], ...}",
    )
    words: str = tunable("", "what the picture shows, in words; needs --weights", basic=True)
    where: str = tunable(
        "", "only frames for which this holds: \"focus > 0.8 and pool = 'face' and stars >= 3\"",
        basic=True,
    )
    order: str = tunable("", "without an example: the column that comes first is largest in")
    smallest: bool = tunable(False, "with --order: smallest first")
    count: int = tunable(60, "frames that are shown", ge=1, le=MOST, basic=True)
    most_apart: float = tunable(
        2.0, "largest distance that counts: 0 is equal; 1 is unrelated, but for poses", ge=0, le=100
    )
    weights: str = tunable("", "weights of a CLIP, as open-clip reads them", local=True)
    clip_model: str = tunable(
        "ViT-B-32", "which CLIP the weights are, as open-clip calls it, or its JSON file",
        local=True,
    )


class SearchParams(FindParams):
    """All that is searched for.

    Attributes:
        like: frames (see store.lookup.frame_named) or picture files; near any of them counts.
    """

    like: tuple[str, ...] = ()


def search(catalogue: Catalogue, params: SearchParams) -> Iterator[Progress]:
    """Search, and end with a summary of what was found: see `told`.

    Raises:
        CurationError: the question cannot be answered; says what to type.
    """
    kinds = [name for name in ("like", "pose", "words") if getattr(params, name)]
    if len(kinds) > 1:
        raise CurationError(
            f"one thing is searched for at a time, not {' and '.join(kinds)}",
            "narrow it with --where",
        )
    if params.order and kinds:
        raise CurationError("examples order what is found", "leave --order out")
    fields = fields_of(catalogue)
    mask = fields.mask(params.where)
    failed: dict[str, str] = {}
    if params.words:
        from curation.search.words import WordIndex, clip_of

        if not params.weights:
            raise CurationError(
                "words need the weights of a CLIP network",
                "--weights FILE --clip-model NAME; pip install '.[clip]' in the clone",
            )
        clip = clip_of(Path(params.weights), params.clip_model)
        index = WordIndex(catalogue, clip, fields.frame_id)
        yield from index.make()
        distance = apart(index.vectors(), index.asked(params.words), "words")
        failed = index.failed
    elif kinds:
        distance = _from_examples(catalogue, fields, params)
    else:
        yield Progress("search", summary=_ordered(fields, mask, params))
        return
    distance[~mask | (distance > params.most_apart)] = np.nan
    rows = nearest(distance, params.count)
    found = int(np.isfinite(distance).sum())
    yield Progress("search", summary=told(fields, rows, found, distance) | {
        "failed": failed, "by": "words" if params.words else
        "pose" if params.pose else params.by,
    })


def told(
    fields: Fields, rows: np.ndarray[Any, Any], found: int, distance: Distances | None = None
) -> dict[str, Any]:
    """Return what was found.

    Returns:
        found: number of frames that fit; frames: the first of them with frame_id, key, video,
        time_s, file, what was decided, person, stars, and distance where there is an example.
    """
    ids = fields.frame_id[rows].tolist()
    facts = search_reads.shown(fields.catalogue, ids)
    person, stars = fields["person"], np.asarray(fields["stars"])
    assert isinstance(person, Words)
    listed = []
    for row, frame_id in zip(rows.tolist(), ids, strict=True):
        one = facts[frame_id] | {
            "person": person.words[person.codes[row]] if person.codes[row] >= 0 else None,
            "stars": int(stars[row]),
        }
        if distance is not None:
            one["distance"] = round(max(float(distance[row]), 0.0), 5)
        listed.append(one)
    return {"found": found, "frames": listed, "failed": {}, "by": ""}


def _ordered(
    fields: Fields, mask: np.ndarray[Any, Any], params: SearchParams
) -> dict[str, Any]:
    if not params.where.strip() and not params.order:
        raise CurationError(
            "nothing is searched for",
            "name --like FRAME, --pose FILE, --words TEXT, --where CONDITION or --order COLUMN",
        )
    rows = np.flatnonzero(mask)
    if params.order:
        values = fields.numbers(params.order)[rows]
        rows, values = rows[np.isfinite(values)], values[np.isfinite(values)]
        rows = rows[np.lexsort((rows, values if params.smallest else -values))]
    return told(fields, rows[: params.count], len(rows))


def _from_examples(catalogue: Catalogue, fields: Fields, params: SearchParams) -> Distances:
    """Return (n,) the distance of each row to the nearest example; examples are left out."""
    if len(params.like) > MOST_EXAMPLES:
        raise CurationError(f"{len(params.like)} examples", f"name at most {MOST_EXAMPLES}")
    by = "pose" if params.pose else params.by
    check_kind(by)
    vectors = vectors_of(catalogue, fields.frame_id, by)
    if params.pose:
        return apart(vectors, examples.of_drawing(params.pose), by)
    own = []
    best: Distances | None = None
    for name in params.like:
        row = _row_named(fields, name)
        if row is None:
            example = examples.of_picture(Path(name), by, _measured_with(catalogue))
        else:
            example = np.asarray(vectors[row])
            own.append(row)
        found = apart(vectors, example, by)
        if row is not None and np.isnan(found[row]):
            raise CurationError(
                f"{SAID[by]}: nothing is known of {name}", "name another frame, or another --by"
            )
        best = found if best is None else np.fmin(best, found)
    assert best is not None
    best[own] = np.nan
    return best


def _row_named(fields: Fields, name: str) -> int | None:
    """Return the row of a frame, None for a picture file that is no frame's.

    Raises:
        CurationError: it is neither.
    """
    try:
        frame_id = frame_named(fields.catalogue, name)
    except StoreError as error:
        if Path(name).is_file():
            return None
        raise CurationError(
            error.message, f"{error.hint}; or name a picture file" if error.hint else ""
        ) from error
    row = int(review_table.rows_of(fields.frame_id, np.array([frame_id]))[0])
    if row < 0:
        raise CurationError(f"frame {frame_id} has no picture", "name another one")
    return row


def _measured_with(catalogue: Catalogue) -> SortParams:
    """Return the settings that frames were measured with last."""
    kept = catalogue.recall("params.sort", {})
    return SortParams(**{k: v for k, v in kept.items() if k in SortParams.model_fields})
