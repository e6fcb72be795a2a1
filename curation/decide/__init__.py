"""Decide over measured columns: pure functions, numpy only, every frame with its reason."""

from curation.decide.pipeline import Decisions, assign, decide

__all__ = ["Decisions", "assign", "decide"]
