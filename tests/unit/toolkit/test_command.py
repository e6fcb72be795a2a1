"""The toolkit on the command line: help, configuration files, undo, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curation.__main__ import main
from curation.errors import ParamError
from curation.params import Params, tunable
from curation.store.jobs import DONE, JobTable
from curation.toolkit import config, verbs
from tests.unit.test_house import HEAVY, ROOT
from tests.unit.toolkit.trees import context, picture, tree


def run(*words: str) -> int:
    return main(list(words))


def test_help_is_light() -> None:
    code = (
        "import sys; from curation.__main__ import main\n"
        "for verb in ('select', 'annotate', 'rename', 'validate', 'undo'):\n"
        "    assert main([verb, '--help']) == 0\n"
        f"heavy = ({HEAVY!r} | {{'cv2', 'av', 'scipy', 'PIL'}}) & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-300:] + done.stderr
    assert "--min-metric NAME VALUE" in done.stdout


def test_undo_lists_takes_back_and_forgets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "a/1.jpg")
    before = tree(tmp_path)
    where = ("-d", str(tmp_path))
    assert run("undo", *where) == 1 and not (tmp_path / ".curation").exists()
    for source in ("x", "y"):
        words = (*where, "--from", "a", "-s", source, "--overwrite")
        assert run("annotate", *words) == 0
    assert f"undo -d {tmp_path}" in capsys.readouterr().out
    assert run("undo", *where, "--list", "--json") == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(one["id"], one["verb"], one["state"]) for one in runs] == [
        (2, "annotate", "done"),
        (1, "annotate", "done"),
    ]
    assert run("undo", *where, "--to", "7") == 1
    assert run("undo", *where, "--to", "1") == 0
    assert tree(tmp_path) == before
    assert run("undo", *where) == 1
    assert run("undo", *where, "--forget") == 0
    assert not (tmp_path / ".curation/kept").exists()


def test_undo_says_what_it_had_to_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "a/1.jpg")
    assert run("select", "-d", str(tmp_path), "--from", "a", "--to", "b") == 0
    (tmp_path / "b/1.jpg").write_bytes(b"mine now")
    assert run("undo", "-d", str(tmp_path)) == 3
    assert "left as it is" in capsys.readouterr().out
    # A picture and what is known of it stay together.
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["1.jpg", "1.jpg.json"]


def test_a_mistake_leaves_no_trace(tmp_path: Path) -> None:
    picture(tmp_path / "a/1.jpg")
    assert run("select", "-d", str(tmp_path), "--from", "wrong", "--to", "b") == 1
    assert run("select", "-d", str(tmp_path / "no"), "--from", "a", "--to", "b") == 1
    assert run("select", "-d", str(tmp_path), "--from", "a") == 2
    assert run("select", "-d", str(tmp_path), "--from", "a", "--to", "b", "-w", "-1") == 2
    assert run("select", "-d", str(tmp_path / "a/1.jpg"), "--from", "a", "--to", "b") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_a_job_of_the_studio_is_recorded(tmp_path: Path) -> None:
    picture(tmp_path / "w/a/1.jpg")
    store = context(tmp_path / "studio").catalogue
    job = JobTable(store).add("annotate", [])
    JobTable(store).claim()
    words = ("-d", str(tmp_path / "w"), "--from", "a", "-s", "x", "--job", str(job))
    assert run("annotate", *words, "--datastore", str(store.root)) == 0
    found = JobTable(store).get(job)
    assert found.summary is not None and found.summary["done"] == 1
    assert found.state in (DONE, "running")
    store.close()


class SomeParams(Params):
    """Of every shape."""

    from_dirs: str = tunable("", "folders", key="from", required=True)
    min_metric: tuple[tuple[str, float], ...] = tunable((), "pairs")
    names: tuple[str, ...] = tunable((), "names")
    size: int | None = tunable(None, "a number", ge=1)


def made(values: dict[str, Any]) -> Any:
    fields, _ = config.layers(SomeParams, values, "x.yaml")
    return config.made(SomeParams, "some", fields)


def test_yaml_values_take_the_shape_of_their_setting() -> None:
    found = made({"from": ["a", "b"], "min-metric": {"blur": 5}, "names": "x, y", "size": 3})
    assert found.from_dirs == "a,b" and found.min_metric == (("blur", 5.0),)
    assert found.names == ("x", "y") and found.size == 3
    assert made({"from_dirs": "a", "names": ["x"]}).names == ("x",)
    assert config.layers(SomeParams, {"workers": 2, "dry_run": True}, "")[1] == {
        "workers": 2,
        "dry_run": True,
    }


@pytest.mark.parametrize(
    "values",
    [{}, {"from": "a", "size": 0}, {"from": "a", "sized": 1}, {"from": "a", "workers": "two"},
     {"from": "a", "strict": 1}, {"from": "a", "workers": True}, {"from": ""}],
)  # fmt: skip
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ParamError):
        made(values)


def test_an_unknown_verb_is_told() -> None:
    with pytest.raises(ParamError, match="no verb"):
        verbs.find("nonsense")
    assert run("nonsense") == 2


def test_where_from_and_to_lie_changes_no_digest() -> None:
    one = verbs.FromToParams(from_dirs="a", to="b")
    assert one.digest() == verbs.FromToParams(from_dirs="x", to="y").digest()
