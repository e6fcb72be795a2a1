"""The review page and its modules: served, small, and without what the house forbids in scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

STATIC = Path(__file__).parents[2] / "curation" / "ui" / "static"
MODULES = sorted((STATIC / "review").glob("*.js"))
STYLES = sorted((STATIC / "review").glob("*.css"))
IMPORTED = re.compile(r"""(?:from|import\()\s*['"`](\./[^'"`$]+)['"`]""")


def test_the_page_names_files_that_are_there(empty_client: TestClient) -> None:
    page = empty_client.get("/review")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    named = re.findall(r'(?:href|src)="(ui/[^"]+)"', page.text)
    assert {"ui/review/main.js", "ui/review/review.css"} <= set(named)
    for name in named:
        assert empty_client.get(f"/{name}").status_code == 200, name


def test_every_part_that_is_put_together_exists() -> None:
    text = (STATIC / "review" / "main.js").read_text()
    parts = re.search(r"const PARTS = \[(.*?)\];", text, re.DOTALL)
    assert parts
    names = re.findall(r"'(\w+)'", parts.group(1))
    assert len(names) > 5
    for name in names:
        assert (STATIC / "review" / f"{name}.js").is_file(), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_keeps_the_rules_of_the_house(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for name in IMPORTED.findall(text):
        assert (path.parent / name).is_file(), f"{path.name} imports {name}"
    for word in (
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
        "randomUUID",  # not there on plain http
    ):
        assert word not in text, f"{path.name} makes markup of text with {word}"
    assert not re.search(r"(?:https?:)?//[a-z]+\.[a-z]", text.replace("http://www.w3.org", ""))
    taken = re.search(r"(?:document|window)\.addEventListener\('key", text)
    assert not taken, f"{path.name} takes keys from the whole page"


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_style_asks_nobody_else(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert "url(" not in text
    assert "@import" not in text
