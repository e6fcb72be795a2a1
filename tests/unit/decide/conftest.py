"""A small varied catalogue, made once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.decide import columns


@pytest.fixture(scope="session")
def catalogue() -> dict[str, Any]:
    return columns.catalogue(6, 100, seed=3)
