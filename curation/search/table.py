"""All that conditions may name, as one pandas table: for notebooks, and for what we do not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.decide.columns import Bools
from curation.decide.where import Tags, WhereError, Words, resolve
from curation.errors import CurationError
from curation.search.fields import Fields, fields_of
from curation.store.catalogue import Catalogue

if TYPE_CHECKING:
    import pandas


def table(catalogue: Catalogue, where: str = "", columns: Sequence[str] = ()) -> pandas.DataFrame:
    """Return frames as a table: its index is `frame_id`, its rows are by video and time.

    Texts are categories, tags a tuple of texts, measures numbers with NaN where nothing was
    measured.

    Args:
        where: a typed condition; "" is all frames.
        columns: names as conditions have them, also without the unit; none is all of them.

    Raises:
        CurationError: a condition or a name that is none.
    """
    import pandas

    fields = fields_of(catalogue)
    rows = fields.mask(where)
    try:
        names = [resolve(name, fields) for name in columns] or list(fields)
    except WhereError as error:
        raise CurationError(error.message, error.hint) from error
    made = {name: _column(fields, name, rows) for name in names if name != "frame_id"}
    index = pandas.Index(fields.frame_id[rows], name="frame_id")
    return pandas.DataFrame(made, index=index)


def _column(fields: Fields, name: str, rows: Bools) -> Any:
    import pandas

    found = fields[name]
    if isinstance(found, Words):
        # Two videos may have one name, categories may not.
        texts = np.array([*found.words, None], object)[np.maximum(found.codes[rows], -1)]
        return pandas.Categorical(texts, categories=list(dict.fromkeys(found.words)))
    if isinstance(found, Tags):
        held: list[tuple[str, ...]] = [()] * found.n
        for word, at in found.rows.items():
            for row in at.tolist():
                held[row] += (word,)
        return [held[row] for row in np.flatnonzero(rows).tolist()]
    return found[rows]
