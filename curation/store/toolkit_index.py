"""What is known of picture files by their content, so that no file is read twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.records import Value
from curation.store.catalogue import Catalogue

Key = tuple[str, str]
"""A measure's name and its fingerprint."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as it was when it was read; equal numbers mean that its content is still this.

    Attributes:
        path: bytes as stored: a name need not be text.
        content: hex digest of its bytes.
    """

    path: bytes
    size_bytes: int
    mtime_ns: int
    inode: int
    content: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What measuring a content gave: a value, or the reason why there is none."""

    value: Value = None
    error: str | None = None


class IndexTable:
    """Files, and measures of contents, of one work dir."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def files(self, paths: Iterable[bytes]) -> Iterator[FileRow | None]:
        """Yield what is known of each path, None for one never seen."""
        ask = self.catalogue.db.execute
        for path in paths:
            row = ask(
                "SELECT path, size_bytes, mtime_ns, inode, content FROM indexed_file"
                " WHERE path = ?",
                (path,),
            ).fetchone()
            yield None if row is None else FileRow(*row)

    def looks(self) -> set[tuple[int, int]]:
        """Return (size, mtime_ns) of all known files: a new path with one of them was moved."""
        rows = self.catalogue.db.execute("SELECT size_bytes, mtime_ns FROM indexed_file")
        return {(row[0], row[1]) for row in rows}

    def put_files(self, rows: Sequence[FileRow]) -> None:
        """Remember files, in place of what was known of their paths."""
        with self.catalogue.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO indexed_file VALUES (?, ?, ?, ?, ?)",
                [(r.path, r.size_bytes, r.mtime_ns, r.inode, r.content) for r in rows],
            )

    def paths_of(self, content: str) -> list[bytes]:
        """Return the paths at which a content was last seen; they need not be there still."""
        rows = self.catalogue.db.execute(
            "SELECT path FROM indexed_file WHERE content = ? ORDER BY path", (content,)
        )
        return [row[0] for row in rows]

    def answers(
        self, contents: Iterable[str], keys: Iterable[Key]
    ) -> Iterator[tuple[str, dict[str, Answer]]]:
        """Yield each content with the stored answers for these measures, by name."""
        wanted = set(keys)
        ask = self.catalogue.db.execute
        for content in contents:
            rows = ask(
                "SELECT name, fp, value, error FROM indexed_measure WHERE content = ?", (content,)
            )
            yield content, {
                name: Answer(value, error)
                for name, fp, value, error in map(tuple, rows)
                if (name, fp) in wanted
            }

    def put_answers(self, found: Mapping[tuple[str, str, str], Answer], keep: bool = False) -> None:
        """Remember answers.

        Args:
            found: by (content, name, fingerprint).
            keep: what is stored already stands.
        """
        verb = "INSERT OR IGNORE" if keep else "INSERT OR REPLACE"
        with self.catalogue.transaction() as db:
            db.executemany(
                f"{verb} INTO indexed_measure (content, name, fp, value, error)"
                " VALUES (?, ?, ?, ?, ?)",
                [(*key, answer.value, answer.error) for key, answer in found.items()],
            )
