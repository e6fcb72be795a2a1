#!/usr/bin/env python3
"""Write FOLDER/pip.conf with what pip is told on this machine, for a build that sees it elsewhere.

Reads `pip config list`, which merges files and environment. Local folders and file:// indexes get
the places /mnt/pip/1, /mnt/pip/2, ...; certificates are copied into FOLDER, which is /mnt/pip/0.
Prints one HERE:THERE per line, to be mounted read-only.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

THERE = Path("/mnt/pip")
CERTIFICATES = {"cert", "client-cert"}
SOURCES = {"extra-index-url", "find-links", "index-url"}
PLAIN = {"default-timeout", "no-index", "proxy", "retries", "timeout", "trusted-host"}


def settings() -> dict[str, str]:
    """Return the effective options, the environment winning over files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in CERTIFICATES | SOURCES | PLAIN:
            found[name] = str(ast.literal_eval(value))
    return found


class Mounts:
    """Folders of this machine, and where the build sees them."""

    def __init__(self, first: Path) -> None:
        self.places = [first]

    def there(self, folder: Path) -> Path:
        """Return where the build sees a folder of this machine."""
        if folder not in self.places:
            self.places.append(folder)
        return THERE / str(self.places.index(folder))

    def moved(self, word: str) -> str:
        """Return a source as the build has to name it; what is not local stays."""
        url = urlparse(word)
        if url.scheme == "file":
            # The pages of an index may link to files beside it.
            path = Path(url2pathname(url.path))
            return (self.there(path.parent) / path.name).as_uri()
        return str(self.there(Path(word))) if Path(word).is_dir() else word


def main(folder: Path) -> None:
    """Write the configuration and print the mounts."""
    folder.mkdir(parents=True, exist_ok=True)
    mounts = Mounts(folder)
    lines = []
    for name, value in sorted(settings().items()):
        if name in CERTIFICATES:
            shutil.copy(value, folder / f"{name}.pem")
            value = str(mounts.there(folder) / f"{name}.pem")
        elif name in SOURCES:
            value = " ".join(mounts.moved(word) for word in value.split())
        lines.append(f"{name} = {' '.join(value.split())}")
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    for place in mounts.places:
        print(f"{place}:{mounts.there(place)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
