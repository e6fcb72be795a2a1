"""The dataset card: what is in the set, where it is from, and what nobody vouches for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import curation
from curation.export import who
from curation.export.formats.base import Placed
from curation.export.plan import Plan
from curation.words import count

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(plan: Plan, done: Sequence[Placed]) -> str:
    """Return README.md as Hugging Face reads it: YAML between lines of dashes, then Markdown."""
    n = len(done)
    size = next((word for most, word in SIZES if n < most), "n>1M")
    pools = Counter(one.item.pool for one in done)
    splits = Counter(one.item.split or "train" for one in done)
    videos = Counter(one.item.video for one in done)
    people = Counter(one.item.person for one in done if one.item.person)
    notes = who.consents(plan.catalogue)
    title = f"{count(n, 'frame')} of {count(len(videos), 'video')}"
    lines = [
        "---",
        "pretty_name: " + json.dumps(title, ensure_ascii=False),
        "task_categories:",
        "- image-classification" if not plan.params.caption else "- text-to-image",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for split in splits:
        path = {"val": "validation"}.get(split, split)
        lines += [f"  - split: {path}", f"    path: data/{path}/**"]
    lines += [
        "---",
        "",
        f"# {title}",
        "",
        f"Made by Frame Curation Studio {curation.__version__}. `manifest.jsonl` says how each "
        "picture is made again from its video, `curation.lock.json` what decided, `SHA256SUMS` "
        "what the files are.",
        "",
        "## What is in it",
        "",
        "| pool | pictures |",
        "|---|---|",
        *(f"| {pool} | {count} |" for pool, count in sorted(pools.items())),
        "",
        "| split | pictures |",
        "|---|---|",
        *(f"| {split} | {count} |" for split, count in splits.items()),
        "",
        "## Where it is from",
        "",
        *(f"- {_plain(video)}: {count(of, 'picture')}" for video, of in sorted(videos.items())),
        "",
        "## People",
        "",
    ]
    if people:
        lines += [
            f"- {_plain(name)}: {count(of, 'picture')}; "
            + (f"consent: {_plain(notes[name])}" if notes.get(name) else "no consent is noted")
            for name, of in sorted(people.items())
        ]
    else:
        lines.append("Nobody in it was given a name.")
    lines += [
        "",
        "## Licence",
        "",
        "Not stated here. The rights are those of the videos; write them down before you share it.",
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return text that Markdown takes for nothing but text."""
    kept = "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!" else c for c in text)
    return " ".join(kept.split())
