"""Stage 2, headless: faces, people and poses -> pools."""

import sys

from curation.cli.verbs import main

if __name__ == "__main__":
    sys.exit(main("sort"))
