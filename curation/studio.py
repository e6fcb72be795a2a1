"""The verbs: what scripts, the command line, jobs and the web studio import."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import sources as files_on_disk
from curation.errors import CurationError
from curation.params import ExtractParams, MeasureParams, PoolParams, RankParams, SortParams
from curation.records import Progress, ended
from curation.store.quarantine import QuarantineTable
from curation.studio_base import placed
from curation.studio_footage import Footage
from curation.studio_learning import Learning
from curation.studio_sets import Sets

if TYPE_CHECKING:
    from curation.decide import Decisions
    from curation.ingest.watch import WatchParams
    from curation.measures import Measures

NO_TEXT = "its name is not UTF-8 text: give it another, for example with mv and a tab"


class Studio(Footage, Learning, Sets):
    """One datastore and what can be done with it.

    Every verb is a generator of Progress: take beats until it ends, or close it to cancel; what is
    finished stays, and the same call goes on from there.
    """

    # -- getting footage in ---------------------------------------------------------------------

    def watch(
        self,
        folder: Path,
        params: WatchParams | None = None,
        steps: tuple[ExtractParams, SortParams, RankParams] | None = None,
        once: bool = False,
    ) -> Generator[Progress, None, None]:
        """Take new videos of a folder through extract, sort and rank, each exactly once by content.

        The files stay where they are. The datastore is held only while there is something to do.

        Args:
            steps: settings of the three verbs; None means their defaults.
            once: end when all that is there is done; else never.

        Raises:
            CurationError: there is no such folder, or the recipe cannot be run here at all.
        """
        from curation.ingest.watch import Watch, WatchParams, digest_of

        chosen = steps or (ExtractParams(), SortParams(), RankParams())

        def run(paths: Sequence[Path]) -> Generator[Progress, None, None]:
            yield from self.extract(paths, chosen[0], measuring=chosen[1].narrow(MeasureParams))
            yield from self.sort(chosen[1])
            yield from self.rank(chosen[2])

        watched = Watch(
            self.catalogue, folder, params or WatchParams(), run, digest_of(*chosen),
            chosen[0].stream,
        )
        for beat in watched.rounds(once):
            if beat.summary is None:
                yield beat
            else:
                told = {key: value for key, value in beat.summary.items() if key != "failed"}
                yield ended("watch", told, beat.summary["failed"])

    # -- 01 -----------------------------------------------------------------------------------

    def extract(
        self,
        paths: Sequence[Path] = (),
        params: ExtractParams | None = None,
        retry_quarantined: bool = False,
        measuring: MeasureParams | None = None,
    ) -> Generator[Progress, None, None]:
        """Store frames of videos, with exact time identity.

        Args:
            paths: videos and folders; none means every datastore/videos_folder_*/.
            retry_quarantined: try videos again that ended their worker twice.
            measuring: with full_frames=picks, measure in the same pass; None leaves it to sort.

        Raises:
            CurationError: when there is nothing to extract at all.
        """
        from curation.engine.looking import register
        from curation.engine.one_pass import one_pass

        params = params or ExtractParams()
        with self.catalogue.writing("extract"):
            files, missing = files_on_disk.offered(self.root, paths)
            odd = files_on_disk.unnameable(self.root, paths)
            if not files and not missing and not odd:
                where = ", ".join(map(str, paths)) or f"{self.root}/videos_folder_*/"
                raise CurationError(
                    f"no video in {where}", "python 01_extract.py VIDEO [--datastore FOLDER]"
                )
            failed: dict[str, str] = {str(path): "no such file" for path in missing}
            failed |= {files_on_disk.shown(path): NO_TEXT for path in odd}
            for path, reason in failed.items():
                yield Progress("probe", failed=(path, reason))
            again = QuarantineTable(self.catalogue).lift(files) if retry_quarantined else set()
            listed = []
            for folder, members in files_on_disk.by_folder(files).items():
                wanted = files_on_disk.folder_number(self.root, folder)
                number = self.sources.add_folder(folder, wanted)
                listed += self.sources.add_files(number, members)
            for beat in register(self.catalogue, listed, params.workers, again, params.stream):
                failed.update([beat.failed] if beat.failed else [])
                yield beat
            found = [self.sources.file(file.path) for file in listed]
            known = [f.video_id for f in found if f.video_id is not None]
            ids = list(dict.fromkeys(known))
            self._remember("extract", params)
            for beat in one_pass(self.catalogue, ids, params, measuring):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    offered = len(listed) + len(missing) + len(odd)
                    told = {"files": offered, "copies": len(known) - len(ids)}
                    yield ended("extract", {**beat.summary, **told}, failed)

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
                    yield ended("pictures", beat.summary, failed)

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
        from curation.learn.taste_train_net import refresh
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
            yield from refresh(self.catalogue)
            pairs: Mapping[str, Any] = {}
            for beat in verify(self.catalogue, params):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    pairs = beat.summary
            self._remember("sort", params)
            yield Progress("sort", note="deciding pools")
            pools, hidden = write_sorted(self.catalogue, params)
            told = {**counts, "pairs": pairs, "pools": pools, "not_in_sorted": hidden}
            yield ended("sort", told, failed)

    # -- 03 -----------------------------------------------------------------------------------

    def rank(self, params: RankParams | None = None) -> Generator[Progress, None, None]:
        """Decide about every frame from stored measures and write what was picked.

        Without parameters the pool thresholds are those of the last sort. Nothing else is taken
        over from a run before; the summary says under `changed` what differs from it.
        """
        from curation.outputs import write_ranked

        params = params or RankParams(**self.remembered("sort", PoolParams))
        with self.catalogue.writing("rank"):
            changed = self._changed("rank", params)
            self._remember("rank", params)
            yield Progress("rank", note="deciding")
            told = write_ranked(self.catalogue, params)
            yield placed("rank", told | {"changed": changed})

    # -- marks --------------------------------------------------------------------------------

    def apply(self) -> Generator[Progress, None, None]:
        """Write people's marks into ranked/: a pick is picked, a reject is out.

        Later rankings keep to them until other marks are applied.
        """
        from curation.outputs import apply_marks

        with self.catalogue.writing("apply"):
            yield Progress("apply", note="writing marks into ranked/")
            yield placed("apply", apply_marks(self.catalogue))

    def unapply(self) -> Generator[Progress, None, None]:
        """Put back what stood in ranked/ before the latest apply; again for the one before it.

        Raises:
            CurationError: when nothing is applied.
        """
        from curation.outputs import take_marks_back

        with self.catalogue.writing("unapply"):
            yield Progress("unapply", note="putting ranked/ back")
            yield placed("unapply", take_marks_back(self.catalogue))

    # -- pictures -------------------------------------------------------------------------------

    def remake(
        self, frame_ids: Sequence[int] | None = None, every: bool = False, workers: int = 0
    ) -> Generator[Progress, None, None]:
        """Make full-size pictures that are not there again, of all or of these frames or picks."""
        from curation.engine.remake import remake

        if frame_ids is None and not every:
            frame_ids = [row["frame_id"] for row in self.decisions.page(verdict="picked")]
        with self.catalogue.writing("remake"):
            failed: dict[str, str] = {}
            for beat in remake(self.catalogue, None if every else frame_ids, workers):
                failed.update([beat.failed] if beat.failed else [])
                if beat.summary is None:
                    yield beat
                else:
                    told = {k: v for k, v in beat.summary.items() if k != "not_made"}
                    yield ended("remake", told, failed)

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

        measures, decisions, params = self._decided()
        found = coverage(measures.columns, decisions, self.videos.names(), params.person)
        return found.to_dict() | {"lines": found.to_text()}

    def _decided(self) -> tuple[Measures, Decisions, RankParams]:
        from curation.outputs import decided

        params = RankParams(**self.decisions.thresholds(RankParams.model_fields))
        return *decided(self.catalogue, params), params
