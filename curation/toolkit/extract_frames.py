"""extract-frames: stills of videos by the studio's own extractor, each knowing its exact time.

Stills are made in WORKDIR/.curation/frames and then put in place by the plan. What a video gave is
remembered by its content: a second run reads no video, and frames that are lacking are made again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from curation.engine import limits
from curation.engine.machine import pick_workers, require_space
from curation.engine.meter import Meter
from curation.engine.pool import Pool, is_poison
from curation.errors import InputError, NoSpace, ParamError, SidecarError
from curation.params import ExtractParams, tunable
from curation.records import Progress
from curation.sources import is_video_name, natural
from curation.store.toolkit_index import Answer, FileRow, IndexTable
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import Made, Plan, Write, is_made
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb

REVISION = 1
"""Raise it when the same settings would give other stills."""
NAME = "frames"
NOT_CARRIED = ("classes", "faces", "crop")


class ExtractFramesParams(FromToParams):
    """Which stills are taken."""

    mode: Literal["keyframes", "sharpest", "every", "fps", "shots"] = tunable(
        "keyframes",
        "keyframes some time apart, sharpest frame of each time window, every n-th frame, a fixed "
        "rate, or start, middle and end of each shot",
        basic=True,
    )
    keyframes: float = tunable(
        10.0, "least time between two keyframes", ge=0.001, le=86_400, unit="s", basic=True,
        short="-k",
    )  # fmt: skip
    fps: float = tunable(
        2.0, "windows (sharpest) or frames (fps) in a second", ge=0.01, le=120, unit="1/s",
        basic=True,
    )  # fmt: skip
    every: int = tunable(
        25, "take each n-th frame (mode every)", ge=1, le=100_000, unit="frames", basic=True
    )
    start_s: float | None = tunable(None, "first moment to look at", ge=0, unit="s")
    end_s: float | None = tunable(None, "last moment to look at", ge=0, unit="s")
    format: Literal["jpg", "png"] = tunable("jpg", "format of the stills", short="-F", basic=True)
    quality: int = tunable(95, "quality of JPEG", ge=50, le=100, short="-q")

    def extraction(self) -> ExtractParams:
        """Return the extractor's settings."""
        return ExtractParams(
            mode=self.mode,
            fps=self.fps,
            every=self.every,
            start_s=self.start_s,
            end_s=self.end_s,
            jpeg_quality=self.quality,
        )

    def fp(self) -> str:
        """Return what the stills of a video depend on besides the video."""
        gap = self.keyframes if self.mode == "keyframes" else 0
        return f"{self.extraction().digest()}:{gap}:{self.format}:{REVISION}"


@dataclass(frozen=True, slots=True)
class Task:
    """A video on its way to a worker; `deaths`: how often one ended over it."""

    path: Path
    out_dir: Path
    params: ExtractFramesParams
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class _Video:
    """A video, and what it gave: None while that is not known.

    Attributes:
        gave: {"key", "time_base", "frames": [{"pts", "time_s", "frame"}], "dropped"}.
        made_in: folder where the stills wait, None when they were not made in this run.
    """

    path: Path
    sidecar: Mapping[str, Any]
    gave: Mapping[str, Any] | None = None
    made_in: Path | None = None


# -- the worker ------------------------------------------------------------------------------------


def make_worker() -> Any:
    """Return the worker's side."""
    from curation.engine.machine import single_threaded

    single_threaded()
    from curation.video.pulse import listen
    from curation.video.readers import pyav  # noqa: F401  # no part of what a video costs

    listen(limits.pulse)
    return _work


