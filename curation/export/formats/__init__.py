"""The formats by name: a new one is a class in its file and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from curation.errors import ParamError

if TYPE_CHECKING:
    from curation.export.formats.base import Format

FORMATS = {
    "folders": "curation.export.formats.folders:Folders",
    "kohya": "curation.export.formats.kohya:Kohya",
    "imagefolder": "curation.export.formats.imagefolder:ImageFolder",
    "webdataset": "curation.export.formats.webdataset:WebDataset",
    "coco": "curation.export.formats.coco:Coco",
    "yolo": "curation.export.formats.yolo:Yolo",
    "yolo-pose": "curation.export.formats.yolo:YoloPose",
    "parquet": "curation.export.formats.parquet:Parquet",
    "csv": "curation.export.formats.table:Csv",
    "fiftyone": "curation.export.formats.fiftyone:FiftyOne",
    "xmp": "curation.export.formats.xmp:Xmp",
    "zip": "curation.export.formats.zipped:Zip",
}


def make(name: str) -> Format:
    """Return a format, ready for one export.

    Raises:
        ParamError: there is none of this name.
    """
    if name not in FORMATS:
        raise ParamError(f"there is no format {name!r}", f"formats are {', '.join(FORMATS)}")
    module, _, kind = FORMATS[name].partition(":")
    made: Format = getattr(import_module(module), kind)()
    return made


def described() -> list[dict[str, str]]:
    """Return name, about and reader of every format, for help and studio."""
    kinds = [make(name) for name in FORMATS]
    return [{"name": kind.name, "about": kind.about, "reader": kind.reader} for kind in kinds]
