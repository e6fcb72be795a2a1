"""Verbs that find and hand over: search, export, replay, report."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.records import Progress, ended
from curation.studio_base import Base

if TYPE_CHECKING:
    import pandas

    from curation.export.settings import ExportParams
    from curation.search.find import SearchParams


class Sets(Base):
    """What leaves a datastore."""

    # -- search ---------------------------------------------------------------------------------

    def search(self, params: SearchParams) -> Generator[Progress, None, None]:
        """Find frames: like frames, pictures, faces or poses; by words; by a condition.

        Ends with found (how many fit) and frames (the first of them); see search.find.told.

        Raises:
            CurationError: the question cannot be answered; says what to type.
        """
        from curation.search.find import search

        for beat in search(self.catalogue, params):
            if beat.summary is None:
                yield beat
            else:
                told = {k: v for k, v in beat.summary.items() if k != "failed"}
                yield ended("search", told, beat.summary["failed"])

    def frames_where(self, text: str) -> list[int]:
        """Return the frames for which a typed condition is true, by video and time; "" is all.

        Raises:
            CurationError: it is no condition, or names what there is not.
        """
        from curation.search.fields import frames_where

        return [int(frame_id) for frame_id in frames_where(self.catalogue, text)]

    def columns(self) -> list[dict[str, Any]]:
        """Return what conditions may name: name, kind (number, text, tags), about, words."""
        from curation.search.fields import fields_of

        fields = fields_of(self.catalogue)
        return [fields.about(name) for name in fields]

    def table(self, where: str = "", columns: Sequence[str] = ()) -> pandas.DataFrame:
        """Return frames as a pandas table with `frame_id` as its index, by video and time: what was
        measured, decided and marked.

        Args:
            where: a typed condition; "" is all frames.
            columns: names as `columns()` tells them; none is all of them.

        Raises:
            CurationError: a condition or a name that is none.
        """
        from curation.search.table import table

        return table(self.catalogue, where, columns)

    # -- export ---------------------------------------------------------------------------------

    def export(
        self, kind: str, out: Path, params: ExportParams | None = None
    ) -> Generator[Progress, None, None]:
        """Write a data set; asked again, what is new is added and nothing of a person is touched.

        Ends with format, out, pictures, made, kept, gone, bytes, splits and notes.

        Args:
            kind: a name of `export_formats`.
            out: a folder; for zip a file.

        Raises:
            CurationError: it cannot be written at all; NoSpace keeps what was written.
        """
        from curation.export.run import export
        from curation.export.settings import ExportParams

        params = params or ExportParams()
        with self.catalogue.writing("export"):
            self._remember("export", params)
            for beat in export(self.catalogue, kind, params, out):
                if beat.summary is None:
                    yield beat
                else:
                    told = {k: v for k, v in beat.summary.items() if k != "failed"}
                    yield ended("export", told, beat.summary["failed"])

    def export_preview(self, kind: str, params: ExportParams | None = None) -> dict[str, Any]:
        """Return the tree and the first rows of an export; nothing is written. See export.run.

        Raises:
            CurationError: it cannot be made; says why.
        """
        from curation.export.run import preview
        from curation.export.settings import ExportParams

        return preview(self.catalogue, kind, params or ExportParams())

    def export_formats(self) -> list[dict[str, str]]:
        """Return name, about and reader of every format."""
        from curation.export.formats import described

        return described()

    def export_stream(self, params: ExportParams | None = None) -> Iterator[bytes]:
        """Yield a zip of an export piece by piece, for a download.

        Raises:
            CurationError: it cannot be made; says why.
        """
        from curation.export.run import stream
        from curation.export.settings import ExportParams

        return stream(self.catalogue, params or ExportParams())

    @classmethod
    def replay(
        cls, lock: Path, videos: Path, out: Path, datastore: Path | None = None
    ) -> Generator[Progress, None, None]:
        """Make an export again from its lock and its videos: the same bytes, or what differs.

        Ends with pictures, same, differ (files) and notes.

        Args:
            lock: curation.lock.json, or manifest.jsonl to make its pictures and nothing else.
            videos: the folder where the videos lie, under any names.
            datastore: that it is made in; none is a new one beside `out`.

        Raises:
            CurationError: it is no lock, or videos are missing.
        """
        from curation.export.replay import replay

        for beat in replay(lock, videos, out, datastore, cls):
            if beat.summary is None:
                yield beat
            else:
                told = {k: v for k, v in beat.summary.items() if k != "failed"}
                yield ended("replay", told, beat.summary["failed"])

    # -- report ---------------------------------------------------------------------------------

    def report(self, out: Path, where: str = "") -> Generator[Progress, None, None]:
        """Write one self-contained page about the picks, or about the frames of a condition.

        Raises:
            CurationError: nothing is ranked yet, the condition is none, or `out` is a folder.
        """
        from curation.dataset import write_report

        yield Progress("report", note="counting")
        yield ended("report", write_report(self.catalogue, out, where), {})
