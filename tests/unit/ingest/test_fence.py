"""The fence: every attack reaches its goal without it, and does not with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.utils import UnsupportedError

from curation.errors import CurationError
from curation.ingest import links
from curation.ingest.link_child import archive_key, why
from curation.ingest.links import Errand
from curation.public_only import (
    AddressRefused,
    checked,
    public,
    text_without_secrets,
    why_not,
    why_not_name,
    without_secrets,
)
from curation.store.catalogue import Catalogue
from tests.unit.ingest.strangers import Stranger, serving
from tests.unit.ingest.test_links import PATIENT, SLOW_FILM, end, film, kept, playlist, working

ROOT = Path(__file__).parents[3]
HLS = "application/vnd.apple.mpegurl"

ATTACKS = {
    "connect": "socket.create_connection(('127.0.0.1', port), 3)",
    "connect by name": "socket.create_connection(('localhost', port), 3)",
    "look up again": "socket.socket().connect(('localhost', port))",
    "a number": "socket.socket().connect(('2130706433', port))",
    "v6 mapped": "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', port))",
    "any address": "socket.socket().connect(('0.0.0.0', port))",
    "short form": "socket.socket().connect(('127.1', port))",
    "without error": "assert not socket.socket().connect_ex(('127.0.0.1', port))",
    "urllib": "urllib.request.urlopen(f'http://127.0.0.1:{port}/secret')",
    "rebinding": """
def other(host, at, *_, **__):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', at))]
socket.getaddrinfo = other
urllib.request.urlopen(f'http://rebind.example.com:{port}/secret')""",
    "file address": "urllib.request.urlopen('file:///etc/passwd').read()",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "read": "open('/etc/passwd').read()",
    "read, low": "os.read(os.open('/etc/passwd', os.O_RDONLY), 10)",
    "read, up": "open(folder + '/../outside.txt').read()",
    "read, link": "open(folder + '/link.txt').read()",
    "secrets of the process": "open('/proc/self/environ').read()",
    "write": "open(outside + '.new', 'w').write('x')",
    "write, low": "os.open(outside + '.new', os.O_CREAT | os.O_WRONLY)",
    "append": "open(outside, 'a').write('x')",
    "move out": "open(folder + '/in', 'w').close(); os.rename(folder + '/in', outside)",
    "move in": "os.rename(outside, folder + '/taken')",
    "remove": "os.remove(outside)",
    "make a folder": "os.mkdir(outside + '.d')",
    "link": "os.symlink('/etc', folder + '/etc')",
    "hard link": "os.link(outside, folder + '/hard')",
    "program": "subprocess.run(['/bin/true'], check=True)",
    "shell": "os.system('true')",
    "fork": "os.fork() or os._exit(0)",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "library": "ctypes.CDLL('libc.so.6')",
    "database": "sqlite3.connect(outside + '.db')",
    "pickle": "pickle.loads(pickle.dumps(Path('x')))",
}  # fmt: skip
PROGRAM = """
import ctypes, json, mimetypes, os, pickle, socket, sqlite3, subprocess, sys, urllib.request
from pathlib import Path
folder, outside, port, up, source = json.loads(sys.argv[1])
from curation.ingest import fence
refusals = fence.raise_fence(Path(folder)) if up else []
try:
    exec(source)
    print("REACHED")
except PermissionError as error:
    print("FENCED" if isinstance(error, fence.Fenced) and refusals else repr(error))
except OSError as error:
    print("FENCED" if refusals else repr(error))
