"""A part: all that one machine found out about one video, as one file that another takes in.

A stored (not compressed) ZIP file:

    manifest.json     what this is, whose it is, how it ended
    rows.sqlite       its rows of the catalogue (store/part_rows.py)
    thumbs.pack       its thumbnails, as in the datastore
    stills/NAME.jpg   its stills

No path of the machine that made it is inside. Every byte is under a CRC-32, so damage is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import curation
from curation.engine.measure import fingerprints
from curation.engine.part_store import PlaceTrouble
from curation.errors import StoreError
from curation.params import ExtractParams, MeasureParams, TriageParams, WorkParams
from curation.registry import make_steps
from curation.steps.base import fingerprint
from curation.steps.triage import Triage
from curation.store.catalogue import Catalogue
from curation.store.part_rows import export
from curation.store.schema import MIGRATIONS
from curation.store.videos import VideoTable

FORMAT = 1
VIDEO, STILLS = "{{video}}", "{{stills}}"
"""What stands in sentences for the path of the video, and for the folder of its stills."""
MANIFEST, ROWS, THUMBS, FOLDER = "manifest.json", "rows.sqlite", "thumbs.pack", "stills/"
LARGEST_MANIFEST = 16 << 20
WHOLE, FAILED, POISON = "", ".failed", ".poison"
"""What names say of how a part ended, so that a listing tells what is left to do."""
PLAIN_NAME = re.compile(r"[^/\\\0]{1,255}")
LONGEST_SOURCE, LARGEST_NUMBER = 4096, 1 << 63
SOFTWARE = (
    "av", "imagehash", "kornia", "mediapipe", "numpy", "opencv-contrib-python", "pillow",
    "scenedetect", "simplejpeg", "torch", "ultralytics",
)  # fmt: skip
"""Packages that make numbers and pictures; parts of unlike versions of them are kept apart."""
UNREADABLE = (KeyError, EOFError, RuntimeError)
"""What the zip module raises of members that are not there, cut off, locked or unknown."""
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Settings:
    """What a part's numbers depend on beside the video; parts of one digest may be mixed.

    Attributes:
        params: every tunable of extraction and measuring.
        facts: versions of this program, of its catalogue, of packages; fingerprints of the steps,
            in which the digests of models are.
    """

    params: WorkParams
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def here(cls, params: WorkParams, installed: bool = True) -> Settings:
        """Return the settings that this machine would work with.

        Args:
            installed: False for who will not run the steps: models need not be here.

        Raises:
            WeightsMissing: a model is not here.
            StepUnavailable: a step of somebody else's package is not installed.
        """
        # Who gathers a part may not have its video, so parts carry stills.
        params = params.model_copy(update={"full_frames": "all"})
        measure = params.narrow(MeasureParams)
        facts = {
            "format": FORMAT,
            "program": curation.__version__,
            "catalogue": len(MIGRATIONS),
            "extract": params.narrow(ExtractParams).digest(),
            "stream": params.stream,
            "measure": measure.digest(),
            "triage": fingerprint(Triage(measure.narrow(TriageParams)), {}, {}),
            "steps": fingerprints(make_steps(measure), installed),
            "software": {name: found for name in SOFTWARE if (found := _version(name))},
        }
        return cls(params, facts)

    @classmethod
    def read(cls, told: Any) -> Settings:
        """Return settings from what `to_dict` gave.

        Raises:
            StoreError: they are of another version, or no settings.
        """
        try:
            facts = dict(told["facts"])
            if facts["format"] != FORMAT:
                raise StoreError(
                    f"the parts are of format {facts['format']}, this program knows {FORMAT}",
                    "use one version of the program on all machines",
                )
            return cls(WorkParams(**told["params"]), facts)
        except (KeyError, TypeError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise StoreError(f"these are not the settings of parts: {said}") from error

    @property
    def digest(self) -> str:
        """Return 16 hex digits that name everything that a part depends on."""
        text = json.dumps(dict(self.facts), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"params": self.params.model_dump(mode="json"), "facts": dict(self.facts)}

    def unlike(self, other: Settings) -> list[str]:
        """Return in words what two settings do not have in common."""
        return _unlike(dict(self.facts), dict(other.facts))

    def with_workers(self, workers: int) -> WorkParams:
        """Return the parameters with another number of processes, which changes no number."""
        return self.params.model_copy(update={"workers": workers})


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]  # a build for another GPU is the same version
    except PackageNotFoundError:
        return ""


def _unlike(a: Mapping[str, Any], b: Mapping[str, Any], within: str = "") -> list[str]:
    found = []
    for key in sorted({*a, *b}):
        one, two = a.get(key), b.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            found += _unlike(one, two, f"{within}{key} ")
        elif one != two:
            found.append(f"{within}{key}: {one} and {two}")
    return found


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a part says of itself.

    Attributes:
        id: content key of the video; of a file that is no video the word `file` and its alias.
        settings: digest.
        name: of the video's file, without folders.
        source: where it lay below what the user named, with forward slashes.
        size_bytes, mtime_ns: of the file that was read.
        stem: what the names of its stills begin with.
        failure: why there is nothing, or not everything; None when all is well.
        quarantine: stage and reason, when the file ended its worker twice.
        info: JSON of records.VideoInfo; None for a file that is no video.
        origin: where the file came from, as store.origins.Origin, when that is known.
        made_by: what made it; for people.
    """

    id: str
    settings: str
    name: str
    source: str
    size_bytes: int
    mtime_ns: int
    stem: str = ""
    failure: str | None = None
    quarantine: tuple[str, str] | None = None
    info: str | None = None
    origin: Mapping[str, Any] | None = None
    frames: int = 0
    stills: int = 0
    made_by: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """Return the part's name: content and settings say which it is."""
        return part_name(self.id, self.settings, self.state)

    @property
    def state(self) -> str:
        """Return how it ended."""
        return POISON if self.quarantine is not None else FAILED if self.failure else WHOLE

    def check(self) -> None:
        """Raise ValueError where a value cannot be what a part says of itself."""
        numbers: list[object] = [self.size_bytes, self.mtime_ns, self.frames, self.stills]
        pair: list[object] = list(self.quarantine or ("", ""))
        texts: list[object] = [self.id, self.settings, self.name, self.source, self.stem, *pair]
        maybe: list[object] = [self.failure, self.info]
        if (
            not all(isinstance(n, int) and -LARGEST_NUMBER <= n < LARGEST_NUMBER for n in numbers)
            or not all(isinstance(t, str) for t in texts)
            or not all(t is None or isinstance(t, str) for t in maybe)
            or len(pair) != 2
        ):
            raise ValueError("a value is of another kind")
        if (
            not PLAIN_NAME.fullmatch(self.name) or self.name in (".", "..")
            or len(self.name.encode()) > 255
        ):
            raise ValueError("the video's name is none")
        if len(self.source.encode()) > LONGEST_SOURCE or "\0" in self.source:
            raise ValueError("the video's place is none")


