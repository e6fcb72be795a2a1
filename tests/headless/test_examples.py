"""The examples run as they are told to, and importing the package stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import videos
from tests.unit.test_house import HEAVY

ROOT = Path(__file__).parents[2]


def ran(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_videos_to_a_report(
    sample_clips: list[Path], weights_dir: Path, tmp_path: Path
) -> None:
    told = ran(
        "examples/find_and_report.py", str(sample_clips[0]), "--datastore",
        str(tmp_path / "datastore"), "--fps", "0.5",
    )
    assert "faces look at the camera" in told and "picked: {" in told
    assert (tmp_path / "datastore" / "dataset_report.html").stat().st_size > 10_000


def test_practice_footage_is_made_as_the_tutorials_type_it(
    sample_clips: list[Path], tmp_path: Path
) -> None:
    """In the clone and in a venv that `make` made, with nothing told about where the package is."""
    done = subprocess.run(
        [sys.executable, "examples/make_footage.py", str(tmp_path), "--phones"], cwd=ROOT,
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"IMG_0412.MOV", "IMG_0413.MOV"}


def test_importing_the_package_is_light_and_gives_what_it_says() -> None:
    code = (
        "import sys, curation\n"
        "assert 'curation.studio' not in sys.modules\n"
        "from curation import Studio, SearchParams\n"
        "import curation.search.find\n"
        f"heavy = {HEAVY | {'cv2', 'av', 'scipy'}!r} & {{n.split('.')[0] for n in sys.modules}}\n"
        "print(sorted(heavy), Studio.__name__, set(curation.__all__) <= {*dir(curation), *"
        "curation._FROM})\n"
        "try:\n    curation.nonsense\nexcept AttributeError as e:\n    print(e)"
    )
    assert ran("-c", code).splitlines() == [
        "[] Studio True", "module 'curation' has no attribute 'nonsense'",
    ]


def test_help_of_search_and_report_is_light() -> None:
    for verb in ("search", "report"):
        code = (
            "import sys; from curation.__main__ import main\n"
            f"assert main([{verb!r}, '--help']) == 0\n"
            f"print(sorted({HEAVY | {'cv2', 'av', 'scipy'}!r} & "
            "{n.split('.')[0] for n in sys.modules}))"
        )
        assert ran("-c", code).splitlines()[-1] == "[]", verb


def test_a_short_video_can_be_searched_from_the_shell(tmp_path: Path, weights_dir: Path) -> None:
    where = ["--datastore", str(tmp_path / "datastore")]
    ran("01_extract.py", str(videos.clip("cuts").path), *where, "--fps", "1")
    ran("02_sort.py", *where)
    ran("03_score_and_rank.py", *where)
    told = ran("-m", "curation", "search", "--where", "luma_mean > 0 and time < 1:30", *where)
    assert "frames fit" in told
    assert "reported on; open" in ran("-m", "curation", "report", *where)
