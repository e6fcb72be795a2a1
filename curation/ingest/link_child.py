"""The program that talks to strangers' servers: yt-dlp behind a fence, in a process of its own.

Started by `links` with one JSON request on its standard input; it answers with JSON lines and ends.
It loads nothing but video bytes into its folder, under names that are made here. No setting of
yt-dlp comes from a user, a file or the environment: the table below is all there is.

    {"url", "folder", "download", "known": [archive keys], "most", "most_bytes", "most_s",
     "height", "timeout_s", "retries", "open_to": [[address, port]]}     open_to: tests alone
    {"say": "found" | "there" | "progress" | "file" | "failed" | "end", ...}
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.networking._urllib import UrllibRH

from curation.ingest.fence import Fenced, end_with_parent, limit, raise_fence
from curation.public_only import (
    AddressRefused,
    checked,
    text_without_secrets,
    told_apart,
    without_secrets,
)

MEMORY_BYTES, CPU_S = 2 << 30, 4 * 3600
PAGE_BYTES = 32 << 20
"""Largest page or playlist that is read as a whole; videos are written as they come."""
BEAT_S = 0.3
LONGEST_TEXT = 300
FORMATS_SHOWN = 12
NAME = "video.media"
PROTOCOLS = r"[protocol~='^(https?|m3u8_native|m3u8|http_dash_segments)$']"
FORMAT = f"bv*{PROTOCOLS}/b{PROTOCOLS}"
"""One file with pictures, never two to be merged: sound is not needed, so FFmpeg is not either."""
LIVE = ("is_live", "is_upcoming", "post_live")


class Refused(yt_dlp.utils.DownloadCancelled):  # type: ignore[misc]
    """What this program will not fetch; the message says why."""


class WebOnlyRH(UrllibRH):  # type: ignore[misc]
    """Python's own HTTP, and nothing else: no data:, ftp: or file:, no proxy, no C library."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")
    _SUPPORTED_PROXY_SCHEMES = ()
    RH_NAME = "web-only"


def settings(request: Mapping[str, Any], progress: Any) -> dict[str, Any]:
    """Return every setting of yt-dlp; what is off by default is said again where it matters."""
    nothing = str(Path(request["folder"]) / "no-such-program")
    return {
        "format": FORMAT, "format_sort": [f"res:{request['height']}"],
        "outtmpl": {"default": "unset"}, "paths": {}, "restrictfilenames": True,
        "noplaylist": True, "playlistend": request["most"], "lazy_playlist": True,
        "max_filesize": request["most_bytes"], "continuedl": True, "nopart": False,
        "updatetime": False, "cachedir": False, "quiet": True, "noprogress": True,
        "no_warnings": True, "color": "never", "logger": _Silent(), "progress_hooks": [progress],
        "socket_timeout": request["timeout_s"], "retries": request["retries"],
        "fragment_retries": request["retries"], "extractor_retries": request["retries"],
        "file_access_retries": 0, "skip_unavailable_fragments": False, "keep_fragments": False,
        "concurrent_fragment_downloads": 1, "proxy": "", "geo_bypass": False,
        "default_search": "error", "enable_file_urls": False, "nocheckcertificate": False,
        "allow_unplayable_formats": False, "fixup": "never", "postprocessors": [],
        "hls_prefer_native": True, "external_downloader": {}, "ffmpeg_location": nothing,
        "usenetrc": False, "netrc_cmd": None, "cookiefile": None, "cookiesfrombrowser": None,
        "writeinfojson": False, "writethumbnail": False, "writesubtitles": False,
        "js_runtimes": {}, "remote_components": [], "extractor_args": {}, "compat_opts": set(),
        "live_from_start": False, "wait_for_video": None, "ignoreerrors": False,
    }  # fmt: skip


class _Silent:
    """yt-dlp's words are not for anybody: errors reach the caller as exceptions."""

    def debug(self, _: str) -> None: ...
    def warning(self, _: str) -> None: ...
    def error(self, _: str) -> None: ...


