"""The demo office on /metrics, line by line; `make golden` rewrites the file after a wanted change."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exporter import config
from exporter.app import App
from exporter.simulator.office import Office
from exporter.web import exposition

GOLDEN = Path(__file__).with_name("golden") / "office.metrics"
PROMTOOL = shutil.which("promtool")
NOW = 1_790_000_000.0
POLLS = 4
"""After the first the v1-only printer is found, after the third the sleeping one is offline."""


async def office_metrics() -> str:
    """Poll the office, whose clock stands still, and return its exposition without what differs from run to run."""
    async with Office(base="127.77.0.1", port=0, clock=lambda: 0.0, announce_every=0.2) as office:
        text = office.config_text()
        app = App(lambda: config.parse(text), now=lambda: NOW)
        await app.start()
        await app.searches.join(10)
        for _ in range(POLLS):
            await asyncio.gather(*map(app.cycle.poll, app.cycle.devices.values()))
        assert app.watch
        await app.watch.search()
        exposed = b"".join(exposition.stream("", app.groups(["printers", "cameras"]), None)).decode()
        await app.close()
    return re.sub(r"(?m)^((?:printer_poll_duration|camera_search_duration)_seconds(?:\{.*\})?) .*$", r"\1 0", exposed)


async def test_the_demo_office_is_exposed_as_in_the_golden_file(*, update_golden: bool) -> None:
    exposed = await office_metrics()
    if update_golden:
        GOLDEN.write_text(exposed)
    assert exposed == GOLDEN.read_text()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_finds_nothing_in_the_golden_file() -> None:
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=GOLDEN.read_bytes(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_no_series_stands_twice_in_the_golden_file() -> None:
    series = [line.rpartition(" ")[0] for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))
    assert len(series) > 1000