"""


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with serving() as made:
        yield made


@pytest.fixture
def inner() -> Iterator[Stranger]:
    """A server of this machine that nobody may ask."""
    with serving() as made:
        made.put("/secret.mp4", film())
        made.put("/secret.ts", film("ts"))
        made.put("/secret", b"secret", "text/plain")
        yield made


@pytest.fixture
def catalogue(datastore: Path) -> Iterator[Catalogue]:
    made = Catalogue(datastore)
    yield made
    made.close()


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_works_without_the_fence_and_not_with_it(
    name: str, inner: Stranger, tmp_path: Path
) -> None:
    def attack(up: bool) -> str:
        folder = tmp_path / f"job-{up}"
        folder.mkdir()
        outside = tmp_path / "outside.txt"
        outside.write_text("here")
        (folder / "link.txt").symlink_to(outside)
        told = json.dumps([str(folder), str(outside), inner.port, up, ATTACKS[name]])
        done = subprocess.run([sys.executable, "-c", PROGRAM, told], capture_output=True, text=True,
                              check=False, cwd=ROOT)  # fmt: skip
        return done.stdout.strip() or done.stderr

    assert attack(True) == "FENCED"
    assert not inner.asked
    assert sorted(p.name for p in tmp_path.iterdir()) == ["job-True", "outside.txt"]
    assert (tmp_path / "outside.txt").read_text() == "here"
    assert "REACHED" in attack(False)


def test_a_fence_that_is_up_stays_up_and_lets_work_go_on(tmp_path: Path) -> None:
    source = """
import sys
open(folder + '/a', 'w').write('x'); os.rename(folder + '/a', folder + '/b')
assert open(folder + '/b').read() == 'x'; os.remove(folder + '/b')
os.mkdir(folder + '/c'); os.chmod(folder + '/c', 0o700); os.rmdir(folder + '/c')
open(os.devnull, 'w').close()
import ssl, zoneinfo, http.cookiejar, email.parser, xml.dom.minidom
ssl.create_default_context()
sys.addaudithook(lambda *_: None)
try:
    open('/etc/passwd'); raise SystemExit('read')
