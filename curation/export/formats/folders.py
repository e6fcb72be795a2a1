"""Plain folders: pictures by split and pool, a caption beside each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from curation.export.formats.base import Format, Placed, Text, below, caption_files
from curation.export.plan import Item, Plan


class Folders(Format):
    """POOL/NAME.jpg and NAME.txt, under train, val and test where there is a split."""

    name: ClassVar[str] = "folders"
    about: ClassVar[str] = "pictures in a folder for each pool, captions as NAME.txt beside them"
    reader: ClassVar[str] = "anything"

    def path(self, item: Item, plan: Plan) -> str:
        """Return SPLIT/POOL/NAME."""
        return below(item.split, "other" if item.pool == "none" else item.pool, item.name)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield captions."""
        yield from caption_files(done)
