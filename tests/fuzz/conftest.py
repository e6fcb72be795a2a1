"""Fuzzing in CI is the same each time; with a seed it goes elsewhere."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --fuzz-seed."""
    parser.addoption("--fuzz-seed", type=int, default=0, help="0: the same inputs each time")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each property other inputs, and more of them, when a seed is given."""
    from hypothesis import seed, settings

    number = config.getoption("--fuzz-seed")
    for item in items if number else ():
        test = getattr(item, "obj", None)
        told = getattr(test, "_hypothesis_internal_use_settings", None)
        if told is not None and "fuzz" in str(item.path):
            more = settings(told, derandomize=False, max_examples=10 * told.max_examples)
            test._hypothesis_internal_use_settings = more  # type: ignore[union-attr]
            seed(number)(test)
