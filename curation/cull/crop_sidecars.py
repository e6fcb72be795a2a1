"""Crops into XMP sidecars: never over a crop that a person or an editor made there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from curation.cull import crop_files
from curation.cull.crop_files import About
from curation.cull.sidecars import Desk, Place
from curation.errors import SidecarError
from curation.photos import formats, xmp
from curation.photos.sidecar_names import Style
from curation.photos.stored_frame import stored_orientation
from curation.store.catalogue import Catalogue
from curation.store.crops import CropRow
from curation.toolkit.plan import Plan

if TYPE_CHECKING:
    from curation.cull.library import Photo

REGION, HAS_CROP = "Iptc4xmpExt:ImageRegion", "crs:HasCrop"


class CropSidecars:
    """Plans the writes of one run.

    Args:
        catalogue: remembers what was written, so that ours can be told from anybody else's.
        naming: how new sidecars are named; crops for Camera Raw always go into IMG.xmp.
        crs: write the crop that was accepted last: editors know one.
        regions: write all crops as IPTC image regions.
    """

    def __init__(self, catalogue: Catalogue, naming: Style, crs: bool, regions: bool) -> None:
        self.catalogue = catalogue
        self.crs, self.regions = crs, regions
        self._desk, self._adobe = Desk(naming), Desk("adobe")

    def add(
        self, plan: Plan, photo: Photo, about: About, rows: Sequence[CropRow], dry_run: bool
    ) -> None:
        """Add the sidecars of one photo to a plan; what must be left alone fails there."""
        accepted = [row for row in rows if row.verdict == "accepted"]
        found: dict[Any, tuple[Place, dict[str, Any]]] = {}
        try:
            if self.regions and rows:
                for place in self._desk.places([photo.path]):
                    made = xmp.Markup(crop_files.regions(rows, about))
                    found.setdefault(place.path, (place, {}))[1][REGION] = made
            if self.crs and accepted:
                latest = max(accepted, key=lambda row: (row.changed_s, row.ratio))
                values = crop_files.crs_values(latest, _raw_about(photo, about))
                for place in self._adobe.places(photo.files):
                    found.setdefault(place.path, (place, {}))[1].update(values)
        except SidecarError as error:
            plan.fail(photo.path, error)
            return
        for place, values in found.values():
            self._write(plan, place, values, f"crops of {photo.path.name}", dry_run)

    def _write(
        self, plan: Plan, place: Place, values: Mapping[str, Any], why: str, dry_run: bool
    ) -> None:
        name = f"crops.xmp:{plan.workdir.stored(place.path)}"
        try:
            self._refuse_others(place, values, _unpacked(self.catalogue.recall(name, {})))
            write = place.write(lambda data: xmp.with_values(data, values, replace=True), why)
        except SidecarError as error:
            plan.fail(place.path, error)
            return
        if write is not None:
            plan.add(replace(write, replace=True))
            if not dry_run:
                self.catalogue.remember(name, _packed(values))

    def _refuse_others(
        self, place: Place, values: Mapping[str, Any], ours: Mapping[str, Any]
    ) -> None:
        """Raise SidecarError where a crop stands that is neither ours nor the one to be written."""
        if place.data is None or place.packet is None:
            return
        there = place.packet.values
        cropped = str(there.get(HAS_CROP, "")).lower() == "true"
        for own, said in ((REGION, REGION in there), (HAS_CROP, cropped)):
            if not said or own not in values:
                continue
            mine = {k: v for k, v in ours.items() if (k == REGION) == (own == REGION)}
            new = {k: v for k, v in values.items() if (k == REGION) == (own == REGION)}
            if not any(
                known and xmp.with_values(place.data, known, replace=True) == place.data
                for known in (mine, new)
            ):
                raise SidecarError(
                    f"{place.path.name} holds a crop that was not made here; it is left alone"
                )


def _packed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: {"xml": v.xml} if isinstance(v, xmp.Markup) else v for k, v in values.items()}


def _unpacked(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: xmp.Markup(v["xml"]) if isinstance(v, dict) else v for k, v in values.items()}


def _raw_about(photo: Photo, about: About) -> About:
    """Return a photo as its RAW file is stored, which is what IMG.xmp speaks of."""
    raws = [path for path in photo.files if formats.promised(path.suffix) == formats.RAW]
    if not raws or raws[0] == photo.path:
        return about
    return replace(about, orientation=stored_orientation(raws[0]))
