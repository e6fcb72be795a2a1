"""A scorer as a file: what was learned, and a card that says from what and how well.

DATASTORE/scorers/NAME.json, and NAME.safetensors beside it where a network was fine-tuned. Plain
numbers only: a scorer of somebody else is data, checked when it is read, and never runs anything.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.errors import CurationError
from curation.learn.taste_features import Basis
from curation.learn.taste_fit import Taste
from curation.learn.taste_model import Head
from curation.learn.taste_read import Calibration

Floats = npt.NDArray[np.float64]

FOLDER = "scorers"
FORMAT = 1
LARGEST_BYTES = 4 << 20
LARGEST_NET_BYTES = 400 << 20
MOST_FEATURES = 512
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
HINT = "ask for the scorer again, or train one: python -m curation train"


@dataclass(frozen=True, slots=True)
class Scorer:
    """What was learned from ratings, ready for use in any datastore.

    Attributes:
        name: of the files.
        basis: how measures become features.
        taste: what the features are worth.
        card: what people read: data, metrics, versions.
        net: architecture, input_px and sha256 of the network beside it; None without one.
        digest: sha256 of all of it.
    """

    name: str
    basis: Basis
    taste: Taste
    card: Mapping[str, Any]
    net: Mapping[str, Any] | None = None
    digest: str = ""


def path_of(root: Path, name: str) -> Path:
    """Return where a datastore keeps a scorer.

    Raises:
        CurationError: the name could not be one.
    """
    if not NAME.fullmatch(name):
        raise CurationError(
            f"{name!r} cannot name a scorer", "letters, digits, _ and -, at most 64 of them"
        )
    return root / FOLDER / f"{name}.json"


def names(root: Path) -> list[str]:
    """Return the scorers of a datastore, by name."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.json") if NAME.fullmatch(path.stem))


def write(root: Path, scorer: Scorer) -> Scorer:
    """Write a scorer's file, whole or not at all; return it with its digest."""
    path = path_of(root, scorer.name)
    body = _body(scorer)
    digest = _digest(body)
    text = json.dumps({**body, "digest": digest}, indent=1, sort_keys=True) + "\n"
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CurationError(f"{path} cannot be written: {error}", "make room, try again") from error
    return Scorer(scorer.name, scorer.basis, scorer.taste, scorer.card, scorer.net, digest)