def _work(task: Task) -> Iterator[tuple[str, Any]]:
    """Yield ("at", seconds done, of) and at the end ("gave", what the video gave)."""
    from curation.video.probe import probe

    stat = task.path.stat()
    with limits.held(limits.Limits(), limits.looking_s(stat.st_size)):
        info = probe(task.path)
    # Only now is known how many pictures there are to take time for.
    most_s = limits.extracting_s(info.n_frames, info.width, info.height, info.size_bytes)
    with limits.held(limits.Limits(), most_s):
        yield from _taken(task, info, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


def _taken(task: Task, info: Any, stat: tuple[int, int, int]) -> Iterator[tuple[str, Any]]:
    from curation.video.extract import ExtractTask, extract_video

    params = task.params.extraction()
    kept: list[dict[str, Any]] = []
    dropped: dict[str, int] = {}
    apart_s = task.params.keyframes if params.mode == "keyframes" else 0.0
    written, most = 0, limits.stills_bytes(info.size_bytes)
    for chunk in extract_video(ExtractTask(task.path, task.out_dir, info, params)):
        written += sum((task.out_dir / f.file).stat().st_size for f in chunk.frames if f.file)
        if written > most:
            raise limits.OverLimit(f"its stills take more than {most >> 20} MB")
        for still in chunk.frames:
            if still.file is None:
                dropped[str(still.reason)] = dropped.get(str(still.reason), 0) + 1
            elif kept and still.time_s - kept[-1]["time_s"] < apart_s:
                (task.out_dir / still.file).unlink()
            else:
                kept.append({"pts": still.pts, "time_s": still.time_s, "frame": still.ordinal})
        yield "at", (chunk.time_s, info.duration_s)
    if task.params.format == "png":
        _as_png(task, info, kept)
    gave = {"key": info.key, "time_base": str(info.time_base), "frames": kept, "dropped": dropped}
    yield "gave", (gave, stat)


def _as_png(task: Task, info: Any, kept: list[dict[str, Any]]) -> None:
    """Take the stills once more, by their exact times, without loss."""
    from curation.toolkit.crops import encoded
    from curation.video.readers import open_reader

    with open_reader(task.path, info) as reader:
        for still in kept:
            png = task.out_dir / _name(task.path, still, "png")
            for decoded in reader.frames(still["pts"]):
                if decoded.pts != still["pts"]:
                    raise InputError(f"{task.path}: frame {still['frame']} is not found again")
                png.write_bytes(encoded(decoded.rgb(), "png", 95))
                break
            png.with_name(_name(task.path, still, "jpg")).unlink()


def _name(video: Path, still: Mapping[str, Any], ending: str) -> str:
    """Return the file name of a still, as the extractor makes it.

    What a video gave is kept by content: copies of other names must not share file names.
    """
    from curation.video.sampling import frame_name

    jpeg = frame_name(video.stem, still["frame"], still["time_s"])
    return f"{jpeg.removesuffix('.jpg')}.{ending}"


# -- the verb --------------------------------------------------------------------------------------


def run(ctx: Context, params: ExtractFramesParams) -> Beats:
    """Take stills; the summary has `videos`, `frames` and what was `dropped`."""
    if params.start_s is not None and params.end_s is not None and params.end_s <= params.start_s:
        raise ParamError("--end-s must be later than --start-s")
    to, plan = ctx.target(params.to), ctx.plan()
    known = _Known(ctx, params.fp())
    videos: list[_Video] = []
    paths = videos_of(ctx, params.from_dirs)
    for path in paths:
        try:
            videos.append(_Video(path, sc.load(path), known.gave(path)))
        except (SidecarError, OSError) as error:
            plan.fail(path, error if isinstance(error, SidecarError) else "cannot be read")
    lacking = {
        video.path for video in videos
        if video.gave is None or not all(map(is_made, _writes(ctx, params, to, [video])))
    }  # fmt: skip
    if ctx.dry_run:
        for video in videos:
            plan.add(*_told(ctx, params, to, video))
        yield from ctx.carry_out(plan, videos=len(paths))
        return
    scratch = ctx.workdir.ours / "frames"
    shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
    try:
        made = yield from _extract(ctx, params, scratch, videos, lacking, known, plan)
        plan.add(*_writes(ctx, params, to, made))
        dropped: dict[str, int] = {}
        for video in made:
            for reason, n in (video.gave or {}).get("dropped", {}).items():
                dropped[reason] = dropped.get(reason, 0) + n
        n_frames = sum(len((video.gave or {}).get("frames", ())) for video in made)
        yield from ctx.carry_out(plan, videos=len(paths), frames=n_frames, dropped=dropped)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def videos_of(ctx: Context, from_dirs: str) -> list[Path]:
    """Return the videos of folders in natural order; links that lead out are left out.

    Raises:
        InputError: when there is none, or a folder cannot be read.
    """
    folders = ctx.workdir.folders(from_dirs)
    found: dict[Path, None] = {}
    for folder in folders:
        home = folder.resolve()
        for path in _listed(folder, ctx.recursive):
            real = path.resolve()
            inside = real.is_relative_to(home) or real.is_relative_to(ctx.workdir.root.resolve())
            if inside and path.is_file():
                found[path] = None
    if not found:
        where = ", ".join(ctx.workdir.shown(folder) for folder in folders)
        raise InputError(
            f"there is no video in {where}",
            "videos of sub-folders count with --recursive" if not ctx.recursive else "",
        )
    return list(found)


def _listed(folder: Path, recursive: bool) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=natural)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    yield from (path for path in entries if is_video_name(path))
    for path in entries if recursive else ():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            yield from _listed(path, recursive)


