"""fetch: pictures from a list of addresses, safely.

Pictures only; pages, videos and search engines are left to other programs. What a stranger's
server can do is bounded by `safe_http`; what it sends counts as a picture only when it can be
decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation import public_only
from curation.engine.machine import require_space
from curation.errors import CurationError, ImageUnreadable, InputError, NoSpace, ParamError
from curation.params import Params, tunable
from curation.photos import decode, formats
from curation.records import Progress
from curation.toolkit import safe_http
from curation.toolkit.pixels import SUFFIX
from curation.toolkit.plan import Plan, Write
from curation.toolkit.safe_http import Busy, FetchError, Limits
from curation.toolkit.verbs import Beats, Context, Verb

MOST_LIST_BYTES = 1 << 28
PER_HOST = 4
PATIENCE = 5
"""Times a host may ask to come back later before it is left alone."""
FIRST_WAIT_S = 2.0
ENDINGS = {**SUFFIX, formats.AVIF: ".avif", formats.HEIF: ".heic", formats.GIF: ".gif"}


class FetchParams(Params):
    """Which pictures are fetched."""

    to: str = tunable("", "folder that the pictures go to", basic=True, required=True)
    input: str = tunable(
        "", "list of addresses: .txt with one a line, # for comments, or .jsonl with objects of "
        "url, license, width, height ...", short="-i", basic=True, required=True,
    )  # fmt: skip
    min_size: int = tunable(
        512, "least longer side, where the list says how large a picture is", ge=0, unit="px",
        short="-s", basic=True,
    )  # fmt: skip
    license: str = tunable(
        "", "only what the list says has a licence beginning so", short="-l", basic=True
    )
    max_mb: int = tunable(50, "largest file", ge=1, le=2000, unit="MB", basic=True)
    timeout: float = tunable(
        30.0, "longest silence of a server", ge=1, le=600, unit="s", short="-t"
    )
    force: bool = tunable(False, "fetch what is there already, too", short="-f")
    max_wait: float = tunable(
        60.0, "longest that a busy server is waited for, each time", ge=0, le=3600, unit="s",
        short="-W",
    )  # fmt: skip
    no_wait: bool = tunable(False, "leave out what busy servers do not send at once")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One address of the list.

    Attributes:
        name: of the file, without its suffix: md5 of the address, in hex.
        sidecar: what is known of it.
    """

    url: str
    name: str
    host: str
    sidecar: Mapping[str, Any]


def run(ctx: Context, params: FetchParams) -> Beats:
    """Fetch into .curation/fetch, then let the plan put what came into --to."""
    if params.no_wait and params.max_wait != FetchParams.model_fields["max_wait"].default:
        raise ParamError("--no-wait and --max-wait exclude each other")
    to, plan = ctx.target(params.to), ctx.plan()
    listed, counts = _listed(ctx, params, plan)
    there = {path.stem for path in to.rglob("*") if path.is_file()} if to.is_dir() else set()
    todo = [one for one in listed if params.force or one.name not in there]
    counts["there"] = len(listed) - len(todo)
    if ctx.dry_run:
        for one in todo:
            plan.add(Write(to / _guess(one), b"", one.url))
        yield from ctx.carry_out(plan, listed=len(listed), **counts)
        return
    place = ctx.workdir.ours / "fetch"
    place.mkdir(parents=True, exist_ok=True)
    require_space(place)
    came = yield from _fetched(ctx, params, todo, place, plan)
    for one, file, kind in came:
        name = one.name + ENDINGS[kind]
        plan.add(
            Write(
                to / name,
                make=file.read_bytes,
                sidecar=one.sidecar,
                reason=one.url,
                replace=params.force and (to / name).exists(),
            )
        )
    counts["fetched"] = len(came)
    yield from ctx.carry_out(plan, listed=len(listed), **counts)
    for one, file, kind in came:
        if (to / (one.name + ENDINGS[kind])).exists():
            file.unlink(missing_ok=True)
            file.with_name(f"{one.name}.part.json").unlink(missing_ok=True)


def _guess(one: Wanted) -> str:
    kind = formats.promised(Path(urlsplit(one.url).path).suffix)
    return one.name + ENDINGS.get(kind or formats.JPEG, ".jpg")


# -- the list -------------------------------------------------------------------------------------


def _listed(
    ctx: Context, params: FetchParams, plan: Plan
) -> tuple[list[Wanted], dict[str, int]]:
    """Return the addresses of the list, each once; lines that are none fail in the plan.

    Raises:
        InputError: when the list cannot be read or holds nothing.
    """
    path = ctx.workdir.root / params.input
    if path.suffix.lower() not in (".txt", ".jsonl"):
        raise InputError(f"{path} is neither .txt nor .jsonl", "one address a line")
    try:
        if path.stat().st_size > MOST_LIST_BYTES:
            raise InputError(f"{path} is larger than {MOST_LIST_BYTES >> 20} MB", "split it")
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", "check --input") from error
    found: dict[str, Wanted] = {}
    counts = {"too_small": 0, "other_license": 0}
    for number, record in _records(path.suffix.lower() == ".jsonl", lines):
        where = f"{params.input}:{number}"
        if isinstance(record, str):
            plan.fail(where, record)
            continue
        url = str(record["url"]).strip()
        try:
            host = safe_http.checked(url).hostname or ""
        except FetchError as error:
            plan.fail(where, f"{url[:200]}: {error.message}")
            continue
        sides = [_number(record.get("width")), _number(record.get("height"))]
        licence = str(record.get("license") or "none")
        if 0 < max(sides) < params.min_size:
            counts["too_small"] += 1
        elif not licence.casefold().startswith(params.license.casefold()):
            counts["other_license"] += 1
        else:
            name = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()
            about = {"source": str(record.get("engine") or record.get("source") or host)}
            about |= {"origin": url, "license": licence}
            found.setdefault(name, Wanted(url, name, host, about))
    if not found and not plan.failed and not any(counts.values()):
        raise InputError(f"{path} holds no address", "one a line")
    return list(found.values()), counts