class Loader(yt_dlp.YoutubeDL):  # type: ignore[misc]
    """yt-dlp with one way to the network, where every request is looked at."""

    tags: Path | None = None
    """Where to keep what tells whether a file is still the same; None while looking at pages."""

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """Leave out every handler but one: some would go round the fence, in C."""
        return super().build_request_director([WebOnlyRH])

    def urlopen(self, req: Any) -> Any:
        """Ask, with all addresses checked and pages of bounded size."""
        request = yt_dlp.networking.Request(req) if isinstance(req, str) else req
        try:
            checked(request.url)
        except AddressRefused as error:
            raise Refused(f"{_short(request.url)}: {error.message}") from None
        place = urlsplit(request.url).path
        known = self._known()
        if "Range" in request.headers and known.get(place):
            request.headers["If-Range"] = known[place]
        reply = super().urlopen(request)
        if self.tags is not None and reply.status == 200:
            tag = reply.headers.get("ETag") or ""
            # A weak tag does not promise the same bytes.
            sound = "" if tag.startswith("W/") else tag
            tag = sound or reply.headers.get("Last-Modified") or ""
            self.tags.write_text(json.dumps({place: tag}))
        read = reply.read

        def bounded(amount: int | None = None) -> bytes:
            if amount is not None:
                return bytes(read(amount))
            data = bytes(read(PAGE_BYTES + 1))
            if len(data) > PAGE_BYTES:
                raise Refused(f"{_short(request.url)} sends a page of more than 32 MB")
            return data

        reply.read = bounded
        return reply

    def _known(self) -> dict[str, str]:
        try:
            found = json.loads(self.tags.read_text()) if self.tags is not None else {}
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def archive_key(info: Mapping[str, Any]) -> str:
    """Return what a video is called where it came from, the same for every way of writing its URL.

    The generic extractor makes its ids from file names, so there the address counts.
    """
    site = str(info.get("extractor_key") or info.get("ie_key") or "")
    if site in ("", "Generic", "HTML5MediaEmbed"):
        given = str(info.get("webpage_url") or info.get("url") or "")
        url, number, apart = without_secrets(given), info.get("playlist_index"), told_apart(given)
        digest = hashlib.blake2b(apart.encode(), digest_size=8).hexdigest() if apart else ""
        return " ".join(filter(None, ["web", url, digest, str(number or "")]))
    return f"{site.lower()} {info.get('id')}"


