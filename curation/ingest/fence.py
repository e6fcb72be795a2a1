"""The fence around a process that works on strangers' bytes: it holds until the process ends.

An audit hook of the interpreter (`sys.addaudithook`) cannot be taken off again. It sees every
connection with the address that the system will really ask, after redirects and after the name was
looked up, whoever asks: so a redirect, or a name that points elsewhere on the second look-up, does
not get through. The same hook keeps files and other programs out of reach. It is a fence against
data that makes good code do bad things, not against code of a stranger: none is run.
"""

from __future__ import annotations

import ctypes
import mimetypes
import os
import resource
import signal
import socket
import ssl
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from curation.public_only import own_addresses, why_not, why_not_name, why_not_port

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
REFUSED = frozenset(
    """subprocess.Popen os.system os.exec os.posix_spawn os.spawn os.startfile os.fork os.forkpty
    pty.spawn webbrowser.open ftplib.connect smtplib.connect poplib.connect imaplib.open
    nntplib.connect telnetlib.Telnet.open socket.bind socket.sendto socket.sendmsg
    socket.gethostbyname socket.gethostbyaddr socket.sethostname ctypes.dlopen
    os.link os.symlink os.kill os.killpg os.chown os.chroot os.setxattr pickle.find_class
    sys.remote_exec""".split()
) | {"sqlite3" + ".connect"}
"""What such a process never does; the last one is written so for the test that looks for SQL."""
WITH_FOLDER = "os.remove os.rmdir os.mkdir os.chmod os.utime".split()
"""Their last argument is the descriptor of a folder that the path is relative to, or -1."""
PATH_ALONE = "os.truncate os.chdir".split()
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
Allowed = Collection[tuple[str, int]]


class Fenced(PermissionError):
    """Something that the fence does not let through; the message says what and why."""


def end_with_parent() -> None:
    """Let the system end this process when the one that started it ends, however it does."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def limit(file_bytes: int, memory_bytes: int, cpu_s: int) -> None:
    """Limit this process for good: largest file, address space and CPU time; no core files."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error where it writes, not the end
    for what, most in (
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def raise_fence(folder: Path, readable: Iterable[Path] = (), open_to: Allowed = ()) -> list[str]:
    """Put the fence up around this process; it can be neither lowered nor left.

    Args:
        folder: the only place where files may be made, changed or removed.
        readable: what may be read besides Python itself and the certificates.
        open_to: (address, port) pairs that may be asked although they are not public. For tests
            alone: nothing that a user can type, set or configure leads here.

    Returns:
        a list that names what was refused, as it happens.
    """
    refusals: list[str] = []
    home = os.path.realpath(folder)
    roots = tuple({os.path.realpath(str(root)) for root in (home, *_python(), *readable)})
    tables = _tables(home, roots, frozenset(open_to))

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in REFUSED:
            why = f"{event} is not done here"
        elif event in tables:
            why = tables[event](args)
        else:
            return
        if why:
            refusals.append(why)
            raise Fenced(why)

    sys.addaudithook(hook)
    return refusals


def _tables(
    home: str, roots: Sequence[str], open_to: frozenset[tuple[str, int]]
) -> dict[str, Callable[[tuple[Any, ...]], str]]:
    own = own_addresses()

    def connect(args: tuple[Any, ...]) -> str:
        address = args[1]
        if not isinstance(address, tuple) or len(address) < 2:
            return "only the web is asked, not sockets of this machine"
        host, port = str(address[0]), int(address[1])
        return "" if (host, port) in open_to else why_not(host, port, own)

    def look_up(args: tuple[Any, ...]) -> str:
        host = args[0].decode("latin-1") if isinstance(args[0], bytes) else str(args[0] or "")
        port = args[1] if isinstance(args[1], int) else 443
        if (host, port) in open_to:
            return ""
        return why_not_name(host) or why_not_port(port)

    def make_socket(args: tuple[Any, ...]) -> str:
        family, kind = args[1], args[2]
        web = family in (socket.AF_INET, socket.AF_INET6, -1) and kind in (socket.SOCK_STREAM, -1)
        return "" if web else "only the web is asked"

    def request(args: tuple[Any, ...]) -> str:
        scheme = str(args[0]).partition(":")[0].lower()
        return "" if scheme in ("http", "https") else f"{scheme}: only http and https are fetched"

    def open_file(args: tuple[Any, ...]) -> str:
        path, _, flags = args
        if isinstance(path, int):
            return ""
        return inside(path, bool(int(flags or 0) & WRITES))

    def inside(path: Any, writes: bool = True) -> str:
        real = os.path.realpath(os.fsdecode(os.fspath(path)))
        known = (home,) if writes else roots
        if real in DEVICES or any(real == root or real.startswith(root + os.sep) for root in known):
            return ""
        return f"{real} may not be {'changed' if writes else 'read'}"

    def one_path(args: tuple[Any, ...]) -> str:
        return "" if isinstance(args[0], int) else inside(args[0])

    def with_folder(args: tuple[Any, ...]) -> str:
        return "paths relative to a folder are not taken" if args[-1] >= 0 else one_path(args)

    return {
        **dict.fromkeys(PATH_ALONE, one_path),
        **dict.fromkeys(WITH_FOLDER, with_folder),
        "socket.connect": connect,
        "socket.getaddrinfo": look_up,
        "socket.__new__": make_socket,
        "urllib.Request": request,
        "open": open_file,
        "os.rename": lambda args: inside(args[0]) or inside(args[1]),
    }


def _python() -> list[str]:
    """Return where Python, its packages and the certificates lie."""
    paths = sysconfig.get_paths()
    found: list[Any] = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]  # noqa: PTH120, PTH100
    trust = ssl.get_default_verify_paths()
    found += [path for path in (trust.cafile, trust.capath, trust.openssl_capath) if path]
    found += ["/etc/ssl/certs", "/usr/share/zoneinfo", *mimetypes.knownfiles]
    return [str(path) for path in found if path]
