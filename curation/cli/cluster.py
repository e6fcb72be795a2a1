"""`python -m curation work`, `gather`, `measure`: many machines work, one keeps what they find."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.cli.command import (
    DONE,
    ITEMS_FAILED,
    add_common,
    check_datastore,
    followed,
    ran,
    say,
)
from curation.cli.options import add_options, settings_of, to_argv
from curation.errors import ParamError
from curation.params import MeasureParams, Params, WorkParams
from curation.records import Progress
from curation.words import count, size

if TYPE_CHECKING:
    from curation.studio import Studio

ABOUT = {
    "work": "Extract and measure a share of many videos on this machine, or all of them on a Ray "
    "cluster; each video becomes one file, a part, in a place that all machines see.",
    "gather": "Take the parts that `work` made into a datastore, as if all had been done here. "
    "Typed again it takes what is new.",
    "measure": "Have chosen steps look at the frames of a datastore, on this machine or on all "
    "nodes of a Ray cluster, on their GPUs where they have any; sorting then finds it done.",
}
EPILOG = {
    "work": "The same command on every machine, with --shard 1/8 ... 8/8. What is there already is "
    "not made again: after anything that went wrong, type it again. See docs/scaling.md.",
    "gather": "Then sort and rank as always. See docs/scaling.md.",
    "measure": "Sort with the settings that are given here. See docs/scaling.md.",
}
OPTIONS: dict[str, type[Params]] = {"work": WorkParams, "measure": MeasureParams}


def parser(verb: str) -> argparse.ArgumentParser:
    """Return the parser of a verb."""
    made = argparse.ArgumentParser(
        prog=f"python -m curation {verb}", description=ABOUT[verb], epilog=EPILOG[verb]
    )
    if verb == "work":
        made.add_argument(
            "videos", nargs="+", type=Path, metavar="VIDEO|FOLDER", help="videos and folders"
        )
        made.add_argument(
            "--parts", required=True, metavar="PLACE",
            help="where parts are put: a folder, or s3://..., gs://...",
        )  # fmt: skip
        made.add_argument(
            "--shard", default="1/1", metavar="I/N", help="do the I-th of N shares, from 1"
        )
        _add_engine(made)
        made.add_argument(
            "--scratch", type=Path, metavar="FOLDER",
            help="folder on a disk of each machine for unfinished work; default: in TMPDIR",
        )  # fmt: skip
        made.add_argument(
            "--retry-quarantined", action="store_true",
            help="try videos again that ended their worker twice",
        )  # fmt: skip
        made.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    elif verb == "measure":
        made.add_argument(
            "steps", nargs="*", metavar="STEP",
            help="such as pose or appearance; what they need comes along; none means all",
        )  # fmt: skip
        _add_engine(made)
        made.add_argument(
            "--gpu-share", type=float, default=1.0, metavar="SHARE",
            help="of a GPU that a worker takes: 0.25 puts four on one, 0 uses cores only; "
            "default %(default)s",
        )  # fmt: skip
        made.add_argument("--recipe", type=Path, metavar="FILE", help="YAML file with settings")
    else:
        made.add_argument("parts", metavar="PLACE", help="folder or address that work was given")
        made.add_argument(
            "videos", nargs="*", type=Path, metavar="VIDEO|FOLDER",
            help="the videos as they lie here; none means DATASTORE/videos_folder_*/, and parts "
            "of videos that lie elsewhere too",
        )  # fmt: skip
        made.add_argument(
            "--settings", action="append", default=[], metavar="NAME",
            help="take parts of these settings, where there are several kinds; may be repeated",
        )  # fmt: skip
        made.add_argument(
            "--workers", type=int, default=0, metavar="INT", help="parts unpacked at once; 0 picks"
        )
    add_common(made, datastore=verb != "work", strict=True)
    if verb in OPTIONS:
        add_options(made, OPTIONS[verb])
    return made


def _add_engine(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="local: this machine's cores; ray: every node of a Ray cluster",
    )  # fmt: skip
    made.add_argument(
        "--address", default="", metavar="ADDRESS",
        help="of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT; without it Ray is "
        "started on this machine",
    )  # fmt: skip


def main(verb: str, argv: Sequence[str]) -> int:
    """Run one verb and return its exit code."""
    return ran(parser(verb), argv, lambda options: _run(verb, options))


def _run(verb: str, options: argparse.Namespace) -> int:
    if verb == "work":
        return _follow(verb, options, _work(options))
    from curation.studio import Studio

    if verb == "measure":
        check_datastore(options.datastore)
    how = _gather if verb == "gather" else _measure
    with Studio(options.datastore) as studio:
        return _follow(verb, options, how(studio, options))


def _work(options: argparse.Namespace) -> Generator[Progress, None, None]:
    from curation.cluster import WorkPlan, shard_of, work

    params = settings_of(options, WorkParams)
    _check_engine(options)
    plan = WorkPlan(
        options.parts, shard_of(options.shard), options.engine, options.address, options.scratch,
        options.retry_quarantined,
    )  # fmt: skip
    return work(options.videos, params, plan)


def _gather(studio: Studio, options: argparse.Namespace) -> Generator[Progress, None, None]:
    from curation.cluster import gather

    return gather(studio, options.parts, options.videos, options.settings, options.workers)


def _measure(studio: Studio, options: argparse.Namespace) -> Generator[Progress, None, None]:
    from curation.cluster import measure

    _check_engine(options)
    if not 0 <= options.gpu_share <= 1:
        raise ParamError("--gpu-share takes 0 to 1", "--gpu-share 0.25")
    params = settings_of(options, MeasureParams)
    return measure(
        studio, params, options.steps, options.engine, options.address, options.gpu_share
    )


def _check_engine(options: argparse.Namespace) -> None:
    if options.address and options.engine != "ray":
        raise ParamError("--address is for --engine ray", "add --engine ray")


def _follow(
    verb: str, options: argparse.Namespace, beats: Generator[Progress, None, None]
) -> int:
    summary = followed(beats, options)
    say(options, summary, _lines(verb, options, summary))
    incomplete = summary["failed_items"] or summary.get("missing")
    return ITEMS_FAILED if options.strict and incomplete else DONE


def _lines(verb: str, options: argparse.Namespace, summary: Mapping[str, Any]) -> Iterator[str]:
    from curation.cli.terminal import failure

    if verb == "work":
        yield from _worked_lines(options, summary)
    elif verb == "measure":
        yield (
            f"{count(summary['measured'], 'frame')} measured, {summary['failed']} of them failed,"
            f" {summary['left_out']} left out"
        )
    else:
        yield from _gathered_lines(options, summary)
    if summary["failed_items"]:
        yield f"{len(summary['failed_items'])} failed:"
        for item in summary["failed_items"]:
            yield f"  {failure(item['item'], item['reason'])}"
    if verb == "work":
        # Without the videos' names, gathering would take them to lie elsewhere.
        words = ["python", "-m", "curation", "gather", options.parts]
        yield f"next: {shlex.join([*words, *map(str, options.videos)])}"
        return
    # Other settings would measure everything again.
    names = MeasureParams.model_fields.keys()
    used = summary["settings"] if verb == "measure" else summary["measured"]
    kept = {k: v for k, v in used.items() if k in names and k != "workers"}
    words = ["python", "02_sort.py", "--datastore", str(options.datastore)]
    yield f"next: {shlex.join([*words, *to_argv(MeasureParams(**kept))])}"


def _worked_lines(options: argparse.Namespace, summary: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{count(summary['parts'], 'part')} made in {options.parts}, {summary['skipped']} were"
        f" there (share of {summary['videos']} among {count(summary['of'], 'video')})"
    )
    yield f"{count(summary['stills'], 'frame')}, {size(summary['part_bytes'])}"
    if summary["video_s"]:
        each = summary["cpu_s"] / summary["video_s"]
        yield f"{summary['cpu_s']:.0f} s of processor: {each:.2f} for each second of video"


def _gathered_lines(options: argparse.Namespace, summary: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{count(summary['parts'], 'part')} taken in, {summary['there']} were there;"
        f" {count(summary['stills'], 'frame')} stored in {options.datastore}"
    )
    if summary["elsewhere"]:
        lie = count(summary["elsewhere"], "video lies", "videos lie")
        yield f"{lie} elsewhere: name them to give them their places"
    if summary["others"]:
        yield f"{count(summary['others'], 'part is', 'parts are')} of videos that were not named"
    missing = summary["missing"]
    if missing:
        yield f"{count(len(missing), 'video has', 'videos have')} no part yet:"
        yield from (f"  {path}" for path in missing[:10])
        if len(missing) > 10:
            yield f"  and {len(missing) - 10} more"
