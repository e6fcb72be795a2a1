"""Where the labelled sets lie: beside the checkout, or where CURATION_BENCH says."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETS = Path(os.environ.get("CURATION_BENCH", ROOT.parent / "shared" / "bench"))
