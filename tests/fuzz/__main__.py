"""Fuzz for longer: python -m tests.fuzz [--minutes N] [TARGET...]; exit 1 with the input that hurt.

With atheris the readers are fuzzed by coverage; without it, and for the protocols, Hypothesis makes
the inputs. What hurt is left in .hypothesis/fuzz/.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

READERS = ("sidecar", "recipe", "stored_info", "written_json", "xmp")
RESULTS = Path(".hypothesis/fuzz")
WORDS = (
    "{}", "[]", '"box"', '"classes"', '"faces"', '"metrics"', '"schema"', "fps: 1", "!!", "&a *a",
    "NaN", "1e999", "<rdf:Description", "xmp:Rating", '"version": 1', '"task": "task"',
)  # fmt: skip


def main() -> int:
    """Run what was asked for and return the exit code."""
    made = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    made.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(READERS)}")
    made.add_argument("--minutes", type=float, default=10.0, help="altogether; default %(default)s")
    made.add_argument("--one", help=argparse.SUPPRESS)
    options, rest = made.parse_known_args()
    if options.one:
        return _atheris(options.one, rest)
    names = [name for name in options.targets or READERS if _there(name)]
    seconds = 60 * options.minutes / (len(names) + 1)
    failed = []
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: Hypothesis alone makes the inputs")
        seconds = 0.0
    for name in names if seconds else ():
        place = RESULTS / name
        place.mkdir(parents=True, exist_ok=True)
        words = [f"-max_total_time={max(1, int(seconds))}", "-max_len=4096", "-timeout=20",
                 "-rss_limit_mb=2048", f"-artifact_prefix={place}/"]
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, *words]
        print(f"== {name}: {seconds:.0f} s", flush=True)
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    end = time.monotonic() + (seconds or 60 * options.minutes)
    turn = 0
    while time.monotonic() < end and not failed:
        turn += 1
        words = ["-q", "-x", "tests/fuzz", "-p", "no:cacheprovider", f"--fuzz-seed={turn}"]
        if subprocess.run([sys.executable, "-m", "pytest", *words], check=False).returncode:
            failed.append(f"tests/fuzz with --fuzz-seed={turn}")
    print("failed: " + ", ".join(failed) if failed else "nothing was found")
    return 1 if failed else 0


def _there(name: str) -> bool:
    return name != "xmp" or importlib.util.find_spec("curation.photos.xmp") is not None


def _atheris(name: str, words: list[str]) -> int:
    """Fuzz one reader in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["curation", "yaml", "json"]):
        import curation.export.tables
        import curation.recipes
        import curation.toolkit.sidecar
        import curation.video.carry  # noqa: F401  # instrumented now, used by the targets
        from tests.fuzz import targets

        if _there("xmp"):
            importlib.import_module("curation.photos.xmp")

        for seed, word in enumerate(WORDS):
            (RESULTS / name / f"seed-{seed}").write_text(word)
    atheris.Setup([sys.argv[0], *words, str(RESULTS / name)], getattr(targets, name))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
