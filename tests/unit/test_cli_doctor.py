"""The doctor: what is wrong is found, and the words to type stand beside it."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from curation.cli import doctor_checks as checks
from curation.cli.doctor import main
from curation.cli.doctor_checks import Finding
from curation.store.catalogue import FILE_NAME, Catalogue

ROOT = Path(__file__).parents[2]


def one(found: Iterable[Finding], name: str) -> Finding:
    (match,) = [finding for finding in found if finding.name == name]
    return match


def doctor(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "curation", "doctor", *words],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **env}, check=False,
    )  # fmt: skip


def test_a_machine_that_is_well(tmp_path: Path) -> None:
    store = tmp_path / "store"
    Catalogue(store).close()
    done = doctor("--quick", "--json", "--datastore", str(store), "--port", str(free_port()))
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["bad"]) == (0, True, 0), told
    names = {finding["name"] for finding in told["findings"]}
    wanted = {"python", "machine", "libraries", "models", "disk", "temporary",
              "datastore", "catalogue", "port", "door"}  # fmt: skip
    assert wanted <= names
    text = doctor("--quick", "--datastore", str(store), "--port", str(free_port())).stdout
    assert "looked at: 0 in the way" in text
    assert not list(store.glob(".doctor-*"))


def test_a_port_that_is_taken_is_answered_with_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = one(checks.port("127.0.0.1", taken.getsockname()[1]), "port")
    assert found.state == "bad"
    assert found.next.startswith("python app.py --port ")
    assert one(checks.port("127.0.0.1", 99_999), "port").state == "bad"
    assert one(checks.port("192.0.2.1", 7860), "port").state == "bad"
    assert one(checks.port("127.0.0.1", free_port()), "port").state == "ok"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_damaged_catalogue_is_found(tmp_path: Path) -> None:
    store = tmp_path / "store"
    catalogue = Catalogue(store)
    catalogue.remember("much", "x" * 200_000)
    catalogue.db.execute("pragma wal_checkpoint(truncate)")
    catalogue.close()
    path = store / FILE_NAME
    data = bytearray(path.read_bytes())
    data[8192:40_960] = random.Random(1).randbytes(40_960 - 8192)
    path.write_bytes(data)
    found = one(checks.datastore(store), "catalogue")
    assert found.state == "bad"
    assert FILE_NAME in found.said and "move it away" in found.next
    path.write_bytes(b"this is no catalogue" * 1000)
    assert one(checks.datastore(store), "catalogue").state == "bad"
    assert doctor("--quick", "--datastore", str(store)).returncode == 1


def test_a_folder_that_cannot_be_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "store"
    place.mkdir()
    if os.getuid():
        place.chmod(0o500)
    else:  # root writes everywhere; but nobody writes below a process's folder
        place = Path("/proc/self")
    found = one(checks.datastore(place), "datastore")
    assert found.state == "bad" and "chown" in found.next
    opened = tmp_path / "opened"
    opened.mkdir()
    opened.chmod(0o777)
    assert one(checks.datastore(opened), "datastore").next == f"chmod o-w {opened}"


def test_missing_and_other_libraries_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==0.0.1  # via x\nno-such-thing==1.0\n")
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    found = one(checks.libraries(), "libraries")
    assert found.state == "bad" and "no-such-thing" in found.said
    (tmp_path / "requirements.txt").write_text("numpy==0.0.1\n")
    found = one(checks.libraries(), "libraries")
    assert found.state == "warn" and "tested with 0.0.1" in found.said
    assert "pip install -r requirements.txt" in found.next


def test_a_catalogue_that_others_may_read_is_told(tmp_path: Path) -> None:
    store = tmp_path / "a store"
    Catalogue(store).close()
    assert not [found for found in checks.datastore(store) if found.name == "privacy"]
    (store / FILE_NAME).chmod(0o644)
    found = one(checks.datastore(store), "privacy")
    assert found.state == "warn" and FILE_NAME in found.said
    subprocess.run(found.next, shell=True, check=True)
    assert not [found for found in checks.datastore(store) if found.name == "privacy"]


def test_missing_models_are_found(tmp_path: Path) -> None:
    """A copy of the code without its models, and with one that is damaged."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "curation", copy / "curation", ignore=shutil.ignore_patterns("__pyc*"))
    (copy / "weights").mkdir()
    shutil.copy(ROOT / "weights" / "manifest.toml", copy / "weights")
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CURATION_WEIGHTS": ""}
    words = [sys.executable, "-m", "curation", "doctor", "--quick", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=copy, env=env, check=False)
    assert done.returncode == 1, done.stderr
    found = [Finding(**f) for f in json.loads(done.stdout)["findings"]]
    models = one(found, "models")
    assert models.state == "bad" and "missing" in models.said
    assert models.next == "python -m curation weights fetch"


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LEAST_FREE_BYTES", 1 << 60)
    assert one(checks.disk(tmp_path / "not" / "made"), "disk").state == "bad"
    assert not (tmp_path / "not").exists()


