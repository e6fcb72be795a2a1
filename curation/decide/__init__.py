"""Decide over measured columns: pure functions, numpy only, every frame with its reason."""

from curation.decide.pipeline import Decisions, assign, decide
from curation.decide.prepared import Prepared

__all__ = ["Decisions", "Prepared", "assign", "decide"]
