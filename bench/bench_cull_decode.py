"""What a photo costs: one scaled decode, and everything that is made of it.

    python -m bench.bench_cull_decode [--rounds 7]

A 24-megapixel JPEG is decoded at the scale that prints are made at (the smallest that leaves 1280
px), by Pillow's draft mode and by libjpeg-turbo straight (simplejpeg); then the whole of what the
review and the culling do with a file is timed: eight hashes of 64 and 256 bits, eight turns,
sharpness in tiles, exposure, thumbnail. All in one process on one core, in turns, CPU time, the
best of the rounds: other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from bench.report import Row, write
from curation.photos import formats, hashes, prints, sharpness
from curation.photos.decode import opened, pixels
from curation.photos.picture import look
from curation.video.picture import halved
from curation.video.still import thumbnail

WIDE, HIGH = 6000, 4000
GOAL = 1.3


def jpeg_24mp() -> bytes:
    """Return a JPEG with the detail and the size of a camera's, some 10 MB."""
    rng = np.random.default_rng(5)
    scene = np.zeros((HIGH, WIDE, 3), np.float32)
    for cells, depth in ((8, 45.0), (60, 25.0), (600, 14.0), (2400, 8.0)):
        noise = rng.uniform(-depth, depth, (cells * 2 // 3, cells, 3)).astype(np.float32)
        scene += cv2.resize(noise, (WIDE, HIGH), interpolation=cv2.INTER_CUBIC)
    scene += rng.normal(0, 3.5, scene.shape[:2]).astype(np.float32)[:, :, None]  # the sensor
    made = BytesIO()
    picture = Image.fromarray(np.clip(scene + 120, 0, 255).astype(np.uint8))
    picture.save(made, "JPEG", quality=92, subsampling=2)
    return made.getvalue()


def best_s(rounds: int, **jobs: Callable[[], object]) -> dict[str, float]:
    """Return the least CPU seconds of each job; they take turns, so that none has a better hour."""
    found = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            found[name] = min(found[name], time.process_time() - start)
    return found


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    data = jpeg_24mp()
    rgb = pixels(opened(formats.JPEG, data), prints.DECODE_PX)
    luma = prints.luma_of(rgb)

    def small() -> bytes:
        return thumbnail(np.asarray(halved(rgb, 640), np.uint8), 320)

    def all_of_it() -> None:
        made = pixels(opened(formats.JPEG, data), prints.DECODE_PX)
        prints.make(prints.luma_of(made))
        thumbnail(np.asarray(halved(made, 640), np.uint8), 320)

    def identified() -> None:
        # What photos.picture.read does with the bytes of a file.
        look(formats.JPEG, data)
        small()

    def turbo() -> None:
        simplejpeg.decode_jpeg(data, "RGB", min_width=prints.DECODE_PX, min_height=1)

    took = best_s(
        rounds,
        decode=lambda: pixels(opened(formats.JPEG, data), prints.DECODE_PX),
        turbo=turbo,
        whole=lambda: pixels(opened(formats.JPEG, data)),
        all=all_of_it,
        identified=identified,
        thumb=small,
        luma=lambda: prints.luma_of(rgb),
        print=lambda: prints.make(luma),
        hashes=lambda: hashes.all_of(prints._hash_view(luma)),
        tiles=lambda: sharpness.tiles(luma),
    )
    about = f"{WIDE} x {HIGH}, {len(data) >> 20} MB, decoded to {rgb.shape[1]} x {rgb.shape[0]}"
    ratio = took["all"] / took["decode"]
    rows = [
        Row("all hashes, sharpness, thumbnail / one scaled decode", ratio, GOAL, GOAL, False,
            rounds, split=f"Pillow draft in both; {about}"),
        Row("the same / simplejpeg's scaled decode", took["all"] / took["turbo"], None, GOAL,
            False, rounds, split="another decoder below the line"),
        Row("with EXIF and two names by content (blake2b) / one scaled decode",
            took["identified"] / took["decode"], None, None, False, rounds),
        Row("photos a second and core, all of it", 1 / took["identified"], None, 25, True, rounds),
    ]  # fmt: skip
    names = {
        "decode": "one scaled decode, Pillow draft",
        "turbo": "one scaled decode, simplejpeg",
        "whole": "one decode at full size",
        "all": "hashes, sharpness, exposure, thumbnail, decode",
        "identified": "everything, EXIF and names by content",
        "print": "print alone",
        "hashes": "eight hashes alone",
        "tiles": "sharpness alone",
        "luma": "luma alone",
        "thumb": "thumbnail alone",
    }
    rows += [
        Row(f"ms CPU: {text}", 1000 * took[name], None, None, False, rounds)
        for name, text in names.items()
    ]
    return write("cull_decode", rows)


if __name__ == "__main__":
    raise SystemExit(main())