def entry_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told about one video: plain values, texts bounded, no secrets."""
    said: dict[str, Any] = {
        "key": archive_key(info)[:1000],
        "title": _text(info.get("title")) or "video",
        "uploader": _text(info.get("uploader") or info.get("channel")),
        "licence": _text(info.get("license")),
        "date": _text(info.get("upload_date")),
        "site": _text(info.get("extractor_key")),
        "url": without_secrets(str(info.get("webpage_url") or info.get("url") or "")),
        "duration_s": _number(info.get("duration")),
        "size_bytes": _number(info.get("filesize") or info.get("filesize_approx")),
        "width": _number(info.get("width")), "height": _number(info.get("height")),
        "fps": _number(info.get("fps")), "codec": _text(info.get("vcodec")),
        "live": info.get("live_status") in LIVE or bool(info.get("is_live")),
    }  # fmt: skip
    rows = [one for one in info.get("formats") or [] if one.get("vcodec") != "none"]
    said["formats"] = [
        {"width": _number(one.get("width")), "height": _number(one.get("height")),
         "codec": _text(one.get("vcodec")), "ext": _text(one.get("ext")),
         "size_bytes": _number(one.get("filesize") or one.get("filesize_approx"))}
        for one in rows[-FORMATS_SHOWN:]
    ]  # fmt: skip
    return said | {"n_formats": len(rows)}


def _text(value: Any) -> str:
    kept = "".join(c if c.isprintable() else " " for c in str(value or ""))
    return " ".join(kept.split())[:LONGEST_TEXT]


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and 0 <= value < 1e15 else None


def _short(url: str) -> str:
    return without_secrets(url)[:200] or "an address"


class Work:
    """One request, from the first page to the last byte."""

    def __init__(self, request: Mapping[str, Any], out: IO[str]) -> None:
        self.request, self.out = request, out
        self.folder = Path(request["folder"])
        self._said_at = 0.0
        self.loader = Loader(settings(request, self._progress), auto_init=False)
        self.loader.add_default_info_extractors()

    def say(self, what: str, **more: Any) -> None:
        """Tell the parent."""
        self.out.write(json.dumps({"say": what, **more}) + "\n")
        self.out.flush()

    def run(self) -> None:
        """Look at the link, and fetch what it names when that is wanted."""
        checked(self.request["url"])
        info = self.loader.extract_info(self.request["url"], download=False)
        for one in self._entries(info):
            entry = entry_of(one)
            if entry["key"] in self.request["known"]:
                self.say("there", entry=entry)
                continue
            try:
                entry["size_bytes"] = entry["size_bytes"] or self._size(one)
                self._permit(entry)
                self.say("found", entry=entry)
                if self.request["download"]:
                    self.say("file", entry=entry, path=str(self._fetch(one, entry)))
            except Refused as error:
                self.say("failed", entry=entry, reason=str(error))

    def _entries(self, info: Any) -> Iterator[dict[str, Any]]:
        if not isinstance(info, dict):
            raise Refused("no video is found there")
        if info.get("_type", "video") == "video":
            yield info
            return
        for one in list(info.get("entries") or ())[: self.request["most"]]:
            if isinstance(one, dict):
                yield from self._entries(one)

    def _size(self, info: Mapping[str, Any]) -> float | None:
        """Return the size that the server tells of a plain file, None when it does not."""
        if info.get("protocol") not in ("http", "https") or not info.get("url"):
            return None
        headers = {**(info.get("http_headers") or {}), "Accept-Encoding": "identity"}
        request = yt_dlp.networking.HEADRequest(info["url"], headers=headers)
        try:
            length = self.loader.urlopen(request).headers.get("Content-Length") or ""
        except yt_dlp.networking.exceptions.RequestError:
            return None
        return float(length) if length.isdecimal() else None

    def _permit(self, entry: Mapping[str, Any]) -> None:
        most_bytes, most_s = self.request["most_bytes"], self.request["most_s"]
        if entry["live"]:
            raise Refused("it is live; come back when it has ended")
        if (entry["duration_s"] or 0) > most_s:
            raise Refused(
                f"it lasts {entry['duration_s'] / 60:,.0f} minutes; at most {most_s / 60:,.0f} are"
                " fetched (--max-minutes)"
            )
        if (entry["size_bytes"] or 0) > most_bytes:
            raise Refused(_too_large(entry["size_bytes"], most_bytes))

    def _fetch(self, info: dict[str, Any], entry: Mapping[str, Any]) -> Path:
        digest = hashlib.blake2b(entry["key"].encode(), digest_size=12).hexdigest()
        folder = self.folder / digest
        folder.mkdir(exist_ok=True)
        path = folder / NAME
        part, self.loader.tags = folder / f"{NAME}.part", folder / "tags.json"
        direct = info.get("protocol") in ("http", "https")
        if direct and part.exists() and not any(self.loader._known().values()):
            part.unlink()  # nothing would tell whether the rest belongs to it
        self.loader.params["outtmpl"] = {"default": str(path)}
        # Only the one file is wanted: what a page says about names or sizes of files is not.
        plain = {**info, "ext": "mp4", "requested_downloads": None, "_filename": None}
        self.loader.process_ie_result(plain, download=True)
        if not path.is_file():
            raise Refused(_too_large(None, self.request["most_bytes"]))
        self.loader.tags.unlink(missing_ok=True)
        self.loader.tags = None
        return path

    def _progress(self, now: Mapping[str, Any]) -> None:
        done = int(now.get("downloaded_bytes") or 0)
        total = int(now.get("total_bytes") or now.get("total_bytes_estimate") or 0)
        if done > self.request["most_bytes"]:
            raise Refused(_too_large(None, self.request["most_bytes"]))
        if time.monotonic() - self._said_at > BEAT_S:
            self._said_at = time.monotonic()
            self.say("progress", bytes=done, total=total)


def _too_large(size_bytes: float | None, most_bytes: int) -> str:
    has = "more" if size_bytes is None else f"{size_bytes / 1e9:,.2f} GB"
    return f"it has {has}; at most {most_bytes / 1e9:,.2f} GB are fetched (--max-gb)"


def why(error: BaseException, refusals: list[str]) -> str:
    """Return in one line why a link failed; what the fence stopped comes first."""
    if refusals:
        return refusals[0]
    chain = list(_chain(error))
    if any(isinstance(one, MemoryError) for one in chain):
        return "its pages need more memory than is given to them"
    for one in chain:
        said = _text(getattr(one, "orig_msg", None) or one).removeprefix("ERROR: ")
        said = said.partition("; please report this issue")[0].partition(" (caused by ")[0]
        if said:
            return text_without_secrets(said)
    return type(chain[-1]).__name__


def _chain(error: Any) -> Iterator[BaseException]:
    """Yield an error and what it was made of, as yt-dlp wraps them."""
    for _ in range(8):
        if not isinstance(error, BaseException):
            return
        yield error
        inner = getattr(error, "unexpected_errors", None) or getattr(error, "exc_info", None)
        if isinstance(inner, tuple):
            inner = inner[1:2]
        error = inner[0] if inner else getattr(error, "cause", None) or error.__cause__


def main() -> int:
    """Do one request; the exit code is 0 when its end was told."""
    request = json.loads(sys.stdin.read())
    # Whatever prints goes to the log, so that only this program's lines reach the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    end_with_parent()
    limit(request["most_bytes"] + (64 << 20), MEMORY_BYTES, CPU_S)
    open_to = {(str(host), int(port)) for host, port in request["open_to"]}
    refusals = raise_fence(Path(request["folder"]), (), open_to)
    work = Work(request, out)
    try:
        work.run()
    except (Exception, Fenced) as error:
        work.say("failed", reason=why(error, refusals))
    work.say("end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
