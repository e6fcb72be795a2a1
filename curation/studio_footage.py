"""Verbs that get footage in from elsewhere."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curation.records import Progress, ended
from curation.studio_base import Base

if TYPE_CHECKING:
    from curation.ingest.links import LinkParams


class Footage(Base):
    """The verbs over links, buckets and folders on the web."""

    def download(
        self, urls: Sequence[str], params: LinkParams | None = None, check: bool = False
    ) -> Generator[Progress, None, None]:
        """Fetch the videos of links into videos_folder_1, each in a fenced process.

        Only public http and https addresses are asked. It does not hold the datastore: frames can
        be extracted meanwhile.

        Args:
            check: only say what the links hold.

        Raises:
            CurationError: no link, or too many.
            NoSpace: the disk is nearly full; what came so far is gone on with the next time.
        """
        from curation.ingest import links

        errand = links.Errand(params or links.LinkParams())
        beats = (
            links.check(urls, errand) if check else links.download(self.catalogue, urls, errand)
        )
        for beat in beats:
            if beat.summary is None:
                yield beat
            else:
                told = {key: value for key, value in beat.summary.items() if key != "failed"}
                yield ended("download", {**told, "check": check}, beat.summary["failed"])

    def add(
        self, urls: Sequence[str], *, key: Path | None = None, copy: bool = True,
        endpoint: str = "", check: bool = False, key_name: str = "", nobody: bool = False,
    ) -> Generator[Progress, None, None]:  # fmt: skip
        """Take in the videos of buckets, drives and folders on the web, each only once.

        It does not hold the datastore: frames can be extracted meanwhile.

        Args:
            key: file with a key, None for the one that CURATION_GCS_KEY names.
            copy: False leaves the videos there and reads them by range.
            endpoint: another server that speaks the protocol, "" for the makers' own.
            check: only say what is there.
            key_name: a file of CURATION_KEYS or CURATION_GCS_KEY by its name, instead of a path.
            nobody: no key at all, whatever the environment names.

        Raises:
            CurationError: no place is named, or the key may not be used.
            NoSpace: the disk is nearly full; what came so far is gone on with the next time.
        """
        from curation.ingest import remote

        params = remote.AddParams(key, copy, endpoint, check, (), key_name, nobody)
        for beat in remote.add(self.catalogue, urls, params):
            if beat.summary is None:
                yield beat
            else:
                told = {key: value for key, value in beat.summary.items() if key != "failed"}
                yield ended("add", {**told, "check": check}, beat.summary["failed"])