def test_secrets_are_looked_at_and_never_shown(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"private_key": "hush-hush"}')
    key.chmod(0o644)
    env = {"CURATION_PASSWORD": "hush", "CURATION_GCS_KEY": str(key)}
    done = doctor("--quick", "--json", "--datastore", str(tmp_path / "s"), **env)
    found = [Finding(**f) for f in json.loads(done.stdout)["findings"]]
    assert one(found, "door").state == "warn" and "4 characters" in one(found, "door").said
    assert one(found, "key").next == f"chmod 600 {key}"
    assert "hush" not in done.stdout + done.stderr
    key.chmod(0o600)
    assert [f.name for f in checks.door(env)] == ["door"]
    assert one(checks.door({"CURATION_GCS_KEY": "/no"}), "key").state == "bad"
    assert one(checks.door({"CURATION_TOKEN": "x" * 32}), "door").state == "ok"


def test_libraries_that_crash_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text("import os; os.kill(os.getpid(), 11)")
    (tmp_path / "lacks.py").write_text("raise ImportError('libGL.so.1: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(checks, "MODULES", ("json", "lacks", "dies", "csv"))
    said = {found.said.partition(":")[0]: found for found in checks.loading()}
    assert set(said) == {"lacks", "dies"}
    assert "libGL.so.1" in said["lacks"].said
    assert "ended with -11" in said["dies"].said
    assert all(found.state == "bad" and "system-deps" in found.next for found in said.values())


def test_the_gpu_is_told() -> None:
    assert checks._gpu(["H100"], "12.8").state == "ok"
    assert "runs on the processor" in checks._gpu([], None).said


def test_a_check_that_stumbles_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble() -> Iterable[Finding]:
        raise RuntimeError("odd machine")

    monkeypatch.setattr(checks, "python", stumble)
    assert main(["--quick", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["findings"][0]["said"].endswith("RuntimeError: odd machine")
    assert len(told["findings"]) > 5


def test_with_folders_it_is_about_sidecars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from curation.cli import toolkit
    from curation.toolkit import verbs

    asked: list[object] = []
    monkeypatch.setitem(verbs.VERBS, "doctor", "curation.cull.doctor:VERB")
    monkeypatch.setattr(toolkit, "main", lambda *words: asked.append(words) or 0)
    assert main([str(tmp_path), "--dry-run", "--workers", "2"]) == 0
    assert main(["--job", "3", str(tmp_path)]) == 0
    assert asked == [
        ("doctor", [str(tmp_path), "--dry-run", "--workers", "2"]),
        ("doctor", ["--job", "3", str(tmp_path)]),
    ]
    monkeypatch.delitem(verbs.VERBS, "doctor")
    assert main([str(tmp_path)]) == 2
    assert "cannot check" in capsys.readouterr().err
    assert main(["--nonsense"]) == 2
