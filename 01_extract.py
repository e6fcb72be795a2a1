"""Stage 1, headless: videos -> frames in the catalogue."""

import sys

from curation.cli.verbs import main

if __name__ == "__main__":
    sys.exit(main("extract"))