def read(path: Path) -> Scorer:
    """Return the scorer of a file.

    Raises:
        CurationError: there is none, or it is not what `write` wrote; the reason is told.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise CurationError(f"{path} is too large for a scorer", HINT)
        data = json.loads(path.read_text("utf-8"), parse_constant=_no_number)
    except FileNotFoundError as error:
        raise CurationError(f"there is no scorer {path}", "python -m curation train") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CurationError(f"{path} cannot be read as a scorer: {error}", HINT) from error
    try:
        return _parsed(path, data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CurationError(f"{path} is no scorer: {error!r}", HINT) from error


def net_path(root: Path, scorer: Scorer) -> Path:
    """Return the verified weights of a scorer's network.

    Raises:
        CurationError: they are not beside it, or are others.
    """
    from curation.assets import sha256_of

    path = path_of(root, scorer.name).with_suffix(".safetensors")
    if scorer.net is None:
        raise CurationError(f"scorer {scorer.name} has no network")
    if not path.is_file() or path.stat().st_size > LARGEST_NET_BYTES:
        raise CurationError(f"{path} is missing or too large", f"copy it beside {scorer.name}.json")
    if sha256_of(path) != scorer.net["sha256"]:
        raise CurationError(f"{path} is not the network that {scorer.name}.json names", HINT)
    return path


def copy(source: Path, root: Path) -> Scorer:
    """Bring a scorer of another datastore here; one of that name with other content stays.

    Args:
        source: its .json file; the network is taken from beside it.

    Raises:
        CurationError: it is no sound scorer, or another one is called the same here.
    """
    import shutil

    scorer = read(source)
    target = path_of(root, scorer.name)
    if target.is_file():
        if read(target).digest == scorer.digest:
            return scorer
        raise CurationError(
            f"another scorer is called {scorer.name} here", "rename one of the two files"
        )
    if scorer.net is not None:
        where = net_path(source.parent.parent, scorer) if source.parent.name == FOLDER else None
        if where is None:
            raise CurationError(f"{source} must lie in a folder {FOLDER}/ with its network", HINT)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".safetensors.part")
        shutil.copyfile(where, part)
        part.replace(target.with_suffix(".safetensors"))
    return write(root, scorer)


def _body(scorer: Scorer) -> dict[str, Any]:
    basis, head, read = scorer.basis, scorer.taste.head, scorer.taste.calibration
    return {
        "format": FORMAT,
        "name": scorer.name,
        "card": json.loads(json.dumps(scorer.card)),
        "basis": {
            "names": list(basis.names), "centre": basis.centre.tolist(),
            "spread": basis.spread.tolist(), "look_mean": basis.look_mean.tolist(),
            "look_axes": basis.look_axes.tolist(),
        },
        "head": {
            "mean": head.mean.tolist(), "covariance": head.covariance.tolist(),
            "noise": head.noise,
        },
        "calibration": {
            "assumed": read.assumed.tolist(), "found": read.found.tolist(), "share": read.share,
        },
        "net": None if scorer.net is None else dict(scorer.net),
    }


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _parsed(path: Path, data: Any) -> Scorer:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"format {FORMAT} is wanted")
    name, card, net = data["name"], data["card"], data["net"]
    if name != path.stem or not NAME.fullmatch(name):
        raise ValueError(f"it calls itself {name!r}")
    if not isinstance(card, dict) or not (net is None or _is_net(net)):
        raise ValueError("card or network are not as they should be")
    given, head, read = data["basis"], data["head"], data["calibration"]
    columns = given["names"]
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise ValueError("names must be texts")
    if not 4 <= len(columns) <= MOST_FEATURES or len(set(columns)) != len(columns):
        raise ValueError(f"{len(columns)} names")
    r = len(columns)
    centre, spread = _array(given["centre"], (r,)), _array(given["spread"], (r,))
    mean = _array(given["look_mean"], (None,))
    axes = _array(given["look_axes"], (None, len(mean))) if given["look_axes"] else np.zeros((0, 0))
    if (spread <= 0).any():
        raise ValueError("a spread is not above 0")
    basis = Basis(tuple(columns), centre, spread, mean, axes)
    p = len(basis.kinds)
    covariance = _array(head["covariance"], (p, p))
    if not np.allclose(covariance, covariance.T, atol=1e-9):
        raise ValueError("the covariance is not symmetric")
    if np.linalg.eigvalsh(covariance).min(initial=0.0) < -1e-6:
        raise ValueError("the covariance is negative somewhere")
    noise, share = float(head["noise"]), float(read["share"])
    if not (math.isfinite(noise) and noise > 0 and 0 <= share <= 1):
        raise ValueError("noise or share out of range")
    assumed = _array(read["assumed"], (None,))
    found = _array(read["found"], (len(assumed),))
    if (np.diff(assumed) < 0).any() or (np.diff(found) < 0).any() or (
        len(found) and (found.min() < 0 or found.max() > 1)
    ):
        raise ValueError("the calibration does not rise from 0 to 1")
    made = Scorer(
        name, basis,
        Taste(Head(_array(head["mean"], (p,)), covariance, noise),
              Calibration(assumed, found, share)),
        card, net,
    )
    digest = _digest({key: value for key, value in data.items() if key != "digest"})
    if digest != data["digest"]:
        raise ValueError("its digest is another: somebody changed it")
    return Scorer(made.name, made.basis, made.taste, made.card, made.net, digest)


def _is_net(net: Any) -> bool:
    return (
        isinstance(net, dict)
        and set(net) == {"architecture", "input_px", "sha256"}
        and net["architecture"] in ("efficientnet_lite0", "tf_efficientnetv2_s")
        and isinstance(net["input_px"], int) and 32 <= net["input_px"] <= 512
        and isinstance(net["sha256"], str)
        and re.fullmatch(r"[0-9a-f]{64}", net["sha256"]) is not None
    )


def _array(values: Any, shape: tuple[int | None, ...]) -> Floats:
    """Return numbers of a shape; None stands for any length up to MOST_FEATURES * 8."""
    found = np.array(values, np.float64)
    if len(found.shape) != len(shape) or any(
        want is not None and have != want for have, want in zip(found.shape, shape, strict=True)
    ):
        raise ValueError(f"numbers of shape {found.shape}, not {shape}")
    if max(found.shape, default=0) > MOST_FEATURES * 8 or not np.isfinite(found).all():
        raise ValueError("a number is not finite, or there are too many")
    if np.abs(found).max(initial=0.0) > 1e9:
        raise ValueError("a number is far too large")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