except fence.Fenced: pass
"""
    told = json.dumps([str(tmp_path), "", 0, True, source])
    done = subprocess.run([sys.executable, "-c", PROGRAM, told], capture_output=True, text=True,
                          check=False, cwd=ROOT)  # fmt: skip
    assert done.stdout.strip() == "REACHED", done.stdout + done.stderr


class Blind(Errand):
    """Lets every address through to the child: what is left is the fence."""

    __slots__ = ()

    def why_not(self, url: str) -> str:
        return ""


HOSTS = ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0",
         "[::ffff:127.0.0.1]", "0.0.0.0")  # fmt: skip


@pytest.mark.parametrize("sees", [Errand, Blind])
def test_no_way_of_writing_this_machine_is_asked(
    sees: type[Errand], inner: Stranger, catalogue: Catalogue
) -> None:
    urls = [f"http://{host}:{inner.port}/secret.mp4" for host in HOSTS]
    told = end(links.download(catalogue, urls, sees(patience=PATIENT)))
    assert len(told["failed"]) == len(urls) and not inner.asked and not kept(catalogue)
    for reason in told["failed"].values():
        assert "not a public" in reason or "is this machine" in reason, told


@pytest.mark.parametrize(
    "how", ["redirect", "twice", "page", "segment", "segment file", "key file", "key", "protocol"]
)
def test_nothing_that_a_public_server_says_leads_inside(
    how: str, stranger: Stranger, inner: Stranger, catalogue: Catalogue, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(film("ts"))
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{{}}",IV=0x{"0" * 32}'
    stranger.put("/0.ts", bytes(16 * 1000), "video/mp2t")
    inside, local = f"{inner.url}/secret.ts", secret.as_uri()
    page = f"<html><title>x</title><video src='{inner.url}/secret.mp4'></video>"
    pages = {
        "redirect": ("/x.mp4", b"", ""),
        "twice": ("/x.mp4", b"", ""),
        "page": ("/x.html", page.encode(), "text/html"),
        "segment": ("/x.m3u8", playlist(inside), HLS),
        "segment file": ("/x.m3u8", playlist(local), HLS),
        "key file": ("/x.m3u8", playlist("0.ts", key=key.format(local)), HLS),
        "key": ("/x.m3u8", playlist("0.ts", key=key.format(f"{inner.url}/secret")), HLS),
        "protocol": ("/x.m3u8", playlist("ftp://127.0.0.1/a.ts"), HLS),
    }
    url = stranger.put(*pages[how])
    if how in ("redirect", "twice"):
        stranger.moved["/x.mp4"] = f"{inner.url}/secret.mp4" if how == "redirect" else "/y.mp4"
        stranger.moved["/y.mp4"] = f"{inner.url}/secret.mp4"
    told = end(links.download(catalogue, [url], Errand(patience=PATIENT, open_to=stranger.open_to)))
    assert told["failed"] and not told["fetched"], told
    assert not inner.asked and not kept(catalogue)
    assert not [p for p in catalogue.root.rglob("*.media*") if film("ts")[:188] in p.read_bytes()]
    if how in ("redirect", "twice", "page", "segment", "key"):
        # The attack is real: with the door to the inner server open it gets through.
        both = Errand(patience=PATIENT, open_to=stranger.open_to + inner.open_to)
        end(links.download(catalogue, [url], both))
        assert inner.asked


def test_the_environment_and_settings_of_the_user_change_nothing(
    stranger: Stranger, inner: Stranger, catalogue: Catalogue, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    home, marker = tmp_path / "home", tmp_path / "marker"
    plugin = home / "yt-dlp" / "plugins" / "evil" / "yt_dlp_plugins" / "extractor"
    plugin.mkdir(parents=True)
    (plugin / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    for name in ("config", "yt-dlp.conf"):
        (home / "yt-dlp" / name).write_text(f"--exec 'touch {marker}'\n--enable-file-urls\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login me password word\n")
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, inner.url)
    url = stranger.put("/a.mp4", film())
    folder = catalogue.root / links.FOLDER / links.folder_name(url)
    folder.mkdir(parents=True)
    for name in ("json", "yt_dlp", "socket"):
        (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n")
    how = Errand(patience=PATIENT, open_to=stranger.open_to)
    told = end(links.download(catalogue, [url], how))
    assert told["fetched"] and not inner.asked and not marker.exists()

    words = [sys.executable, "-c", "import yt_dlp; yt_dlp.YoutubeDL()"]
    subprocess.run(words, check=True, cwd=tmp_path, capture_output=True)
    assert marker.exists(), "the plugin would have been run"


def test_no_user_reaches_the_allowance() -> None:
    """The one way in is an argument of `Errand` and of `Access`; only these files say its name."""
    named = {
        path.relative_to(ROOT).as_posix()
        for path in [*(ROOT / "curation").rglob("*.py"), ROOT / "app.py"]
        if re.search(r"open_to\b", path.read_text())
    }
    ours = ("fence", "link_errand", "link_child", "remote")
    places = ("drive", "folders", "place", "web")
    assert named == {f"curation/ingest/{name}.py" for name in ours} | {
        f"curation/places/{name}.py" for name in places
    }
    for name in named:
        text = (ROOT / name).read_text()
        assert "open_to" not in "".join(line for line in text.splitlines() if "environ" in line)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("8.8.8.8", True), ("1.1.1.1", True), ("2606:4700::1111", True), ("10.0.0.1", False),
        ("127.0.0.1", False), ("127.255.255.254", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("0.0.0.0", False),
        ("192.0.0.8", False), ("192.88.99.1", False), ("198.18.0.1", False), ("224.0.0.1", False),
        ("240.0.0.1", False), ("255.255.255.255", False), ("192.0.2.1", False), ("::", False),
        ("::1", False), ("::127.0.0.1", False), ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", False), ("64:ff9b::a00:1", False), ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False), ("2002:a00:1::1", False), ("2001:0:1::1", False),
        ("fe80::1%eth0", False), ("fec0::1", False), ("fd00::1", False), ("ff02::1", False),
        ("2001:db8::1", False), ("3fff::1", False), ("2130706433", False), ("127.1", False),
        ("0x7f.1", False), ("example.com", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_public(address: str, found: bool) -> None:
    assert public(address) is found


def test_what_is_secret_in_an_address_is_not_shown() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmVk"
    for given, left in {
        "?v=1&hmac=s": "?v=1",
        "?v=1&jwt=s&code=s": "?v=1",
        "?hdnea=exp=1~acl=/*~hmac=s&hdnts=s&v=1": "?v=1",
        "?Expires=s&Policy=s&Signature=s&Key-Pair-Id=s": "",  # CloudFront
        "?X-Amz-Algorithm=s&X-Amz-Credential=s&X-Amz-Date=s&X-Amz-Expires=s&X-Amz-Signature=s": "",
        "?AWSAccessKeyId=s&Signature=s&Expires=s": "",
        "?X-Goog-Credential=s&X-Goog-Signature=s": "",
        "?GoogleAccessId=s&Expires=s&Signature=s": "",
        "?sv=s&st=s&se=s&sr=s&sp=s&sip=s&sig=s&v=1": "?v=1",  # Azure
        "?st=s&e=s&v=1": "?v=1",  # nginx
        "?md5=s&expires=s": "",
        "?ex=s&is=s&hm=s": "",  # Discord
        "?h=s": "",  # Vimeo
        f"?v=1&x={jwt}": "?v=1",
        "?url=https%3A%2F%2Fd.e%2F%3Ftoken%3Ds": "?url=https%3A%2F%2Fd.e%2F",
        "?list=a&t=30&sort=new&sp=b&e=2&state=3": "?list=a&t=30&sort=new&sp=b&e=2&state=3",
    }.items():
        assert without_secrets(f"https://a.b/c{given}") == f"https://a.b/c{left}"
    for step in ("hdntl=exp=1~data=x~hmac=s", "bcdn_token=s&expires=1", jwt):
        assert without_secrets(f"https://a.b/{step}/c.m3u8") == "https://a.b/hidden/c.m3u8"
    assert without_secrets("https://a.b/c;jsessionid=s?v=1") == "https://a.b/c;hidden?v=1"
    said = text_without_secrets(f"Unsupported URL: https://a.b/c?code=s and 'https://a.b/{jwt}'")
    assert said == "Unsupported URL: https://a.b/c and 'https://a.b/hidden'"
    # What may be a secret may also be a video's number: then it still tells videos apart.
    keys = [archive_key({"url": f"https://a.b/v?code={n}&token={t}"}) for n in "12" for t in "ab"]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert "code" not in keys[0]
    assert archive_key({"url": "https://a.b/v?token=a&id=3"}) == "web https://a.b/v?id=3"
    told = why(UnsupportedError("https://a.b/c?hmac=s"), [])
    assert "https://a.b/c" in told and "hmac" not in told


def test_ports_and_names_and_own_addresses() -> None:
    assert why_not("8.8.8.8", 443) == "" == why_not("8.8.8.8", 8080)
    assert "port 25" in why_not("8.8.8.8", 25)
    assert "this machine" in why_not("8.8.8.8", 443, {"8.8.8.8"})
    for name in ("localhost", "db", "metadata.google.internal", "printer.local", "a.localhost.",
                 "169.254.169.254", "[", "", "0x7f.0x1"):  # fmt: skip
        assert why_not_name(name), name
    assert not why_not_name("www.example.com") and not why_not_name("8.8.8.8")
    for url in ("file:///etc/passwd", "ftp://a.b/c", "http://me:word@a.b/", "--exec=touch x",
                "http://a.b/\nx", "javascript:1", "ytsearch:cats",
                f"http://a.b/{'x' * 5000}"):  # fmt: skip
        with pytest.raises(AddressRefused):
            checked(url)
    url = "https://u:p@a.b/c?v=1&X-Amz-Signature=s&access_token=t#x"
    assert without_secrets(url) == "https://a.b/c?v=1"
    with pytest.raises(CurationError, match="at most 50"):
        links.tidy([f"http://a.b/{i}" for i in range(51)])


def test_a_child_knows_no_secret_and_when_it_is_killed_that_is_told(
    stranger: Stranger, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("CURATION_PASSWORD", "http_proxy", "AWS_SECRET_ACCESS_KEY")
    for name in secrets:
        monkeypatch.setenv(name, "word")
    url = stranger.put("/a.mp4", film() + SLOW_FILM)
    stranger.how["/a.mp4"] = "slow"
    patient = Errand(patience=PATIENT, open_to=stranger.open_to)
    told: dict[str, Any] = {}
    killed = 0
    for beat in links.download(catalogue, [url], patient):
        if beat.done and beat.summary is None and not killed:
            (child,) = working(catalogue)
            assert not set(secrets) & set(child.environ())
            child.kill()
            killed += 1
        told = dict(beat.summary or told)
    assert "ended by signal 9" in told["failed"][url]
