"""Captions from measures, through a template: shot, view and expression in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.coverage import (
    OPEN_MOUTH,
    PROFILE_DEG,
    SHUT_EYES,
    SMILES,
    THREE_QUARTER_DEG,
    TURNED_AWAY,
)
from curation.errors import InputError
from curation.export.naming import filled

FIELDS = ("person", "shot", "view", "expression", "tags", "note", "pool", "video", "time_s")
SHOTS = {"face": "close-up", "upper_body": "upper body", "full_body": "full body"}
MOST_BYTES = 64 << 10
Columns = Mapping[str, npt.NDArray[Any]]


class Words:
    """What measures say of frames, in words; the borders are those of `coverage`."""

    def __init__(self, columns: Columns) -> None:
        self._of = {
            name: columns[name]
            for name in ("yaw_deg", "smile", "mouth_open", "eye_open", "frontal", "face_index")
            if name in columns
        }

    def _number(self, name: str, row: int) -> float:
        values = self._of.get(name)
        return float("nan") if values is None else float(values[row])

    def view(self, row: int, pool: str) -> str:
        """Return how the head, or a body without a face, is turned; "" where nobody knows."""
        yaw = abs(self._number("yaw_deg", row))
        if yaw >= PROFILE_DEG:
            return "profile"
        if yaw >= THREE_QUARTER_DEG:
            return "three-quarter view"
        if np.isfinite(yaw):
            return "front view"
        away = self._number("frontal", row) <= TURNED_AWAY
        faceless = not np.isfinite(self._number("face_index", row))
        return "from behind" if away and faceless and pool != "face" else ""

    def expression(self, row: int) -> str:
        """Return what the face does, comma by comma; "" where nobody knows."""
        found = []
        if self._number("smile", row) >= SMILES:
            found.append("smiling")
        if self._number("mouth_open", row) >= OPEN_MOUTH:
            found.append("open mouth")
        if self._number("eye_open", row) < SHUT_EYES:
            found.append("closed eyes")
        return ", ".join(found)


def caption(template: str, values: Mapping[str, Any]) -> str:
    """Return a caption; an empty field goes with the comma and the space beside it.

    Raises:
        ParamError: a field that there is not.
    """
    text = filled(template, values, FIELDS)
    parts = (re.sub(r"\s+", " ", part).strip() for part in text.split(","))
    return ", ".join(part for part in parts if part)


class Texts:
    """Captions that people wrote: NAME.txt of a folder, of a frame's file or of its video.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder) if folder else None
        if self.folder is not None and not self.folder.is_dir():
            raise InputError(
                f"--captions-from {folder}: there is no such folder",
                "name the folder that holds NAME.txt for frames or videos called NAME",
            )

    def of(self, path: str, video: str, is_own: bool) -> str | None:
        """Return the caption of a frame, None when nobody wrote one.

        Args:
            path: of its picture.
            is_own: a person's own picture: a text that lies beside it counts as well.
        """
        if self.folder is None and not is_own:
            return None
        source, places = Path(path), []
        if self.folder is not None:
            places += [self.folder / f"{source.stem}.txt", self.folder / f"{video}.txt"]
        if is_own:
            places.append(source.with_suffix(".txt"))
        for place in places:
            if place.is_file():
                return _read(place)
        return None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a caption: {error}", "write it as UTF-8") from (
            error
        )
    if len(data) > MOST_BYTES:
        raise InputError(f"{path} is no caption: it has more than {MOST_BYTES >> 10} KB")
    return " ".join(text.split())
