"""The verbs: what scripts, the command line, jobs and the web studio import."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import sources as files_on_disk
from curation.errors import CurationError
from curation.params import ExtractParams, Params, PoolParams, RankParams, SortParams
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.store.decisions import DecisionTable
from curation.store.packs import Packs
from curation.store.sources import SourceTable
from curation.store.videos import VideoTable

if TYPE_CHECKING:
    from curation.decide import Decisions
    from curation.measures import Measures

BODY_POOLS = ("face", "upper_body", "full_body")


class Studio:
    """One datastore and what can be done with it.

    Every verb is a generator of Progress: take beats until it ends, or close it to cancel; what is
    finished stays, and the same call goes on from there.
    """

    def __init__(self, datastore: Path) -> None:
        self.catalogue = Catalogue(datastore)
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

    # -- 01 -----------------------------------------------------------------------------------

    def extract(
        self, paths: Sequence[Path] = (), params: ExtractParams | None = None
    ) -> Generator[Progress, None, None]:
        """Store frames of videos, with exact time identity.

        Args:
            paths: videos and folders; none means every datastore/videos_folder_*/.

        Raises:
            CurationError: when there is nothing to extract at all.
        """
        from curation.engine import extract as driver

        params = params or ExtractParams()
        with self.catalogue.writing("extract"):
            files, missing = files_on_disk.offered(self.root, paths)
            if not files and not missing:
                where = ", ".join(map(str, paths)) or f"{self.root}/videos_folder_*/"
                raise CurationError(
                    f"no video in {where}", "python 01_extract.py VIDEO [--datastore FOLDER]"
                )
            failed: dict[str, str] = {str(path): "no such file" for path in missing}
            for path, reason in failed.items():
                yield Progress("probe", failed=(path, reason))
            listed = []
            for folder, members in files_on_disk.by_folder(files).items():
                wanted = files_on_disk.folder_number(self.root, folder)
                number = self.sources.add_folder(folder, wanted)
                listed += self.sources.add_files(number, members)
            for beat in driver.register(self.catalogue, listed, params.workers):
                failed.update([beat.failed] if beat.failed else [])
                yield beat
            found = [self.sources.file(file.path) for file in listed]
            ids = list(dict.fromkeys(f.video_id for f in found if f.video_id is not None))
            self._remember("extract", params)
            for beat in driver.extract(self.catalogue, ids, params):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    yield _ended(
                        "extract", {**beat.summary, "files": len(listed) + len(missing)}, failed
                    )

    def add_pictures(
        self, folder: Path, workers: int = 0
    ) -> Generator[Progress, None, None]:
        """Make a folder of pictures, and those below it, rows of the catalogue; incremental.

        The files stay as and where they are. A picture that cannot be used is a row with its
        reason; one that is gone is no longer sampled.

        Raises:
            CurationError: when there is no such folder.
        """
        from curation.engine.pictures import add_pictures

        with self.catalogue.writing("review"):
            failed: dict[str, str] = {}
            for beat in add_pictures(self.catalogue, folder, workers):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    yield _ended("pictures", beat.summary, failed)

    # -- 02 -----------------------------------------------------------------------------------

    def sort(
        self, params: SortParams | None = None, retry_failed: bool = False
    ) -> Generator[Progress, None, None]:
        """Measure frames that are new or whose question changed, then put them into pools.

        Raises:
            WeightsMissing: before the first frame, with the command that fetches the file.
        """
        from curation.engine.measure import measure
        from curation.engine.verify import verify
        from curation.outputs import write_sorted

        params = params or SortParams()
        with self.catalogue.writing("sort"):
            failed: dict[str, str] = {}
            counts: Mapping[str, Any] = {}
            for beat in measure(self.catalogue, params, retry_failed):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    counts = beat.summary
            pairs: Mapping[str, Any] = {}
            for beat in verify(self.catalogue, params):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    pairs = beat.summary
            self._remember("sort", params)
            yield Progress("sort", note="deciding pools")
            pools = write_sorted(self.catalogue, params)
            yield _ended("sort", {**counts, "pairs": pairs, "pools": pools}, failed)

    # -- 03 -----------------------------------------------------------------------------------

    def rank(self, params: RankParams | None = None) -> Generator[Progress, None, None]:
        """Decide about every frame from stored measures and write what was picked.

        Without parameters the pool thresholds are those of the last sort.
        """
        from curation.outputs import write_ranked

        params = params or RankParams(**self.remembered("sort", PoolParams))
        with self.catalogue.writing("rank"):
            self._remember("rank", params)
            yield Progress("rank", note="deciding")
            yield _ended("rank", write_ranked(self.catalogue, params), {})

    # -- marks --------------------------------------------------------------------------------

    def apply(self) -> Generator[Progress, None, None]:
        """Write people's marks into ranked/: a pick is picked, a reject is out.

        Later rankings keep to them until other marks are applied.
        """
        from curation.outputs import apply_marks

        with self.catalogue.writing("apply"):
            yield Progress("apply", note="writing marks into ranked/")
            yield _ended("apply", apply_marks(self.catalogue), {})

    def unapply(self) -> Generator[Progress, None, None]:
        """Put back what stood in ranked/ before the latest apply; again for the one before it.

        Raises:
            CurationError: when nothing is applied.
        """
        from curation.outputs import take_marks_back

        with self.catalogue.writing("unapply"):
            yield Progress("unapply", note="putting ranked/ back")
            yield _ended("unapply", take_marks_back(self.catalogue), {})

    # -- what the studio shows ------------------------------------------------------------------

    def remembered(self, verb: str, model: type[Params]) -> dict[str, Any]:
        """Return the values that a verb last ran with, as far as a model has them."""
        values: dict[str, Any] = self.catalogue.recall(f"params.{verb}", {})
        return {key: value for key, value in values.items() if key in model.model_fields}

    def _remember(self, verb: str, params: Params) -> None:
        self.catalogue.remember(f"params.{verb}", params.model_dump(mode="json"))

    def measures(self) -> Measures:
        """Return all measures with people's marks, for histograms and trial decisions."""
        from curation.measures import gather

        return gather(self.catalogue)

    # -- people ---------------------------------------------------------------------------------

    def mark_faces(self, frame_ids: Iterable[int], false: bool | None) -> None:
        """Say that the main faces of frames are false, or real; None takes a mark back.

        Marked frames follow their mark, and the filter learns from all marks at the next
        decision: faces that look alike follow too.

        Raises:
            StoreError: for a frame that there is not.
        """
        from curation.store.face_marks import FaceMarkTable

        FaceMarkTable(self.catalogue).put(frame_ids, false)

    # -- why ------------------------------------------------------------------------------------

    def explain(self, frame_id: int) -> dict[str, Any]:
        """Return why a frame stands where it stands, and what it would have needed.

        Raises:
            CurationError: when there is no such frame, or nothing is measured yet.
        """
        from curation.decide.explain import explain

        measures, decisions, params = self._decided()
        if frame_id not in measures.columns["frame_id"]:
            raise CurationError(f"there is no frame {frame_id} in {self.root}")
        names = self.videos.names()
        told = explain(measures.columns, decisions, params, frame_id, names, measures.pairs)
        return told.to_dict() | {"lines": told.to_text()}

    def coverage(self) -> dict[str, Any]:
        """Return what the picked frames hold and what they lack."""
        from curation.decide.coverage import coverage

        measures, decisions, _ = self._decided()
        found = coverage(measures.columns, decisions, self.videos.names())
        return found.to_dict() | {"lines": found.to_text()}

    def _decided(self) -> tuple[Measures, Decisions, RankParams]:
        from curation.outputs import decided

        params = RankParams(**self.decisions.thresholds(RankParams.model_fields))
        return *decided(self.catalogue, params), params


def _ended(verb: str, summary: Mapping[str, Any], failed: Mapping[str, str]) -> Progress:
    items = [{"item": item, "reason": reason} for item, reason in failed.items()]
    return Progress(verb, summary={"verb": verb, **summary, "failed_items": items})
