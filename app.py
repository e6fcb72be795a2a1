"""The web studio on port 7860: parse, open the datastore, serve."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Serve until interrupted and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="The web studio: videos in, ranked frames out.",
        epilog="CURATION_PASSWORD or CURATION_TOKEN asks everybody for it: docs/security.md.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="default %(default)s")
    parser.add_argument("--port", type=int, default=7860, help="default %(default)s")
    parser.add_argument(
        "--datastore",
        type=Path,
        default=Path("datastore"),
        metavar="FOLDER",
        help="where frames, catalogue and results live; default %(default)s",
    )
    parser.add_argument(
        "--input-dir",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="offer the folders below this one as videos; may be given again",
    )
    parser.add_argument(
        "--open-to-all", action="store_true", help="listen beyond this machine without a password"
    )
    options = parser.parse_args()

    from curation.errors import CurationError
    from curation.web.app import serve
    from curation.web.site import Settings

    try:
        settings = Settings.from_environment(options.datastore, tuple(options.input_dir))
        print(
            f"http://{options.host}:{options.port}  datastore {settings.datastore.absolute()}",
            file=sys.stderr,
            flush=True,
        )
        serve(settings, options.host, options.port, options.open_to_all)
    except CurationError as error:
        print(f"error: {error.message}", file=sys.stderr)
        print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
