"""What every test may ask for, and the promise that nothing leaves this machine."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "YOLO_OFFLINE": "true",
    # ultralytics and matplotlib write settings into the home folder otherwise.
    "YOLO_CONFIG_DIR": str(Path(tempfile.gettempdir()) / "curation-tests"),
    "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "curation-tests"),
}
os.environ.update(QUIET)
# A busy machine stalls for longer than an example takes, or than all of them take to be made; and
# what fails fails each time: examples are those of the test's own text.
settings.register_profile(
    "no_clock", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no_clock")
SLOWEST = ("test_kill.py", "test_chaos.py", "test_toolkit_contract.py")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """The folder of the verified default models; skips, loudly, when one is missing."""
    from curation import weights
    from curation.errors import WeightsMissing

    try:
        paths = [weights.path_of(name) for name in weights.SHELF.default_names()]
    except WeightsMissing as missing:
        pytest.skip(f"needs the models: python -m curation weights fetch ({missing.message})")
    return paths[0].parent


@pytest.fixture(scope="session")
def yolo_weights() -> Path:
    """The opt-in AGPL-3.0 pose weights; skips, loudly, when they are missing."""
    from curation import weights
    from curation.errors import WeightsMissing

    try:
        return weights.path_of("yolo11n_pose")
    except WeightsMissing as missing:
        pytest.skip(f"needs the opt-in model: {missing.hint}")


@pytest.fixture(scope="session")
def sample_clips() -> list[Path]:
    """The two short real clips; skips, loudly, when one is missing."""
    from curation import samples
    from curation.errors import WeightsMissing

    try:
        return samples.paths()
    except WeightsMissing as missing:
        pytest.skip(f"needs the sample clips: python -m curation samples ({missing.message})")


@pytest.fixture(scope="session")
def shared_bench() -> Path:
    """The labelled sets beside the checkout; skips, loudly, when they are not there."""
    folder = Path(os.environ.get("CURATION_BENCH", ROOT.parent / "shared" / "bench"))
    if not folder.is_dir():
        pytest.skip("needs ../shared/bench (or CURATION_BENCH) with the labelled sets")
    return folder


@pytest.fixture
def datastore(tmp_path: Path) -> Path:
    """An empty datastore folder."""
    folder = tmp_path / "datastore"
    folder.mkdir()
    return folder


def chromium() -> str | None:
    """Return the browser that browser tests drive, None when the machine has none."""
    named = os.environ.get("CURATION_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium: the package registry carries no browser."""
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return {
        **browser_type_launch_args,
        "executable_path": chromium(),
        "args": [*sandbox, "--disable-dev-shm-usage"],
    }


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection of the test process that would leave this machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to connect to {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_only)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first, so that no process is left with one at the end; skip browser
    tests where there is no browser.

    Browser tests come last: Playwright leaves a running event loop behind in their thread, in
    which no other test could call asyncio.run.
    """
    items.sort(key=_turn)
    if chromium() is None:
        skip = pytest.mark.skip(reason="needs a browser: apt-get install chromium")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(skip)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("browser"):
        return 2
    return int(item.path.name not in SLOWEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once more, where nobody overlooks it, what was not tested on this machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in skipped
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("NOT TESTED ON THIS MACHINE", sep="!", red=True, bold=True)
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count} skipped: {reason}", red=True)
