"""An upload over HTTP, step by step, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.web.conftest import site_of


def begin(client: TestClient, name: str, size: int) -> dict[str, Any]:
    reply = client.post("/api/uploads", json={"name": name, "size": size})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


def put(client: TestClient, upload_id: str, offset: int, data: bytes) -> Any:
    return client.put(
        f"/api/uploads/{upload_id}", content=data, headers={"upload-offset": str(offset)}
    )


def send(client: TestClient, name: str, data: bytes) -> Any:
    return put(client, begin(client, name, len(data))["id"], 0, data)


def folder_of(client: TestClient) -> Path:
    return site_of(client).studio.root / "videos_folder_1"


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
