"""manifest.jsonl: what re-makes every picture of an export from its video, a line each.

A line names the video by its content, the moment by its PTS, how the still was encoded and how it
was cut and written after that: nothing else decides its bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curation.engine.meter import Meter
from curation.errors import CurationError, InputError
from curation.export import videos
from curation.export.formats.base import Placed, line
from curation.export.pictures import Recipe, made
from curation.export.place import Place, Task
from curation.export.plan import Plan
from curation.records import Progress, StillSource

FILE = "manifest.jsonl"
MOST_BYTES = 1 << 30
KINDS = ("copy", "jpeg", "png", "webp")


def rows(plan: Plan, done: Sequence[Placed]) -> Iterator[dict[str, Any]]:
    """Yield a line for each picture that lies in the export."""
    for one in done:
        item = one.item
        told: dict[str, Any] = {
            "file": one.file,
            "sha256": one.sha256,
            "n_bytes": one.n_bytes,
            "frame": item.key,
            "video": item.video_key,
            "video_name": item.video,
            "pts": item.pts,
            "time_s": round(item.time_s, 6),
            "made": item.recipe.to_dict(),
        }
        still = plan.stills.get(item.video_key)
        if still is None:
            told["picture"] = item.source.name
        else:
            told["still"] = {
                "jpeg_quality": still.jpeg_quality, "reader": still.reader,
                "keyframes_only": still.keyframes_only, "seek": still.seek,
                "stream": still.info.stream_no,
            }  # fmt: skip
        yield told


def data(plan: Plan, done: Sequence[Placed]) -> bytes:
    """Return the file."""
    return b"".join(map(line, rows(plan, done)))


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a manifest, checked.

    Raises:
        InputError: it is none; says which line is wrong.
    """
    found = []
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is no manifest: it has more than {MOST_BYTES >> 20} MB")
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                try:
                    found.append(_checked(json.loads(text)))
                except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
                    raise InputError(
                        f"{path}, line {number}: is no line of a manifest: {error!r}",
                        f"name the {FILE} of an export",
                    ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return found


def _checked(row: Any) -> dict[str, Any]:
    file, how = PurePosixPath(str(row["file"])), row["made"]
    if file.is_absolute() or ".." in file.parts or not file.name:
        raise ValueError(f"its file {str(file)!r} would lie elsewhere")
    if how["kind"] not in KINDS:
        raise ValueError(f"{how['kind']!r} is no way to write a picture")
    px = [int(v) for v in how["crop_px"]]
    wh = [int(v) for v in how["size_wh"]]
    if len(px) != 4 or len(wh) != 2 or min(px) < 0 or not 0 < wh[0] * wh[1] <= 1 << 28:
        raise ValueError("its crop or size is none")
    if "still" in row:
        quality = int(row["still"]["jpeg_quality"])
        if not 1 <= quality <= 100 or row["still"]["reader"] not in ("pyav", "decord"):
            raise ValueError("its still was made by nobody")
        still = row["still"]
        if not 0 <= int(still.get("stream") or 0) < 1000:
            raise ValueError("its stream is none")
        row["still"] = {**still, "jpeg_quality": quality, "seek": bool(still["seek"]),
                        "keyframes_only": bool(still["keyframes_only"])}
    if not -(1 << 62) < int(row["pts"]) < 1 << 62:
        raise ValueError("its time is none")
    recipe = Recipe(how["kind"], int(how["quality"]), (px[0], px[1], px[2], px[3]), (wh[0], wh[1]))
    return {
        **row, "recipe": recipe, "pts": int(row["pts"]), "video": str(row["video"]),
        "sha256": str(row["sha256"]), "file": file.as_posix(),
    }


def remake(manifest: Path, folder: Path, out: Path) -> Iterator[Progress]:
    """Make the pictures of a manifest from their videos, wherever those lie by now.

    A picture whose bytes are not those of the manifest is written and told. The summary holds
    pictures, same, differ.

    Raises:
        InputError: no manifest, or no folder of videos.
        NoSpace: the disk is full; what was made stays.
    """
    told = read(manifest)
    wanted = {row["video"]: int(row["still"].get("stream") or 0) for row in told if "still" in row}
    yield Progress("replay", note="looking for the videos by their content")
    there = videos.found(folder, wanted)
    meter = Meter("replay", len(told), "pictures")
    by_video: dict[str, list[dict[str, Any]]] = {}
    for row in told:
        by_video.setdefault(row["video"], []).append(row)
    same, failed, differ = 0, dict[str, str](), list[str]()
    with Place(out) as place:
        for key, mine in by_video.items():
            for row, answer in _of_video(place, key, mine, there.get(key), folder):
                if isinstance(answer, str):
                    failed[row["file"]] = answer
                    yield meter.beat(1, failed=(row["file"], answer))
                    continue
                same += answer
                differ += [] if answer else [row["file"]]
                yield meter.beat(1, note=row["file"])
    said = "made, but its bytes are others: by another version of this program or its libraries"
    for file in differ:
        failed[file] = said
        yield meter.beat(failed=(file, said))
    yield meter.beat(summary={"pictures": len(told), "same": same, "differ": differ,
                              "failed": failed, "out": str(out)})  # fmt: skip


def _of_video(
    place: Place, key: str, rows: Sequence[dict[str, Any]], path: Path | None, folder: Path
) -> Iterator[tuple[dict[str, Any], bool | str]]:
    """Yield each line of a video, and whether its bytes are the same, or why it was not made."""
    if path is None or "still" not in rows[0]:
        name = rows[0].get("video_name")
        said = f"no video of {folder} has its content ({key}); it was called {name}"
        if "picture" in rows[0]:
            said = f"is a picture of a folder ({rows[0]['picture']}), made from no video"
        yield from ((row, said) for row in rows)
        return
    from curation.video.plan import StillMaker
    from curation.video.probe import probe

    left = {int(row["pts"]): [r for r in rows if r["pts"] == row["pts"]] for row in rows}
    try:
        still = rows[0]["still"]
        info = probe(path, number=int(still.get("stream") or 0))
        source = StillSource(
            info, path.stat().st_mtime_ns, still["reader"], bool(still["keyframes_only"]),
            int(still["jpeg_quality"]), bool(still["seek"]),
        )  # fmt: skip
        with StillMaker(source) as maker:
            for pts, jpeg in maker.jpegs(sorted(left)):
                for row in left.pop(pts):
                    yield row, _put(place, row, jpeg)
    except (CurationError, OSError) as error:
        if type(error).__name__ == "NoSpace":
            raise
        yield from ((row, str(error)) for mine in left.values() for row in mine)
        return
    for mine in left.values():
        yield from ((row, f"{path} gives no picture at that time") for row in mine)


def _put(place: Place, row: Mapping[str, Any], jpeg: bytes) -> bool | str:
    recipe: Recipe = row["recipe"]
    try:
        name = Path(str(row["file"])).with_suffix(".jpg")
        made_of = jpeg if recipe.kind == "copy" else made(jpeg, name, recipe)
        place.put(Task(row["file"], row["sha256"], lambda: made_of))
    except CurationError as error:
        if type(error).__name__ == "NoSpace":
            raise
        return str(error)
    return hashlib.sha256(made_of).hexdigest() == str(row["sha256"])