def part_name(part_id: str, digest: str, state: str) -> str:
    """Return the name of a part below its place."""
    return f"{digest}/{part_id}-{digest}{state}.zip"


def scrubbed(text: str, words: Mapping[str, str]) -> str:
    """Return a sentence with tokens in place of paths."""
    for said, token in words.items():
        text = text.replace(said, token)
    return text


def maker() -> dict[str, Any]:
    """Return what made a part; nothing that names a machine or a person."""
    return {
        "program": curation.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def write_part(
    target: Path, manifest: Manifest, catalogue: Catalogue | None, video_id: int | None,
    settings: Settings, words: Mapping[str, str],
) -> None:  # fmt: skip
    """Write a part of a video, or of a file that is none.

    Args:
        catalogue, video_id: where its rows, stills and thumbnails are; None for no video.
        words: path of this machine -> token.
    """
    rows = target.with_suffix(".rows")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as packed:
        told = json.dumps(asdict(manifest), sort_keys=True)
        packed.writestr(_entry(MANIFEST), told)
        if catalogue is None or video_id is None:
            return
        table = VideoTable(catalogue)
        export(
            catalogue, video_id, rows, words,
            settings.params.narrow(ExtractParams).told(),
        )  # fmt: skip
        try:
            _add(packed, rows, ROWS)
        finally:
            rows.unlink(missing_ok=True)
        pack = table.pack_path(video_id)
        if pack.exists():
            _add(packed, pack, THUMBS)
        folder = table.output_dir(video_id)
        for name in table.stills(video_id):
            _add(packed, folder / name, FOLDER + name)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, EPOCH)


def _add(packed: zipfile.ZipFile, file: Path, name: str) -> None:
    entry = _entry(name)
    entry.file_size = file.stat().st_size
    with file.open("rb") as source, packed.open(entry, "w") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def read_manifest(file: IO[bytes]) -> Manifest:
    """Return what a part says of itself, reading only its ends.

    Raises:
        StoreError: it is no part, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            return _manifest(packed)
    except (zipfile.BadZipFile, OSError, *UNREADABLE) as error:
        raise StoreError(f"it is damaged: {_short(error)}") from error


def _manifest(packed: zipfile.ZipFile) -> Manifest:
    if packed.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise StoreError("its manifest is too large")
    try:
        told = json.loads(packed.read(MANIFEST))
        found = Manifest(**told)
        found.check()
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(f"its manifest cannot be read: {_short(error)}") from error
    return found


def unpack(path: Path, folder: Path) -> Manifest:
    """Unpack a part into an empty folder: rows, thumbnails, stills; every byte is checked.

    Raises:
        StoreError: it is no part, or damaged.
        NoSpace: there is no room for it.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            manifest = _manifest(packed)
            for entry in packed.infolist():
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise StoreError("it is packed in another way than parts are")
                if entry.filename == MANIFEST:
                    continue
                target = folder / _inside(entry.filename)
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as source, target.open("xb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
    except (zipfile.BadZipFile, FileExistsError, *UNREADABLE) as error:
        raise StoreError(f"it is damaged: {_short(error)}") from error
    except PermissionError as error:
        raise PlaceTrouble(f"{path}: {error.strerror}", "may this user read it?") from error
    return manifest


def _inside(name: str) -> str:
    """Return a member's name, when it is one that parts have."""
    plain = name.removeprefix(FOLDER)
    known = name in (ROWS, THUMBS) or (name.startswith(FOLDER) and plain not in (".", ".."))
    if not known or not PLAIN_NAME.fullmatch(plain) or len(os.fsencode(plain)) > 255:
        raise StoreError(f"it holds {name[:80]!r}, which no part does")
    return name


def _short(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else ""
    return said or type(error).__name__
