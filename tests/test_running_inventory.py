"""The inventory of a running exporter: files and print servers come and go, and what is unchanged goes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from exporter.discovery import roster
from exporter.discovery.found import Found
from exporter.simulator.agent import Agent
from tests.support.chaos import LIMIT, Exporter, exporting, value
from tests.test_chaos_printers import sound
from tests.test_reload import session_of

CUPS, DC3 = "ipp://cups:631", "windows://dc3"
SERVERS = f"discovery: {{ print_servers: [{{ url: '{CUPS}' }}, {{ url: '{DC3}' }}], forget_after: 1d }}\n"
FILES = "printers_files: [inventory.d/*.yaml, inventory.d/*.json]\n"
DAY = 86_400.0


@pytest.fixture(autouse=True)
def looks_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for the two looks that a file is left alone for."""
    monkeypatch.setattr(roster, "LOOK_EVERY", 0.02)


@asynccontextmanager
async def agents(count: int) -> AsyncIterator[list[Agent]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(sound()) for _ in range(count)]


def found(name: str, agent: Agent, location: str = "") -> Found:
    return Found(name, agent.host, agent.port, location)


def listed(name: str, agent: Agent) -> str:
    return f'{{ name: {name}, host: "{agent.host}:{agent.port}" }}'


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not holds():
            await asyncio.sleep(0.01)


def names(exporter: Exporter) -> list[str]:
    return list(exporter.app.cycle.devices)


async def test_a_printer_that_a_print_server_tells_of_is_polled_at_once_and_the_others_go_on() -> None:
    async with agents(2) as (one, two), exporting(f"printers: [{listed('A', one)}]\n{SERVERS}") as exporter:
        await exporter.scrape()
        session, device = session_of(exporter, "A"), exporter.app.cycle.devices["A"]
        await exporter.app.roster.told(CUPS, [found("B", two, location="Hall")])
        text = await exporter.scrape()
        assert value(text, "printer_up", printer="B", location="Hall") == 1
        assert value(text, "printcam_exporter_devices", kind="printer") == 2
        assert value(text, "printer_polls_total", printer="A") == 2
        assert (session_of(exporter, "A"), exporter.app.cycle.devices["A"]) == (session, device)
        targets = json.loads(await exporter.fetch("/sd/printers"))
        assert [target["targets"] for target in targets] == [["A"], ["B"]]
        assert value(await exporter.fetch("/probe?target=B"), "printer_up", printer="B") == 1


async def test_the_same_list_again_changes_nothing() -> None:
    async with agents(1) as (one,), exporting(f"printers: []\n{SERVERS}") as exporter:
        for _ in range(2):
            await exporter.app.roster.told(CUPS, [found("B", one)])
            text = await exporter.scrape()
        assert value(text, "printer_polls_total", printer="B") == 2
        assert value(text, "printcam_exporter_inventory_changes_total", change="added", source="print_server") == 1
