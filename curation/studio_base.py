"""What every verb stands on: one datastore, what it remembers, how a verb ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from curation.params import Params
from curation.records import Progress, ended
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.packs import Packs
from curation.store.sources import SourceTable
from curation.store.videos import VideoTable

if TYPE_CHECKING:
    from curation.measures import Measures


class Base:
    """One datastore, open.

    Raises:
        StoreError: it was written by a newer program, or is damaged.
    """

    def __init__(self, datastore: Path | str) -> None:
        self.catalogue = Catalogue(Path(datastore))
        self.sources = SourceTable(self.catalogue)
        self.videos = VideoTable(self.catalogue)
        self.decisions = DecisionTable(self.catalogue)
        self.packs = Packs(self.catalogue)

    @property
    def root(self) -> Path:
        """Return the datastore's folder."""
        return self.catalogue.root

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what the studio shows ------------------------------------------------------------------

    def remembered(self, verb: str, model: type[Params]) -> dict[str, Any]:
        """Return the values that a verb last ran with, as far as a model has them."""
        values: dict[str, Any] = self.catalogue.recall(f"params.{verb}", {})
        return {key: value for key, value in values.items() if key in model.model_fields}

    def _changed(self, verb: str, params: Params) -> dict[str, dict[str, Any]]:
        """Return name -> {"now", "before"} of what differs from the run before, if there was one.
        """
        before, now = self.catalogue.recall(f"params.{verb}", {}), params.model_dump(mode="json")
        return {
            name: {"now": value, "before": before[name]}
            for name, value in now.items()
            if name in before and before[name] != value
        }

    def _remember(self, verb: str, params: Params) -> None:
        self.catalogue.remember(f"params.{verb}", params.model_dump(mode="json"))

    def measures(self) -> Measures:
        """Return all measures with people's marks, for histograms and trial decisions."""
        from curation.measures import gather

        return gather(self.catalogue)


def placed(verb: str, told: Mapping[str, Any]) -> Progress:
    """Return the end of a verb that fills ranked/: a pick without its picture is a failure."""
    failed = {f"frame {frame_id}": reason for frame_id, reason in told["not_made"].items()}
    return ended(verb, {k: v for k, v in told.items() if k != "not_made"}, failed)
