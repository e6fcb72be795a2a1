"""Frame Curation Studio: from hours of video to a small, clean, varied set of frames of people.

    from curation import Studio

    with Studio("datastore") as studio:
        for beat in studio.search(SearchParams(where="focus > 0.8 and pool = 'face'")):
            ...

Every verb is a generator of Progress; see docs/api.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.errors import CurationError as CurationError
    from curation.export.settings import ExportParams as ExportParams
    from curation.params import ExtractParams as ExtractParams
    from curation.params import RankParams as RankParams
    from curation.params import SortParams as SortParams
    from curation.records import Progress as Progress
    from curation.search.find import SearchParams as SearchParams
    from curation.studio import Studio as Studio

__version__ = "0.1.0"

_FROM = {
    "Studio": "studio", "Progress": "records", "CurationError": "errors",
    "ExtractParams": "params", "SortParams": "params", "RankParams": "params",
    "SearchParams": "search.find", "ExportParams": "export.settings",
}
__all__ = sorted([*_FROM, "__version__"])


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `--help` must answer at once."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
