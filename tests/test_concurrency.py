"""Many printers at once on each engine: one that answers must never look silent because we were busy."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from exporter import config
from exporter.app import App
from exporter.config import EngineName

COUNT = 200
BASE = IPv4Address("127.61.0.1")
PORT = 10_361


@pytest.fixture(scope="module", autouse=True)
def fleet() -> Iterator[None]:
    """Serve the printers from a process of their own."""
    arguments = [f"--count={COUNT}", f"--base={BASE}", f"--port={PORT}", "--profile=typical"]
    command = [sys.executable, "-m", "exporter.simulator.fleet", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b"ready")
        yield
        process.terminate()


@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
async def test_200_living_printers_are_polled_and_none_times_out(engine: EngineName) -> None:
    printers = "".join(f'  - {{ name: P{n}, host: "{BASE + n}:{PORT}" }}\n' for n in range(COUNT))
    head = f'snmp: {{ engine: {engine} }}\npolling: {{ retries: 0, poll_limit: 1m }}\nstate: {{ path: ":memory:" }}\n'
    text = f"{head}printers:\n{printers}"
    app = App(lambda: config.parse(text))
    await app.start()
    for _ in range(2):
        await asyncio.gather(*map(app.cycle.poll, app.cycle.devices.values()))
    failures = [dict(device.record.failures) for device in app.cycle.devices.values()]
    await app.close()
    assert failures == [{}] * COUNT
