"""`python -m curation VERB`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

USAGE = """usage: python -m curation VERB [options]

  extract   store frames of videos
  sort      measure faces, people and poses; put frames into pools
  rank      decide which frames are picked, and why
  review    look through any folder of pictures in the browser
  apply     write people's marks into ranked/; unapply puts back what was there
  explain   say why a frame stands where it stands, and what it would have needed
  coverage  say what the picked frames hold and what they lack
  weights   list, fetch or verify model files
  samples   fetch the sample clips
  recipe    print all settings of a verb as a recipe file

folders of pictures (-d WORKDIR --from FOLDERS --to FOLDER):
  select annotate rename validate analyze dedup detect cluster augment format frame fetch
  extract-faces extract-classes extract-frames review-apply
  run       run a workflow of these from a YAML file
  undo      put files back as they were before the latest of these

`python -m curation VERB --help` shows a verb's options."""


def _serve(datastore: Path, host: str, port: int) -> None:
    """Serve a datastore as app.py does; here, because the command line may not import the web."""
    from curation.web.app import serve
    from curation.web.security import exposure_warning
    from curation.web.site import Settings

    settings = Settings.from_environment(datastore, ())
    if warning := exposure_warning(host, settings.rules.password):
        print(warning, file=sys.stderr)
    serve(settings, host, port)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (words[0], words[1:]) if words else ("--help", [])
    if verb in ("extract", "sort", "rank", "apply", "unapply"):
        from curation.cli.verbs import main as run

        return run(verb, rest, f"python -m curation {verb}")
    if verb == "review":
        from curation.cli.review import main as review

        return review(rest, _serve)
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
        # The reader has seen enough (`| head`); what is left must not be flushed into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    raise SystemExit(code)
