"""`crops`: proposals for the shapes that pictures are shown and trained at; no picture is changed.

Each photo is looked at once ever (faces, bodies, animals, where the eye goes); shapes and limits
are decided anew in milliseconds. What a person accepted, refused or placed in the workspace stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from curation.cull import crop_files, home
from curation.cull.crop_files import About
from curation.cull.crop_sidecars import CropSidecars
from curation.cull.home import FolderParams
from curation.decide import crop_ratio, crops
from curation.decide.crop_scene import LOOK, QUESTION, Scene, scene_of
from curation.errors import ImageUnreadable, ParamError, SidecarError
from curation.params import tunable
from curation.photos import sidecar_names
from curation.photos.stored_frame import stored_orientation
from curation.store.crops import CropRow, CropTable
from curation.toolkit import finding
from curation.toolkit.plan import Plan, Write
from curation.toolkit.verbs import Beats, Context, Verb
from curation.toolkit.workdir import Pic

if TYPE_CHECKING:
    from curation.cull.library import Photo

PLACES = "crops.places"
"""Setting of a work dir: folders that copies went to, whose pictures are no photos of it."""


class CropsParams(FolderParams):
    """Which crops are proposed, and what is written."""

    ratios: tuple[str, ...] = tunable(
        ("1:1", "4:5", "2:3", "16:9", "bucket"),
        "shapes as W:H or WxH pixels; bucket is the SDXL size that keeps most of a picture",
        short="-r",
        basic=True,
    )
    sure: float = tunable(
        0.2, "confidence under which a proposal asks for a person's look", ge=0, le=1, basic=True
    )
    tightest: float = tunable(
        0.7, "least size of a crop, as a share of the largest of its shape", ge=0.3, le=1
    )
    apply: str = tunable(
        "", "folder that cropped, upright copies go to; nothing is cropped without it",
        basic=True, cached=False,
    )  # fmt: skip
    which: Literal["sure", "accepted", "all"] = tunable(
        "sure", "crops that are copied: accepted and sure ones, only accepted ones, or all but "
        "refused ones", basic=True, cached=False,
    )  # fmt: skip
    quality: int = tunable(95, "quality of JPEG and WebP copies", ge=1, le=100, short="-q")
    no_json: bool = tunable(False, "write no IMG.JPG.crops.json beside the pictures", cached=False)
    xmp_crs: bool = tunable(
        False, "write the accepted crop for Camera Raw and Lightroom into IMG.xmp", cached=False
    )
    xmp_iptc_region: bool = tunable(
        False, "write all crops as IPTC image regions into the XMP sidecar", cached=False
    )
    naming: sidecar_names.Style = tunable(
        "darktable", "sidecar of the regions: IMG.JPG.xmp (darktable) or IMG.xmp (adobe)",
        cached=False,
    )  # fmt: skip
    force: bool = tunable(False, "look at every picture again", cached=False)


def run(ctx: Context, params: CropsParams) -> Beats:
    """Propose crops; the summary counts them by verdict, and has `looked`."""
    from curation.cull.library import library
    from curation.steps import scene as looks

    _shapes(params.ratios, (1, 1))  # a wrong ratio is told before anything is read
    folders = home.absolute(params.folders)
    shelf = yield from library(ctx, folders)
    plan = ctx.plan()
    for path, reason in shelf.failed.items():
        plan.fail(path, reason)
    made = [Path(place) for place in ctx.catalogue.recall(PLACES, [])]
    to = ctx.target(params.apply) if params.apply else None
    places = [*made, *([to] if to else [])]
    photos = [p for p in shelf.photos if not any(p.path.is_relative_to(place) for place in places)]
    pics = [Pic(p.path, p.folder, p.size_bytes, p.mtime_ns) for p in photos]
    answers = yield from finding.ask(
        ctx, plan, pics, [QUESTION], LOOK, looks.open_looker, again=params.force
    )
    table = CropTable(ctx.catalogue)
    engine = f"{LOOK} crops:{crops.REVISION}"
    known = table.of(photo.key for photo in photos)
    sidecars = None
    if params.xmp_crs or params.xmp_iptc_region:
        crs, regions = params.xmp_crs, params.xmp_iptc_region
        sidecars = CropSidecars(ctx.catalogue, params.naming, crs, regions)
    counts: Counter[str] = Counter()
    fresh: list[CropRow] = []
    for photo in photos:
        if photo.path not in answers.of:
            continue
        told = answers.of[photo.path][QUESTION]
        size_wh = (int(told["size_wh"][0]), int(told["size_wh"][1]))
        stored = known.get(photo.key, {})
        proposed = list(_proposals(photo.key, size_wh, told["found"], params, engine, stored))
        fresh += [row for row in proposed if row.fp and stored.get(row.ratio) != row]
        # Crops of other shapes, which a person made in the workspace, are written too.
        rows = {row.ratio: row for row in proposed}
        rows |= {ratio: row for ratio, row in stored.items() if row.is_said}
        counts.update(row.verdict for row in rows.values())
        try:
            about = About(
                photo.path.name, photo.content, photo.key, size_wh,
                stored_orientation(photo.path), engine,
            )  # fmt: skip
            _add(
                plan, photo, about, told["found"], list(rows.values()), params, to, sidecars,
                ctx.dry_run,
            )  # fmt: skip
        except (ImageUnreadable, SidecarError) as error:
            plan.fail(photo.path, error)
    if not ctx.dry_run:
        table.propose(fresh)
        if to is not None and str(to) not in {str(place) for place in made}:
            ctx.catalogue.remember(PLACES, [*map(str, made), str(to)])
    yield from ctx.carry_out(
        plan, pictures=len(photos), looked=answers.looked, crops=dict(sorted(counts.items()))
    )


def _shapes(words: Sequence[str], size_wh: tuple[int, int]) -> list[crop_ratio.Shape]:
    try:
        return crop_ratio.shapes(tuple(words), size_wh)
    except ValueError as error:
        raise ParamError(str(error), "python -m curation crops FOLDER --ratios 1:1,4:5") from error


def _proposals(
    key: str,
    size_wh: tuple[int, int],
    found: Mapping[str, Any],
    params: CropsParams,
    engine: str,
    stored: Mapping[str, CropRow],
) -> Iterator[CropRow]:
    """Yield a crop of each shape: what a person said, what is stored, or a new proposal."""
    fp = f"{engine} sure:{params.sure:g} tightest:{params.tightest:g} of {size_wh[0]}x{size_wh[1]}"
    scene: Scene | None = None
    for one in _shapes(params.ratios, size_wh):
        known = stored.get(one.name)
        if known is not None and (known.is_said or (known.fp == fp and not params.force)):
            yield known
            continue
        scene = scene_of(size_wh, found) if scene is None else scene
        made = crops.propose(scene, one, sure=params.sure, tightest=params.tightest)
        yield crop_files.row_of(key, made, fp)


def _add(
    plan: Plan,
    photo: Photo,
    about: About,
    found: Mapping[str, Any],
    rows: Sequence[CropRow],
    params: CropsParams,
    to: Path | None,
    sidecars: CropSidecars | None,
    dry_run: bool,
) -> None:
    """Add what is written of one photo to the plan."""
    crops_of = sorted(rows, key=lambda row: row.ratio)
    if not params.no_json:
        place = photo.path.with_name(photo.path.name + crop_files.ENDING)
        told = ", ".join(f"{row.ratio} {row.verdict}" for row in crops_of)
        plan.add(Write(place, crop_files.as_json(about, found, crops_of), told, replace=True))
    usable = [row for row in crops_of if row.verdict not in ("none", "refused")]
    if sidecars is not None:
        sidecars.add(plan, photo, about, usable, dry_run)
    for row in usable if to is not None else ():
        if not _is_wanted(row, params.which):
            continue
        assert to is not None
        name = crop_files.copy_name(photo.path.name, row.ratio)
        below = photo.path.parent.relative_to(photo.folder)
        plan.add(
            Write(
                to / below / name,
                partial(crop_files.copy, photo.path, row, about.size_wh, params.quality),
                f"{row.ratio} of {photo.path.name}, {row.px[2]} x {row.px[3]}, {row.verdict}",
                replace=False,
            )
        )


def _is_wanted(row: CropRow, which: str) -> bool:
    if which == "all":
        return True
    return row.verdict == "accepted" or (which == "sure" and row.verdict == "proposed")


VERB = Verb(
    "crops",
    CropsParams,
    run,
    "Propose crops of photos that cut no face: 1:1, 4:5, 2:3, 16:9 and the sizes that trainers "
    "use. Nothing is cropped but copies, and those only with --apply.",
    config=False,
    home=home.first,
)
