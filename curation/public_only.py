"""Which addresses of the network a stranger's link may lead to: the one definition of "public".

Used by everything that fetches what somebody else named: links (yt-dlp, in a guarded child),
folders on the web, and the toolkit's `fetch`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from curation.errors import CurationError

LONGEST_URL = 4000
NOT_PUBLIC = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16", "fec0::/10",
    )
)  # fmt: skip
"""Said here too, because what `ipaddress` calls global has changed between patch releases."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
INSIDE_NAMES = "localhost local localdomain internal intranet lan home corp arpa onion".split()
"""Last parts of names that no public resolver answers for."""
WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1024
SECRETS = (
    "token", "sig", "key", "pass", "secret", "auth", "session", "credential", "policy",
    "hmac", "jwt", "hdnea", "hdnts", "hdntl", "cookie", "bearer", "ticket", "accessid", "pwd",
    "x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-ms-",
)  # fmt: skip
"""A parameter whose name holds one of these is not written down."""
SECRET_NAMES = frozenset("code sid sas md5 hash mac hm oh h ks otp pin".split())
"""Nor is one of just this name: OAuth; session ids; keyed digests of nginx, Discord, Facebook's
CDN, MediaVault, Vimeo's unlisted videos; Kaltura."""
OF_A_SIGNATURE = frozenset(
    "se st sp sv sr ss srt spr sip skoid sktid skt ske sks skv rscd rsct e ex exp expire expires is"
    " oe".split()
)
"""Nor one of these beside a secret one: what was signed, by Azure, nginx, Akamai and others."""
WEB_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
IN_TEXT = re.compile(r"https?://[^\s'\"<>]+")
NAMED = re.compile(r"([\w.-]+)=")
HIDDEN = "hidden"


class AddressRefused(CurationError):
    """An address that is none, or that may not be asked; the message says why."""


def public(address: str) -> bool:
    """Return whether an IP address belongs to the public network, whatever it is wrapped in.

    Args:
        address: a literal as sockets know it; a name, or a number such as 2130706433, is none.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if any(one is not None and not public(str(one)) for one in inner):
            return False
    if any(found.version == net.version and found in net for net in NOT_PUBLIC):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


def own_addresses() -> frozenset[str]:
    """Return the addresses of this machine's interfaces: public or not, they lead back here."""
    import psutil

    rows = (row for rows in psutil.net_if_addrs().values() for row in rows)
    return frozenset(row.address.partition("%")[0] for row in rows if row.address)


def why_not(host: str, port: int, own: Iterable[str] = ()) -> str:
    """Return why a socket may not be connected to an address, "" when it may.

    Args:
        host: an IP literal. A name is refused: who connects by name looks it up once more, and
            may get another answer than the one that was checked.
        own: addresses of this machine.
    """
    if not public(host):
        return f"{host} is not a public address"
    if host.partition("%")[0] in own:
        return f"{host} is this machine"
    return why_not_port(port)


def why_not_port(port: int) -> str:
    """Return why a port may not be asked: mail and the like take orders from a web request."""
    if port in WEB_PORTS or FIRST_FREE_PORT <= port <= 65535:
        return ""
    return f"port {port} is not one that web servers use"


def why_not_name(host: str) -> str:
    """Return why a name may not even be looked up, "" when it may; literals are judged too."""
    name = host.rstrip(".").lower()
    if not name:
        return "it names no host"
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        last = name.rpartition(".")[2]
        if "." not in name or last in INSIDE_NAMES or last.isdecimal() or last.startswith("0x"):
            return f"{host} is not a public name"
        return ""
    return "" if public(name) else f"{host} is not a public address"


def checked(url: str) -> SplitResult:
    """Return the parts of an address that may be asked, as far as its letters can tell.

    Raises:
        AddressRefused: for anything but http and https with a host, or with a password in it.
    """
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise AddressRefused("it has spaces or control characters in it")
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"it is longer than {LONGEST_URL:,} letters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"it is no address: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(f"{parts.scheme or 'no scheme'}: only http and https are fetched")
    if not parts.hostname:
        raise AddressRefused("it names no host")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("it has a user name in it")
    if port == 0:
        raise AddressRefused("its port is 0")
    return parts


def without_secrets(url: str) -> str:
    """Return an address fit to be stored and shown: no password, no signature, no fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        given = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return ""
    hidden = _secret_names(name for name, _ in given)
    query = [
        (name, without_secrets(value) if "://" in value else value)
        for name, value in given
        if name.lower() not in hidden and not WEB_TOKEN.search(value)
    ]
    path = "/".join(map(_plain_step, parts.path.split("/")))
    return urlunsplit((parts.scheme, host, path, urlencode(query), ""))[:LONGEST_URL]


def told_apart(url: str) -> str:
    """Return what makes an address another one than those that are shown alike, "" when nothing.

    A name such as `code` may be a secret, or the number of a video: two videos must not become
    one. What is a secret for sure changes from visit to visit, and does not count.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not any(word in name.lower() for word in SECRETS)
    ]
    host = parts.netloc.rpartition("@")[2]
    found = urlunsplit((parts.scheme, host, parts.path, urlencode(query), ""))[:LONGEST_URL]
    return "" if found == without_secrets(url) else found


def text_without_secrets(said: str) -> str:
    """Return what a program said, with its addresses fit to be stored and shown."""
    return IN_TEXT.sub(lambda found: without_secrets(found[0]), said)


def _secret_names(names: Iterable[str]) -> set[str]:
    all_names = {name.lower() for name in names}
    found = {n for n in all_names if n in SECRET_NAMES or any(word in n for word in SECRETS)}
    if found or {"st", "e"} <= all_names:
        found |= all_names & OF_A_SIGNATURE
    return found


def _plain_step(step: str) -> str:
    """Return a part of a path; CDNs also keep their passes there (`/hdntl=exp=1~hmac=2/`)."""
    kept = [
        HIDDEN if WEB_TOKEN.search(one) or _secret_names(NAMED.findall(one)) else one
        for one in step.split(";")
    ]
    return ";".join(kept)
