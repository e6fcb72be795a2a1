"""Stage 3, headless: gates, false faces, focus, duplicates, quota -> ranked pools."""

import sys

from curation.cli.verbs import main

if __name__ == "__main__":
    sys.exit(main("rank"))
