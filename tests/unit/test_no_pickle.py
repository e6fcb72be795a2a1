"""Nothing that came from somewhere is ever unpickled: not in the words of the program, not at work.

Processes of ours talk over private pipes (multiprocessing), which pickle by themselves; that is
between a parent and a child of one program, and no file or request gets there.
"""

from __future__ import annotations

import ast
import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for top in ("curation", "train", "scripts") for path in (ROOT / top).rglob("*.py")
)
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
YAML_SAFE = {"SafeLoader", "CSafeLoader"}


def faults(text: str) -> list[str]:
    """Return what a source does that could run what somebody put into a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNSAFE]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            said = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name.endswith("torch.load") and said.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
            if name.endswith("hub.load") or name.endswith("load_state_dict_from_url"):
                found.append(name)
            if "allow_pickle" in said and said["allow_pickle"] != "False":
                found.append("allow_pickle")
            if name in ("read_pickle", "pd.read_pickle", "pandas.read_pickle"):
                found.append(name)
            if name in ("eval", "exec", "compile", "os.system"):
                found.append(name)
            if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"):
                loader = said.get("Loader", "").rpartition(".")[2]
                if loader not in YAML_SAFE:
                    found.append(f"{name} without a safe loader")
            if name.startswith("pickle.") and name != "pickle.UnpicklingError":
                found.append(name)
            if name.startswith(("subprocess.", "Popen")) and said.get("shell", "False") != "False":
                found.append("shell")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "torch.load(p)", "pickle.loads(x)",
        "np.load(p, allow_pickle=True)",
        "torch.load(p, weights_only=False)", "yaml.load(t)", "yaml.load(t, Loader=yaml.Loader)",
        "pd.read_pickle(p)", "eval(t)", "torch.hub.load('x', 'y')",
        "subprocess.run(t, shell=True)",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(line: str) -> None:
    assert faults(line)


ALLOWED = {
    # A person's own workflow file, with --allow-exec only; the studio offers no control for it.
    "curation/toolkit/workflow.py": ["shell"],
    # Named to make gcsfs refuse it.
    "curation/places/buckets.py": ["pickle"],
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_unpickles_or_evaluates(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), [])
    assert [fault for fault in faults(path.read_text()) if fault not in allowed] == []


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.mark),)


def hostile(path: Path, mark: Path, kind: str) -> Path:
    data = pickle.dumps({"state_dict": Evil(mark)}, protocol=2)
    if kind == "plain":
        path.write_bytes(data)
    else:
        with zipfile.ZipFile(path, "w") as box:
            box.writestr("archive/data.pkl", data)
            box.writestr("archive/version", "3")
            box.writestr("archive/byteorder", "little")
    return path


@pytest.mark.parametrize("kind", ["plain", "zip"])
def test_a_hostile_model_file_runs_nothing(tmp_path: Path, kind: str) -> None:
    import torch

    from curation.steps import efficientnet, embedding
    from curation.steps.matching import LoftrMatcher

    mark = tmp_path / "it ran"
    path = hostile(tmp_path / "model.pth", mark, kind)
    with suppress(RuntimeError):  # "corrupt file", said after it ran
        torch.load(path, weights_only=False)
    assert mark.is_dir(), "the attack itself must work"
    mark.rmdir()
    for load in (efficientnet._loaded, embedding._loaded, LoftrMatcher):
        with pytest.raises(Exception):  # noqa: B017 - whatever is said, nothing may run
            load(path)
        assert not mark.exists(), load


def test_a_hostile_array_runs_nothing(tmp_path: Path) -> None:
    import numpy as np

    mark = tmp_path / "it ran"
    path = tmp_path / "vectors.npy"
    np.save(path, np.array([Evil(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"allow_pickle|can't be memory-mapped"):
        np.load(path, mmap_mode="r")
    assert not mark.exists()
    np.load(path, allow_pickle=True)
    assert mark.is_dir(), "the attack itself must work"
