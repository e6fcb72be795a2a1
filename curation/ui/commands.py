"""What a button does, as the command line that does the same."""

from __future__ import annotations

import shlex
from pathlib import Path

from curation.cli.options import flag, to_argv
from curation.params import Params, PoolParams
from curation.sources import natural, videos_in
from curation.studio import Studio

ADDED = "web.folders"
SCRIPTS = {"extract": "01_extract.py", "sort": "02_sort.py", "rank": "03_score_and_rank.py"}


def argv_of(studio: Studio, verb: str, params: Params) -> list[str]:
    """Return the words of a verb, files first, that make exactly these parameters."""
    words = [str(path) for path in sources_of(studio)] if verb == "extract" else []
    words += to_argv(params)
    if verb == "rank":
        # 03 takes the pool thresholds of the last sort unless told otherwise.
        for name, value in studio.remembered("sort", PoolParams).items():
            wanted = getattr(params, name)
            if wanted != value and wanted == type(params).model_fields[name].default:
                words.append(f"{flag(name)}={wanted}")
    return words


def shown(verb: str, words: list[str], root: Path) -> str:
    """Return a command line to copy."""
    return shlex.join(["python", SCRIPTS[verb], *words, "--datastore", str(root)])


def sources_of(studio: Studio) -> list[Path]:
    """Return the files and folders that 01 must be given: none when all lie in the datastore.

    A folder counts only when somebody added it as one; of other folders outside the datastore
    just the files that were named before.
    """
    added = added_folders(studio)
    files = [
        file.path
        for file in studio.sources.files()
        if not studio.catalogue.contains(file.path)
        and not any(file.path.is_relative_to(folder) for folder in added)
    ]
    if not added and not files:
        return []
    own = [
        folder
        for folder in sorted(studio.root.glob("videos_folder_*"), key=natural)
        if videos_in(folder)
    ]
    return [*own, *added, *(file for file in files if file.exists())]


def added_folders(studio: Studio) -> list[Path]:
    """Return the folders of this machine that were added in the browser and are still there."""
    paths = [Path(path) for path in studio.catalogue.recall(ADDED, [])]
    return [path for path in paths if path.is_dir()]


def add_folder(studio: Studio, folder: Path) -> int:
    """Remember a folder of this machine and return how many videos it holds."""
    added = added_folders(studio)
    if folder not in added:
        studio.catalogue.remember(ADDED, [str(path) for path in [*added, folder]])
    return len(videos_in(folder))
