"""One person in hours of footage, by reference photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.decide.tracks import STRANGER
from curation.errors import CurationError
from curation.learn.people import Speaker, checked_name
from curation.learn.people_said import current
from curation.learn.people_seen import Seen, seen_in
from curation.params import MeasureParams
from curation.people_params import FindPersonParams
from curation.records import Progress, ended
from curation.store.catalogue import Catalogue
from curation.store.videos import VideoTable


def find_person(
    catalogue: Catalogue, pictures: Sequence[Path], params: FindPersonParams
) -> Iterator[Progress]:
    """Find the tracks that show the main face of some pictures, likest first.

    Pictures speak together, by the mean of their faces; one that shows somebody else than most of
    them, or no face, is left out and told. The last beat has `found` (track by track: frame, video,
    seconds, likeness, person, is_them), the threshold, and what to expect of it: how many of the
    tracks are strangers by chance, and which share of this person's tracks is below it.

    Raises:
        CurationError: no picture shows a usable face, or no frame is measured.
    """
    name = checked_name(params.name) if params.name else ""
    seen = seen_in(catalogue)
    failed: dict[str, str] = {}
    faces: dict[str, npt.NDArray[np.float32]] = {}
    for done, path in enumerate(pictures):
        yield Progress("people", done, len(pictures), "pictures", note=f"looking at {path.name}")
        try:
            faces[str(path)] = _face(catalogue, path)
        except CurationError as error:
            failed[str(path)] = str(error)
            yield Progress("people", failed=(str(path), str(error)))
    for path_name in _odd(faces):
        failed[path_name] = "it shows somebody else than the other pictures"
        yield Progress("people", failed=(path_name, failed[path_name]))
        del faces[path_name]
    if not faces:
        raise CurationError(
            "no picture shows a face that can be looked for: "
            + "; ".join(f"{path}: {reason}" for path, reason in list(failed.items())[:3]),
            "give a photo in which the face is sharp and 112 px wide or more",
        )
    told = _ranked(catalogue, seen, _mean(list(faces.values())), params)
    if name and told["them"]:
        Speaker(catalogue).name_frames(told["them"], name)
        told["named"] = {"name": name, "tracks": len(told["them"])}
    yield ended("people", {"pictures": len(faces), **told}, failed)


def _face(catalogue: Catalogue, path: Path) -> npt.NDArray[np.float32]:
    from curation.search.examples import of_picture

    values = catalogue.recall("params.sort", {})
    known = {key: value for key, value in values.items() if key in MeasureParams.model_fields}
    return of_picture(path, "face", MeasureParams(**known))


def _mean(vectors: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    total = np.sum([vector / max(float(np.linalg.norm(vector)), 1e-9) for vector in vectors], 0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _odd(faces: dict[str, npt.NDArray[np.float32]]) -> list[str]:
    """Return pictures that are a stranger's to the mean of the others; of two, none."""
    if len(faces) < 3:
        return []
    names = list(faces)
    return [
        name for name in names
        if float(_mean([faces[name]]) @ _mean([faces[o] for o in names if o != name])) < STRANGER
    ]


def _ranked(
    catalogue: Catalogue, seen: Seen, wanted: npt.NDArray[np.float32], params: FindPersonParams
) -> dict[str, Any]:
    """Return the tracks by likeness, and what the threshold is worth."""
    least = params.least or seen.least
    alike = seen.unit_mean @ wanted if len(seen.unit_mean) else np.zeros(0)
    persons = current(catalogue).persons
    videos = VideoTable(catalogue).names()
    row_of = dict(zip(seen.frame_id.tolist(), range(len(seen.frame_id)), strict=True))
    order = np.lexsort((seen.unit_frame, -alike))
    found = []
    for at in order[: params.most].tolist():
        frame = int(seen.unit_frame[at])
        row, number = row_of[frame], int(seen.unit_person[at])
        person = persons.get(seen.ids.get(number, -1))
        found.append({
            "frame": frame, "video": videos.get(int(seen.video[row]), ""),
            "time_s": round(float(seen.time_s[row]), 3), "likeness": round(float(alike[at]), 4),
            "person": number, "name": person.name if person else "",
            "is_them": bool(alike[at] >= least),
        })
    them = order[alike[order] >= least]
    return {
        "found": found, "tracks": len(alike), "threshold": round(least, 4),
        "them": np.sort(seen.unit_frame[them]).tolist(),
        "expected_strangers": round(len(alike) * seen.alike.false_link(least), 3),
        "expected_missed": round(seen.alike.missed(least), 4),
    }