def _records(
    jsonl: bool, lines: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the line's number and its record, or what is wrong with it."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not jsonl:
            yield number, {"url": text.split(" #")[0]}
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield number, f"is not JSON: {str(error)[:80]}"
            continue
        if isinstance(record, dict) and isinstance(record.get("url"), str):
            yield number, record
        else:
            yield number, "has no url"


def _number(value: object) -> float:
    """Return a number, 0 for anything else."""
    real = isinstance(value, int | float) and value == value
    return float(value) if real else 0.0  # type: ignore[arg-type]


# -- fetching -------------------------------------------------------------------------------------


class _Hosts:
    """How hosts are treated: few at once, and left alone when they ask for it often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Semaphore] = {}
        self._asked: dict[str, int] = {}
        self.stop = threading.Event()

    def gate(self, host: str) -> threading.Semaphore:
        with self._lock:
            return self._gates.setdefault(host, threading.Semaphore(PER_HOST))

    def busy(self, host: str) -> None:
        with self._lock:
            self._asked[host] = self._asked.get(host, 0) + 1

    def well(self, host: str) -> None:
        with self._lock:
            self._asked.pop(host, None)

    def gave_up(self, host: str) -> bool:
        with self._lock:
            return self._asked.get(host, 0) >= PATIENCE


def _fetched(
    ctx: Context, params: FetchParams, todo: Sequence[Wanted], place: Path, plan: Plan
) -> Generator[Progress, None, list[tuple[Wanted, Path, str]]]:
    """Return (address, file, format) of what came, in the order of the list."""
    hosts = _Hosts()
    came: dict[str, tuple[Wanted, Path, str]] = {}
    with ThreadPoolExecutor(ctx.workers or 8) as pool:
        work = {pool.submit(_one, ctx, params, one, place, hosts): one for one in todo}
        try:
            for i, done in enumerate(as_completed(work), start=1):
                one = work[done]
                failed = None
                try:
                    came[one.name] = (one, *done.result())
                except NoSpace:
                    raise
                except Exception as error:  # one address must not cost the others
                    said = error.message if isinstance(error, CurationError) else repr(error)
                    plan.fail(one.url, said)
                    failed = (one.url, said)
                yield Progress(ctx.verb, i, len(todo), "pictures", failed=failed, note=one.host)
        finally:
            hosts.stop.set()
            pool.shutdown(cancel_futures=True)
    return [came[one.name] for one in todo if one.name in came]


def _one(
    ctx: Context, params: FetchParams, one: Wanted, place: Path, hosts: _Hosts
) -> tuple[Path, str]:
    """Return the file of a picture that came whole, and its format.

    Raises:
        FetchError: when it did not come.
        ImageUnreadable: when what came is no picture.
    """
    part = place / f"{one.name}.part"
    done = place / f"{one.name}.done"
    # Only tests give this: addresses of this machine, on which their server listens.
    inside = frozenset(ctx.extra.get("fetch_from", ()))
    limits = Limits(params.max_mb << 20, params.timeout)
    wait_s = FIRST_WAIT_S
    while not done.exists():
        if hosts.stop.is_set():
            raise FetchError("stopped")
        if hosts.gave_up(one.host):
            raise FetchError(f"{one.host} asks to be left alone; type the command again later")
        try:
            with hosts.gate(one.host):
                safe_http.download(
                    one.url, part, limits, lambda ip: public_only.public(ip) or ip in inside
                )
        except Busy as busy:
            hosts.busy(one.host)
            asked = wait_s if busy.wait_s is None else busy.wait_s
            if params.no_wait or asked > params.max_wait:
                raise FetchError(f"{busy.message} and asks to wait {asked:.0f} s") from None
            hosts.stop.wait(asked)
            wait_s *= 2
            continue
        hosts.well(one.host)
        part.replace(done)
    try:
        return done, _checked(done)
    except ImageUnreadable:
        with contextlib.suppress(OSError):
            done.unlink()
            part.with_name(part.name + ".json").unlink()
        raise


def _checked(file: Path) -> str:
    """Return the format of what came, all of which must be readable.

    Raises:
        ImageUnreadable: saying what it is instead.
    """
    data = file.read_bytes()
    kind = formats.found(data[:32])
    if kind is None or kind not in ENDINGS:
        page = data[:512].lstrip()[:1] == b"<"
        raise ImageUnreadable("sends a page, not a picture" if page else "sends no picture")
    if missing := formats.missing_library(kind):
        raise ImageUnreadable(missing)
    decode.pixels(decode.opened(kind, data), 256)
    return kind


VERB = Verb(
    "fetch",
    FetchParams,
    run,
    "Fetch the pictures of a list of addresses, from public servers only.",
)
