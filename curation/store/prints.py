"""Prints of photos by content: what was read of a picture, and never twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from curation.store.catalogue import Catalogue

AT_ONCE = 500
"""Contents in one question: SQLite takes some thousands of variables."""
COLUMNS = "content, key, kind, width, height, print, capture, error"


@dataclass(frozen=True, slots=True)
class PrintRow:
    """What is known of a content.

    Attributes:
        content: blake2b of the file's bytes.
        print: photos.prints.PRINT as bytes, None with an error.
        capture: JSON of photos.capture.Capture.as_dict.
        error: why there is nothing more, None when there is.
    """

    content: str
    key: str = ""
    kind: str = ""
    width: int = 0
    height: int = 0
    print: bytes | None = None
    capture: str = "{}"
    error: str | None = None


class PrintTable:
    """The prints of one catalogue.

    Args:
        fp: which program looked; rows of another are not there.
    """

    def __init__(self, catalogue: Catalogue, fp: str) -> None:
        self.catalogue, self.fp = catalogue, fp

    def rows(self, contents: Iterable[str]) -> Iterator[PrintRow]:
        """Yield what is known of contents, in any order; of unknown ones nothing."""
        wanted = list(dict.fromkeys(contents))
        for at in range(0, len(wanted), AT_ONCE):
            some = wanted[at : at + AT_ONCE]
            marks = ", ".join("?" * len(some))
            for row in self.catalogue.db.execute(
                f"SELECT {COLUMNS} FROM photo_print WHERE fp = ? AND content IN ({marks})",
                (self.fp, *some),
            ):
                yield PrintRow(*row)

    def put(self, rows: Sequence[PrintRow]) -> None:
        """Remember rows, in place of what was known of their contents."""
        with self.catalogue.transaction() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO photo_print (fp, {COLUMNS})"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (self.fp, r.content, r.key, r.kind, r.width, r.height, r.print, r.capture,
                     r.error)
                    for r in rows
                ],
            )  # fmt: skip
