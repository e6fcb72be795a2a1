"""Pictures with XMP sidecars: stars, colour label and keywords, as photo editors read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

from curation.errors import CurationError
from curation.export.formats.base import Format, Placed, Text, below
from curation.export.plan import Item, Plan
from curation.photos import xmp
from curation.store.marks import LABELS


class Xmp(Format):
    """POOL/NAME.jpg with NAME.jpg.xmp (darktable, digiKam) or NAME.xmp (Adobe)."""

    name: ClassVar[str] = "xmp"
    about: ClassVar[str] = "pictures with XMP sidecars: stars, label, keywords"
    reader: ClassVar[str] = "darktable, digiKam, Lightroom"

    def path(self, item: Item, plan: Plan) -> str:
        """Return SPLIT/POOL/NAME."""
        return below(item.split, "other" if item.pool == "none" else item.pool, item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield a sidecar for each picture."""
        for one in done:
            place = PurePosixPath(one.file)
            named = place.with_suffix(".xmp") if plan.params.naming == "adobe" else (
                place.with_name(place.name + ".xmp")
            )
            yield named.as_posix(), sidecar(one.item)


def sidecar(item: Item) -> bytes:
    """Return the sidecar of an item: 0 stars are written out, as darktable gives one otherwise."""
    words = [item.pool.replace("_", " "), item.person, *item.mark.tags]
    values: dict[str, xmp.Value] = {xmp.RATING: str(item.mark.stars)}
    if item.mark.label:
        values[xmp.LABEL] = LABELS[item.mark.label - 1].capitalize()
    values[xmp.KEYWORDS] = [word for word in dict.fromkeys(words) if word]
    try:
        return xmp.with_values(None, values)
    except CurationError:  # a tag with a character that XML cannot hold: the stars still leave
        return xmp.with_rating(None, item.mark.stars)