class _Known:
    """What videos gave before, by content, in the index."""

    def __init__(self, ctx: Context, fp: str) -> None:
        self.workdir, self.fp = ctx.workdir, fp
        self.table = IndexTable(ctx.catalogue)

    def _key(self, path: Path) -> bytes:
        return os.fsencode(self.workdir.stored(path))

    def gave(self, path: Path) -> Mapping[str, Any] | None:
        """Return what a video gave with these settings, None when it must be read."""
        row = next(self.table.files([self._key(path)]))
        stat = path.stat()
        if row is None or (row.size_bytes, row.mtime_ns, row.inode) != (
            stat.st_size, stat.st_mtime_ns, stat.st_ino,
        ):  # fmt: skip
            return None
        for _, answers in self.table.answers([row.content], [(NAME, self.fp)]):
            if NAME in answers and answers[NAME].value is not None:
                found: Mapping[str, Any] = json.loads(str(answers[NAME].value))
                return found
        return None

    def keep(self, path: Path, stat: tuple[int, int, int], gave: Mapping[str, Any]) -> None:
        """Remember what a video gave."""
        content = str(gave["key"])
        self.table.put_answers({(content, NAME, self.fp): Answer(json.dumps(gave))})
        self.table.put_files([FileRow(self._key(path), *stat, content)])


def _extract(
    ctx: Context,
    params: ExtractFramesParams,
    scratch: Path,
    videos: Sequence[_Video],
    lacking: set[Path],
    known: _Known,
    plan: Plan,
) -> Generator[Progress, None, list[_Video]]:
    """Make the stills that are lacking; return the videos that are known now."""
    tasks: list[Task] = []
    for n, video in enumerate(videos):
        if video.path in lacking:
            folder = scratch / str(n)
            folder.mkdir(parents=True)
            tasks.append(Task(video.path, folder, params))
    done: dict[Path, _Video] = {}
    by_path = {video.path: video for video in videos}
    if tasks:
        require_space(ctx.workdir.root)
        meter = Meter(ctx.verb, len(tasks), "videos")
        yield meter.beat()
        # How long a video may take is known, and held, where it is looked at.
        most = replace(limits.decoding(lambda _: 0.0), time_s=None)
        with Pool[Task](make_worker, pick_workers(ctx.workers, len(tasks)), most) as pool:
            for event in pool.run(tasks):
                path = event.task.path
                if event.kind == "item":
                    word, said = event.message
                    if word == "gave":
                        known.keep(path, said[1], said[0])
                        done[path] = replace(
                            by_path[path], gave=said[0], made_in=event.task.out_dir
                        )
                    else:
                        note = f"{path.name}: {said[0]:.0f} of {said[1]:.0f} s"
                        yield meter.beat(note=note)
                    continue
                if is_poison(event) and not event.task.deaths:
                    shutil.rmtree(event.task.out_dir, ignore_errors=True)
                    event.task.out_dir.mkdir()
                    pool.alone(replace(event.task, deaths=1))
                    continue
                if isinstance(event.error, NoSpace):
                    raise event.error
                if event.error is not None:
                    plan.fail(path, event.error)
                yield meter.beat(1, note=path.name)
    return [
        done.get(video.path, video)
        for video in videos
        if video.path in done or video.path not in lacking
    ]


def _writes(
    ctx: Context, params: ExtractFramesParams, to: Path, videos: Sequence[_Video]
) -> list[Write]:
    """Return what puts the stills of videos in place, with names settled over all of them."""
    stills = [
        (video, still, _name(video.path, still, params.format))
        for video in videos
        for still in (video.gave or {}).get("frames", ())
    ]
    names = ctx.workdir.names(to, [(file, video.path) for video, _, file in stills])
    writes: list[Write] = []
    for (video, still, file), name in zip(stills, names, strict=True):
        gave = video.gave or {}
        beside = {
            k: v for k, v in sc.carry(video.sidecar, "crop").items() if k not in NOT_CARRIED
        }
        beside |= {
            "video": ctx.workdir.stored(video.path), "video_key": gave["key"],
            "pts": still["pts"], "time_base": gave["time_base"],
            "time_s": round(still["time_s"], 6), "frame": still["frame"],
        }  # fmt: skip
        writes.append(
            Write(
                to / name,
                make=partial(_still, video, file),
                sidecar=beside,
                source=video.path,
                fp=f"{gave['key'][:32]}:{params.fp()}",
                reason=f"{still['time_s']:.3f} s of {ctx.workdir.shown(video.path)}",
            )
        )
    return writes


def _still(video: _Video, file: str) -> Made:
    if video.made_in is None:
        raise InputError(f"{video.path} was not extracted", "run this again")
    return (video.made_in / file).read_bytes()


def _told(
    ctx: Context, params: ExtractFramesParams, to: Path, video: _Video
) -> list[Write]:
    """Return what a dry run tells of a video; of one that was never read, only that it would be."""
    if video.gave is not None:
        return _writes(ctx, params, to, [video])
    from curation.video.sampling import safe_stem

    shown = ctx.workdir.shown(video.path)
    many = to / f"{safe_stem(video.path.stem)}_f*.{params.format}"
    return [Write(many, make=b"", reason=f"stills of {shown} ({params.mode})")]


VERB = Verb("extract-frames", ExtractFramesParams, run, "Take stills out of videos.")
