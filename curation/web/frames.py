"""Frames that are not kept at full size: a small picture at once, the full one on request.

The full one is made by the helper process from the video, and the newest few stay in the cache.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from curation.engine.stills import Stills
from curation.errors import CurationError
from curation.store.catalogue import Catalogue
from curation.store.pictures import Picture, PictureTable
from curation.store.proxies import FACE, ProxyPacks
from curation.store.videos import VideoTable
from curation.web.answers import in_words
from curation.web.helper import Still
from curation.web.own_pictures import file_of
from curation.web.security import DOCUMENT_CSP
from curation.web.waiting import waited

if TYPE_CHECKING:
    from curation.web.site import Site

KEPT_STILLS = 300
"""Full pictures in the cache: some 100 MB."""
MOST_ID = 2**63 - 1
GONE = (
    "its file is gone; make it again (python -m curation remake --all), extract the video again,"
    " or review its folder again"
)
HEADERS = {"cache-control": "private, no-cache", "content-security-policy": DOCUMENT_CSP}


def stills_folder(root: Path) -> Path:
    """Return where full pictures lie that somebody looked at."""
    return root / "cache" / "stills"


def still_file(picture: Picture) -> str:
    """Return the name of a frame's file there."""
    return f"still-{picture.frame_id}-{picture.revision}.jpg"


def not_kept(request: Request, site: Site, picture: Picture) -> Response:
    """Answer for a frame without a file with what there is of it.

    The header `x-picture` says "small", or "full" of one that was made for somebody.
    """
    made = stills_folder(site.studio.root) / still_file(picture)
    small = None if made.is_file() else _packs(site).read(picture.frame_id)
    if small is None and not made.is_file():
        raise HTTPException(404, GONE)
    kind = "small" if small else "full"
    headers = {**HEADERS, "etag": f'"{kind}-{picture.revision}"', "x-picture": kind}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    if small is not None:
        return Response(small.data, media_type="image/jpeg", headers=headers)
    return FileResponse(made, media_type="image/jpeg", headers=headers)


def make_frames(site: Site) -> APIRouter:
    """Return the routes of full pictures on request and of faces."""
    router = APIRouter()

    @router.get("/still/{frame_id}")
    async def still(request: Request, frame_id: int) -> Response:
        """Answer with a frame at full size, made now when it has no file."""
        found = await run_in_threadpool(site.pictures.find, [frame_id])
        picture = found.get(frame_id)
        if picture is None or picture.path is None:
            raise HTTPException(404, "no such frame")
        served = await run_in_threadpool(file_of, site.studio.catalogue, picture)
        if served is not None:
            path, media_type, _ = served
            return FileResponse(path, media_type=media_type, headers=HEADERS)
        made = stills_folder(site.studio.root) / still_file(picture)
        if not made.is_file():
            try:
                name = await waited(request, site.prober.submit(Still(frame_id)))
            except CurationError as error:
                raise HTTPException(404, in_words(error)) from error
            if name is None:
                return Response(status_code=204)
        return FileResponse(made, media_type="image/jpeg", headers=HEADERS)

    @router.get("/face/{frame_id}")
    def face(frame_id: int) -> Response:
        """Answer with a frame's main face at its own size; `x-place` is its box in the frame."""
        found = _packs(site).read(frame_id, FACE) if frame_id <= MOST_ID else None
        if found is None:
            raise HTTPException(404, "there is no face of it")
        place = " ".join(map(str, found.xyxy_px))
        return Response(
            found.data, media_type="image/jpeg", headers={**HEADERS, "x-place": place}
        )

    return router


def _packs(site: Site) -> ProxyPacks:
    return ProxyPacks(site.studio.catalogue)


# -- in the helper ---------------------------------------------------------------------------------


def make(catalogue: Catalogue, asked: Still) -> str:
    """Make the full picture of a frame; return the name of its file.

    Raises:
        CurationError: there is no such frame, or its video is gone, changed or damaged.
    """
    from curation.video.still import save
    from curation.web.review_pack import remove_older

    picture = PictureTable(catalogue).find([asked.frame_id]).get(asked.frame_id)
    frame = next(VideoTable(catalogue).frames([asked.frame_id]), None)
    if picture is None or frame is None:
        raise CurationError(f"there is no frame {asked.frame_id} to show")
    path = stills_folder(catalogue.root) / still_file(picture)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save(_stills().jpeg(frame), path)
        remove_older(path.parent, "still-", KEPT_STILLS)
    return path.name


@cache
def _stills() -> Stills:
    """Return what keeps the videos open that were asked for lately."""
    return Stills()
