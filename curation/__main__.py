"""`python -m curation VERB`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from curation.errors import need_packages

USAGE = """usage: python -m curation VERB [options]

  extract   store frames of videos
  download  fetch the videos of links (--check: only say what they hold)
  add       take in the videos of a bucket, a drive or a folder on the web
  watch     take new videos of a folder through a recipe, each exactly once
  sort      measure faces, people and poses; put frames into pools
  rank      decide which frames are picked, and why
  work      extract and measure a share of many videos, on one machine of many or by Ray
  gather    take what many machines did into one datastore
  measure   have chosen steps look at all frames, here or on a Ray cluster
  review    look through any folder of pictures in the browser
  cull      group like pictures of folders, then decide about each group by keyboard
  apply     write people's marks into ranked/; unapply puts back what was there
  remake    make full-size pictures of frames again from their videos
  explain   say why a frame stands where it stands, and what it would have needed
  coverage  say what the picked frames hold and what they lack
  people    say who is who: list, name, merge, split, not, find, consent, forget
  search    find frames like a picture, a face or a pose; by words; by a condition over measures
  report    write one page about a set of frames: what it covers, lacks, and what was refused
  rate      give frames stars, or pick and reject them, as in Review
  train     learn a scorer from ratings; evaluate says how good, promote puts it to use
  export    write a data set: folders, kohya, imagefolder, webdataset, coco, yolo, parquet, ...
  replay    make an export again from its videos and its lock: the same bytes
  weights   list, fetch or verify model files
  samples   fetch the sample clips
  audit     say who changed what through the studio
  doctor    check this machine, and say what to type (doctor FOLDER: its sidecars)
  recipe    print all settings of a verb as a recipe file

folders of pictures (-d WORKDIR --from FOLDERS --to FOLDER):
  select annotate rename validate analyze dedup detect cluster augment format frame fetch
  extract-faces extract-classes extract-frames review-apply
  run       run a workflow of these from a YAML file
  undo      put files back as they were before the latest of these; undo [FOLDER]
  trust     say that a folder is your own although it was copied or restored; then undo may
            put back also what lies outside of it

folders of photos (VERB FOLDER...; reports first, moves last):
  group query not-duplicate stars merge doctor crops arrange apply
  explain   A B: how far two pictures are from each other, and which settings match them

`python -m curation VERB --help` shows a verb's options."""


PIPELINE = ("extract", "sort", "rank", "apply", "unapply", "download", "watch", "add")
GIVEN_WORDS = {
    "remake": "remake:main", "explain": "explain:main", "coverage": "explain:main_coverage",
    "weights": "weights:main", "samples": "weights:main_samples", "export": "export:main",
    "replay": "export:main_replay", "people": "people:main", "search": "search:main",
    "report": "search:main_report", "rate": "rate:main", "audit": "audit:main",
    "doctor": "doctor:main", "undo": "undo:main", "trust": "trust:main",
}  # fmt: skip
"""Module and function below curation.cli of verbs whose function takes the words behind them."""
GIVEN_VERB = {
    **dict.fromkeys(("work", "gather", "measure"), "cluster:main"),
    **dict.fromkeys(("train", "evaluate", "promote"), "train:main"),
}
"""The same of functions for several verbs, which take the verb as well."""
SERVING = {"review": "review:main", "cull": "cull:main"}
"""The same of those that may open a studio."""


def _serve(datastore: Path, host: str, port: int, open_to_all: bool) -> None:
    """Serve a datastore as app.py does; here, because the command line may not import the web."""
    import logging

    from curation.web.app import serve
    from curation.web.site import Settings

    settings = Settings.from_environment(datastore, ())
    logging.getLogger("curation").setLevel(logging.WARNING)  # commands say errors only
    serve(settings, host, port, open_to_all)


def _function(name: str) -> Callable[..., int]:
    """Return a function of curation.cli; imported now, so that each verb loads only its own."""
    module, _, function = name.partition(":")
    found: Callable[..., int] = getattr(import_module(f"curation.cli.{module}"), function)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("-h", "--help"):
        print(USAGE)
        return 0
    if verb == "--version":
        from curation import __version__

        print(__version__)
        return 0
    need_packages()
    if "--job" in rest:
        from curation.cli import as_job

        own, number = as_job.split(rest)
        if verb in as_job.VERBS and number is not None:
            return as_job.run(own, number, lambda words: main([verb, *words]))
    if verb in PIPELINE:
        from curation.cli import verbs

        if verb != "apply" or not verbs.names_folder(rest):
            return verbs.main(verb, rest, f"python -m curation {verb}")
    if verb in GIVEN_WORDS:
        return _function(GIVEN_WORDS[verb])(rest)
    if verb in GIVEN_VERB:
        return _function(GIVEN_VERB[verb])(verb, rest)
    if verb in SERVING:
        return _function(SERVING[verb])(rest, _serve)
    if verb == "recipe":
        return _recipe(rest)
    from curation.toolkit.verbs import VERBS

    if verb in VERBS:
        return _function("toolkit:main")(verb, rest)
    like = get_close_matches(verb, [*PIPELINE, *GIVEN_WORDS, *GIVEN_VERB, *SERVING, *VERBS], 1)
    print(
        f"error: there is no verb {verb!r}" + (f"; did you mean {like[0]}?" if like else "")
        + "\nhint: python -m curation --help lists them",
        file=sys.stderr,
    )  # fmt: skip
    return 2


def _recipe(words: Sequence[str]) -> int:
    """Print all settings of a verb."""
    from curation.recipes import VERB_PARAMS, dump

    if len(words) == 1 and words[0] in VERB_PARAMS:
        print(dump(VERB_PARAMS[words[0]]()), end="")
        return 0
    known = "|".join(VERB_PARAMS)
    if list(words) in (["-h"], ["--help"]):
        print(f"usage: python -m curation recipe {known}")
        return 0
    print(f"error: name one verb: python -m curation recipe {known}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        from curation.cli.command import closed_pipe

        code = closed_pipe()
    raise SystemExit(code)
