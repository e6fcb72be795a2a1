"""A server without pages over a datastore with real frames, and one that is empty."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.web.app import create_app
from curation.web.security import Rules
from curation.web.site import Settings, Site
from tests import videos
from tests.web.filled import fill

HERE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled") / "datastore"
    folder = root / "videos_folder_1"
    folder.mkdir(parents=True)
    shutil.copy(videos.clip("cuts").path, folder / "cuts.mp4")
    fill(root, []).close()
    return root


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path) -> Path:
    """A datastore with extracted, measured and ranked frames of one's own."""
    return Path(shutil.copytree(filled_once, tmp_path / "filled"))


@pytest.fixture
def client(filled: Path) -> Iterator[TestClient]:
    with serving(Settings(filled)) as made:
        yield made


@pytest.fixture
def empty_client(datastore: Path) -> Iterator[TestClient]:
    with serving(Settings(datastore)) as made:
        yield made


@pytest.fixture
def locked_client(datastore: Path) -> Iterator[TestClient]:
    rules = Rules(frozenset({"studio.lan"}), "correct horse")
    with serving(Settings(datastore, rules=rules)) as made:
        yield made


def serving(settings: Settings, with_pages: bool = False) -> TestClient:
    return TestClient(create_app(settings, with_pages), base_url=HERE)


def site_of(client: TestClient) -> Site:
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    return site


def every_route(client: TestClient) -> list[tuple[str, str]]:
    """Return (method, path) of all routes of ours, each path with 1 for its parameters."""
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    return [
        (method.upper(), re.sub(r"\{[^}]+\}", "1", path))
        for path, methods in paths.items()
        for method in methods
    ]
