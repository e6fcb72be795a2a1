"""Folders on the web: the lists that Apache, nginx, Caddy, Python and others make of them.

Only what lies below the address on the same server is listed; a link that leads elsewhere is not
followed. Bytes are those of the file that was listed as long as its ETag, else its date, says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from curation.places.place import Access, Changed, Place, PlaceError, RemoteFile
from curation.places.web import BLOCK, Reply, Web
from curation.public_only import AddressRefused, checked
from curation.sources import SUFFIXES

PAGE_BYTES = 8 << 20
MOST_FOLDERS, MOST_FILES, DEEPEST = 500, 20_000, 8


class WebFolder(Place):
    """What lies below https://HOST/FOLDER/, or one file of the web."""

    def __init__(self, url: str, access: Access) -> None:
        try:
            parts = checked(url)
        except AddressRefused as error:
            raise PlaceError(f"an address may not be asked: {error.message}") from None
        if parts.query or parts.fragment:
            raise PlaceError(
                "an address of a folder ends with / and has no ? or #",
                "python -m curation download URL is for pages of videos",
            )
        self.url = url
        self.web = Web(access.open_to)

    def close(self) -> None:
        """Close connections."""
        self.web.close()

    def listing(self) -> Iterator[RemoteFile]:
        """Yield the videos that lie there; of files that are none only the name is looked at."""
        if _is_video(self.url):
            yield self._look(self.url, unquote(self.url.rpartition("/")[2]))
            return
        top, found = "", 0
        waiting, seen = [(self.url, 0)], {self.url}
        while waiting:
            url, depth = waiting.pop(0)
            at, links = self._page(url)
            top = top or at
            for link in sorted(links):
                if not link.startswith(top) or link in seen or link == top:
                    continue
                seen.add(link)
                if link.endswith("/") and depth < DEEPEST and len(waiting) < MOST_FOLDERS:
                    waiting.append((link, depth + 1))
                elif _is_video(link):
                    found += 1
                    if found > MOST_FILES:
                        raise PlaceError(f"{self.url}: lists more than {MOST_FILES:,} videos")
                    yield self._look(link, unquote(link.removeprefix(top)))

    def _page(self, url: str) -> tuple[str, set[str]]:
        """Return where a list was found and what it names."""
        with self.web.ask(url, {"Accept": "text/html"}) as reply:
            _expect(reply, url, 200)
            if "html" not in reply.headers.get("content-type", ""):
                raise PlaceError(f"{url}: is no list of files")
            at = reply.url if reply.url.endswith("/") else reply.url.rpartition("/")[0] + "/"
            page = _Links(at)
            page.feed(reply.body(PAGE_BYTES).decode("utf-8", "replace"))
        return at, page.found

    def _look(self, url: str, name: str) -> RemoteFile:
        """Ask for the first byte: tells size and version, and whether parts can be asked for."""
        with self.web.ask(url, {"Range": "bytes=0-0"}) as reply:
            _expect(reply, url, 200, 206, 416)
            said = reply.headers
            if reply.status == 200:
                size, ranged = said.get("content-length", ""), False
            else:
                size, ranged = said.get("content-range", "").rpartition("/")[2], True
            if reply.status != 200:
                reply.body(BLOCK)
        if not size.isdecimal():
            raise PlaceError(f"{url}: its server does not tell its size")
        return RemoteFile(url, name, int(size), _version(said), "", ranged)

    def find(self, file: RemoteFile) -> RemoteFile:
        """Return what is known of one file now."""
        return self._look(file.url, file.name)

    def read(self, file: RemoteFile, start: int, stop: int) -> bytes:
        """Return a part of a file."""
        asked = {"Range": f"bytes={start}-{stop - 1}"}
        with self.web.ask(file.url, asked, most_bytes=stop - start) as reply:
            self._same(reply, file, start, True)
            data = reply.body(stop - start)
        if len(data) != stop - start:
            raise PlaceError(f"{file.url}: {len(data):,} bytes came instead of {stop - start:,}")
        return data

    def stream(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """Yield the bytes of a file in one answer; its server may not know ranges."""
        asked = {"Range": f"bytes={start}-"} if start else {}
        left = file.size_bytes - start
        with self.web.ask(file.url, asked, most_bytes=left) as reply:
            self._same(reply, file, start, bool(asked))
            for block in reply.blocks:
                left -= len(block)
                if left < 0:
                    raise Changed(f"{file.url}: is longer than it was")
                yield block

    def _same(self, reply: Reply, file: RemoteFile, start: int, part_asked: bool) -> None:
        """Refuse an answer that is of another file, or another part of it."""
        _expect(reply, file.url, 200, 206)
        if _version(reply.headers) != file.version:
            raise Changed(f"{file.url}: it was replaced meanwhile")
        part = reply.headers.get("content-range", "")
        if reply.status == 206 and not part.startswith(f"bytes {start}-"):
            raise PlaceError(f"{file.url}: another part came than was asked for")
        if reply.status == 200 and part_asked:
            raise PlaceError(f"{file.url}: its server sends it from the beginning")


class _Links(HTMLParser):
    """The addresses that a list names."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base, self.found = base, set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a link; those with ? are the list's own, to sort it."""
        href = dict(attrs).get("href") if tag == "a" else None
        if not href:
            return
        try:
            parts = urlsplit(urljoin(self.base, href.strip()))
        except ValueError:
            return
        names = [unquote(part) for part in parts.path.split("/")]
        if parts.scheme in ("http", "https") and not parts.query and ".." not in names:
            self.found.add(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")))


def _is_video(url: str) -> bool:
    name = unquote(urlsplit(url).path.rpartition("/")[2]).lower()
    return any(name.endswith(suffix) for suffix in SUFFIXES) and not name.startswith(".")


def _version(headers: Mapping[str, str]) -> str:
    return headers.get("etag") or headers.get("last-modified") or ""


def _expect(reply: Reply, url: str, *wanted: int) -> None:
    if reply.status not in wanted:
        raise PlaceError(f"{url}: its server answers {reply.status}")
