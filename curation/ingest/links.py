"""Videos from links: look first, then fetch, each link in a fenced process of its own.

What a person types is an address and a few limits; it never becomes an option of yt-dlp. The child
(`link_child`) can reach public addresses and one folder, `link_errand` watches what it costs; this
side takes in what it brings and keeps where that came from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation import temporary
from curation.errors import CurationError, NoSpace
from curation.ingest.arrivals import take_in
from curation.ingest.link_errand import Errand, LinkParams, Patience, asked
from curation.public_only import without_secrets
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.origins import Origin, OriginTable

KIND = "link"
FOLDER = ".incoming"
MOST_LINKS = 50
STALE_S = 7 * 24 * 3600.0
NOTICE = "Fetch only what you have the right to use: a licence that is not stated allows nothing."
Answer = Mapping[str, Any]
__all__ = ["Errand", "LinkParams", "Patience", "check", "download", "tidy"]


@dataclass(slots=True)
class _Tally:
    fetched: list[dict[str, Any]] = field(default_factory=list)
    there: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def tidy(urls: Sequence[str]) -> list[str]:
    """Return links as typed, without blanks and repeats.

    Raises:
        CurationError: when there is none, or too many.
    """
    found = list(dict.fromkeys(url.strip() for url in urls if url.strip()))
    if not found:
        raise CurationError("no link is given", "python -m curation download https://...")
    if len(found) > MOST_LINKS:
        raise CurationError(f"{len(found)} links at once; at most {MOST_LINKS} are taken")
    return found


def check(urls: Sequence[str], errand: Errand | None = None) -> Generator[Progress, None, None]:
    """Ask what links hold; nothing is kept. The last beat's summary has `found` and `failed`."""
    errand, tally = errand or Errand(), _Tally()
    links = tidy(urls)
    for number, url in enumerate(links):
        yield Progress("check", number, len(links), "links", note=without_secrets(url))
        with temporary.folder("link") as (folder, _):
            for said in asked(url, errand, folder, None, ()):
                yield from _heard(tally, url, said)
    yield Progress("check", len(links), len(links), "links", summary=_summary(tally, links))


def download(
    catalogue: Catalogue, urls: Sequence[str], errand: Errand | None = None
) -> Generator[Progress, None, None]:
    """Fetch the videos of links into videos_folder_1; what is cut off goes on the next time.

    A link that fails costs itself: the others go on. What was fetched before is not fetched again
    while its file is there.
    """
    errand, tally = errand or Errand(), _Tally()
    links, origins = tidy(urls), OriginTable(catalogue)
    for url in links:
        yield Progress("download", note=without_secrets(url), unit="MB")
        try:
            with incoming(catalogue, url) as folder:
                known = origins.archive(KIND)
                for said in asked(url, errand, folder, catalogue.root, tuple(known)):
                    if said["say"] == "file":
                        said = _taken_in(catalogue, said, errand, folder)
                    elif said["say"] == "there":
                        said = {**said, "file": known[said["entry"]["key"]].name}
                    yield from _heard(tally, url, said)
        except NoSpace:
            raise
        except CurationError as error:
            yield from _heard(tally, url, {"say": "failed", "reason": str(error)})
    summary = _summary(tally, links)
    for name in ("found", "fetched", "there"):  # what is stored with a job holds no secrets
        summary[name] = [row | {"link": without_secrets(row["link"])} for row in summary[name]]
    yield Progress("download", unit="MB", summary=summary)


def _summary(tally: _Tally, links: Sequence[str]) -> dict[str, Any]:
    return {
        "links": len(links),
        "found": tally.found,
        "fetched": tally.fetched,
        "there": tally.there,
        "failed": tally.failed,
        "notice": NOTICE,
    }


def _heard(tally: _Tally, url: str, said: Answer) -> Iterator[Progress]:
    what, entry = said["say"], dict(said.get("entry") or {})
    if what == "progress":
        mb, total = said["bytes"] / 1e6, said["total"] / 1e6
        rate = said.get("rate_per_s")
        eta = (total - mb) / rate if rate and total > mb else None
        yield Progress("download", mb, total, "MB", rate, eta, without_secrets(url))
    elif what == "found":
        tally.found.append({**entry, "link": url})
    elif what in ("fetched", "there"):
        rows = tally.fetched if what == "fetched" else tally.there
        rows.append({**entry, "link": url, "file": said.get("file", ""),
                     "note": said.get("note", "")})  # fmt: skip
        yield Progress("download", unit="MB", note=f"{said.get('file', '')}: {what}")
    elif what == "failed":
        item = without_secrets(url) or url[:200]
        item += f" ({entry['title']})" if entry.get("title") else ""
        tally.failed[item] = said["reason"]
        yield Progress("download", unit="MB", failed=(item, said["reason"]))


def _taken_in(catalogue: Catalogue, said: Answer, errand: Errand, folder: Path) -> dict[str, Any]:
    entry = said["entry"]
    path = Path(said["path"])
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        return {"say": "failed", "entry": entry, "reason": "its file is not where it belongs"}
    facts = {name: entry[name] for name in ("uploader", "date", "site") if entry[name]}
    origin = Origin(KIND, entry["url"], entry["key"], entry["title"], entry["licence"], facts)
    try:
        arrival = take_in(catalogue, path, entry["title"], origin, errand.params.max_minutes * 60)
    except CurationError as error:
        return {"say": "failed", "entry": entry, "reason": error.message}
    with suppress(OSError):
        path.parent.rmdir()
    note = "" if arrival.is_new else "the same video was already here"
    return {"say": "fetched", "entry": entry, "file": arrival.path.name, "note": note}


def folder_name(url: str) -> str:
    """Return what the folder of a link is called while it is fetched."""
    return hashlib.blake2b(url.encode(), digest_size=12).hexdigest()


@contextmanager
def incoming(catalogue: Catalogue, url: str) -> Iterator[Path]:
    """Hold the folder of one link, with what an earlier try left in it.

    Raises:
        CurationError: when another process is fetching the same link.
    """
    top = catalogue.root / FOLDER
    top.mkdir(mode=0o700, exist_ok=True)  # addresses of parts are kept beside them
    _sweep(top)
    folder = top / folder_name(url)
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CurationError("it is being fetched already") from None
        os.utime(folder)
        yield folder
        if not any(path.is_dir() for path in folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)  # nothing is left to go on with


def _sweep(top: Path) -> None:
    """Delete what nobody went on with for days."""
    for folder in top.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)
