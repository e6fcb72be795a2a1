"""What the doctor looks at; each check yields what it found, and what to type about it."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from curation.store.catalogue import Catalogue

State = Literal["ok", "warn", "bad"]
ROOT = Path(__file__).resolve().parents[2]
LEAST_PYTHON = (3, 11)
LITTLE_MEMORY_BYTES, LEAST_MEMORY_BYTES = 4 << 30, 2 << 30
LITTLE_FREE_BYTES, LEAST_FREE_BYTES = 10 << 30, 256 << 20
LEAST_SHARED_BYTES = 64 << 20
LEAST_FILES = 1024
SHORTEST_PASSWORD = 8
IMPORT_TIMEOUT_S = 180
MODULES = ("numpy", "cv2", "av", "PIL", "pandas", "sklearn", "fastapi", "gradio", "torch",
           "mediapipe")  # fmt: skip
"""What the program cannot do without and what needs libraries of the system."""

TRY = """
import importlib, json, os, sys
# Libraries talk while they load: to a stream of their own, so that the answers stay readable.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for name in sys.argv[1:]:
    print(json.dumps({"begin": name}), file=answers, flush=True)
    try:
        importlib.import_module(name)
        said = None
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps({"module": name, "error": said}), file=answers, flush=True)
if "torch" in sys.modules:
    import torch
    there = torch.cuda.is_available()
    gpu = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if there else []
    print(json.dumps({"gpu": gpu, "built": torch.version.cuda}), file=answers, flush=True)
