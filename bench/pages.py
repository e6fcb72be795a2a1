"""Tables of results in documents: written between two marks, and tested to agree with the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def put(text: str, name: str, block: str) -> str:
    """Return a document with a block between its marks `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        ValueError: the marks are not there once each.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if text.count(first) != 1 or text.count(last) != 1:
        raise ValueError(f"the page needs {first.strip()} and {last} once each")
    before, _, rest = text.partition(first)
    _, _, after = rest.partition(last)
    return f"{before}{first}{block.rstrip()}\n{last}{after}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first stand right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rewrite(page: Path, name: str, block: str) -> bool:
    """Put a block into a page; return whether that changed it."""
    before = page.read_text(encoding="utf-8")
    after = put(before, name, block)
    if after != before:
        page.write_text(after, encoding="utf-8")
    return after != before
