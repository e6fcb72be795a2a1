"""Every command of docs/taste.md runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curation.__main__ import main
from curation.studio import Studio
from tests.review_store import fill
from tests.web.rater import Rater

ROOT = Path(__file__).parents[2]


def commands() -> list[list[str]]:
    text = (ROOT / "docs" / "taste.md").read_text()
    blocks = re.findall(r"```\n(.*?)```", text, re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    weights_dir: Path,
) -> None:
    studio = fill(tmp_path / "datastore", 480, 40, videos=6)
    rater = Rater(studio, 2)
    rater.rate(rater.some(210))
    studio.close()
    monkeypatch.chdir(tmp_path)
    ran = 0
    for words in commands():
        if words[1:3] == ["-m", "curation"]:
            assert main(words[3:]) == 0, (words, capsys.readouterr().err)
        else:
            done = subprocess.run([sys.executable, str(ROOT / words[1]), *words[2:]],
                                  capture_output=True, text=True, check=False, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        ran += 1
    assert ran >= 9
    again = Studio(Path("datastore"))
    assert again.taste()["scorer"] == "sharp-eyed"
    again.close()
    shutil.rmtree(tmp_path / "datastore" / "cache")


def test_help_tells_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--fine-tune" in text and "--backbone-weights" in text and "--propose" in text
    assert main(["train", "--tune-px", "7"]) == 2
    assert "tune-px = 7" in capsys.readouterr().err
    assert main(["promote", "--datastore", "nowhere", "x"]) == 1
    assert "is no datastore" in capsys.readouterr().err
