"""`explain A B`: how far two pictures are from each other, and which settings would match them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curation.cull import pairs, ranking
from curation.cull.edits import add_edits
from curation.cull.library import Library
from curation.cull.single import named, seen
from curation.decide.bursts import bursts
from curation.errors import InputError
from curation.photos.hashes import NAMES

TURNS = (
    "as it stands", "mirrored", "turned by 180 degrees", "mirrored top to bottom",
    "mirrored over its diagonal", "turned right", "mirrored over its other diagonal", "turned left",
)  # fmt: skip
"""What EXIF orientations 1 to 8 do, as photos.hashes.turned counts them."""


def explain_pair(a: str, b: str, *, matcher: bool = True) -> dict[str, Any]:
    """Return what there is to know of two pictures beside each other.

    Args:
        a, b: paths of picture files.
        matcher: also look for points that both share; it takes about a second.

    Returns:
        pictures, same, bits (by size and hash), turned, time, points, settings (those of `group`
        that would match them, with the least threshold), verdict, and `lines` for people.

    Raises:
        InputError: for a file that is no usable picture, or the same one twice.
    """
    paths = named([a, b])
    if len(paths) < 2:
        raise InputError(f"{paths[0]} is named twice", "explain A B takes two pictures")
    both = seen(paths)
    told: dict[str, Any] = {
        "pictures": [_picture(both, at) for at in (0, 1)],
        "same": _same(both),
        "flat": both.prints.flat.tolist(),
        "bits": _bits(both),
        "turned": _turned(both),
        "time": _time(both),
        "points": _points(paths) if matcher else None,
    }
    told["settings"] = _settings(told)
    told["ruling"] = _ruling(both, told["same"])
    told["lines"] = _lines(told)
    return told


def _picture(both: Library, at: int) -> dict[str, Any]:
    photo, prints = both.photos[at], both.prints
    return {
        "path": str(photo.path),
        "width": photo.width,
        "height": photo.height,
        "size_bytes": photo.size_bytes,
        "sharpness": round(float(prints.sharp[at]), 2),
        "clipped": round(float(prints.clipped_frac[at]), 4),
        "taken_s": photo.capture.taken_s,
        "time_from": photo.capture.source,
        "camera": " ".join(part for part in photo.capture.camera if part),
    }


def _same(both: Library) -> str:
    one, other = both.photos
    if one.content == other.content:
        return "bytes"
    return "picture" if one.key == other.key else ""


def _bits(both: Library) -> dict[str, dict[str, int]]:
    prints = both.prints
    return {
        str(size): {
            name: int(np.bitwise_count(np.bitwise_xor(*prints.bits(name, size))).sum())
            for name in NAMES
        }
        for size in (64, 256)
    }


def _turned(both: Library) -> dict[str, Any]:
    """Return the turn that brings the second nearest to the first, and how near that is."""
    one, other = both.prints.turned
    found = np.bitwise_count(other ^ one[0])
    back = np.bitwise_count(one ^ other[0])
    if int(back.min()) < int(found.min()):
        return {"distance": int(back.min()), "first": TURNS[int(back.argmin())], "second": TURNS[0]}
    return {"distance": int(found.min()), "first": TURNS[0], "second": TURNS[int(found.argmin())]}


def _time(both: Library) -> dict[str, Any]:
    """Return the pause between two pictures, and what forbids that they are one burst."""
    table = pairs.moments(both.photos)
    one, other = (photo.capture for photo in both.photos)
    pause: float | None = abs(float(np.diff(table.taken_s)[0]))
    pause = round(pause, 3) if pause is not None and np.isfinite(pause) else None
    why = ""
    if table.camera[0] != table.camera[1]:
        why = "another camera or lens, or only one of the two clocks knows its offset"
    elif pause is None and int(bursts(table, 0.0)[0]) < 0:
        why = "no capture time, and the names do not follow each other"
    return {"pause_s": pause, "from": [one.source, other.source], "not": why}


def _points(paths: list[Path]) -> dict[str, Any]:
    from curation.cull.looks import COVER, INLIERS
    from curation.photos.decode import opened, pixels, read_bytes
    from curation.steps.matching import WORK_PX, make_matcher

    matcher = make_matcher("sift")
    found = matcher.match(
        *(matcher.features(pixels(opened(*read_bytes(path)), WORK_PX)) for path in paths)
    )
    alike = found.inliers >= INLIERS and found.cover >= COVER
    return {"inliers": found.inliers, "cover": round(found.cover, 3), "match": alike}


def _settings(told: Mapping[str, Any]) -> list[str]:
    """Return the command lines of `group` that match the two, the strictest first."""
    found = ["--mode exact"] if told["same"] else []
    if not any(told["flat"]):
        for size, by_name in told["bits"].items():
            for name, bits in by_name.items():
                usual = pairs.RADIUS[int(size)][name]
                if bits > int(size) // 4:
                    continue
                words = f"--hash {name}" + f" --bits {size}" * (size != "64")
                found.append(words if bits <= usual else f"{words} -t {bits}")
        turned, straight = told["turned"]["distance"], told["bits"]["64"]["phash"]
        if turned < straight and turned <= 16:
            usual = pairs.RADIUS[64]["phash"]
            found.append("--invariant" + f" -t {turned}" * (turned > usual))
        pause = told["time"]["pause_s"]
        if not told["time"]["not"] and straight <= 32:
            gap = f" --gap {np.ceil(pause):g}" if pause is not None and pause > 2 else ""
            wide = f" --burst-bits {straight}" if straight > pairs.BURST_BITS else ""
            if pause is None or pause <= 60:
                found.append(f"--mode burst{gap}{wide}")
    if told["points"] and told["points"]["match"]:
        found.append("--mode features")
    return found


def _ruling(both: Library, same: str) -> dict[str, Any]:
    said = ranking.Said.nothing(2)
    add_edits(both, (0, 1), said)
    judge = ranking.Judge(both, said)
    best, other = judge.order().tolist()
    ruling = judge.ruling(best, other, exact=bool(same))
    return {
        "keeper": str(both.photos[best].path),
        "verdict": ruling.verdict,
        "reason": ruling.reason,
        "margin": ruling.margin,
    }


def _lines(told: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{name}: {Path(p['path']).name}: {p['width']} x {p['height']}, {p['size_bytes']:,} bytes,"
        f" sharpness {p['sharpness']:.1f}" + f", {p['camera']}" * bool(p["camera"])
        for name, p in zip("AB", told["pictures"], strict=True)
    ]
    if told["same"]:
        lines.append(f"both are the same {told['same']}")
    if any(told["flat"]):
        lines.append("one of them is so even that the bits of its hashes are noise")
    for size, by_name in told["bits"].items():
        bits = ", ".join(f"{name} {bits}" for name, bits in by_name.items())
        lines.append(f"bits apart of {size}: {bits}")
    turned = told["turned"]
    if turned["distance"] < told["bits"]["64"]["phash"]:
        lines.append(
            f"bits apart of 64, turned: phash {turned['distance']}"
            f" (A {turned['first']}, B {turned['second']})"
        )
    time = told["time"]
    pause = "no times to compare" if time["pause_s"] is None else f"{time['pause_s']:g} s apart"
    lines.append(f"taken: {pause} (from {' and '.join(time['from'])})"
                 + f"; no burst: {time['not']}" * bool(time["not"]))  # fmt: skip
    if told["points"]:
        points = told["points"]
        lines.append(f"points that agree: {points['inliers']}, covering {points['cover']:.0%}")
    lines.append("group would match them with:" if told["settings"]
                 else "no setting of group that makes sense would match them")  # fmt: skip
    lines += [f"  {setting}" for setting in told["settings"]]
    ruling = told["ruling"]
    if told["settings"]:
        lines.append(f"then {Path(ruling['keeper']).name} stays; the other: {ruling['verdict']},"
                     f" {ruling['reason']}")  # fmt: skip
    return lines
