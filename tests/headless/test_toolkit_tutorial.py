"""docs/toolkit.md, command by command, as a person types them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.headless.toolkit_cases import snapshot
from tests.headless.toolkit_tutorial import make
from tests.ports import kept_port
from tests.tutorial import blocks, run, words_of

REVIEW = "review set/people"


def look_and_reject(here: Path, line: str, name: str) -> None:
    """Open the workspace as the page says, reject one picture in it, and stop it."""
    kept = kept_port()
    port = kept.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words, env = words_of(line)
    running = subprocess.Popen(
        [*words, "--port", str(port)], cwd=here, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        up = False
        while not up:
            assert running.poll() is None, running.communicate()
            with suppress(OSError), urllib.request.urlopen(f"{url}/healthz") as reply:
                up = reply.status == 200
            time.sleep(0.1)
        frame = frame_of(here / "set" / "people", name)
        op = {"id": str(uuid.uuid4()), "kind": "flag", "value": -1, "frames": [frame]}
        body = json.dumps({"client": "page", "who": "me", "ops": [op]}).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{url}/api/review/ops", body, headers)
        with urllib.request.urlopen(asked) as reply:
            assert json.load(reply)["results"][0]["changed"] == 1
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate()


def frame_of(folder: Path, name: str) -> int:
    """Return the number under which the workspace shows a picture."""
    from curation.store.catalogue import OUR_FOLDER, Catalogue

    catalogue = Catalogue(folder / OUR_FOLDER)
    try:
        rows = catalogue.db.execute("SELECT path, frame_id FROM picture_file").fetchall()
    finally:
        catalogue.close()
    return next(int(row["frame_id"]) for row in rows if Path(row["path"]).name == name)


def sidecar(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name + ".json").read_text())
    return found


@pytest.mark.usefixtures("weights_dir")
def test_the_tutorial(tmp_path: Path, sample_clips: list[Path]) -> None:
    root = make(tmp_path / "set", *sample_clips)
    start = snapshot(root)
    rejected = ""
    said: dict[str, str] = {}
    steps = blocks("toolkit.md")
    flow = next(i for i, (kind, _) in enumerate(steps) if kind == "yaml")
    for kind, text in steps[:flow]:
        assert kind == "sh"
        if REVIEW in text:
            people = root / "people" / "000"
            faces = sorted(path.name for path in people.glob("*.jpg"))
            assert len(faces) >= 5
            assert any(name.startswith("drive_") for name in faces), "of the video"
            assert any(name.startswith("IMG_") for name in faces), "of a folder"
            rejected = next(name for name in faces if name.startswith("drive_"))
            look_and_reject(tmp_path, text, rejected)
            continue
        said[text] = run(tmp_path, text)
        if "--dry-run" in text:
            assert "would" in said[text]
    printed = "\n".join(said.values())
    assert "IMG_0099.jpg" in printed, "the damaged picture is named"
    assert "network: SFace" in printed
    duplicates = [*(root / "phone" / "duplicated").glob("*.*g"),
                  *(root / "frames" / "duplicated").glob("*.*g")]  # fmt: skip
    assert root / "phone" / "duplicated" / "IMG_0000 (large).png" in duplicates, "enlarged loses"
    assert (root / "people" / "000" / "rejected" / rejected).exists()
    finals = sorted((root / "final").glob("*.jpg"))
    assert len(finals) >= 4
    assert all(path.name.startswith("face_") for path in finals)
    assert not any(sidecar(path)["from_file"].endswith(rejected) for path in finals)
    of_video = [one for one in map(sidecar, finals) if "video" in one]
    assert of_video
    assert all("time_s" in one and one["source"] == "drive" for one in of_video)
    assert len(list((root / "train").glob("*.jpg"))) == len(finals)
    assert "augment" in said["python -m curation undo -d set --list"]
    assert not list((root / "more").glob("*.jpg")), "undo took the latest verb back"

    run(tmp_path, "python -m curation undo -d set --to 1")
    # What the review noted for itself is in its own folder; the pictures are as they were.
    assert snapshot(root) == start | {
        name: rest for name, rest in snapshot(root).items() if name in ("people", "people/000")
    }

    (tmp_path / "faces.yaml").write_text(steps[flow][1])
    for kind, text in steps[flow + 1 :]:
        assert kind == "sh"
        said[text] = run(tmp_path, text)
    assert "as it was; done by an earlier run" in run(tmp_path, steps[flow + 2][1])
    assert len(list((root / "train").glob("*.jpg"))) >= 5