if "av" in sys.modules:
    import av
    wanted = ("h264", "hevc", "vp9", "av1", "mpeg4", "prores")
    lacks = [name for name in wanted if name not in av.codecs_available]
    print(json.dumps({"lacks": lacks}), file=answers, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        said: what was found.
        next: what to type or change; "" when all is well.
    """

    name: str
    state: State
    said: str
    next: str = ""


def python() -> Iterator[Finding]:
    """Look at the interpreter."""
    said = f"{platform.python_version()} at {sys.executable}"
    wanted = ".".join(map(str, LEAST_PYTHON))
    if sys.version_info < LEAST_PYTHON or sys.maxsize < 2**32:
        yield Finding("python", "bad", said, f"install a 64-bit Python {wanted} or newer")
    elif sys.prefix == sys.base_prefix and not Path("/.dockerenv").exists():
        yield Finding("python", "warn", f"{said}, not a virtual environment", "make venv")
    else:
        yield Finding("python", "ok", said)


def machine() -> Iterator[Finding]:
    """Look at cores, memory, shared memory and open files."""
    import resource

    import psutil

    from curation.engine.machine import cores

    memory = min(psutil.virtual_memory().total, _cgroup_memory())
    said = f"{platform.system()} {platform.machine()}, {cores()} cores, {_size(memory)} of memory"
    if memory < LEAST_MEMORY_BYTES:
        yield Finding("machine", "bad", said, "give it 4 GB of memory or more")
    elif memory < LITTLE_MEMORY_BYTES:
        yield Finding("machine", "warn", said, "type --workers 1 with each verb")
    else:
        yield Finding("machine", "ok", said)
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).total < LEAST_SHARED_BYTES:
        yield Finding(
            "shared", "warn", f"/dev/shm holds {_size(shutil.disk_usage(shared).total)}",
            "docker run --shm-size 1g",
        )  # fmt: skip
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < LEAST_FILES:
        yield Finding("files", "warn", f"{files} files may be open at once", "ulimit -n 4096")


def _cgroup_memory() -> int:
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(name).read_text())
        except (OSError, ValueError):
            continue
    return sys.maxsize


def libraries() -> Iterator[Finding]:
    """Compare what is installed with what the program was tested with."""
    from importlib.metadata import PackageNotFoundError, version

    path = ROOT / "requirements.txt"
    if not path.is_file():
        return
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    pins = [line.split(";")[0].strip().split("==") for line in lines if "==" in line]
    lacking, other = [], []
    for name, wanted in pins:
        try:
            found = version(name.split("[")[0])
        except PackageNotFoundError:
            lacking.append(name)
            continue
        if found.split("+")[0] != wanted:
            other.append(f"{name} {found} (tested with {wanted})")
    type_this = f"{sys.executable} -m pip install -r requirements.txt"
    if lacking:
        said = f"{len(lacking)} of {len(pins)} are missing: {', '.join(lacking[:8])}"
        yield Finding("libraries", "bad", said, type_this)
    elif other:
        yield Finding("libraries", "warn", f"other versions: {', '.join(other[:8])}", type_this)
    else:
        yield Finding("libraries", "ok", f"all {len(pins)} are the ones it was tested with")


def models() -> Iterator[Finding]:
    """Look at the model files, byte for byte."""
    from curation.weights import SHELF

    names = SHELF.default_names()
    states = {name: SHELF.verify(name)[0] for name in names}
    bad = [f"{name} ({state})" for name, state in states.items() if state != "ok"]
    if bad:
        said = f"{len(bad)} of {len(names)}: {', '.join(bad)}"
        yield Finding("models", "bad", said, "python -m curation weights fetch")
    else:
        yield Finding("models", "ok", f"all {len(names)} are here and unchanged")


def disk(folder: Path) -> Iterator[Finding]:
    """Look at the room where the datastore is, or will be, and for temporary files."""
    for name, place in (("disk", _existing(folder)), ("temporary", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(place).free
        said = f"{_size(free)} free at {place}"
        least, little = LEAST_FREE_BYTES, LITTLE_FREE_BYTES if name == "disk" else LEAST_FREE_BYTES
        if free < least:
            yield Finding(name, "bad", said, "make room, or name another place with --datastore")
        elif free < little:
            yield Finding(name, "warn", said, "an hour of video takes about 2 GB of frames")
        else:
            yield Finding(name, "ok", said)


def datastore(folder: Path, every_byte: bool = False) -> Iterator[Finding]:
    """Try to write, lock and link in the datastore, and read its catalogue when there is one."""
    place = _existing(folder)
    try:
        _try_writing(place)
    except OSError as error:
        said = f"{place}: {error.strerror or error} (this process is user {os.getuid()})"
        yield Finding("datastore", "bad", said, f"chown -R {os.getuid()} {place}, or --datastore")
        return
    mode = place.stat().st_mode
    if place == folder.absolute() and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        said = f"everybody on this machine may write into {place}"
        yield Finding("datastore", "warn", said, f"chmod o-w {place}")
    else:
        yield Finding("datastore", "ok", f"{place} can be written and locked")
    yield from _catalogue(folder, every_byte)


def _try_writing(place: Path) -> None:
    import fcntl

    with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _catalogue(folder: Path, every_byte: bool) -> Iterator[Finding]:
    from curation.errors import CurationError
    from curation.store.catalogue import FILE_NAME, Catalogue

    if not (folder / FILE_NAME).is_file():
        return
    try:
        catalogue = Catalogue(folder)
        told = catalogue.quick_check()
        if not told:
            yield from _integrity(catalogue, every_byte)
        catalogue.close()
    except CurationError as error:
        yield Finding("catalogue", "bad", error.message, error.hint)
        return
    if told:
        yield Finding(
            "catalogue", "bad", f"{folder / FILE_NAME} is damaged: {told[0]}",
            "move it away; extraction makes a new one from the videos",
        )  # fmt: skip
    else:
        yield Finding("catalogue", "ok", f"{folder / FILE_NAME} is whole")
    yield from _readers(folder / FILE_NAME)


def _readers(path: Path) -> Iterator[Finding]:
    """Look at who else may read a catalogue: it names people, addresses and what they did."""
    files = [found for end in ("", "-wal", "-shm") if (found := Path(f"{path}{end}")).is_file()]
    if any(file.stat().st_mode & 0o077 for file in files):
        said = f"other users of this machine may read {path}"
        yield Finding("privacy", "warn", said, f"chmod go-rwx {shlex.quote(str(path))}*")


def _integrity(catalogue: Catalogue, every_byte: bool) -> Iterator[Finding]:
    """Compare the catalogue with its files: what a kill or a full disk may have left."""
    from curation.store.integrity import check

    found = list(check(catalogue, every_byte))
    bad = [problem for problem in found if problem.is_bad]
    for problem in found:
        state: State = "bad" if problem.is_bad else "warn"
        mend = "extract the videos again" if problem.is_bad else "extract, sort and rank go on"
        told = f"{problem.count} {problem.what}"
        yield Finding("integrity", state, told, problem.mend or mend)
    if not bad:
        yield Finding("integrity", "ok", "frames, pictures, thumbnails and marks fit together")


def port(host: str, number: int) -> Iterator[Finding]:
    """Try to listen where the studio would."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except (OSError, OverflowError) as error:
            said = f"{host}:{number} cannot be used: {getattr(error, 'strerror', '') or error}"
            free = _free_port()
            yield Finding("port", "bad", said, f"python app.py --port {free}")
            return
    yield Finding("port", "ok", f"{host}:{number} is free")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def door(env: Mapping[str, str]) -> Iterator[Finding]:
    """Look at how people get in; secrets themselves are never shown."""
    secrets = ("CURATION_PASSWORD", "CURATION_TOKEN")
    names = [n for n in secrets if env.get(n) or env.get(f"{n}_FILE")]
    short = [n for n in names if env.get(n) and len(env[n]) < SHORTEST_PASSWORD]
    if short:
        said = f"{short[0]} has {len(env[short[0]])} characters"
        yield Finding("door", "warn", said, f"choose {SHORTEST_PASSWORD} or more")
    elif names:
        yield Finding("door", "ok", f"{' and '.join(names)} set")
    else:
        yield Finding("door", "ok", "no password: it will listen on this machine only")
    key = env.get("CURATION_GCS_KEY")
    if key:
        path = Path(key)
        if not path.is_file():
            yield Finding("key", "bad", f"CURATION_GCS_KEY={key}: there is no such file")
        elif path.stat().st_mode & 0o077:
            yield Finding("key", "warn", f"others may read {key}", f"chmod 600 {key}")


def loading() -> Iterator[Finding]:
    """Load the libraries in a child, where one that crashes ends nothing; look for the GPU."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, *MODULES],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        timeout=IMPORT_TIMEOUT_S, check=False, text=True,
    )  # fmt: skip
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    begun = [one["begin"] for one in told if "begin" in one]
    ended = {one["module"]: one["error"] for one in told if "module" in one}
    failed = {name: why for name, why in ended.items() if why}
    if done.returncode and begun and begun[-1] not in ended:
        failed[begun[-1]] = f"its process ended with {done.returncode}"
    for name, why in failed.items():
        yield Finding("loading", "bad", f"{name}: {why}", "scripts/system-deps, then make venv")
    if not failed:
        yield Finding("loading", "ok", f"{', '.join(ended)} load")
    for one in told:
        if one.get("lacks"):
            said = f"this PyAV cannot decode {', '.join(one['lacks'])}"
            yield Finding("codecs", "warn", said, "pip install --force-reinstall av")
        if "gpu" in one:
            yield _gpu(one["gpu"], one["built"])


def _gpu(names: list[str], built: str | None) -> Finding:
    if names:
        return Finding("gpu", "ok", f"{', '.join(names)}, CUDA {built}")
    if shutil.which("nvidia-smi") and built is None:
        return Finding(
            "gpu", "warn", "there is a GPU, but this torch is built for the processor",
            "pip install --force-reinstall torch, from an index with CUDA builds",
        )  # fmt: skip
    if shutil.which("nvidia-smi"):
        return Finding("gpu", "warn", "there is a GPU that torch cannot use", "nvidia-smi")
    return Finding("gpu", "ok", "none; everything runs on the processor")


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place


def _size(count: float) -> str:
    return f"{count / (1 << 30):.1f} GB"
