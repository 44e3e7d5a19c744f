"""What systemd is told: over a real socket, by the real command line, and what the unit files ask of it."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter import cli
from exporter.systemd import Service
from tests.support import timetravel
from tests.support.agents import own_address
from tests.test_cli import START_LIMIT, command, free_tcp_port

UNITS = Path(__file__).parent.parent / "packaging/systemd"
ANALYZE = shutil.which("systemd-analyze")
CONFIG = """
state: {{ path: ":memory:" }}
printers:
  - {{ name: One, host: "{host}" }}
"""


@contextmanager
def manager(name: str) -> Iterator[tuple[socket.socket, str]]:
    """Listen as systemd does; yield the socket and what $NOTIFY_SOCKET says of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        listening.settimeout(START_LIMIT)
        yield listening, name


def told(listening: socket.socket) -> dict[str, str]:
    """Return the next message."""
    return dict(line.split("=", 1) for line in listening.recv(4096).decode().splitlines())


def told_of(listening: socket.socket, key: str) -> dict[str, str]:
    """Return the next message that is no mere sign of life."""
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit:
        if key in (message := told(listening)):
            return message
        assert message.keys() == {"WATCHDOG", "STATUS"}, message
    raise TimeoutError(key)


@pytest.fixture(params=["path", "abstract"])
def notify(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = f"@printcam-{os.getpid()}-{time.monotonic_ns()}" if request.param == "abstract" else str(tmp_path / "notify")
    with manager(name) as both:
        yield both


def test_systemd_is_told_of_start_reload_signs_of_life_and_end(
    notify: tuple[socket.socket, str], tmp_path: Path
) -> None:
    listening, name = notify
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(host=own_address()))
    address = f"{own_address()}:{free_tcp_port()}"
    process = subprocess.Popen(
        command(f"--config.file={config}", f"--web.listen-address={address}"),
        env=os.environ | {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"},
        cwd=tmp_path,
    )
    try:
        assert told(listening) == {"READY": "1", "STATUS": "1 printers, 0 cameras"}
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), 5).close()
        assert told(listening) == told(listening) == {"WATCHDOG": "1", "STATUS": "1 printers, 0 cameras"}

        before = time.monotonic_ns() // 1000
        process.send_signal(signal.SIGHUP)
        begun = told_of(listening, "RELOADING")
        assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert told_of(listening, "READY")["STATUS"] == "1 printers, 0 cameras"

        config.write_text("printers: 3")
        process.send_signal(signal.SIGHUP)
        told_of(listening, "RELOADING")
        refused = "1 printers, 0 cameras; the last reload failed, an older config runs"
        assert told_of(listening, "READY")["STATUS"] == refused

        process.send_signal(signal.SIGTERM)
        assert told_of(listening, "STOPPING") == {"STOPPING": "1", "STATUS": "Stopping"}
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_the_watchdog_is_meant_for_this_process_or_for_none(environ: dict[str, str], seconds: float) -> None:
    assert Service(str, environ).watchdog == seconds


async def test_there_is_no_sign_of_life_while_a_round_does_not_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0

    def is_well() -> bool:
        nonlocal asked
        asked += 1
        return asked not in {2, 3, 4}

    with manager(str(tmp_path / "notify")) as (listening, name):
        listening.setblocking(False)
        service = Service(lambda: f"asked {asked}", {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000"})
        task = asyncio.create_task(service.keep_alive(is_well))
        await until(lambda: asked >= 6)
        task.cancel()
        statuses = [told(listening)["STATUS"] for _ in range(2)]
    assert statuses == ["asked 1", "asked 5"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_signs_of_life_come_twice_as_often_as_wanted(tmp_path: Path) -> None:
    async def scenario() -> list[float]:
        now = asyncio.get_running_loop().time
        moments: list[float] = []

        def is_well() -> bool:
            moments.append(now())
            return True

        service = Service(str, {"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "30000000"})
        task = asyncio.create_task(service.keep_alive(is_well))
        await asyncio.sleep(59)
        task.cancel()
        return moments

    assert timetravel.run(scenario()) == [0, 15, 30, 45]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_LIMIT):
        while not holds():
            await asyncio.sleep(0)


def test_a_socket_that_nobody_reads_stops_nothing_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(str, {"NOTIFY_SOCKET": str(tmp_path / "none")})
    service.ready()
    service.stopping()
    assert caplog.messages == ["systemd cannot be told how the exporter fares"]


# ---- the unit files


def unit(name: str) -> str:
    return (UNITS / name).read_text()


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_the_service_is_confined(tmp_path: Path) -> None:
    done = analyze("security", "--offline=yes", "--threshold=20", str(UNITS / "printcam-exporter.service"))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) < 2.0
    assert done.returncode == 0, "the threshold of 2.0 counts in tenths"


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_the_units_have_no_fault(tmp_path: Path) -> None:
    for file in UNITS.glob("printcam-exporter.s*"):
        # Where the exporter will be installed, there is none yet.
        text = re.sub(r"(?m)^(Exec\w+=)\S*printcam-exporter ", rf"\g<1>{sys.executable} ", file.read_text())
        (tmp_path / file.name).write_text(text)
    done = analyze("verify", *(str(tmp_path / file.name) for file in UNITS.glob("printcam-exporter.s*")))
    named = [line for line in (done.stdout + done.stderr).splitlines() if "printcam" in line]
    assert named == []


def test_lines_that_are_taken_in_have_the_last_word() -> None:
    text = unit("printcam-exporter.service")
    offered = re.findall(r"(?m)^#(\w+)=(.+)$", text)
    taken_in = re.findall(r"(?m)^#?(\w+)=(.*)$", text)
    assert ("CapabilityBoundingSet", "CAP_NET_RAW") in offered
    assert set(offered) <= set(dict(taken_in).items()), "a blank value after them would undo them"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ANALYZE), *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_the_service_runs_a_command_line_that_there_is() -> None:
    lines = re.findall(r"(?m)^Exec\w+=\S+/printcam-exporter (.*)$", unit("printcam-exporter.service"))
    served, checked = (cli._parser().parse_args([word for word in line.split() if word != "$ARGS"]) for line in lines)
    assert served.config_file == checked.file == Path("/etc/printcam-exporter/config.yaml")
    (more,) = re.findall(r'(?m)^ARGS="(.*)"$', unit("printcam-exporter.default"))
    assert cli._parser().parse_args(more.split()).log_level == "info"


def test_the_service_asks_for_what_the_exporter_does() -> None:
    text = unit("printcam-exporter.service")
    for line in ("Type=notify", "DynamicUser=yes", "StateDirectory=printcam-exporter", "CapabilityBoundingSet="):
        assert f"\n{line}\n" in text
    assert "\nWorkingDirectory=%S/printcam-exporter\n" in text, "where state.path begins"
    assert re.search(r"\nWatchdogSec=\d", text)
