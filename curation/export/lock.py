"""curation.lock.json: everything that decided which pictures an export holds, and their bytes."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import curation
from curation.errors import InputError
from curation.export import lock_shape
from curation.export.formats.base import Placed, pretty
from curation.export.plan import Plan
from curation.learn import taste_scorer
from curation.params import ExtractParams, Params, RankParams, SortParams
from curation.store import exported, said_again
from curation.store.catalogue import Catalogue
from curation.store.face_marks import FaceMarkTable
from curation.store.journal import Journal
from curation.store.marks import MarkTable
from curation.store.ratings import LIVE, SCORER, STORE

FILE = "curation.lock.json"
SCHEMA = "curation.lock/1"
MOST_BYTES = 1 << 30
PACKAGES = (
    "av", "decord", "imagehash", "kornia", "lxml", "mediapipe", "numba", "numpy",
    "opencv-contrib-python", "pillow", "scenedetect", "scikit-learn", "simplejpeg", "torch",
    "torchvision",
)  # fmt: skip
"""What pixels and decisions go through."""
VERBS: Mapping[str, type[Params]] = {"sort": SortParams, "rank": RankParams}


def data(plan: Plan, kind: str, done: Sequence[Placed]) -> bytes:
    """Return the lock of an export as a file; the same export gives the same bytes."""
    catalogue = plan.catalogue
    marks = _marks(catalogue)
    told = {
        "schema": SCHEMA,
        "format": kind,
        "program": program(),
        "recipe": {
            verb: model(**_remembered(catalogue, verb, model)).cache_dict()
            for verb, model in VERBS.items()
        } | {
            "ranked": bool(catalogue.recall("params.rank")),
            "export": plan.params.model_dump(mode="json", exclude={"captions_from"}),
        },
        "weights": weights_digests(),
        "steps": exported.steps(catalogue),
        "videos": [_video(row) for row in exported.videos(catalogue)],
        "marks": {"digest": digest(marks), **marks},
        "people": _people(catalogue),
        "taste": taste(catalogue),
        "captions": dict(sorted(plan.said.items())),
        "splits": {item.key: item.split for item in plan.items if item.split},
        "decided": decided(catalogue),
        "files": {one.file: one.sha256 for one in done},
    }
    return pretty(told)


def program() -> dict[str, Any]:
    """Return the versions of what runs here."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "curation": curation.__version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        "machine": platform.machine(),
        "packages": versions,
    }


def weights_digests() -> dict[str, str]:
    """Return name -> SHA-256 of the model files that the manifest names."""
    from curation import weights

    return {asset.name: asset.sha256 for asset in weights.SHELF.assets().values()}


def decided(catalogue: Catalogue) -> str:
    """Return a digest of every decision: pool, verdict, rank and score of each frame."""
    made = hashlib.sha256()
    encoded = json.JSONEncoder().encode
    for row in exported.decided(catalogue):
        score = None if row["score"] is None else round(row["score"], 6)
        said = [row["video_key"], row["pts"], row["pool"], row["verdict"], row["rank"], score]
        made.update(encoded(said).encode())
    return made.hexdigest()


def digest(value: Any) -> str:
    """Return a SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _remembered(catalogue: Catalogue, verb: str, model: type[Params]) -> dict[str, Any]:
    values: dict[str, Any] = catalogue.recall(f"params.{verb}", {})
    return {name: value for name, value in values.items() if name in model.model_fields}


def _video(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {k: v for k, v in row["params"].items() if k in ExtractParams.model_fields}
    params = ExtractParams(**known) if row["kind"] == "video" else None
    return {
        **{k: row[k] for k in ("key", "name", "folder_no", "video_no", "size_bytes", "stream",
                               "kind", "damaged")},
        "extract": None if params is None else params.cache_dict(),
    }  # fmt: skip


def _marks(catalogue: Catalogue) -> dict[str, Any]:
    """Return marks, applied marks, face marks and crops that people made, by frame key."""
    keys = exported.keys(catalogue)
    return {
        "said": said_again.listed(catalogue, keys),
        "applied_all": Journal(catalogue).applied() == MarkTable(catalogue).flagged(),
        "applied": sorted(
            ({"frame": keys[i], "flag": flag, "stars": stars}
             for i, (flag, stars) in Journal(catalogue).applied().items() if i in keys), key=_frame,
        ),
        "faces": sorted(
            ({"frame": keys[i], "false": false}
             for i, false in FaceMarkTable(catalogue).all().items() if i in keys), key=_frame,
        ),
        "crops": exported.said_crops(catalogue),
    }  # fmt: skip


def _frame(row: Mapping[str, Any]) -> str:
    """Return what rows are sorted by: numbers of frames are others in another datastore."""
    return str(row["frame"])


def _people(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return what people said about who is who, in order; frames by key."""
    from curation.store.people import PeopleTable

    keys = exported.keys(catalogue)
    return [
        {
            "id": op.id, "kind": op.kind, "value": dict(op.value),
            "shown": sorted(keys[i] for i in op.shown.tolist() if i in keys),
            "apart": sorted(keys[i] for i in op.apart.tolist() if i in keys),
        }
        for op in PeopleTable(catalogue).all()
    ]  # fmt: skip


def taste(catalogue: Catalogue) -> dict[str, Any]:
    """Return which scorer is in use, whether ratings count at once, and the scorer's files.

    The files themselves lie beside the lock, in taste/.
    """
    name = catalogue.recall(SCORER)
    return {
        "scorer": name,
        "live": bool(catalogue.recall(LIVE, True)),
        "store": catalogue.recall(STORE),
        "files": {
            file: hashlib.sha256(data).hexdigest() for file, data in scorer_files(catalogue)
        },
    }  # fmt: skip


def scorer_files(catalogue: Catalogue) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files of the scorer in use."""
    name = str(catalogue.recall(SCORER) or "")
    if not taste_scorer.NAME.fullmatch(name):  # a name that leads elsewhere names no scorer
        return
    for ending in (".json", ".safetensors"):
        path = catalogue.root / "scorers" / f"{name}{ending}"
        if path.is_file():
            yield path.name, path.read_bytes()


def read(path: Path) -> dict[str, Any]:
    """Return a lock, its parts known to be of the right kind.

    Raises:
        InputError: it is none.
    """
    hint = f"name the {FILE} of an export"
    try:
        if path.is_dir():
            path = path / FILE
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is no lock: it has more than {MOST_BYTES >> 20} MB", hint)
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}", hint) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no lock: {error}", hint) from error
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise InputError(f"{path} is no lock of this kind ({SCHEMA})", hint)
    said = lock_shape.wrong(told)
    if said:
        raise InputError(f"{path} is damaged: {said}", hint)
    return told
