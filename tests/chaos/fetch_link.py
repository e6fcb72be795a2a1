"""A link of a server of this machine, fetched as the CLI fetches one; tests alone may do so.

    python -m tests.chaos.fetch_link DATASTORE URL PORT

Prints nothing; 0 when the video is there, 1 when it is not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from curation.errors import CurationError
from curation.ingest import links
from curation.ingest.links import Errand
from curation.store.catalogue import Catalogue

if __name__ == "__main__":
    try:
        catalogue = Catalogue(Path(sys.argv[1]))
        told: dict[str, object] = {}
        errand = Errand(open_to=(("127.0.0.1", int(sys.argv[3])),))
        for beat in links.download(catalogue, [sys.argv[2]], errand):
            told = dict(beat.summary or told)
    except CurationError as error:
        print(f"fetch_link: {error}", file=sys.stderr)
        sys.exit(1)
    if told.get("failed"):
        print(f"fetch_link: {told['failed']}", file=sys.stderr)
    sys.exit(0 if told.get("fetched") or told.get("there") else 1)
