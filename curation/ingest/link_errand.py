"""One link, asked by a fenced process: how it is started, what it may cost, how it is ended."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.engine.machine import require_space
from curation.params import Params, tunable
from curation.public_only import AddressRefused, checked, why_not_name, why_not_port

LONGEST_LINE = 1 << 20
LOOK_EVERY_S = 0.5


class LinkParams(Params):
    """download: what a link may cost."""

    max_gb: float = tunable(10.0, "largest file that is fetched", ge=0.001, le=200, unit="GB",
                            basic=True)  # fmt: skip
    max_minutes: float = tunable(240.0, "longest video that is fetched", ge=0.1, le=2880,
                                 unit="min", basic=True)  # fmt: skip
    max_height: int = tunable(2160, "height of the picture that is preferred over larger ones",
                              ge=144, le=4320, unit="px", basic=True)  # fmt: skip
    most_videos: int = tunable(1, "videos taken of a link that names several", ge=1, le=50,
                               basic=True)  # fmt: skip
    max_hours: float = tunable(6.0, "time after which one link is given up", ge=0.01, le=48,
                               unit="h")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patience:
    """How long strangers' servers are waited for.

    Attributes:
        socket_s: for an answer to one request.
        look_s: for all that is told about a link before its bytes come.
        stall_s: span over which slowest_bytes_s must be held, and in which there must be a word.
    """

    socket_s: float = 20.0
    look_s: float = 120.0
    stall_s: float = 60.0
    slowest_bytes_s: float = 2000.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Errand:
    """How links are asked: `open_to` lets tests ask servers of this machine.

    Attributes:
        open_to: (address, port) pairs; no option, file or variable leads here.
    """

    params: LinkParams = field(default_factory=LinkParams)
    patience: Patience = field(default_factory=Patience)
    open_to: tuple[tuple[str, int], ...] = ()

    def why_not(self, url: str) -> str:
        """Return why an address is not asked at all, "" when it may be tried."""
        try:
            parts = checked(url)
        except AddressRefused as error:
            return error.message
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if (host, port) in self.open_to:
            return ""
        return why_not_name(host) or why_not_port(port)



def asked(
    url: str, errand: Errand, folder: Path, disk: Path | None, known: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield what the child says about one link, ended when it costs too much.

    Args:
        disk: where bytes are kept; None only looks.
    """
    if why := errand.why_not(url):
        yield {"say": "failed", "reason": why}
        return
    params, patience = errand.params, errand.patience
    request = {
        "url": url, "folder": str(folder), "download": disk is not None, "known": list(known),
        "most": params.most_videos, "most_bytes": int(params.max_gb * 1e9),
        "most_s": params.max_minutes * 60, "height": params.max_height,
        "timeout_s": patience.socket_s, "retries": patience.retries, "open_to": errand.open_to,
    }  # fmt: skip
    with (folder / "log.txt").open("wb") as log, _child(folder, log) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(json.dumps(request).encode())
        child.stdin.close()
        watch = _Watch(errand, folder, disk)
        for said in _lines(child, watch):
            if said["say"] == "end":
                return
            yield watch.heard(said)
        reason = watch.why or _ended(child.wait(), folder)
        yield {"say": "failed", "reason": reason}


@contextmanager
def _child(folder: Path, log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child with nothing of our environment but where Python finds its packages."""
    home = str(folder)
    env = {
        "HOME": home, "TMPDIR": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home,
        "XDG_DATA_HOME": home, "PATH": "", "LANG": "C.UTF-8", "YTDLP_NO_PLUGINS": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    env |= {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")
            if name in os.environ}  # fmt: skip
    # -P: no file of the folder is ever taken for a module. -s: nor is one of the user's home.
    words = [sys.executable, "-P", "-s", "-m", "curation.ingest.link_child"]
    child = subprocess.Popen(
        words, cwd=home, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


class _Watch:
    """What a child costs while it works."""

    def __init__(self, errand: Errand, folder: Path, disk: Path | None) -> None:
        self.errand, self.folder, self.disk = errand, folder, disk
        self.why = ""
        now = time.monotonic()
        self._end = now + (errand.params.max_hours * 3600 if disk else errand.patience.look_s)
        self._heard_at, self._marks = now, [(now, 0)]
        self._loading = False

    def heard(self, said: dict[str, Any]) -> dict[str, Any]:
        """Take note of a word; progress is returned with its rate."""
        now = time.monotonic()
        if said["say"] != "progress":
            self._marks, self._loading = [(now, 0)], False
            self._heard_at = now
            return said
        if not self._loading or said["bytes"] < self._marks[-1][1]:
            self._marks, self._loading = [(now, said["bytes"])], True
        self._heard_at = now
        self._marks.append((now, said["bytes"]))
        while len(self._marks) > 2 and now - self._marks[1][0] > self.errand.patience.stall_s:
            self._marks.pop(0)
        (t0, b0), (t1, b1) = self._marks[0], self._marks[-1]
        return {**said, "rate_per_s": (b1 - b0) / 1e6 / (t1 - t0) if t1 > t0 + 0.2 else None}

    def too_much(self) -> bool:
        """Return whether the child must be ended; `why` says it.

        Raises:
            NoSpace: when the disk is nearly full.
        """
        now, patience = time.monotonic(), self.errand.patience
        (t0, b0), (_, b1) = self._marks[0], self._marks[-1]
        silence_s = patience.stall_s if self._loading else max(patience.look_s, patience.stall_s)
        if now > self._end:
            self.why = "it takes too long" + (" (--max-hours)" if self.disk else "")
        elif now - self._heard_at > silence_s:
            self.why = f"its server has not answered for {silence_s:.0f} s"
        elif self._loading and now - t0 > patience.stall_s and (
            b1 - b0 < patience.slowest_bytes_s * (now - t0)
        ):
            self.why = f"its server sends less than {patience.slowest_bytes_s:,.0f} bytes a second"
        elif _size_of(self.folder) > self.errand.params.max_gb * 1e9 * 1.02 + (64 << 20):
            self.why = f"it has more than {self.errand.params.max_gb:g} GB (--max-gb)"
        if self.disk is not None and not self.why:
            require_space(self.disk)
        return bool(self.why)


def _lines(child: subprocess.Popen[bytes], watch: _Watch) -> Iterator[dict[str, Any]]:
    """Yield the child's words until it ends or costs too much."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        while not watch.too_much():
            if not ready.select(LOOK_EVERY_S):
                continue
            piece = os.read(child.stdout.fileno(), 1 << 16)
            if not piece or len(rest) > LONGEST_LINE:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                with suppress(ValueError):
                    said = json.loads(line)
                    if isinstance(said, dict) and "say" in said:
                        yield said


def _ended(code: int, folder: Path) -> str:
    """Return how a child died that did not tell its end."""
    how = f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
    tail = (folder / "log.txt").read_text(errors="replace").strip().splitlines()[-1:]
    return f"the process that fetched it was {how}" + (f": {tail[0][:200]}" if tail else "")


def _size_of(folder: Path) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(top) / name).lstat().st_size
    return total
