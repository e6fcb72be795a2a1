#!/usr/bin/env python3
"""Write FOLDER/pip.conf with what pip is told on this machine; print what must be mounted with it.

Reads `pip config list`, which merges files and environment. Prints one path per line: the folder
itself, then the folders of packages and file:// indexes that are named. Certificates are copied:
a file that is mounted where the system's own certificates go could not be replaced there.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

KEPT = {
    "cert",
    "client-cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
}


def settings() -> dict[str, str]:
    """Return the effective options, the environment winning over files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in KEPT:
            found[name] = str(ast.literal_eval(value))
    return found


def local_path(word: str) -> Path | None:
    """Return the folder or file that a word of the configuration stands for, if it is local."""
    url = urlparse(word)
    if url.scheme == "file":
        # The pages of an index may link to files beside it.
        return Path(url2pathname(url.path)).parent
    return Path(word) if word.startswith("/") else None


def main(folder: Path) -> None:
    """Write the configuration and print the mounts."""
    folder.mkdir(parents=True, exist_ok=True)
    found = settings()
    for name in ("cert", "client-cert"):
        if name in found:
            found[name] = str(shutil.copy(found[name], folder / f"{name}.pem"))
    lines = [f"{name} = {' '.join(value.split())}" for name, value in sorted(found.items())]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    places = [folder]
    for value in found.values():
        for path in map(local_path, value.split()):
            if path and path.exists() and path.parent != folder and path not in places:
                places.append(path)
    print("\n".join(map(str, places)))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
