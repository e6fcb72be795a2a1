"""Names of exported pictures: a template with known fields, safe on every file system, unique."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from curation.errors import ParamError

LONGEST_BYTES = 180
"""Bytes of a name without its ending: room for endings below the 255 of common file systems."""
MOST_LETTERS = 20_000
"""Of a template and of what it becomes: a width like {n:>99999999} would fill the memory."""
MOST_SPEC = 40
"""Letters of what follows the colon of a field."""
FIELDS = ("video", "time_s", "pts", "pool", "rank", "score", "person", "stars", "shot", "split",
          "n")
_BAD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\s]+')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


@lru_cache(maxsize=32)
def _check(template: str, known: tuple[str, ...]) -> None:
    """Refuse a template that is more than text and plain fields: no attribute, no index, no width
    that a field gives; after that `str.format` is safe with it.

    Raises:
        ParamError: it names a field that there is not.
        ValueError: it is broken, or asks for too much.
    """
    if len(template) > MOST_LETTERS:
        raise ValueError(f"it has more than {MOST_LETTERS} letters")
    for _, field, spec, _ in string.Formatter().parse(template):
        if field is None or spec is None:
            continue
        if field not in known:
            raise ParamError(
                f"the template {template!r} names {field!r}, which is no field",
                f"fields are {', '.join(known)}",
            )
        if "{" in spec or len(spec) > MOST_SPEC:
            raise ValueError(f"{spec[:40]!r} is no plain width or number of digits")
        if any(int(number) > LONGEST_BYTES for number in re.findall(r"\d+", spec)):
            raise ValueError(f"{spec[:40]!r} asks for more than {LONGEST_BYTES} letters")


def filled(template: str, values: Mapping[str, Any], known: tuple[str, ...]) -> str:
    """Return a template with its fields filled in.

    Args:
        template: as `str.format` takes it, of plain fields: "{video}_{time_s:.3f}".

    Raises:
        ParamError: the template is broken, or names a field that there is not.
    """
    try:
        _check(template, known)
        return template.format_map(values)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise ParamError(
            f"the template {template[:200]!r} cannot be filled: {error}",
            f"fields are {', '.join(known)}; a number may have digits, as in {{time_s:.3f}}",
        ) from error


def safe(text: str) -> str:
    """Return a name that every file system and shell takes: no separators, spaces or dots at the
    ends, at most LONGEST_BYTES bytes of UTF-8."""
    # Names of files that are not UTF-8 carry surrogates, which no text file holds.
    plain = text.encode("utf-8", "replace").decode()
    plain = _BAD.sub("_", unicodedata.normalize("NFC", plain))
    plain = plain.encode()[:LONGEST_BYTES].decode("utf-8", "ignore")
    plain = plain.strip(". ").lstrip("-") or "_"
    return f"_{plain}" if _RESERVED.match(plain.split(".")[0]) else plain


def unique(stems: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return names of which no two are the same, also where case does not count.

    Those that would be get six digits of their frame's key, whoever else is exported with them.

    Args:
        stems: n names.
        keys: n frame keys, all different.
    """
    count = Counter(stem.casefold() for stem in stems)
    named = [
        stem if count[stem.casefold()] == 1 else f"{stem}_{_short(key)}"
        for stem, key in zip(stems, keys, strict=True)
    ]
    seen: set[str] = set()
    for at, name in enumerate(named):
        extra, tried = 1, name
        while tried.casefold() in seen:
            extra += 1
            tried = f"{name}-{extra}"
        seen.add(tried.casefold())
        named[at] = tried
    return named


def _short(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=3).hexdigest()
