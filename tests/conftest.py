"""Options and fixtures of the whole suite."""

import asyncio
import inspect
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from tests.support import history, printed
from tests.support.prometheus import LOOK_BACK, PROMETHEUS, RULES, Prometheus, prometheus, prometheus_with, seed

NO_WALKS = "PRINTCAM_WALKS names no folder of recordings"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files from what is now")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def history_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a Prometheus that has forty days of the office and of its recording rules; to be copied."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("history")
    seed(folder, history.office(), sorted(RULES.glob("recording*.yml")))
    return folder / "data"


@pytest.fixture(scope="session")
def seeded(history_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with forty days of the office, as of `history.END`."""
    folder = tmp_path_factory.mktemp("seeded")
    shutil.copytree(history_data, folder / "data")
    with prometheus(folder, options=LOOK_BACK) as server:
        yield server


@pytest.fixture(scope="session")
def doubled(history_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The same with each series from a second exporter too."""
    folder = tmp_path_factory.mktemp("doubled")
    shutil.copytree(history_data, folder / "data")
    with prometheus_with(folder, map(history.of_second_exporter, history.office()), LOOK_BACK) as server:
        yield server


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with page counters of which every page is known, as of `printed.NOW`."""
    with prometheus_with(tmp_path_factory.mktemp("fleet"), printed.fleet()) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an asynchronous test that leaves a thread or a descriptor behind, and whatever else the loop tells."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    request.getfixturevalue("the_loop_is_free")
    before = _open_things()
    yield
    assert _open_things() <= before, "left open"


@pytest.fixture
async def the_loop_is_free() -> AsyncIterator[None]:
    """Fail a test in which the exporter blocks the event loop, or leaves a task behind."""
    before = asyncio.all_tasks()
    with blockbuster_ctx("exporter") as guard:
        for function in guard.functions.values():
            # /proc never waits; the portable SNMP engine loads its MIB modules once for each set of credentials; a
            # config is read before the loop runs or in a thread, which tests that only need one do not repeat; the web
            # config and the few files that it names are looked at before each handshake, where nothing can be awaited.
            function.can_block_in("exporter/config.py", {"load", "parse"})
            function.can_block_in("exporter/web/webfile.py", {"current", "load"})
            function.can_block_in("prometheus_client/process_collector.py", "collect")
            function.can_block_in("pysnmp/smi/builder.py", "load_modules")
        yield
    assert asyncio.all_tasks() - {asyncio.current_task()} <= before, "a task was left"


def _open_things() -> "Counter[str]":
    """Count the threads, and the descriptors by what they lead to."""
    # The loop's executor ends with the loop; look-ups of names end when the system lets them, and are bounded; a thread
    # that waited for a child has done so, and may end a moment later.
    allowed = ("asyncio_", "asyncio-waitpid", "waitpid-", "resolve ")
    things = Counter(thread.name for thread in threading.enumerate() if not thread.name.startswith(allowed))
    folder = Path("/proc/self/fd")
    for descriptor in folder.iterdir() if folder.exists() else ():
        with suppress(OSError):
            things[str(descriptor.readlink()).split(":")[0]] += 1
    return things


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skip a failure in CI, where every server is there; only recordings of real printers may be absent."""
    report = yield
    is_allowed = hasattr(report, "wasxfail") or NO_WALKS in str(report.longrepr)
    if os.environ.get("CI") and report.skipped and not is_allowed:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
