"""Work on many machines: each makes parts of some videos, one gathers them into a datastore."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import sources as files_on_disk
from curation import temporary
from curation.errors import CurationError, ParamError
from curation.params import ExtractParams, MeasureParams, WorkParams
from curation.records import Progress, ended

if TYPE_CHECKING:
    from curation.engine.shards import Job
    from curation.studio import Studio


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """How the work is done; nothing of it changes a number.

    Attributes:
        parts: folder or address (s3://...) where parts are put.
        shard: (i, n): this machine does the i-th of n shares, i from 1.
        engine: "local", or "ray" for all machines of a Ray cluster.
        address: of the Ray cluster; "" starts one on this machine, "auto" finds one.
        scratch: folder on a disk of the machine; None is one below TMPDIR.
        retry_quarantined: try videos again that ended their worker twice.
    """

    parts: str
    shard: tuple[int, int] = (1, 1)
    engine: str = "local"
    address: str = ""
    scratch: Path | None = None
    retry_quarantined: bool = False


def shard_of(text: str) -> tuple[int, int]:
    """Return (i, n) of "i/n".

    Raises:
        ParamError: it is not such a text, or i is not within 1..n.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    number, of = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
    if not 1 <= number <= of:
        raise ParamError(
            f"shard = {text!r}: i/n with i from 1 to n",
            "an index from 0, as Kubernetes gives, needs + 1: --shard $((INDEX + 1))/8",
        )
    return number, of


def work(
    paths: Sequence[Path], params: WorkParams, plan: WorkPlan
) -> Generator[Progress, None, None]:
    """Make the parts of videos: stills, thumbnails and measures, one file for each video.

    What is there already is not made again, so the same command goes on after anything.

    Args:
        paths: videos and folders of videos.

    Raises:
        CurationError: no video is named, or the place of parts cannot be used.
        WeightsMissing: a model is not on this machine.
    """
    from curation.engine.part_store import open_store
    from curation.engine.parts import Settings
    from curation.engine.scratch import scratch_root
    from curation.engine.shards import Shelf, share
    from curation.engine.shards import work as locally

    settings = Settings.here(params)
    if not paths:
        raise CurationError("no video is named", "python -m curation work VIDEO... --parts PLACE")
    jobs, failed = _jobs(paths)
    for item, reason in failed.items():
        yield Progress("work", failed=(item, reason), unit="videos")
    if not jobs and not failed:
        raise CurationError(f"no video in {', '.join(map(str, paths))}", "name videos or folders")
    mine = share(jobs, *plan.shard)
    root = scratch_root(plan.scratch)
    with temporary.folder("listing", root) as (folder, _):
        shelf = Shelf(open_store(plan.parts), settings, folder)
        beats: Iterator[Progress]
        if plan.engine == "ray":
            from curation.engine.ray_engine import work as by_ray

            beats = by_ray(
                mine, shelf, plan.address, plan.scratch, plan.retry_quarantined
            )
        else:
            beats = locally(mine, shelf, root, plan.retry_quarantined)
        for beat in beats:
            if beat.summary is None:
                yield beat
            else:
                told = {**beat.summary, "videos": len(mine), "of": len(jobs)}
                failed |= told.pop("failed")
                yield ended("work", {**told, "settings": settings.digest}, failed)


def gather(
    studio: Studio, parts: str, paths: Sequence[Path] = (), chosen: Sequence[str] = (),
    workers: int = 0,
) -> Generator[Progress, None, None]:  # fmt: skip
    """Take parts into a datastore, as if its videos had been extracted and measured here.

    A part that is there already is left alone; one that is damaged costs itself.

    Args:
        parts: folder or address that `work` was given.
        paths: the videos as they lie on this machine, numbered as extraction would. None means
            those below the datastore, and parts of any other video too.
        chosen: digests of settings, where the parts are of several.

    Raises:
        CurationError: there are no parts, or several kinds of them and none is chosen.
    """
    from curation.engine import gathering
    from curation.engine.part_match import settings_of
    from curation.engine.part_store import open_store

    store, catalogue = open_store(parts), studio.catalogue
    with catalogue.writing("gather"):
        with temporary.folder("gather") as (folder, _):
            settings = settings_of(store, chosen, folder)
        files, missing = files_on_disk.offered(studio.root, paths)
        failed = {str(path): "no such file" for path in missing}
        odd = files_on_disk.unnameable(studio.root, paths)
        failed |= {files_on_disk.shown(path): "its name is no text" for path in odd}
        listed = []
        for folder_path, members in files_on_disk.by_folder(files).items():
            wanted = files_on_disk.folder_number(studio.root, folder_path)
            listed += studio.sources.add_files(
                studio.sources.add_folder(folder_path, wanted), members
            )
        summary: Mapping[str, Any] = {}
        for one in settings:
            narrow: ExtractParams = one.params.narrow(ExtractParams)
            studio.catalogue.remember("params.extract", narrow.model_dump(mode="json"))
            for beat in gathering.gather(
                catalogue, store, one, listed, not paths, _natural, workers
            ):
                if beat.summary is None:
                    yield beat
                    continue
                summary = beat.summary
                failed |= summary["failed"]
        told = {key: value for key, value in summary.items() if key != "failed"}
        measured = settings[-1].params.model_dump(mode="json")
        yield ended("gather", {**told, "files": len(listed), "measured": measured}, failed)


def measure(
    studio: Studio, params: MeasureParams, steps: Sequence[str] = (), engine: str = "local",
    address: str = "", gpu_share: float = 1.0,
) -> Generator[Progress, None, None]:  # fmt: skip
    """Have some steps look at all frames that they have not answered, here or on a Ray cluster.

    Args:
        steps: their names; what they need comes along; none means all.
        engine: "local" or "ray".
        address: of the Ray cluster; "" starts one on this machine.
        gpu_share: of a GPU that a worker of a cluster takes.

    Raises:
        StepUnavailable: a step, or Ray, is not installed.
        WeightsMissing: a model is not on this machine.
    """
    from curation.engine.measure import measure as locally

    names = list(steps) or None
    failed: dict[str, str] = {}
    with studio.catalogue.writing("measure"):
        if engine == "ray":
            from curation.engine.ray_models import measure as by_ray

            beats = by_ray(studio.catalogue, params, names, address, gpu_share)
        else:
            beats = locally(studio.catalogue, params, names=names)
        for beat in beats:
            failed.update([beat.failed] if beat.failed else [])
            if beat.summary is None:
                yield beat
            else:
                told = {**beat.summary, "settings": params.model_dump(mode="json")}
                yield ended("measure", told, failed)


def _jobs(paths: Iterable[Path]) -> tuple[list[Job], dict[str, str]]:
    """Return the files to work on, each with its place below what was named, and what is wrong."""
    from curation.engine.shards import Job

    found: dict[Path, Job] = {}
    failed: dict[str, str] = {}
    for argument in paths:
        top = argument.absolute()
        files, missing = files_on_disk.offered(top, [argument])
        failed |= {str(path): "no such file" for path in missing}
        for path in files_on_disk.unnameable(top, [argument]):
            failed[files_on_disk.shown(path)] = "its name is no text"
        for path in files:
            source = path.relative_to(top).as_posix() if path != top else path.name
            try:
                found.setdefault(path, Job.of(path, source))
            except OSError as error:
                failed[str(path)] = str(error.strerror or error)
    return list(found.values()), failed


def _natural(source: str) -> list[Any]:
    """Return a key that puts clip2 before clip10, and a folder's files before its folders."""
    path = Path(source)
    above = [files_on_disk.natural(Path(part)) for part in path.parts[:-1]]
    return [(0, files_on_disk.natural(path))] if not above else [
        *((1, part) for part in above), (0, files_on_disk.natural(path))
    ]
