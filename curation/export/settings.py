"""What an export may be asked for: the tunables of `export`."""

from __future__ import annotations

from typing import Literal

from curation.params import Params, tunable

CAPTION = "{person}, {shot}, {view}, {expression}, {tags}"
NAME = "{video}_{time_s:.3f}_{pool}"


class ExportParams(Params):
    """What leaves a datastore, and how it looks."""

    what: Literal["picks", "pool", "marks", "all"] = tunable(
        "picks",
        "frames that are picked, those of --pools picked or not, those that people picked or gave "
        "--stars, or all with a pool; what people rejected is never among them",
        basic=True,
    )
    pools: str = tunable("", "only of these pools, as in face,upper_body; none means all",
                         basic=True)
    person: str = tunable("", "only frames of these people, by name: Anna,Ben", basic=True)
    where: str = tunable("", "only frames for which this holds: \"focus_s > 0.2 and stars >= 3\"",
                         basic=True)
    stars: int = tunable(0, "only frames with at least this many stars", ge=0, le=5, basic=True)
    most: int = tunable(
        0, "pictures at most, the best ranked of every pool in turn; 0 is no limit", ge=0,
        le=10_000_000, basic=True,
    )  # fmt: skip
    name: str = tunable(
        NAME,
        "names of pictures; fields: video, time_s, pts, pool, rank, score, person, stars, shot, "
        "split, n",
        basic=True,
    )
    crop: str = tunable(
        "", "cut pictures to a shape: 4:5, 1024x1024, or bucket, the SDXL size that keeps most of "
        "each; empty leaves them whole", basic=True,
    )  # fmt: skip
    crops: Literal["sure", "accepted", "all"] = tunable(
        "all", "crops that are taken: accepted and sure ones, only accepted ones, or all but "
        "refused ones; a picture without one is left out and told",
    )
    long_px: int = tunable(0, "longer side of the pictures; 0 leaves their size", ge=0, le=16384,
                           unit="px", basic=True)
    enlarge: bool = tunable(False, "also make pictures larger than they are")
    encode: Literal["auto", "jpeg", "png", "webp"] = tunable(
        "auto", "format of the pictures; auto copies a file byte for byte where no pixel changes, "
        "and makes JPEG where one does", basic=True,
    )
    quality: int = tunable(95, "quality of JPEG and WebP that are made", ge=1, le=100)
    link: bool = tunable(
        False, "hard links instead of copies where no pixel changes: no room is taken, and who "
        "edits one edits the datastore's", cached=False,
    )
    caption: str = tunable(
        CAPTION,
        "captions; fields: person, shot, view, expression, tags, note, pool, video; empty ones go "
        "with their comma; an empty template writes no captions",
        basic=True,
    )
    captions_from: str = tunable(
        "", "folder with NAME.txt, which are captions of the frames or videos of that name",
        local=True,
    )
    token: str = tunable("person", "what the pictures show, in one or two words: kohya's class")
    repeats: int = tunable(
        0, "how often kohya takes each picture in an epoch; 0 evens the folders out, up to 4 times",
        ge=0, le=1000,
    )  # fmt: skip
    split: Literal["none", "video", "shot"] = tunable(
        "none", "train, val and test, with all of a video or of a shot on one side, and what looks "
        "alike with it", basic=True,
    )
    val: float = tunable(0.1, "share of val", ge=0, le=0.9)
    test: float = tunable(0.0, "share of test", ge=0, le=0.9)
    alike_bits: int = tunable(
        8, "pHash bits within which two frames are one picture and stay on one side", ge=0, le=32
    )
    shard_mb: int = tunable(256, "size of a WebDataset shard", ge=1, le=100_000, unit="MB")
    embed: bool = tunable(True, "put the pictures into the Parquet file itself")
    naming: Literal["darktable", "adobe"] = tunable(
        "darktable", "sidecars of xmp: IMG.jpg.xmp (darktable, digiKam) or IMG.xmp (Adobe)"
    )
    require_consent: bool = tunable(
        False, "write nothing while a person in it has no consent note", basic=True, cached=False
    )
