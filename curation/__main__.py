"""`python -m curation VERB`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

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

folders of photos (VERB FOLDER...; reports first, moves last):
  group query not-duplicate stars merge doctor crops arrange apply
  explain   A B: how far two pictures are from each other, and which settings match them

`python -m curation VERB --help` shows a verb's options."""


def _serve(datastore: Path, host: str, port: int, open_to_all: bool) -> None:
    """Serve a datastore as app.py does; here, because the command line may not import the web."""
    import logging

    from curation.web.app import serve
    from curation.web.site import Settings

    settings = Settings.from_environment(datastore, ())
    logging.getLogger("curation").setLevel(logging.WARNING)  # commands say errors only
    serve(settings, host, port, open_to_all)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if "--job" in rest:
        from curation.cli import as_job

        own, number = as_job.split(rest)
        if verb in as_job.VERBS and number is not None:
            return as_job.run(own, number, lambda words: main([verb, *words]))
    if verb in ("extract", "sort", "rank", "apply", "unapply", "download", "watch", "add"):
        from curation.cli.verbs import main as run
        from curation.cli.verbs import names_folder

        if verb == "apply" and names_folder(rest):
            from curation.cli.toolkit import main as toolkit

            return toolkit(verb, rest)
        return run(verb, rest, f"python -m curation {verb}")
    if verb in ("work", "gather", "measure"):
        from curation.cli.cluster import main as cluster

        return cluster(verb, rest)
    if verb == "remake":
        from curation.cli.remake import main as remake

        return remake(rest)
    if verb == "review":
        from curation.cli.review import main as review

        return review(rest, _serve)
    if verb == "cull":
        from curation.cli.cull import main as cull

        return cull(rest, _serve)
    if verb == "explain":
        from curation.cli.explain import main as explain

        return explain(rest)
    if verb == "coverage":
        from curation.cli.explain import main_coverage as coverage

        return coverage(rest)
    if verb == "weights":
        from curation.cli.weights import main as weights

        return weights(rest)
    if verb == "samples":
        from curation.cli.weights import main_samples as samples

        return samples(rest)
    if verb in ("export", "replay"):
        from curation.cli import export

        return export.main(rest) if verb == "export" else export.main_replay(rest)
    if verb == "people":
        from curation.cli.people import main as people

        return people(rest)
    if verb in ("search", "report"):
        from curation.cli import search

        return search.main(rest) if verb == "search" else search.main_report(rest)
    if verb == "rate":
        from curation.cli.rate import main as rate

        return rate(rest)
    if verb in ("train", "evaluate", "promote"):
        from curation.cli.train import main as train

        return train(verb, rest)
    if verb == "audit":
        from curation.cli.audit import main as audit

        return audit(rest)
    if verb == "doctor":
        from curation.cli.doctor import main as doctor

        return doctor(rest)
    if verb == "undo":
        from curation.cli.undo import main as undo

        return undo(rest)
    if verb in ("-h", "--help"):
        print(USAGE)
        return 0
    if verb == "recipe" and len(rest) == 1:
        from curation.recipes import VERB_PARAMS, dump

        if rest[0] in VERB_PARAMS:
            print(dump(VERB_PARAMS[rest[0]]()), end="")
            return 0
    if verb == "--version":
        from curation import __version__

        print(__version__)
        return 0
    from curation.toolkit.verbs import VERBS

    if verb in VERBS:
        from curation.cli.toolkit import main as toolkit

        return toolkit(verb, rest)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        from curation.cli.command import closed_pipe

        code = closed_pipe()
    raise SystemExit(code)
